"""Namespaces of the lab and of its devices: the system calls that the standard library lacks before 3.12.

A lab is two processes in namespaces of their own, and what they start:

    starter ── 1, collects orphans ── 2, the supervisor ── agents, daemons, plugins
    (ends)

When 1 ends, for whatever reason, the kernel ends all others with it, and the namespaces, file systems and sockets
vanish (pid_namespaces(7)). The end of 2 is the end of 1.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

NETNS: Final = Path("/run/netns")
"""Where `ip netns` keeps named namespaces; ours lie on a tmpfs that only the lab sees."""

NEWNS: Final = 0x00020000  # sched.h: CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWPID
NEWNET: Final = 0x40000000
NEWPID: Final = 0x20000000
_NOSUID_NODEV_NOEXEC: Final = 0x2 | 0x4 | 0x8  # sys/mount.h
_REC_PRIVATE: Final = 0x4000 | 0x40000  # MS_REC | MS_PRIVATE

COVERED: Final = ("/run", "/var/tmp", "/etc/frr")  # noqa: S108
"""Hidden under a tmpfs: named namespaces and sockets; FRR's crash logs; FRR's configurations."""

_libc = ctypes.CDLL(None, use_errno=True)


def unshare() -> None:
    """Give this process its own network and mounts, and its children their own process numbers."""
    _checked(_libc.unshare(NEWNS | NEWNET | NEWPID), "unshare")


def cover() -> None:
    """Hide what programs write to under file systems of our own, which vanish with the last process."""
    _mount("none", "/", None, _REC_PRIVATE)
    _mount("proc", "/proc", "proc", _NOSUID_NODEV_NOEXEC)
    for place in COVERED:
        if Path(place).is_dir():
            _mount("tmpfs", place, "tmpfs", 0, "mode=1777" if place == "/var/tmp" else "mode=0755")  # noqa: S108
    NETNS.mkdir()


def inside(supervise: Callable[[int], NoReturn], listener: socket.socket) -> None:
    """Run `supervise` as the second process of the namespaces made by `unshare`, and return at once.

    It is told the number by which the outside knows the first.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.write(writer, child.to_bytes(4, "big"))
        os.close(reader)
        os.close(writer)
        return
    os.setsid()
    os.chdir("/")
    pid = int.from_bytes(os.read(reader, 4), "big")
    os.close(reader)
    os.close(writer)
    cover()
    second = os.fork()
    if second == 0:
        supervise(pid)
    listener.close()
    silence("/dev/null")
    _collect(second)


def _collect(supervisor: int) -> NoReturn:
    """Be process 1: reap what nobody waits for; end with the supervisor, or when told to."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: os._exit(0))  # without a handler, 1 would not hear them
    while os.wait()[0] != supervisor:
        pass
    os._exit(0)


def silence(path: str) -> None:
    """Let go of the starter's streams: nothing comes in, and what goes out is appended to `path`."""
    for descriptor, place, flags in (
        (0, "/dev/null", os.O_RDONLY),
        (1, path, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
    ):
        opened = os.open(place, flags, 0o644)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.dup2(1, 2)


@contextmanager
def within(namespace: str) -> Iterator[None]:
    """Run the body in the named network namespace: programs started and sockets opened there stay there.

    Only the calling thread moves; it must not await inside. Costs two system calls each way.
    """
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _enter(NETNS / namespace)
        try:
            yield
        finally:
            _checked(_libc.setns(home, NEWNET), "setns")
    finally:
        os.close(home)


def _enter(path: Path) -> None:
    there = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _checked(_libc.setns(there, NEWNET), f"setns {path}")
    finally:
        os.close(there)


def _mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    texts = [None if text is None else text.encode() for text in (source, target, kind, data)]
    _checked(_libc.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]), f"mount {target}")


def _checked(result: int, doing: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{doing}: {os.strerror(number)}")
