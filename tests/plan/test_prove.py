"""Faults one by one, as an operator reads them. The tables are written down here, no plan is involved."""

from __future__ import annotations

import pytest

from romana.model.block import Block, Claim, Extent, Holding, Owner, Writer
from romana.model.host import Host, HostName
from romana.model.layout import CarvedNetwork, Layout, NetworkId
from romana.model.route import DeviceName, Hop, Route, RouteKind, Table
from romana.model.snapshot import Snapshot
from romana.model.topology import Network
from romana.net.prefix import Address, Prefix
from romana.plan.prove import HOP_LIMIT, prove

NET = NetworkId("n1")
KINDS = {"!": RouteKind.DISCARD, ".": RouteKind.ENDPOINT}


def snapshot(*held: str, space: str = "10.0.0.0/24") -> Snapshot:
    """`held`: address@host; every address is a block of its own."""
    extents, mirrors, hosts = {}, {}, {}
    for text in held:
        address, host = text.split("@")
        prefix = Address.parse(address).prefix
        owner = Owner(HostName(host))
        claim = Claim(prefix, owner, Writer.AGENT, 1)
        extents[NET, prefix] = Extent(NET, prefix, "", blocks=(claim,), epoch=1)
        holding = Holding(Address.parse(address), f"pod-{address}")
        mirrors[NET, prefix] = Block(NET, prefix, "", owner, Writer.AGENT, 1, {holding.address: holding})
        hosts[host] = Host(HostName(host), ())
    network = CarvedNetwork(NET, Network("pods", (Prefix.parse(space),)), None)
    return Snapshot(layout=Layout(networks=(network,)), hosts=hosts, extents=extents, mirrors=mirrors)


def tables(**routes: str) -> dict[DeviceName, Table]:
    """A device's routes as `prefix>where` words: `!` discards, `.` delivers, `?` leaves, `a,b` are two next hops."""
    return {
        DeviceName(device): Table.of(DeviceName(device), map(route, text.split()))
        for device, text in routes.items()
    }


def route(word: str) -> Route:
    prefix, to = word.split(">")
    if to in KINDS:
        return Route(Prefix.parse(prefix), KINDS[to], (Hop(),) if to == "." else ())
    hops = tuple(Hop(device=None if name == "?" else DeviceName(name)) for name in to.split(","))
    return Route(Prefix.parse(prefix), RouteKind.HOST, hops)


def faults(network, *held) -> list[str]:
    return sorted(map(str, prove(network, snapshot(*held))))


ALL = "10.0.0.0/24"
NOBODY = "nobody holds it: it should be discarded"
GOOD = {"a": f"{ALL}>b", "b": f"{ALL}>! 10.0.0.1/32>."}


def test_delivered_and_discarded():
    assert faults(tables(**GOOD), "10.0.0.1@b") == []


def test_nothing_to_prove():
    assert prove({}, snapshot()) == []
    assert prove({}, snapshot("10.0.0.1@b")) == [], "nobody looks"
    assert prove(tables(**GOOD), Snapshot()) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"b": f"{ALL}>!"},
         ["10.0.0.1 from a: a -> b -> discarded at b, but b holds it (and 1 more observer)"]),
        ({"b": "10.0.0.1/32>."},
         [f"10.0.0.0 from a: a -> b -> no route at b, but {NOBODY} (and 254 more addresses, 1 more observer)"]),
        ({"a": ""},
         [f"10.0.0.0 from a: a -> no route at a, but {NOBODY} (and 254 more addresses)",
          "10.0.0.1 from a: a -> no route at a, but b holds it"]),
        ({"b": f"{ALL}>a 10.0.0.1/32>."},
         [f"10.0.0.0 from a: a -> b -> a -> loops, but {NOBODY} (and 254 more addresses, 1 more observer)"]),
        ({"a": f"{ALL}>b 10.0.0.1/32>?"},
         ["10.0.0.1 from a: a -> leaves the fabric at a, but b holds it"]),
        ({"a": f"{ALL}>b 10.0.0.1/32>c"},
         ["10.0.0.1 from a: a -> c -> ends at c, whose table is not known, but b holds it"]),
        ({"a": f"{ALL}>b 10.0.0.1/32>."},
         ["10.0.0.1 from a: a -> delivered at a, but b holds it"]),
        ({"b": f"{ALL}>! 10.0.0.1/32>. 10.0.0.2/31>."},
         [f"10.0.0.2 from a: a -> b -> delivered at b, but {NOBODY} (and 1 more address, 1 more observer)"]),
        ({"a": f"{ALL}>b,c", "c": f"{ALL}>!"},
         ["10.0.0.1 from a: a -> c -> discarded at c, but b holds it (and 1 more observer)"]),
        ({"a": f"{ALL}>b,?"},
         [f"10.0.0.0 from a: a -> leaves the fabric at a, but {NOBODY} (and 254 more addresses)",
          "10.0.0.1 from a: a -> leaves the fabric at a, but b holds it"]),
        ({"b": f"{ALL}>! 10.0.0.1/32>. 10.0.0.128/25>b"},
         [f"10.0.0.128 from a: a -> b -> b -> loops, but {NOBODY} (and 127 more addresses, 1 more observer)"]),
    ],
)  # fmt: skip
def test_one_fault_each(changes, expected):
    assert faults(tables(**{**GOOD, **changes}), "10.0.0.1@b") == expected


def test_a_route_around_the_network_counts_and_one_beside_it_does_not():
    around = tables(a="0.0.0.0/0>b", b=f"{ALL}>! 10.0.0.1/32>. 11.0.0.0/8>? 9.0.0.0/8>nobody")
    assert faults(around, "10.0.0.1@b") == []


def test_of_two_routes_to_one_prefix_the_lower_metric_counts():
    good, bad = route(f"{ALL}>b"), route(f"{ALL}>?")
    both = Table.of(DeviceName("a"), [Route(bad.prefix, bad.kind, bad.hops, metric=7), good])
    assert faults({**tables(**GOOD), DeviceName("a"): both}, "10.0.0.1@b") == []
    worse = Table.of(DeviceName("a"), [Route(good.prefix, good.kind, good.hops, metric=9), bad])
    assert len(faults({**tables(**GOOD), DeviceName("a"): worse}, "10.0.0.1@b")) == 2


def test_a_held_address_outside_every_network_is_followed_too():
    assert faults(tables(**GOOD), "10.0.0.1@b", "172.16.0.1@b") == [
        "172.16.0.1 from a: a -> no route at a, but b holds it",
        "172.16.0.1 from b: b -> no route at b, but b holds it",
    ]


def test_a_loop_is_told_once_wherever_one_enters_it():
    ring = tables(a=f"{ALL}>b", b=f"{ALL}>c", c=f"{ALL}>a", d=f"{ALL}>b", e=f"{ALL}>d")
    (told,) = prove(ring, snapshot())
    assert (told.observer, told.path, told.observers) == ("e", ("e", "d", "b", "c", "a", "b"), 5)


def test_a_way_longer_than_the_hop_limit_is_none():
    def line(devices: int):
        last = devices - 1
        return tables(
            **{f"d{n:03}": f"{ALL}>" + ("!" if n == last else f"d{n + 1:03}") for n in range(devices)}
        )

    assert prove(line(HOP_LIMIT), snapshot()) == []
    (told,) = prove(line(HOP_LIMIT + 40), snapshot())
    assert "passes 64 devices" in str(told)
    assert told.fault == "too far"


def test_thousands_of_addresses_of_one_host_are_one_line():
    held = [f"10.0.0.{n}@b" for n in range(100)]
    assert faults(tables(a=f"{ALL}>b", b=f"{ALL}>!"), *held) == [
        "10.0.0.0 from a: a -> b -> discarded at b, but b holds it (and 99 more addresses, 1 more observer)"
    ]


def test_both_families_to_their_ends():
    whole = snapshot("255.255.255.255@b", "ffff::@b", space="255.255.255.0/24")
    network = tables(a="0.0.0.0/0>b ::/0>b", b="0.0.0.0/0>! ::/0>! 255.255.255.255/32>. ffff::/128>.")
    assert prove(network, whole) == []
    assert len(prove(tables(a="0.0.0.0/0>b", b="0.0.0.0/0>! ::/0>! ffff::/128>."), whole)) == 2
