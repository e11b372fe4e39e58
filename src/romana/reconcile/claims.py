"""Claims of blocks for this node: one compare-and-swap each, journalled before and after.

    intent journalled ─► extent swapped ─┬─ done ──────► block journalled, ours
                                         ├─ lost ──────► intent forgotten, another try from a fresh read
                                         └─ no answer ─► the intent stays until `resolve` finds out; only
                                                         then is the block used, or forgotten

An unanswered swap may still be carried out later, but only while its extent is at the revision that
it expects. So it is settled once the extent shows the claim (ours), or is at another revision
without it (never); until then the same swap is sent again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from romana.model.block import Block, Claim, Owner, Writer
from romana.model.errors import RomanaError, StaleError, TransientError
from romana.model.layout import CarvedNetwork
from romana.plan.claim import claim, first_block
from romana.ports.clock import Clock
from romana.ports.journal import Journal
from romana.ports.store import Store, SwapLost
from romana.reconcile.ledger import Ledger
from romana.reconcile.loop import JITTER
from romana.reconcile.view import StoreView
from romana.wire.journal import Intent
from romana.wire.records import block_key, decode_block, encode_extent, extent_key

ATTEMPTS: Final = 12
"""Swaps of one claim that may be lost to other hosts before the caller hears of it."""


class Claims:
    """Gets blocks for this node, one claim at a time."""

    def __init__(
        self,
        store: Store,
        view: StoreView,
        ledger: Ledger,
        journal: Journal,
        clock: Clock,
        *,
        settle: float = 2.0,
        dice: random.Random | None = None,
    ) -> None:
        """`settle`: seconds that other devices need to route a block that lies in no planned prefix."""
        self.lock = asyncio.Lock()
        """Held while claiming: who waits looks first whether the one before got it a block too."""
        self.unsettled: Callable[[], None] = lambda: None
        """Called when a claim has no answer: somebody should `resolve` soon."""
        self._store, self._view, self._ledger = store, view, ledger
        self._journal, self._clock, self._settle = journal, clock, settle
        self._dice = dice or random.Random()  # noqa: S311 — jitter, not a secret

    async def take(self, network: CarvedNetwork, owner: Owner, version: int, *, ahead: bool) -> Block:
        """Return a new block of ours, journalled. The caller holds `lock`.

        Claimed `ahead`, it is not used before its routes had time to spread, unless it lies in this
        host's own prefix, which everybody routes already. PlanError as `plan.claim`; TransientError
        where the store does not answer, or has not been read yet: what it lists is not known then.
        """
        if not self._view.complete:
            raise TransientError("the store has not been read yet", code="store-silent")
        for _ in range(ATTEMPTS):
            extent, new = claim(self._view.snapshot, network, owner, version, Writer.AGENT)
            after = self._clock.wall() + self._settle if ahead and extent.host is None else 0.0
            expected = self._view.revision_of(extent_key(extent.network, extent.prefix))
            intent = Intent(new.prefix, new.epoch, extent, expected, after)
            await self._intend(intent)
            try:
                block = await self._send(intent)
            except TransientError:
                self.unsettled()
                raise
            if block is not None:
                return block
            await asyncio.sleep(self._dice.uniform(*JITTER))
        raise StaleError(f"lost {ATTEMPTS} races for a block of network {network.name}", code="claim-lost")

    async def _intend(self, intent: Intent) -> None:
        """Journal what is about to be sent. What the journal does not take is not sent, then or later."""
        try:
            await self._journal.write(self._ledger.intend(intent))
        except RomanaError:
            self._ledger.unintend(intent)
            raise

    async def resolve(self) -> int:
        """Find out what became of unanswered claims; return how many are settled now."""
        settled = 0
        for intent in list(self._ledger.intents.values()):
            async with self.lock:
                if self._open(intent) and not await self._settled(intent):
                    await self._send(intent)
                settled += 1
        return settled

    async def _send(self, intent: Intent) -> Block | None:
        """Swap the extent; return the block if it is ours now, None if it never will be."""
        key, value = _key(intent), encode_extent(intent.extent)
        try:
            revision = await self._store.swap(key, value, intent.expected)
        except SwapLost:
            # It may have been our own swap, sent before, that was first.
            if not await self._settled(intent):
                raise TransientError(f"{key} changes back and forth; it is read again") from None
        else:
            self._view.written(key, value, revision)
            await self._keep(intent)
        block = self._ledger.blocks.get((intent.network, intent.prefix))
        return block if block is not None and block.epoch == intent.epoch else None

    async def _settled(self, intent: Intent) -> bool:
        """Read the intent's extent afresh; True if that shows how the claim ended, which is then journalled."""
        revision = await self._view.reread(_key(intent))
        extent = self._view.snapshot.extents.get((intent.network, intent.extent.prefix))
        if extent is not None and any(_is(intent, c) for c in extent.blocks):
            await self._keep(intent)
        elif revision != intent.expected:
            await self._journal.write(self._ledger.settle(intent, None))
        return not self._open(intent)

    async def _keep(self, intent: Intent) -> None:
        """The claim is ours: journal its block, with what rests in it from an earlier owner."""
        key = block_key(intent.network, intent.prefix)
        record = next((r for r in (await self._store.read(key)).records if r.key == key), None)
        mirrors = {(intent.network, intent.prefix): decode_block(key, record.value)} if record else {}
        made = next(c for c in intent.extent.blocks if _is(intent, c))
        snapshot = replace(self._view.snapshot, mirrors=mirrors)
        block = first_block(snapshot, intent.extent, made, usable_after=intent.usable_after)
        await self._journal.write(self._ledger.settle(intent, block))

    def _open(self, intent: Intent) -> bool:
        return self._ledger.intents.get((intent.network, intent.prefix)) == intent


def _key(intent: Intent) -> str:
    return extent_key(intent.network, intent.extent.prefix)


def _is(intent: Intent, claimed: Claim) -> bool:
    """Whether this claim is the intent's: an epoch is given once in an extent."""
    return (
        claimed.prefix == intent.prefix and claimed.epoch == intent.epoch and claimed in intent.extent.blocks
    )
