"""The store's copy of this node's blocks: soon, not often, and right in the end."""

from __future__ import annotations

import asyncio

import pytest
from node_world import FAULTS, PACKED, FaultyStore, Node, node

from romana.model.errors import TransientError
from romana.reconcile.loop import Reconciler
from romana.testing.time import VirtualClock, run_virtually


async def same(n: Node) -> bool:
    """Whether the store's copy is what the node knows."""
    mirrored = {(b.network, b.prefix): (b.holdings, b.resting) for b in await n.mirrored()}
    return mirrored == {key: (b.holdings, b.resting) for key, b in n.ledger.blocks.items()}


def writes(store: FaultyStore) -> list[str]:
    return [key for key in store.swaps if key.startswith("blocks/")]


def test_a_change_is_copied_soon_and_then_at_most_once_in_five_seconds() -> None:
    async def story() -> None:
        async with node() as n:
            loop = Reconciler("mirror", n.mirror.once, clock=VirtualClock(), settle=0.3)
            n.mirror.poke = loop.poke
            await n.blocks.once()
            running = asyncio.ensure_future(loop.run())
            await asyncio.sleep(10)
            for i in range(4):
                await n.add(f"c{i}")
                await asyncio.sleep(0.5)
                if i == 0:
                    assert await same(n), "the first one goes out at once"
            assert len(writes(n.store)) == 1
            await asyncio.sleep(5)
            assert len(writes(n.store)) == 2
            assert await same(n)
            await asyncio.sleep(600)
            assert len(writes(n.store)) == 2, "nothing changed, nothing written"
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    run_virtually(story())


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", ["read", "swap"])
def test_a_write_that_fails_is_made_good(call: str, fault: str) -> None:
    async def story() -> None:
        async with node() as n:
            await n.add("a")
            n.store.fault = (call, fault)
            with pytest.raises(TransientError):
                await n.mirror.once()
            assert n.mirror.behind == 1
            await n.add("b")
            await n.store.deliver()
            await n.mirror.once()
            assert await same(n)
            assert n.mirror.behind == 0

    run_virtually(story())


def test_a_new_process_compares_once_and_writes_only_what_differs() -> None:
    async def story() -> None:
        async with node() as n:
            await n.add("a")
            await n.mirror.flush()
            m = n.restarted()
            before = len(writes(n.store))
            assert m.mirror.behind == 1
            assert (await m.mirror.once()).changes == 0
            assert len(writes(n.store)) == before
            await n.add("b")  # not mirrored by the old process
            o = n.restarted()
            assert (await o.mirror.once()).changes == 1
            assert await same(o)

    run_virtually(story())


def test_a_goodbye_does_not_wait_for_its_turn() -> None:
    async def story() -> None:
        async with node() as n:
            await n.add("a")
            await n.mirror.once()
            await n.add("b")
            assert not await same(n)
            await n.mirror.flush()
            assert await same(n)

    run_virtually(story())


def test_an_empty_new_block_costs_no_record_but_an_emptied_one_does() -> None:
    async def story() -> None:
        async with node(PACKED) as n:
            await n.add("a", segment="x")
            await n.mirror.once()
            await n.delete("a")
            await n.mirror.flush()
            assert await same(n)
        async with node() as n:
            await n.blocks.once()
            await n.mirror.once()
            assert writes(n.store) == []

    run_virtually(story())
