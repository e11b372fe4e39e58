"""The node's routing daemon, told as a whole what to do."""

from __future__ import annotations

from typing import Protocol

from romana.model.speaker import Speaking


class Speaker(Protocol):
    """Errors: RefusedError where the daemon's own parser refuses what it is told, Transient otherwise."""

    async def apply(self, wanted: Speaking | None) -> bool:
        """Make the daemon do `wanted` (None: speak to nobody), keeping sessions that need no change.

        Returns whether anything had to change. A daemon that does not run does it when it starts.
        """
