"""The `networks` of a document, and the checks between them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from romana.model.topology import BlockOwner, Network, Placement, Vlan
from romana.net.prefix import Prefix
from romana.wire.document_node import Fields, Node, Notes, shown

KEYS: Final = (
    "name",
    "cidr",
    "cidrs",
    "block_mask",
    "block_mask6",
    "owner",
    "placement",
    "reuse_delay",
    "tenants",
    "reserved",
    "vlan",
)
OLD_KEYS: Final = ("revision", "id")
"""Written by v2 itself, of no meaning here."""
INSTEAD: Final = {
    "prefix": "cidr",
    "prefixes": "cidrs",
    "subnet": "cidr",
    "blackouts": "reserved",
    "blacked_out": "reserved",
}
_TENANT: Final = re.compile(r"[a-zA-Z0-9_-]*")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DELAY: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]{1,3})?)(ms|s|m|h|d)?")
LONGEST_DELAY: Final = 365 * 86400.0


@dataclass(frozen=True, slots=True)
class Placed:
    """A network that was read, with the places of its parts."""

    network: Network
    where: str
    prefixes: tuple[tuple[Prefix, str], ...]


def default_mask(version: int, family: int, prefixes: Sequence[Prefix]) -> int:
    """Return the block length of a family where the document says none: a block fits every prefix.

    A family the network has no prefix of has the model's own default, whatever the version.
    """
    usual = {4: 29 if version == 2 and any(p.version == 4 for p in prefixes) else 26, 6: 122}[family]
    return max([usual, *(p.length for p in prefixes if p.version == family)])


def read_networks(top: Fields, notes: Notes) -> list[Placed]:
    """Return the networks in document order; every problem is in the notes."""
    placed = [found for node in top.items("networks") if (found := _network(node))]
    names: dict[str, str] = {}
    for network in placed:
        if network.network.name in names:
            where = names[network.network.name]
            notes.refuse(
                f"{network.where}.name", f"{shown(network.network.name)} is also the name of {where}"
            )
        names.setdefault(network.network.name, network.where)
    _refuse_overlaps(placed, notes)
    return placed


def _network(node: Node) -> Placed | None:
    notes = node.notes
    fields = node.fields(KEYS + OLD_KEYS if notes.version == 2 else KEYS, INSTEAD)
    if fields is None:
        return None
    name = fields.required("name", Node.text)
    prefixes = _prefixes(fields)
    own = [prefix for prefix, _ in prefixes]
    defaults = (
        Network("", ())
        if notes.version != 2
        else Network("", (), 29, 122, BlockOwner.SEGMENT, Placement.PACKED, 0.0)
    )
    network = Network(
        name or "",
        tuple(own),
        _mask(fields, "block_mask", 4, own),
        _mask(fields, "block_mask6", 6, own),
        fields.choice("owner", BlockOwner, defaults.owner),
        fields.choice("placement", Placement, defaults.placement),
        _or(fields.get("reuse_delay", _delay), defaults.reuse_delay),
        _tenants(fields),
        _reserved(fields, own),
        fields.get("vlan", _vlan),
    )
    return Placed(network, node.where, prefixes) if name else None


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _prefixes(fields: Fields) -> tuple[tuple[Prefix, str], ...]:
    if "cidr" in fields and "cidrs" in fields:
        fields.node.refuse("has both cidr and cidrs; write cidrs with all of them")
    elif "cidr" not in fields and "cidrs" not in fields:
        fields.node.refuse("cidr is missing; write the prefix of the network, or several as cidrs")
    single = fields.required("cidr", lambda node: node) if "cidr" in fields else None
    nodes = [single] if single else fields.items("cidrs")
    if "cidrs" in fields and fields.values["cidrs"] == []:
        fields.node.refuse("cidrs is empty; a network has at least one prefix")
    return tuple((prefix, node.where) for node in nodes if (prefix := node.prefix()) is not None)


def _mask(fields: Fields, key: str, family: int, prefixes: Sequence[Prefix]) -> int:
    default = default_mask(fields.node.notes.version, family, prefixes)
    node = fields.at(key)
    if node is None or (node.notes.version == 2 and node.value == 0 and node.value is not False):
        return default
    lengths = [p.length for p in prefixes if p.version == family]
    if prefixes and not lengths:
        other = "block_mask6" if family == 4 else "block_mask"
        node.refuse(f"is for IPv{family} blocks, and the network has no IPv{family} prefix; write {other}")
        return default
    mask = node.integer(max(lengths, default=0), 32 if family == 4 else 128)
    return default if mask is None else mask


def _delay(node: Node) -> float | None:
    value = node.value
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value) if abs(value) <= LONGEST_DELAY else LONGEST_DELAY + 1
    elif isinstance(value, str) and (parts := _spans(value)):
        seconds = sum(float(number) * _UNITS[unit or "s"] for number, unit in parts)
    else:
        node.refuse(f"must be a time such as 30s, 5m or 1h30m, not {shown(value)}")
        return None
    if not 0 <= seconds <= LONGEST_DELAY:
        node.refuse("must be 0s to 365d")
        return None
    return seconds


def _spans(text: str) -> list[tuple[str, str]]:
    """Return number and unit of each part, none if the text is no time. Only a single number lacks its unit."""
    parts: list[tuple[str, str]] = _DELAY.findall(text)
    whole = "".join(number + unit for number, unit in parts) == text
    return parts if whole and (len(parts) == 1 or all(unit for _, unit in parts)) else []


def _tenants(fields: Fields) -> tuple[str, ...]:
    nodes = fields.items("tenants")
    notes = fields.node.notes
    if not nodes and notes.version != 2 and fields.values.get("tenants") == []:
        notes.refuse(
            f"{fields.node.where}.tenants", "is empty; leave the key out where everybody may use the network"
        )
    if any(node.value == "*" for node in nodes):
        if len(nodes) > 1:
            notes.refuse(f"{fields.node.where}.tenants", "* means everybody and stands alone")
        return ()
    names = [name for node in nodes if (name := _tenant(node)) is not None]
    if len(set(names)) < len(names):
        notes.mention(f"{fields.node.where}.tenants", "a tenant stands here more than once")
    return tuple(dict.fromkeys(names))


def _tenant(node: Node) -> str | None:
    name = node.label()
    if name is not None and not _TENANT.fullmatch(name):
        node.refuse(f"{shown(name)} is no name of a tenant; it has letters, digits, - and _ only")
        return None
    return name


def _reserved(fields: Fields, own: Sequence[Prefix]) -> tuple[Prefix, ...]:
    reserved = []
    for node in fields.items("reserved"):
        prefix = node.prefix()
        if prefix is None:
            continue
        if own and not any(prefix in whole for whole in own):
            node.refuse(f"{prefix} lies outside the network, which is {', '.join(map(str, own))}")
        elif [prefix] == own:
            node.refuse(f"{prefix} is the whole network; reserve less, or leave the network out")
        reserved.append(prefix)
    return tuple(reserved)


def _vlan(node: Node) -> Vlan | None:
    fields = node.fields(("id", "gateway"))
    if fields is None:
        return None
    number = fields.required("id", lambda node: node.integer(1, 4094))
    gateway = fields.get("gateway", Node.address)
    return None if number is None else Vlan(number, gateway)


def _refuse_overlaps(placed: Sequence[Placed], notes: Notes) -> None:
    """Sorted by first address, a prefix overlaps an earlier one only if the last that is open holds it."""
    rows = sorted(
        ((p.key, p, where, n.network.name) for n in placed for p, where in n.prefixes), key=lambda r: r[0]
    )
    outer: tuple[int, Prefix, str, str] | None = None
    for row in rows:
        _, prefix, where, name = row
        if outer is None or prefix not in outer[1]:
            outer = row
        elif prefix == outer[1]:
            notes.refuse(
                where, f"{prefix} is also {outer[2]} of network {shown(outer[3])}; give each its own"
            )
        else:
            notes.refuse(
                where,
                f"{prefix} of network {shown(name)} overlaps {outer[1]} of network {shown(outer[3])} ({outer[2]})",
            )
