"""Extents, blocks and what they hold.

An *extent* is one record of the store: a piece of a group's prefix that lists the blocks claimed in
it, each with owner, writer and epoch. A *block* is the mirror of one block's addresses; it counts
only with the epoch that its extent names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from romana.model.host import HostName
from romana.model.layout import NetworkId
from romana.model.topology import GroupPath
from romana.net.prefix import Address, Prefix


class Writer(StrEnum):
    """Who alone edits a block's record."""

    AGENT = "agent"
    CENTRAL = "central"


@dataclass(frozen=True, slots=True)
class Owner:
    """Who a block belongs to. `tenant` and `segment` are "" where the network does not divide by them."""

    host: HostName
    tenant: str = ""
    segment: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """One block of an extent."""

    prefix: Prefix
    owner: Owner | None
    """None: emptied and yielded; stays listed until it is taken again."""
    writer: Writer
    epoch: int
    """Grows with every claim and yield in the extent; never repeats."""


@dataclass(frozen=True, slots=True)
class Extent:
    """A piece of a group's prefix, fixed for life. A claim needs `open` and the claimant's group."""

    network: NetworkId
    prefix: Prefix
    group: GroupPath
    open: bool = True
    host: HostName | None = None
    """Where hosts have prefixes of their own (`host_mask`): the host whose prefix this is."""
    blocks: tuple[Claim, ...] = ()
    """Lowest first, disjoint."""
    epoch: int = 0
    """The highest epoch given in this extent."""


@dataclass(frozen=True, slots=True)
class Holding:
    """An address and who holds it."""

    address: Address
    name: str
    """Unique among live holdings of a family: the caller's, or `container id/interface` of an endpoint."""
    tenant: str = ""
    segment: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """What a block holds, as its writer last said."""

    network: NetworkId
    prefix: Prefix
    group: GroupPath
    owner: Owner
    writer: Writer
    epoch: int
    holdings: Mapping[Address, Holding] = field(default_factory=dict)
    resting: Mapping[Address, float] = field(default_factory=dict)
    """Released addresses and when (seconds since 1970 by the writer's clock); they wait for `reuse_delay`."""
    usable_after: float = 0.0
    """Claimed ahead: not used before this (same clock), so that its routes are everywhere first."""
    closed: bool = False
    """Being yielded: nothing may be allocated in it any more under this epoch."""
