"""Routers, devices, links and budgets: what a document says of everything that is no host."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from romana.model.topology import Device, GroupPath, Protocol, Router
from romana.net.prefix import Address
from romana.wire.document_node import Fields, Node, Notes, clipped, nearest, shown
from romana.wire.document_text import Plain

ROUTER_KEYS: Final = ("name", "address", "address6", "asn", "protocol")
DEVICE_KEYS: Final = ("name", "kind", "address", "address6", "asn", "serves")
LAST_ASN: Final = 2**32 - 2
"""0 and 4294967295 are reserved (RFC 7607, RFC 7300)."""
OBSERVERS: Final = frozenset({"node", "host", "router", "tor", "leaf", "spine", "border", "switch", "vpc"})
"""Kinds of devices that budgets know without the document naming one."""
_DOTTED: Final = re.compile(r"([0-9]{1,5})\.([0-9]{1,5})")


def read_router(node: Node) -> Router | None:
    fields = node.fields(ROUTER_KEYS)
    if fields is None:
        return None
    name = fields.required("name", Node.name)
    protocol = fields.choice("protocol", Protocol, Protocol.BGP)
    address, address6 = _address(fields, "address", 4), _address(fields, "address6", 6)
    asn = fields.get("asn", _asn)
    return Router(name, address, address6, asn, protocol) if name else None


def read_devices(top: Fields) -> list[tuple[Device, str]]:
    """Return the devices with their places."""
    return [(device, node.where) for node in top.items("devices") if (device := _device(node)) is not None]


def _device(node: Node) -> Device | None:
    fields = node.fields(DEVICE_KEYS)
    if fields is None:
        return None
    name = fields.required("name", Node.name)
    kind = fields.get("kind", Node.text) or "spine"
    serves = fields.get("serves", Node.label)
    address, address6 = _address(fields, "address", 4), _address(fields, "address6", 6)
    path = None if serves is None else GroupPath(serves)
    return Device(name, kind, address, address6, fields.get("asn", _asn), path) if name else None


def read_links(top: Fields, known: Collection[str]) -> tuple[tuple[str, str], ...]:
    """Return the pairs; each end is a host, router or device of the document."""
    return tuple(link for node in top.items("links") if (link := _link(node, known)) is not None)


def _link(node: Node, known: Collection[str]) -> tuple[str, str] | None:
    ends = [(end.text(), end) for end in node.items()]
    if len(ends) != 2:
        if isinstance(node.value, list):
            node.refuse(f"has {len(ends)} ends; a link joins two devices, such as [tor-1, spine-1]")
        return None
    for name, end in ends:
        if name and name not in known:
            end.refuse(f"{shown(name)} is no host, router or device of this document{nearest(name, known)}")
    (one, _), (other, _) = ends
    if one and one == other:
        node.refuse(f"joins {shown(one)} with itself")
    return (one, other) if one and other else None


def read_budgets(top: Fields, kinds: Collection[str], notes: Notes) -> dict[str, int]:
    """Return the most routes a kind of device may hold; an unknown kind is worth a warning."""
    nodes = top.get("budgets", Node.pairs) or {}
    for kind, node in nodes.items():
        if kind not in kinds and kind not in OBSERVERS:
            advice = nearest(kind, [*kinds, *OBSERVERS])
            notes.mention(
                node.where, f"no device of this document is of the kind {shown(clipped(kind))}{advice}"
            )
    read = {kind: node.integer(1, 10**9) for kind, node in nodes.items()}
    return {kind: routes for kind, routes in read.items() if routes is not None}


def _address(fields: Fields, key: str, version: int) -> Address | None:
    node = fields.at(key)
    address = node.address() if node else None
    if node and address and address.version != version:
        other = "address6" if version == 4 else "address"
        node.refuse(f"{address} is an IPv{address.version} address; write it as {other}")
        return None
    return address


def _asn(node: Node) -> int | None:
    """Return an AS number; `65000.10` is asdot notation (RFC 5396), not a fraction."""
    if isinstance(node.value, str) and (dotted := _DOTTED.fullmatch(node.value)):
        high, low = int(dotted[1]), int(dotted[2])
        if high > 65535 or low > 65535:
            node.refuse(f"{shown(node.value)}: each half of an AS number is 0 to 65535")
            return None
        return Node(high << 16 | low, node.where, node.notes).integer(1, LAST_ASN)
    if isinstance(node.value, Plain) and re.match("0[0-9]", node.value):
        node.refuse(f"{shown(node.value)} must be a number without leading zeros")
        return None
    return node.integer(1, LAST_ASN)
