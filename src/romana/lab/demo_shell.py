"""The demo's hands and voice: runs `romana` commands, shows them, and remembers which promise was not kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Final

from romana.lab.nodes import romana
from romana.model.errors import TransientError

_BOLD: Final = "\033[1m"
_GREEN: Final = "\033[32m"
_RED: Final = "\033[31m"
_DIM: Final = "\033[36m"
_PLAIN: Final = "\033[0m"


class Shell:
    """Runs commands on one lab, and on its store once it is up."""

    def __init__(self, lab: str) -> None:
        self.kept = True
        """Whether every promise so far was."""
        self.lab = lab
        self._env = {**os.environ, "ROMANA_LAB": lab}
        self._colour = sys.stdout.isatty()

    def say(self, text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def title(self, text: str) -> None:
        self.say(f"\n{self._in(_BOLD, text)}")

    def promise(self, kept: bool, text: str) -> None:
        """Say whether a promise was kept."""
        self.kept &= kept
        self.say(self._in(_GREEN, f"  ✓ {text}") if kept else self._in(_RED, f"  ✗ {text}"))

    def command(self, *words: str) -> None:
        self.say(self._in(_DIM, f"$ romana {' '.join(words)}"))

    def run(self, *words: str, tail: int = 0) -> None:
        """Show a command and what it prints (its last lines, if `tail`). TransientError if it fails."""
        self.command(*words)
        if not tail:
            status = subprocess.run(romana(*words), env=self._env, check=False).returncode
        else:
            done = subprocess.run(
                romana(*words), env=self._env, stdout=subprocess.PIPE, text=True, check=False
            )
            status, lines = done.returncode, done.stdout.splitlines()
            self.say("\n".join(["…", *lines[-tail:]] if len(lines) > tail else lines))
        if status:
            raise TransientError(f"romana {' '.join(words)} ended with status {status}", code="lab-program")

    def at_its_store(self) -> None:
        """Point every command from here on at the lab's store, shown as a user would do it."""
        self.say(self._in(_DIM, f'$ eval "$(romana lab env --name {self.lab})"'))
        self._env |= self.ask("lab", "env")

    def ask(self, *words: str) -> Any:
        """Return what a command prints as JSON, unseen; exit status 6 is an answer too."""
        return json.loads(self.output(*words, "-o", "json", allowed=(0, 6)))

    def output(self, *words: str, allowed: Sequence[int] = (0,)) -> str:
        """Return what a command prints, unseen. TransientError if it fails."""
        done = subprocess.run(romana(*words), env=self._env, capture_output=True, text=True, check=False)
        if done.returncode not in allowed:
            raise TransientError(f"romana {' '.join(words)}: {done.stderr.strip()}", code="lab-program")
        return done.stdout

    def piped(self, first: Sequence[str], second: Sequence[str]) -> tuple[int, str]:
        """Return the status and the words of the second command, which reads what the first prints."""
        text = self.output(*first)
        done = subprocess.run(
            romana(*second), env=self._env, input=text, capture_output=True, text=True, check=False
        )
        return done.returncode, (done.stdout + done.stderr).strip()

    def quietly(self, *words: str) -> None:
        """Run a command whatever comes of it."""
        subprocess.run(romana(*words), env=self._env, capture_output=True, check=False)

    def _in(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._colour else text
