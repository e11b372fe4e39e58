"""`python -m romana.lab --name NAME FILE`: the supervisor of a lab, started by `romana lab up`.

It checks everything and takes the lab's name, then goes on in namespaces of its own (`contain`).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from romana.lab import contain, messages, needs
from romana.lab.supervisor import Order, supervise
from romana.lab.wiring import blueprint
from romana.model.errors import ConfigError, RefusedError, RomanaError
from romana.wire.document import read

os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def main() -> int:
    options = _options()
    if options.scenarios:
        print(json.dumps([*_scenarios()]))  # noqa: T201  this is what the program is asked for
        return 0
    try:
        text, title = _text(options.file)
        found = read(text, name=title)
        plan = blueprint(found.document)
        for warning in (*found.warnings, *plan.warnings):
            tell({"warning": str(warning)})
        needs.check(plan)
        listener = messages.listener(options.name)
        contain.unshare()
    except RomanaError as error:
        tell(messages.failure(error))
        return error.exit_status
    except OSError as error:
        refused = RefusedError(f"the kernel refused to make a lab: {error}", code="lab-missing")
        tell(messages.failure(refused))
        return refused.exit_status
    order = Order(options.name, found.document, plan, options.pods, tell)
    contain.inside(lambda pid: supervise(order, listener, pid), listener)
    return 0


def tell(message: dict[str, Any]) -> None:
    """Write a message to whoever started us. BrokenPipeError if they went away: then the lab ends too."""
    os.write(1, messages.line(message))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m romana.lab", description=__doc__)
    parser.add_argument("--scenarios", action="store_true", help="print the built-in scenarios as JSON")
    parser.add_argument("--name", default="lab")
    parser.add_argument("--pods", type=int, default=2, help="pods on every node")
    parser.add_argument("file", nargs="?", default="-")
    return parser.parse_args()


def _scenarios() -> Iterator[dict[str, str]]:
    """Yield the built-in scenarios with the comment that each begins with."""
    folder: Traversable = files("romana.lab").joinpath("scenarios")
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        lines = file.read_text().splitlines()
        about = [line.removeprefix("#").strip() for line in lines[: _first(lines)]]
        yield {"name": file.name.removesuffix(".yaml"), "about": " ".join(about)}


def _first(lines: list[str]) -> int:
    return next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))


def _text(name: str) -> tuple[bytes, str]:
    """Return the document: standard input, a file, or a built-in scenario, in this order."""
    if name == "-":
        return sys.stdin.buffer.read(), "standard input"
    path = Path(name)
    built_in = files("romana.lab").joinpath("scenarios", f"{name}.yaml")
    try:
        if not path.is_file() and "/" not in name and built_in.is_file():
            return built_in.read_bytes(), name
        return path.read_bytes(), name
    except OSError as error:
        known = ", ".join(s["name"] for s in _scenarios())
        raise ConfigError(
            f"cannot read {name}: {error.strerror}; built-in scenarios are {known}", code="unreadable-file"
        ) from None


if __name__ == "__main__":
    sys.exit(main())
