"""The contract of reads and swaps."""

from __future__ import annotations

import asyncio

import pytest
from store_harness import values

from romana.model.errors import StaleError, TransientError
from romana.ports.store import Listing, Record, Store, SwapLost

KEYS = [
    "",
    "a",
    "a/",
    "a/b",
    "a/b/c",
    "a0",
    "a%",
    "a_",
    "ab",
    "ä",
    "a\U0010ffff",
    "a\U0010ffffz",
    "b",
    "ä/ö",
    "z",
]


async def test_an_empty_store_is_at_revision_0(store: Store) -> None:
    assert await store.read("") == Listing((), 0)


async def test_every_write_gets_the_next_revision_of_the_whole_store(store: Store, other: Store) -> None:
    assert await store.swap("a", b"1", 0) == 1
    assert await other.swap("b", b"2", 0) == 2
    assert await store.swap("a", b"3", 1) == 3
    assert await other.swap("b", None, 2) == 4
    assert await store.read("") == Listing((Record("a", b"3", 3),), 4)
    assert await other.read("") == await store.read("")


async def test_the_same_value_again_is_a_write(store: Store) -> None:
    assert await store.swap("a", b"1", 0) == 1
    assert await store.swap("a", b"1", 1) == 2


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("there", b"new", 0),
        ("there", b"new", 2),
        ("there", b"new", 99),
        ("there", None, 0),
        ("there", None, 2),
        ("absent", b"new", 1),
        ("absent", None, 1),
    ],
)
async def test_a_lost_swap_says_where_the_record_is_and_writes_nothing(
    store: Store, key: str, value: bytes | None, expected: int
) -> None:
    await store.swap("there", b"old", 0)
    await store.swap("more", b"x", 0)
    before = await store.read("")
    with pytest.raises(SwapLost) as lost:
        await store.swap(key, value, expected)
    assert (lost.value.key, lost.value.expected) == (key, expected)
    assert lost.value.actual == (1 if key == "there" else 0)
    assert await store.read("") == before


async def test_what_does_not_exist_cannot_be_deleted(store: Store) -> None:
    with pytest.raises(StaleError, match="absent"):
        await store.swap("absent", None, 0)
    assert (await store.read("")).revision == 0


async def test_a_deleted_record_is_made_anew_from_0(store: Store) -> None:
    await store.swap("a", b"1", 0)
    await store.swap("a", None, 1)
    with pytest.raises(SwapLost):
        await store.swap("a", b"2", 1)
    assert await store.swap("a", b"2", 0) == 3


@pytest.mark.parametrize("prefix", KEYS)
async def test_a_prefix_means_exactly_the_keys_that_start_with_it(store: Store, prefix: str) -> None:
    for key in KEYS:
        await store.swap(key, key.encode(), 0)
    found = values(await store.read(prefix))
    assert [*found] == sorted(key for key in KEYS if key.startswith(prefix))
    assert all(value == key.encode() for key, value in found.items())


@pytest.mark.parametrize(
    "value", [b"", b"\0", b"\xff" * 3, bytes(1 << 20)], ids=["empty", "nul", "ff", "1 MB"]
)
async def test_values_come_back_as_they_were(store: Store, other: Store, value: bytes) -> None:
    await store.swap("a", value, 0)
    assert values(await other.read("a")) == {"a": value}


async def test_of_many_swaps_of_one_record_one_wins(store: Store, other: Store) -> None:
    async def swap(client: Store, value: int) -> bool:
        try:
            await client.swap("a", b"%d" % value, 0)
        except SwapLost:
            return False
        return True

    won = await asyncio.gather(*(swap(client, n) for n, client in enumerate([store, other] * 5)))
    assert won.count(True) == 1
    assert values(await store.read("")) == {"a": b"%d" % won.index(True)}


async def test_counting_together_counts_everything(store: Store, other: Store) -> None:
    """Nothing is lost between a read and the swap that follows from it."""

    async def count(client: Store) -> None:
        for _ in range(10):
            while True:
                listing = await client.read("n")
                value, revision = (
                    (int(listing.records[0].value), listing.records[0].revision)
                    if listing.records
                    else (0, 0)
                )
                try:
                    await client.swap("n", b"%d" % (value + 1), revision)
                    break
                except SwapLost:
                    await asyncio.sleep(0)

    await asyncio.gather(count(store), count(other), count(store))
    assert values(await store.read("n")) == {"n": b"30"}


async def test_a_closed_store_answers_nothing(store: Store) -> None:
    await store.close()
    await store.close()
    for call in (store.read(""), store.swap("a", b"", 0), store.lease(1), store.compact(0)):
        with pytest.raises(TransientError):
            await call
