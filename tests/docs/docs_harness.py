"""Pages of Markdown as programs: what their fenced blocks write, run and promise.

    ```yaml file=dc.yaml      the block is written to that file of the page's directory
    ```console                `$ command` lines, each followed by its exact output
    ```console root           the same, for root only
    ```python                 run as a script
    ```text                   only read

In expected output a line `...` stands for any number of lines, `…` within a line for any text. A
command continues over lines that end with a backslash; the next one starts with `> `.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<info>[^`]*)$")
_STATUS = re.compile(r"\x1e(\d+)\n")


@dataclass(frozen=True)
class Block:
    line: int
    """Where the fence opens, counted from 1."""
    kind: str
    words: tuple[str, ...]
    """The rest of the info string."""
    text: str

    @property
    def file(self) -> str | None:
        return next((word.removeprefix("file=") for word in self.words if word.startswith("file=")), None)

    @property
    def root(self) -> bool:
        return "root" in self.words


@dataclass(frozen=True)
class Step:
    command: str
    expected: list[str]


def blocks(markdown: str) -> list[Block]:
    """Return the fenced blocks in order; an unclosed one is an error."""
    found: list[Block] = []
    lines = iter(enumerate(markdown.splitlines(), 1))
    for number, line in lines:
        if not (opening := _FENCE.match(line)):
            continue
        kind, *words = opening["info"].split() or [""]
        indent, body = len(opening["indent"]), []
        for _, inner in lines:
            if inner.strip() == opening["ticks"]:
                break
            body.append(inner[indent:])
        else:
            raise ValueError(f"the block of line {number} is not closed")
        found.append(Block(number, kind, tuple(words), "".join(f"{row}\n" for row in body)))
    return found


def steps(block: Block) -> list[Step]:
    """Return the commands of a console block with what each promises to print."""
    found: list[Step] = []
    continued = False
    for line in block.text.splitlines():
        if continued:
            found[-1] = Step(f"{found[-1].command}\n{line.removeprefix('> ')}", [])
        elif line.startswith("$ "):
            found.append(Step(line.removeprefix("$ "), []))
        elif not found:
            raise ValueError(f"the console block of line {block.line} starts without a command")
        else:
            found[-1].expected.append(line)
            continue
        continued = line.endswith("\\")
    return found


def run(block: Block, directory: Path) -> None:
    """Do what the block says in that directory; AssertionError where the page is not true."""
    if block.file is not None:
        (directory / block.file).write_text(block.text)
    elif block.kind == "python":
        exec(compile(block.text, f"line {block.line}", "exec"), {"__name__": "page"})
    elif block.kind == "console":
        _run_console(block, directory)


def _run_console(block: Block, directory: Path) -> None:
    """Run the commands in one shell, so that `cd` and `$?` mean what they do on a terminal."""
    promised = steps(block)
    script = "".join(
        f"(exit ${{status_:-0}})\n{step.command}\nstatus_=$?; printf '\\036%d\\n' $status_\n"
        for step in promised
    )
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=directory,
        env=environment(directory),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )
    outputs = _STATUS.split(done.stdout)[0::2]
    for step, output in zip(promised, outputs, strict=False):
        assert matches(step.expected, output.splitlines()), (
            f"line {block.line}: $ {step.command}\nprinted\n{output}\nbut the page says\n"
            + "\n".join(step.expected)
        )
    assert len(outputs) > len(promised), f"line {block.line}: the shell ended early:\n{done.stdout}"


def matches(expected: list[str], actual: list[str]) -> bool:
    """Whether the output is what the page says."""
    if not expected:
        return not actual
    if expected[0].strip() == "...":
        return any(matches(expected[1:], actual[skip:]) for skip in range(len(actual) + 1))
    return bool(actual) and _line_matches(expected[0], actual[0]) and matches(expected[1:], actual[1:])


def _line_matches(expected: str, actual: str) -> bool:
    pattern = ".*".join(map(re.escape, expected.rstrip().split("…")))
    return re.fullmatch(pattern, actual.rstrip()) is not None


def environment(directory: Path) -> dict[str, str]:
    """Return the environment of a page: an empty store of its own, and `romana` on PATH."""
    kept = {key: os.environ[key] for key in ("PATH", "CI") if key in os.environ}
    return {
        **kept,
        "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}",
        "HOME": str(directory),
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "100",
        "ROMANA_STORE": f"sqlite://{directory}/store.db",
    }
