"""The unix socket on which the CNI shims reach the agent.

A call is one connection. The shim sends environment and standard input, and closes its side:

    CNI_COMMAND=ADD NUL  CNI_IFNAME=eth0 NUL  …  NUL  {"cniVersion": …} EOF

and gets exit status, length and the plugin's output, so that it can tell a whole answer from the
beginning of one:

    0 417 LF  {"cniVersion": …} EOF
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from romana.apps.agent.cni_calls import Calls, Observe
from romana.model.errors import ConfigError, RefusedError
from romana.ports.addresses import Addresses
from romana.ports.kernel import Plumber

NETWORK: Final = "romana"
"""Name of the configuration list that the agent writes."""
_MOST: Final = (1 << 20) + (1 << 17)
"""Bytes of a call: a megabyte of standard input, and the environment."""
_PATIENCE: Final = 60.0
"""Seconds a shim may take to send its call; it waits as long for the answer."""
_BACKLOG: Final = 1024
_LONGEST: Final = 107
"""sizeof sun_path, less its terminator (unix(7))."""


@asynccontextmanager
async def serve_cni(
    where: Path | socket.socket,
    addresses: Addresses,
    plumber: Plumber,
    *,
    network: str = NETWORK,
    observe: Observe = lambda *_: None,
) -> AsyncIterator[None]:
    """Answer CNI calls while the body runs; when it ends, calls under way are finished first.

    `where` is the socket's path, or what `listen` returned: calls that came since then wait in it. Only
    the owner of the process may connect. ConfigError or RefusedError if the socket cannot be made.
    A bug in a call ends the body: it is not turned into an answer.
    """
    calls = Calls(addresses, plumber, network, observe)
    speaking: set[asyncio.Transport] = set()
    loop = asyncio.get_running_loop()
    listening = listen(where) if isinstance(where, Path) else where
    async with asyncio.TaskGroup() as tasks:
        server = await loop.create_unix_server(
            lambda: _Connection(calls, tasks, speaking), sock=listening, backlog=_BACKLOG
        )
        try:
            yield
        finally:
            server.close()
            for transport in speaking:
                transport.abort()


class _Connection(asyncio.Protocol):
    """Collects a call, has it answered, closes."""

    def __init__(self, calls: Calls, tasks: asyncio.TaskGroup, speaking: set[asyncio.Transport]) -> None:
        """`speaking` holds the connections whose call is not complete yet."""
        self._calls = calls
        self._tasks = tasks
        self._speaking = speaking
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._speaking.add(transport)
        self._limit = asyncio.get_running_loop().call_later(_PATIENCE, transport.abort)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if len(self._received) > _MOST:
            self._transport.abort()

    def eof_received(self) -> bool:
        self._heard()
        self._tasks.create_task(self._answer())
        return True  # keep our side open for the answer

    def connection_lost(self, _error: Exception | None) -> None:
        self._heard()

    def _heard(self) -> None:
        self._speaking.discard(self._transport)
        self._limit.cancel()

    async def _answer(self) -> None:
        """Answer even where the shim is gone: what it asked for is finished, not left half done."""
        head, _, stdin = bytes(self._received).partition(b"\0\0")
        try:
            status, output = await self._calls.answer(head, stdin)
            self._transport.write(b"%d %d\n%s" % (status, len(output), output))
        finally:
            self._transport.close()  # after a bug without an answer: the shim tells the runtime to try again


def listen(path: Path) -> socket.socket:
    """Return a socket bound to `path`, replacing one that is there without a moment in which none is.

    ConfigError or RefusedError if it cannot be made.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    if len(os.fsencode(temporary)) > _LONGEST:
        raise ConfigError(
            f"{path} is too long for a socket: {_LONGEST} bytes with the temporary name", code="socket-path"
        )
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        sock.bind(str(temporary))
        temporary.chmod(0o600)
        sock.listen(_BACKLOG)
        temporary.rename(path)
    except OSError as error:
        sock.close()
        raise RefusedError(f"cannot listen on {path}: {error.strerror}", code="socket-refused") from error
    return sock
