"""One vocabulary of output: a table for people, JSON and YAML for programs.

A command hands over its data once and a function that draws it; which is used is the reader's choice.
Tables are aligned columns, never truncated; a terminal gets the same text with colour.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence

import click

from romana.apps.cli.framework import settings

LISTED = 100
"""Warnings and problems that are printed as lines; of more only the number. JSON has them all."""

Data = object
"""What JSON can say: mappings, sequences, texts, numbers, booleans, None."""


def show(data: Data, draw: Callable[[], str]) -> None:
    """Print `data` as JSON or YAML, or what `draw` returns; an empty drawing prints nothing."""
    match settings().output:
        case "json":
            import json

            click.echo(json.dumps(data, indent=2, ensure_ascii=False))
        case "yaml":
            import yaml

            click.echo(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), nl=False)
        case _:
            if text := draw():
                click.echo(text)


def warn(sentences: Iterable[object]) -> None:
    """Print each on stderr as `Warning: …`, whatever the output; the first hundred, and how many there are more."""
    for sentence in listed([*map(str, sentences)], "warnings"):
        click.echo(f"{click.style('Warning:', fg='yellow')} {sentence}", err=True)


def listed(lines: Sequence[str], what: str) -> Sequence[str]:
    """Return the first lines, with the number of those left out as the last one; a single one is not left out."""
    return lines if len(lines) <= LISTED + 1 else [*lines[:LISTED], f"and {len(lines) - LISTED} more {what}"]


def columns(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a header line and one line per row, cells aligned, two spaces between, no space at the end."""
    table = [tuple(headers), *(tuple(row) for row in rows)]
    widths = [max(map(width, column)) for column in zip(*table, strict=True)]
    head, *body = (_line(row, widths) for row in table)
    return "\n".join((click.style(head, bold=True), *body))


def fields(pairs: Mapping[str, str] | Iterable[tuple[str, str]]) -> str:
    """Return one `name  value` line per pair, values aligned."""
    items = [*(pairs.items() if isinstance(pairs, Mapping) else pairs)]
    longest = max((width(name) for name, _ in items), default=0)
    return "\n".join(
        f"{click.style(name, bold=True)}{' ' * (longest - width(name))}  {value}".rstrip()
        for name, value in items
    )


def labels(pairs: Mapping[str, str]) -> str:
    """Return `a=1 b=2`."""
    return " ".join(f"{key}={value}" for key, value in pairs.items())


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return `1 host`, `2 hosts`, `2 prefixes`."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def width(text: str) -> int:
    """Return how many columns of a terminal the text takes (wide characters two, combining ones none)."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (wide - width(cell)) for cell, wide in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()
