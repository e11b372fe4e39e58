"""The table of a group's router, or of a device above."""

from __future__ import annotations

from collections.abc import Iterator

from romana.model.layout import CarvedNetwork
from romana.model.route import DeviceName, Hop, Route, RouteKind, Table
from romana.net.prefix import Prefix
from romana.plan.fabric import Fabric
from romana.plan.host_routes import HostRoutes
from romana.plan.node_table import default_route, discard
from romana.plan.ways import Way, fewest

_NAMED = 3
"""Groups that a sentence names."""


def router_table(fabric: Fabric, routes: HostRoutes, name: DeviceName) -> Table:
    """Return what a router or device should hold. The first route to a prefix stands."""
    found: dict[int, Route] = {}
    for route in _routes(fabric, routes, name):
        found.setdefault(route.prefix.key, route)
    return Table.of(name, found.values())


def _routes(fabric: Fabric, routes: HostRoutes, name: DeviceName) -> Iterator[Route]:
    above = fabric.roads.up(name)
    areas = [area for area in fabric.areas.values() if name in area.routers]
    for area in areas:
        yield from routes.area(area)
    if not fabric.routers:
        # No router stands between: the device is on the segment itself, as the hosts are.
        for network in fabric.networks:
            yield from routes.flat(network.id)
    for network in fabric.networks:
        for prefix, way in _ways(fabric, network, name, above).items():
            hops = tuple(Hop(fabric.address(hop, prefix.version), device=hop) for hop in way.hops)
            yield Route(prefix, way.kind, hops, because=_listed(way.reasons))
    for area in areas:
        for prefix in area.prefixes:
            yield discard(prefix, f"group {area}: what no host of it owns ends here")
    if name in fabric.roads.tops:
        for network in fabric.networks:
            for prefix in network.spec.prefixes:
                yield discard(prefix, f"what nobody owns of {network.name} ends here: nothing stands above")
    if above:
        for version in fabric.versions:
            hops = tuple(Hop(fabric.address(hop, version), device=hop) for hop in above)
            yield default_route(version, hops)


def _ways(
    fabric: Fabric, network: CarvedNetwork, name: DeviceName, above: tuple[DeviceName, ...]
) -> dict[Prefix, Way]:
    """Return the ways to groups of other routers that the default does not take, and to the exceptions.

    Areas come outermost first: a group that has all of the group around it stands in its place.
    """
    ways: dict[Prefix, Way] = {}
    stops: set[Prefix] = set()
    for area in (a for a in fabric.areas.values() if a.network.id == network.id):
        hops = fabric.roads.towards(name, area.routers)
        for prefix in area.prefixes:
            if name in area.routers:
                stops.add(prefix)
                ways.pop(prefix, None)
            elif hops:
                ways[prefix] = Way(RouteKind.GROUP, hops, (f"group {area}",))
    ways.update(_exceptions(fabric, network, name))
    return fewest(ways, stops, above)


def _exceptions(fabric: Fabric, network: CarvedNetwork, name: DeviceName) -> Iterator[tuple[Prefix, Way]]:
    for stray in fabric.strays:
        if stray.area.network.id == network.id and name not in stray.area.routers:
            hops = fabric.roads.towards(name, stray.area.routers)
            if hops:
                why = f"exception: owned by host {stray.host} of {stray.area}, outside its prefixes"
                yield stray.prefix, Way(RouteKind.HOST, hops, (why,))


def _listed(reasons: tuple[str, ...]) -> str:
    rest = len(reasons) - _NAMED
    return ", ".join(reasons[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
