"""Tables line up whatever they hold, and are never truncated."""

from __future__ import annotations

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from romana.apps.cli.output import columns, counted, fields, labels, width

CELL = st.text(st.characters(codec="utf-8", exclude_categories=("C", "M", "Z")), max_size=12)


def test_columns_line_up_and_end_without_spaces() -> None:
    table = click.unstyle(
        columns(("NAME", "PREFIX", "HOST"), [("a", "10.0.0.0/8", "n"), ("longer", "::/0", "")])
    )
    assert table == "NAME    PREFIX      HOST\na       10.0.0.0/8  n\nlonger  ::/0"


def test_an_empty_table_is_its_header() -> None:
    assert click.unstyle(columns(("A", "B"), [])) == "A  B"


def test_wide_and_combining_characters_count_as_a_terminal_does() -> None:
    assert [width(text) for text in ("abc", "ü", "ü", "机架", "├─ x")] == [3, 1, 1, 4, 4]
    table = click.unstyle(columns(("A", "B"), [("机架", "1"), ("rack", "2")]))
    assert table == "A     B\n机架  1\nrack  2"


@given(st.lists(st.tuples(CELL, CELL, CELL), max_size=6))
def test_every_value_is_there_whole_and_in_its_column(rows: list[tuple[str, str, str]]) -> None:
    head, *lines = click.unstyle(columns(("ONE", "TWO", "THREE"), rows)).split("\n")
    assert len(lines) == len(rows)
    second, third = width(head[: head.index("TWO")]), width(head[: head.index("THREE")])
    for line, row in zip(lines, rows, strict=True):
        for start, cell in zip((0, second, third), row, strict=True):
            assert _from(line, start).startswith(cell)


def _from(line: str, start: int) -> str:
    """Return what stands from that terminal column on."""
    at = next((i for i in range(len(line) + 1) if width(line[:i]) == start), len(line))
    return line[at:]


def test_fields_and_words() -> None:
    assert (
        click.unstyle(fields({"name": "x", "prefixes": "", "of": "y"}))
        == "name      x\nprefixes\nof        y"
    )
    assert labels({"a": "1", "b": ""}) == "a=1 b="


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 prefixes"), (1, "1 prefix"), (2, "2 prefixes")], ids=["none", "one", "two"]
)
def test_counted(count: int, text: str) -> None:
    assert counted(count, "prefix", "prefixes") == text
