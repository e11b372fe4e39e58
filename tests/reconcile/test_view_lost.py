"""A store that was lost is no new store: the node goes on from what it knows, and claims nothing there."""

from __future__ import annotations

from pathlib import Path

import pytest
from node_world import FLAT, FaultyStore, Node, request, stored

from romana.apps.agent.parts import Parts, World
from romana.model.errors import RefusedError, TransientError
from romana.model.host import AgentMark, HostName
from romana.reconcile.keepsake import Keepsake
from romana.testing.journal import MemoryJournal
from romana.testing.kernel import FakePlumber, FakeRoutes
from romana.testing.memory import MemoryStore
from romana.testing.time import run_virtually
from romana.wire.journal import seen


async def served() -> tuple[Node, tuple[str, ...]]:
    """Return a node that handed out one address and remembers the store in its journal."""
    n = Node(FaultyStore(await stored(FLAT)), MemoryJournal())
    await n.look()
    got = await n.add("a")
    await Keepsake(n.view, n.journal).once()
    return n, got


def test_a_restart_against_an_empty_store_serves_from_the_journal() -> None:
    async def story() -> None:
        n, got = await served()
        n.store.store = MemoryStore()
        m = n.restarted()
        m.view.recall(seen(m.journal.entries))
        for _ in range(2):
            with pytest.raises(RefusedError, match="holds no layout") as error:
                await m.look()
            assert error.value.code == "store-went-back"
        assert not m.view.complete
        assert m.view.snapshot.layout == n.view.snapshot.layout
        assert await m.add("a") == got
        others = [await m.add(f"c{i}") for i in range(7)]
        assert got not in others
        with pytest.raises(TransientError) as silent:
            await m.add("one-more")
        assert silent.value.code == "store-silent", "no block is claimed in a store that lists none"
        assert not (await m.store.read("")).records
        assert (await Keepsake(m.view, m.journal).once()).changes == 0
        assert seen(m.restarted().journal.entries) == seen(m.journal.entries)

    run_virtually(story())


def test_the_agent_starts_against_an_empty_store(tmp_path: Path) -> None:
    async def story() -> None:
        n, got = await served()
        world = World(MemoryStore(), n.journal.reopened(), FakeRoutes(), FakePlumber(), n.clock)
        parts = Parts(world, HostName("n1"), AgentMark("journal", "boot"), tmp_path)
        await parts.look()
        await parts.first_pass()
        assert not parts.view.complete
        assert not parts.addresses.obstacles()
        again = await parts.addresses.allocate(request("a"))
        assert tuple(str(h.address) for h in again.holdings) == got

    run_virtually(story())


def test_the_store_that_comes_back_is_believed_again() -> None:
    async def story() -> None:
        n, _ = await served()
        true, n.store.store = n.store.store, MemoryStore()
        m = n.restarted()
        m.view.recall(seen(m.journal.entries))
        with pytest.raises(RefusedError):
            await m.look()
        m.store.store = true
        await m.look()
        assert m.view.complete
        assert not m.addresses.obstacles()

    run_virtually(story())


def test_a_store_lost_while_the_agent_runs_is_not_claimed_in() -> None:
    async def story() -> None:
        n, _ = await served()
        n.store.store = MemoryStore()
        for i in range(7):
            await n.add(f"c{i}")
        with pytest.raises(RefusedError) as error:
            await n.add("one-more")
        assert error.value.code == "store-went-back"
        assert not (await n.store.read("")).records
        assert n.view.snapshot.extents

    run_virtually(story())


def test_a_store_that_never_held_a_layout_is_merely_empty() -> None:
    async def story() -> None:
        n = Node(FaultyStore(MemoryStore()), MemoryJournal())
        await n.look()
        await n.look()
        assert n.view.complete
        assert n.addresses.obstacles()

    run_virtually(story())
