"""What a node's routing daemon should do: whom it speaks to, what it says, what it believes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NewType

from romana.net.prefix import Address, Prefix

Asn = NewType("Asn", int)

HOST_ASN: Final = Asn(64999)
"""Every node's AS, private (RFC 6996). One for all: a node never believes what another node said."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A prefix and everything inside it down to a length."""

    prefix: Prefix
    longest: int


@dataclass(frozen=True, slots=True)
class Session:
    """A BGP session of one family with one router; it carries that family's routes."""

    router: str
    """The router's name, for people: never used as an identifier."""
    local: Address
    remote: Address
    asn: Asn | None
    """None: any but ours."""
    announced: tuple[Prefix, ...] = ()
    accepted: tuple[Accepted, ...] = ()
    """Besides the default route."""

    @property
    def version(self) -> int:
        return self.remote.version


@dataclass(frozen=True, slots=True)
class Speaking:
    """The whole of it for one node."""

    node: str
    router_id: Address
    """An IPv4 address as a number; IPv6 nodes have one as well (RFC 6286)."""
    sessions: tuple[Session, ...] = ()

    def announced(self, version: int) -> tuple[Prefix, ...]:
        """Everything announced to anybody, lowest first."""
        mine = {p for s in self.sessions if s.version == version for p in s.announced}
        return tuple(sorted(mine))
