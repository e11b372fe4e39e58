"""Topology documents: v2 JSON and v3 YAML, read strictly and written so that they read back equal.

    document_text      bytes -> plain values, syntax errors with their line
    document_node      values with places, questions, problems
    document_networks  document_groups  document_hosts  document_devices     what the keys mean
    document_check     what the parts must be to each other
    document_write_v2 document_write_v3                                      back to text
    document_joined    joined hosts put into a document, for export

`version` says whose defaults hold (2: packed, owner segment, no reuse delay, /29 blocks, and the old
keys; 3: spread, host, 30 s, /26): JSON is 2 and YAML is 3 unless the document says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from romana.model.errors import Problem
from romana.model.topology import Document
from romana.wire.document_check import (
    check_carving,
    check_hosts,
    check_masks,
    check_names,
    check_networks,
    check_served,
)
from romana.wire.document_devices import read_budgets, read_devices, read_links
from romana.wire.document_groups import OLD_KEYS as GROUP_OLD_KEYS
from romana.wire.document_groups import read_topologies
from romana.wire.document_hosts import OLD_KEYS as HOST_OLD_KEYS
from romana.wire.document_joined import with_hosts
from romana.wire.document_networks import OLD_KEYS as NETWORK_OLD_KEYS
from romana.wire.document_networks import read_networks
from romana.wire.document_node import Fields, Node, Notes
from romana.wire.document_text import Text, parse
from romana.wire.document_write_v2 import left_out, write_v2
from romana.wire.document_write_v3 import write_v3

__all__ = ["Read", "left_out", "read", "with_hosts", "write"]

KEYS: Final = ("version", "networks", "topologies", "devices", "links", "budgets")

OF_V2: Final = frozenset(
    {"version", "networks", "topologies", "map", "name", "cidr", "block_mask", "tenants", "assignment"}
    | {"routing", "groups", "hosts", "ip", "labels"}
    | {*NETWORK_OLD_KEYS, *GROUP_OLD_KEYS, *HOST_OLD_KEYS}
)
"""Keys that leave no doubt about the version a JSON document means."""


@dataclass(frozen=True, slots=True)
class Read:
    """A sound document, and what about it deserves a word."""

    document: Document
    warnings: tuple[Problem, ...] = ()


def read(data: bytes, *, name: str = "document") -> Read:
    """Return the document in `data`; `name` stands for it in messages.

    ConfigError `bad-syntax` with the line if it is no JSON or YAML, `bad-document` with every problem
    and its place otherwise.
    """
    text = parse(data, name)
    notes = Notes(_version(text))
    fields = Node(text.value, "", notes).fields(KEYS)
    document = _document(fields, notes) if fields else Document()
    notes.raise_problems(name)
    new = sorted(notes.keys - OF_V2)
    if text.json and new and "version" not in notes.keys:
        what = f'as JSON it has the defaults of v2 (packed, segment, 0s, /29), yet {new[0]} is newer; write "version"'
        notes.mention("", what)
    return Read(document, tuple(notes.warnings))


def write(document: Document, format: Literal["v2", "v3"]) -> str:  # noqa: A002
    """Return the document as text: v3 YAML reads back equal; v2 JSON as far as v2 can say it.

    ConfigError `not-v2` where the v2 form would mean other addresses; `left_out` lists what else it
    does not say.
    """
    return write_v2(document) if format == "v2" else write_v3(document)


def _version(text: Text) -> int:
    """What the document says, else what its syntax means. A wrong one is refused later, as any value is."""
    written = text.value.get("version") if isinstance(text.value, dict) else None
    if written in (2, 3, "2", "3") and not isinstance(written, bool | float):
        return int(str(written))
    return 2 if text.json else 3


def _document(fields: Fields, notes: Notes) -> Document:
    fields.integer("version", 2, 3)
    fields.required("networks", lambda node: node)
    placed = read_networks(fields, notes)
    trees = read_topologies(fields, notes)
    devices = read_devices(fields)
    check_networks(placed, trees, notes)
    check_masks(placed, trees, notes)
    names = check_names(trees, devices, notes)
    check_served(devices, trees, notes)
    links = read_links(fields, names)
    budgets = read_budgets(fields, {device.kind for device, _ in devices}, notes)
    check_carving(placed, trees, notes)
    if not notes.problems:
        check_hosts(placed, trees, notes)
    return Document(
        tuple(p.network for p in placed),
        tuple(tree.topology for tree in trees),
        tuple(device for device, _ in devices),
        links,
        budgets,
    )
