"""Opens the store's file, or says in one sentence why it cannot be one. `sqlite` reads and writes it.

The header tells whose it is: `application_id` is "Roma", `user_version` the version of the schema.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from romana.edges.sqlite_proc import connect
from romana.model.errors import RefusedError, RomanaError, TransientError

APPLICATION: Final = int.from_bytes(b"Roma", "big")
SCHEMA_VERSION: Final = 1
PATIENCE: Final = 5.0
"""Seconds to wait for a lock that another process holds; it holds it for milliseconds."""

SCHEMA: Final = f"""
    CREATE TABLE state (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        revision INTEGER NOT NULL,   -- of the last write
        compacted INTEGER NOT NULL,  -- history is forgotten up to here
        bytes INTEGER NOT NULL       -- how much of it is left
    );
    INSERT INTO state VALUES (1, 0, 0, 0);
    CREATE TABLE records (
        key TEXT PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL, lease TEXT
    ) WITHOUT ROWID;
    CREATE INDEX leased ON records (lease) WHERE lease IS NOT NULL;
    CREATE TABLE log (
        revision INTEGER NOT NULL, key TEXT NOT NULL, value BLOB, PRIMARY KEY (revision, key)
    ) WITHOUT ROWID;
    CREATE TABLE leases (
        id TEXT PRIMARY KEY, seconds REAL NOT NULL, boot TEXT NOT NULL, ends REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX ending ON leases (ends);
    PRAGMA application_id = {APPLICATION};
    PRAGMA user_version = {SCHEMA_VERSION};
"""  # noqa: S608 - constants only


def is_there(path: Path) -> bool:
    """Whether anything is at `path`. RefusedError `store-denied` where this user may not look."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _denied(path, error) from error
    return True


def stand_in() -> sqlite3.Connection:
    """Return an empty store in memory: what a file that is not there has to say. Only to be read."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.executescript(SCHEMA)
    return db


def open_file(path: Path) -> sqlite3.Connection:
    """Return a connection to the store at `path`, made with its directory if missing.

    Rollback journal and `synchronous=EXTRA`: a commit is on disk when it returns. PERSIST, because
    zeroing the journal's header costs less than unlinking it and syncing the directory.
    """
    _prepare(path)
    with translated(path):
        db = connect(path, timeout=PATIENCE)
        try:
            _set_up(db, path)
        except BaseException:
            db.close()
            raise
        return db


def _set_up(db: sqlite3.Connection, path: Path) -> None:
    with transaction(db, "DEFERRED"):
        ours = _recognised(db, path)
    if not ours:
        with transaction(db, "IMMEDIATE"):
            if not _recognised(db, path):  # another process may have been first
                for statement in SCHEMA.split(";"):
                    db.execute(statement)
    db.execute("PRAGMA journal_mode = PERSIST")
    db.execute("PRAGMA journal_size_limit = 1048576")
    db.execute("PRAGMA synchronous = EXTRA")


def _prepare(path: Path) -> None:
    """Make the directory; refuse what is no file. The rest only SQLite can tell."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise RefusedError(
                f"{path} is a directory; the store is a file, such as {path / 'store.db'}",
                code="store-is-directory",
            )
    except OSError as error:
        raise _denied(path, error) from error


def _recognised(db: sqlite3.Connection, path: Path) -> bool:
    """Whether the file is a store of ours; False where it is empty. RefusedError for anything else."""
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if application == APPLICATION and version > SCHEMA_VERSION:
        raise RefusedError(
            f"{path} was written by a newer Romana (store format {version}, this one knows "
            f"{SCHEMA_VERSION}); use that one, nothing was changed",
            code="newer-schema",
        )
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION and (application or version or tables):
        raise _foreign(path)
    return bool(application)


@contextmanager
def transaction(db: sqlite3.Connection, kind: str) -> Iterator[None]:
    """IMMEDIATE takes the write lock at once, so that what was read is true until the commit."""
    db.execute(f"BEGIN {kind}")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # after some errors SQLite has rolled back itself
            db.execute("ROLLBACK")
        raise


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise SQLite's errors as ours. Misuse of the library stays what it is: our bug."""
    try:
        yield
    except sqlite3.Error as error:
        ours = _meaning(path, error)
        if ours is None:
            raise
        raise ours from error


def _meaning(path: Path, error: sqlite3.Error) -> RomanaError | None:
    """The codes are those of https://www.sqlite.org/rescode.html; the low byte is the primary one."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    if code == sqlite3.SQLITE_READONLY_DBMOVED or (code & 0xFF == sqlite3.SQLITE_IOERR and not path.exists()):
        return RefusedError(
            f"{path} was removed or replaced while it was open; start again on the file that is there now",
            code="store-gone",
        )
    match code & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return TransientError(
                f"{path}: another process has kept the store locked for {PATIENCE:g} s; nothing was written",
                code="store-busy",
            )
        case sqlite3.SQLITE_FULL:
            return RefusedError(
                f"{path}: no space is left on its disk; nothing was written, make room and try again",
                code="store-full",
            )
        case sqlite3.SQLITE_READONLY:
            return RefusedError(
                f"{path} cannot be written: the file, its directory or its file system is read-only "
                "for this user",
                code="store-read-only",
            )
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return RefusedError(
                f"{path} cannot be opened by this user; check the permissions of the file and its directory",
                code="store-denied",
            )
        case sqlite3.SQLITE_NOTADB:
            return _foreign(path)
        case sqlite3.SQLITE_CORRUPT:
            return RefusedError(
                f"{path} is damaged ({error}); restore it from a backup, nothing was changed",
                code="store-corrupt",
            )
        case sqlite3.SQLITE_IOERR:
            return TransientError(
                f"{path}: its disk reported an error ({error.sqlite_errorname}); the kernel's log tells more",
                code="store-io",
            )
        case _:
            return None


def _denied(path: Path, error: OSError) -> RefusedError:
    return RefusedError(
        f"the store's directory {path.parent} cannot be used ({error.strerror}); "
        "name a place where this user may write",
        code="store-denied",
    )


def _foreign(path: Path) -> RefusedError:
    return RefusedError(
        f"{path} is not a store of Romana but another program's file; name another one, nothing was changed",
        code="foreign-file",
    )
