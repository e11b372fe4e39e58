"""How a decision reaches the store: one read, a pure decision, one swap; lost, all of it again.

Comes before the other `central` modules, which hold the decisions.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from romana.model.block import Block, Extent
from romana.model.errors import StaleError
from romana.model.snapshot import Snapshot
from romana.ports.store import CompactedError, Listing, Store, SwapLost
from romana.reconcile.loop import JITTER
from romana.wire import records

ATTEMPTS: Final = 40
"""Races that one call may lose, 4 s on average: more writers than that on one record need another design."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Means:
    """What carrying a decision out needs besides the store. Tests pass their own."""

    wall: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    dice: random.Random = field(default_factory=random.Random)
    patience: float = 5.0
    """Seconds that a running agent has for its answer."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The store as one read found it."""

    snapshot: Snapshot
    raw: Mapping[str, bytes]

    def revision(self, key: str) -> int:
        """Return what a swap of this record expects: 0 where it does not exist."""
        return self.snapshot.revisions.get(key, 0)


async def see(store: Store) -> Seen:
    listing = await store.read("")
    return Seen(records.snapshot(listing), {r.key: r.value for r in listing.records})


async def read_snapshot(store: Store) -> Snapshot:
    """Return everything the store holds, as it was together at one revision."""
    return records.snapshot(await store.read(""))


async def retried(means: Means, attempt: Callable[[], Awaitable[T]]) -> T:
    """Return what `attempt` returns. One that lost a swap is made again after a jittered 10–200 ms.

    An attempt starts from a fresh read, so what an earlier one has done is seen and built upon.
    """
    for _ in range(ATTEMPTS):
        try:
            return await attempt()
        except SwapLost as error:
            lost = error
        await means.sleep(means.dice.uniform(*JITTER))
    raise StaleError(
        f"lost {ATTEMPTS} races in a row, the last one for {lost.key}", code="swap-lost"
    ) from lost


async def put_block(store: Store, seen: Seen, block: Block) -> int:
    """Swap the block's mirror from what was seen."""
    key = records.block_key(block.network, block.prefix)
    return await store.swap(key, records.encode_block(block), seen.revision(key))


async def put_extent(store: Store, seen: Seen, extent: Extent) -> int:
    """Swap the extent from what was seen."""
    key = records.extent_key(extent.network, extent.prefix)
    return await store.swap(key, records.encode_extent(extent), seen.revision(key))


async def fence(store: Store, seen: Seen, blocks: Iterable[Block]) -> None:
    """Write the blocks' mirrors again as they were seen.

    Whoever decided on an earlier read, and has not written yet, loses its swap from now on and looks
    again: what was seen stays true. SwapLost if it has stopped being true already.
    """
    for block in blocks:
        await put_block(store, seen, block)


async def wait_for(
    store: Store, prefix: str, look: Callable[[Listing], T | None], seconds: float
) -> T | None:
    """Return what `look` finds among the records under `prefix` as soon as it does; None after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                listing = await store.read(prefix)
                found = look(listing)
                if found is not None:
                    return found
                await _change(store, prefix, listing.revision)
    except TimeoutError:
        return None


async def _change(store: Store, prefix: str, after: int) -> None:
    """Return when something under `prefix` may have changed since."""
    try:
        async with store.watch(prefix, after) as batches:
            await anext(batches)
    except (CompactedError, StopAsyncIteration):
        return
