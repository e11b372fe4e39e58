"""Opens SQLite files, also those seen through /proc/PID/root (the store of a lab, from outside).

SQLite resolves every symbolic link on the way itself, by lstat and readlink. That is right for
ordinary links: the journal must stand beside the real file, whatever name it was opened by. But
/proc/PID/root is a link by name only: readlink says "/", which is this process's root, not that
one's. So for such paths SQLite is shown stat in place of lstat while it opens, and sees no link.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final

_THROUGH_PROC: Final = re.compile(r"/proc/(\d+|self)(/task/\d+)?/(root|cwd|fd/\d+)/")
_one_at_a_time = threading.Lock()


def connect(path: Path, *, timeout: float) -> sqlite3.Connection:
    """Return a connection in autocommit mode that waits `timeout` seconds for locks."""
    with _links_unseen() if _THROUGH_PROC.match(str(path)) else nullcontext():
        return sqlite3.connect(path, timeout=timeout, isolation_level=None)


class _Vfs(ctypes.Structure):
    """struct sqlite3_vfs, version 3 (sqlite3.h); only what is used here has its type."""

    _fields_ = (
        ("iVersion", ctypes.c_int),
        ("szOsFile", ctypes.c_int),
        ("mxPathname", ctypes.c_int),
        ("pNext", ctypes.c_void_p),
        ("zName", ctypes.c_char_p),
        ("pAppData", ctypes.c_void_p),
        ("version1and2", ctypes.c_void_p * 13),
        ("set", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)),
        ("get", ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)),
        ("xNextSystemCall", ctypes.c_void_p),
    )


@contextmanager
def _links_unseen() -> Iterator[None]:
    """Let SQLite use stat for lstat. A library too old for the exchange is left as it is."""
    library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    with _one_at_a_time:
        vfs = library.sqlite3_vfs_find(None)
        if vfs.contents.iVersion < 3:
            yield
            return
        lstat = vfs.contents.get(vfs, b"lstat")
        vfs.contents.set(vfs, b"lstat", vfs.contents.get(vfs, b"stat"))
        try:
            yield
        finally:
            vfs.contents.set(vfs, b"lstat", lstat)
