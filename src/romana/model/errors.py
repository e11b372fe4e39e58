"""Errors, sorted by what the reader should do. Each has a stable code, a row in docs/errors.md.

ConfigError     the input must change                      exit 2   never retried
PlanError       valid, but impossible now                  exit 3   retried when the input changes
StaleError      exists already, lost a race                exit 4   retried from a fresh read
TransientError  something outside did not answer           exit 5   retried with doubling delay
RefusedError    something outside said no                  exit 5   needs a person as well
FaultError      a verification found a fault               exit 6
anything else   our bug                                    exit 1   the program ends
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a document, a request or a network: where, and a sentence with the remedy."""

    where: str
    """The place in the operator's words: `topologies[0].map[1].groups`, a name, a prefix; "" if obvious."""
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


class RomanaError(Exception):
    """Base of every error that is not our bug."""

    code: str = "error"
    exit_status: ClassVar[int] = 1

    def __init__(self, message: str = "", *, code: str = "", problems: Sequence[Problem] = ()) -> None:
        """`code` names a more precise row of docs/errors.md; `problems` lists every single one."""
        super().__init__(message)
        self.message = message
        if code:
            self.code = code
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return self.message or "; ".join(map(str, self.problems))


class ConfigError(RomanaError):
    """A person must change the input: usage, a document, an unknown name."""

    code = "bad-input"
    exit_status = 2


class PlanError(RomanaError):
    """Valid input for which there is no plan now: no free address, live addresses would be stranded."""

    code = "impossible-now"
    exit_status = 3


class StaleError(RomanaError):
    """It exists already, or another writer was first."""

    code = "conflict"
    exit_status = 4


class TransientError(RomanaError):
    """Something outside did not answer (store, agent, daemon); worth trying again."""

    code = "no-answer"
    exit_status = 5


class RefusedError(RomanaError):
    """Something outside refused (permission, quota, foreign file); needs a person."""

    code = "refused"
    exit_status = 5


class FaultError(RomanaError):
    """A verification found what must not be; `problems` holds the counter-examples."""

    code = "fault-found"
    exit_status = 6
