"""Counting what pods must not cause: changes of routes on routers, and BGP updates between them.

A netlink socket in each router's namespace hears every change of its tables; the updates are bgpd's own counters.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from dataclasses import dataclass
from typing import Final

from romana.lab.contain import within
from romana.lab.routers import ask

_IPV4_ROUTES: Final = 0x40  # linux/rtnetlink.h: RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_ROUTE
_IPV6_ROUTES: Final = 0x400
_NETLINK_ROUTE: Final = 0
_CHANGES: Final = (24, 25)  # RTM_NEWROUTE, RTM_DELROUTE
_KERNEL: Final = 2  # RTPROT_KERNEL
_HEADER: Final = struct.Struct("=IH10x5xB6x")
"""Length and type of the message (nlmsghdr), then the protocol of the route (rtmsg)."""
_ROOM: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Count:
    """What a router has seen since the lab was built."""

    route_changes: int
    updates_received: int
    updates_sent: int


class RouteCounters:
    """Listens in the namespaces of routers until closed."""

    def __init__(self) -> None:
        self._sockets: dict[str, socket.socket] = {}
        self.changes: dict[str, int] = {}

    def listen(self, device: str) -> None:
        with within(device):
            opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, _NETLINK_ROUTE)
        opened.bind((0, _IPV4_ROUTES | _IPV6_ROUTES))
        self._sockets[device], self.changes[device] = opened, 0
        asyncio.get_running_loop().add_reader(opened, self._heard, device)

    def _heard(self, device: str) -> None:
        while True:
            try:
                data = self._sockets[device].recv(_ROOM)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.changes[device] += 1  # some were lost: at least one
                continue
            self.changes[device] += changes(data)


def changes(data: bytes) -> int:
    """Return how many routes the netlink messages of a datagram change.

    Not those that the kernel makes of addresses and carriers by itself: they are no routing.
    """
    at = found = 0
    while at + _HEADER.size <= len(data):
        length, kind, protocol = _HEADER.unpack_from(data, at)
        found += kind in _CHANGES and protocol != _KERNEL
        at += length + 3 & ~3  # netlink(7): messages are aligned to 4 bytes
    return found


async def count(counters: RouteCounters, device: str) -> Count:
    """Return the counts of one router now."""
    answer = await ask(device, "bgpd", "show bgp neighbors")
    stats = [n.get("messageStats", {}) for n in answer.values() if isinstance(n, dict)]
    return Count(
        counters.changes[device],
        sum(s.get("updatesRecv", 0) for s in stats),
        sum(s.get("updatesSent", 0) for s in stats),
    )
