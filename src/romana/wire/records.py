"""The store's records: their keys, their bytes, and the snapshot they make together.

    layout                           the document in force and its carving
    hosts/<name>                     a host with something to record
    extents/<network>/<prefix>       which blocks are claimed in a piece of a group's prefix
    blocks/<network>/<prefix>        what a block holds, as its writer last said
    reservations/<network>           prefixes reserved on the command line
    names/<name>                     who holds the address of that name (central writer's guard)
    requests/<host>/<id>             what the command line asks of a running agent, and its answer

`<prefix>` is written with `-` for `/`. Every value is JSON with a schema version `v`.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from romana.model.block import Block, Extent
from romana.model.host import AgentMark, Host, HostName, HostState
from romana.model.layout import Layout, NetworkId
from romana.model.snapshot import BlockKey, Snapshot
from romana.model.topology import GroupPath
from romana.net.prefix import Address, Prefix
from romana.plan.place import resolve_hosts
from romana.ports.store import Listing
from romana.wire.records_block import (
    block_key,
    decode_block,
    decode_extent,
    encode_block,
    encode_extent,
    extent_key,
)
from romana.wire.records_codec import SCHEMA, Framed, Shape, bad_record, decode, encode
from romana.wire.records_layout import LAYOUT_KEY, decode_layout, encode_layout
from romana.wire.records_requests import (
    Answer,
    Ask,
    AskKind,
    decode_ask,
    encode_ask,
    request_key,
    requests_prefix,
)

__all__ = [
    "LAYOUT_KEY",
    "Answer",
    "Ask",
    "AskKind",
    "NameGuard",
    "block_key",
    "decode_ask",
    "decode_block",
    "decode_extent",
    "decode_host",
    "decode_layout",
    "decode_name",
    "decode_reservations",
    "encode_ask",
    "encode_block",
    "encode_extent",
    "encode_host",
    "encode_layout",
    "encode_name",
    "encode_reservations",
    "extent_key",
    "host_key",
    "layout_key",
    "name_key",
    "request_key",
    "requests_prefix",
    "reservations_key",
    "snapshot",
]


@dataclass(frozen=True, slots=True)
class NameGuard:
    """Who holds the address of a name. Stale ones may be taken over once nothing holds the addresses."""

    host: HostName
    addresses: tuple[Address, ...]


class AgentShape(Shape, frozen=True, kw_only=True):
    incarnation: str
    boot_id: str


class HostRecord(Framed, frozen=True, kw_only=True):
    name: str
    addresses: list[str]
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    groups: dict[str, str] = msgspec.field(default_factory=dict)
    state: HostState = HostState.JOINING
    listed: bool = False
    agent: AgentShape | None = None


class ReservationsRecord(Framed, frozen=True, kw_only=True):
    prefixes: list[str]


class NameRecord(Framed, frozen=True, kw_only=True):
    host: str
    addresses: list[str]


_hosts = msgspec.json.Decoder(HostRecord)
_reservations = msgspec.json.Decoder(ReservationsRecord)
_names = msgspec.json.Decoder(NameRecord)


def layout_key() -> str:
    return LAYOUT_KEY


def host_key(name: str) -> str:
    return f"hosts/{name}"


def reservations_key(network: NetworkId) -> str:
    return f"reservations/{network}"


def name_key(name: str) -> str:
    return f"names/{name}"


def encode_host(host: Host) -> bytes:
    agent = host.agent
    return encode(
        HostRecord(
            v=SCHEMA,
            name=host.name,
            addresses=[str(a) for a in host.addresses],
            labels=dict(host.labels),
            groups={str(network): str(path) for network, path in host.groups.items()},
            state=host.state,
            listed=host.listed,
            agent=AgentShape(incarnation=agent.incarnation, boot_id=agent.boot_id) if agent else None,
        )
    )


def decode_host(key: str, value: bytes) -> Host:
    """Return the host as recorded. RefusedError as `records_codec.decode`."""
    record = decode(_hosts, key, value)
    if host_key(record.name) != key:
        raise bad_record(key, f"it describes {host_key(record.name)}")
    return Host(
        HostName(record.name),
        _addresses(key, record.addresses),
        record.labels,
        {NetworkId(network): GroupPath(path) for network, path in record.groups.items()},
        record.state,
        record.listed,
        AgentMark(record.agent.incarnation, record.agent.boot_id) if record.agent else None,
    )


def encode_reservations(prefixes: tuple[Prefix, ...]) -> bytes:
    return encode(ReservationsRecord(v=SCHEMA, prefixes=[str(p) for p in prefixes]))


def decode_reservations(key: str, value: bytes) -> tuple[Prefix, ...]:
    """Return the reserved prefixes. RefusedError as `records_codec.decode`."""
    record = decode(_reservations, key, value)
    try:
        return tuple(map(Prefix.parse, record.prefixes))
    except ValueError as error:
        raise bad_record(key, str(error)) from error


def encode_name(guard: NameGuard) -> bytes:
    return encode(NameRecord(v=SCHEMA, host=guard.host, addresses=[str(a) for a in guard.addresses]))


def decode_name(key: str, value: bytes) -> NameGuard:
    """Return the guard. RefusedError as `records_codec.decode`."""
    record = decode(_names, key, value)
    return NameGuard(HostName(record.host), _addresses(key, record.addresses))


def snapshot(listing: Listing) -> Snapshot:
    """Return the whole store as values. RefusedError names the first record that cannot be read.

    5000 blocks with 20 addresses each take 0.2 s; the collector, which finds nothing to free among values
    that all stay, would take as long again.
    """
    with _collector_paused():
        return _snapshot(listing)


@contextmanager
def _collector_paused() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _snapshot(listing: Listing) -> Snapshot:
    layout = Layout()
    hosts: dict[HostName, Host] = {}
    extents: dict[BlockKey, Extent] = {}
    mirrors: dict[BlockKey, Block] = {}
    reservations: dict[NetworkId, tuple[Prefix, ...]] = {}
    revisions: dict[str, int] = {}
    for record in listing.records:
        key = record.key
        revisions[key] = record.revision
        kind, _, rest = key.partition("/")
        match kind:
            case "blocks":
                block = decode_block(key, record.value)
                mirrors[block.network, block.prefix] = block
            case "extents":
                extent = decode_extent(key, record.value)
                extents[extent.network, extent.prefix] = extent
            case "hosts":
                hosts[HostName(rest)] = decode_host(key, record.value)
            case "reservations":
                reservations[NetworkId(rest)] = decode_reservations(key, record.value)
            case "layout":
                layout = decode_layout(key, record.value)
            case _:  # names and requests are read one by one, by those who need them
                pass
    return Snapshot(
        revision=listing.revision,
        layout=layout,
        hosts=resolve_hosts(layout, hosts),
        extents=dict(sorted(extents.items(), key=_position)),
        mirrors=mirrors,
        reservations=reservations,
        revisions=revisions,
    )


def _position(item: tuple[BlockKey, Extent]) -> tuple[str, int]:
    network, prefix = item[0]
    return network, prefix.key


def _addresses(key: str, texts: list[str]) -> tuple[Address, ...]:
    try:
        return tuple(map(Address.parse, texts))
    except ValueError as error:
        raise bad_record(key, str(error)) from error
