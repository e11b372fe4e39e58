"""The layout as one record: the document in force and how its networks are carved.

A network that stands in the document, and a tree that a topology of it holds, are written once and
referred to: a carved network says only what the document does not.
"""

from __future__ import annotations

from typing import Final

import msgspec

from romana.model.layout import CarvedNetwork, Layout, NetworkId
from romana.model.topology import (
    BlockOwner,
    Device,
    Document,
    GroupPath,
    Network,
    Placement,
    Topology,
    Vlan,
)
from romana.wire.records_codec import SCHEMA, Framed, Shape, bad_record, decode, encode
from romana.wire.records_tree import (
    GroupShape,
    address_of,
    group_shape,
    prefixes_of,
    text,
    texts,
    to_group,
)

LAYOUT_KEY: Final = "layout"


class VlanShape(Shape, frozen=True, kw_only=True):
    id: int
    gateway: str | None = None


class NetworkShape(Shape, frozen=True, kw_only=True):
    name: str
    prefixes: list[str]
    block_mask: int
    block_mask6: int
    owner: BlockOwner
    placement: Placement
    reuse_delay: float
    tenants: list[str] = msgspec.field(default_factory=list)
    reserved: list[str] = msgspec.field(default_factory=list)
    vlan: VlanShape | None = None


class TopologyShape(Shape, frozen=True, kw_only=True):
    networks: list[str]
    root: GroupShape


class DeviceShape(Shape, frozen=True, kw_only=True):
    name: str
    kind: str = "spine"
    address: str | None = None
    address6: str | None = None
    asn: int | None = None
    serves: str | None = None


class CarvedShape(Shape, frozen=True, kw_only=True):
    id: str
    name: str
    spec: NetworkShape | None = None
    """None: as the document has it under this name."""
    tree: int | None = None
    """Which topology of the document holds the tree."""
    root: GroupShape | None = None
    """The tree, where no topology of the document holds it."""
    carving: dict[str, list[str]] = msgspec.field(default_factory=dict)
    draining: list[str] = msgspec.field(default_factory=list)
    closing: list[str] = msgspec.field(default_factory=list)


class LayoutRecord(Framed, frozen=True, kw_only=True):
    networks: list[NetworkShape] = msgspec.field(default_factory=list)
    topologies: list[TopologyShape] = msgspec.field(default_factory=list)
    devices: list[DeviceShape] = msgspec.field(default_factory=list)
    links: list[tuple[str, str]] = msgspec.field(default_factory=list)
    budgets: dict[str, int] = msgspec.field(default_factory=dict)
    carved: list[CarvedShape] = msgspec.field(default_factory=list)


_layouts = msgspec.json.Decoder(LayoutRecord)


def encode_layout(layout: Layout) -> bytes:
    document = layout.document
    return encode(
        LayoutRecord(
            v=SCHEMA,
            networks=[_network(n) for n in document.networks],
            topologies=[
                TopologyShape(networks=list(t.networks), root=group_shape(t.root))
                for t in document.topologies
            ],
            devices=[_device(d) for d in document.devices],
            links=list(document.links),
            budgets=dict(document.budgets),
            carved=[_carved(n, document) for n in layout.networks],
        )
    )


def decode_layout(key: str, value: bytes) -> Layout:
    """Return the layout. RefusedError as `records_codec.decode`."""
    record = decode(_layouts, key, value)
    try:
        document = Document(
            networks=tuple(_to_network(n) for n in record.networks),
            topologies=tuple(Topology(tuple(t.networks), to_group(t.root)) for t in record.topologies),
            devices=tuple(_to_device(d) for d in record.devices),
            links=tuple(record.links),
            budgets=record.budgets,
        )
        return Layout(document, tuple(_to_carved(n, document) for n in record.carved))
    except ValueError as error:
        raise bad_record(key, str(error)) from error


def _carved(network: CarvedNetwork, document: Document) -> CarvedShape:
    tree = next((i for i, t in enumerate(document.topologies) if t.root == network.root), None)
    return CarvedShape(
        id=network.id,
        name=network.name,
        spec=None if document.network(network.name) == network.spec else _network(network.spec),
        tree=tree,
        root=group_shape(network.root) if network.root is not None and tree is None else None,
        carving={path: texts(prefixes) for path, prefixes in network.carving.items()},
        draining=sorted(network.draining),
        closing=sorted(network.closing),
    )


def _to_carved(shape: CarvedShape, document: Document) -> CarvedNetwork:
    spec = document.network(shape.name) if shape.spec is None else _to_network(shape.spec)
    if spec is None:
        raise ValueError(f"network {shape.name} is carved, but not described")
    root = to_group(shape.root) if shape.root else None
    if shape.tree is not None:
        if not 0 <= shape.tree < len(document.topologies):
            raise ValueError(f"network {shape.name} refers to topology {shape.tree}, which is not there")
        root = document.topologies[shape.tree].root
    return CarvedNetwork(
        NetworkId(shape.id),
        spec,
        root,
        {GroupPath(path): prefixes_of(texts) for path, texts in shape.carving.items()},
        frozenset(GroupPath(path) for path in shape.draining),
        frozenset(GroupPath(path) for path in shape.closing),
    )


def _network(network: Network) -> NetworkShape:
    vlan = network.vlan
    return NetworkShape(
        name=network.name,
        prefixes=texts(network.prefixes),
        block_mask=network.block_mask,
        block_mask6=network.block_mask6,
        owner=network.owner,
        placement=network.placement,
        reuse_delay=network.reuse_delay,
        tenants=list(network.tenants),
        reserved=texts(network.reserved),
        vlan=VlanShape(id=vlan.id, gateway=text(vlan.gateway)) if vlan else None,
    )


def _to_network(shape: NetworkShape) -> Network:
    return Network(
        shape.name,
        prefixes_of(shape.prefixes),
        shape.block_mask,
        shape.block_mask6,
        shape.owner,
        shape.placement,
        shape.reuse_delay,
        tuple(shape.tenants),
        prefixes_of(shape.reserved),
        Vlan(shape.vlan.id, address_of(shape.vlan.gateway)) if shape.vlan else None,
    )


def _device(device: Device) -> DeviceShape:
    return DeviceShape(
        name=device.name,
        kind=device.kind,
        address=text(device.address),
        address6=text(device.address6),
        asn=device.asn,
        serves=device.serves,
    )


def _to_device(shape: DeviceShape) -> Device:
    return Device(
        shape.name,
        shape.kind,
        address_of(shape.address),
        address_of(shape.address6),
        shape.asn,
        None if shape.serves is None else GroupPath(shape.serves),
    )
