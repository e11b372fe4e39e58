"""The space of a group as a claim sees it: extents that exist, and those that could.

The part of a group's prefixes that no extent covers is cut, when a claim needs it, into aligned extents of
at most 256 blocks. An extent once made keeps its prefix for life, so the cut of today takes whatever
exists as it is and goes round it: block size and group may have been others then.

    group      10.0.0.0/16, blocks /26
    exists     10.0.0.0/18
    could be   10.0.64.0/18, 10.0.128.0/18, 10.0.192.0/18
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from romana.model.block import Extent
from romana.model.host import HostName
from romana.model.layout import CarvedNetwork
from romana.model.snapshot import Snapshot
from romana.model.topology import GroupPath, Site
from romana.net import space
from romana.net.aggregate import aggregate
from romana.net.prefix import Prefix

EXTENT_BITS = 8
"""An extent holds at most 2**8 blocks: one record of some ten kilobytes."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Space inside one extent, or inside several that do not exist yet."""

    prefix: Prefix
    extent: Extent
    """What exists; else a template whose prefix is not cut yet."""
    exists: bool = True


@dataclass(frozen=True, slots=True)
class Ground:
    """Where one claim may go."""

    length: int
    """Of a block."""
    pieces: tuple[Piece, ...]
    """Lowest first, disjoint, each wide enough for a block."""
    taken: tuple[Prefix, ...]
    """Owned blocks and wholly reserved space, lowest first."""
    host: HostName | None = None
    """Set where all of it is this host's own prefix."""

    def lowest(self) -> Prefix | None:
        """Return the lowest free block."""
        for piece in self.pieces:
            taken = [p for p in self.taken if p.overlaps(piece.prefix)]
            found = space.lowest(space.free([piece.prefix], taken), self.length)
            if found is not None:
                return found
        return None

    def beside(self, own: Iterable[Prefix]) -> Prefix | None:
        """Return the free block that lets `own` aggregate, else the bisection point of the free space.

        A host with 10.0.0.0/26 gets 10.0.0.64/26, then 10.0.0.128/26 and 10.0.0.192/26: the buddy of the
        smallest aggregate of its blocks, as long as nobody else is in it.
        """
        pieces = space.free([p.prefix for p in self.pieces], self.taken)
        found = space.beside(own, pieces, self.length)
        return found or space.bisect(pieces, (), self.length)

    def extent_of(self, block: Prefix) -> Extent:
        """Return the extent that a block found here belongs to, made where it does not exist."""
        piece = next(p for p in self.pieces if block in p.prefix)
        if piece.exists:
            return piece.extent
        return replace(
            piece.extent, prefix=block.supernet(max(piece.prefix.length, self.length - EXTENT_BITS))
        )


def ground_of(snapshot: Snapshot, network: CarvedNetwork, site: Site, version: int, host: HostName) -> Ground:
    """Return where in its group's prefixes a host may claim: extents all hosts share, and its own."""
    prefixes = _prefixes(network, site.path, version)
    length = network.spec.block_length(version)
    extents = [*_extents_in(snapshot, network, prefixes)]
    pieces = [
        Piece(part, extent if mine else replace(extent, host=None))
        for extent in _sound(extents)
        if (mine := extent.host == host) or extent.host is None or _vacant(snapshot, extent, site.path)
        if _serves(extent, site.path)
        for part in _parts(extent.prefix, prefixes)
    ]
    if site.host_length(version) is None:
        new = Extent(network.id, prefixes[0], site.path) if prefixes else None
        rest = space.free(prefixes, [e.prefix for e in extents])
        pieces += [Piece(p, new, exists=False) for p in rest if new is not None]
    wide = sorted((p for p in pieces if p.prefix.length <= length), key=lambda p: p.prefix.key)
    return Ground(length, tuple(wide), _taken(snapshot, network, extents, length, version))


def host_ground(
    snapshot: Snapshot, network: CarvedNetwork, site: Site, version: int, host: HostName
) -> Ground | None:
    """Return the host's own prefix, the lowest free one where it has none yet.

    None where hosts of the group have no prefixes of their own, or none is left.
    """
    wanted = site.host_length(version)
    if wanted is None:
        return None
    length = network.spec.block_length(version)
    own = own_extents(snapshot, network, host, version)
    if not own:
        free = _free_host_prefix(snapshot, network, site, version, wanted)
        if free is None:
            return None
        own = [replace(free, host=host)]
    pieces = tuple(Piece(e.prefix, e) for e in own if e.prefix.length <= length)
    return Ground(length, pieces, _taken(snapshot, network, own, length, version), host)


def own_extents(snapshot: Snapshot, network: CarvedNetwork, host: HostName, version: int) -> list[Extent]:
    """Return the extents that are the host's own prefixes in its group, lowest first."""
    known = snapshot.hosts.get(host)
    path = known.groups.get(network.id) if known else None
    if path is None:
        return []
    extents = _extents_in(snapshot, network, _prefixes(network, path, version))
    return [e for e in extents if e.host == host and _serves(e, path)]


def overlapping(snapshot: Snapshot, extent: Extent) -> list[Extent]:
    """Return the other extents that share addresses with this one: two writers cut the same space apart.

    It takes an apply that changes the cut and a claim decided before it. The writer of a *new* extent looks
    once after its swap, and yields and tries again where there is one; neither takes new blocks any more.
    """
    return [
        other
        for (network, prefix), other in snapshot.extents.items()
        if network == extent.network and prefix != extent.prefix and prefix.overlaps(extent.prefix)
    ]


def covers(group: GroupPath, path: GroupPath) -> bool:
    """Whether `path` is the group itself or lies below it; "" is above everything."""
    return group in ("", path) or path.startswith(f"{group}/")


def _prefixes(network: CarvedNetwork, path: GroupPath, version: int) -> list[Prefix]:
    return [p for p in network.carving.get(path, ()) if p.version == version]


def _extents_in(snapshot: Snapshot, network: CarvedNetwork, prefixes: Sequence[Prefix]) -> list[Extent]:
    found = [
        extent
        for (owner, prefix), extent in snapshot.extents.items()
        if owner == network.id and any(prefix.overlaps(p) for p in prefixes)
    ]
    return sorted(found, key=lambda e: e.prefix.key)


def _sound(extents: list[Extent]) -> Iterator[Extent]:
    """Yield the extents that overlap no other; see `overlapping`."""
    bad = {e.prefix for a, b in pairwise(extents) if a.prefix.overlaps(b.prefix) for e in (a, b)}
    return (e for e in extents if e.prefix not in bad)


def _serves(extent: Extent, path: GroupPath) -> bool:
    """Whether hosts of the group may claim in it. One that spans several groups bears what is above them all."""
    return extent.open and covers(extent.group, path)


def _vacant(snapshot: Snapshot, extent: Extent, path: GroupPath) -> bool:
    """Whether the host whose prefix it was is gone from the group and has left nothing in it."""
    host = snapshot.hosts.get(extent.host) if extent.host else None
    lives = host is not None and host.groups.get(extent.network) == path
    return not lives and all(claim.owner is None for claim in extent.blocks)


def _parts(prefix: Prefix, prefixes: Sequence[Prefix]) -> list[Prefix]:
    """The parts of an extent inside the group: all of it, or the group's prefixes in it."""
    return [prefix] if any(prefix in p for p in prefixes) else [p for p in prefixes if p in prefix]


def _taken(
    snapshot: Snapshot, network: CarvedNetwork, extents: Sequence[Extent], length: int, version: int
) -> tuple[Prefix, ...]:
    owned = [c.prefix for e in extents for c in e.blocks if c.owner is not None]
    reserved = aggregate(p for p in snapshot.reserved(network) if p.version == version)
    return tuple(aggregate([*owned, *(p for p in reserved if p.length <= length)]))


def _free_host_prefix(
    snapshot: Snapshot, network: CarvedNetwork, site: Site, version: int, length: int
) -> Extent | None:
    prefixes = _prefixes(network, site.path, version)
    extents = _extents_in(snapshot, network, prefixes)
    reserved = aggregate(p for p in snapshot.reserved(network) if p.version == version)
    closed = [p for p in reserved if p.length <= length]
    old = [
        extent
        for extent in _sound(extents)
        if extent.prefix.length == length
        and _serves(extent, site.path)
        and _vacant(snapshot, extent, site.path)
        if not any(extent.prefix in p for p in closed)
    ]
    new = space.lowest(space.free(prefixes, [*(e.prefix for e in extents), *closed]), length)
    if new is not None:
        old.append(Extent(network.id, new, site.path))
    return min(old, key=lambda e: e.prefix.key, default=None)
