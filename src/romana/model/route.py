"""Routes and tables: what a device holds or should hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from romana.net.prefix import Address, Prefix

DeviceName = NewType("DeviceName", str)
"""A node, router or other device; hosts and devices share one name space."""


class RouteKind(StrEnum):
    ENDPOINT = "endpoint"
    """Delivered to an interface of this device."""
    HOST = "host"
    """To a host's prefix or blocks."""
    GROUP = "group"
    """To a group's prefix."""
    DISCARD = "discard"
    """Ends here (`blackhole`, `unreachable`)."""
    ROUTER = "router"
    """To the router above; in planned tables the default route a node learns."""
    FOREIGN = "foreign"
    """Read from a device, not ours."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One next hop. Several on a route share its traffic."""

    via: Address | None = None
    dev: str | None = None
    device: DeviceName | None = None
    """The device behind it where known; proofs follow this, the kernel gets `via` and `dev`."""


@dataclass(frozen=True, slots=True)
class Route:
    prefix: Prefix
    kind: RouteKind
    hops: tuple[Hop, ...] = ()
    """Empty for a discard."""
    metric: int = 0
    because: str = ""
    """Why the route exists, in words: shown by explanations, not compared by the kernel."""


@dataclass(frozen=True, slots=True)
class Table:
    """All routes of one device, prefixes in ascending order."""

    device: DeviceName
    routes: tuple[Route, ...] = ()

    @classmethod
    def of(cls, device: DeviceName, routes: Iterable[Route]) -> Table:
        return cls(device, tuple(sorted(routes, key=lambda r: (r.prefix.key, r.metric))))
