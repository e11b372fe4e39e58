"""Usage, help, completion and where the common options may stand."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import pytest
from cli_harness import Romana
from click.shell_completion import BashComplete

from romana.apps.cli import framework
from romana.apps.cli.framework import Group, Lazy, Settings, settings
from romana.apps.cli.main import COMMANDS
from romana.apps.cli.main import romana as program

ROMANA = str(Path(sys.executable).parent / "romana")


@click.group(cls=Group, lazy={"later": Lazy("tests_later:command", "Comes later.")})
def top() -> None:
    """Test group."""


@top.group("noun")
def noun() -> None:
    """A noun."""


@noun.command("verb")
@click.argument("words", nargs=-1)
def verb(words: tuple[str, ...]) -> Settings:
    """Return the settings it ran with."""
    assert all(not word.startswith("-") for word in words)
    return settings()


def _settings(*args: str) -> Settings:
    result = top.main([*args], prog_name="romana", standalone_mode=False)
    assert isinstance(result, Settings)
    return result


@pytest.mark.parametrize(
    "args",
    [
        "noun verb -o json a b",
        "noun verb a -o json b",
        "noun verb a b -ojson",
        "noun verb a b --output=json",
        "noun -o json verb a b",
        "-o json noun verb a b",
        "-o yaml noun -o table verb -o json",
        "noun verb -o yaml -o json",
    ],
)
def test_output_may_stand_anywhere_and_the_last_counts(args: str) -> None:
    assert _settings(*args.split()).output == "json"


@pytest.mark.parametrize(
    "args",
    [
        "--store sqlite:///a/b noun verb",
        "noun --store sqlite:///a/b verb",
        "noun verb x --store sqlite:///a/b",
        "--store sqlite:///no noun verb --store=sqlite:///a/b",
    ],
)
def test_store_may_stand_anywhere(args: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROMANA_STORE", "sqlite:///from/environment")
    assert _settings(*args.split()).store == "sqlite:///a/b"


def test_the_store_comes_from_the_environment_else_from_var_lib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROMANA_STORE", "sqlite:///x")
    assert _settings("noun", "verb").store == "sqlite:///x"
    monkeypatch.setenv("ROMANA_STORE", "")
    assert _settings("noun", "verb").store == framework.DEFAULT_STORE == "sqlite:///var/lib/romana/store.db"


def test_settings_do_not_outlive_their_invocation() -> None:
    assert _settings("noun", "verb", "-o", "json").output == "json"
    assert _settings("noun", "verb").output == "table"


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_lists_every_command_and_imports_none(romana: Romana, flag: str) -> None:
    done = romana(flag)
    assert done.status == 0
    for name, entry in COMMANDS.items():
        assert f"  {name} " in done.out
        assert entry.summary in done.out


def test_version(romana: Romana) -> None:
    assert romana("--version").out.startswith("romana 3.")


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["topolgy"], "No such command 'topolgy'. Did you mean 'topology'? (see romana --help)"),
        (["host", "ad"], "No such command 'ad'. Did you mean 'add'? (see romana host --help)"),
        (["host", "add", "x"], "Missing option '--address' (see romana host add --help)"),
        (["host", "list", "--frob"], "No such option '--frob' (see romana host list --help)"),
        (["host", "list", "-o", "xml"], "Invalid value for '-o' / '--output': 'xml' is not one of"),
        (["network", "show"], "Missing argument 'NAME'"),
        (["network", "list", "extra"], "Got unexpected extra argument (extra)"),
    ],
)
def test_usage_errors_are_a_sentence_and_exit_2(romana: Romana, args: list[str], sentence: str) -> None:
    done = romana(*args)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"Error: {sentence}")
    assert done.err.endswith(" [usage]\n")
    done = romana("-o", "json", *args)
    assert done.status == 2
    if "xml" in args:
        return  # what was asked for last is neither
    assert done.error["code"] == "usage"
    assert done.error["problems"] == []


def test_a_group_alone_shows_its_help_and_exits_2(romana: Romana) -> None:
    done = romana("host")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("Usage: romana host")
    assert romana("host", "-o", "json").error["message"] == "Missing command (see romana host --help)"


def _completions(words: str, incomplete: str) -> list[str]:
    complete = BashComplete(program, {}, "romana", "_ROMANA_COMPLETE")
    return [item.value for item in complete.get_completions(words.split(), incomplete)]


def test_completion_knows_commands_and_options() -> None:
    assert _completions("", "to") == ["topology"]
    assert _completions("", "") == [*COMMANDS]
    assert _completions("host", "l") == ["list", "label"]
    assert "--address" in _completions("host add", "--")
    assert _completions("host list -o", "") == ["table", "json", "yaml"]
    assert "--store" in _completions("", "--")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_calls_back(romana: Romana, shell: str) -> None:
    assert f"_ROMANA_COMPLETE={shell}_complete" in romana("completion", shell).out
