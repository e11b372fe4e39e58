"""Addresses and prefixes of both families as small immutable values.

One integer holds the whole value, so that sorting, comparing and aggregating work on integers:

    address   family << 136 | value << 8 | length of its family
    prefix    family << 136 | first address << 8 | length

`family` is 0 for IPv4 and 1 for IPv6: IPv4 sorts before IPv6, then by first address, and a shorter
prefix sorts before the longer ones inside it. Nothing here knows the number 32 but `_parse`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Final, Self

FAMILY: Final = 1 << 136
_LENGTH: Final = 0xFF
_set: Final = object.__setattr__
_OCTETS: Final = {str(octet): octet for octet in range(256)}
"""The only spellings of an octet: no sign, no space, no leading zero, no digits of other scripts."""


class PrefixError(ValueError):
    """The text is not an address or prefix; the message is one sentence with the remedy."""


class Address:
    """One address. Equal, ordered and hashed by family and value."""

    __slots__ = ("key",)
    key: int

    def __init__(self, key: int) -> None:
        _set(self, "key", key)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an Address is immutable: {name}")

    def __reduce__(self) -> tuple[type[Self], tuple[int]]:
        return type(self), (self.key,)

    @classmethod
    def of(cls, version: int, value: int) -> Self:
        return cls(value << 8 | 32 if version == 4 else FAMILY | value << 8 | 128)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the address that `text` names. PrefixError for anything else, scope ids included."""
        return cls.of(*_parse(text))

    @property
    def version(self) -> int:
        return 6 if self.key >= FAMILY else 4

    @property
    def bits(self) -> int:
        return self.key & _LENGTH

    @property
    def value(self) -> int:
        return (self.key & FAMILY - 1) >> 8

    @property
    def prefix(self) -> Prefix:
        """The /32 or /128 that holds this address alone."""
        return Prefix(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and self.key == other.key

    def __lt__(self, other: Address) -> bool:
        return self.key < other.key

    def __le__(self, other: Address) -> bool:
        return self.key <= other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        return _text(self.version, self.value)

    def __repr__(self) -> str:
        return f"Address('{self}')"


class Prefix:
    """A network prefix: its first address and its length. Never has host bits set."""

    __slots__ = ("key",)
    key: int

    def __init__(self, key: int) -> None:
        """`key` as the module describes; callers outside `net` use `parse` or `of`."""
        _set(self, "key", key)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Prefix is immutable: {name}")

    def __reduce__(self) -> tuple[type[Self], tuple[int]]:
        return type(self), (self.key,)

    @classmethod
    def of(cls, version: int, first: int, length: int) -> Self:
        """Return first/length. PrefixError if the length is impossible or host bits are set."""
        bits = 32 if version == 4 else 128
        if not 0 <= length <= bits:
            raise PrefixError(f"a prefix length of IPv{version} is 0 to {bits}, not {length}")
        if first & (1 << bits - length) - 1:
            right = cls.of(version, first >> bits - length << bits - length, length)
            raise PrefixError(f"{_text(version, first)}/{length} has host bits set; the prefix is {right}")
        return cls((0 if version == 4 else FAMILY) | first << 8 | length)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the prefix `text` names: address, slash, decimal length, no host bits. Else PrefixError."""
        head, slash, tail = text.partition("/")
        version, value = _parse(head, text)
        if not slash:
            raise PrefixError(
                f"{text!r} has no length; write {head}/{32 if version == 4 else 128} for one address"
            )
        return cls.of(version, value, _length(tail, text))

    @classmethod
    def tolerant(cls, text: str) -> Self:
        """Return the prefix that `text` means: host bits are cleared, an address alone is its own prefix."""
        head, slash, tail = text.strip().partition("/")
        version, value = _parse(head, text)
        bits = 32 if version == 4 else 128
        length = _length(tail, text) if slash else bits
        if length > bits:
            raise PrefixError(f"{text!r}: a prefix length of IPv{version} is 0 to {bits}")
        return cls.of(version, value >> bits - length << bits - length, length)

    @property
    def version(self) -> int:
        return 6 if self.key >= FAMILY else 4

    @property
    def bits(self) -> int:
        """Bits of an address of this family: 32 or 128."""
        return 128 if self.key >= FAMILY else 32

    @property
    def length(self) -> int:
        return self.key & _LENGTH

    @property
    def first(self) -> int:
        """The lowest address, as an integer."""
        return (self.key & FAMILY - 1) >> 8

    @property
    def size(self) -> int:
        """How many addresses the prefix holds."""
        return 1 << self.bits - self.length

    @property
    def last(self) -> int:
        """The highest address, as an integer."""
        return self.first + self.size - 1

    def address(self, offset: int) -> Address:
        """Return the address `offset` places after the first; the caller keeps it inside."""
        return Address.of(self.version, self.first + offset)

    def parent(self) -> Prefix:
        """Return the prefix one bit shorter. PrefixError for /0."""
        return self.supernet(self.length - 1)

    def supernet(self, length: int) -> Prefix:
        """Return the prefix of that (shorter or equal) length that contains this one."""
        if length > self.length:
            raise PrefixError(f"/{length} is longer than {self}")
        shift = self.bits - length
        return Prefix.of(self.version, self.first >> shift << shift, length)

    def buddy(self) -> Prefix:
        """Return the other half of the parent."""
        return Prefix.of(self.version, self.first ^ self.size, self.length)

    def halves(self) -> tuple[Prefix, Prefix]:
        low, high = self.split(self.length + 1)
        return low, high

    def split(self, length: int) -> Iterator[Prefix]:
        """Yield the prefixes of `length` inside, lowest first. PrefixError if shorter than this one."""
        if not self.length <= length <= self.bits:
            raise PrefixError(f"{self} cannot be split into /{length}")
        step = 1 << self.bits - length
        return (Prefix.of(self.version, a, length) for a in range(self.first, self.last + 1, step))

    def __contains__(self, other: Address | Prefix) -> bool:
        """Whether `other` lies wholly inside (a prefix contains itself)."""
        key, theirs = self.key, other.key
        length = key & _LENGTH
        # The family stands above every shift, so that comparing what is left compares it too.
        shift = (136 if key >= FAMILY else 40) - length
        return theirs & _LENGTH >= length and key >> shift == theirs >> shift

    def overlaps(self, other: Prefix) -> bool:
        return other in self or self in other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Prefix) and self.key == other.key

    def __lt__(self, other: Prefix) -> bool:
        return self.key < other.key

    def __le__(self, other: Prefix) -> bool:
        return self.key <= other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        return f"{_text(self.version, self.first)}/{self.length}"

    def __repr__(self) -> str:
        return f"Prefix('{self}')"


def _parse(head: str, text: str | None = None) -> tuple[int, int]:
    """Return family and value of an address. `ipaddress` would accept a scope id; we do not."""
    if "." in head and ":" not in head:
        try:
            a, b, c, d = map(_OCTETS.__getitem__, head.split("."))
        except (KeyError, ValueError):
            raise _not_ip(head, text) from None
        return 4, a << 24 | b << 16 | c << 8 | d
    if "%" in head:
        raise PrefixError(f"{text or head!r} names an interface after %; write the address alone")
    try:
        return 6, int(ipaddress.IPv6Address(head))
    except ValueError:
        raise _not_ip(head, text) from None


def _not_ip(head: str, text: str | None) -> PrefixError:
    return PrefixError(f"{text or head!r} is not an IP {'prefix' if text else 'address'}")


def _length(tail: str, text: str) -> int:
    if not (tail.isascii() and tail.isdigit() and (tail == "0" or tail[0] != "0") and len(tail) <= 3):
        raise PrefixError(f"{text!r}: after the slash stands a decimal length, such as /24")
    return int(tail)


def _text(version: int, value: int) -> str:
    if version == 4:
        return f"{value >> 24}.{value >> 16 & 255}.{value >> 8 & 255}.{value & 255}"
    return str(ipaddress.IPv6Address(value))
