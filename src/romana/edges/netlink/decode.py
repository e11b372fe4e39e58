"""What a dump says of routes, as values. Remembers what it has read: an unchanged table costs a lookup each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from romana.edges.netlink import inet
from romana.edges.netlink.encode import HEAD, HOP, IPV6_METRIC
from romana.edges.netlink.message import attributes, number
from romana.model.route import Hop, Route, RouteKind
from romana.net.prefix import Address, Prefix

_ENDS: Final = {inet.BLACKHOLE, inet.UNREACHABLE, inet.PROHIBIT}


class Decoder:
    """Reads the bodies of RTM_NEWROUTE messages. `read` keeps what this dump holds and no more."""

    def __init__(self) -> None:
        self._names: Mapping[int, str] = {}
        self._known: dict[bytes, Route] = {}
        self._seen: dict[bytes, Route] = {}
        self._hops: dict[tuple[bytes, int], tuple[Hop, ...]] = {}

    def begin(self, names: Mapping[int, str]) -> None:
        """Start a dump, with the links as they are now. A link that changed its name forgets everything."""
        if names != self._names:
            self._names = dict(names)
            self._known = {}
            self._hops = {}
        self._seen = {}

    def read(self, bodies: list[bytes]) -> list[Route]:
        known, seen = self._known, self._seen
        found = []
        for body in bodies:
            route = known.get(body)
            if route is None:
                route = self._route(body)
            seen[body] = route
            found.append(route)
        return found

    def end(self) -> None:
        self._known, self._seen = self._seen, {}

    def _route(self, body: bytes) -> Route:
        family, length, _, _, _, _, _, kind, _ = HEAD.unpack_from(body)
        version = 4 if family == 2 else 6
        told = attributes(body, HEAD.size)
        first = int.from_bytes(told.get(inet.DST, b""), "big")
        metric = number(told.get(inet.PRIORITY, b""))
        if version == 6 and metric == IPV6_METRIC:
            metric = 0
        prefix = Prefix.of(version, first, length)
        if kind in _ENDS:
            return Route(prefix, RouteKind.DISCARD, (), metric)
        hops = self._one(told) if inet.MULTIPATH not in told else tuple(self._many(told[inet.MULTIPATH]))
        direct = all(hop.via is None for hop in hops)
        return Route(prefix, RouteKind.ENDPOINT if direct else RouteKind.HOST, hops, metric)

    def _one(self, told: Mapping[int, bytes]) -> tuple[Hop, ...]:
        """The next hop, shared among the routes that have the same."""
        via = told.get(inet.GATEWAY) or told.get(inet.VIA, b"")
        index = number(told.get(inet.OIF, b""))
        hops = self._hops.get((via, index))
        if hops is None:
            hops = self._hops[via, index] = (self._hop(via, index),)
        return hops

    def _many(self, value: bytes) -> Iterator[Hop]:
        offset = 0
        while offset + HOP.size <= len(value):
            length, _, _, index = HOP.unpack_from(value, offset)
            if length < HOP.size:
                return
            told = attributes(value[offset : offset + length], HOP.size)
            yield self._hop(told.get(inet.GATEWAY) or told.get(inet.VIA, b""), index)
            offset += length + 3 & ~3

    def _hop(self, via: bytes, index: int) -> Hop:
        if len(via) in (6, 18):  # struct rtvia: a family stands before the address
            via = via[2:]
        address = Address.of(4 if len(via) == 4 else 6, int.from_bytes(via, "big")) if via else None
        return Hop(address, self._names.get(index, f"if{index}"))
