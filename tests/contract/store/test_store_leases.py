"""The contract of leases: their records vanish with them, in one revision, and everybody hears of it."""

from __future__ import annotations

import asyncio

import pytest
from store_harness import Backend, following, told, values

from romana.model.errors import StaleError
from romana.ports.store import Store


async def test_records_vanish_together_when_the_lease_ends(
    backend: Backend, store: Store, other: Store
) -> None:
    lease = await store.lease(10)
    await store.swap("b", b"", 0, lease=lease.id)
    await store.swap("a", b"", 0, lease=lease.id)
    await store.swap("kept", b"", 0)
    backend.clock.advance(9.9)
    assert [*values(await other.read(""))] == ["a", "b", "kept"]
    backend.clock.advance(0.1)
    assert [*values(await other.read(""))] == ["kept"]
    async with store.watch("", 3) as batches:
        (batch,) = await following(batches, 1)
    assert batch.revision == 4
    assert told(batch) == [("a", None), ("b", None)]


async def test_a_waiting_watch_hears_of_the_end(backend: Backend, store: Store, other: Store) -> None:
    lease = await store.lease(10)
    await store.swap("a", b"", 0, lease=lease.id)
    async with other.watch("", 1) as batches:
        waiting = asyncio.ensure_future(following(batches, 1))
        await asyncio.sleep(0)
        backend.clock.advance(10)
        assert told((await waiting)[0]) == [("a", None)]


async def test_renewed_it_lives_as_long_again(backend: Backend, store: Store) -> None:
    lease = await store.lease(10)
    await store.swap("a", b"", 0, lease=lease.id)
    for _ in range(5):
        backend.clock.advance(9)
        await lease.renew()
    assert [*values(await store.read(""))] == ["a"]
    backend.clock.advance(10)
    assert [*values(await store.read(""))] == []


async def test_revoked_it_ends_at_once_and_again_is_no_error(store: Store, other: Store) -> None:
    lease = await store.lease(10)
    await store.swap("a", b"", 0, lease=lease.id)
    await lease.revoke()
    assert (await other.read("")).revision == 2
    assert [*values(await other.read(""))] == []
    await lease.revoke()
    assert (await other.read("")).revision == 2


async def test_a_lease_without_records_ends_without_a_revision(backend: Backend, store: Store) -> None:
    await store.lease(10)
    backend.clock.advance(11)
    assert (await store.read("")).revision == 0


async def test_an_ended_lease_cannot_be_used(backend: Backend, store: Store, other: Store) -> None:
    lease = await store.lease(10)
    backend.clock.advance(10)
    with pytest.raises(StaleError) as gone:
        await lease.renew()
    assert gone.value.code == "lease-gone"
    with pytest.raises(StaleError) as gone:
        await other.swap("a", b"", 0, lease=lease.id)
    assert gone.value.code == "lease-gone"
    assert (await store.read("")).revision == 0


async def test_the_last_write_says_which_lease_a_record_hangs_on(backend: Backend, store: Store) -> None:
    short, long = await store.lease(10), await store.lease(20)
    for key in ("detached", "moved", "made-anew"):
        await store.swap(key, b"", 0, lease=short.id)
    await store.swap("attached", b"", 0)
    await store.swap("detached", b"", 1)
    await store.swap("moved", b"", 2, lease=long.id)
    await store.swap("made-anew", None, 3)
    await store.swap("made-anew", b"", 0)
    await store.swap("attached", b"", 4, lease=short.id)
    backend.clock.advance(10)
    assert [*values(await store.read(""))] == ["detached", "made-anew", "moved"]
    backend.clock.advance(10)
    assert [*values(await store.read(""))] == ["detached", "made-anew"]


async def test_a_lost_swap_leaves_the_lease_as_it_was(backend: Backend, store: Store) -> None:
    lease = await store.lease(10)
    await store.swap("a", b"", 0, lease=lease.id)
    with pytest.raises(StaleError):
        await store.swap("a", b"", 0)
    backend.clock.advance(10)
    assert [*values(await store.read(""))] == []
