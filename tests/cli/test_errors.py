"""Errors become one sentence or one JSON object, and the exit status of their class."""

from __future__ import annotations

import errno
import json

import click
import pytest

from romana.apps.cli.errors import report
from romana.model import errors
from romana.model.errors import ConfigError, PlanError, Problem

BOTH = (Problem("networks[0]", "no prefix"), Problem("", "nothing at all"))


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (ConfigError("a b", code="c"), 2, "Error: a b [c]\n"),
        (ConfigError("a", code="c", problems=BOTH), 2, "Error: a [c]\n  networks[0]: no prefix\n  nothing at all\n"),
        (ConfigError(problems=BOTH), 2, "Error: 2 problems [bad-input]\n  networks[0]: no prefix\n  nothing at all\n"),
        (ConfigError(code="c", problems=BOTH[:1]), 2, "Error: networks[0]: no prefix [c]\n"),
        (ConfigError(str(BOTH[0]), code="c", problems=BOTH[:1]), 2, "Error: networks[0]: no prefix [c]\n"),
        (
            ConfigError(f"x has 2 problems, the first: {BOTH[0]}", code="c", problems=BOTH),
            2,
            "Error: x has 2 problems [c]\n  networks[0]: no prefix\n  nothing at all\n",
        ),
        (
            PlanError(f"would strand: {BOTH[0]}; {BOTH[1]}", problems=BOTH),
            3,
            "Error: would strand [impossible-now]\n  networks[0]: no prefix\n  nothing at all\n",
        ),
        (PlanError("full"), 3, "Error: full [impossible-now]\n"),
        (errors.StaleError("late"), 4, "Error: late [conflict]\n"),
        (errors.TransientError("gone"), 5, "Error: gone [no-answer]\n"),
        (errors.RefusedError("no"), 5, "Error: no [refused]\n"),
        (errors.FaultError("loop"), 6, "Error: loop [fault-found]\n"),
        (click.ClickException("odd"), 2, "Error: odd [usage]\n"),
        (OSError(errno.EACCES, "Denied", "/x"), 5, "Error: the system refused: /x: Denied [system-error]\n"),
    ],
)  # fmt: skip
def test_the_class_decides_the_status(
    error: Exception, status: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(error, []) == status
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", text)


def test_a_long_list_ends_with_the_number_of_the_others_and_json_has_them_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = PlanError("nothing fits", problems=[Problem(f"g{n}", "no") for n in range(10_000)])
    report(error, [])
    assert capsys.readouterr().err.splitlines()[-2:] == ["  g99: no", "  and 9900 more problems"]
    report(error, ["-o", "json"])
    assert len(json.loads(capsys.readouterr().err)["error"]["problems"]) == 10_000


def test_anything_else_is_our_bug_and_shows_no_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ROMANA_DEBUG", raising=False)
    assert report(ZeroDivisionError("by\nzero"), []) == 1
    assert capsys.readouterr().err == (
        "Error: this is a bug in Romana: ZeroDivisionError: by zero. ROMANA_DEBUG=1 shows the details to report [bug]\n"
    )
    monkeypatch.setenv("ROMANA_DEBUG", "1")
    assert report(ZeroDivisionError("by zero"), []) == 1
    assert capsys.readouterr().err.startswith("ZeroDivisionError: by zero\nError: this is a bug")


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        (["x", "-o", "json"], True),
        (["-ojson", "x"], True),
        (["x", "--output=json", "y"], True),
        (["x", "--output", "json"], True),
        (["x", "-o", "json", "-o", "table"], False),
        (["x", "--", "-o", "json"], False),
        (["x", "-o"], False),
        (["x", "-o", "yaml"], False),
    ],
)
def test_json_is_written_when_asked_for(
    args: list[str], wanted: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    report(ConfigError("ä", code="c", problems=BOTH), args)
    text = capsys.readouterr().err
    assert text.startswith("{") is wanted
    if wanted:
        problems = [{"where": "networks[0]", "what": "no prefix"}, {"where": "", "what": "nothing at all"}]
        assert json.loads(text) == {"error": {"code": "c", "message": "ä", "problems": problems}}
