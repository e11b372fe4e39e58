"""Extents and blocks as records. A busy store holds thousands, so holdings are packed by offset."""

from __future__ import annotations

from typing import Annotated

import msgspec

from romana.model.block import Block, Claim, Extent, Holding, Owner, Writer
from romana.model.host import HostName
from romana.model.layout import NetworkId
from romana.model.topology import GroupPath
from romana.net.prefix import Address, Prefix
from romana.wire.records_codec import SCHEMA, Framed, Shape, bad_record, decode, encode, prefix_key

Held = Annotated[list[str], msgspec.Meta(min_length=1, max_length=3)]
"""name, tenant, segment; what is empty at the end is left out."""


class ClaimShape(Shape, frozen=True, kw_only=True):
    prefix: str
    epoch: int
    writer: Writer = Writer.AGENT
    host: str | None = None
    tenant: str = ""
    segment: str = ""


class ExtentRecord(Framed, frozen=True, kw_only=True):
    network: str
    prefix: str
    group: str
    epoch: int
    open: bool = True
    host: str | None = None
    blocks: list[ClaimShape] = msgspec.field(default_factory=list)


class BlockRecord(Framed, frozen=True, kw_only=True):
    network: str
    prefix: str
    group: str
    host: str
    epoch: int
    tenant: str = ""
    segment: str = ""
    writer: Writer = Writer.AGENT
    holdings: dict[str, Held] = msgspec.field(default_factory=dict)
    """Offset of the address in the block, in decimal, to who holds it."""
    resting: dict[str, float] = msgspec.field(default_factory=dict)
    usable_after: float | None = None
    closed: bool = False


_extents = msgspec.json.Decoder(ExtentRecord)
_blocks = msgspec.json.Decoder(BlockRecord)


def extent_key(network: NetworkId, prefix: Prefix) -> str:
    return f"extents/{network}/{prefix_key(prefix)}"


def block_key(network: NetworkId, prefix: Prefix) -> str:
    return f"blocks/{network}/{prefix_key(prefix)}"


def encode_extent(extent: Extent) -> bytes:
    claims = [_claim(claim) for claim in extent.blocks]
    return encode(
        ExtentRecord(
            v=SCHEMA,
            network=extent.network,
            prefix=str(extent.prefix),
            group=extent.group,
            epoch=extent.epoch,
            open=extent.open,
            host=extent.host,
            blocks=claims,
        )
    )


def decode_extent(key: str, value: bytes) -> Extent:
    """Return the extent. RefusedError as `records_codec.decode`, also where key and value disagree."""
    record = decode(_extents, key, value)
    try:
        prefix = Prefix.parse(record.prefix)
        claims = tuple(_claimed(shape) for shape in record.blocks)
    except ValueError as error:
        raise bad_record(key, str(error)) from error
    network = NetworkId(record.network)
    if extent_key(network, prefix) != key:
        raise bad_record(key, f"it describes {extent_key(network, prefix)}")
    if stray := next((c for c in claims if c.prefix not in prefix), None):
        raise bad_record(key, f"its block {stray.prefix} lies outside")
    host = None if record.host is None else HostName(record.host)
    return Extent(network, prefix, GroupPath(record.group), record.open, host, claims, record.epoch)


def encode_block(block: Block) -> bytes:
    first = block.prefix.first
    return encode(
        BlockRecord(
            v=SCHEMA,
            network=block.network,
            prefix=str(block.prefix),
            group=block.group,
            host=block.owner.host,
            tenant=block.owner.tenant,
            segment=block.owner.segment,
            writer=block.writer,
            epoch=block.epoch,
            holdings={str(a.value - first): _packed(h) for a, h in sorted(block.holdings.items())},
            resting={str(a.value - first): since for a, since in sorted(block.resting.items())},
            usable_after=block.usable_after or None,
            closed=block.closed,
        )
    )


def decode_block(key: str, value: bytes) -> Block:
    """Return the block. RefusedError as `records_codec.decode`, also for an address outside it."""
    record = decode(_blocks, key, value)
    try:
        prefix = Prefix.parse(record.prefix)
        addresses = _Addresses(prefix)
        holdings = {
            (address := addresses[offset]): Holding(address, *held)
            for offset, held in record.holdings.items()
        }
        resting = {addresses[offset]: since for offset, since in record.resting.items()}
    except ValueError as error:
        raise bad_record(key, str(error)) from error
    network = NetworkId(record.network)
    if block_key(network, prefix) != key:
        raise bad_record(key, f"it describes {block_key(network, prefix)}")
    return Block(
        network,
        prefix,
        GroupPath(record.group),
        Owner(HostName(record.host), record.tenant, record.segment),
        record.writer,
        record.epoch,
        holdings,
        resting,
        record.usable_after or 0.0,
        record.closed,
    )


class _Addresses:
    """The addresses of a block by the text of their offset. ValueError outside it.

    Works on the packed key (`net.prefix`): this is the innermost step of reading a store.
    """

    def __init__(self, prefix: Prefix) -> None:
        self.prefix, self.size = prefix, prefix.size
        self.base = prefix.address(0).key

    def __getitem__(self, offset: str) -> Address:
        number = int(offset)
        if not 0 <= number < self.size:
            raise ValueError(f"offset {offset} lies outside {self.prefix}")
        return Address(self.base + (number << 8))


def _packed(holding: Holding) -> list[str]:
    if holding.segment:
        return [holding.name, holding.tenant, holding.segment]
    return [holding.name, holding.tenant] if holding.tenant else [holding.name]


def _claim(claim: Claim) -> ClaimShape:
    owner = claim.owner
    return ClaimShape(
        prefix=str(claim.prefix),
        epoch=claim.epoch,
        writer=claim.writer,
        host=owner.host if owner else None,
        tenant=owner.tenant if owner else "",
        segment=owner.segment if owner else "",
    )


def _claimed(shape: ClaimShape) -> Claim:
    owner = None if shape.host is None else Owner(HostName(shape.host), shape.tenant, shape.segment)
    return Claim(Prefix.parse(shape.prefix), owner, shape.writer, shape.epoch)
