"""Routes in a real kernel: many, odd ones, and links that come and go."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from romana.edges.netlink import monitor
from romana.edges.netlink.prepare import prepare
from romana.edges.netlink.routes import KernelRoutes
from romana.model.errors import RefusedError
from romana.model.route import Hop, Route, RouteKind
from romana.net.prefix import Address, Prefix
from romana.testing import namespaces
from romana.testing.namespaces import Namespace

pytestmark = [pytest.mark.root, pytest.mark.daemon("nsenter", "ip")]

SETUP = """
ip link set lo up
ip link add upl type veth peer name far; ip link set upl up; ip link set far up
ip addr add 192.168.0.1/24 dev upl; ip addr add fd01::1/64 dev upl nodad
"""


@pytest.fixture
def space() -> Iterator[Namespace]:
    made = namespaces.fresh()
    made.run(SETUP)
    with made.entered():
        yield made
    made.close()


@pytest.fixture
def table(space: Namespace) -> Iterator[KernelRoutes]:
    made = KernelRoutes()
    yield made
    made.close()


def host(prefix: str, via: str = "192.168.0.2", dev: str | None = "upl") -> Route:
    return Route(Prefix.parse(prefix), RouteKind.HOST, (Hop(Address.parse(via), dev),))


async def test_a_gateway_that_no_route_names_is_taken_as_a_neighbour(table: KernelRoutes) -> None:
    for route in (
        host("10.1.0.0/24", "172.16.5.5"),
        host("fd00:1::/64", "fd77::5"),
        host("10.2.0.0/24", "fd01::9"),
    ):
        await table.put([route])
        assert await table.list() == [route]
        await table.put([route])
        await table.drop([route])


async def test_a_gateway_nobody_can_reach_is_refused_in_the_kernels_words(table: KernelRoutes) -> None:
    with pytest.raises(RefusedError, match=r"10\.1\.0\.0/24: Network is unreachable") as error:
        await table.put([host("10.1.0.0/24", "172.16.5.5", None), host("10.2.0.0/24")])
    assert [p.where for p in error.value.problems] == ["10.1.0.0/24"]
    assert await table.list() == [host("10.2.0.0/24")]


async def test_routes_of_a_link_that_goes_down_are_gone_without_a_word(
    space: Namespace, table: KernelRoutes
) -> None:
    """The kernel reports the link only: who listens for links sees it, and finds the routes missing."""
    routes = [host(f"10.{n}.0.0/24") for n in range(100)]
    await table.put([*routes, Route(Prefix.parse("10.0.0.0/8"), RouteKind.DISCARD)])
    async with table.changes() as changes, asyncio.timeout(10):
        space.run("ip link set upl down")
        await anext(changes)
        assert [r.kind for r in await table.list()] == [RouteKind.DISCARD]
        with pytest.raises(RefusedError) as error:
            await table.put(routes)
        assert len(error.value.problems) == 100
        space.run("ip link set upl up")
        await anext(changes)
        await table.put(routes)
        assert len(await table.list()) == 101


async def test_a_link_without_carrier_keeps_its_routes(space: Namespace, table: KernelRoutes) -> None:
    await table.put([host("10.1.0.0/24")])
    async with table.changes() as changes, asyncio.timeout(10):
        space.run("ip link set far down")
        await anext(changes)
        assert await table.list() == [host("10.1.0.0/24")]


async def test_a_renamed_link_is_read_anew(space: Namespace, table: KernelRoutes) -> None:
    await table.put([host("10.1.0.0/24")])
    assert [r.hops[0].dev for r in await table.list()] == ["upl"]
    space.run("ip link set upl down; ip link set upl name other; ip link set other up")
    await table.put([host("10.1.0.0/24", dev="other")])
    assert [r.hops[0].dev for r in await table.list()] == ["other"]


async def test_unreachable_and_prohibit_of_ours_are_discards(space: Namespace, table: KernelRoutes) -> None:
    space.run("ip route add unreachable 10.1.0.0/24 proto 201; ip route add prohibit fd00::/64 proto 201")
    assert [r.kind for r in await table.list()] == [RouteKind.DISCARD] * 2
    await table.drop(list(await table.list()))
    assert await table.list() == []


async def test_other_tables_and_protocols_are_not_ours(space: Namespace, table: KernelRoutes) -> None:
    space.run(
        "ip route add blackhole 10.1.0.0/24 proto 201 table 77; ip route add blackhole 10.2.0.0/24 proto 202"
    )
    assert await table.list() == []


def routes_of(version: int) -> st.SearchStrategy[Route]:
    bits, via = (32, "192.168.0.7") if version == 4 else (128, "fd01::7")
    base = Prefix.parse("10.0.0.0/8" if version == 4 else "fd00:aa::/32")
    prefixes = st.tuples(st.integers(base.length, bits), st.integers(0, base.size - 1)).map(
        lambda t: Prefix.of(version, (base.first + t[1]) >> (bits - t[0]) << (bits - t[0]), t[0])
    )
    hops = st.sampled_from(
        [
            (RouteKind.DISCARD, ()),
            (RouteKind.HOST, (Hop(Address.parse(via), "upl"),)),
            (RouteKind.ENDPOINT, (Hop(None, "upl"),)),
            (RouteKind.ENDPOINT, (Hop(None, "far"),)),
        ]
    )
    return st.builds(lambda p, h, m: Route(p, h[0], h[1], m), prefixes, hops, st.sampled_from([0, 0, 20]))


tables = st.dictionaries(st.integers(0, 40), st.one_of(routes_of(4), routes_of(6)), max_size=12)


async def test_any_table_can_follow_any_other(space: Namespace, table: KernelRoutes) -> None:
    loop = asyncio.new_event_loop()

    @given(st.lists(tables, min_size=1, max_size=4))
    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    def follow(steps: list[dict[int, Route]]) -> None:
        for step in steps:
            wanted = {(r.prefix, r.metric): r for r in step.values()}
            have = {(r.prefix, r.metric): r for r in loop.run_until_complete(table.list())}
            loop.run_until_complete(table.put([r for k, r in wanted.items() if have.get(k) != r]))
            loop.run_until_complete(table.drop([r for k, r in have.items() if k not in wanted]))
            now = {(r.prefix, r.metric): r for r in loop.run_until_complete(table.list())}
            assert now == wanted

    try:
        await asyncio.to_thread(follow)
    finally:
        loop.close()


@pytest.mark.slow
@pytest.mark.parametrize("version", [4, 6])
async def test_a_hundred_thousand_routes(table: KernelRoutes, version: int) -> None:
    """Processor time, so that a busy machine does not count; limits are five times what was measured."""
    base, length, via = ("10.0.0.0/8", 28, "192.168.0.2") if version == 4 else ("fd02::/32", 64, "fd01::2")
    first, step = Prefix.parse(base), 1 << (32 if version == 4 else 128) - length
    hops = (Hop(Address.parse(via), "upl"),)
    routes = [
        Route(Prefix.of(version, first.first + n * step, length), RouteKind.HOST, hops)
        for n in range(100_000)
    ]
    started = time.thread_time()
    await table.put(routes)
    assert time.thread_time() - started < 4
    assert len(await table.list()) == 100_000
    started = time.thread_time()
    assert set(await table.list()) == set(routes)
    assert time.thread_time() - started < 2
    await table.drop(routes)
    assert await table.list() == []


async def test_lost_notices_are_a_reason_to_look(monkeypatch: pytest.MonkeyPatch, space: Namespace) -> None:
    class Overrun:
        def __init__(self) -> None:
            self.answers = [OSError(errno.ENOBUFS, "x"), OSError(errno.EAGAIN, "x")]

        def recv(self, *_: int) -> bytes:
            raise self.answers.pop(0)

    stirred = asyncio.Event()
    overrun = Overrun()
    monitor._drain(overrun, stirred)  # type: ignore[arg-type]
    assert stirred.is_set()
    assert overrun.answers == []


async def test_a_flood_of_notices_is_survived(table: KernelRoutes) -> None:
    """More than the socket's buffer holds, while nobody reads."""
    routes = [host(str(Prefix.of(4, (10 << 24) + (n << 8), 24))) for n in range(30_000)]
    async with table.changes() as changes, asyncio.timeout(30):
        await table.put(routes)
        await table.drop(routes)
        await anext(changes)


def test_prepare_lets_the_node_forward_and_changes_nothing_twice(space: Namespace) -> None:
    space.run("sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0 net.ipv6.conf.far.accept_ra=0")
    changed = prepare()
    assert {"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding", "net/ipv6/conf/upl/accept_ra"} <= set(
        changed
    )
    assert "net/ipv6/conf/far/accept_ra" not in changed
    read = "sysctl -n net.ipv4.ip_forward net.ipv6.conf.all.forwarding net.ipv6.conf.upl.accept_ra"
    assert space.run(read).split() == ["1", "1", "2"]
    assert space.run("sysctl -n net.ipv4.conf.all.proxy_arp").strip() == "0"
    assert prepare() == []


def test_prepare_ends_redirects_of_every_interface_now_and_later(space: Namespace) -> None:
    """The kernel sends them where `all` or the interface says so."""
    space.run("sysctl -qw net.ipv4.conf.all.send_redirects=1 net.ipv4.conf.default.send_redirects=1")
    space.run("sysctl -qw net.ipv4.conf.upl.send_redirects=1")
    changed = prepare()
    assert {f"net/ipv4/conf/{name}/send_redirects" for name in ("all", "default", "upl")} <= set(changed)
    assert len(changed) == len(set(changed))
    space.run("ip link add late type veth peer name late2")
    assert set(space.run("cat /proc/sys/net/ipv4/conf/*/send_redirects").split()) == {"0"}
    assert prepare() == []


def test_a_socket_stays_in_its_namespace(space: Namespace, table: KernelRoutes) -> None:
    elsewhere = namespaces.fresh()
    with elsewhere.entered():
        asyncio.run(table.put([host("10.1.0.0/24")]))
    assert "10.1.0.0/24" in space.run("ip route show proto 201")
    assert elsewhere.run("ip route") == ""
    elsewhere.close()
