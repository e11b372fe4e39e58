"""The kernel's routes: every story, however it is told and whatever fails once, ends right and then holds still."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import chain

import pytest
from node_world import FaultyStore, Node, stored

from romana.model.errors import RefusedError, TransientError
from romana.model.host import HostName
from romana.model.route import DeviceName, Hop, Route, RouteKind, Table
from romana.model.snapshot import Snapshot
from romana.net.prefix import Address, Prefix
from romana.ports.kernel import Endpoint
from romana.reconcile.routes import GRACE, Routes
from romana.testing.journal import MemoryJournal
from romana.testing.kernel import FakePlumber, FakeRoutes, Trip
from romana.testing.time import VirtualClock, run_virtually

Planned = tuple[Route, ...]


def discard(prefix: str) -> Route:
    return Route(Prefix.parse(prefix), RouteKind.DISCARD)


def host(prefix: str, via: str) -> Route:
    return Route(Prefix.parse(prefix), RouteKind.HOST, (Hop(via=Address.parse(via)),))


EMPTY: Planned = ()
ALONE: Planned = (discard("10.1.0.0/16"), discard("10.1.0.0/29"))
PEER: Planned = (*ALONE, host("10.1.128.0/29", "192.168.1.2"))
PEER_GREW: Planned = (*ALONE, host("10.1.128.0/28", "192.168.1.2"))
PEER_MOVED: Planned = (*ALONE, host("10.1.128.0/29", "192.168.1.9"))
DUAL: Planned = (*PEER, host("fd00:1::/64", "fd00::2"), discard("fd00:1::/48"))
STORIES: dict[str, list[Planned]] = {
    "a peer arrives, leaves, returns": [ALONE, PEER, ALONE, PEER],
    "a peer moves to another address": [PEER, PEER_MOVED],
    "a peer's blocks grow together": [PEER, PEER_GREW],
    "a second family comes and goes": [PEER, DUAL, PEER],
}
RETELLINGS: dict[str, Callable[[list[Planned]], Sequence[Planned]]] = {
    "as told": lambda story: story,
    "backwards": lambda story: story[::-1],
    "ending only": lambda story: story[-1:],
    "every scene twice": lambda story: [s for s in story for _ in (1, 2)],
    "amnesia between scenes": lambda story: [*chain.from_iterable((s, EMPTY) for s in story), story[-1]],
}


class Kernel:
    """A node's routes over a fake kernel, with a plan that the test dictates."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, plan: Planned = EMPTY) -> None:
        self.plan, self.monkeypatch = plan, monkeypatch
        self.table = FakeRoutes(links={"eth0"}, resolve=_resolved)
        self.plumber = FakePlumber()
        monkeypatch.setattr("romana.reconcile.routes.fib", self._fib)

    async def start(self) -> Kernel:
        self.node = Node(FaultyStore(await stored(DOCUMENT)), MemoryJournal())
        await self.node.look()
        self.routes = Routes(
            self.table,
            self.plumber,
            self.node.view,
            self.node.ledger,
            VirtualClock(),
            lambda key: f"v{key.container}",
        )
        return self

    def _fib(self, device: DeviceName, _snapshot: Snapshot) -> Table:
        return Table.of(device, self.plan)

    async def becomes(self, plan: Planned) -> None:
        self.plan = plan
        self.node.view._changed()  # a new snapshot, as after any event

    async def plumb(self, container: str) -> Prefix:
        """What ADD does: an address, then a pair with its route."""
        (address,) = await self.node.add(container)
        prefix = Prefix.parse(f"{address}/32")
        endpoint = Endpoint(container, "eth0", "/ns", f"v{container}", (prefix.address(0),))
        self.plumber.namespaces.add("/ns")
        self.plumber.made[endpoint.host_interface] = endpoint
        self.table.links.add(endpoint.host_interface)
        await self.table.put([Route(prefix, RouteKind.ENDPOINT, (Hop(dev=endpoint.host_interface),))])
        return prefix

    def held(self) -> set[tuple[str, str]]:
        return {
            (str(r.prefix), str(r.hops[0].via or r.hops[0].dev) if r.hops else "-")
            for r in self.table.held.values()
        }


def _hop(route: Route) -> str:
    return str(route.hops[0].via or route.hops[0].dev) if route.hops else "-"


DOCUMENT = """
networks: [{name: pods, cidr: 10.1.0.0/16}]
topologies: [{networks: [pods], map: [{name: lan, hosts: [{name: n1, ip: 192.168.1.1}]}]}]
"""


def _resolved(hop: Hop) -> Hop:
    """The kernel adds the device to a gateway."""
    return Hop(via=hop.via, dev=hop.dev or "eth0")


def wanted(plan: Planned) -> set[tuple[str, str]]:
    return {(str(r.prefix), _hop(r)) for r in plan}


TRIPS = [Trip(), *(Trip(call, done) for call in ("list", "put", "drop") for done in (False, True))]


@pytest.mark.parametrize("trip", TRIPS, ids=lambda t: f"{t.call or 'nothing'}{' done' * t.done}")
@pytest.mark.parametrize("retell", RETELLINGS.values(), ids=RETELLINGS)
@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_every_telling_converges(
    story: list[Planned],
    retell: Callable[[list[Planned]], Sequence[Planned]],
    trip: Trip,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def telling() -> None:
        kernel = await Kernel(monkeypatch).start()
        kernel.table.trip = Trip(trip.call, trip.done)
        for plan in retell(story):
            await kernel.becomes(plan)
            try:
                await kernel.routes.once()
            except TransientError:
                await kernel.routes.once()
            assert kernel.held() == wanted(plan)
            assert (await kernel.routes.once()).changes == 0, "a second pass must find nothing to do"

    run_virtually(telling())


def test_nothing_is_cut_before_its_replacement_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        kernel = await Kernel(monkeypatch, PEER).start()
        await kernel.routes.once()
        kernel.table.calls.clear()
        await kernel.becomes(PEER_GREW)
        await kernel.routes.once()
        assert kernel.table.calls == ["put 10.1.128.0/28", "drop 10.1.128.0/29"]

    run_virtually(story())


def test_a_refused_route_holds_up_neither_the_rest_nor_its_predecessor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story() -> None:
        kernel = await Kernel(monkeypatch, (*PEER, host("10.1.64.0/29", "192.168.1.3"))).start()
        await kernel.routes.once()
        bad = Route(Prefix.parse("10.1.128.0/28"), RouteKind.HOST, (Hop(dev="gone0"),))
        await kernel.becomes((*ALONE, bad, host("10.1.200.0/29", "192.168.1.4")))
        with pytest.raises(RefusedError) as refused:
            await kernel.routes.once()
        assert [p.where for p in refused.value.problems] == ["10.1.128.0/28"]
        held = {prefix for prefix, _ in kernel.held()}
        assert "10.1.200.0/29" in held
        assert "10.1.128.0/29" in held, "what could not be replaced stays"
        assert "10.1.64.0/29" not in held

    run_virtually(story())


def test_an_endpoints_route_comes_back_and_goes_with_its_holder(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        kernel = await Kernel(monkeypatch, ALONE).start()
        pod = await kernel.plumb("a")
        await asyncio.sleep(GRACE + 1)
        await kernel.routes.once()
        assert (str(pod), "va") in kernel.held()
        kernel.table.held.clear()  # somebody deletes everything
        await kernel.routes.once()
        assert kernel.held() == wanted(ALONE) | {(str(pod), "va")}
        await kernel.node.delete("a")
        await kernel.routes.once()
        assert kernel.held() == wanted(ALONE)

    run_virtually(story())


def test_an_endpoint_whose_interface_is_not_there_gets_no_route(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        kernel = await Kernel(monkeypatch, ALONE).start()
        await kernel.node.add("rebooted")  # journal kept, namespaces gone
        await asyncio.sleep(GRACE + 1)
        await kernel.routes.once()
        assert kernel.held() == wanted(ALONE)

    run_virtually(story())


def test_a_new_endpoint_is_its_plumbers_business_first(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        kernel = await Kernel(monkeypatch, ALONE).start()
        pod = await kernel.plumb("a")
        del kernel.table.held[pod, 0]  # the pair exists, its route not yet
        done = await kernel.routes.once()
        assert (str(pod), "va") not in kernel.held()
        assert done.again is not None
        await asyncio.sleep(done.again + 0.01)
        await kernel.routes.once()
        assert (str(pod), "va") in kernel.held()

    run_virtually(story())


def test_before_the_store_is_read_only_endpoints_are_looked_after(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        kernel = await Kernel(monkeypatch, PEER).start()
        await kernel.routes.once()
        pod = await kernel.plumb("a")
        m = kernel.node.restarted()
        kernel.plan = EMPTY
        routes = Routes(
            kernel.table, kernel.plumber, m.view, m.ledger, VirtualClock(), lambda key: f"v{key.container}"
        )
        before = kernel.held()
        assert (await routes.once()).changes == 0
        assert kernel.held() == before
        del kernel.table.held[pod, 0]
        await routes.once()
        assert kernel.held() == before

    run_virtually(story())


def test_a_host_that_is_no_more_withdraws_what_was_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        kernel = await Kernel(monkeypatch, PEER).start()
        await kernel.routes.once()
        kernel.node.view.node = HostName("removed")
        await kernel.becomes(PEER)
        await kernel.routes.once()
        assert kernel.held() == set()

    run_virtually(story())
