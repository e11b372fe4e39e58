"""FRR on the lab's routers: zebra, then bgpd, then the configuration; and asking a running daemon.

Started together, the daemons of many routers miss each other now and then; one after another they never did.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any, Final

from romana.lab.programs import Program, Programs, output
from romana.model.errors import TransientError

DAEMONS: Final = Path("/usr/lib/frr")
_RUN: Final = Path("/run/frr")
_CONF: Final = Path("/etc/frr")
_END: Final = b"\0\0\0"
"""Ends an answer on a vty socket; the status byte follows (FRR: lib/vty.c, vtysh_read)."""


def instance(device: str) -> str:
    """Return the name of the device's FRR instance (`vtysh -N`), which may hold no dot."""
    return device.replace(".", "_")


async def start_router(programs: Programs, device: str, config: str) -> None:
    """Start the daemons of one router with their configuration."""
    name = instance(device)
    for place in (_RUN, _RUN / name, _CONF / name):
        place.mkdir(exist_ok=True)
        shutil.chown(place, "frr", "frr")
    (_CONF / name / "frr.conf").write_text(config)
    (_CONF / name / "vtysh.conf").write_text("service integrated-vtysh-config\n")

    for daemon, sockets in (("zebra", ("zserv.api", "zebra.vty")), ("bgpd", ("bgpd.vty",))):
        program = _daemon(device, daemon, *sockets)
        await programs.start(program)


def _daemon(device: str, daemon: str, *sockets: str) -> Program:
    name = instance(device)
    argv = [str(DAEMONS / daemon), "-N", name, "-P", "0", "--log", "stdout", "--log-level", "informational"]

    async def configure() -> None:
        if daemon == "bgpd" or program.starts > 1:
            await output(["vtysh", "-N", name, "-b"])

    program = Program(device, daemon, argv, signs=[_RUN / name / s for s in sockets], after=configure)
    return program


async def ask(device: str, daemon: str, command: str) -> Any:
    """Return the JSON answer of a running daemon, by its vty socket: a hundred times faster than vtysh."""
    path = _RUN / instance(device) / f"{daemon}.vty"
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                await _exchange(reader, writer, "enable")
                return json.loads(await _exchange(reader, writer, f"{command} json") or b"{}")
            finally:
                writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
        raise TransientError(f"{daemon} on {device} did not answer {command!r}: {error}") from error


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, command: str) -> bytes:
    writer.write(command.encode() + b"\0")
    answer = await reader.readuntil(_END)
    await reader.readexactly(1)
    return answer.removesuffix(_END)
