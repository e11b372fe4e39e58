"""The journal: durable when it answers, one commit for many, and clear about files that are not its own."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from romana.edges.journal import SqliteJournal
from romana.model.errors import RefusedError


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    opened = SqliteJournal.open(tmp_path / "state" / "journal.db")
    yield opened
    opened.close()


def reopened(path: Path) -> dict[str, bytes]:
    journal = SqliteJournal.open(path)
    journal.close()
    return dict(journal.entries)


async def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal.open(path)
    assert journal.entries == {}
    await journal.write({"a": b"1", "b": b"2"})
    await journal.write({"a": None, "b": b"3"})
    await journal.write({"never": None})
    journal.close()
    assert reopened(path) == {"b": b"3"}


async def test_writes_of_one_moment_share_commits_and_keep_their_order(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal.open(path)
    commits: list[int] = []
    journal.on_commit = lambda _seconds, writes: commits.append(writes)
    await asyncio.gather(*(journal.write({"last": b"%d" % n, str(n): b""}) for n in range(200)))
    journal.close()
    assert sum(commits) == 200
    assert len(commits) < 50, "200 waiting writes must not cost 200 syncs"
    entries = reopened(path)
    assert entries["last"] == b"199"
    assert len(entries) == 201


async def test_an_empty_write_returns_after_everything_before_it(journal: SqliteJournal) -> None:
    first = asyncio.ensure_future(journal.write({"a": b"1"}))
    await asyncio.sleep(0)
    await journal.write({})
    await asyncio.sleep(0)
    assert first.done()


async def test_the_loop_is_not_held_up_by_the_disk(journal: SqliteJournal) -> None:
    threads: set[str] = set()
    journal.on_commit = lambda _seconds, _writes: threads.add(threading.current_thread().name)
    await journal.write({"a": b"1"})
    assert threads == {"journal"}


async def test_a_cancelled_caller_does_not_disturb_the_others(journal: SqliteJournal) -> None:
    gone = asyncio.ensure_future(journal.write({"a": b"1"}))
    other = asyncio.ensure_future(journal.write({"b": b"2"}))
    await asyncio.sleep(0)
    gone.cancel()
    await other


async def test_a_disk_that_takes_nothing_refuses_all_of_the_batch(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal.open(path)
    await journal.write({"before": b"1"})
    (pages,) = journal._connection.execute("PRAGMA page_count").fetchone()
    journal._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(RefusedError, match="full") as refused:
        await journal.write({"small": b"1", "large": bytes(100_000)})
    assert refused.value.code == "journal-refused"
    journal._connection.execute("PRAGMA max_page_count = 100000")
    await journal.write({"after": b"1"})
    journal.close()
    assert set(reopened(path)) == {"before", "after"}


async def test_a_second_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal.open(path)
    code = f"""
from pathlib import Path
from romana.edges.journal import SqliteJournal
try:
    SqliteJournal.open(Path({str(path)!r}))
except Exception as error:
    print(error.code)
"""
    told = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    journal.close()
    assert told.stdout == "journal-busy\n"


@pytest.mark.parametrize("kind", ["text", "database", "newer"])
def test_other_peoples_files_are_left_alone(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "journal.db"
    if kind == "text":
        path.write_text("hello, this is a text of more than one page " * 200)
    elif kind == "newer":
        SqliteJournal.open(path).close()
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
    else:
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE theirs (x)")
        connection.close()
    before = path.read_bytes()
    with pytest.raises(RefusedError) as refused:
        SqliteJournal.open(path)
    assert refused.value.code == ("newer-schema" if kind == "newer" else "journal-foreign")
    assert path.read_bytes() == before


WRITER = """
import asyncio, os, sys
from pathlib import Path
from romana.edges.journal import SqliteJournal

async def caller(journal, who):
    n = 0
    while True:
        n += 1
        await journal.write({f"{who}/a": b"%d" % n, f"{who}/b": b"%d" % n})
        os.write(1, b"%d %d\\n" % (who, n))

async def main():
    journal = SqliteJournal.open(Path(sys.argv[1]))
    await asyncio.gather(*(caller(journal, who) for who in range(8)))

asyncio.run(main())
"""


@pytest.mark.slow
def test_killed_at_any_moment_it_has_every_answered_write_and_no_half_one(tmp_path: Path) -> None:
    dice = random.Random(3)
    path = tmp_path / "journal.db"
    for _ in range(12):
        path.unlink(missing_ok=True)
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        told = writer.stdout.readline()
        threading.Timer(dice.uniform(0, 0.25), os.kill, (writer.pid, signal.SIGKILL)).start()
        told += writer.stdout.read()
        writer.wait()
        writer.stdout.close()
        answered: dict[str, int] = {}
        for line in told.decode().splitlines():
            who, n = line.split()
            answered[who] = int(n)
        entries = reopened(path)
        for who, n in answered.items():
            assert entries[f"{who}/a"] == entries[f"{who}/b"]
            assert int(entries[f"{who}/a"]) >= n
