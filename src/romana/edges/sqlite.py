"""The store in one SQLite file: durable on one machine, safe for several processes at once.

`sqlite_file` opens the file, `sqlite_tables` holds its transactions, `sqlite_thread` keeps them out of
the event loop. Cost: a swap is one commit with its syncs, about half a millisecond; a watch hears of a
write in this process at once, of another process's within 20 ms.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from romana.edges.sqlite_tables import LeaseClock, Tables
from romana.edges.sqlite_thread import Ear, OwnerThread
from romana.ports.store import Batch, Lease, Listing, Store


def open_sqlite(path: str | Path, *, clock: LeaseClock | None = None) -> Store:
    """Return the store in the file at `path`. A missing one is empty; the first write makes it and its directory.

    RefusedError in one sentence: `store-is-directory`, `store-denied`, `store-read-only`, `foreign-file`,
    `newer-schema`, `store-corrupt`. A file that cannot be written is still read.
    """
    return SqliteStore(Path(path), clock or LeaseClock())


class SqliteStore:
    def __init__(self, path: Path, clock: LeaseClock) -> None:
        self._thread = OwnerThread(lambda: Tables(path, clock), name=f"the store {path}")

    async def read(self, prefix: str) -> Listing:
        return await self._thread.run(lambda tables: tables.read(prefix))

    async def swap(self, key: str, value: bytes | None, expected: int, *, lease: str | None = None) -> int:
        return await self._thread.run(lambda tables: tables.swap(key, value, expected, lease))

    @asynccontextmanager
    async def watch(self, prefix: str, after: int) -> AsyncIterator[AsyncIterator[Batch]]:
        with self._thread.listening() as ear:
            watching = _Watch(self._thread, ear, prefix, after)
            await watching.look()
            yield watching

    async def lease(self, seconds: float) -> Lease:
        return SqliteLease(self._thread, await self._thread.run(lambda tables: tables.grant(seconds)))

    async def compact(self, revision: int) -> None:
        await self._thread.run(lambda tables: tables.compact(revision))

    async def close(self) -> None:
        await self._thread.close()


class SqliteLease:
    def __init__(self, thread: OwnerThread[Tables], lease: str) -> None:
        self._thread, self.id = thread, lease

    async def renew(self) -> None:
        await self._thread.run(lambda tables: tables.renew(self.id))

    async def revoke(self) -> None:
        await self._thread.run(lambda tables: tables.revoke(self.id))


class _Watch:
    """Reads the log onwards from where it stands, whenever something may have been written."""

    def __init__(self, thread: OwnerThread[Tables], ear: Ear, prefix: str, after: int) -> None:
        self._thread, self._ear, self._prefix, self._after = thread, ear, prefix, after
        self._ready: deque[Batch] = deque()

    def __aiter__(self) -> _Watch:
        return self

    async def __anext__(self) -> Batch:
        while not self._ready:
            await self._ear.heard.wait()
            await self.look()
        return self._ready.popleft()

    async def look(self) -> None:
        """Fetch what came since. The ear is cleared first: what is heard meanwhile means another look."""
        self._ear.heard.clear()
        try:
            found = await self._thread.run(lambda tables: tables.history(self._prefix, self._after))
        except BaseException:
            self._ear.heard.set()  # a cancelled look has seen nothing: the next one must not wait
            raise
        self._ready.extend(found.batches)
        self._after = found.after
        if found.more:
            self._ear.heard.set()
