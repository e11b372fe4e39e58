"""What the contract suite runs on: several clients of one store, and its clock in the test's hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from romana.edges.sqlite import open_sqlite
from romana.edges.sqlite_tables import LeaseClock
from romana.ports.store import Batch, Listing, Store
from romana.testing.clock import ManualClock
from romana.testing.memory import MemoryStore


class Backend:
    """One store. `client()` is another program that uses it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self._clients: list[Store] = []

    def client(self) -> Store:
        self._clients.append(self._open())
        return self._clients[-1]

    def _open(self) -> Store:
        raise NotImplementedError

    async def close(self) -> None:
        for client in self._clients:
            await client.close()


class MemoryBackend(Backend):
    def __init__(self, _: Path) -> None:
        super().__init__()
        self._store = MemoryStore(self.clock)

    def _open(self) -> Store:
        return self._store


class SqliteBackend(Backend):
    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.path = directory / "store.db"

    def _open(self) -> Store:
        return open_sqlite(self.path, clock=LeaseClock(self.clock.elapsed, "this boot"))


BACKENDS = {"memory": MemoryBackend, "sqlite": SqliteBackend}


def values(listing: Listing) -> dict[str, bytes]:
    return {record.key: record.value for record in listing.records}


def told(batch: Batch) -> list[tuple[str, bytes | None]]:
    return [(event.key, event.value) for event in batch.events]


async def following(batches: AsyncIterator[Batch], count: int) -> list[Batch]:
    """Return the next batches; TimeoutError where they do not come."""
    async with asyncio.timeout(10):
        return [await anext(batches) for _ in range(count)]
