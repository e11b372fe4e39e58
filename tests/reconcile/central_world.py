"""Stores that fail on cue, and small data centres for the central writer."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

from romana.model.errors import StaleError, TransientError
from romana.model.host import AgentMark, HostName
from romana.model.snapshot import Snapshot
from romana.net.prefix import Address
from romana.plan.allocate import Request
from romana.ports.store import Batch, Lease, Listing, Store
from romana.reconcile import central
from romana.reconcile.central import Means
from romana.testing.memory import MemoryStore
from romana.testing.time import VirtualClock, run_virtually
from romana.wire.document import read
from romana.wire.records import encode_host, host_key

RACKS = """
networks:
  - {name: pods, cidrs: [10.1.0.0/20, "fd00:1::/64"], block_mask: 29, block_mask6: 125, %s}
topologies:
  - networks: [pods]
    map:
      - {name: r1, assignment: {rack: r1}}
      - {name: r2, assignment: {rack: r2}}
      - {name: r3, assignment: {rack: r3}}
"""
SPREAD = RACKS % "placement: spread"
PACKED = RACKS % "placement: packed, owner: segment, reuse_delay: 0s"
WITHOUT_R2 = SPREAD.replace("      - {name: r2, assignment: {rack: r2}}\n", "")
WITH_R4 = SPREAD + "      - {name: r4, assignment: {rack: r4}}\n"
FAULTS = ("not done", "answer lost", "done late", "killed")
NOW = 1000.0


class Killed(BaseException):
    """The program died here: nothing of it runs any more."""


class FaultAt:
    """A store whose call number `at` goes wrong in one of the ways of FAULTS; `late` ones are done by `deliver`."""

    def __init__(self, store: Store, at: int = -1, fault: str = "") -> None:
        self.store, self.at, self.fault = store, at, fault
        self.calls = 0
        self._late: list[tuple[str, bytes | None, int]] = []

    async def read(self, prefix: str) -> Listing:
        self._count(swap=False)
        return await self.store.read(prefix)

    async def swap(self, key: str, value: bytes | None, expected: int, *, lease: str | None = None) -> int:
        if self.calls == self.at and self.fault == "answer lost":
            await self.store.swap(key, value, expected, lease=lease)
        if self.calls == self.at and self.fault == "done late":
            self._late.append((key, value, expected))
        self._count(swap=True)
        return await self.store.swap(key, value, expected, lease=lease)

    def _count(self, *, swap: bool) -> None:
        self.calls += 1
        if self.calls - 1 == self.at:
            if self.fault == "killed":
                raise Killed
            if swap or self.fault == "not done":
                raise TransientError(f"call {self.at} was made to fail: {self.fault}")

    async def deliver(self) -> None:
        late, self._late = self._late, []
        for key, value, expected in late:
            try:
                await self.store.swap(key, value, expected)
            except StaleError:
                continue

    def watch(self, prefix: str, after: int) -> AbstractAsyncContextManager[AsyncIterator[Batch]]:
        return self.store.watch(prefix, after)

    async def lease(self, seconds: float) -> Lease:
        return await self.store.lease(seconds)

    async def compact(self, revision: int) -> None:
        await self.store.compact(revision)

    async def close(self) -> None:
        await self.store.close()


def means(seed: int = 1) -> Means:
    """Clock at NOW; dice as the seed says. Tests run in virtual time, so waiting costs nothing."""
    return Means(lambda: NOW, asyncio.sleep, random.Random(seed), 1.0)


def virtual(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run the test in virtual time."""

    @functools.wraps(test)
    def run(*args: object, **more: object) -> None:
        run_virtually(test(*args, **more))

    return run


async def apply(store: Store, text: str, *, drain: bool = False) -> None:
    await central.apply_document(store, read(text.encode()).document, drain=drain, means=means())


async def racks(text: str = SPREAD, hosts: Mapping[str, str] | None = None) -> MemoryStore:
    """Return a store with the document in force and hosts n1 in r1, n2 in r2."""
    store = MemoryStore(VirtualClock())
    await apply(store, text)
    for number, (name, rack) in enumerate((hosts or {"n1": "r1", "n2": "r2"}).items(), 1):
        await add(store, name, f"192.168.0.{number}", rack)
    return store


async def add(store: Store, name: str, address: str, rack: str) -> None:
    await central.add_host(store, name, [Address.parse(address)], {"rack": rack}, means=means())


async def allocate(store: Store, name: str, host: str, segment: str = "", *, seed: int = 1) -> list[str]:
    request = Request(name, HostName(host), segment=segment)
    return [str(h.address) for h in await central.allocate(store, request, means=means(seed))]


async def release(store: Store, name: str) -> list[str]:
    return [str(h.address) for h in await central.release(store, name, means=means())]


async def give_agent(store: Store, name: str) -> None:
    """Mark the host as having a running agent."""
    seen = await central.read_snapshot(store)
    host = replace(seen.hosts[HostName(name)], agent=AgentMark("journal", "boot"))
    await store.swap(host_key(name), encode_host(host), seen.revisions.get(host_key(name), 0))


def held(snapshot: Snapshot) -> dict[str, list[str]]:
    """Return who holds what."""
    found: dict[str, list[str]] = {}
    for _, holding in snapshot.holdings():
        found.setdefault(holding.name, []).append(str(holding.address))
    return found
