"""Requests about addresses, neighbours and routes, and what the kernel says of them.

Addresses are bytes in network order here: four of IPv4, sixteen of IPv6.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from struct import Struct
from typing import Final

from romana.edges.netlink.channel import Channel
from romana.edges.netlink.message import (
    CREATE,
    EXCLUSIVE,
    REPLACE,
    Request,
    attribute,
    attributes,
    number,
    u32,
)
from romana.net.prefix import Address

RTM_NEWADDR, RTM_GETADDR = 20, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWNEIGH, RTM_GETNEIGH = 28, 30

OURS: Final = 201
"""Our mark in rtm_protocol; routes without it are never touched."""
MAIN: Final = 254
UNICAST, BLACKHOLE, UNREACHABLE, PROHIBIT = 1, 6, 7, 8
UNIVERSE, LINK, NOWHERE = 0, 253, 255

_RTMSG: Final = Struct("=8BI")
"""struct rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags."""
_IFADDR: Final = Struct("=4BI")
_NDMSG: Final = Struct("=BxxxiHBB")
_FIB_MATCH: Final = 0x2000
_NODAD: Final = 0x02
_PERMANENT: Final = 0x80

DST, OIF, GATEWAY, PRIORITY, MULTIPATH, VIA, TABLE = 1, 4, 5, 6, 9, 18, 15


def family(version: int) -> int:
    return socket.AF_INET if version == 4 else socket.AF_INET6


def packed(address: Address) -> bytes:
    return address.value.to_bytes(address.bits // 8, "big")


def add_address(address: Address, index: int, *, length: int, scope: int = UNIVERSE) -> Request:
    """Give a link an address, usable at once: no duplicate address detection (IPv6)."""
    value = packed(address)
    flags = _NODAD if address.version == 6 else 0
    payload = _IFADDR.pack(family(address.version), length, flags, scope, index)
    return Request(RTM_NEWADDR, payload + attribute(2, value) + attribute(1, value), CREATE | EXCLUSIVE)


def add_neighbour(address: Address, index: int, mac: bytes) -> Request:
    """State for good who is behind an address, so that nobody ever asks on the link."""
    payload = _NDMSG.pack(family(address.version), index, _PERMANENT, 0, 0)
    return Request(
        RTM_NEWNEIGH, payload + attribute(1, packed(address)) + attribute(2, mac), CREATE | REPLACE
    )


def add_route(
    dst: Address | None,
    index: int,
    *,
    version: int,
    gateway: Address | None = None,
    flags: int,
    protocol: int,
) -> Request:
    """Route one address (None: everything of the family) to a link, by `gateway` if given."""
    length = 0 if dst is None else dst.bits
    scope = UNIVERSE if gateway is not None or version == 6 else LINK
    payload = _RTMSG.pack(family(version), length, 0, 0, MAIN, protocol, scope, UNICAST, 0)
    if dst is not None:
        payload += attribute(DST, packed(dst))
    if gateway is not None:
        payload += attribute(GATEWAY, packed(gateway))
    return Request(RTM_NEWROUTE, payload + u32(OIF, index), CREATE | flags)


@dataclass(frozen=True, slots=True)
class Neighbour:
    address: bytes
    mac: bytes
    permanent: bool


def neighbours(channel: Channel, index: int) -> list[Neighbour]:
    """Return what is known of neighbours on a link, both families."""
    found = []
    for body in channel.dump(RTM_GETNEIGH, _NDMSG.pack(0, 0, 0, 0, 0) + u32(8, index)):
        _, _, state, _, _ = _NDMSG.unpack_from(body)
        told = attributes(body, _NDMSG.size)
        found.append(Neighbour(told.get(1, b""), told.get(2, b""), bool(state & _PERMANENT)))
    return found


def addresses(channel: Channel, index: int) -> set[bytes]:
    """Return the addresses of a link, both families."""
    found = set()
    for body in channel.dump(RTM_GETADDR, _IFADDR.pack(0, 0, 0, 0, index)):
        told = attributes(body, _IFADDR.size)
        found.add(told.get(2) or told.get(1, b""))
    return found


def routes_by(channel: Channel, index: int) -> set[tuple[bytes, int, bytes]]:
    """Return destination, length and gateway of the main table's routes over a link, both families."""
    found = set()
    for af in (socket.AF_INET, socket.AF_INET6):
        request = _RTMSG.pack(af, 0, 0, 0, MAIN, 0, 0, 0, 0) + u32(OIF, index)
        for body in channel.dump(RTM_GETROUTE, request):
            length = body[1]
            told = attributes(body, _RTMSG.size)
            if number(told.get(OIF, b"")) == index:
                found.add((told.get(DST, b""), length, told.get(GATEWAY, b"")))
    return found


def remove_own_route(dst: Address) -> Request:
    """Remove our route to one address, whatever it is; ESRCH if there is none or it is another's."""
    payload = _RTMSG.pack(family(dst.version), dst.bits, 0, 0, MAIN, OURS, NOWHERE, 0, 0)
    return Request(RTM_DELROUTE, payload + attribute(DST, packed(dst)))


def default_link(channel: Channel, version: int) -> int | None:
    """Return the index of the link that the default route takes.

    Found by asking for an address that no route names (RFC 5737, RFC 3849): cheap, whatever the
    table's size. None where a more specific route answers, or none.
    """
    probe = Address.parse("192.0.2.1" if version == 4 else "2001:db8::1")
    payload = _RTMSG.pack(family(version), probe.bits, 0, 0, 0, 0, 0, 0, _FIB_MATCH)
    _, answers = channel.ask([Request(RTM_GETROUTE, payload + attribute(DST, packed(probe)))])
    if not answers or answers[0][1]:
        return None
    told = attributes(answers[0], _RTMSG.size)
    if OIF in told:
        return number(told[OIF])
    hops = told.get(MULTIPATH, b"")
    return number(hops[4:8]) if len(hops) >= 8 else None
