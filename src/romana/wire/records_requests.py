"""What the command line asks of a running agent, and the agent's answer, in one record.

The asker creates it, the agent swaps its answer in, the asker removes it. An agent is the only
writer of its host's blocks, so nobody else may carry the request out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from romana.model.block import Holding
from romana.model.host import HostName
from romana.net.prefix import Address
from romana.wire.records_codec import SCHEMA, Framed, Shape, bad_record, decode, encode


class AskKind(StrEnum):
    ALLOCATE = "allocate"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the agent did, or why it did not."""

    holdings: tuple[Holding, ...] = ()
    """Granted or released, IPv4 first."""
    code: str = ""
    """The error's code; "" if it was done."""
    message: str = ""
    exit_status: int = 0


@dataclass(frozen=True, slots=True)
class Ask:
    """An address wanted or given back under `name`."""

    kind: AskKind
    name: str
    tenant: str = ""
    segment: str = ""
    network: str | None = None
    """The network asked for by name; None: the tenant's, in order."""
    address: Address | None = None
    """Release this one alone; None: all that the name holds."""
    answer: Answer | None = None


class HoldingShape(Shape, frozen=True, kw_only=True):
    address: str
    name: str
    tenant: str = ""
    segment: str = ""


class AnswerShape(Shape, frozen=True, kw_only=True):
    holdings: list[HoldingShape] = msgspec.field(default_factory=list)
    code: str = ""
    message: str = ""
    exit_status: int = 0


class AskRecord(Framed, frozen=True, kw_only=True):
    kind: AskKind
    name: str
    tenant: str = ""
    segment: str = ""
    network: str | None = None
    address: str | None = None
    answer: AnswerShape | None = None


_asks = msgspec.json.Decoder(AskRecord)


def requests_prefix(host: HostName) -> str:
    """Return what the keys of all requests to that host's agent start with."""
    return f"requests/{host}/"


def request_key(host: HostName, request: str) -> str:
    return requests_prefix(host) + request


def encode_ask(ask: Ask) -> bytes:
    return encode(
        AskRecord(
            v=SCHEMA,
            kind=ask.kind,
            name=ask.name,
            tenant=ask.tenant,
            segment=ask.segment,
            network=ask.network,
            address=None if ask.address is None else str(ask.address),
            answer=_answer(ask.answer) if ask.answer else None,
        )
    )


def decode_ask(key: str, value: bytes) -> Ask:
    """Return the request, answered or not. RefusedError as `records_codec.decode`."""
    record = decode(_asks, key, value)
    try:
        address = None if record.address is None else Address.parse(record.address)
        answer = _to_answer(record.answer) if record.answer else None
    except ValueError as error:
        raise bad_record(key, str(error)) from error
    return Ask(record.kind, record.name, record.tenant, record.segment, record.network, address, answer)


def _answer(answer: Answer) -> AnswerShape:
    holdings = [
        HoldingShape(address=str(h.address), name=h.name, tenant=h.tenant, segment=h.segment)
        for h in answer.holdings
    ]
    return AnswerShape(
        holdings=holdings, code=answer.code, message=answer.message, exit_status=answer.exit_status
    )


def _to_answer(shape: AnswerShape) -> Answer:
    holdings = tuple(Holding(Address.parse(h.address), h.name, h.tenant, h.segment) for h in shape.holdings)
    return Answer(holdings, shape.code, shape.message, shape.exit_status)
