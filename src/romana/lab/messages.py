"""What the lab's supervisor and its clients say to each other: JSON, a line each.

up         {"progress": text, "seconds": s} …  then {"result": …} or {"error": …} on the supervisor's stdout
request    {"do": name, …arguments}            to the abstract unix socket \\0romana-lab/NAME
answer     {"result": …} or {"error": {"kind", "code", "message", "problems": [{"where", "what"}]}}
"""

from __future__ import annotations

import json
import re
import socket
import struct
from typing import Any, Final

from romana.model.errors import ConfigError, Problem, RomanaError, StaleError

SOCKET: Final = "\0romana-lab/"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,49}")
_PEER: Final = struct.Struct("3i")  # struct ucred, unix(7)


def listener(name: str) -> socket.socket:
    """Return the listening socket of a new lab, which also reserves its name until the last holder ends.

    ConfigError for a name that cannot be one, StaleError (`lab-exists`) if such a lab runs.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot name a lab; use letters, digits, '.', '_' and '-', 50 at most", code="lab-name"
        )
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        opened.bind(SOCKET + name)
    except OSError:
        opened.close()
        raise StaleError(
            f"a lab called {name!r} runs already; end it with `romana lab down --name {name}` "
            "or give this one another --name",
            code="lab-exists",
        ) from None
    opened.listen(64)
    return opened


def peer_uid(connection: socket.socket) -> int:
    """Return who is at the other end of a unix socket, as the kernel says."""
    _, uid, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return int(uid)


def line(message: dict[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode() + b"\n"


def failure(error: RomanaError) -> dict[str, Any]:
    """Return the answer that carries an error to the client."""
    problems = [{"where": p.where, "what": p.what} for p in error.problems]
    kind = next(c.__name__ for c in type(error).__mro__ if c.__module__ == RomanaError.__module__)
    return {"error": {"kind": kind, "code": error.code, "message": error.message, "problems": problems}}


def unknown(what: str, name: str, known: list[str]) -> ConfigError:
    """Return the error for a name that is none, with those that are."""
    shown = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
    message = f"no {what} is called {name!r}; there are: {shown}" if known else f"there is no {what}"
    return ConfigError(message, code="lab-unknown", problems=[Problem(name, f"not a {what} of this lab")])
