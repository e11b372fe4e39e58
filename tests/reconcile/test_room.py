"""Readiness is the truth: no obstacle exactly where an ADD would succeed now."""

from __future__ import annotations

from dataclasses import replace

import pytest
from node_world import FLAT, PACKED, TINY, FaultyStore, Node, node

from romana.model.errors import RomanaError
from romana.model.host import Host, HostName
from romana.model.topology import GroupPath
from romana.net.prefix import Address
from romana.testing.journal import MemoryJournal
from romana.testing.time import run_virtually
from romana.wire.records import decode_layout, encode_host, encode_layout, host_key, layout_key

TINY_PACKED = PACKED.replace("10.1.0.0/16", "10.1.0.0/28")
LABELLED = TINY.replace("name: lan", "name: lan\n        assignment: {rack: r1}")


async def refused(n: Node) -> bool:
    """Whether an ADD is refused now. One that is not is undone."""
    try:
        await n.add("probe")
    except RomanaError:
        return True
    await n.delete("probe")
    return False


async def neighbour(n: Node) -> Node:
    """Return n2, on the same store."""
    other = Node(FaultyStore(n.store.store), MemoryJournal(), name="n2")
    await other.look()
    return other


async def drain(n: Node, path: str) -> None:
    """Set the group draining in the store."""
    (record,) = (await n.store.read(layout_key())).records
    layout = decode_layout(record.key, record.value)
    networks = tuple(replace(c, draining=frozenset({GroupPath(path)})) for c in layout.networks)
    await n.store.swap(record.key, encode_layout(replace(layout, networks=networks)), record.revision)
    await n.look()


def test_a_block_that_another_host_yields_makes_a_full_network_ready_again() -> None:
    async def story() -> None:
        async with node(TINY_PACKED) as n:
            other = await neighbour(n)
            await other.add("theirs")
            for i in range(8):
                await n.add(f"c{i}")
            assert "10.1.0.0/28" in n.addresses.obstacles()[0], "before any ADD failed"
            assert await refused(n)
            await other.delete("theirs")
            await other.blocks.once()
            await n.look()
            assert not n.addresses.obstacles(), "without an ADD"
            assert not await refused(n)

    run_virtually(story())


def test_a_host_without_a_block_in_a_full_group_is_not_ready() -> None:
    async def story() -> None:
        async with node(TINY) as n:
            assert not n.addresses.obstacles()
            other = await neighbour(n)
            for i in range(16):
                await other.add(f"c{i}")
            await n.look()
            assert "no free /29 block" in n.addresses.obstacles()[0]
            assert await refused(n)

    run_virtually(story())


def test_a_misplaced_host_is_ready_as_long_as_its_block_has_room() -> None:
    async def story() -> None:
        async with node(LABELLED) as n:
            name = HostName("n1")
            address = (Address.parse("192.168.1.1"),)
            for i in range(7):
                await n.add(f"c{i}")
            record = encode_host(Host(name, address, labels={"rack": "r2"}, listed=True))
            await n.store.swap(host_key(name), record, 0)
            await n.look()
            assert not n.addresses.obstacles()
            await n.add("c7")
            assert "no longer fits" in n.addresses.obstacles()[0]
            assert await refused(n)

    run_virtually(story())


@pytest.mark.parametrize("path", ["lan", ""])
def test_what_is_being_emptied_gives_nothing_though_blocks_have_room(path: str) -> None:
    async def story() -> None:
        async with node(FLAT) as n:
            await n.add("a")
            await drain(n, path)
            assert "is being emptied" in n.addresses.obstacles()[0]
            assert await refused(n)

    run_virtually(story())


def test_a_store_that_is_away_matters_once_the_blocks_are_full() -> None:
    async def story() -> None:
        async with node(PACKED) as n:
            assert not n.addresses.obstacles()
            await n.add("c0")
            n.store.away, n.view.connected = True, False
            for i in range(1, 8):
                assert not n.addresses.obstacles()
                await n.add(f"c{i}")
            assert "the store does not answer" in n.addresses.obstacles()[0]
            assert await refused(n)
            n.store.away = False
            await n.look()
            assert not n.addresses.obstacles(), "no fault is remembered"

    run_virtually(story())


def test_the_plan_is_asked_once_per_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    from romana.reconcile import room

    asked = []
    real = room.claim
    monkeypatch.setattr(room, "claim", lambda *a: asked.append(a) or real(*a))

    async def story() -> None:
        async with node(PACKED) as n:
            for _ in range(5):
                assert not n.addresses.obstacles()
            assert len(asked) == 1
            await n.look()
            assert not n.addresses.obstacles()
            assert len(asked) == 2

    run_virtually(story())
