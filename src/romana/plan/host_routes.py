"""Routes to hosts: made once for each, shared by every table that holds them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from romana.model.block import Holding
from romana.model.host import HostName
from romana.model.layout import NetworkId
from romana.model.route import DeviceName, Hop, Route, RouteKind
from romana.model.topology import GroupPath
from romana.plan.fabric import Area, Fabric, Home


class HostRoutes:
    """The route to what each host owns, and who is reached directly from where."""

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self._routes: dict[tuple[NetworkId, HostName], tuple[Route, ...]] = {}
        self._flat: dict[NetworkId, list[HostName]] = defaultdict(list)
        self._leaves: dict[tuple[NetworkId, GroupPath], list[HostName]] = defaultdict(list)
        self._areas: dict[tuple[NetworkId, GroupPath], list[HostName]] = defaultdict(list)
        for name, homes in fabric.homes.items():
            for home in homes:
                self._sort(name, home)
        self._held: dict[HostName, list[Holding]] = defaultdict(list)
        for block, holding in fabric.snapshot.holdings():
            self._held[block.owner.host].append(holding)

    def held(self, host: HostName) -> list[Holding]:
        """Return every address held on the host."""
        return self._held.get(host, [])

    def flat(self, network: NetworkId) -> Iterator[Route]:
        """Yield the routes to all hosts of the network that share a link and have no router."""
        return self._all(network, self._flat.get(network, []))

    def leaf(self, home: Home) -> Iterator[Route]:
        """Yield the routes to the hosts of one leaf."""
        key = home.network.id, home.site.path
        return self._all(home.network.id, self._leaves.get(key, []))

    def area(self, area: Area) -> Iterator[Route]:
        """Yield the routes to the hosts that an area's routers deliver to."""
        key = area.network.id, area.path
        return self._all(area.network.id, self._areas.get(key, []))

    def _sort(self, name: HostName, home: Home) -> None:
        area = self._fabric.area_of(home)
        if area is not None:
            self._areas[area.network.id, area.path].append(name)
            self._leaves[home.network.id, home.site.path].append(name)
        elif home.site.shares_link:
            self._flat[home.network.id].append(name)

    def _all(self, network: NetworkId, hosts: list[HostName]) -> Iterator[Route]:
        return (route for host in hosts for route in self._to(network, host))

    def _to(self, network: NetworkId, name: HostName) -> tuple[Route, ...]:
        known = self._routes.get((network, name))
        if known is None:
            known = self._routes[network, name] = tuple(self._made(network, name))
        return known

    def _made(self, network: NetworkId, name: HostName) -> Iterator[Route]:
        """Yield one route per prefix; none where the host has no address of the prefix's family to go by."""
        host = self._fabric.snapshot.hosts[name]
        for prefix in self._fabric.owned(network, name):
            via = host.address(prefix.version)
            if via is not None or not host.addresses:
                hops = (Hop(via, device=DeviceName(name)),)
                yield Route(prefix, RouteKind.HOST, hops, because=f"owned by host {name}")
