"""This node's blocks: claims settled, lost ones noticed, emptied ones yielded, the next one claimed ahead.

One pass of the reconciler "blocks". Claims that a pod needs at once are made by `addresses`.
"""

from __future__ import annotations

import logging
from typing import Final

from romana.model.block import Block, Owner
from romana.model.errors import PlanError, RomanaError
from romana.model.layout import CarvedNetwork, NetworkId
from romana.model.topology import BlockOwner, Placement
from romana.plan.claim import may_claim, take_host_prefix
from romana.ports.clock import Clock
from romana.ports.journal import Journal
from romana.ports.store import Store
from romana.reconcile.claims import Claims
from romana.reconcile.ledger import Ledger
from romana.reconcile.loop import Pass
from romana.reconcile.view import StoreView
from romana.reconcile.yields import Yields, claim_of, extent_of
from romana.wire.journal import Changes
from romana.wire.records import encode_extent, extent_key

log = logging.getLogger(__name__)

MOST_AHEAD: Final = 32
"""Free addresses that are enough, however large the blocks."""


class Blocks:
    """Keeps what this node owns in step with what it needs."""

    def __init__(
        self,
        store: Store,
        view: StoreView,
        ledger: Ledger,
        journal: Journal,
        claims: Claims,
        yields: Yields,
        clock: Clock,
    ) -> None:
        self._store, self._view, self._ledger = store, view, ledger
        self._journal, self._claims, self._yields, self._clock = journal, claims, yields, clock
        self._noted: dict[tuple[NetworkId, int], str] = {}

    async def once(self) -> Pass:
        """Make one pass. It waits for the store's first answer; a full group is no error of the pass."""
        if not self._view.complete or self._view.node not in self._view.snapshot.hosts:
            return Pass()
        changes = await self._claims.resolve()
        await self._notice_lost()
        await self._forget_rested()
        async with self._claims.lock:
            yielded, again = await self._yields.once()
        changes += yielded
        for network in self._view.snapshot.layout.networks:
            if may_claim(self._view.snapshot, network, self._view.node) is None:
                changes += await self._prepare(network)
        return Pass(changes, again=again)

    async def _forget_rested(self) -> None:
        now = self._clock.wall()
        changes: Changes = {}
        for network in self._view.snapshot.layout.networks:
            changes |= self._ledger.rested(network.id, network.spec.reuse_delay, now)
        if changes:
            await self._journal.write(changes)

    async def _prepare(self, network: CarvedNetwork) -> int:
        """Have the host's own prefix, and a block with room, before the first pod asks."""
        changes = 0
        for version in network.spec.versions:
            try:
                changes += await self._own_prefix(network, version)
                if network.spec.owner is BlockOwner.HOST and network.spec.placement is Placement.SPREAD:
                    changes += await self._ahead(network, version)
            except PlanError as error:
                self._note(network, version, error)
        return changes

    async def _own_prefix(self, network: CarvedNetwork, version: int) -> int:
        async with self._claims.lock:
            extent = take_host_prefix(self._view.snapshot, network, self._view.node, version)
            if extent is None:
                return 0
            key, value = extent_key(extent.network, extent.prefix), encode_extent(extent)
            revision = await self._view.reread(key)
            if revision != 0:
                return 0  # somebody was first: the next pass looks again
            self._view.written(key, value, await self._store.swap(key, value, 0))
        log.info("took %s", extent.prefix, extra={"event": "host-prefix", "prefix": str(extent.prefix)})
        return 1

    async def _ahead(self, network: CarvedNetwork, version: int) -> int:
        """Claim a block if fewer addresses are free than half a block has."""
        async with self._claims.lock:
            mine = [
                b
                for b in self._ledger.usable()
                if b.network == network.id and b.prefix.version == version and not b.closed
            ]
            size = 1 << (32 if version == 4 else 128) - network.spec.block_length(version)
            if sum(map(_room, mine)) >= min(max(size // 2, 1), MOST_AHEAD):
                return 0
            block = await self._claims.take(network, Owner(self._view.node), version, ahead=True)
        self._noted.pop((network.id, version), None)
        log.info("claimed %s", block.prefix, extra={"event": "claim", "prefix": str(block.prefix)})
        return 1

    def _note(self, network: CarvedNetwork, version: int, error: RomanaError) -> None:
        """Log that a group ran out, once: pods go on from what the node has."""

    async def _notice_lost(self) -> None:
        """Mark the blocks that the store no longer gives this node; forget those that nobody holds."""
        snapshot = self._view.snapshot
        for key, block in list(self._ledger.blocks.items()):
            extent = extent_of(snapshot, block)
            ours = extent is not None and claim_of(extent, block) is not None
            if ours or block.closed:
                self._ledger.lost.discard(key)
            elif not block.holdings:
                await self._journal.write(self._ledger.drop(key))
            elif key not in self._ledger.lost:
                self._ledger.lost.add(key)
                log.error(
                    "lost block %s: the store gives it to another owner; its %d addresses are no longer routed here",
                    block.prefix,
                    len(block.holdings),
                    extra={"event": "lost", "prefix": str(block.prefix), "code": "epoch-gone"},
                )


def _room(block: Block) -> int:
    return block.prefix.size - len(block.holdings) - len(block.resting)
