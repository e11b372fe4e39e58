"""The routing daemon told what the plan says. One pass of the reconciler "speaker"."""

from __future__ import annotations

import logging

from romana.plan.announce import speaking
from romana.ports.speaker import Speaker
from romana.reconcile.loop import Pass
from romana.reconcile.view import StoreView

log = logging.getLogger(__name__)


class Speakers:
    """Keeps the node's one speaker in step with the plan."""

    def __init__(self, speaker: Speaker, view: StoreView) -> None:
        self._speaker, self._view = speaker, view

    async def once(self) -> Pass:
        """Apply the plan. Until the store has been read, the daemon goes on as it was told before."""
        if not self._view.complete:
            return Pass()
        wanted = speaking(self._view.snapshot, self._view.node)
        if not await self._speaker.apply(wanted):
            return Pass()
        sessions = wanted.sessions if wanted else ()
        prefixes = sorted({str(p) for s in sessions for p in s.announced})
        log.info(
            "reconfigured the speaker: %d session(s), announcing %s",
            len(sessions),
            ", ".join(prefixes) or "nothing",
            extra={"event": "speaker"},
        )
        return Pass(changes=1)
