"""The log inside the store's file: one row per record and revision, which watches read onwards.

Every function runs inside a transaction of `sqlite_tables`. History is kept within `HISTORY`
revisions and `HISTORY_BYTES`; the file reuses the pages of what is forgotten and stops growing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from romana.ports.store import Batch, CompactedError, Event

HISTORY: Final = 10_000
"""Revisions that a watch may lie behind before it has to read everything again."""
HISTORY_BYTES: Final = 32 << 20
_SLACK: Final = 1.1
"""History is cut when it exceeds its bounds by this factor: seldom, and then many revisions at once."""
_AT_ONCE: Final = 1000
"""Batches handed over at a time, so that a watch far behind does not hold all history in memory."""
_SIZE: Final = "length(key) + ifnull(length(value), 0)"


@dataclass(frozen=True, slots=True)
class History:
    batches: tuple[Batch, ...]
    after: int
    """Complete up to this revision."""
    more: bool
    """Whether the log holds more."""


def state(db: sqlite3.Connection) -> tuple[int, int]:
    """Return the revision of the last write, and the one up to which history is forgotten."""
    revision, compacted = db.execute("SELECT revision, compacted FROM state").fetchone()
    return revision, compacted


def append(db: sqlite3.Connection, values: Mapping[str, bytes | None]) -> int:
    """Log `values` as one revision and return it. Cuts history that has grown too long."""
    size = sum(len(key.encode()) + len(value or b"") for key, value in values.items())
    revision, compacted, total = db.execute(
        "UPDATE state SET revision = revision + 1, bytes = bytes + ? RETURNING revision, compacted, bytes",
        (size,),
    ).fetchone()
    db.executemany("INSERT INTO log VALUES (?, ?, ?)", [(revision, *item) for item in values.items()])
    if revision - compacted > HISTORY * _SLACK:
        forget(db, revision - HISTORY)
    elif total > HISTORY_BYTES * _SLACK:
        forget(db, _oversize(db, HISTORY_BYTES))
    return int(revision)


def history(db: sqlite3.Connection, prefix: str, after: int) -> History:
    """Return the batches above `after` under `prefix`. CompactedError if they are not all there."""
    revision, compacted = state(db)
    if after > revision:  # somebody put an older file in its place
        raise CompactedError(f"the store is at revision {revision}, before {after}: read it again")
    if after < compacted:
        raise CompactedError(
            f"the store has forgotten its history up to revision {compacted}, past {after}: read it again"
        )
    rows = db.execute(
        "SELECT revision, key, value FROM log"
        " WHERE revision > ? AND key >= ? AND key < CAST(? AS TEXT) ORDER BY revision, key",
        (after, prefix, beyond(prefix)),
    )
    batches = tuple(islice(_grouped(rows), _AT_ONCE + 1))
    if len(batches) > _AT_ONCE:
        return History(batches[:-1], batches[-2].revision, more=True)
    return History(batches, revision, more=False)


def forget(db: sqlite3.Connection, revision: int) -> None:
    """Drop history up to `revision`."""
    if revision > state(db)[1]:
        db.execute("DELETE FROM log WHERE revision <= ?", (revision,))
        db.execute(
            f"UPDATE state SET compacted = ?, bytes = (SELECT ifnull(sum({_SIZE}), 0) FROM log)",  # noqa: S608
            (revision,),
        )


def beyond(prefix: str) -> bytes:
    """Return what sorts after every key with this prefix: no UTF-8 text contains the byte 0xff."""
    return prefix.encode() + b"\xff"


def _oversize(db: sqlite3.Connection, budget: int) -> int:
    """Return the newest revision that no longer fits, counting `budget` bytes back from the last one."""
    for revision, size in db.execute(f"SELECT revision, {_SIZE} FROM log ORDER BY revision DESC"):  # noqa: S608
        budget -= size
        if budget < 0:
            return int(revision)
    return 0


def _grouped(rows: Iterable[tuple[int, str, bytes | None]]) -> Iterator[Batch]:
    revision, events = 0, list[Event]()
    for at, key, value in rows:
        if at != revision and events:
            yield Batch(revision, tuple(events))
            events = []
        revision = at
        events.append(Event(key, value, at))
    if events:
        yield Batch(revision, tuple(events))
