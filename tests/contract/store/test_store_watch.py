"""The contract of watches: every revision once, in order, whole; resumed where one left off."""

from __future__ import annotations

import asyncio

import pytest
from store_harness import following, told

from romana.model.errors import RomanaError
from romana.ports.store import Batch, CompactedError, Event, Store


async def _fill(store: Store) -> None:
    """Revisions 1 to 5: a/1 made, b/1 made, a/1 changed, a/2 made, a/1 deleted."""
    await store.swap("a/1", b"x", 0)
    await store.swap("b/1", b"x", 0)
    await store.swap("a/1", b"y", 1)
    await store.swap("a/2", b"z", 0)
    await store.swap("a/1", None, 3)


ALL = [
    Batch(1, (Event("a/1", b"x", 1),)),
    Batch(2, (Event("b/1", b"x", 2),)),
    Batch(3, (Event("a/1", b"y", 3),)),
    Batch(4, (Event("a/2", b"z", 4),)),
    Batch(5, (Event("a/1", None, 5),)),
]


@pytest.mark.parametrize("after", range(6))
@pytest.mark.parametrize("prefix", ["", "a/", "b/", "c/"])
async def test_it_tells_what_came_after(store: Store, other: Store, prefix: str, after: int) -> None:
    await _fill(store)
    async with other.watch(prefix, after) as batches:
        await store.swap(f"{prefix}last", b"", 0)
        wanted = [b for b in ALL if b.revision > after and b.events[0].key.startswith(prefix)]
        assert await following(batches, len(wanted)) == wanted
        assert told((await following(batches, 1))[0]) == [(f"{prefix}last", b"")]


async def test_it_hears_of_what_is_written_while_it_waits(store: Store, other: Store) -> None:
    async with store.watch("", 0) as own, other.watch("", 0) as others:
        waiting = [asyncio.ensure_future(following(w, 1)) for w in (own, others)]
        await asyncio.sleep(0)
        await store.swap("a", b"1", 0)
        assert await asyncio.gather(*waiting) == [[Batch(1, (Event("a", b"1", 1),))]] * 2


async def test_resumed_at_the_last_batch_it_repeats_and_misses_nothing(store: Store, other: Store) -> None:
    await _fill(store)
    seen: list[Batch] = []
    for _ in ALL:
        async with other.watch("", seen[-1].revision if seen else 0) as batches:
            seen += await following(batches, 1)
    assert seen == ALL


async def test_a_cancelled_wait_loses_nothing(store: Store, other: Store) -> None:
    async with other.watch("", 0) as batches:
        for round_ in range(5):
            waiting = asyncio.ensure_future(anext(batches))
            await asyncio.sleep(0.001 * round_)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            if waiting.cancelled():
                await store.swap("a", b"%d" % round_, (await store.read("a")).revision)
                (batch,) = await following(batches, 1)
                assert told(batch) == [("a", b"%d" % round_)]


async def test_watches_do_not_take_from_each_other(store: Store) -> None:
    async with store.watch("a/", 0) as some, store.watch("", 0) as everything:
        await _fill(store)
        async with store.watch("", 2) as late:
            assert await following(late, 3) == ALL[2:]
        assert await following(some, 4) == [b for b in ALL if b.revision != 2]
        assert await following(everything, 5) == ALL


async def test_several_writers_are_told_in_one_order(store: Store, other: Store) -> None:
    async def write(client: Store, name: str) -> None:
        for n in range(20):
            await client.swap(f"{name}/{n}", b"", 0)

    async with store.watch("", 0) as batches, other.watch("", 0) as elsewhere:
        _, _, here, there = await asyncio.gather(
            write(store, "s"), write(other, "o"), following(batches, 40), following(elsewhere, 40)
        )
    assert here == there
    assert [batch.revision for batch in here] == [*range(1, 41)]


async def test_after_compaction_it_goes_on_from_there_only(store: Store, other: Store) -> None:
    await _fill(store)
    before = await store.read("")
    await store.compact(3)
    assert await other.read("") == before
    for after in range(3):
        with pytest.raises(CompactedError):
            async with other.watch("", after) as batches:
                await following(batches, 1)
    async with other.watch("", 3) as batches:
        assert await following(batches, 2) == ALL[3:]


async def test_compaction_is_not_undone_and_stops_at_the_present(store: Store) -> None:
    await _fill(store)
    await store.compact(99)
    await store.compact(1)
    assert await store.swap("new", b"", 0) == 6
    with pytest.raises(CompactedError):
        async with store.watch("", 4) as batches:
            await following(batches, 1)
    async with store.watch("", 5) as batches:
        assert [b.revision for b in await following(batches, 1)] == [6]


async def test_a_watch_that_has_seen_it_does_not_need_history(store: Store, other: Store) -> None:
    async with store.watch("", 0) as batches:
        await _fill(other)
        assert await following(batches, 5) == ALL
        await other.compact(5)
        await other.swap("new", b"", 0)
        assert [b.revision for b in await following(batches, 1)] == [6]


async def test_a_revision_that_has_not_been_is_a_store_that_was_put_back(store: Store) -> None:
    await _fill(store)
    with pytest.raises(CompactedError):
        async with store.watch("", 6) as batches:
            await following(batches, 1)


async def test_a_watch_ends_with_its_store(store: Store) -> None:
    async with store.watch("", 0) as batches:
        waiting = asyncio.ensure_future(following(batches, 1))
        await asyncio.sleep(0)
        await store.close()
        with pytest.raises(RomanaError):
            await waiting
