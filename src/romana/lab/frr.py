"""The FRR configuration of a router of the lab. Pure; `routers` starts the daemons with it.

What passes between two devices depends on which is higher:

    from a host           the prefixes inside the groups that the router serves
    to a host             the default route, and the group's own prefix
    up                    the group's prefix, one route; the routes inside too where routers share the group
    down                  the default route and everything else known
    between equals        everything known but the default route

The topmost routers originate the default route in place of a border; all others pass on what they learned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

import jinja2

from romana.lab.blueprint import Blueprint, Device, Kind, Neighbour, Served
from romana.model.layout import CarvedNetwork, Layout
from romana.model.topology import sites
from romana.net.prefix import Address, Prefix

_FAMILY = {4: "ipv4", 6: "ipv6"}
_KEYWORD = {4: "ip", 6: "ipv6"}
_DEFAULT = {4: Prefix.parse("0.0.0.0/0"), 6: Prefix.parse("::/0")}


class Relation(StrEnum):
    HOST = "host"
    DOWN = "down"
    UP = "up"
    EQUAL = "equal"


@dataclass(frozen=True, slots=True)
class Span:
    """A line of a prefix list: everything inside `prefix` down to length `longest`."""

    prefix: Prefix
    longest: int

    def __str__(self) -> str:
        return f"permit {self.prefix}" + (f" le {self.longest}" if self.longest > self.prefix.length else "")


@dataclass(frozen=True, slots=True)
class Peer:
    """A neighbour as the template shows it."""

    name: str
    port: str
    own: Address
    address: Address
    remote: str
    relation: Relation
    inward: str
    outward: str

    @property
    def passive(self) -> bool:
        """Whether the other side calls: one side only, so that calls never cross."""
        return self.relation in (Relation.HOST, Relation.DOWN)

    @property
    def told(self) -> bool:
        """Whether the next hop must be said by a route map."""
        return self.relation is Relation.HOST and self.own.version == 6


def config(plan: Blueprint, layout: Layout, device: Device) -> str:
    """Return the text of frr.conf for `device`. The same plan and layout give the same text."""
    peers = [_peer(device, neighbour) for neighbour in plan.neighbours(device.name)]
    versions = sorted({peer.address.version for peer in peers})
    return _template().render(
        device=device,
        filters=[line for v in versions for line in _filters(plan, layout, device, peers, v)],
        peers=peers,
        next_hops=[p.own for p in peers if p.relation is Relation.HOST and p.own.version == 6][:1],
        families=[
            {
                "name": _FAMILY[v],
                "default": _DEFAULT[v] if plan.topmost(device) else None,
                "peers": [p for p in peers if p.address.version == v],
                "aggregates": [*_aggregates(layout, device, v)],
            }
            for v in versions
        ],
    )


@cache
def _template() -> jinja2.Template:
    text = files("romana.lab").joinpath("frr.conf.j2").read_text()
    environment = jinja2.Environment(  # noqa: S701  this is no HTML
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    return environment.from_string(text)


def _peer(device: Device, neighbour: Neighbour) -> Peer:
    far = neighbour.device
    relation = _relation(device, far)
    inward, outward = {
        Relation.HOST: ("INSIDE", "HOSTS"),
        Relation.DOWN: (f"FROM-{far.name}", "ABOVE"),
        Relation.UP: ("ABOVE", "UP"),
        Relation.EQUAL: ("KNOWN", "KNOWN"),
    }[relation]
    remote = str(far.asn) if far.routes else "external"
    own = neighbour.port.address(neighbour.address.version)
    assert own is not None, neighbour
    return Peer(far.name, neighbour.port.name, own, neighbour.address, remote, relation, inward, outward)


def _relation(device: Device, far: Device) -> Relation:
    if far.kind is Kind.NODE:
        return Relation.HOST
    if far.level == device.level:
        return Relation.EQUAL
    return Relation.UP if far.level > device.level else Relation.DOWN


def _filters(
    plan: Blueprint, layout: Layout, device: Device, peers: Iterable[Peer], version: int
) -> Iterator[str]:
    """Yield the prefix lists that the peers of one family use, each line numbered.

    A list that a peer names and that has no line denies everything (FRR: bgp_input_filter).
    """
    known = [
        Span(prefix, _longest(network, version))
        for network in layout.networks
        for prefix in network.spec.prefixes
        if prefix.version == version
    ]
    default = Span(_DEFAULT[version], 0)
    own = _served(layout, device, version)
    spans = {
        "INSIDE": _served(layout, device, version, inside=True) or known,
        "HOSTS": [default, *(Span(span.prefix, span.prefix.length) for span in own)],
        "UP": own or known,
        "ABOVE": [default, *known],
        "KNOWN": known,
    }
    used: list[str] = []
    for peer in (p for p in peers if p.address.version == version):
        used += [peer.inward, peer.outward]
        if peer.relation is Relation.DOWN:
            spans[peer.inward] = _served(layout, plan.by_name[peer.name], version) or known
    for name in dict.fromkeys(used):
        for index, span in enumerate(dict.fromkeys(spans[name]), 1):
            yield f"{_KEYWORD[version]} prefix-list {name} seq {5 * index} {span}"


def _served(layout: Layout, device: Device, version: int, *, inside: bool = False) -> list[Span]:
    """Return what the device answers for: each prefix, with the routes inside if asked or shared."""
    return [
        Span(prefix, _longest(network, version) if inside or served.shared else prefix.length)
        for served, network, prefix in _serving(layout, device, version)
    ]


def _aggregates(layout: Layout, device: Device, version: int) -> Iterator[str]:
    for served, _, prefix in _serving(layout, device, version):
        yield f"{prefix}" if served.shared else f"{prefix} summary-only"


def _serving(layout: Layout, device: Device, version: int) -> Iterator[tuple[Served, CarvedNetwork, Prefix]]:
    for served in device.serves:
        network = layout.named(served.network)
        for prefix in network.carving.get(served.path, ()) if network else ():
            if network and prefix.version == version:
                yield served, network, prefix


def _longest(network: CarvedNetwork, version: int) -> int:
    """Return the longest prefix that a host of the network announces: its own or a block."""
    masks = (site.host_length(version) or 0 for site in (sites(network.root) if network.root else ()))
    return max(network.spec.block_length(version), *masks, 0)
