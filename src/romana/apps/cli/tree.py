"""The groups of a network as a tree of branches, with what lives in each.

What the document says, what is still being drained, and how full it is come together here; `views` and
the tables of `topology show` and `group list` draw it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from romana.model.block import Block
from romana.model.host import HostName
from romana.model.layout import CarvedNetwork
from romana.model.snapshot import Snapshot
from romana.model.topology import ROOT, GroupPath, Site, sites
from romana.net.prefix import Prefix


@dataclass(frozen=True, slots=True)
class Fill:
    """How full a place is. Both mappings are by family: 4 and 6."""

    blocks: int = 0
    """Blocks that have an owner."""
    used: Mapping[int, int] = field(default_factory=dict)
    total: Mapping[int, int] = field(default_factory=dict)

    def __str__(self) -> str:
        """`18/1024`, and `18/2^64` for IPv6; both where both are there."""
        parts = (f"{self.used.get(v, 0)}/{_amount(total)}" for v, total in sorted(self.total.items()))
        return " ".join(parts)

    @property
    def ratio(self) -> float:
        """The fuller family's share, 0 to 1."""
        return max((self.used.get(v, 0) / total for v, total in self.total.items()), default=0.0)


@dataclass(frozen=True, slots=True)
class Branch:
    """A group of one network as it stands in the store."""

    path: GroupPath
    name: str
    prefixes: tuple[Prefix, ...]
    assignment: Mapping[str, str]
    hosts: tuple[HostName, ...]
    """Those of this very group, not of the groups below: listed ones in document order, then the others by name."""
    host_count: int
    """Those of the groups below too."""
    fill: Fill
    draining: bool
    below: tuple[Branch, ...] = ()

    def walk(self) -> Iterator[Branch]:
        """Yield this branch and all below, parents first."""
        yield self
        for branch in self.below:
            yield from branch.walk()


def branches(snapshot: Snapshot, network: CarvedNetwork) -> tuple[Branch, ...]:
    """Return the network's uppermost groups in document order, those being drained last.

    An undivided network has one, with its only group's path or "".
    """
    return _Grower(snapshot, network).grow()


def network_fill(snapshot: Snapshot, network: CarvedNetwork) -> Fill:
    """Return how full the whole network is."""
    return _fill([*snapshot.blocks(network.id)], network.spec.prefixes)


class _Grower:
    """Grows the branches of one network; everything is counted once, whatever the number of groups."""

    def __init__(self, snapshot: Snapshot, network: CarvedNetwork) -> None:
        self.network = network
        self.sites: dict[GroupPath, Site | None] = {
            site.path: site for site in (sites(network.root) if network.root else ())
        }
        self.sites |= {path: None for path in sorted(network.draining - {ROOT}) if path not in self.sites}
        self.below: dict[GroupPath | None, list[GroupPath]] = defaultdict(list)
        for path in self.sites:
            self.below[next(self._above(path), None)].append(path)
        self.hosts: dict[GroupPath, list[HostName]] = defaultdict(list)
        for host in snapshot.hosts.values():
            if network.id in host.groups:
                self.hosts[host.groups[network.id]].append(host.name)
        self.blocks: dict[GroupPath, list[Block]] = defaultdict(list)
        for block in snapshot.blocks(network.id):
            for path in (block.group, *self._above(block.group)):
                self.blocks[path].append(block)

    def grow(self) -> tuple[Branch, ...]:
        return tuple(map(self._branch, self.below[None]))

    def _above(self, path: GroupPath) -> Iterator[GroupPath]:
        """Yield the groups above that are there, the nearest first."""
        above = path
        while "/" in above:
            above = GroupPath(above.rpartition("/")[0])
            if above in self.sites:
                yield above

    def _branch(self, path: GroupPath) -> Branch:
        site = self.sites[path]
        below = tuple(map(self._branch, self.below[path]))
        listed = {host.name: place for place, host in enumerate(site.group.hosts)} if site else {}
        prefixes = self.network.carving.get(path, self.network.spec.prefixes if path == ROOT else ())
        return Branch(
            path,
            site.group.name if site else path.rpartition("/")[2],
            tuple(prefixes),
            site.group.assignment if site else {},
            tuple(sorted(self.hosts[path], key=lambda name: listed.get(name, len(listed)))),
            len(self.hosts[path]) + sum(branch.host_count for branch in below),
            _fill(self.blocks[path], prefixes),
            bool(self.network.draining & {path, ROOT}),
            below,
        )


def within(path: GroupPath, above: GroupPath) -> bool:
    """Whether the group is `above` or somewhere below it."""
    return above in (ROOT, path) or path.startswith(f"{above}/")


def _fill(blocks: Collection[Block], prefixes: Iterable[Prefix]) -> Fill:
    used: Counter[int] = Counter()
    total: Counter[int] = Counter()
    for block in blocks:
        used[block.prefix.version] += len(block.holdings)
    for prefix in prefixes:
        total[prefix.version] += prefix.size
    return Fill(len(blocks), used, total)


def _amount(total: int) -> str:
    """Return the number, as a power of two once it no longer reads well."""
    return str(total) if total < 10**9 or total.bit_count() > 1 else f"2^{total.bit_length() - 1}"
