"""The client of a lab's supervisor: finds running labs, asks one, starts one. The lab itself is another program.

A lab listens on the abstract unix socket `\\0romana-lab/NAME`; requests and answers are JSON, a line each
(docs/lab.md). Its errors are raised here as if they had happened here.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from romana.model import errors
from romana.model.errors import ConfigError, Problem, RefusedError, RomanaError, TransientError

PREFIX: Final = "romana-lab/"
_CRED: Final = struct.Struct("3i")  # struct ucred, unix(7)
_PATIENCE: Final = 60.0
"""Seconds for an answer: dozens of pods may be started by one request."""


def running() -> list[str]:
    """Return the names of the labs that run in this network namespace, sorted."""
    rows = Path("/proc/net/unix").read_text().splitlines()[1:]
    found = {row.rpartition(" ")[2].removeprefix("@") for row in rows if f"@{PREFIX}" in row}
    return sorted(name.removeprefix(PREFIX) for name in found)


def chosen(name: str | None) -> str:
    """Return the lab meant: the one named, else the only one. ConfigError if there is none, or several."""
    labs = running()
    if name is None and len(labs) == 1:
        return labs[0]
    if name is not None and name in labs:
        return name
    if not labs:
        which = "no lab" if name is None else f"no lab called {name!r}"
        raise ConfigError(f"{which} is running; start one: romana lab up leaf-spine", code="no-lab")
    if name is None:
        raise ConfigError(f"several labs are running: {', '.join(labs)}; say --name", code="which-lab")
    raise ConfigError(f"no lab called {name!r} is running; there are: {', '.join(labs)}", code="no-lab")


def ask(lab: str | None, do: str, **arguments: Any) -> Any:
    """Return the lab's answer; raise its error. `lab` as in `chosen`."""
    name = chosen(lab)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_PATIENCE)
        try:
            connection.connect(f"\0{PREFIX}{name}")
            _trust(connection, name)
            connection.sendall(json.dumps({"do": do, **arguments}).encode() + b"\n")
            answer = connection.makefile("rb").readline()
        except OSError as error:
            raise TransientError(f"the lab {name!r} does not answer: {error}", code="lab-silent") from error
    if not answer:
        raise TransientError(f"the lab {name!r} ended before it answered", code="lab-silent")
    return _result(json.loads(answer))


def start(words: Sequence[str], report: Callable[[Mapping[str, Any]], None]) -> Any:
    """Start a supervisor and return its first status; what it says meanwhile goes to `report`.

    Whoever interrupts this ends the lab too: the supervisor notices that nobody reads.
    """
    process = subprocess.Popen(program(*words), stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    with process.stdout as lines:
        for line in lines:
            message = json.loads(line)
            if "error" in message or "result" in message:
                return _result(message)
            report(message)
    raise TransientError("the lab ended while it was starting", code="lab-silent")


def program(*words: str) -> list[str]:
    """Return the command line of the lab's own program; `-P`: nothing of the working directory is imported."""
    return [sys.executable, "-P", "-m", "romana.lab", *words]


def down(lab: str | None) -> str:
    """End a lab and return its name when nothing of it is left."""
    name = chosen(lab)
    pid = ask(name, "where")["pid"]
    first = os.pidfd_open(pid)
    try:
        ask(name, "down")
        readable, _, _ = select.select([first], [], [], _PATIENCE)
    finally:
        os.close(first)
    if not readable:
        raise TransientError(
            f"the lab {name!r} (process {pid}) does not end; kill -9 {pid}", code="lab-silent"
        )
    return name


def execute(lab: str | None, device: str, command: Sequence[str]) -> NoReturn:
    """Become `command` inside a device: its network, the lab's files and processes, this terminal."""
    where = ask(lab, "where", device=device)
    here = str(Path.cwd())
    inside = ["--target", str(where["pid"]), "--mount", "--pid", f"--net={where['netns']}", f"--wdns={here}"]
    try:
        os.execvpe("nsenter", ["nsenter", *inside, "--", *command], {**_foreign(), **where["env"]})  # noqa: S606  becoming it is the point
    except OSError as error:
        raise RefusedError(
            f"cannot run nsenter: {error.strerror}; install with: apt-get install util-linux",
            code="lab-missing",
        ) from error


def _foreign() -> dict[str, str]:
    """Return the environment without settings of Romana, which would point out of the lab."""
    return {key: value for key, value in os.environ.items() if not key.startswith("ROMANA_")}


def _trust(connection: socket.socket, name: str) -> None:
    """Anybody may take an abstract name: RefusedError unless the lab is root's or our own."""
    _, uid, _ = _CRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CRED.size))
    if uid not in (0, os.getuid()):
        raise RefusedError(f"the lab {name!r} belongs to user {uid}", code="lab-foreign")


def _result(message: Mapping[str, Any]) -> Any:
    if "error" not in message:
        return message["result"]
    error = message["error"]
    kind = getattr(errors, error["kind"], RomanaError)
    problems = [Problem(p["where"], p["what"]) for p in error["problems"]]
    raise kind(error["message"], code=error["code"], problems=problems)
