"""Hosts as documents list them, and joined hosts put into a document for export."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from romana.model.names import host_address_fault, host_name_fault
from romana.model.topology import ListedHost
from romana.net.prefix import Address
from romana.wire.document_node import Fields, Node, shown
from romana.wire.document_text import Value

ADDRESS_KEYS: Final = ("address", "addresses", "ip")
KEYS: Final = ("name", *ADDRESS_KEYS, "labels", "joined")
OLD_KEYS: Final = ("assignment", "tags", "agent_port", "k8s_info", "routing", "cidr", "dummy", "groups")
"""A host of v2 stands among groups, and v2's export writes its labels as `assignment`."""
INSTEAD: Final = {"assignment": "labels", "tags": "labels", "ips": "addresses"}


def is_host(value: Value) -> bool:
    """Whether a member of `groups` or `map` is a host: it has an address."""
    return isinstance(value, dict) and any(value.get(key) for key in ADDRESS_KEYS)


def read_host(node: Node) -> ListedHost | None:
    """Return the host; None, with its problems in the notes, if it has no name or no address."""
    old = node.notes.version == 2
    fields = node.fields(KEYS + OLD_KEYS if old else KEYS, {} if old else INSTEAD)
    if fields is None:
        return None
    if old and fields.values.get("groups"):
        node.refuse("has both an address, as a host, and groups; remove one of them")
    name = fields.required("name", _name)
    addresses, links = _addresses(fields)
    labels: dict[str, str] = {}
    for key in ("assignment", "tags", "labels") if old else ("labels",):
        labels |= fields.get(key, Node.labels) or {}
    joined = fields.get("joined", Node.flag) or False
    return ListedHost(name, addresses, labels, links, joined) if name and addresses else None


def _name(node: Node) -> str | None:
    name = node.name()
    if name and (fault := host_name_fault(name)):
        node.refuse(f"{shown(name)} {fault}; write another name")
        return None
    return name


def _address(node: Node) -> Address | None:
    address = node.address()
    if address is not None and (fault := host_address_fault(address)):
        node.refuse(f"{address} {fault}; a host needs one of its own")
    return address


def _addresses(fields: Fields) -> tuple[tuple[Address, ...], Mapping[str, Address]]:
    """Return all addresses, and the links they belong to where the document says."""
    given = [key for key in ADDRESS_KEYS if key in fields]
    if len(given) != 1:
        what = f"has {' and '.join(given)}; write all as addresses" if given else "address is missing"
        fields.node.refuse(what)
        return (), {}
    node = fields.at(given[0])
    if node is None:
        return (), {}
    if given[0] != "addresses":
        address = _address(node)
        return (() if address is None else (address,)), {}
    links: dict[str, Address] = {}
    if isinstance(node.value, dict):
        read = {link: _address(item) for link, item in node.pairs().items()}
        links = {link: address for link, address in read.items() if address is not None}
        found = list(links.values())
    else:
        found = [address for item in node.items() if (address := _address(item)) is not None]
    if not node.value:
        node.refuse("is empty; a host has at least one address")
    for address in {a for a in found if found.count(a) > 1} if len(set(found)) < len(found) else ():
        node.refuse(f"{shown(str(address))} stands here more than once")
    return tuple(found), links
