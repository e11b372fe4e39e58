"""The table of a node."""

from __future__ import annotations

from collections.abc import Iterator

from romana.model.host import HostName
from romana.model.layout import CarvedNetwork, NetworkId
from romana.model.route import DeviceName, Hop, Route, RouteKind, Table
from romana.model.topology import Announce
from romana.net.prefix import Prefix
from romana.plan.fabric import Fabric, Home
from romana.plan.host_routes import HostRoutes

_DEFAULT = {4: Prefix.parse("0.0.0.0/0"), 6: Prefix.parse("::/0")}


def node_table(fabric: Fabric, routes: HostRoutes, node: HostName) -> Table:
    """Return what a node should hold; nothing while it is in no group. The first route to a prefix stands."""
    homes = {home.network.id: home for home in fabric.homes.get(node, ())}
    found: dict[Prefix, Route] = {}
    if homes:
        for route in _routes(fabric, routes, node, homes):
            found.setdefault(route.prefix, route)
    return Table.of(DeviceName(node), found.values())


def default_routes(fabric: Fabric, above: tuple[DeviceName, ...], *, known: bool = False) -> Iterator[Route]:
    """Yield a default route a family to whoever stands above.

    `known`: only over addresses that the document gives (a node sends to an address); a router without
    any address in the document is taken to have what it needs.
    """
    for version in fabric.versions:
        hops = tuple(
            Hop(fabric.address(name, version), device=name)
            for name in above
            if not known or fabric.address(name, version) or not _has_address(fabric, name)
        )
        if hops:
            names = " and ".join(above)
            yield Route(_DEFAULT[version], RouteKind.ROUTER, hops, because=f"everything else goes to {names}")


def _has_address(fabric: Fabric, name: DeviceName) -> bool:
    return any(fabric.address(name, version) for version in (4, 6))


def _routes(
    fabric: Fabric, routes: HostRoutes, node: HostName, homes: dict[NetworkId, Home]
) -> Iterator[Route]:
    for holding in routes.held(node):
        yield Route(holding.address.prefix, RouteKind.ENDPOINT, (Hop(),), because=f"held by {holding.name}")
    for home in homes.values():
        for prefix in fabric.owned(home.network.id, node):
            yield discard(prefix, "this node's own: what it does not hold ends here")
    routed = fabric.routed(node)
    for network in fabric.networks:
        yield from _elsewhere(routes, node, network, homes.get(network.id), routed)
    above = (router.name for home in homes.values() for router in home.site.routers)
    yield from default_routes(fabric, tuple(dict.fromkeys(map(DeviceName, above))), known=True)


def _elsewhere(
    routes: HostRoutes,
    node: HostName,
    network: CarvedNetwork,
    home: Home | None,
    routed: bool,
) -> Iterator[Route]:
    """Yield the routes to other hosts of one network, and what ends here because nobody above takes it."""
    flat = not home.site.routers if home else not routed
    direct = home.site.shares_link if home else flat
    if direct:
        peers = routes.leaf(home) if home and not flat else routes.flat(network.id)
        yield from (route for route in peers if route.hops[0].device != DeviceName(node))
    if home and home.site.announce is Announce.GROUP:
        for prefix in network.carving.get(home.site.path, ()):
            yield discard(prefix, f"announced: group {home.site.path} of {network.name}")
    if flat:
        for prefix in network.spec.prefixes:
            yield discard(prefix, f"what nobody owns of {network.name} ends here: no router stands above")


def discard(prefix: Prefix, because: str) -> Route:
    return Route(prefix, RouteKind.DISCARD, because=because)
