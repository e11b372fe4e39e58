"""A journal in memory: what was written survives a restart of the story, and may refuse when told to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from romana.model.errors import RefusedError


class MemoryJournal:
    """A `ports.journal.Journal`. Writes take effect in the order of the calls, one turn of the loop later."""

    def __init__(self, entries: Mapping[str, bytes] | None = None) -> None:
        self.entries: Mapping[str, bytes] = dict(entries or {})
        self.now: dict[str, bytes] = dict(self.entries)
        """What a restart would find."""
        self.full = False
        """Whether the disk takes nothing."""

    async def write(self, changes: Mapping[str, bytes | None]) -> None:
        if self.full:
            await asyncio.sleep(0)
            raise RefusedError("the journal's disk is full", code="journal-refused")
        for key, value in changes.items():
            if value is None:
                self.now.pop(key, None)
            else:
                self.now[key] = value
        await asyncio.sleep(0)

    def reopened(self) -> MemoryJournal:
        """Return the journal as the next process finds it."""
        return MemoryJournal(self.now)
