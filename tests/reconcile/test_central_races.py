"""Several people at once: whoever is first wins, the others hear of it, nothing is given twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager

import pytest
from central_world import (
    PACKED,
    SPREAD,
    WITHOUT_R2,
    add,
    allocate,
    apply,
    held,
    means,
    racks,
    release,
    virtual,
)

from romana.model.errors import RomanaError
from romana.net.prefix import Address, Prefix
from romana.ports.store import Lease, Listing, Store
from romana.reconcile import central
from romana.testing.invariants import require
from romana.testing.memory import MemoryStore

SEEDS = range(20)


class Shuffled:
    """The same store to everybody, but each call takes a moment, and some take for ever on either way."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store, self._dice = store, random.Random(seed)

    async def _dawdle(self) -> None:
        await asyncio.sleep(self._dice.choice((0.0, 0.001, 0.002, 0.002, 0.4)))

    async def read(self, prefix: str) -> Listing:
        await self._dawdle()
        listing = await self.store.read(prefix)
        await self._dawdle()
        return listing

    async def swap(self, key: str, value: bytes | None, expected: int, *, lease: str | None = None) -> int:
        await self._dawdle()
        revision = await self.store.swap(key, value, expected, lease=lease)
        await self._dawdle()
        return revision

    def watch(self, prefix: str, after: int) -> AbstractAsyncContextManager[object]:
        return self.store.watch(prefix, after)

    async def lease(self, seconds: float) -> Lease:
        return await self.store.lease(seconds)

    async def compact(self, revision: int) -> None:
        await self.store.compact(revision)

    async def close(self) -> None:
        await self.store.close()


async def _all(*calls: Awaitable[object]) -> list[object]:
    """Return what each returned, or its error's code."""

    async def one(call: Awaitable[object]) -> object:
        try:
            return await call
        except RomanaError as error:
            return error.code

    return await asyncio.gather(*map(one, calls))


async def _sound(store: MemoryStore) -> dict[str, list[str]]:
    now = await central.read_snapshot(store)
    require(now)
    return held(now)


async def _with_idle_block() -> MemoryStore:
    """Return the racks after n1 has claimed its first blocks, so that nothing but mirrors is swapped next."""
    store = await racks()
    await allocate(store, "first", "n1")
    await release(store, "first")
    return store


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("document", [SPREAD, PACKED], ids=["spread", "packed"])
@virtual
async def test_many_names_on_few_hosts(document: str, seed: int) -> None:
    store = await racks(document)
    slow = Shuffled(store, seed)
    granted = await _all(*(allocate(slow, f"p{n}", f"n{n % 2 + 1}", seed=n) for n in range(12)))
    assert await _sound(store) == {f"p{n}": addresses for n, addresses in enumerate(granted)}
    assert len({address for addresses in granted for address in addresses}) == 24  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", SEEDS)
@virtual
async def test_one_name_for_everybody_is_given_once(seed: int) -> None:
    store = await racks()
    slow = Shuffled(store, seed)
    answers = await _all(*(allocate(slow, "web", f"n{n % 2 + 1}", seed=seed + n) for n in range(6)))
    granted = [answer for answer in answers if isinstance(answer, list)]
    assert granted == [*(await _sound(store)).values()]
    assert answers.count("name-held") == 5


@pytest.mark.parametrize("seed", SEEDS)
@virtual
async def test_a_name_taken_and_given_back_all_the_time(seed: int) -> None:
    """Nobody is told that a name is his while somebody else holds it, not even one who is taken for dead."""
    store = await racks(PACKED)
    slow = Shuffled(store, seed)
    holder: list[str] = []

    async def use(host: str, number: int) -> None:
        for n in range(3):
            (addresses,) = await _all(allocate(slow, "web", host, seed=seed + number + n))
            if addresses == "name-held":
                continue
            assert isinstance(addresses, list)
            assert not holder
            holder.extend(addresses)
            assert held(await central.read_snapshot(slow)) == {"web": addresses}
            holder.clear()
            await release(slow, "web")

    await asyncio.gather(use("n1", 0), use("n2", 10), use("n1", 20))
    assert await _sound(store) == {}


@pytest.mark.parametrize("seed", SEEDS)
@virtual
async def test_what_is_reserved_meanwhile_is_not_given(seed: int) -> None:
    store = await _with_idle_block()
    slow, wanted = Shuffled(store, seed), Prefix.parse("10.1.0.0/23")
    answers = await _all(
        allocate(slow, "a", "n1", seed=seed),
        central.reserve(slow, wanted, means=means(seed)),
        allocate(slow, "b", "n1", seed=seed + 1),
    )
    inside = [a for both in (await _sound(store)).values() for a in both if Address.parse(a) in wanted]
    reserved = (await central.read_snapshot(store)).reservations
    assert bool(reserved) != bool(inside)
    assert (answers[1] == "addresses-in-use") == (not reserved)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("releases", [False, True])
@virtual
async def test_nothing_is_held_on_a_host_that_was_removed(seed: int, releases: bool) -> None:
    store = await _with_idle_block()
    if releases:
        await allocate(store, "before", "n1")
    slow = Shuffled(store, seed)
    answers = await _all(
        central.remove_host(slow, "n1", release=releases, means=means(seed)),
        *(allocate(slow, f"p{n}", "n1", seed=seed + n) for n in range(3)),
    )
    now = await central.read_snapshot(store)
    require(now)
    if answers[0] is None:
        assert "n1" not in now.hosts
        assert not held(now)
    else:
        assert answers[0] == "host-has-addresses"
        assert now.hosts["n1"].state == "ready"
        assert {f"p{n}": a for n, a in enumerate(answers[1:]) if isinstance(a, list)} == held(now)


@pytest.mark.parametrize("seed", SEEDS)
@virtual
async def test_an_address_has_one_host(seed: int) -> None:
    store = await racks()
    slow = Shuffled(store, seed)
    answers = await _all(*(add(slow, f"new-{n}", "192.168.9.9", "r1") for n in range(3)))
    hosts = (await central.read_snapshot(store)).hosts
    assert len([name for name in hosts if name.startswith("new")]) <= 1
    assert answers.count(None) == len([name for name in hosts if name.startswith("new")])
    assert {answer for answer in answers if answer is not None} <= {"host-address-taken"}


@pytest.mark.parametrize("seed", SEEDS)
@virtual
async def test_a_group_that_is_removed_strands_nobody(seed: int) -> None:
    store = await racks()
    slow = Shuffled(store, seed)
    answers = await _all(
        apply(slow, WITHOUT_R2), allocate(slow, "a", "n2", seed=seed), allocate(slow, "b", "n1")
    )
    now = await central.read_snapshot(store)
    require(now)
    gone = "r2" not in now.layout.networks[0].carving
    assert gone == (answers[0] is None)
    if not gone:
        assert answers[0] == "would-strand"
        assert not now.layout.networks[0].draining
        assert "a" in held(now)


@virtual
async def test_two_documents_at_once_leave_one_of_them() -> None:
    store = await racks()
    slow = Shuffled(store, 1)
    one, other = SPREAD.replace("r3", "ra"), SPREAD.replace("r3", "rb")
    assert await _all(apply(slow, one), apply(slow, other)) == [None, None]
    names = {
        group.name for group in (await central.read_snapshot(store)).layout.document.topologies[0].root.groups
    }
    assert names in ({"r1", "r2", "ra"}, {"r1", "r2", "rb"})
    require(await central.read_snapshot(store))


@virtual
async def test_somebody_who_loses_every_race_gives_up() -> None:
    store = await racks()

    class Lost(Shuffled):
        async def swap(
            self, key: str, value: bytes | None, expected: int, *, lease: str | None = None
        ) -> int:
            return await self.store.swap(key, value, expected + 99, lease=lease)

    with pytest.raises(RomanaError) as lost:
        await allocate(Lost(store, 1), "a", "n1")
    assert (lost.value.code, lost.value.exit_status) == ("swap-lost", 4)
