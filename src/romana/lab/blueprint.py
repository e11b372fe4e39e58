"""The data centre that a document describes, as values: devices, cables and who speaks BGP to whom.

Pure. `wiring` numbers the cables between routers, `build` turns a blueprint into `ip` commands, `frr` into router
configurations, `picture` into a drawing.

    spine-1 ── tor-1 ── node-1      a cable has two ports; each port its addresses
                │
                └────── node-2      hosts of a group have a routed port on each of its routers
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from romana.model.topology import GroupPath
from romana.net.prefix import Address


class Kind(StrEnum):
    """What runs on a device."""

    SPINE = "spine"
    """A device of the document, whatever its own kind: FRR."""
    TOR = "tor"
    """A group's router: FRR."""
    SWITCH = "switch"
    """A layer-2 segment: a bridge, no daemon."""
    NODE = "node"
    """A host: the agent, and BIRD where it has routers."""


@dataclass(frozen=True, slots=True)
class Served:
    """A group of a network, and whether other routers serve it too."""

    network: str
    path: GroupPath
    shared: bool = False
    """Several routers: each must also pass on the routes inside, because it may lose some of the hosts."""


@dataclass(frozen=True, slots=True)
class Device:
    name: str
    kind: Kind
    label: str = ""
    """The kind the document gave it (`border`, `spine`); "" for hosts and switches."""
    asn: int = 0
    """0: does not speak BGP by FRR."""
    router_id: Address | None = None
    """IPv4, unique, also on `lo` so that ICMP errors have a source."""
    serves: tuple[Served, ...] = ()
    """The groups whose prefixes it passes upwards as one route each."""
    level: int = 0
    """Cables between it and the nearest host; a device without a higher neighbour is topmost."""

    @property
    def routes(self) -> bool:
        """Whether FRR runs on it."""
        return self.kind in (Kind.SPINE, Kind.TOR)


@dataclass(frozen=True, slots=True)
class Wired:
    """An address on a port: `address/length`, or `address peer far` on a routed port."""

    address: Address
    length: int
    far: Address | None = None

    def __str__(self) -> str:
        if self.far is None:
            return f"{self.address}/{self.length}"
        return f"{self.address} peer {self.far}/{self.far.bits}"


@dataclass(frozen=True, slots=True)
class Port:
    device: str
    name: str
    """The interface in the device's namespace, 15 characters at most."""
    addresses: tuple[Wired, ...] = ()

    def address(self, version: int) -> Address | None:
        return next((w.address for w in self.addresses if w.address.version == version), None)


@dataclass(frozen=True, slots=True)
class Cable:
    """A pair of ports; `upper` is the one nearer to the top."""

    upper: Port
    lower: Port

    @property
    def name(self) -> str:
        return f"{self.lower.device}:{self.upper.device}"

    @property
    def ports(self) -> tuple[Port, Port]:
        return self.upper, self.lower


@dataclass(frozen=True, slots=True)
class Neighbour:
    """What a router sees at the other end of a cable (through a switch: one for each device there)."""

    device: Device
    port: Port
    """Ours on that cable."""
    address: Address
    """Where its BGP session goes to; the family of the session follows it."""


@dataclass(frozen=True)
class Blueprint:
    devices: tuple[Device, ...]
    """Topmost first, in document order inside a level; hosts last."""
    cables: tuple[Cable, ...]
    warnings: tuple[str, ...] = ()

    @cached_property
    def by_name(self) -> dict[str, Device]:
        return {device.name: device for device in self.devices}

    def of_kind(self, *kinds: Kind) -> tuple[Device, ...]:
        return tuple(device for device in self.devices if device.kind in kinds)

    def cables_of(self, device: str) -> tuple[Cable, ...]:
        return tuple(c for c in self.cables if device in (c.upper.device, c.lower.device))

    def ports_of(self, device: str) -> Iterator[tuple[Port, Port]]:
        """Yield each port of the device with the port at the other end of its cable."""
        for cable in self.cables_of(device):
            near, far = cable.ports if cable.upper.device == device else cable.ports[::-1]
            yield near, far

    def neighbours(self, device: str) -> Iterator[Neighbour]:
        """Yield every device that `device` can hold a session with, once per address family they share."""
        for near, far in self.ports_of(device):
            ends = [far]
            if self.by_name[far.device].kind is Kind.SWITCH:
                ends = [port for _, port in self.ports_of(far.device) if port.device != device]
            for end in ends:
                for wired in end.addresses:
                    if near.address(wired.address.version) is not None:
                        yield Neighbour(self.by_name[end.device], near, wired.address)

    def speaks(self, device: Device) -> bool:
        """Whether it holds a BGP session: a node of a flat network does not."""
        return device.routes or any(n.device.routes for n in self.neighbours(device.name))

    def topmost(self, device: Device) -> bool:
        """Whether no router above it could tell it where else to send."""
        around = (n.device for n in self.neighbours(device.name))
        return device.routes and not any(n.routes and n.level > device.level for n in around)
