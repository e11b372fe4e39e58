"""What every RouteTable keeps, checked on the fake and on the kernel."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from romana.edges.netlink.routes import KernelRoutes
from romana.model.errors import RefusedError
from romana.model.route import Hop, Route, RouteKind
from romana.net.prefix import Address, Prefix
from romana.ports.kernel import RouteTable
from romana.testing import namespaces
from romana.testing.kernel import FakeRoutes

PEERS = {4: Address.parse("192.168.0.2"), 6: Address.parse("fd01::2")}
DEVICE = "uplink"


@dataclass
class World:
    table: RouteTable
    foreign: set[Prefix]
    """Add to it through `intrude`."""
    namespace: namespaces.Namespace | None = None

    def intrude(self, prefix: str) -> None:
        """Somebody else adds a route."""
        self.foreign.add(Prefix.parse(prefix))
        if self.namespace:
            self.namespace.run(f"ip route add {prefix} via 192.168.0.9 proto static")

    def intruders(self) -> set[Prefix]:
        if self.namespace is None:
            return self.foreign
        lines = self.namespace.run("ip -N route show proto 4").splitlines()
        return {Prefix.tolerant(line.split()[0]) for line in lines if "192.168.0.9" in line}


@pytest.fixture(params=["fake", pytest.param("kernel", marks=pytest.mark.root)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "fake":
        table = FakeRoutes(links={DEVICE, "lo"}, resolve=lambda hop: Hop(hop.via, hop.dev or DEVICE))
        yield World(table, table.foreign)
        return
    space = namespaces.fresh()
    space.run(
        f"ip link set lo up; ip link add {DEVICE} type veth peer name far; ip link set {DEVICE} up;"
        f"ip link set far up; ip addr add 192.168.0.1/24 dev {DEVICE}; ip addr add fd01::1/64 dev {DEVICE} nodad"
    )
    with space.entered():
        kernel = KernelRoutes()
        yield World(kernel, set(), space)
        kernel.close()
    space.close()


def host(prefix: str, *, via: Address | None = None, dev: str | None = DEVICE, metric: int = 0) -> Route:
    parsed = Prefix.parse(prefix)
    return Route(parsed, RouteKind.HOST, (Hop(via or PEERS[parsed.version], dev),), metric)


def discard(prefix: str) -> Route:
    return Route(Prefix.parse(prefix), RouteKind.DISCARD)


def endpoint(prefix: str) -> Route:
    return Route(Prefix.parse(prefix), RouteKind.ENDPOINT, (Hop(None, DEVICE),))


SHAPES = [
    host("10.1.0.0/24"),
    host("10.1.0.0/24", metric=50),
    host("fd00:1::/64"),
    host("fd00:1::/64", metric=50),
    host("0.0.0.0/0"),
    host("::/0"),
    discard("10.0.0.0/8"),
    discard("fd00::/16"),
    endpoint("10.1.2.3/32"),
    endpoint("fd00:1::3/128"),
    Route(
        Prefix.parse("10.9.0.0/16"),
        RouteKind.HOST,
        (Hop(PEERS[4], DEVICE), Hop(Address.parse("192.168.0.3"), DEVICE)),
    ),
    Route(
        Prefix.parse("fd09::/32"),
        RouteKind.HOST,
        (Hop(PEERS[6], DEVICE), Hop(Address.parse("fd01::3"), DEVICE)),
    ),
]


async def listed(world: World) -> list[Route]:
    return sorted(await world.table.list(), key=lambda r: (r.prefix, r.metric))


@pytest.mark.parametrize("route", SHAPES, ids=lambda r: f"{r.kind}-{r.prefix}-{r.metric}-{len(r.hops)}")
async def test_what_was_put_is_listed_as_it_was_and_gone_when_dropped(world: World, route: Route) -> None:
    await world.table.put([route])
    assert await listed(world) == [route]
    await world.table.drop([route])
    assert await listed(world) == []


async def test_all_shapes_together(world: World) -> None:
    await world.table.put(SHAPES)
    assert await listed(world) == sorted(SHAPES, key=lambda r: (r.prefix, r.metric))


async def test_put_replaces_the_next_hop_and_the_kind(world: World) -> None:
    other = host("10.1.0.0/24", via=Address.parse("192.168.0.7"))
    for version in (host("10.1.0.0/24"), other, discard("10.1.0.0/24"), host("10.1.0.0/24")):
        await world.table.put([version])
        assert await listed(world) == [version]


async def test_a_gateway_without_device_gets_the_device_it_is_on(world: World) -> None:
    await world.table.put([host("10.1.0.0/24", dev=None)])
    assert await listed(world) == [host("10.1.0.0/24")]


async def test_drop_of_what_is_not_there_is_no_error(world: World) -> None:
    await world.table.put([host("10.1.0.0/24")])
    await world.table.drop([host("10.2.0.0/24"), host("10.1.0.0/24"), host("fd00:7::/64")])
    assert await listed(world) == []


async def test_one_refused_does_not_hold_up_the_rest(world: World) -> None:
    with pytest.raises(RefusedError, match=r"10\.2\.0\.0/24: there is no interface nowhere") as refused:
        await world.table.put([host("10.1.0.0/24"), host("10.2.0.0/24", dev="nowhere"), host("10.3.0.0/24")])
    assert [p.where for p in refused.value.problems] == ["10.2.0.0/24"]
    assert await listed(world) == [host("10.1.0.0/24"), host("10.3.0.0/24")]


async def test_foreign_routes_are_not_seen_and_not_removed(world: World) -> None:
    world.intrude("10.7.0.0/24")
    assert await listed(world) == []
    await world.table.drop([host("10.7.0.0/24")])
    assert world.intruders() == {Prefix.parse("10.7.0.0/24")}


async def test_put_leaves_a_foreign_route_of_the_same_prefix_alone(world: World) -> None:
    world.intrude("10.7.0.0/24")
    with pytest.raises(RefusedError, match=r"10\.7\.0\.0/24: a route that is not ours") as refused:
        await world.table.put([host("10.7.0.0/24"), host("10.8.0.0/24")])
    assert refused.value.code == "route-refused"
    assert world.intruders() == {Prefix.parse("10.7.0.0/24")}
    assert await listed(world) == [host("10.8.0.0/24")]


async def test_a_change_is_a_reason_to_look_and_several_at_once_are_one(world: World) -> None:
    async with world.table.changes() as changes:
        for _ in range(3):
            if isinstance(world.table, FakeRoutes):
                world.table.stir()
            else:
                await world.table.put([host("10.1.0.0/24")])
                await world.table.drop([host("10.1.0.0/24")])
            async with asyncio.timeout(5):
                await anext(changes)
