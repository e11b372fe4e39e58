"""Requests about links and what the kernel says of them (linux/if_link.h, rtnetlink.h)."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from struct import Struct
from typing import Final

from romana.edges.netlink.channel import Channel
from romana.edges.netlink.message import (
    CREATE,
    EXCLUSIVE,
    Request,
    attribute,
    attributes,
    nested,
    number,
    text,
    u32,
)

RTM_NEWLINK: Final = 16
RTM_DELLINK: Final = 17
RTM_GETLINK: Final = 18
RTM_SETLINK: Final = 19

_INFO: Final = Struct("=BxHiII")
"""struct ifinfomsg: family, type, index, flags, change."""
_UP: Final = 0x1
_LOOPBACK: Final = 0x8

_ADDRESS, _IFNAME, _MTU, _LINK, _INFO_NEST, _NS_FD, _AF_SPEC, _GROUP, _ALIAS = 1, 3, 4, 5, 18, 28, 26, 27, 20
_EXT_MASK: Final = 29
_SKIP_STATS: Final = u32(_EXT_MASK, 1 << 3)
_KIND, _DATA = 1, 2
_VETH_PEER: Final = 1
_INET_CONF: Final = 1
_ADDR_GEN_MODE: Final = 8
_GEN_MODE_NONE: Final = b"\x01"

# linux/ip.h, numbered from 1
FORWARDING, PROXY_ARP, ACCEPT_REDIRECTS, SEND_REDIRECTS, RP_FILTER, ARP_IGNORE = 1, 3, 4, 6, 8, 19


@dataclass(frozen=True, slots=True)
class Link:
    index: int
    name: str
    up: bool
    loopback: bool
    mtu: int
    mac: str
    peer: int
    """Index of the other end of a veth, in the other end's namespace; 0: has none."""
    group: int
    alias: str


def seen(payload: bytes) -> Link:
    """Read what RTM_GETLINK answered."""
    _, _, index, flags, _ = _INFO.unpack_from(payload)
    told = attributes(payload, _INFO.size)
    return Link(
        index,
        _string(told.get(_IFNAME)),
        bool(flags & _UP),
        bool(flags & _LOOPBACK),
        number(told.get(_MTU, b"")),
        told.get(_ADDRESS, b"").hex(":"),
        number(told.get(_LINK, b"")),
        number(told.get(_GROUP, b"")),
        _string(told.get(_ALIAS)),
    )


def by_name(name: str) -> Request:
    return Request(RTM_GETLINK, _INFO.pack(0, 0, 0, 0, 0) + text(_IFNAME, name) + _SKIP_STATS)


def by_index(index: int) -> Request:
    return Request(RTM_GETLINK, _INFO.pack(0, 0, index, 0, 0) + _SKIP_STATS)


def find(channel: Channel, request: Request) -> Link | None:
    """Return the link that `by_name` or `by_index` asks for."""
    _, answers = channel.ask([request])
    return seen(answers[0]) if answers else None


def every(channel: Channel, kind: str = "") -> list[Link]:
    """Return all links of the namespace, or those of a kind (`veth`)."""
    only = nested(_INFO_NEST, attribute(_KIND, kind.encode())) if kind else b""
    return [seen(p) for p in channel.dump(RTM_GETLINK, _INFO.pack(0, 0, 0, 0, 0) + _SKIP_STATS + only)]


def create_pair(
    outer: str, outer_mac: bytes, inner: str, inner_mac: bytes, *, netns: int, mtu: int, group: int
) -> Request:
    """Make a veth pair, both ends down, the inner one in the namespace of descriptor `netns`.

    The group is set with the creation: there is no moment at which the outer end lacks it. An
    inner end must not be brought up here: it is opened before it has a partner (ENOTCONN).
    """
    peer = (
        _INFO.pack(0, 0, 0, 0, 0)
        + text(_IFNAME, inner)
        + attribute(_ADDRESS, inner_mac)
        + u32(_MTU, mtu)
        + u32(_NS_FD, netns)
    )
    payload = (
        _INFO.pack(0, 0, 0, 0, 0)
        + text(_IFNAME, outer)
        + attribute(_ADDRESS, outer_mac)
        + u32(_MTU, mtu)
        + u32(_GROUP, group)
        + nested(_INFO_NEST, attribute(_KIND, b"veth"), nested(_DATA, attribute(_VETH_PEER | 0x8000, peer)))
    )
    return Request(RTM_NEWLINK, payload, CREATE | EXCLUSIVE)


def quiet(name: str, *, alias: str = "", conf: dict[int, int] | None = None, ipv6: bool = True) -> Request:
    """Set IPv4 per-interface settings and the alias, and let no IPv6 link-local address appear by itself."""
    inet = nested(_INET_CONF, *(u32(key, value) for key, value in (conf or {}).items()))
    families = [nested(socket.AF_INET, inet)] if conf else []
    if ipv6:
        families.append(nested(socket.AF_INET6, attribute(_ADDR_GEN_MODE, _GEN_MODE_NONE)))
    payload = _INFO.pack(0, 0, 0, 0, 0) + text(_IFNAME, name)
    if alias:
        payload += attribute(_ALIAS, alias.encode())
    return Request(RTM_SETLINK, payload + nested(_AF_SPEC, *families))


def up(name: str) -> Request:
    return Request(RTM_SETLINK, _INFO.pack(0, 0, 0, _UP, _UP) + text(_IFNAME, name))


def regroup(name: str, group: int) -> Request:
    return Request(RTM_SETLINK, _INFO.pack(0, 0, 0, 0, 0) + text(_IFNAME, name) + u32(_GROUP, group))


def delete_group(group: int) -> Request:
    """Delete every link of a group at once: the kernel waits once for all (RCU, about 18 ms)."""
    return Request(RTM_DELLINK, _INFO.pack(0, 0, 0, 0, 0) + u32(_GROUP, group))


def _string(value: bytes | None) -> str:
    return (value or b"").rstrip(b"\0").decode(errors="replace")
