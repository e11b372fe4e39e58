"""Every command has help with an example; the page of the command line is what the commands say."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from romana.apps.cli import main
from romana.apps.cli.reference import commands, reference

ROOT = Path(__file__).parents[2]
ALL = [(context.command_path, context.command) for context in commands()]


def test_the_commands_of_the_design_are_there() -> None:
    paths = {path for path, _ in ALL}
    nouns = {
        "topology": "validate plan apply show export",
        "network": "list show",
        "group": "list show grow",
        "host": "add list show label remove",
        "block": "list",
        "address": "allocate release list show reserve unreserve",
        "route": "list",
        "cni": "install",
    }
    wanted = {f"romana {noun} {verb}" for noun, verbs in nouns.items() for verb in verbs.split()}
    wanted |= {"romana verify", "romana agent", "romana lab", "romana completion"}
    assert wanted <= paths


@pytest.mark.parametrize(("path", "command"), ALL, ids=[path for path, _ in ALL])
def test_help_says_what_it_does_and_gives_an_example(path: str, command: click.Command) -> None:
    text = command.help or ""
    assert text.strip().splitlines()[0].endswith((".", ":")), text
    example = path if not isinstance(command, click.Group) else "romana "
    assert re.search(rf"(^|\s|\(){re.escape(example)}", text), f"{path} shows no example of itself"


@pytest.mark.parametrize(("path", "command"), ALL, ids=[path for path, _ in ALL])
def test_every_option_says_what_it_is_for(path: str, command: click.Command) -> None:
    options = [p for p in command.params if isinstance(p, click.Option)]
    assert [p.name for p in options if not p.help] == []
    assert [p.name for p in options if p.name == "output"], f"{path} takes no -o"


def test_the_summaries_in_the_table_fit_a_line() -> None:
    for name, entry in main.COMMANDS.items():
        assert entry.summary.endswith("."), name
        assert len(entry.summary) <= 66, name


def test_the_page_is_fresh() -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    assert page == reference(), "docs/cli.md is stale: python -m romana.apps.cli.reference > docs/cli.md"
