"""What the store last said, kept in the journal: enough to serve pods when the store is away at the start.

One pass of the reconciler "keepsake".
"""

from __future__ import annotations

from collections.abc import Mapping

from romana.ports.journal import Journal
from romana.reconcile.loop import Pass
from romana.reconcile.view import StoreView
from romana.wire.journal import Changes, seen, seen_key


class Keepsake:
    """Remembers the layout, this host's record and the reservations."""

    def __init__(self, view: StoreView, journal: Journal) -> None:
        self._view, self._journal = view, journal
        self._kept: Mapping[str, bytes] = seen(journal.entries)

    async def once(self) -> Pass:
        """Write what differs. What the store no longer has is forgotten, once it has been read."""
        if not self._view.complete:
            return Pass()
        wanted = self._view.remember()
        changes: Changes = {seen_key(k): v for k, v in wanted.items() if self._kept.get(k) != v}
        changes |= {seen_key(k): None for k in self._kept if k not in wanted}
        if changes:
            await self._journal.write(changes)
            self._kept = wanted
        return Pass(len(changes))
