"""The store: a revisioned key-value port small enough for SQLite, etcd and the Kubernetes API.

Every write gets the next revision of the whole store. There is no transaction over several records.
One contract suite (tests/contract/store) runs on every implementation.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from romana.model.errors import StaleError, TransientError


@dataclass(frozen=True, slots=True)
class Record:
    key: str
    value: bytes
    revision: int
    """The revision of the write that made it so."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Every record under a prefix, in order of key, as they were together at `revision`."""

    records: tuple[Record, ...]
    revision: int


@dataclass(frozen=True, slots=True)
class Event:
    """`value` is None where the record was deleted."""

    key: str
    value: bytes | None
    revision: int


@dataclass(frozen=True, slots=True)
class Batch:
    """All events of one revision under the watched prefix, never split over two batches."""

    revision: int
    events: tuple[Event, ...]


class CompactedError(TransientError):
    """The history from the asked revision on is gone: read again, then watch from there."""

    code = "store-compacted"


class SwapLost(StaleError):
    """The record is not at the expected revision; nothing was written."""

    code = "swap-lost"

    def __init__(self, key: str, expected: int, actual: int) -> None:
        self.key, self.expected, self.actual = key, expected, actual
        super().__init__(
            f"{key} is at revision {actual or 'none'}, not {expected or 'none'}: another writer was first"
        )


class Lease(Protocol):
    """Records attached to a lease vanish, with events, when it ends."""

    id: str

    async def renew(self) -> None:
        """Start the time to live afresh. StaleError (`lease-gone`) if it ended."""

    async def revoke(self) -> None:
        """End it now, with its records. No error if it has ended."""


class Store(Protocol):
    async def read(self, prefix: str) -> Listing:
        """Return all records whose key starts with `prefix`."""

    async def swap(self, key: str, value: bytes | None, expected: int, *, lease: str | None = None) -> int:
        """Write `value` (None deletes) if the record is at revision `expected` (0: does not exist).

        Returns the revision of the write. SwapLost if it is elsewhere. TransientError leaves open
        whether it was done: read before trying again. Deleting what does not exist with expected 0
        is a StaleError too.
        """

    def watch(self, prefix: str, after: int) -> AbstractAsyncContextManager[AsyncIterator[Batch]]:
        """Deliver every batch with a revision above `after`, in order, none missed or repeated.

        CompactedError, on entering or later, when history no longer reaches back to `after`, and when
        the store has not come that far: it was put back. A cancelled wait for a batch loses nothing.
        """

    async def lease(self, seconds: float) -> Lease:
        """Return a new lease with that time to live."""

    async def compact(self, revision: int) -> None:
        """Forget history up to `revision`; the records stay."""

    async def close(self) -> None:
        """Release what the store holds open; further calls fail."""
