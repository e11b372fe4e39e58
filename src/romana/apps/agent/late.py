"""A store that need not be there yet: opened by the first call that succeeds in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from romana.ports.store import Batch, Lease, Listing, Store


class LateStore:
    """A `Store`. While the real one cannot be opened, every call raises why, and the next one tries again."""

    def __init__(self, opening: Callable[[], Store]) -> None:
        self._opening = opening
        self._store: Store | None = None

    async def read(self, prefix: str) -> Listing:
        return await self._there().read(prefix)

    async def swap(self, key: str, value: bytes | None, expected: int, *, lease: str | None = None) -> int:
        return await self._there().swap(key, value, expected, lease=lease)

    @asynccontextmanager
    async def watch(self, prefix: str, after: int) -> AsyncIterator[AsyncIterator[Batch]]:
        async with self._there().watch(prefix, after) as batches:
            yield batches

    async def lease(self, seconds: float) -> Lease:
        return await self._there().lease(seconds)

    async def compact(self, revision: int) -> None:
        await self._there().compact(revision)

    async def close(self) -> None:
        if self._store is not None:
            await self._store.close()

    def _there(self) -> Store:
        if self._store is None:
            self._store = self._opening()
        return self._store
