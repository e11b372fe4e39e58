"""The node's journal: what was answered survives the process and the machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Journal(Protocol):
    """A durable mapping with one writer. Callers share commits, so a write costs about one sync."""

    @property
    def entries(self) -> Mapping[str, bytes]:
        """Everything as it was when the journal was opened."""

    async def write(self, changes: Mapping[str, bytes | None]) -> None:
        """Store all of `changes` or nothing (None deletes); durable when it returns.

        Writes take effect in the order of the calls. RefusedError (`journal-refused`) when the disk
        does not take it: then nothing of it is there.
        """
