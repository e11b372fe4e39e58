"""The frame every record of the store shares: JSON with a schema version, strict both ways.

Comes before `records_layout`, `records_block` and `records`, which say what is inside the frame.
"""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from romana.model.errors import ConfigError, RefusedError
from romana.net.prefix import Prefix

SCHEMA: Final = 1
"""The version this program writes. A record with a higher one is refused and never rewritten."""


class Shape(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """JSON types only; what is at its default is not written."""


class Framed(Shape, frozen=True, kw_only=True):
    """A whole record."""

    v: int
    """No default, so that it is always written."""


class _Version(msgspec.Struct):
    v: int


_version = msgspec.json.Decoder(_Version)
_encoder = msgspec.json.Encoder()
FramedT = TypeVar("FramedT", bound=Framed)


def encode(record: Framed) -> bytes:
    """Return the bytes the store keeps. ConfigError for text that is no text (a lone surrogate)."""
    try:
        return _encoder.encode(record)
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"{error.object!r} holds bytes that are not UTF-8; write the name in UTF-8", code="bad-name"
        ) from error


def decode(decoder: msgspec.json.Decoder[FramedT], key: str, value: bytes) -> FramedT:
    """Return the record. RefusedError `newer-schema` or `bad-record`, both naming the key."""
    try:
        record = decoder.decode(value)
    except (ValueError, RecursionError) as error:
        refuse_newer(key, value)
        raise bad_record(key, str(error)) from error
    if record.v != SCHEMA:
        refuse_newer(key, value)
        raise bad_record(key, f"its schema version is {record.v}, and the first one was 1")
    return record


def refuse_newer(key: str, value: bytes) -> None:
    """Raise `newer-schema` where the record says so, whatever else it holds."""
    try:
        version = _version.decode(value).v
    except (ValueError, RecursionError):
        return
    if version > SCHEMA:
        raise RefusedError(
            f"the record {key} has schema version {version} and this program knows up to {SCHEMA}; "
            "it was left as it is; use the Romana that wrote it, or a newer one",
            code="newer-schema",
        )


def bad_record(key: str, why: str) -> RefusedError:
    """Return the error for a record that cannot be read or contradicts itself."""
    return RefusedError(
        f"the record {key} of the store cannot be used: {why}; restore it from a backup or remove it",
        code="bad-record",
    )


def prefix_key(prefix: Prefix) -> str:
    """Return the prefix as a part of a key: `10.0.0.0-26`."""
    return str(prefix).replace("/", "-")
