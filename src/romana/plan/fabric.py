"""Who stands where: the homes of hosts, what each host owns, and the groups that routers answer for.

Before: a snapshot. After: `fib` turns this into the table of each observer. Built once for all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from romana.model.host import Host, HostName, HostState
from romana.model.layout import CarvedNetwork, NetworkId
from romana.model.route import DeviceName
from romana.model.snapshot import Snapshot
from romana.model.topology import ROOT, Device, GroupPath, Router, Site, sites, top_site
from romana.net.aggregate import aggregate
from romana.net.prefix import Address, Prefix
from romana.net.table import LookupTable
from romana.plan.roads import Roads


@dataclass(frozen=True, slots=True)
class Home:
    """Where a host lives in a network."""

    network: CarvedNetwork
    site: Site


@dataclass(frozen=True, slots=True)
class Area:
    """A group that names routers, in one network: they answer for its prefixes."""

    network: CarvedNetwork
    path: GroupPath
    routers: tuple[DeviceName, ...]
    prefixes: tuple[Prefix, ...]
    above: Area | None
    """The area around it."""

    def __str__(self) -> str:
        return f"{self.network.name} {self.path}".rstrip()


@dataclass(frozen=True, slots=True)
class Stray:
    """A prefix that a host owns where the routers of its area do not answer."""

    prefix: Prefix
    host: HostName
    area: Area


class Fabric:
    """What the tables of all observers are made from.

    A host that owns blocks in a network but is in none of its groups (its group is gone) lives in the
    group that its blocks came from, or in what is left above it.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.networks = snapshot.layout.networks
        self.versions = sorted({v for network in self.networks for v in network.spec.versions})
        self.trees = {n.id: _tree(n) for n in self.networks}
        self._owned, self._origins = _owned(snapshot)
        self.homes: dict[HostName, tuple[Home, ...]] = {
            name: tuple(self._homes(host))
            for name, host in snapshot.hosts.items()
            if host.state is not HostState.LEFT
        }
        self.routers: dict[DeviceName, Router] = {
            DeviceName(r.name): r for tree in self.trees.values() for s in tree.values() for r in s.routers
        }
        document = snapshot.layout.document
        self.devices: dict[DeviceName, Device] = {DeviceName(d.name): d for d in document.devices}
        self.areas: dict[tuple[NetworkId, GroupPath], Area] = {}
        for network in self.networks:
            self._find_areas(network)
        outermost = {name for area in self.areas.values() if area.above is None for name in area.routers}
        self.roads = Roads(self.routers, self.devices, document.links, outermost)

    def owned(self, network: NetworkId, host: HostName) -> tuple[Prefix, ...]:
        """Return what the host owns of a network: its host prefix and its blocks, aggregated exactly."""
        return self._owned.get((network, host), ())

    def area_of(self, home: Home) -> Area | None:
        """Return the smallest area around a host's home; None where it has no router."""
        return self.area_at(home.network.id, home.site.path)

    def area_at(self, network: NetworkId, path: GroupPath) -> Area | None:
        return next((self.areas[network, p] for p in _upwards(path) if (network, p) in self.areas), None)

    @cached_property
    def strays(self) -> tuple[Stray, ...]:
        """What hosts own where another area answers: no group's route leads there."""
        places = {n.id: self._area_table(n) for n in self.networks}
        return tuple(
            Stray(prefix, name, area)
            for name, homes in self.homes.items()
            for home in homes
            if (area := self.area_of(home)) is not None
            for prefix in self.owned(home.network.id, name)
            if not _answered(places[home.network.id].lookup(prefix.address(0)), prefix, area)
        )

    def _area_table(self, network: CarvedNetwork) -> LookupTable[GroupPath]:
        """Return which area answers for each address; outermost first, so that the innermost stands."""
        areas = (area for area in self.areas.values() if area.network.id == network.id)
        return LookupTable((prefix, area.path) for area in areas for prefix in area.prefixes)

    def address(self, name: DeviceName, version: int) -> Address | None:
        """Return the address of that family by which the document knows a router or device."""
        device = self.routers.get(name) or self.devices[name]
        return device.address if version == 4 else device.address6

    def has_address(self, name: DeviceName) -> bool:
        return any(self.address(name, version) is not None for version in (4, 6))

    def owned_elsewhere(self, home: Home, prefix: Prefix) -> Iterator[tuple[HostName, Prefix]]:
        """Yield what hosts outside this leaf own inside a prefix of it."""
        for name, homes in self.homes.items():
            if not any(h.network.id == home.network.id and h.site.path == home.site.path for h in homes):
                for owned in self.owned(home.network.id, name):
                    if owned in prefix:
                        yield name, owned

    def _homes(self, host: Host) -> Iterator[Home]:
        for network in self.networks:
            path = host.groups.get(network.id, self._origins.get((network.id, host.name)))
            if path is not None:
                tree = self.trees[network.id]
                site = next((tree[p] for p in _upwards(path) if p in tree), None)
                if site is not None:
                    yield Home(network, site)

    def _find_areas(self, network: CarvedNetwork) -> None:
        for path, site in self.trees[network.id].items():
            if site.group.routers:
                names = tuple(dict.fromkeys(DeviceName(router.name) for router in site.group.routers))
                prefixes = network.carving.get(path, network.spec.prefixes if path == ROOT else ())
                above = self.area_at(network.id, _upwards(path)[1]) if path else None
                self.areas[network.id, path] = Area(network, path, names, prefixes, above)


def _answered(found: tuple[Prefix, GroupPath] | None, prefix: Prefix, area: Area) -> bool:
    """Whether what was found where a prefix begins is this area, for all of the prefix."""
    return found is not None and found[1] == area.path and prefix in found[0]


def _tree(network: CarvedNetwork) -> dict[GroupPath, Site]:
    """Return every group of the network by path, the root included, parents first."""
    root = network.root
    if root is None:
        return {}
    return {ROOT: top_site(root), **{site.path: site for site in sites(root)}}


def _upwards(path: GroupPath) -> list[GroupPath]:
    """Return the path and those of the groups around it, innermost first, the root last."""
    parts = path.split("/") if path else []
    return [GroupPath("/".join(parts[:n])) for n in range(len(parts), -1, -1)]


def _owned(
    snapshot: Snapshot,
) -> tuple[dict[tuple[NetworkId, HostName], tuple[Prefix, ...]], dict[tuple[NetworkId, HostName], GroupPath]]:
    """Return what each host owns of each network, and the group that the first of it came from."""
    owned: dict[tuple[NetworkId, HostName], list[Prefix]] = defaultdict(list)
    origins: dict[tuple[NetworkId, HostName], GroupPath] = {}
    for extent in snapshot.extents.values():
        host = snapshot.hosts.get(extent.host) if extent.host else None
        if host and extent.open and host.groups.get(extent.network) == extent.group:
            owned[extent.network, host.name].append(extent.prefix)
        for claim in extent.blocks:
            if claim.owner is not None:
                owned[extent.network, claim.owner.host].append(claim.prefix)
                origins.setdefault((extent.network, claim.owner.host), extent.group)
    return {key: tuple(aggregate(prefixes)) for key, prefixes in owned.items()}, origins
