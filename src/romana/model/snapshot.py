"""A snapshot: everything the store holds, read at one revision, as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from romana.model.block import Block, Claim, Extent, Holding
from romana.model.host import Host, HostName
from romana.model.layout import CarvedNetwork, Layout, NetworkId
from romana.model.topology import GroupPath
from romana.net.prefix import Prefix

BlockKey = tuple[NetworkId, Prefix]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`hosts` holds listed and added hosts alike, with groups and state worked out (`plan.place`)."""

    revision: int = 0
    layout: Layout = field(default_factory=Layout)
    hosts: Mapping[HostName, Host] = field(default_factory=dict)
    """In order of name."""
    extents: Mapping[BlockKey, Extent] = field(default_factory=dict)
    """In order of network and prefix."""
    mirrors: Mapping[BlockKey, Block] = field(default_factory=dict)
    """Block records as written, current epoch or not; `blocks` filters."""
    reservations: Mapping[NetworkId, tuple[Prefix, ...]] = field(default_factory=dict)
    """Reserved on the command line; the document's own stand in the network."""
    revisions: Mapping[str, int] = field(default_factory=dict)
    """Key of each record to its revision, for the swap that follows a decision."""

    def claims(self, network: NetworkId | None = None) -> Iterator[tuple[Extent, Claim]]:
        """Yield every listed block, owned or emptied, in order of address."""
        for extent in self.extents.values():
            if network in (None, extent.network):
                for claim in extent.blocks:
                    yield extent, claim

    def block(self, extent: Extent, claim: Claim) -> Block | None:
        """The block as its writer last said; empty where no record of this epoch exists; None if unowned."""
        if claim.owner is None:
            return None
        group = self.group_of(extent, claim)
        mirror = self.mirrors.get((extent.network, claim.prefix))
        if mirror is None or mirror.epoch != claim.epoch:
            return Block(extent.network, claim.prefix, group, claim.owner, claim.writer, claim.epoch)
        return mirror if mirror.group == group else replace(mirror, group=group)

    def group_of(self, extent: Extent, claim: Claim) -> GroupPath:
        """The group that a listed block is in now: its host's. A record names the one where it was written.

        The extent's where nobody owns the block; one that spans several groups bears what is above them.
        """
        host = self.hosts.get(claim.owner.host) if claim.owner else None
        return host.groups.get(extent.network, extent.group) if host else extent.group

    def blocks(self, network: NetworkId | None = None, host: HostName | None = None) -> Iterator[Block]:
        """Yield the blocks that have an owner, in order of address."""
        for extent, claim in self.claims(network):
            if claim.owner is not None and host in (None, claim.owner.host):
                block = self.block(extent, claim)
                if block is not None:
                    yield block

    def holdings(self) -> Iterator[tuple[Block, Holding]]:
        for block in self.blocks():
            for holding in block.holdings.values():
                yield block, holding

    def reserved(self, network: CarvedNetwork) -> tuple[Prefix, ...]:
        """What is never handed out: the document's reservations and the command line's."""
        return (*network.spec.reserved, *self.reservations.get(network.id, ()))
