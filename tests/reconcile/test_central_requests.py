"""What the command line asks of a running agent: both sides as they are, over one store in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import pytest
from central_world import add, allocate, give_agent, held, means, release, virtual
from node_world import FLAT, FaultyStore, Node, stored

from romana.model.errors import RomanaError, TransientError
from romana.model.host import HostName, HostState
from romana.ports.store import Store
from romana.reconcile import central
from romana.reconcile.addresses import PLUMBING
from romana.reconcile.serve_requests import Requests
from romana.testing.invariants import require
from romana.testing.journal import MemoryJournal
from romana.testing.memory import MemoryStore
from romana.testing.time import VirtualClock


@dataclass
class Site:
    """A store, and the agent of n1 on it; n2 has none."""

    store: Store
    agent: Node
    requests: Requests
    delay: float = 0.05
    """Seconds between two looks of the agent."""
    stands: bool = False

    async def serve(self) -> None:
        while True:
            await asyncio.sleep(self.delay)
            if not self.stands:
                await self.agent.look()
                await self.requests.once()

    async def litter(self) -> list[str]:
        return [r.key for r in (await self.store.read("requests/")).records]

    async def guards(self) -> list[str]:
        return [r.key for r in (await self.store.read("names/")).records]


@asynccontextmanager
async def site(text: str = FLAT, added: dict[str, str] | None = None) -> AsyncIterator[Site]:
    store = await stored(text, MemoryStore(VirtualClock()))
    for name, address in (added or {}).items():
        await add(store, name, address, "r1")
    await give_agent(store, "n1")
    n = Node(FaultyStore(store), MemoryJournal())
    await n.look()
    n.view.connected = True
    made = Site(store, n, Requests(n.store, n.view, n.ledger, n.mirror, n.addresses))
    serving = asyncio.create_task(made.serve())
    try:
        yield made
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


async def _held(s: Site) -> dict[str, list[str]]:
    return held(await central.read_snapshot(s.store))


@virtual
async def test_the_agent_allocates_and_releases() -> None:
    async with site() as s:
        (address,) = await allocate(s.store, "web", "n1")
        assert s.agent.held() == {"web": (address,)}
        assert await _held(s) == {"web": [address]}, "the store shows it when the call returns"
        assert await release(s.store, address) == [address]
        assert (s.agent.held(), await _held(s)) == ({}, {})
        assert (await s.litter(), await s.guards()) == ([], [])


@virtual
async def test_its_refusals_are_the_callers() -> None:
    async with site(FLAT.replace("10.1.0.0/16", "10.1.0.0/29")) as s:
        for n in range(8):
            await allocate(s.store, f"p{n}", "n1")
        with pytest.raises(RomanaError) as error:
            await allocate(s.store, "one more", "n1")
        assert (error.value.code, error.value.exit_status) == ("no-free-address", 3)
        assert "one more" in str(error.value)
        assert await s.litter() == []
        assert "names/one more" not in await s.guards()


@pytest.mark.parametrize(("first", "second"), [("n1", "n1"), ("n1", "n2"), ("n2", "n1")])
@virtual
async def test_a_name_is_one_hosts_whoever_writes(first: str, second: str) -> None:
    async with site() as s:
        got = await allocate(s.store, "web", first)
        with pytest.raises(RomanaError) as error:
            await allocate(s.store, "web", second)
        assert error.value.code == "name-held"
        assert first in str(error.value)
        assert await _held(s) == {"web": got}


@virtual
async def test_an_endpoints_name_is_held_too() -> None:
    async with site() as s:
        await s.agent.add("box")
        for block in s.agent.ledger.blocks.values():
            await s.agent.mirror.write(block)
        with pytest.raises(RomanaError) as error:
            await allocate(s.store, "box/eth0", "n2")
        assert error.value.code == "name-held"
        await asyncio.sleep(PLUMBING + 1)  # its ADD came to nothing, and its DEL never came
        assert await release(s.store, "box/eth0")
        assert s.agent.held() == {}


@pytest.mark.parametrize("wish", [lambda s: allocate(s, "web", "n1"), lambda s: release(s, "old")])
@virtual
async def test_a_silent_agent_is_told_and_the_request_withdrawn(wish: Callable[[Store], object]) -> None:
    async with site() as s:
        await allocate(s.store, "old", "n1")
        s.stands = True
        with pytest.raises(TransientError) as error:
            await wish(s.store)  # type: ignore[misc]
        assert (error.value.code, error.value.exit_status) == ("agent-silent", 5)
        assert "host n1" in str(error.value)
        assert await s.litter() == []
        s.stands = False
        await asyncio.sleep(1)
        assert [*s.agent.held()] == [*await _held(s)] == ["old"], "nobody carries it out later"
        assert await s.guards() == ["names/old"]


@virtual
async def test_an_answer_at_the_last_moment_is_used_or_undone() -> None:
    """Whenever the agent looks, what the caller is told is what the agent holds."""
    for hundredths in range(80, 120):
        async with site() as s:
            s.delay = hundredths / 100  # the caller waits 1 s
            await asyncio.sleep(0.05)
            answer: list[str] | str
            try:
                answer = await allocate(s.store, "web", "n1")
            except TransientError as error:
                answer = error.code
            await asyncio.sleep(3)
            assert [*map(list, s.agent.held().values())] == ([] if answer == "agent-silent" else [answer])


@virtual
async def test_a_caller_that_dies_leaves_no_request_behind() -> None:
    async with site() as s:
        s.stands = True
        calling = asyncio.create_task(allocate(s.store, "web", "n1"))
        await asyncio.sleep(0.1)
        assert len(await s.litter()) == 1
        assert isinstance(s.store, MemoryStore)
        killed = s.store.reach

        async def dead() -> object:
            if asyncio.current_task() is calling:
                raise asyncio.CancelledError
            return await killed()

        s.store.reach = dead  # type: ignore[method-assign,assignment]
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        assert len(await s.litter()) == 1
        await asyncio.sleep(means().patience + 3)
        assert await s.litter() == []
        s.stands = False
        await asyncio.sleep(1)
        assert s.agent.held() == {}
        with pytest.raises(RomanaError) as error:
            await allocate(s.store, "web", "n2")
        assert error.value.code == "name-held", "nobody knows that the agent did nothing, but the agent"
        with pytest.raises(RomanaError, match="nobody holds"):
            await release(s.store, "web")
        assert await allocate(s.store, "web", "n2")


@virtual
async def test_a_host_is_removed_with_what_its_agent_holds_if_the_agent_answers() -> None:
    hosts = {"n1": "192.168.1.1", "n2": "192.168.1.2"}
    async with site(FLAT[: FLAT.index("        hosts:")], hosts) as s:
        await allocate(s.store, "web", "n1")
        s.stands = True
        with pytest.raises(TransientError):
            await central.remove_host(s.store, "n1", release=True, means=means())
        assert (await central.read_snapshot(s.store)).hosts[HostName("n1")].state is HostState.READY
        s.stands = False
        await central.remove_host(s.store, "n1", release=True, means=means())
        now = await central.read_snapshot(s.store)
        assert ([*now.hosts], held(now), [*now.blocks()], s.agent.held()) == (["n2"], {}, [], {})
        require(now)
