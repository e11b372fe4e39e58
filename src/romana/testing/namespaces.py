"""Network namespaces for tests: held by a descriptor, so nothing is left when the process ends.

`path` works for every program of the machine (`nsenter --net=PATH`), as long as this process lives.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(slots=True)
class Namespace:
    descriptor: int

    @property
    def path(self) -> str:
        return f"/proc/{os.getpid()}/fd/{self.descriptor}"

    def close(self) -> None:
        """Let go. The kernel ends the namespace when nobody else holds it, a moment later."""
        os.close(self.descriptor)

    def run(self, command: str, *, check: bool = True) -> str:
        """Run shell commands inside, up to the first that fails; return what they printed."""
        done = subprocess.run(
            ["nsenter", f"--net={self.path}", "sh", "-ec", command],
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{command!r} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be inside, with this thread; sockets and programs made now are there."""
        before = current()
        _must(_libc.setns(self.descriptor, _CLONE_NEWNET))
        try:
            yield
        finally:
            _must(_libc.setns(before.descriptor, _CLONE_NEWNET))
            before.close()


def current() -> Namespace:
    return Namespace(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))


def fresh() -> Namespace:
    """Return a new, empty namespace (its loopback is down); the thread stays where it is."""
    before = current()
    _must(_libc.unshare(_CLONE_NEWNET))
    made = current()
    _must(_libc.setns(before.descriptor, _CLONE_NEWNET))
    before.close()
    return made


def _must(result: int) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
