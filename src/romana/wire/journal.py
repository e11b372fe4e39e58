"""How the node's journal is written down: one small entry per thing that changes by itself.

    blocks/<network>/<prefix>       a block of ours without its addresses (as `wire.records_block`)
    holders/<name>                  who holds which addresses: an endpoint, or a name of the command line
    resting/<network>/<address>     when the address was released
    intents/<network>/<prefix>      a claim sent to the store whose outcome is not known
    seen/<key of the store>         records that let the agent serve while the store is away
    incarnation                     random id of this journal

An allocation writes one `holders` entry, whatever the block's size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from romana.model.block import Block, Extent, Holding
from romana.model.layout import NetworkId
from romana.net.prefix import Address, Prefix
from romana.ports.addresses import EndpointKey
from romana.wire.records_block import (
    block_key,
    decode_block,
    decode_extent,
    encode_block,
    encode_extent,
    extent_key,
)
from romana.wire.records_codec import SCHEMA, Framed, bad_record, decode, encode, prefix_key

Changes = dict[str, bytes | None]

INCARNATION: Final = "incarnation"
_SEEN: Final = "seen/"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds addresses of this node."""

    name: str
    network: NetworkId
    holdings: tuple[Holding, ...]
    """IPv4 first."""
    endpoint: EndpointKey | None = None
    """None: a name of the command line, with no interface here."""
    netns: str = ""
    label: str = ""
    """`namespace/pod`, for people."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A claim sent to the store: the extent's new value, if it was still at revision `expected`."""

    prefix: Prefix
    """The block claimed."""
    epoch: int
    extent: Extent
    """As it is to be, the claim included."""
    expected: int
    usable_after: float = 0.0

    @property
    def network(self) -> NetworkId:
        return self.extent.network


@dataclass(frozen=True, slots=True)
class Book:
    """A journal's entries as values."""

    blocks: tuple[Block, ...]
    holders: tuple[Holder, ...]
    resting: Mapping[tuple[NetworkId, Address], float]
    intents: tuple[Intent, ...]


class HolderRecord(Framed, frozen=True, kw_only=True):
    network: str
    addresses: list[str]
    tenant: str = ""
    segment: str = ""
    container: str | None = None
    interface: str = ""
    netns: str = ""
    label: str = ""


class IntentRecord(Framed, frozen=True, kw_only=True):
    prefix: str
    epoch: int
    network: str
    extent: str
    value: str
    """The extent's record as it was sent."""
    expected: int
    usable_after: float = 0.0


class RestingRecord(Framed, frozen=True, kw_only=True):
    since: float


_holders = msgspec.json.Decoder(HolderRecord)
_intents = msgspec.json.Decoder(IntentRecord)
_resting = msgspec.json.Decoder(RestingRecord)


def read(entries: Mapping[str, bytes]) -> Book:
    """Return the journal's entries as values. RefusedError for one that cannot be read."""
    blocks: list[Block] = []
    holders: list[Holder] = []
    intents: list[Intent] = []
    resting: dict[tuple[NetworkId, Address], float] = {}
    for key, value in entries.items():
        kind, _, rest = key.partition("/")
        try:
            match kind:
                case "blocks":
                    blocks.append(decode_block(key, value))
                case "holders":
                    holders.append(_holder(rest, decode(_holders, key, value)))
                case "intents":
                    intents.append(_intent(decode(_intents, key, value)))
                case "resting":
                    network, _, address = rest.partition("/")
                    since = decode(_resting, key, value).since
                    resting[NetworkId(network), Address.parse(address)] = since
                case _:
                    pass
        except ValueError as error:
            raise bad_record(key, str(error)) from error
    # The order of epochs is the order of claiming within an extent, and stable everywhere.
    blocks.sort(key=lambda b: (b.network, b.epoch, b.prefix.key))
    return Book(tuple(blocks), tuple(holders), resting, tuple(intents))


def seen(entries: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the store's records that the journal remembers, by their key there."""
    return {key.removeprefix(_SEEN): value for key, value in entries.items() if key.startswith(_SEEN)}


def seen_key(key: str) -> str:
    return _SEEN + key


def block_entry(block: Block) -> Changes:
    return {block_key(block.network, block.prefix): encode_block(replace(block, holdings={}, resting={}))}


def no_block(network: NetworkId, prefix: Prefix) -> Changes:
    return {block_key(network, prefix): None}


def holder_entry(holder: Holder) -> Changes:
    first = holder.holdings[0]
    record = HolderRecord(
        v=SCHEMA,
        network=holder.network,
        addresses=[str(h.address) for h in holder.holdings],
        tenant=first.tenant,
        segment=first.segment,
        container=holder.endpoint.container if holder.endpoint else None,
        interface=holder.endpoint.interface if holder.endpoint else "",
        netns=holder.netns,
        label=holder.label,
    )
    return {f"holders/{holder.name}": encode(record)}


def no_holder(name: str) -> Changes:
    return {f"holders/{name}": None}


def resting_entry(network: NetworkId, address: Address, since: float) -> Changes:
    return {f"resting/{network}/{address}": encode(RestingRecord(v=SCHEMA, since=since))}


def rested(network: NetworkId, address: Address) -> Changes:
    return {f"resting/{network}/{address}": None}


def intent_entry(intent: Intent) -> Changes:
    record = IntentRecord(
        v=SCHEMA,
        prefix=str(intent.prefix),
        epoch=intent.epoch,
        network=intent.network,
        extent=str(intent.extent.prefix),
        value=encode_extent(intent.extent).decode(),
        expected=intent.expected,
        usable_after=intent.usable_after,
    )
    return {_intent_key(intent): encode(record)}


def no_intent(intent: Intent) -> Changes:
    return {_intent_key(intent): None}


def _intent_key(intent: Intent) -> str:
    return f"intents/{intent.network}/{prefix_key(intent.prefix)}"


def _holder(name: str, record: HolderRecord) -> Holder:
    return Holder(
        name,
        NetworkId(record.network),
        tuple(Holding(Address.parse(a), name, record.tenant, record.segment) for a in record.addresses),
        None if record.container is None else EndpointKey(record.container, record.interface),
        record.netns,
        record.label,
    )


def _intent(record: IntentRecord) -> Intent:
    key = extent_key(NetworkId(record.network), Prefix.parse(record.extent))
    extent = decode_extent(key, record.value.encode())
    return Intent(Prefix.parse(record.prefix), record.epoch, extent, record.expected, record.usable_after)
