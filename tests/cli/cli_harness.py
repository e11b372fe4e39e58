"""What a run of the program leaves behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The error object of `-o json`: the last line of stderr."""
        return json.loads(self.err.splitlines()[-1])["error"]


Romana = Callable[..., Ran]
