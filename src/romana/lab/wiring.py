"""From a document to the blueprint of its data centre: who is cabled to whom, with which addresses.

Pure. Hosts and routers have the addresses of the document; cables between routers are numbered here, out of
ranges set aside for benchmarks, so that they clash with nobody's plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from romana.lab.blueprint import Blueprint, Cable, Device, Kind, Port, Wired
from romana.lab.parts import Parts, collect
from romana.model.errors import ConfigError
from romana.model.topology import Document, ListedHost, Router
from romana.net.prefix import Address, Prefix

FABRICS: Final = ("198.18.0.0/16", "198.19.0.0/16", "100.127.0.0/16", "192.168.0.0/16")
"""Where cables between routers are numbered: the first that no part of the document touches (RFC 2544, RFC 6598)."""
FABRIC6: Final = Prefix.parse("2001:2::/48")
"""The same for IPv6 (RFC 5180)."""
_IDENTITIES: Final = 0x8000
"""Router ids stand in the upper half of the fabric, cables in the lower."""
_NAME: Final = 15
"""Characters of an interface's name (if.h: IFNAMSIZ less one)."""
_WIDEST: Final = {4: 16, 6: 32}
"""A segment's subnet is not made wider than this; hosts that lie further apart get routes to each other."""
_USUAL: Final = {4: 24, 6: 64}


def blueprint(document: Document) -> Blueprint:
    """Return the data centre of `document`. ConfigError with every reason why there is none."""
    parts = collect(document)
    if parts.problems:
        raise ConfigError(
            "the document describes no data centre", code="lab-document", problems=parts.problems
        )
    draft = _Draft(parts, _fabric(parts))
    for link in parts.links:
        draft.fabric_cable(*link)
    for host in parts.hosts.values():
        for router in parts.routed[host.name]:
            draft.routed_cable(router, host)
    for name, (routers, hosts) in parts.segments.items():
        draft.segment(name, [*(_as_host(r) for r in routers), *hosts])
    devices = tuple(draft.devices())
    return Blueprint(devices, tuple(draft.cables(devices)), parts.warnings)


@dataclass
class _Draft:
    """Cables as they are laid; levels and the upper end of each follow when all lie."""

    parts: Parts
    fabric: Prefix
    laid: list[tuple[Port, Port]] = field(default_factory=list)
    names: dict[str, set[str]] = field(default_factory=dict)
    numbered: int = 0

    def fabric_cable(self, a: str, b: str) -> None:
        """Lay a point-to-point cable between two routers, numbered /31 and /127 (RFC 3021, RFC 6164)."""
        ends: list[Port] = []
        for side, (near, far) in enumerate(((a, b), (b, a))):
            wired = [Wired(self.fabric.address(self.numbered * 2 + side), 31)]
            if 6 in self.parts.versions:
                wired.append(Wired(FABRIC6.address(self.numbered * 2 + side), 127))
            ends.append(Port(near, self.port_name(near, far), tuple(wired)))
        self.laid.append((ends[0], ends[1]))
        self.numbered += 1

    def routed_cable(self, router: Router, host: ListedHost) -> None:
        """Lay a routed port: the router's own address stands on all of them, the peer tells them apart.

        Loss of carrier is then seen by both ends at once, which a shared segment would hide.
        """
        pairs = list(_families(router, host))
        down = tuple(Wired(own, own.bits, peer) for own, peer in pairs)
        up = tuple(Wired(peer, peer.bits, own) for own, peer in pairs)
        self.laid.append(
            (
                Port(router.name, self.port_name(router.name, host.name), down),
                Port(host.name, self.port_name(host.name), up),
            )
        )

    def segment(self, switch: str, members: Iterable[ListedHost]) -> None:
        """Plug hosts (and routers) into a switch, with addresses of one subnet where they lie close enough."""
        members = list(members)
        lengths = {version: self._length(version, members) for version in (4, 6)}
        for member in members:
            wired = tuple(Wired(a, lengths[a.version]) for a in member.addresses)
            near = Port(switch, self.port_name(switch, member.name))
            self.laid.append((near, Port(member.name, self.port_name(member.name), wired)))

    def _length(self, version: int, members: Iterable[ListedHost]) -> int:
        values = [a.value for m in members for a in m.addresses if a.version == version]
        bits = 32 if version == 4 else 128
        if not values:
            return bits
        length = min(_USUAL[version], bits - (min(values) ^ max(values)).bit_length())
        subnet = Prefix.of(version, values[0] >> bits - length << bits - length, length)
        apart = length < _WIDEST[version] or any(subnet.overlaps(p) for p in self.parts.planned)
        return bits if apart else length

    def port_name(self, device: str, far: str = "") -> str:
        """Return a free interface name: the far device's, as people look for it; `eth0`… on hosts."""
        taken = self.names.setdefault(device, {"lo", "br0", "all", "default"})
        wanted = [far] if far and len(far) <= _NAME and self.parts.is_router(device) else []
        stem = "p" if self.parts.is_router(device) else "eth"
        name = next(n for n in [*wanted, *(f"{stem}{i}" for i in range(len(taken) + 1))] if n not in taken)
        taken.add(name)
        return name

    def devices(self) -> Iterator[Device]:
        """Yield every device, topmost first."""
        levels = _levels(self.laid, self.parts)
        found = [*self._speakers(), *(Device(s, Kind.SWITCH) for s in self.parts.segments)]
        found += [Device(h, Kind.NODE) for h in self.parts.hosts]
        yield from sorted((replace(d, level=levels.get(d.name, 0)) for d in found), key=lambda d: -d.level)

    def _speakers(self) -> Iterator[Device]:
        for index, (name, speaker) in enumerate(self.parts.speakers.items()):
            identity = speaker.address or self.fabric.address(_IDENTITIES + index)
            kind = Kind.TOR if name in self.parts.routers else Kind.SPINE
            yield Device(name, kind, speaker.label, speaker.asn, identity, speaker.serves)

    def cables(self, devices: Iterable[Device]) -> Iterator[Cable]:
        rank = {d.name: (d.kind is Kind.SWITCH, d.level) for d in devices}
        for a, b in self.laid:
            yield Cable(a, b) if rank[a.device] >= rank[b.device] else Cable(b, a)


def _levels(laid: Iterable[tuple[Port, Port]], parts: Parts) -> dict[str, int]:
    """Return how many cables lie between each device and the nearest host; a switch is a piece of cable."""
    around: dict[str, set[str]] = {}
    for a, b in laid:
        around.setdefault(a.device, set()).add(b.device)
        around.setdefault(b.device, set()).add(a.device)
    for segment in parts.segments:
        for member in around.get(segment, ()):
            around[member] |= around[segment] - {member, segment}
    level = dict.fromkeys(parts.hosts, 0)
    front, depth = set(level), 0
    while front:
        depth += 1
        front = {far for near in front for far in around.get(near, ()) if far not in level}
        level |= dict.fromkeys(front, depth)
    return level


def _families(router: Router, host: ListedHost) -> Iterator[tuple[Address, Address]]:
    """Yield the pairs of addresses, router's and host's, that a routed port bears: those of the BGP sessions."""
    for own in (router.address, router.address6):
        peer = next((a for a in host.addresses if own is not None and a.version == own.version), None)
        if own is not None and peer is not None:
            yield own, peer


def _as_host(router: Router) -> ListedHost:
    return ListedHost(router.name, tuple(a for a in (router.address, router.address6) if a is not None))


def _fabric(parts: Parts) -> Prefix:
    used = [*parts.planned, *(a.prefix for a in parts.addresses)]
    for text in FABRICS:
        fabric = Prefix.parse(text)
        if not any(fabric.overlaps(prefix) for prefix in used):
            return fabric
    raise ConfigError(
        f"the document uses parts of all of {', '.join(FABRICS)}; "
        "a lab needs one of them to number the cables between routers",
        code="lab-document",
    )
