"""Two operations on one store, with every way to switch between them twice.

first: i calls ─► second: j calls ─► first: to its end ─► second: to its end      for all i and j
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import pytest
from central_world import PACKED, SPREAD, WITHOUT_R2, allocate, apply, held, means, racks, release, virtual

from romana.model.errors import RomanaError
from romana.model.snapshot import Snapshot
from romana.net.prefix import Address, Prefix
from romana.ports.store import Batch, Lease, Listing, Store
from romana.reconcile import central
from romana.testing.invariants import require

Wish = Callable[[Store], Awaitable[object]]
ENDLESS = 1 << 30


class Stepped:
    """A store whose user gets so many calls, then stands still."""

    def __init__(self, store: Store) -> None:
        self.store, self.calls, self.budget = store, 0, 0
        self.stands = asyncio.Event()
        self._goes = asyncio.Event()

    def go(self, calls: int) -> None:
        self.budget = calls
        self.stands.clear()
        self._goes.set()

    async def _step(self) -> None:
        while not self.budget:
            self._goes.clear()
            self.stands.set()
            await self._goes.wait()
        self.budget -= 1
        self.calls += 1

    async def read(self, prefix: str) -> Listing:
        await self._step()
        return await self.store.read(prefix)

    async def swap(self, key: str, value: bytes | None, expected: int, *, lease: str | None = None) -> int:
        await self._step()
        return await self.store.swap(key, value, expected, lease=lease)

    def watch(self, prefix: str, after: int) -> AbstractAsyncContextManager[AsyncIterator[Batch]]:
        return self.store.watch(prefix, after)

    async def lease(self, seconds: float) -> Lease:
        return await self.store.lease(seconds)

    async def compact(self, revision: int) -> None:
        await self.store.compact(revision)

    async def close(self) -> None:
        await self.store.close()


class Run:
    """One operation, a few calls at a time."""

    def __init__(self, wish: Wish, store: Store) -> None:
        self.steps = Stepped(store)
        self._task = asyncio.ensure_future(_outcome(wish(self.steps)))

    async def go(self, calls: int) -> None:
        """Return when it stands still or has ended."""
        self.steps.go(calls)
        standing = asyncio.ensure_future(self.steps.stands.wait())
        await asyncio.wait((self._task, standing), return_when=asyncio.FIRST_COMPLETED)
        standing.cancel()

    async def end(self) -> object:
        self.steps.go(ENDLESS)
        return await self._task


async def _outcome(call: Awaitable[object]) -> object:
    """Return what the call returned, or its error's code."""
    try:
        return await call
    except RomanaError as error:
        return error.code


@dataclass(frozen=True)
class Pair:
    first: Wish
    second: Wish
    right: Callable[[object, object, Snapshot], bool]
    """Whether both answers are true of what the store holds in the end."""
    idle: str = ""
    """A host that has idle blocks when it begins."""
    before: Wish | None = None
    document: str = SPREAD


def _true(answer: object, name: str, now: Snapshot) -> bool:
    """Whether an allocation's answer is what is held: its addresses, or nothing after an error."""
    return held(now).get(name, "nothing") == (answer if isinstance(answer, list) else "nothing")


def _one_of(first: object, second: object, now: Snapshot) -> bool:
    winners = [answer for answer in (first, second) if isinstance(answer, list)]
    return len(winners) == 1 and held(now)["a"] == winners[0]


def _removed(first: object, second: object, now: Snapshot) -> bool:
    if first is None:
        return "n1" not in now.hosts and not held(now) and not isinstance(second, list)
    return first == "host-has-addresses" and now.hosts[_N1].state == "ready" and _true(second, "a", now)


def _reserved(first: object, second: object, now: Snapshot) -> bool:
    inside = [a for both in held(now).values() for a in both if Address.parse(a) in RESERVED]
    return bool(now.reservations) == (first is None) != bool(inside) and _true(second, "a", now)


def _shrunk(first: object, second: object, now: Snapshot) -> bool:
    gone = "r2" not in now.layout.networks[0].carving
    return gone == (first is None) and not now.layout.networks[0].draining and _true(second, "a", now)


def _released(first: object, second: object, now: Snapshot) -> bool:
    """Released first, then allocated anew; or found held, then released."""
    return isinstance(first, list) and (_true(second, "a", now) or second == "name-held")


RESERVED = Prefix.parse("10.1.0.0/22")
_N1 = next(iter({"n1": 0}))

PAIRS = {
    "one name, two hosts": Pair(lambda s: allocate(s, "a", "n1"), lambda s: allocate(s, "a", "n2"), _one_of),
    "one name, two hosts, idle": Pair(
        lambda s: allocate(s, "a", "n1"), lambda s: allocate(s, "a", "n1", seed=7), _one_of, idle="n1"
    ),
    "two names, one block": Pair(
        lambda s: allocate(s, "a", "n1"),
        lambda s: allocate(s, "b", "n1"),
        lambda x, y, now: _true(x, "a", now) and _true(y, "b", now),
        document=PACKED,
    ),
    "remove and allocate": Pair(
        lambda s: central.remove_host(s, "n1", means=means()), lambda s: allocate(s, "a", "n1"), _removed
    ),
    "remove and allocate, idle": Pair(
        lambda s: central.remove_host(s, "n1", means=means()),
        lambda s: allocate(s, "a", "n1"),
        _removed,
        idle="n1",
    ),
    "reserve and allocate": Pair(
        lambda s: central.reserve(s, RESERVED, means=means()), lambda s: allocate(s, "a", "n1"), _reserved
    ),
    "reserve and allocate, idle": Pair(
        lambda s: central.reserve(s, RESERVED, means=means()),
        lambda s: allocate(s, "a", "n1"),
        _reserved,
        idle="n1",
    ),
    "shrink and allocate": Pair(lambda s: apply(s, WITHOUT_R2), lambda s: allocate(s, "a", "n2"), _shrunk),
    "shrink and allocate, idle": Pair(
        lambda s: apply(s, WITHOUT_R2), lambda s: allocate(s, "a", "n2"), _shrunk, idle="n2"
    ),
    "release and allocate": Pair(
        lambda s: release(s, "a"),
        lambda s: allocate(s, "a", "n2"),
        _released,
        before=lambda s: allocate(s, "a", "n1"),
        document=PACKED,
    ),
}


async def _start(pair: Pair) -> Store:
    store = await racks(pair.document)
    if pair.idle:
        await allocate(store, "idle", pair.idle)
        await release(store, "idle")
    if pair.before:
        await pair.before(store)
    return store


async def _calls(wish: Wish, pair: Pair) -> int:
    run = Run(wish, await _start(pair))
    await run.end()
    return run.steps.calls


@pytest.mark.slow
@pytest.mark.parametrize("turned", [False, True], ids=["", "turned"])
@pytest.mark.parametrize("name", PAIRS)
@virtual
async def test_every_switch(name: str, turned: bool) -> None:
    pair = PAIRS[name]
    wishes = (pair.second, pair.first) if turned else (pair.first, pair.second)
    for i in range(await _calls(wishes[0], pair) + 1):
        for j in range(1, await _calls(wishes[1], pair) + 1):
            store = await _start(pair)
            one, other = Run(wishes[0], store), Run(wishes[1], store)
            await one.go(i)
            await other.go(j)
            answers = await one.end(), await other.end()
            now = await central.read_snapshot(store)
            require(now)
            assert pair.right(*(reversed(answers) if turned else answers), now), (i, j, answers, held(now))
