"""Claims and yields: whatever happens to a swap, a block is ours exactly when the store says so."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from node_world import FAULTS, FLAT, PACKED, PLANNED, TINY, Node, node

from romana.model.block import Owner, Writer
from romana.model.errors import RomanaError, StaleError, TransientError
from romana.model.host import HostName
from romana.testing.journal import MemoryJournal
from romana.testing.time import run_virtually
from romana.wire.records import encode_extent, extent_key


async def agrees(n: Node) -> None:
    """Let the node come to rest; then store and ledger name the same blocks under the same epochs."""
    await n.store.deliver()
    for _ in range(6):
        try:
            await n.blocks.once()
            await n.mirror.once()
        except RomanaError:
            await asyncio.sleep(1)
        await n.look()
    claims = {(c.prefix, c.epoch) for c in await n.claims_of()}
    assert claims == {(b.prefix, b.epoch) for b in n.ledger.blocks.values()}
    assert not n.ledger.intents
    assert not n.ledger.lost
    again = n.restarted()
    assert again.ledger.blocks.keys() == n.ledger.blocks.keys()
    assert not again.ledger.intents


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("restart", [False, True], ids=["goes on", "restarts"])
def test_an_unanswered_claim_is_used_only_after_a_fresh_read_showed_what_happened(
    fault: str, restart: bool
) -> None:
    async def story() -> None:
        async with node() as n:
            n.store.fault = ("swap", fault)
            with pytest.raises(TransientError):
                await n.add("a")
            assert n.ledger.intents
            assert not n.ledger.blocks
            assert "a/eth0" not in n.held()
            if restart:
                n = n.restarted()
                assert n.ledger.intents
                await n.look()
            await agrees(n)
            await n.add("a")
            await agrees(n)

    run_virtually(story())


@pytest.mark.parametrize("call", ["read", "swap"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("text", [FLAT, PACKED, PLANNED], ids=["flat", "packed", "planned"])
def test_each_call_failing_once_changes_nothing_in_the_end(call: str, fault: str, text: str) -> None:
    async def story() -> None:
        async with node(text) as n:
            for act in (n.blocks.once, lambda: n.add("a"), lambda: n.add("b"), lambda: n.delete("a")):
                n.store.fault = (call, fault)
                for _ in range(4):  # as the loops and the runtime do
                    try:
                        await act()
                        break
                    except (TransientError, StaleError):
                        n.store.fault = None
                        await n.look()
                n.store.fault = None
                await agrees(n)
            assert set(n.held()) == {"b/eth0"}

    run_virtually(story())


def test_two_hosts_race_for_the_last_blocks_and_share_none() -> None:
    async def story() -> None:
        async with node(TINY) as n:
            others = [Node(n.store, MemoryJournal(), name) for name in ("n2", "n3")]
            nodes = [n, *others]
            for other in others:
                await other.look()  # all three decide on the same, soon outdated view
            outcomes = await asyncio.gather(*(m.add("a") for m in nodes), return_exceptions=True)
            granted = [o for o in outcomes if isinstance(o, tuple)]
            refused = [o for o in outcomes if not isinstance(o, tuple)]
            assert len(granted) == len(set(granted)) == 2
            assert [getattr(o, "code", o) for o in refused] == ["no-free-address"]

    run_virtually(story())


def test_the_first_pod_finds_a_block_and_half_full_means_another() -> None:
    async def story() -> None:
        async with node() as n:
            await n.blocks.once()
            assert len(await n.claims_of()) == 1
            assert (await n.blocks.once()).changes == 0, "a pass after convergence changes nothing"
            for i in range(5):
                await n.add(f"c{i}")
            await n.blocks.once()
            claims = await n.claims_of()
            assert [str(c.prefix.parent()) for c in claims] == [str(claims[0].prefix.parent())] * 2, "buddies"
            assert all(c.writer is Writer.AGENT for c in claims)

    run_virtually(story())


def test_the_hosts_own_prefix_is_taken_before_its_first_pod_whoever_owns_blocks() -> None:
    async def story() -> None:
        text = PLANNED.replace("block_mask: 29", "block_mask: 29, owner: tenant")
        async with node(text) as n:
            assert (await n.blocks.once()).changes == 1
            extents = [e for e in (await n.snapshot()).extents.values() if e.host == HostName("n1")]
            assert [e.prefix.length for e in extents] == [24]
            assert await n.claims_of() == []
            assert (await n.blocks.once()).changes == 0

    run_virtually(story())


def test_packed_blocks_go_back_when_their_last_address_does() -> None:
    async def story() -> None:
        async with node(PACKED) as n:
            await n.add("a", segment="x")
            await n.blocks.once()
            assert len(await n.claims_of()) == 1
            await n.delete("a")
            await n.blocks.once()
            assert await n.claims_of() == []
            assert n.ledger.blocks == {}
            assert n.restarted().ledger.blocks == {}
            extent = next(iter((await n.snapshot()).extents.values()))
            assert [(str(c.prefix), c.owner) for c in extent.blocks] == [("10.1.0.0/29", None)]
            assert await n.add("b", segment="y") == ("10.1.0.0",), "listed, and taken again"

    run_virtually(story())


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("nth", [0, 1], ids=["mirror", "extent"])
def test_a_yield_that_fails_is_finished_and_its_block_never_used_meanwhile(fault: str, nth: int) -> None:
    async def story() -> None:
        async with node(PACKED) as n:
            await n.add("a", segment="x")
            await n.mirror.once()
            await n.delete("a")
            if nth:
                for block in list(n.ledger.blocks.values()):
                    n.ledger.put(replace(block, closed=True))
                await n.mirror.flush()  # so that the next swap is the extent's
            n.store.fault = ("swap", fault)
            with pytest.raises(TransientError):
                await n.blocks.once()
            assert all(b.closed for b in n.ledger.blocks.values())
            await agrees(n)
            assert await n.claims_of() == []

    run_virtually(story())


def test_a_spread_host_keeps_one_empty_block_and_gives_the_others_back_after_a_while() -> None:
    async def story() -> None:
        async with node() as n:
            for i in range(20):
                await n.add(f"c{i}")
            before = len(await n.claims_of())
            for i in range(20):
                await n.delete(f"c{i}")
            await asyncio.sleep(31)
            await n.blocks.once()
            assert len(await n.claims_of()) >= before, "cooling down"
            await asyncio.sleep(301)
            await n.blocks.once()
            assert len(await n.claims_of()) == 1
            await agrees(n)

    run_virtually(story())


def test_a_block_that_the_store_gave_to_another_is_neither_used_nor_routed() -> None:
    async def story() -> None:
        async with node() as n:
            await n.add("a")
            extent = next(iter((await n.snapshot()).extents.values()))
            stolen = replace(extent.blocks[0], owner=Owner(HostName("n2")), epoch=extent.epoch + 1)
            key = extent_key(extent.network, extent.prefix)
            value = encode_extent(replace(extent, blocks=(stolen,), epoch=extent.epoch + 1))
            await n.store.swap(key, value, n.view.revision_of(key))
            await n.look()
            await n.blocks.once()
            holder = n.ledger.holders["a/eth0"]
            assert list(n.ledger.routable(holder)) == []
            assert await n.add("b") != n.held()["a/eth0"]
            assert (stolen.prefix, stolen.epoch) not in {(b.prefix, b.epoch) for b in n.ledger.usable()}
            await n.delete("a")
            await n.blocks.once()
            assert not n.ledger.lost

    run_virtually(story())
