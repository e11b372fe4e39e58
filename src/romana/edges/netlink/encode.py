"""Routes as requests. `decode` is the way back; together they are exact for all that we put."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from struct import Struct
from typing import Final

from romana.edges.netlink import inet
from romana.edges.netlink.message import CREATE, EXCLUSIVE, REPLACE, Request, attribute, u32
from romana.model.route import Hop, Route, RouteKind
from romana.net.prefix import Prefix

HEAD: Final = Struct("=8BI")
"""struct rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags."""
HOP: Final = Struct("=HBBi")
"""struct rtnexthop: length, flags, weight - 1, interface."""
ONLINK: Final = 4
IPV6_METRIC: Final = 1024
"""What the kernel makes of metric 0 of an IPv6 route (IP6_RT_PRIO_USER); our metric 0 means it."""


class Encoder:
    """What follows the destination is alike for thousands of routes of one next hop: it is built once."""

    def __init__(self, indices: Mapping[str, int]) -> None:
        """`indices` knows every device that the routes name."""
        self._indices = indices
        self._tails: dict[tuple[tuple[Hop, ...], int, int, int], bytes] = {}

    def add(self, route: Route, *, onlink: bool = False) -> Request:
        """Fails (EEXIST) where a route of that prefix and metric is: it may be somebody else's.

        `onlink` takes the gateways to be neighbours although no route of the kernel's says so.
        """
        return self._new(route, EXCLUSIVE, onlink)

    def replace(self, route: Route, *, onlink: bool = False) -> Request:
        """Replaces whatever has that prefix and metric: only for what is known to be ours."""
        return self._new(route, REPLACE, onlink)

    def remove(self, route: Route) -> Request:
        """Matches our protocol only, whatever the next hops; ESRCH where there is none."""
        prefix, metric = route.prefix, kernel_metric(route)
        head = HEAD.pack(
            inet.family(prefix.version), prefix.length, 0, 0, inet.MAIN, inet.OURS, inet.NOWHERE, 0, 0
        )
        wanted = u32(inet.PRIORITY, metric) if metric else b""
        return Request(inet.RTM_DELROUTE, head + _destination(prefix) + wanted)

    def _new(self, route: Route, flags: int, onlink: bool) -> Request:
        prefix, hops = route.prefix, route.hops
        kind, scope = inet.UNICAST, inet.UNIVERSE
        if route.kind is RouteKind.DISCARD:
            kind, hops = inet.BLACKHOLE, ()
        elif prefix.version == 4 and all(hop.via is None for hop in hops):
            scope = inet.LINK
        head = HEAD.pack(
            inet.family(prefix.version),
            prefix.length,
            0,
            0,
            inet.MAIN,
            inet.OURS,
            scope,
            kind,
            ONLINK if onlink and len(hops) == 1 else 0,
        )
        tail = self._tail(hops, kernel_metric(route), prefix.version, ONLINK if onlink else 0)
        return Request(inet.RTM_NEWROUTE, head + _destination(prefix) + tail, CREATE | flags)

    def _tail(self, hops: tuple[Hop, ...], metric: int, version: int, flags: int) -> bytes:
        key = (hops, metric, version, flags)
        tail = self._tails.get(key)
        if tail is None:
            tail = u32(inet.PRIORITY, metric) if metric else b""
            if len(hops) == 1:
                tail += _gateway(hops[0], version)
                if hops[0].dev is not None:
                    tail += u32(inet.OIF, self._indices[hops[0].dev])
            elif hops:
                tail += attribute(inet.MULTIPATH, b"".join(self._hop(hop, version, flags) for hop in hops))
            self._tails[key] = tail
        return tail

    def _hop(self, hop: Hop, version: int, flags: int) -> bytes:
        gateway = _gateway(hop, version)
        index = 0 if hop.dev is None else self._indices[hop.dev]
        return HOP.pack(HOP.size + len(gateway), flags, 0, index) + gateway


def kernel_metric(route: Route) -> int:
    return route.metric or (IPV6_METRIC if route.prefix.version == 6 else 0)


def _destination(prefix: Prefix) -> bytes:
    if not prefix.length:
        return b""
    return attribute(inet.DST, prefix.first.to_bytes(prefix.bits // 8, "big"))


def _gateway(hop: Hop, version: int) -> bytes:
    if hop.via is None:
        return b""
    if hop.via.version == version:
        return attribute(inet.GATEWAY, inet.packed(hop.via))
    # IPv4 by an IPv6 neighbour (RFC 8950): struct rtvia, family and address
    family = inet.family(hop.via.version).to_bytes(2, sys.byteorder)
    return attribute(inet.VIA, family + inet.packed(hop.via))
