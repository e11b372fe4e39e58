"""The supervisor's life: bring the lab up while the starter listens, then serve until told to end."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from romana.edges.open import open_store
from romana.lab.blueprint import Blueprint
from romana.lab.bringup import bring_up
from romana.lab.contain import silence
from romana.lab.messages import failure
from romana.lab.nodes import STORE_URL
from romana.lab.programs import LOGS, Programs
from romana.lab.server import Server
from romana.lab.state import Lab
from romana.model.errors import FaultError, RomanaError
from romana.model.topology import Document

Tell = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What to build, and whom to tell how it goes."""

    name: str
    document: Document
    plan: Blueprint
    pods: int
    tell: Tell


def supervise(order: Order, listener: socket.socket, pid: int) -> NoReturn:
    """Live until the end of the lab, which is the end of this process. The starter hears why, if it still listens."""
    status = 1
    try:
        asyncio.run(_live(order, listener, pid))
    except* RomanaError as group:
        error = next(_errors(group))
        status = error.exit_status
        order.tell(failure(error))
    except* BrokenPipeError:
        pass  # the starter went away before the lab was up
    except* Exception as group:  # noqa: BLE001  the top of a program
        traceback.print_exception(group, file=sys.stderr)
        order.tell(
            failure(RomanaError("the lab ended by a bug in Romana; the lines above tell more", code="bug"))
        )
    finally:
        os._exit(status)


def _errors(group: BaseExceptionGroup[RomanaError]) -> Iterator[RomanaError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _errors(error)
        else:
            yield error


async def _live(order: Order, listener: socket.socket, pid: int) -> None:
    LOGS.mkdir(parents=True)
    async with asyncio.TaskGroup() as tasks:
        lab = Lab(order.name, order.document, order.plan, Programs(tasks), open_store(STORE_URL))
        server = Server(lab, pid)
        await asyncio.start_unix_server(server.serve, sock=listener)
        _end_with_starter()
        try:
            await bring_up(lab, order.pods, _reporter(order.tell))
            order.tell({"result": lab.status()})
        except FaultError as error:  # everything runs; the user wants to look at what does not work
            order.tell(failure(error))
        asyncio.get_running_loop().remove_reader(1)
        silence(str(LOGS / "supervisor.log"))
        await server.over.wait()
        os._exit(0)  # waits for nothing: what runs here ends with us


def _reporter(tell: Tell) -> Callable[[str], None]:
    started = time.monotonic()
    return lambda text: tell({"progress": text, "seconds": round(time.monotonic() - started, 2)})


def _end_with_starter() -> None:
    """End the lab if its starter goes away before it is up: a pipe without a reader polls as an error."""
    if stat.S_ISFIFO(os.fstat(1).st_mode):
        asyncio.get_running_loop().add_reader(1, os._exit, 1)
