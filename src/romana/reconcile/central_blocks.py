"""Blocks of the central writer: which a host has, how it gets one more, how an emptied one is given back.

A yield is two swaps: the mirror `closed`, then the extent without owner. Between them nothing is allocated
from the block, and whoever claims next finishes it, so a crash there costs nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import reduce

from romana.model.block import Block, Claim, Extent, Writer
from romana.model.host import Host, HostName
from romana.model.snapshot import BlockKey, Snapshot
from romana.plan.allocate import NeedBlock
from romana.plan.claim import claim, first_block, yield_block
from romana.plan.ground import overlapping
from romana.plan.rehost import left_behind
from romana.ports.store import Store, SwapLost
from romana.reconcile.central_swaps import Seen, put_block, put_extent, see
from romana.wire.records import encode_host, extent_key, host_key


def blocks_of(snapshot: Snapshot, host: HostName | None = None) -> Iterator[Block]:
    """Yield the owned blocks; one without a record of its own yet inherits the rest of its addresses."""
    for extent, made in snapshot.claims():
        if made.owner is not None and host in (None, made.owner.host):
            yield _block(snapshot, extent, made)


def own_blocks(snapshot: Snapshot, host: HostName) -> list[Block]:
    """Return the blocks that the central writer may allocate from for that host.

    Two extents that overlap were cut at the same time by writers that saw different layouts: an empty
    block there is not used, for another may hold its addresses.
    """
    return [
        _block(snapshot, extent, made)
        for extent, made in snapshot.claims()
        if made.owner is not None and made.owner.host == host and made.writer is Writer.CENTRAL
        if _block(snapshot, extent, made).holdings or not overlapping(snapshot, extent)
    ]


def _block(snapshot: Snapshot, extent: Extent, made: Claim) -> Block:
    mirror = snapshot.mirrors.get((extent.network, made.prefix))
    if mirror is not None and mirror.epoch == made.epoch:
        return mirror
    return first_block(snapshot, extent, made)


async def take_block(store: Store, seen: Seen, need: NeedBlock) -> BlockKey:
    """Claim one more block, by one swap of its extent. PlanError as `plan.claim`, SwapLost if lost.

    An extent that did not exist may have been cut from a layout that has just changed, so that it overlaps
    another: then the block is yielded at once.
    """
    extent, made = claim(seen.snapshot, need.network, need.owner, need.version, Writer.CENTRAL)
    await put_extent(store, seen, extent)
    if not seen.revision(key := extent_key(extent.network, extent.prefix)):
        after = await see(store)
        if overlapping(after.snapshot, extent):
            now = after.snapshot.extents[extent.network, extent.prefix]
            await put_extent(store, after, yield_block(now, made.prefix))
            raise SwapLost(key, 0, after.revision(key))
    return extent.network, made.prefix


async def finish_yields(store: Store, seen: Seen) -> bool:
    """Take the owner off every closed and empty block that no agent writes. False if there was none.

    One swap for each extent.
    """
    done = False
    for extent in seen.snapshot.extents.values():
        gone = [c.prefix for c in extent.blocks if _given_up(seen.snapshot, extent, c)]
        if gone:
            await put_extent(store, seen, reduce(yield_block, gone, extent))
            done = True
    return done


async def give_back(store: Store, taken: Collection[BlockKey]) -> None:
    """Yield those of the blocks that stayed empty. Best effort: who loses a race here leaves them to the winner."""
    try:
        seen = await see(store)
        for block in blocks_of(seen.snapshot):
            if (block.network, block.prefix) in taken and not block.holdings and not block.closed:
                await put_block(store, seen, replace(block, closed=True))
        await finish_yields(store, await see(store))
    except SwapLost:
        return


async def move_host(store: Store, seen: Seen, host: Host) -> None:
    """Record a host where `moved` says that it lives; before that, give up what it leaves behind."""
    extents: dict[BlockKey, Extent] = {}
    for extent, made, block in left_behind(seen.snapshot, host):
        if not block.closed:
            await put_block(store, seen, replace(_block(seen.snapshot, extent, made), closed=True))
        key = extent.network, extent.prefix
        extents[key] = yield_block(extents.get(key, extent), made.prefix)
    for extent in extents.values():
        await put_extent(store, seen, extent)
    await store.swap(host_key(host.name), encode_host(host), seen.revision(host_key(host.name)))


def _given_up(snapshot: Snapshot, extent: Extent, made: Claim) -> bool:
    block = snapshot.block(extent, made)
    if block is None or not block.closed or block.holdings:
        return False
    host = snapshot.hosts.get(block.owner.host)
    return block.writer is Writer.CENTRAL or host is None or host.agent is None
