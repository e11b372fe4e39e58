"""The kernel's error numbers as our errors: what may pass by itself, and what needs a person."""

from __future__ import annotations

import errno
import os
from typing import Final

from romana.edges.netlink.message import Failure
from romana.model.errors import RefusedError, RomanaError, TransientError

_PASSING: Final = {
    errno.EAGAIN,
    errno.EBUSY,
    errno.EINTR,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOBUFS,
    errno.ENODEV,
    errno.ENOMEM,
}


def words(failure: Failure) -> str:
    """Return `Network is unreachable (ENETUNREACH): Nexthop has invalid gateway`."""
    name = errno.errorcode.get(failure.errno, str(failure.errno))
    told = f": {failure.reason}" if failure.reason else ""
    return f"{os.strerror(failure.errno)} ({name}){told}"


def translated(failure: Failure, doing: str) -> RomanaError:
    """Return the error to raise: Transient where trying again can help, else Refused."""
    sentence = f"the kernel did not {doing}: {words(failure)}"
    if failure.errno in _PASSING:
        return TransientError(sentence, code="kernel-busy")
    if failure.errno in (errno.EPERM, errno.EACCES):
        sentence += "; CAP_NET_ADMIN is needed"
    return RefusedError(sentence, code="kernel-refused")
