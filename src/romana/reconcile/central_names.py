"""One name, one holder: the guard that keeps two writers from giving a name addresses twice.

    guard swapped: lists the addresses ─► their blocks' mirrors swapped, one for each family ─► held

A name is *held* when everything its guard lists is held. Until then its writer is at work, or died at it.
Nobody can tell which, and nobody needs to: `settle` fences the listed blocks, so that a swap of that writer
which comes late is lost, takes the guard over, takes back what was written, and deletes the guard. Whatever
the order of crashes, lost answers and late writes, a name is held by one allocation or by none; a guard that
was left behind costs the next caller a third of a second.

The guard of a name on a host whose agent runs lists nothing: the agent chooses the addresses, and its
mirrors come late. Such a name is held until the agent has released it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from romana.model.block import Block, Holding, Writer
from romana.model.errors import StaleError
from romana.model.snapshot import Snapshot
from romana.model.topology import Placement
from romana.plan.allocate import find_holding
from romana.plan.allocate import release as without
from romana.ports.store import Store, SwapLost
from romana.reconcile.central_blocks import blocks_of
from romana.reconcile.central_swaps import Means, Seen, fence, put_block, retried, see
from romana.wire.records import NameGuard, decode_name, encode_name, name_key

LOOKS: Final = 3
"""How often somebody else's unfinished allocation is found unchanged before it is taken for dead."""

Held = Sequence[tuple[Block, Holding]]


class Turn:
    """One caller's dealings with a name, over all its attempts."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.key = name_key(name)
        self._mine = 0
        """The revision of the guard of the own allocation."""
        self._ending = 0
        """The revision of the guard that this caller is about to delete."""
        self._seen, self._looks = 0, 0

    async def guard(self, store: Store, seen: Seen, guard: NameGuard) -> None:
        """Swap the guard in: from now on the others wait."""
        self._mine = await store.swap(self.key, encode_name(guard), seen.revision(self.key))

    async def settle(self, store: Store, seen: Seen, means: Means) -> None:
        """Return if the name is this caller's to take in what was seen. StaleError `name-held` if it is held.

        SwapLost where an unfinished allocation had to be waited for, or ended: look again. An own one is simply
        gone on with: this caller knows the answer to each of its swaps.
        """
        held, guard = find_holding(seen.snapshot, self.name), guard_of(seen, self.name)
        if _is_held(seen.snapshot, held, guard):
            raise _name_held(seen.snapshot, self.name, held, guard)
        revision = seen.revision(self.key)
        if guard is None or revision == self._mine:
            return
        if revision != self._ending and not self._patient_enough(revision):
            raise SwapLost(self.key, revision, revision)
        await self.take_back(store, seen, means)
        await store.swap(self.key, None, self._ending)
        raise SwapLost(self.key, revision, 0)

    async def take_back(self, store: Store, seen: Seen, means: Means) -> None:
        """Release what the name holds in blocks that agents do not write.

        Somebody else's unfinished allocation is stopped first: its late mirrors are fenced off, then its guard is
        swapped, so that it does not go on from what is about to go. Under `packed` a block that becomes empty is
        closed by the same swap; `finish_yields` does the rest.
        """
        held = [
            (b, h) for b, h in find_holding(seen.snapshot, self.name) if not agent_writes(seen.snapshot, b)
        ]
        guard, self._ending = guard_of(seen, self.name), seen.revision(self.key)
        missing = set(guard.addresses) - {h.address for _, h in held} if guard else set()
        if guard is not None and missing and self._ending != self._mine:
            await fence(
                store, seen, [b for b in blocks_of(seen.snapshot) if any(a in b.prefix for a in missing)]
            )
            self._ending = await store.swap(self.key, encode_name(guard), self._ending)
        for block, holding in held:
            await put_block(store, seen, _released(seen.snapshot, block, holding, means.wall()))

    def still_ending(self, seen: Seen) -> bool:
        """Whether what the name holds is what `take_back` has begun to release, and not a later holder's."""
        return seen.revision(self.key) == self._ending

    async def drop_guard(self, store: Store) -> None:
        """Delete the guard that `take_back` found, unless it has a new holder."""
        if self._ending:
            with suppress(SwapLost):
                await store.swap(self.key, None, self._ending)

    async def start_again(self, store: Store, seen: Seen, means: Means) -> None:
        """Take back what was allocated under the own guard, and keep the guard."""
        await self.take_back(store, seen, means)
        self._mine = self._ending

    async def give_up(self, store: Store, means: Means) -> None:
        """Take back what was allocated under the own guard, and delete it. Left alone if somebody took it over."""

        async def attempt() -> None:
            seen = await see(store)
            if self._mine and seen.revision(self.key) in (self._mine, self._ending):
                await self.take_back(store, seen, means)
                await self.drop_guard(store)

        await retried(means, attempt)

    def _patient_enough(self, revision: int) -> bool:
        self._looks = self._looks + 1 if revision == self._seen else 1
        self._seen = revision
        return self._looks > LOOKS


def guard_of(seen: Seen, name: str) -> NameGuard | None:
    key = name_key(name)
    return decode_name(key, seen.raw[key]) if key in seen.raw else None


def agent_writes(snapshot: Snapshot, block: Block) -> bool:
    """Whether the block's record is its agent's to write: a host without agent has no writer but us."""
    host = snapshot.hosts.get(block.owner.host)
    return block.writer is Writer.AGENT and host is not None and host.agent is not None


def _released(snapshot: Snapshot, block: Block, holding: Holding, now: float) -> Block:
    left = without(block, holding.address, now=now)
    network = snapshot.layout.by_id(block.network)
    packed = network is not None and network.spec.placement is Placement.PACKED
    return replace(left, closed=block.closed or (packed and not left.holdings))


def _is_held(snapshot: Snapshot, held: Held, guard: NameGuard | None) -> bool:
    if any(agent_writes(snapshot, block) for block, _ in held):
        return True
    if guard is None:
        return bool(held)
    if not guard.addresses:
        host = snapshot.hosts.get(guard.host)
        return bool(held) or (host is not None and host.agent is not None)
    return {holding.address for _, holding in held} >= set(guard.addresses)


def _name_held(snapshot: Snapshot, name: str, held: Held, guard: NameGuard | None) -> StaleError:
    if not held and guard is not None:
        return StaleError(
            f"{name} is held on host {guard.host}, or its agent is just allocating it; to move it, release it first",
            code="name-held",
        )
    block = held[0][0]
    network = snapshot.layout.by_id(block.network)
    addresses = " and ".join(str(holding.address) for _, holding in held)
    return StaleError(
        f"{name} is held already: {addresses} on host {block.owner.host}, "
        f"network {network.name if network else block.network}",
        code="name-held",
    )
