"""`python bench/store.py`: the SQLite store beside a bare loop of commits with the same pragmas on the same disk.

Bare commits and swaps take turns, so that a busy moment hits both. Ratios are what counts.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from romana.edges.sqlite import open_sqlite
from romana.ports.store import Store, SwapLost

ROUNDS = 1000
VALUE = os.urandom(300)
PROCESSES = 8


def bare(path: Path) -> Callable[[], None]:
    """Return one commit of one row, as little as SQLite can do durably."""
    db = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = PERSIST", "synchronous = EXTRA"):
        db.execute(f"PRAGMA {pragma}")
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, value BLOB)")

    def commit() -> None:
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO t (value) VALUES (?)", (VALUE,))
        db.execute("COMMIT")

    return commit


async def timed(call: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await call()
    return time.perf_counter() - began


def report(name: str, seconds: list[float], base: list[float] | None = None) -> None:
    ordered = sorted(seconds)
    p50, p99 = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
    ratio = f"{p50 / statistics.median(base):8.2f}" if base else " " * 8
    print(f"{name:34} {p50 * 1e3:8.2f} {p99 * 1e3:8.2f} {ratio}")


async def swaps(directory: Path) -> None:
    store, commit = open_sqlite(directory / "store.db"), bare(directory / "bare.db")
    revision, plain, swapped, read = 0, [], [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        commit()
        plain.append(time.perf_counter() - began)
        began = time.perf_counter()
        revision = await store.swap("blocks/n1/10.0.0.0-26", VALUE, revision)
        swapped.append(time.perf_counter() - began)
        read.append(await timed(lambda: store.read("blocks/n1/10.0.0.0-26")))
    report("bare commit", plain)
    report("swap", swapped, plain)
    report("read of one record", read, plain)
    await store.close()


async def watches(directory: Path) -> None:
    """From the call of the swap until the watch has handed the batch over, less the swap itself where it is ours."""
    path = directory / "watched.db"
    store, other = open_sqlite(path), open_sqlite(path)
    for name, writer in (("watch, same process", store), ("watch, another process", other)):
        seconds = []
        after = (await store.read("")).revision
        async with store.watch("", after) as batches:
            for number in range(200):
                await writer.swap(f"{name}/{number}", VALUE, 0)
                began = time.perf_counter()
                await anext(batches)
                seconds.append(time.perf_counter() - began)
        report(name, seconds)
    await store.close()
    await other.close()


def contended(directory: Path) -> None:
    """Eight processes on one file, each on its own record and all on a common one, for three seconds."""
    path = directory / "contended.db"
    results: list[tuple[int, int]] = []
    for child in range(PROCESSES):
        reading, writing = os.pipe()
        if os.fork() == 0:
            asyncio.run(_contend(path, child, writing))
            os._exit(0)
        os.close(writing)
        results.append((child, reading))
    told = [os.fdopen(reading).read().split() for _, reading in results]
    for _ in told:
        os.wait()
    seconds = [float(word) for words in told for word in words]
    report(f"swap, {PROCESSES} processes at once", seconds)
    print(f"{'':34} {len(seconds) / 3:.0f} swaps/s together; the slowest took {max(seconds) * 1e3:.0f} ms")


async def _contend(path: Path, child: int, answer: int) -> None:
    store, seconds, revisions = open_sqlite(path), [], dict[str, int]()
    end = time.perf_counter() + 3
    while time.perf_counter() < end:
        for key in ("common", f"own/{child}"):
            began = time.perf_counter()
            try:
                revisions[key] = await store.swap(key, VALUE, revisions.get(key, 0))
                seconds.append(time.perf_counter() - began)
            except SwapLost as lost:
                revisions[key] = lost.actual
    with os.fdopen(answer, "w") as pipe:
        pipe.write(" ".join(map(str, seconds)))


async def snapshot(directory: Path) -> None:
    """20,000 blocks, as 5,000 hosts may have."""
    store: Store = open_sqlite(directory / "large.db")
    await store.swap("first", b"", 0)
    await store.close()
    with sqlite3.connect(directory / "large.db") as db:
        rows = ((f"blocks/n1/{n}", VALUE * 2, n) for n in range(1, 20_001))
        db.executemany("INSERT INTO records VALUES (?, ?, ?, NULL)", rows)
        db.execute("UPDATE state SET revision = 20000, compacted = 20000")
    db.close()
    store = open_sqlite(directory / "large.db")
    report("read of 20,000 records", [await timed(lambda: store.read("")) for _ in range(20)])
    await store.close()


def main() -> int:
    print(f"SQLite {sqlite3.sqlite_version}; milliseconds")
    print(f"{'':34} {'p50':>8} {'p99':>8} {'ratio':>8}")
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(swaps(Path(name)))
        asyncio.run(watches(Path(name)))
        asyncio.run(snapshot(Path(name)))
        contended(Path(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
