"""The kernel's notices, reduced to what they are worth: something may have changed."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from romana.edges.netlink.channel import rtnetlink

_LINK, _IPV4_ADDRESS, _IPV4_ROUTE, _IPV6_ADDRESS, _IPV6_ROUTE = 1, 5, 7, 9, 11
"""RTNLGRP_*, linux/rtnetlink.h."""
_GROUPS: Final = sum(
    1 << group - 1 for group in (_LINK, _IPV4_ADDRESS, _IPV4_ROUTE, _IPV6_ADDRESS, _IPV6_ROUTE)
)


@asynccontextmanager
async def notices() -> AsyncIterator[AsyncIterator[None]]:
    """Listen from entry on; the iterator yields once for everything that came since it last did."""
    sock = rtnetlink(_GROUPS)
    stirred = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sock, _drain, sock, stirred)

    async def looks() -> AsyncIterator[None]:
        while True:
            await stirred.wait()
            stirred.clear()
            yield

    try:
        yield looks()
    finally:
        loop.remove_reader(sock)
        sock.close()


def _drain(sock: socket.socket, stirred: asyncio.Event) -> None:
    """Read what is there and forget it. ENOBUFS: notices were lost, which is one more reason to look."""
    stirred.set()
    while True:
        try:
            sock.recv(1 << 16, socket.MSG_DONTWAIT)
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                return
