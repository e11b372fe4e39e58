"""The store's operations as transactions on its file: blocking, used by one thread (`sqlite`).

Leases end by CLOCK_BOOTTIME, which all processes of a machine share and nobody can set; those of an
earlier boot have no holder left. Whoever looks next ends them, listening watches included: a file is
on one machine, and so is everybody who uses it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from romana.edges import sqlite_log as log
from romana.edges.sqlite_file import is_there, open_file, stand_in, transaction, translated
from romana.model.errors import RefusedError, RomanaError, StaleError
from romana.ports.store import Listing, Record, SwapLost


def _boot_id() -> str:
    """Return the kernel's random id of this boot (`man 4 random`)."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class LeaseClock:
    """What leases are measured by. Simulations pass their own."""

    now: Callable[[], float] = _since_boot
    """Seconds since the boot."""
    boot: str = field(default_factory=_boot_id)


class Tables:
    """A connection to the file. Each method is one transaction, after one that ends overdue leases.

    A file that is not there is empty to readers, and made by the first write.
    """

    def __init__(self, path: Path, clock: LeaseClock) -> None:
        self._path, self._clock = path, clock
        self._there = is_there(path)
        self._db = open_file(path) if self._there else stand_in()
        self._wrote = True
        """Whether this connection wrote since `changed` was last asked."""
        self._version = -1
        with suppress(RefusedError):
            self._end_leases("boot != ?", clock.boot)

    def close(self) -> None:
        self._db.close()

    def read(self, prefix: str) -> Listing:
        self._end_overdue()
        with self._transaction("DEFERRED"):
            revision, _ = log.state(self._db)
            rows = self._db.execute(
                "SELECT key, value, revision FROM records"
                " WHERE key >= ? AND key < CAST(? AS TEXT) ORDER BY key",
                (prefix, log.beyond(prefix)),
            ).fetchall()
        return Listing(tuple(Record(*row) for row in rows), revision)

    def swap(self, key: str, value: bytes | None, expected: int, lease: str | None) -> int:
        self._end_overdue()
        with self._transaction("IMMEDIATE"):
            row = self._db.execute("SELECT revision FROM records WHERE key = ?", (key,)).fetchone()
            actual = row[0] if row else 0
            if actual != expected:
                raise SwapLost(key, expected, actual)
            if value is None and not actual:
                raise StaleError(f"{key} does not exist: there is nothing to delete", code="nothing-there")
            if lease is not None:
                self._time_to_live(lease)
            revision = log.append(self._db, {key: value})
            self._put(key, value, revision, lease)
        return revision

    def _put(self, key: str, value: bytes | None, revision: int, lease: str | None) -> None:
        if value is None:
            self._db.execute("DELETE FROM records WHERE key = ?", (key,))
        else:
            self._db.execute(
                "INSERT INTO records VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE"
                " SET value = excluded.value, revision = excluded.revision, lease = excluded.lease",
                (key, value, revision, lease),
            )

    def history(self, prefix: str, after: int) -> log.History:
        self._end_overdue()
        with self._transaction("DEFERRED"):
            return log.history(self._db, prefix, after)

    def compact(self, revision: int) -> None:
        with self._transaction("IMMEDIATE"):
            log.forget(self._db, min(revision, log.state(self._db)[0]))

    def grant(self, seconds: float) -> str:
        lease = uuid.uuid4().hex
        row = (lease, seconds, self._clock.boot, self._clock.now() + seconds)
        with self._transaction("IMMEDIATE"):
            self._db.execute("INSERT INTO leases VALUES (?, ?, ?, ?)", row)
        return lease

    def renew(self, lease: str) -> None:
        self._end_overdue()
        with self._transaction("IMMEDIATE"):
            ends = self._clock.now() + self._time_to_live(lease)
            self._db.execute("UPDATE leases SET ends = ? WHERE id = ?", (ends, lease))

    def revoke(self, lease: str) -> None:
        self._end_leases("id = ?", lease)

    def changed(self) -> bool:
        """Whether anybody wrote since this was last asked, or asking failed: who looks will see why.

        `PRAGMA data_version` changes with every commit of another connection; 3 µs.
        """
        try:
            self._end_overdue()
            with translated(self._path):
                (version,) = self._db.execute("PRAGMA data_version").fetchone()
        except RomanaError:
            return True
        changed = self._wrote or version != self._version
        self._wrote, self._version = False, version
        return changed

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[None]:
        self._look(make=kind == "IMMEDIATE")
        with translated(self._path), transaction(self._db, kind):
            yield
        self._wrote = self._wrote or kind == "IMMEDIATE"

    def _look(self, *, make: bool = False) -> None:
        """Take the file in place of its stand-in, once it is there or to be made."""
        if not self._there and (make or is_there(self._path)):
            stood_in, self._db = self._db, open_file(self._path)
            stood_in.close()
            self._there, self._wrote = True, True

    def _time_to_live(self, lease: str) -> float:
        """Return that of a lease that has not ended. Else StaleError."""
        row = self._db.execute("SELECT seconds FROM leases WHERE id = ?", (lease,)).fetchone()
        if row is None:
            raise StaleError(
                f"lease {lease} has ended, and the records attached to it are gone", code="lease-gone"
            )
        return float(row[0])

    def _end_overdue(self) -> None:
        """End every lease whose time has come. Through a read-only file: left to who can write."""
        with suppress(RefusedError):
            self._look()
            self._end_leases("ends <= ?", self._clock.now())

    def _end_leases(self, condition: str, value: str | float) -> None:
        """Delete those leases, each with its records as one revision."""
        select = f"SELECT id FROM leases WHERE {condition}"  # noqa: S608 - conditions stand in this file
        with translated(self._path):
            if self._db.execute(select, (value,)).fetchone() is None:
                return
        with self._transaction("IMMEDIATE"):
            for (lease,) in self._db.execute(select, (value,)).fetchall():
                self._end(lease)

    def _end(self, lease: str) -> None:
        keys = self._db.execute("SELECT key FROM records WHERE lease = ?", (lease,)).fetchall()
        if keys:
            log.append(self._db, {key: None for (key,) in keys})
            self._db.execute("DELETE FROM records WHERE lease = ?", (lease,))
        self._db.execute("DELETE FROM leases WHERE id = ?", (lease,))
