"""The store as a dictionary and a list: the model that every other store is checked against.

`Shelf` is the model: plain synchronous calls, no time but the clock's. `MemoryStore` is its port.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from romana.model.errors import StaleError, TransientError
from romana.ports.clock import Clock
from romana.ports.store import Batch, CompactedError, Event, Lease, Listing, Record, SwapLost
from romana.testing.clock import ManualClock


@dataclass(slots=True)
class _Lease:
    seconds: float
    ends: float
    keys: set[str] = field(default_factory=set)


class Shelf:
    """What a store holds. Overdue leases end at the start of every call, as `now` says."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._records: dict[str, Record] = {}
        self._log: list[Batch] = []
        self._leases: dict[str, _Lease] = {}
        self._ids = itertools.count(1)
        self._compacted = 0
        self.revision = 0

    def read(self, prefix: str) -> Listing:
        self.end_overdue()
        found = sorted((r for r in self._records.values() if r.key.startswith(prefix)), key=lambda r: r.key)
        return Listing(tuple(found), self.revision)

    def swap(self, key: str, value: bytes | None, expected: int, lease: str | None) -> int:
        self.end_overdue()
        actual = self._records[key].revision if key in self._records else 0
        if actual != expected:
            raise SwapLost(key, expected, actual)
        if value is None and not actual:
            raise StaleError(f"{key} does not exist: there is nothing to delete", code="nothing-there")
        attach = self._living(lease).keys if lease is not None else set[str]()
        for other in self._leases.values():
            other.keys.discard(key)
        if value is not None:
            attach.add(key)
        return self._write({key: value})

    def history(self, prefix: str, after: int) -> list[Batch]:
        self.end_overdue()
        if not self._compacted <= after <= self.revision:
            raise CompactedError(
                f"history reaches from revision {self._compacted} to {self.revision}, not {after}: read again"
            )
        found = []
        for batch in self._log:
            events = tuple(e for e in batch.events if e.key.startswith(prefix))
            if batch.revision > after and events:
                found.append(Batch(batch.revision, events))
        return found

    def compact(self, revision: int) -> None:
        self._compacted = max(self._compacted, min(revision, self.revision))
        self._log = [batch for batch in self._log if batch.revision > self._compacted]

    def grant(self, seconds: float) -> str:
        lease = f"lease-{next(self._ids)}"
        self._leases[lease] = _Lease(seconds, self._now() + seconds)
        return lease

    def renew(self, lease: str) -> None:
        self.end_overdue()
        living = self._living(lease)
        living.ends = self._now() + living.seconds

    def revoke(self, lease: str) -> None:
        gone = self._leases.pop(lease, None)
        if gone is not None and gone.keys:
            self._write(dict.fromkeys(gone.keys))

    def end_overdue(self) -> None:
        for lease in sorted(name for name, one in self._leases.items() if one.ends <= self._now()):
            self.revoke(lease)

    def next_end(self) -> float | None:
        """Return in how many seconds the next lease ends."""
        return min((lease.ends - self._now() for lease in self._leases.values()), default=None)

    def _living(self, lease: str) -> _Lease:
        if lease not in self._leases:
            raise StaleError(
                f"lease {lease} has ended, and the records attached to it are gone", code="lease-gone"
            )
        return self._leases[lease]

    def _write(self, values: dict[str, bytes | None]) -> int:
        self.revision += 1
        for key, value in values.items():
            if value is None:
                del self._records[key]
            else:
                self._records[key] = Record(key, value, self.revision)
        events = tuple(Event(key, value, self.revision) for key, value in sorted(values.items()))
        self._log.append(Batch(self.revision, events))
        return self.revision


class MemoryStore:
    """A store that is gone when nobody holds it. Several tasks may share one, as clients would.

    Every call yields to the event loop once, so that they interleave as they do over a real store.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        clock = clock or ManualClock()
        self.shelf = Shelf(clock.elapsed)
        self._ears: set[asyncio.Event] = set()
        self._closed = False
        self._told = 0
        if isinstance(clock, ManualClock):
            clock.on_advance(self._wake)

    async def read(self, prefix: str) -> Listing:
        return (await self.reach()).read(prefix)

    async def swap(self, key: str, value: bytes | None, expected: int, *, lease: str | None = None) -> int:
        return (await self.reach()).swap(key, value, expected, lease)

    @asynccontextmanager
    async def watch(self, prefix: str, after: int) -> AsyncIterator[AsyncIterator[Batch]]:
        ear = asyncio.Event()
        watching = _Watch(self, ear, prefix, after)
        await watching.look()
        self._ears.add(ear)
        try:
            yield watching
        finally:
            self._ears.discard(ear)

    async def lease(self, seconds: float) -> Lease:
        return MemoryLease(self, (await self.reach()).grant(seconds))

    async def compact(self, revision: int) -> None:
        (await self.reach()).compact(revision)

    async def close(self) -> None:
        self._closed = True
        self._wake()

    async def reach(self) -> Shelf:
        """Return the shelf after a turn of the event loop, and wake the watches after the call on it."""
        await asyncio.sleep(0)
        if self._closed:
            raise TransientError("the store is closed", code="store-closed")
        asyncio.get_running_loop().call_soon(self._tell)
        return self.shelf

    def _tell(self) -> None:
        if self.shelf.revision != self._told:
            self._told = self.shelf.revision
            self._wake()

    def _wake(self) -> None:
        for ear in self._ears:
            ear.set()


class MemoryLease:
    def __init__(self, store: MemoryStore, lease: str) -> None:
        self._store, self.id = store, lease

    async def renew(self) -> None:
        (await self._store.reach()).renew(self.id)

    async def revoke(self) -> None:
        (await self._store.reach()).revoke(self.id)


class _Watch:
    def __init__(self, store: MemoryStore, ear: asyncio.Event, prefix: str, after: int) -> None:
        self._store, self._ear, self._prefix, self._after = store, ear, prefix, after
        self._ready: deque[Batch] = deque()

    def __aiter__(self) -> _Watch:
        return self

    async def __anext__(self) -> Batch:
        while not self._ready:
            with contextlib.suppress(TimeoutError):  # a lease ends: somebody has to look
                await asyncio.wait_for(self._ear.wait(), self._store.shelf.next_end())
            await self.look()
        return self._ready.popleft()

    async def look(self) -> None:
        """Fetch what came since, in one step after the turn of the loop."""
        shelf = await self._store.reach()
        self._ready.extend(shelf.history(self._prefix, self._after))
        self._after = shelf.revision
        self._ear.clear()
