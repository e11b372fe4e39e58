"""Pinging all pairs at once: one raw ICMP socket in each pod, one thread, no process.

A socket stays in the namespace where it was opened, so a single selector sees the answers of the whole lab: 306
pairs take a few dozen milliseconds. Requests are repeated until answered or out of time, because the first packet
to a neighbour may wait for address resolution.
"""

from __future__ import annotations

import os
import selectors
import socket
import struct
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from romana.lab.contain import within
from romana.net.prefix import Address

_REQUEST: Final = {4: 8, 6: 128}  # RFC 792, RFC 4443
_REPLY: Final = {4: 0, 6: 129}
_ICMP_FILTER: Final = 1  # linux/icmp.h, at level SOL_RAW; icmpv6.h has the same number at IPPROTO_ICMPV6
_SOL_RAW: Final = 255
_SO_RCVBUFFORCE: Final = 33  # asm-generic/socket.h
_REPEAT: Final = 0.2
"""Seconds after which what was not answered is asked again."""
_BURST: Final = 64
"""Requests between two looks for answers."""
_BUFFER: Final = 1 << 20
"""Room for the answers of a thousand pods that all come at once."""


@dataclass(frozen=True, slots=True)
class Target:
    name: str
    """The namespace: of a pod, a node or any device."""
    address: Address


@dataclass(frozen=True, slots=True)
class Pair:
    source: str
    target: str
    address: Address


def ping_all(sources: Iterable[Target], targets: Sequence[Target], patience: float) -> list[Pair]:
    """Return the pairs that did not answer within `patience` seconds. No pod pings itself.

    A source pings targets of its own address's family. Call it in a thread: it blocks.
    """
    waiting: dict[tuple[socket.socket, str], Pair] = {}
    with selectors.DefaultSelector() as selector:
        try:
            for source in sources:
                opened = _open(source)
                selector.register(opened, selectors.EVENT_READ, source.address.version)
                for target in targets:
                    if target.name != source.name and target.address.version == source.address.version:
                        pair = Pair(source.name, target.name, target.address)
                        waiting[opened, str(target.address)] = pair
            _exchange(selector, waiting, time.monotonic() + patience)
        finally:
            for key in list(selector.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]
    return list(waiting.values())


def _open(source: Target) -> socket.socket:
    v6 = source.address.version == 6
    with within(source.name):
        opened = socket.socket(
            socket.AF_INET6 if v6 else socket.AF_INET,
            socket.SOCK_RAW | socket.SOCK_NONBLOCK,
            socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP,
        )
    opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    opened.bind((str(source.address), 0))
    if v6:
        blocked = [0xFFFFFFFF] * 8
        blocked[_REPLY[6] >> 5] &= ~(1 << (_REPLY[6] & 31)) & 0xFFFFFFFF
        opened.setsockopt(socket.IPPROTO_ICMPV6, _ICMP_FILTER, struct.pack("8I", *blocked))
    else:
        opened.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("I", ~(1 << _REPLY[4]) & 0xFFFFFFFF))
    return opened


def _exchange(
    selector: selectors.BaseSelector, waiting: dict[tuple[socket.socket, str], Pair], deadline: float
) -> None:
    mark = os.getpid() & 0xFFFF
    number = 0
    while waiting and time.monotonic() < deadline:
        number += 1
        for index, (opened, address) in enumerate(list(waiting), 1):
            _send(opened, address, mark, number)
            if index % _BURST == 0:
                _receive(selector, waiting, 0)
        again = min(deadline, time.monotonic() + _REPEAT)
        while waiting and (left := again - time.monotonic()) > 0:
            _receive(selector, waiting, left)


def _send(opened: socket.socket, address: str, mark: int, number: int) -> None:
    version = 6 if opened.family == socket.AF_INET6 else 4
    head = struct.pack("!BBHHH", _REQUEST[version], 0, 0, mark, number)
    if version == 4:
        head = struct.pack("!BBHHH", _REQUEST[4], 0, _checksum(head), mark, number)
    try:
        opened.sendto(head, (address, 0))
    except OSError:
        pass  # no route, a full queue: not answered is what counts


def _receive(
    selector: selectors.BaseSelector, waiting: dict[tuple[socket.socket, str], Pair], timeout: float
) -> None:
    for key, _ in selector.select(timeout):
        opened = key.fileobj
        assert isinstance(opened, socket.socket)
        while True:
            try:
                _, sender = opened.recvfrom(256)
            except BlockingIOError:
                break
            waiting.pop((opened, sender[0]), None)


def _checksum(data: bytes) -> int:
    """RFC 1071 over an even number of bytes."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF
