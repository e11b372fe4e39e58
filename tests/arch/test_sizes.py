"""Modules stay small enough to be read at one sitting, packages stay empty but for their docstring."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
FUNCTION = 60
MODULE = 500


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_no_module_is_longer_than_it_can_be_read() -> None:
    assert [f"{p.relative_to(ROOT)}: {_lines(p)}" for p in SOURCES if _lines(p) > MODULE] == []


def test_no_test_module_is_longer_than_it_can_be_read() -> None:
    assert [f"{p.relative_to(ROOT)}: {_lines(p)}" for p in TESTS if _lines(p) > 300] == []


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {length}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION
    ]
    assert long == []


@pytest.mark.parametrize("path", [p for p in SOURCES if p.name == "__init__.py"], ids=lambda p: p.parent.name)
def test_a_package_is_a_docstring_and_nothing_else(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    assert len(tree.body) == 1


@pytest.mark.parametrize("path", [p for p in SOURCES if p.name != "__init__.py"], ids=lambda p: p.stem)
def test_a_module_says_what_it_contains(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), path


def test_nothing_is_left_to_do_later() -> None:
    words = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
    found = [f"{p.relative_to(ROOT)}: {w}" for p in (*SOURCES, *TESTS) for w in words if w in p.read_text()]
    assert found == []
