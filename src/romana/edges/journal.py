"""The node's journal in SQLite: one connection, one committing thread, one commit for many callers.

    write() ──queue──► thread: BEGIN, every write that waits, COMMIT (syncs) ──call_soon_threadsafe──► write()

While one commit runs, further writes gather for the next, so a burst of fifty costs a handful of
syncs. The loop never waits for the disk. WAL with synchronous=FULL syncs every commit; there is
exactly one connection (locking_mode=EXCLUSIVE), because SQLite before 3.51.3 can damage a WAL file
that two connections check-point at once (https://sqlite.org/wal.html#walresetbug).
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final, Self

from romana.model.errors import RefusedError, RomanaError

APPLICATION_ID: Final = 0x526F6A31
"""`Roj1` in the file's header (PRAGMA application_id): any other SQLite file is somebody else's."""
SCHEMA: Final = 1


@dataclass(frozen=True, slots=True)
class _Write:
    changes: Mapping[str, bytes | None]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]


class SqliteJournal:
    """A `ports.journal.Journal` in one file."""

    def __init__(self, connection: sqlite3.Connection, entries: Mapping[str, bytes], path: Path) -> None:
        self.entries: Mapping[str, bytes] = entries
        self.on_commit: Callable[[float, int], None] = lambda _seconds, _writes: None
        """Told after every commit, in the committing thread: seconds it took, writes it carried."""
        self._connection, self._path = connection, path
        self._queue: SimpleQueue[_Write | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._commit_all, name="journal", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Return the journal at `path`, made if missing.

        RefusedError: `journal-foreign` for a file that is not a journal, `newer-schema` for one that a
        newer Romana wrote, `journal-busy` where another process has it, `journal-refused` otherwise.
        """
        with _translated(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            created = not path.exists()
            connection = sqlite3.connect(
                path, timeout=0.5, isolation_level=None, check_same_thread=False, cached_statements=16
            )
        try:
            with _translated(path):
                _prepare(connection, path)
                entries = dict(connection.execute("SELECT key, value FROM entries"))
                if created:
                    _sync_directory(path.parent)
        except BaseException:
            connection.close()
            raise
        return cls(connection, entries, path)

    async def write(self, changes: Mapping[str, bytes | None]) -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._queue.put(_Write(changes, loop, done))
        await done

    def close(self) -> None:
        """Commit what waits and close the file. No write may follow."""
        self._queue.put(None)
        self._thread.join()

    def _commit_all(self) -> None:
        open_ = True
        while open_:
            batch = [self._queue.get()]
            try:
                while True:
                    batch.append(self._queue.get_nowait())
            except Empty:
                pass
            open_ = None not in batch
            writes = [write for write in batch if write is not None]
            if writes:
                _answer(writes, self._commit(writes))
        self._connection.close()

    def _commit(self, writes: list[_Write]) -> RomanaError | None:
        """Commit all writes as one transaction; return why it could not be."""
        started = time.perf_counter()
        try:
            with _translated(self._path):
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    for write in writes:
                        self._put(write.changes)
                    self._connection.execute("COMMIT")
                except BaseException:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                    raise
        except RomanaError as error:
            return error
        self.on_commit(time.perf_counter() - started, len(writes))
        return None

    def _put(self, changes: Mapping[str, bytes | None]) -> None:
        for key, value in changes.items():
            if value is None:
                self._connection.execute("DELETE FROM entries WHERE key = ?", (key,))
            else:
                self._connection.execute("INSERT OR REPLACE INTO entries VALUES (?, ?)", (key, value))


def _answer(writes: list[_Write], error: RomanaError | None) -> None:
    """Wake every caller, with one call into each loop."""

    def wake(waiting: list[_Write]) -> None:
        for write in waiting:
            if write.done.done():
                continue  # the caller was cancelled meanwhile
            if error is None:
                write.done.set_result(None)
            else:
                write.done.set_exception(error)

    for loop in {write.loop for write in writes}:
        try:
            loop.call_soon_threadsafe(wake, [write for write in writes if write.loop is loop])
        except RuntimeError:
            pass  # the loop has ended, and nobody waits


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    # EXCLUSIVE before the first access in WAL mode: no shared memory, and no second process
    # (https://sqlite.org/wal.html#noshm).
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    (found,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if found != APPLICATION_ID and tables:
        raise RefusedError(f"{path} is a database of another program, not a journal", code="journal-foreign")
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    if schema > SCHEMA:
        raise RefusedError(
            f"{path} has journal format {schema}; this Romana knows up to {SCHEMA}: install the newer one again",
            code="newer-schema",
        )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA}")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
    )
    connection.execute("COMMIT")


def _sync_directory(directory: Path) -> None:
    """Make the new file's name durable too; SQLite does that for its side files only."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _translated(path: Path) -> Generator[None]:
    """Turn SQLite's and the file system's failures into ours, keeping the cause."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise RefusedError(
                f"{path} is in use by another process: one agent a node", code="journal-busy"
            ) from error
        raise RefusedError(f"{path}: {error}", code="journal-refused") from error
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_NOTADB:
            raise RefusedError(f"{path} is not a journal", code="journal-foreign") from error
        raise RefusedError(f"{path} is damaged: {error}", code="journal-damaged") from error
    except OSError as error:
        raise RefusedError(f"{path}: {error.strerror or error}", code="journal-refused") from error
