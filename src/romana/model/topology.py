"""The operator's document as values: networks, the tree that divides them, devices and links.

Read by `wire.document`, carved by `plan.carve`. A group's *path* joins the names from the top with
`/`; a topology without groups is one leaf whose path is "".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

from romana.net.prefix import Address, Prefix

GroupPath = NewType("GroupPath", str)
ROOT = GroupPath("")


class BlockOwner(StrEnum):
    """Who shares a block of a network."""

    HOST = "host"
    TENANT = "tenant"
    SEGMENT = "segment"


class Placement(StrEnum):
    """Where in its group's prefixes a new block goes."""

    SPREAD = "spread"
    PACKED = "packed"


class Announce(StrEnum):
    """What a node announces to its router."""

    HOST = "host"
    BLOCKS = "blocks"
    GROUP = "group"
    NONE = "none"


class Protocol(StrEnum):
    """How a node speaks to its router."""

    BGP = "bgp"
    OSPF = "ospf"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Vlan:
    id: int
    gateway: Address | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """A named address space of one or more prefixes, as the document says."""

    name: str
    prefixes: tuple[Prefix, ...]
    """Disjoint; both families may stand together."""
    block_mask: int = 26
    """Length of an IPv4 block."""
    block_mask6: int = 122
    """Length of an IPv6 block."""
    owner: BlockOwner = BlockOwner.HOST
    placement: Placement = Placement.SPREAD
    reuse_delay: float = 30.0
    """Seconds that a released address rests before it is handed out again."""
    tenants: tuple[str, ...] = ()
    """Who may use it; empty: everybody."""
    reserved: tuple[Prefix, ...] = ()
    """Never handed out."""
    vlan: Vlan | None = None

    def block_length(self, version: int) -> int:
        return self.block_mask if version == 4 else self.block_mask6

    @property
    def versions(self) -> tuple[int, ...]:
        """The families it has addresses of, IPv4 first."""
        return tuple(sorted({prefix.version for prefix in self.prefixes}))


@dataclass(frozen=True, slots=True)
class Router:
    """A router that the hosts of a group speak to; also a device of the lab and of proofs."""

    name: str
    address: Address | None = None
    address6: Address | None = None
    asn: int | None = None
    protocol: Protocol = Protocol.BGP


@dataclass(frozen=True, slots=True)
class ListedHost:
    """A host that the document itself lists in a group."""

    name: str
    addresses: tuple[Address, ...]
    """In document order; the first of each family is the one that routes go by."""
    labels: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, Address] = field(default_factory=dict)
    """Where `addresses` was written as a map: link or network to address."""
    joined: bool = False
    """It had joined when the document was exported: putting that in force leaves it a host that joined."""


@dataclass(frozen=True, slots=True)
class Group:
    """A place in the operator's tree. It has groups or hosts, never both."""

    name: str
    """As written, else its position counted from 1. Any printable character but `/`."""
    assignment: Mapping[str, str] = field(default_factory=dict)
    """Labels a host must bear; those of every level above apply too."""
    groups: tuple[Group, ...] = ()
    hosts: tuple[ListedHost, ...] = ()
    prefixes: tuple[Prefix, ...] = ()
    """Pinned by the document; else carved."""
    hosts_expected: int | None = None
    weight: int | None = None
    host_mask: int | None = None
    """Every host gets an IPv4 prefix of this length of its own. Inherited by the groups below."""
    host_mask6: int | None = None
    on_link: bool | None = None
    """Hosts share a layer-2 segment; None: judged by `Site.on_link`. Inherited by the groups below."""
    routers: tuple[Router, ...] = ()
    """Inherited by the groups below that name none."""
    announce: Announce | None = None
    routing: str = ""
    """Free text that v2 documents carry; kept for export."""
    named: bool = True
    """False where the name is the position, so that export leaves it out."""


@dataclass(frozen=True, slots=True)
class Topology:
    """One tree, instantiated separately for every network it names."""

    networks: tuple[str, ...]
    root: Group
    """Unnamed; its groups (or hosts) are the entries of `map`."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device that is neither a host nor a group's router: spine, border, switch."""

    name: str
    kind: str = "spine"
    address: Address | None = None
    address6: Address | None = None
    asn: int | None = None
    serves: GroupPath | None = None


@dataclass(frozen=True, slots=True)
class Document:
    networks: tuple[Network, ...] = ()
    topologies: tuple[Topology, ...] = ()
    devices: tuple[Device, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    budgets: Mapping[str, int] = field(default_factory=dict)

    def root_of(self, network: str) -> Group | None:
        """The tree that divides the network, None where no topology names it."""
        return next((t.root for t in self.topologies if network in t.networks), None)

    def network(self, name: str) -> Network | None:
        return next((n for n in self.networks if n.name == name), None)


@dataclass(frozen=True, slots=True)
class Site:
    """A group with what it inherits: what a walk down the tree knows when it arrives there."""

    path: GroupPath
    group: Group
    assignment: Mapping[str, str]
    """Its own labels and those of every level above."""
    host_mask: int | None
    host_mask6: int | None
    routers: tuple[Router, ...]
    announce: Announce | None
    on_link: bool | None

    @property
    def leaf(self) -> bool:
        """Whether hosts live here."""
        return not self.group.groups

    def host_length(self, version: int) -> int | None:
        return self.host_mask if version == 4 else self.host_mask6

    @property
    def shares_link(self) -> bool:
        """Whether its hosts reach each other directly: as written, else where no router stands between."""
        return not self.routers if self.on_link is None else self.on_link


def sites(root: Group) -> Iterator[Site]:
    """Yield every group below `root` with what it inherits, in document order, parents first.

    A root without groups is itself the only site, with the path "".
    """
    top = top_site(root)
    if not root.groups:
        yield top
    else:
        yield from _below(top)


def site_at(root: Group, path: GroupPath) -> Site | None:
    """Return the one group of `sites` with that path, without a walk through the others."""
    site = top_site(root)
    if not root.groups:
        return site if path == ROOT else None
    for name in path.split("/"):
        group = next((g for g in site.group.groups if g.name == name), None)
        if group is None:
            return None
        site = _inside(site, group)
    return site


def _below(above: Site) -> Iterator[Site]:
    for group in above.group.groups:
        site = _inside(above, group)
        yield site
        yield from _below(site)


def top_site(root: Group) -> Site:
    """Return the root itself as a place: what everything below it inherits."""
    return Site(
        ROOT,
        root,
        root.assignment,
        root.host_mask,
        root.host_mask6,
        root.routers,
        root.announce,
        root.on_link,
    )


def _inside(above: Site, group: Group) -> Site:
    return Site(
        GroupPath(f"{above.path}/{group.name}" if above.path else group.name),
        group,
        {**above.assignment, **group.assignment},
        above.host_mask if group.host_mask is None else group.host_mask,
        above.host_mask6 if group.host_mask6 is None else group.host_mask6,
        group.routers or above.routers,
        group.announce or above.announce,
        above.on_link if group.on_link is None else group.on_link,
    )
