"""Netlink messages as bytes, both ways. Knows framing and attributes, not what they mean.

A message is a 16-byte header and a payload; a payload is a fixed part and attributes; an attribute
is length, type, value, padded to four bytes (linux/netlink.h, RFC 3549). Everything is in the
machine's byte order.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Final

HEADER: Final = Struct("=IHHII")
_ATTRIBUTE: Final = Struct("=HH")
_U32: Final = Struct("=I")
_TYPE_MASK: Final = 0x3FFF
"""NLA_TYPE_MASK: without the flags for nesting and byte order."""

NLMSG_ERROR: Final = 2
NLMSG_DONE: Final = 3

REQUEST: Final = 0x1
ACK: Final = 0x4
DUMP: Final = 0x300
DUMP_INTERRUPTED: Final = 0x10
REPLACE: Final = 0x100
EXCLUSIVE: Final = 0x200
CREATE: Final = 0x400
CAPPED: Final = 0x100
"""NLM_F_CAPPED on an error: the request is not echoed behind its header."""
_ERROR_WORDS: Final = 1
"""NLMSGERR_ATTR_MSG."""
_ORDER: Final = sys.byteorder


@dataclass(frozen=True, slots=True)
class Request:
    """One thing asked of the kernel: message type, flags beside REQUEST, payload."""

    kind: int
    payload: bytes
    flags: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """The kernel refused a request of a batch."""

    index: int
    """Its place in the batch."""
    errno: int
    reason: str = ""
    """The kernel's own words (extended acknowledgement), where it has any."""


def frame(kind: int, flags: int, sequence: int, payload: bytes) -> bytes:
    """Return one message. Payloads are built of padded attributes, so the next one is aligned too."""
    return HEADER.pack(16 + len(payload), kind, flags | REQUEST, sequence, 0) + payload


def attribute(kind: int, value: bytes) -> bytes:
    """Return one attribute, padded."""
    return _ATTRIBUTE.pack(4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def u32(kind: int, value: int) -> bytes:
    return attribute(kind, _U32.pack(value))


def text(kind: int, value: str) -> bytes:
    """Return a string attribute, terminated as the kernel wants it."""
    return attribute(kind, value.encode() + b"\0")


def nested(kind: int, *members: bytes) -> bytes:
    """Return an attribute made of attributes, with NLA_F_NESTED, which strict parsing demands."""
    return attribute(kind | 0x8000, b"".join(members))


def attributes(payload: bytes, offset: int = 0) -> dict[int, bytes]:
    """Return the attributes from `offset` on; of a repeated type the last. Stops at a malformed one."""
    found: dict[int, bytes] = {}
    end = len(payload)
    while offset + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(payload, offset)
        if length < 4 or offset + length > end:
            break
        found[kind & _TYPE_MASK] = payload[offset + 4 : offset + length]
        offset += length + 3 & ~3
    return found


def number(value: bytes) -> int:
    """Return the unsigned number an attribute holds, whatever its width."""
    return int.from_bytes(value, byteorder=_ORDER)


def messages(buffer: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield type, flags, sequence and payload of each message in what one `recv` returned."""
    offset, end = 0, len(buffer)
    unpack = HEADER.unpack_from
    while offset + 16 <= end:
        length, kind, flags, sequence, _ = unpack(buffer, offset)
        if length < 16:
            return
        yield kind, flags, sequence, buffer[offset + 16 : offset + length]
        offset += length + 3 & ~3


def failure(index: int, payload: bytes, flags: int) -> Failure | None:
    """Read the payload of an NLMSG_ERROR; None if it acknowledges."""
    errno = -int.from_bytes(payload[:4], _ORDER, signed=True)
    if not errno:
        return None
    echoed = 16 if flags & CAPPED else number(payload[4:8])
    words = attributes(payload, 4 + (echoed + 3 & ~3)).get(_ERROR_WORDS, b"")
    return Failure(index, errno, words.rstrip(b"\0").decode(errors="replace"))
