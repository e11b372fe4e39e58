"""What a new layout does to the extents: their group, whether they are open, and idle blocks of no more use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from romana.model.block import Block, Claim, Extent, Writer
from romana.model.host import Host, HostName
from romana.model.layout import CarvedNetwork, Layout
from romana.model.snapshot import Snapshot
from romana.model.topology import ROOT, GroupPath, sites
from romana.net import space
from romana.net.prefix import Prefix
from romana.net.table import LookupTable
from romana.plan.claim import yield_block
from romana.plan.ground import EXTENT_BITS, covers


@dataclass(frozen=True, slots=True)
class Moves:
    extents: tuple[Extent, ...]
    """As they must become, where that is different."""
    closes: tuple[Block, ...]
    """Idle blocks of the central writer that are yielded: closed first, so that nothing is allocated meanwhile."""


def regroup(snapshot: Snapshot, layout: Layout, hosts: Mapping[HostName, Host]) -> Moves:
    """Return what the extents must become so that claims follow the new layout and nobody's old one.

    An extent belongs to the lowest group whose prefixes hold all of it; one that is outside of every network, or
    whose group is draining, is closed, and one whose network is gone forgets its blocks. Live addresses are not
    looked at here: see `plan.stranded`.
    """
    extents: list[Extent] = []
    closes: list[Block] = []
    maps = {n.id: _Map.of(n) for n in layout.networks}
    for extent in snapshot.extents.values():
        known = maps.get(extent.network)
        network = known.network if known else None
        group = known.group_of(extent.prefix) if known else None
        is_open = known is not None and group is not None and known.opens(group, extent.prefix)
        after = replace(extent, group=extent.group if group is None else group, open=is_open)
        for claim in extent.blocks:
            if _useless(snapshot, network, hosts, extent, claim):
                after = yield_block(after, claim.prefix)
                closes += _closed(snapshot, extent, claim)
        if network is None:
            after = replace(after, blocks=())
        if after.host is not None and not _at_home(network, hosts.get(after.host), after.prefix):
            after = replace(after, host=None) if all(c.owner is None for c in after.blocks) else after
        if after != extent:
            extents.append(after)
    for old in snapshot.layout.networks:
        if (new := layout.by_id(old.id)) is not None:
            extents += _edges(snapshot, old, new)
    return Moves(tuple(extents), tuple(closes))


@dataclass(frozen=True, slots=True)
class _Map:
    """Where the groups of a network are."""

    network: CarvedNetwork
    table: LookupTable[GroupPath]
    """Every group's prefixes; where a group has all its parent has, the lower one counts."""
    leaves: frozenset[GroupPath]
    """Those that are not draining."""

    @classmethod
    def of(cls, network: CarvedNetwork) -> _Map:
        known = [*sites(network.root)] if network.root else []
        table = LookupTable((prefix, s.path) for s in known for prefix in network.carving.get(s.path, ()))
        closed = ROOT in network.draining
        leaves = (s.path for s in known if s.leaf and not closed and s.path not in network.draining)
        return cls(network, table, frozenset(leaves))

    def group_of(self, prefix: Prefix) -> GroupPath | None:
        """Return the lowest group that holds the whole prefix, None if the network does not."""
        found = self.table.lookup(prefix.address(0))
        path = found[1] if found else ROOT
        while path and not any(prefix in p for p in self.network.carving.get(path, ())):
            path = GroupPath(path.rpartition("/")[0])
        return path if path or any(prefix in p for p in self.network.spec.prefixes) else None

    def opens(self, group: GroupPath, prefix: Prefix) -> bool:
        """Whether anybody may claim there: the group is a leaf, or leaves below it have parts of the prefix."""
        if group in self.leaves:
            return True
        below = (path for path in self.leaves if covers(group, path))
        return any(prefix.overlaps(p) for path in below for p in self.network.carving[path])


def _useless(
    snapshot: Snapshot,
    network: CarvedNetwork | None,
    hosts: Mapping[HostName, Host],
    extent: Extent,
    claim: Claim,
) -> bool:
    """Whether a block holds nothing and its owner will not live where it is, or must not use it."""
    block = snapshot.block(extent, claim)
    if block is None or block.holdings:
        return False
    host = hosts.get(block.owner.host)
    if not _at_home(network, host, claim.prefix):
        return True
    assert network is not None
    assert host is not None
    draining = network.draining & {ROOT, host.groups[network.id]}
    return claim.writer is Writer.CENTRAL and bool(draining)


def _at_home(network: CarvedNetwork | None, host: Host | None, prefix: Prefix) -> bool:
    """Whether the host's group of the network has the prefix."""
    if network is None or host is None or network.id not in host.groups:
        return False
    return any(prefix in p for p in network.carving.get(host.groups[network.id], ()))


def _closed(snapshot: Snapshot, extent: Extent, claim: Claim) -> Iterator[Block]:
    block = snapshot.block(extent, claim)
    if claim.writer is Writer.CENTRAL and block is not None and not block.closed:
        yield replace(block, closed=True)


def _edges(snapshot: Snapshot, old: CarvedNetwork, new: CarvedNetwork) -> Iterator[Extent]:
    """Yield extents to be made where a group smaller than one extent grows.

    Its whole prefix was the extent that a claim would have made. Made now, it cannot be made any more by somebody
    who has not heard of the growth, while another makes the larger one.
    """
    existing = [extent.prefix for (network, _), extent in snapshot.extents.items() if network == old.id]
    leaves = {site.path for site in sites(new.root) if site.leaf} if new.root else set()
    for path in old.carving.keys() & leaves:
        before, after = old.carving[path], new.carving[path]
        if before != after and any(set(before) - set(after)):
            kept = {*space.free(after, existing)}
            for piece in space.free(before, existing):
                narrow = piece.length > old.spec.block_length(piece.version) - EXTENT_BITS
                if narrow and piece not in kept and any(piece in p for p in after):
                    yield Extent(new.id, piece, path)
