"""The README and the docs are executed: what they print is what the programs print."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from docs_harness import Block, blocks, matches, run, steps

from romana.testing.namespaces import fresh

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
KINDS = {"console", "yaml", "json", "python", "text", "svg", ""}
RUN = {"console", "python"}


def _pages(*, root: bool) -> list[object]:
    """Return the pages that have something to run; those with blocks for root are run whole, as root."""
    chosen = []
    for page in PAGES:
        found = blocks(page.read_text())
        if any(b.kind in RUN for b in found) and any(b.root for b in found) == root:
            marks = [pytest.mark.slow, pytest.mark.timeout(600)] + [pytest.mark.root] * root
            chosen.append(pytest.param(page, marks=marks, id=str(page.relative_to(ROOT))))
    return chosen


@pytest.mark.parametrize("page", [*_pages(root=False), *_pages(root=True)])
def test_page_is_true(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = blocks(page.read_text())
    with _own_network(wanted=any(block.root for block in found)):
        for block in found:
            run(block, tmp_path)


@contextmanager
def _own_network(*, wanted: bool) -> Iterator[None]:
    """Names of labs are per network namespace: a page's labs meet nobody else's of the same name."""
    if not wanted:
        yield
        return
    network = fresh()
    with network.entered():
        yield
    network.close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_says_what_it_is(page: Path) -> None:
    for block in blocks(page.read_text()):
        assert block.kind in KINDS, f"{page.name}:{block.line}: {block.kind!r}"
        if block.kind == "console":
            assert steps(block), f"{page.name}:{block.line} has no command"


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ([], [], True),
        ([], ["x"], False),
        (["a"], ["a"], True),
        (["a"], ["a", "b"], False),
        (["a", "..."], ["a", "b", "c"], True),
        (["...", "c"], ["a", "b", "c"], True),
        (["...", "b"], ["a", "b", "c"], False),
        (["a … c"], ["a (b) c"], True),
        (["a … c"], ["a b d"], False),
        (["a.c"], ["abc"], False),
        (["a"], ["a  "], True),
    ],
)
def test_expected_output_matches(expected: list[str], actual: list[str], same: bool) -> None:
    assert matches(expected, actual) is same


def _console(text: str) -> Block:
    return Block(1, "console", (), text)


def test_a_false_page_is_found(tmp_path: Path) -> None:
    run(
        _console(
            "$ echo one\none\n$ false\n$ echo $?\n1\n$ echo a \\\n>   b\na b\n$ cd /; pwd\n/\n$ pwd\n/\n"
        ),
        tmp_path,
    )
    with pytest.raises(AssertionError, match="printed\ntwo"):
        run(_console("$ echo two\none\n"), tmp_path)
    with pytest.raises(AssertionError, match="ended early"):
        run(_console("$ exit 3\n"), tmp_path)
    with pytest.raises(AssertionError, match="extra"):
        run(_console("$ printf 'one\\nextra\\n'\none\n"), tmp_path)
    run(_console("$ printf 'no newline'\nno newline\n$ echo next >&2\nnext\n"), tmp_path)


def test_a_block_that_is_not_closed_is_found() -> None:
    with pytest.raises(ValueError, match="line 2"):
        blocks("text\n```console\n$ true\n")


def test_files_are_written_before_what_reads_them(tmp_path: Path) -> None:
    page = "```yaml file=a.yaml\na: 1\n```\n1. listed\n   ```console\n   $ cat a.yaml\n   a: 1\n   ```\n"
    for block in blocks(page):
        run(block, tmp_path)
    assert (tmp_path / "a.yaml").read_text() == "a: 1\n"
