"""`romana agent`: the rooms wired together.

journal ─► store ─► CNI socket ─► settings ─► first pass: membership, strays, blocks, routes, speaker
                                                   └─► loops ─► conflist, when ready
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import threading
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

from romana.apps.agent import logs
from romana.apps.agent.cni import listen, serve_cni
from romana.apps.agent.health import Health
from romana.apps.agent.late import LateStore
from romana.apps.agent.parts import Parts, World
from romana.apps.agent.settings import Settings
from romana.apps.cni.conflist import write_conflist
from romana.edges.clock import MachineClock, boot_id
from romana.edges.journal import SqliteJournal
from romana.edges.netlink.prepare import prepare
from romana.edges.netlink.routes import KernelRoutes
from romana.edges.netlink.veth import VethPlumber
from romana.edges.open import open_store
from romana.model.errors import RefusedError, RomanaError
from romana.model.host import AgentMark, HostName
from romana.ports.kernel import RouteTable
from romana.reconcile.loop import Pass, Reconciler
from romana.wire.journal import INCARNATION

log = logging.getLogger(__name__)

FAREWELL = 3.0
"""Seconds that a clean stop spends on bringing the store's copies up to date."""


def run(settings: Settings) -> int:
    """Run the agent until SIGTERM or SIGINT; return 0, or 1 after a bug, which is logged.

    Routes and allocations stay. RomanaError if it cannot start.
    """
    logs.start(settings.node, settings.log_level)
    threading.excepthook = _thread_died
    try:
        asyncio.run(_serve(settings))
    except RomanaError:
        raise
    except BaseExceptionGroup as group:
        known, bugs = group.split(RomanaError)
        if bugs is None and known is not None:
            raise _first(known) from None
        log.critical("ended by a bug", exc_info=group, extra={"code": "bug"})
        return 1
    except Exception as error:
        log.critical("ended by a bug", exc_info=error, extra={"code": "bug"})
        return 1
    return 0


async def _serve(settings: Settings) -> None:
    """Make the parts, bring the node up, serve until told to stop, say goodbye."""
    stop = _stop_on_signals()
    _refuse_second(settings.run_dir / "agent.sock")
    async with _world(settings) as (world, journal):
        parts = Parts(world, HostName(settings.node), await _mark(journal), settings.run_dir)
        health = Health(lambda: parts.status(parts.addresses.obstacles()), asyncio.get_running_loop())
        journal.on_commit = health.journal.committed
        if settings.http is not None:
            health.start(*settings.http)
        await parts.look()
        # What can fail here fails before the host is registered as ours; calls wait until they are served.
        listening = listen(settings.run_dir / "agent.sock")
        for setting in prepare():  # not on a machine that is no node of ours
            log.info("set %s", setting, extra={"event": "setting"})
        await parts.first_pass()
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(r.run(), name=r.name) for r in parts.reconcilers]
            running.append(tasks.create_task(_watch_kernel(world.table, parts.routes), name="kernel"))
            async with serve_cni(listening, parts.addresses, world.plumber, observe=health.cni.observe):
                running.append(tasks.create_task(_announce_readiness(settings, parts), name="ready"))
                await stop.wait()
            for task in running:
                task.cancel()
        await _farewell(parts)


@contextlib.asynccontextmanager
async def _world(settings: Settings) -> AsyncIterator[tuple[World, SqliteJournal]]:
    """Open what the agent acts on, and close it again."""
    with contextlib.ExitStack() as stack:
        journal = SqliteJournal.open(settings.state_dir / "journal.db")
        stack.callback(journal.close)
        table = KernelRoutes()
        stack.callback(table.close)
        plumber = VethPlumber()
        stack.callback(plumber.close)
        store = LateStore(lambda: open_store(settings.store))
        try:
            yield World(store, journal, table, plumber, MachineClock()), journal
        finally:
            await store.close()


async def _mark(journal: SqliteJournal) -> AgentMark:
    """Return who this agent is: the journal's identity, drawn when it was made, and the boot's."""
    known = journal.entries.get(INCARNATION)
    incarnation = known.decode() if known is not None else str(uuid.uuid4())
    if known is None:
        await journal.write({INCARNATION: incarnation.encode()})
    return AgentMark(incarnation, boot_id())


async def _watch_kernel(table: RouteTable, routes: Reconciler) -> None:
    async with table.changes() as looks:
        async for _ in looks:
            routes.poke()


async def _announce_readiness(settings: Settings, parts: Parts) -> None:
    """Write the CNI configuration once an ADD would succeed, and again if somebody removes it."""
    ready = False

    async def once() -> Pass:
        nonlocal ready
        if obstacles := parts.addresses.obstacles():
            log.debug("waiting: %s", "; ".join(obstacles))
            return Pass(again=0.1 if not ready else None)
        if settings.cni_conf_dir is not None:
            write_conflist(settings.cni_conf_dir, version=settings.cni_version)
        if not ready:
            log.info("ready", extra={"event": "ready"})
            ready = True
        return Pass()

    await Reconciler("ready", once, clock=MachineClock(), last_delay=10.0).run()


async def _farewell(parts: Parts) -> None:
    try:
        async with asyncio.timeout(FAREWELL):
            await parts.farewell()
    except (RomanaError, TimeoutError) as error:
        log.warning("stopped with copies behind: %s", error, extra={"event": "stop"})
    else:
        log.info("stopped", extra={"event": "stop"})


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _refuse_second(path: Path) -> None:
    """Raise RefusedError `agent-running` if an agent answers on the socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return  # nobody there
    raise RefusedError(f"an agent answers on {path} already: one agent a node", code="agent-running")


def _first(group: BaseExceptionGroup[RomanaError]) -> RomanaError:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _thread_died(died: threading.ExceptHookArgs) -> None:
    """A thread's bug ends the process as one in the loop would: half an agent is worse than none."""
    exc_info = (died.exc_type, died.exc_value or died.exc_type(), died.exc_traceback)
    log.critical("ended by a bug in thread %s", died.thread, exc_info=exc_info, extra={"code": "bug"})
    os._exit(1)
