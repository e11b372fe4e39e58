"""The table of a node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from romana.model.host import HostName
from romana.model.layout import CarvedNetwork
from romana.model.route import DeviceName, Hop, Route, RouteKind, Table
from romana.model.topology import Announce
from romana.net.prefix import Prefix
from romana.plan.fabric import Fabric, Home
from romana.plan.host_routes import HostRoutes

_DEFAULT: Final = {4: Prefix.parse("0.0.0.0/0"), 6: Prefix.parse("::/0")}


def node_table(fabric: Fabric, routes: HostRoutes, name: HostName) -> Table:
    """Return what a node should hold; nothing while it is in no group. The first route to a prefix stands."""
    found: dict[int, Route] = {}
    if fabric.homes.get(name):
        for route in _Node(fabric, routes, name).routes():
            found.setdefault(route.prefix.key, route)
    return Table.of(DeviceName(name), found.values())


def default_route(version: int, hops: tuple[Hop, ...]) -> Route:
    names = " and ".join(hop.device for hop in hops if hop.device)
    return Route(_DEFAULT[version], RouteKind.ROUTER, hops, because=f"everything else goes to {names}")


def discard(prefix: Prefix, because: str) -> Route:
    return Route(prefix, RouteKind.DISCARD, because=because)


_HERE: Final = (Hop(),)
"""Which interface it is, the node's agent knows."""


class _Node:
    def __init__(self, fabric: Fabric, routes: HostRoutes, name: HostName) -> None:
        self._fabric, self._to, self._name = fabric, routes, name
        self._homes = {home.network.id: home for home in fabric.homes[name]}
        routers = (DeviceName(r.name) for home in self._homes.values() for r in home.site.routers)
        self._routers = tuple(dict.fromkeys(routers))

    def routes(self) -> Iterator[Route]:
        for holding in self._to.held(self._name):
            why = f"held by {holding.name}"
            yield Route(holding.address.prefix, RouteKind.ENDPOINT, _HERE, because=why)
        for home in self._homes.values():
            for prefix in self._fabric.owned(home.network.id, self._name):
                yield discard(prefix, "this node's own: what it does not hold ends here")
        for network in self._fabric.networks:
            yield from self._elsewhere(network, self._homes.get(network.id))
        for version in self._fabric.versions:
            if hops := self._up(version):
                yield default_route(version, hops)

    def _elsewhere(self, network: CarvedNetwork, home: Home | None) -> Iterator[Route]:
        """Yield the routes to other hosts of one network, and what ends here because nobody above takes it."""
        flat = not (home.site.routers if home else self._routers)
        if home.site.shares_link if home else flat:
            peers = self._to.leaf(home) if home and not flat else self._to.flat(network.id)
            yield from (route for route in peers if route.hops[0].device != DeviceName(self._name))
            if home and home.site.announce is Announce.GROUP:
                yield from self._announced(home)
        if flat:
            for prefix in network.spec.prefixes:
                yield discard(prefix, f"what nobody owns of {network.name} ends here: no router stands above")

    def _announced(self, home: Home) -> Iterator[Route]:
        """Yield the discard of the whole group, and past it the way to what hosts elsewhere own of it."""
        group = f"group {home.site.path} of {home.network.name}"
        for prefix in home.network.carving.get(home.site.path, ()):
            yield discard(prefix, f"announced: {group}")
            for host, away in self._fabric.owned_elsewhere(home, prefix):
                if hops := self._up(away.version):
                    yield Route(
                        away,
                        RouteKind.HOST,
                        hops,
                        because=f"exception: owned by host {host}, outside {group}",
                    )

    def _up(self, version: int) -> tuple[Hop, ...]:
        """Return the routers as next hops of a family: over the addresses that the document gives.

        A router without any address in the document is taken to have what it needs.
        """
        addresses = ((name, self._fabric.address(name, version)) for name in self._routers)
        return tuple(
            Hop(address, device=name)
            for name, address in addresses
            if address is not None or not self._fabric.has_address(name)
        )
