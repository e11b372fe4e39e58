"""A netlink socket: send requests, get every answer.

The kernel carries a request out inside `send`, so when that returns the answers are in the
receive queue and reading never waits; a missing answer is an error, not a reason to wait. That is
why the calls are plain functions, used in the event loop for what takes microseconds; who has more
to do goes piece by piece and lets the loop run in between.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from typing import Final, Self

from romana.edges.netlink.errors import translated
from romana.edges.netlink.message import (
    ACK,
    DUMP,
    DUMP_INTERRUPTED,
    NLMSG_DONE,
    NLMSG_ERROR,
    Failure,
    Request,
    failure,
    frame,
    messages,
)
from romana.model.errors import TransientError

SOL_NETLINK: Final = 270
NETLINK_CAP_ACK: Final = 10
NETLINK_EXT_ACK: Final = 11
NETLINK_GET_STRICT_CHK: Final = 12
_SO_RCVBUFFORCE: Final = 33
_BUFFER: Final = 4 << 20
_READ: Final = 1 << 16
"""A dump comes in pieces of at most 32 kB (af_netlink.c), acknowledgements in pieces of a few bytes."""
CHUNK: Final = 60_000
"""Bytes of requests in one `send`: large enough that its cost vanishes (about 1,000 routes)."""
_DUMP_TRIES: Final = 4


class Channel:
    """One rtnetlink socket, in the network namespace where it was made whatever the thread does later."""

    def __init__(self, sock: socket.socket | None = None) -> None:
        self._socket = sock or rtnetlink()
        self._sequence = 0
        self._socket.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        self._socket.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self._socket.setsockopt(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, requests: Sequence[Request]) -> list[Failure]:
        """Carry out all requests in one send (the caller keeps it under CHUNK); return what was refused.

        A refused request does not stop the ones after it. Only the last one is acknowledged;
        errors come for each.
        """
        failures, _ = self._exchange(requests)
        return failures

    def ask(self, requests: Sequence[Request]) -> tuple[list[Failure], list[bytes]]:
        """As `run`, for requests that also answer with messages: their payloads, in order."""
        return self._exchange(requests)

    def dump(self, kind: int, payload: bytes) -> list[bytes]:
        """Return the payload of every object of a kind.

        A dump during which the kernel's table changed is repeated; after several of those the last
        is returned as it is: whoever compares states looks again anyway.
        """
        for _ in range(_DUMP_TRIES):
            found, interrupted = self._dump(kind, payload)
            if not interrupted:
                break
        return found

    def _exchange(self, requests: Sequence[Request]) -> tuple[list[Failure], list[bytes]]:
        first, last = self._sequence + 1, self._sequence + len(requests)
        self._sequence = last
        self._send(
            b"".join(
                frame(r.kind, r.flags | (ACK if n == last else 0), n, r.payload)
                for n, r in enumerate(requests, first)
            )
        )
        failures: list[Failure] = []
        answers: list[bytes] = []
        while True:
            for kind, flags, sequence, payload in messages(self._receive()):
                if not first <= sequence <= last:
                    continue
                if kind != NLMSG_ERROR:
                    answers.append(payload)
                    continue
                if refused := failure(sequence - first, payload, flags):
                    failures.append(refused)
                if sequence == last:
                    return failures, answers

    def _dump(self, kind: int, payload: bytes) -> tuple[list[bytes], bool]:
        self._sequence += 1
        self._send(frame(kind, DUMP, self._sequence, payload))
        found: list[bytes] = []
        interrupted = False
        while True:
            for answer, flags, sequence, body in messages(self._receive()):
                if sequence != self._sequence:
                    continue
                interrupted = interrupted or bool(flags & DUMP_INTERRUPTED)
                if answer == NLMSG_ERROR and (refused := failure(0, body, flags)):
                    raise translated(refused, "list kernel objects")
                if answer in (NLMSG_DONE, NLMSG_ERROR):
                    return found, interrupted
                found.append(body)

    def _send(self, data: bytes) -> None:
        try:
            self._socket.send(data)
        except OSError as error:
            raise translated(Failure(0, error.errno or errno.EIO), "talk to the kernel") from error

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(_READ, socket.MSG_DONTWAIT)
        except OSError as error:
            raise TransientError(
                f"the kernel's answer was lost ({error.strerror}); the state is read again",
                code="kernel-busy",
            ) from error


def rtnetlink(groups: int = 0) -> socket.socket:
    """Return a bound rtnetlink socket of this thread's network namespace, listening to `groups`."""
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    try:
        sock = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
    except OSError as error:  # out of descriptors or memory
        raise translated(Failure(0, error.errno or errno.EIO), "give a netlink socket") from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    except PermissionError:  # without CAP_NET_ADMIN: reading works, with the default buffer
        pass
    sock.bind((0, groups))
    return sock
