"""`python -m romana.apps.agent`: the agent, told by its environment alone, without a command line."""

from __future__ import annotations

import os
import sys

from romana.apps.agent.main import run
from romana.apps.agent.settings import read
from romana.model.errors import RomanaError

if __name__ == "__main__":
    try:
        sys.exit(run(read({}, os.environ)))
    except RomanaError as error:
        lines = [f"Error: {error} [{error.code}]", *(f"  {problem}" for problem in error.problems)]
        print("\n".join(lines), file=sys.stderr)  # noqa: T201 — the top of a program
        sys.exit(error.exit_status)
