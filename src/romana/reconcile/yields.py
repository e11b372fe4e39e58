"""Yields of emptied blocks.

    closed in memory and journal ─► mirror swapped `closed` ─► extent swapped, nobody owns it ─► forgotten

Each step may be repeated, and a closed block is never allocated from again, so a crash or a lost
answer in between is finished by the next pass.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from romana.model.block import Block, Claim, Extent
from romana.model.layout import CarvedNetwork
from romana.model.snapshot import BlockKey, Snapshot
from romana.model.topology import BlockOwner, Placement
from romana.net.aggregate import aggregate
from romana.plan.claim import yield_block
from romana.ports.clock import Clock
from romana.ports.journal import Journal
from romana.ports.store import Store
from romana.reconcile.ledger import Ledger
from romana.reconcile.mirror import Mirror
from romana.reconcile.view import StoreView
from romana.wire.records import encode_extent, extent_key

COOL_DOWN: Final = 300.0
"""Seconds that a block stays empty before a host gives it back under `spread`."""


class Yields:
    """Gives back what this node no longer needs."""

    def __init__(
        self,
        store: Store,
        view: StoreView,
        ledger: Ledger,
        journal: Journal,
        mirror: Mirror,
        clock: Clock,
        *,
        cool_down: float = COOL_DOWN,
    ) -> None:
        self._store, self._view, self._ledger = store, view, ledger
        self._journal, self._mirror, self._clock = journal, mirror, clock
        self._cool_down = cool_down
        self._empty_since: dict[BlockKey, float] = {}

    async def once(self) -> tuple[int, float | None]:
        """Yield what should be; return how many, and in how many seconds the next one may be due.

        The caller holds the lock of `Claims`: a block just claimed is empty, too.
        """
        for block in self._due():
            self._ledger.put(replace(block, closed=True))
        done = 0
        for block in [b for b in self._ledger.blocks.values() if b.closed]:
            await self._finish(block)
            done += 1
        waits = [since + self._cool_down - self._clock.elapsed() for since in self._empty_since.values()]
        return done, max(min(waits), 1.0) if waits else None

    def _due(self) -> list[Block]:
        """Return the blocks to yield now, and note since when the others are empty."""
        now, wall = self._clock.elapsed(), self._clock.wall()
        due, waiting = [], {}
        for network in self._view.snapshot.layout.networks:
            empty = [b for b in self._own(network) if not b.holdings and not self._rests(network, b, wall)]
            if network.spec.placement is Placement.PACKED:
                due += empty
                continue
            spare = self._spare(network, empty)
            for block in spare:
                key = (block.network, block.prefix)
                since = self._empty_since.get(key, now)
                if now - since >= self._cool_down:
                    due.append(block)
                else:
                    waiting[key] = since
        self._empty_since = waiting
        return due

    def _own(self, network: CarvedNetwork) -> list[Block]:
        return [b for b in self._ledger.usable() if b.network == network.id and not b.closed]

    def _rests(self, network: CarvedNetwork, block: Block, wall: float) -> bool:
        return any(abs(wall - since) < network.spec.reuse_delay for since in block.resting.values())

    def _spare(self, network: CarvedNetwork, empty: list[Block]) -> list[Block]:
        """Return the empty blocks the host can do without, the one that harms aggregation most first.

        Where hosts own blocks, the claim ahead keeps one with room; a second empty one is spare.
        """
        spare = []
        for version in network.spec.versions:
            mine = [b for b in empty if b.prefix.version == version]
            keep = 1 if network.spec.owner is BlockOwner.HOST else 0
            own = [b.prefix for b in self._own(network) if b.prefix.version == version]
            left = {b.prefix: len(aggregate(p for p in own if p != b.prefix)) for b in mine}
            mine.sort(key=lambda b: (left[b.prefix], -b.prefix.key))
            spare += mine[: max(len(mine) - keep, 0)]
        return spare

    async def _finish(self, block: Block) -> None:
        """Bring a closed block out of our hands. Errors leave it closed, for the next pass."""
        # Before anybody else may take it: a process after this one must not use the block.
        await self._journal.write(self._ledger.put(block))
        await self._mirror.write(block)
        seen = extent_of(self._view.snapshot, block)
        if seen is not None:
            key = extent_key(seen.network, seen.prefix)
            revision = await self._view.reread(key)
            extent = extent_of(self._view.snapshot, block)
            if extent is not None and claim_of(extent, block) is not None:
                value = encode_extent(yield_block(extent, block.prefix))
                self._view.written(key, value, await self._store.swap(key, value, revision))
        await self._journal.write(self._ledger.drop((block.network, block.prefix)))


def extent_of(snapshot: Snapshot, block: Block) -> Extent | None:
    """Return the extent that the block lies in."""
    extents = snapshot.extents.values()
    return next((e for e in extents if e.network == block.network and block.prefix in e.prefix), None)


def claim_of(extent: Extent, block: Block) -> Claim | None:
    """Return the claim that makes the block ours; None where it was taken from us."""
    ours = (c for c in extent.blocks if c.prefix == block.prefix and c.epoch == block.epoch)
    return next((c for c in ours if c.owner == block.owner), None)
