"""Entries of `ip -j route` as routes: what is kept, what kind it is, and who is behind the next hop."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from lab_documents import layout, scenario

from romana.lab.build import LAST
from romana.lab.counters import changes
from romana.lab.kernel import Book, book, route, used
from romana.lab.wiring import blueprint
from romana.model.route import Route, RouteKind


@pytest.fixture(scope="module")
def known() -> Book:
    document = scenario("leaf-spine")
    return book(blueprint(document), layout(document))


def seen(found: Route | None) -> str:
    """A route in a line: kind, prefix, `via>device` of each hop."""
    assert found is not None
    hops = " ".join(f"{hop.via or hop.dev}>{hop.device}" for hop in found.hops)
    return f"{found.kind} {found.prefix} {hops}".rstrip()


@pytest.mark.parametrize(
    ("device", "entry", "expected"),
    [
        ("tor-1", {"dst": "default", "gateway": "198.18.0.1", "dev": "spine-1"}, "router 0.0.0.0/0 198.18.0.1>spine-1"),
        ("spine-1", {"type": "blackhole", "dst": "10.112.0.0/12", "protocol": "static"}, "discard 10.112.0.0/12"),
        ("spine-1", {"type": "unreachable", "dst": "10.112.0.0/12"}, "discard 10.112.0.0/12"),
        (
            "spine-1",
            {"dst": "10.112.0.0/14", "gateway": "198.18.0.0", "dev": "tor-1"},
            "group 10.112.0.0/14 198.18.0.0>tor-1",
        ),
        (
            "tor-1",
            {"dst": "10.112.1.0/24", "gateway": "192.168.1.12", "dev": "node-2"},
            "host 10.112.1.0/24 192.168.1.12>node-2",
        ),
        ("node-1", {"dst": "10.112.0.9", "dev": "rom1", "scope": "link"}, "endpoint 10.112.0.9/32 rom1>None"),
        ("node-1", {"dst": "192.168.1.1", "dev": "eth0", "scope": "link"}, "foreign 192.168.1.1/32 eth0>tor-1"),
        (
            "tor-1",
            {
                "dst": "10.116.0.0/14",
                "nexthops": [
                    {"gateway": "198.18.0.1", "dev": "spine-1", "flags": []},
                    {"gateway": "198.18.0.7", "dev": "spine-2", "flags": []},
                ],
            },
            "group 10.116.0.0/14 198.18.0.1>spine-1 198.18.0.7>spine-2",
        ),
        (
            "tor-1",
            {
                "dst": "10.116.0.0/14",
                "nexthops": [
                    {"gateway": "198.18.0.1", "dev": "spine-1", "flags": ["dead", "linkdown"]},
                    {"gateway": "198.18.0.7", "dev": "spine-2", "flags": []},
                ],
            },
            "group 10.116.0.0/14 198.18.0.7>spine-2",
        ),
        (
            "tor-1",
            {"dst": "10.112.1.0/24", "via": {"family": "inet6", "host": "fe80::1"}, "dev": "node-2"},
            "host 10.112.1.0/24 fe80::1>node-2",
        ),
    ],
)  # fmt: skip
def test_entries(known: Book, device: str, entry: dict[str, Any], expected: str) -> None:
    assert seen(route(known, device, 4, entry)) == expected


@pytest.mark.parametrize(
    ("version", "entry"),
    [
        (4, {"type": "local", "dst": "192.168.1.1", "dev": "node-1", "table": "local"}),
        (4, {"type": "broadcast", "dst": "192.168.1.255", "dev": "node-1", "table": "local"}),
        (6, {"dst": "fe80::/64", "dev": "node-1", "protocol": "kernel"}),
        (6, {"type": "multicast", "dst": "ff00::/8", "dev": "node-1", "table": "local"}),
        (4, {"dst": "192.168.1.11", "dev": "node-1", "flags": ["linkdown"]}),
    ],
)
def test_what_forwards_nothing_is_left_out(known: Book, version: int, entry: dict[str, Any]) -> None:
    assert route(known, "tor-1", version, entry) is None


def test_a_default_route_of_ipv6(known: Book) -> None:
    entry = {"dst": "default", "gateway": "fe80::1", "dev": "eth0", "metric": 1024}
    found = route(known, "node-1", 6, entry)
    assert found is not None
    assert (found.kind, str(found.prefix), found.metric) == (RouteKind.ROUTER, "::/0", 1024)
    assert found.hops[0].device == "tor-1"


def test_the_lowest_metric_forwards(known: Book) -> None:
    discard = route(known, "spine-1", 4, {"type": "blackhole", "dst": "10.112.0.0/12", "metric": LAST})
    learned = route(
        known, "spine-1", 4, {"dst": "10.112.0.0/12", "gateway": "198.18.0.0", "dev": "tor-1", "metric": 20}
    )
    assert discard
    assert learned
    assert used([discard, learned]) == used([learned, discard]) == [learned]


def test_changes_of_routes_are_counted_and_the_kernels_own_are_not() -> None:
    def message(kind: int, protocol: int, padding: int = 0) -> bytes:
        rtmsg = bytes([2, 24, 0, 0, 254, protocol, 0, 1]) + bytes(4)
        length = 16 + len(rtmsg) + padding
        return struct.pack("=IHHII", length, kind, 0, 0, 0) + rtmsg + bytes(padding + -length % 4)

    bgp, kernel, new, gone, link = 186, 2, 24, 25, 16
    assert (
        changes(message(new, bgp, 6) + message(gone, bgp) + message(new, kernel, 3) + message(link, bgp)) == 2
    )
    assert changes(b"") == 0
