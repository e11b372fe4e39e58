"""Every code that the source raises has one row in docs/errors.md, and every row a code that is raised."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from romana.model import errors

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `(?P<code>[a-z0-9-]+)` \| (?P<status>[1-6]) \|(?P<rest>.*)\|$", re.MULTILINE)
SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


STATUS = {
    name: kind.exit_status
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.RomanaError)
}


def _codes(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield what stands as `code="…"` in a call, with what is called, and as `code = "…"` in a class."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=called), keywords=keywords):
                for keyword in keywords:
                    match keyword:
                        case ast.keyword(arg="code", value=ast.Constant(value=str(code))):
                            yield code, called
            case ast.ClassDef(name=name, body=body):
                for line in body:
                    match line:
                        case (
                            ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant(value=str(code)))
                            | ast.AnnAssign(target=ast.Name(id="code"), value=ast.Constant(value=str(code)))
                        ):
                            yield code, name


@cache
def _raised() -> dict[str, set[str]]:
    """Return every code with what raises it. The base class's own and the empty default are none."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "src").rglob("*.py")):
        for code, called in _codes(ast.parse(path.read_text())):
            if code not in ("", "error"):
                found.setdefault(code, set()).add(called)
    return found


def _rows() -> list[tuple[str, int, str]]:
    page = (ROOT / "docs" / "errors.md").read_text()
    return [(row["code"], int(row["status"]), row["rest"]) for row in ROW.finditer(page)]


def test_codes_are_slugs() -> None:
    assert [code for code in _raised() if not SLUG.fullmatch(code)] == []


def test_every_code_has_exactly_one_row() -> None:
    rows = [code for code, _, _ in _rows()]
    assert sorted(rows) == sorted(set(rows))
    assert sorted({*_raised()} - {*rows}) == []


def test_every_row_has_a_code() -> None:
    assert sorted({code for code, _, _ in _rows()} - {*_raised()}) == []


def test_every_row_says_what_it_means_and_what_to_do() -> None:
    for code, _, rest in _rows():
        meaning, remedy = (cell.strip() for cell in rest.split(" | "))
        assert len(meaning) > 10, code
        assert len(remedy) > 10, code


def test_every_row_has_the_status_of_its_class() -> None:
    raised = _raised()
    for code, status, _ in _rows():
        known = {STATUS[called] for called in raised[code] if called in STATUS} - {1} or {status}
        assert known == {status} or code == "bug", f"{code}: {raised[code]}"
