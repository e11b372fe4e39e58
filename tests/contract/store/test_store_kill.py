"""Writers killed at random moments: what was acknowledged is there, nothing is half there, watches see it all."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
import store_writers
from store_harness import values

from romana.edges.sqlite import open_sqlite
from romana.ports.store import Batch, Store

LAST = "zzz"


class Witness:
    """Follows the store all the while and writes down every batch."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.batches: list[Batch] = []

    async def follow(self) -> None:
        """Return when the last record is made."""
        async with self.store.watch("", 0) as batches:
            async for batch in batches:
                self.batches.append(batch)
                if batch.events[0].key == LAST:
                    return

    def replayed(self) -> dict[str, bytes]:
        held: dict[str, bytes] = {}
        for event in (event for batch in self.batches for event in batch.events):
            if event.value is None:
                del held[event.key]
            else:
                held[event.key] = event.value
        return held


@pytest.mark.slow
@pytest.mark.parametrize("kills", [200, pytest.param(5000, marks=pytest.mark.soak)])
async def test_killed_writers_lose_nothing_they_were_told_is_kept(tmp_path: Path, kills: int) -> None:
    path, seed = tmp_path / "store.db", random.randrange(1 << 30)
    print("seed", seed)
    store = open_sqlite(path)
    witness = Witness(store)
    following = asyncio.create_task(witness.follow())
    program = await asyncio.create_subprocess_exec(
        sys.executable, store_writers.__file__, path, str(kills), str(seed), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await program.communicate()
    assert program.returncode == 0
    await store.swap(LAST, store_writers.value_of(LAST, 0), 0)
    await asyncio.wait_for(following, 10)
    final = await store.read("")
    await store.close()

    assert [batch.revision for batch in witness.batches] == [*range(1, final.revision + 1)]
    assert witness.replayed() == values(final)
    _check_acknowledged(said.decode().splitlines(), witness.batches)
    _check_whole(witness.batches)
    _check_file(path)
    assert len(said.splitlines()) > kills


def _check_acknowledged(lines: Iterable[str], batches: list[Batch]) -> None:
    """Each acknowledged write is the event of its revision."""
    for line in lines:
        revision, key, number = line.split()
        (event,) = batches[int(revision) - 1].events
        assert event.key == key, line
        if number == "-":
            assert event.value is None, line
        else:
            assert event.value is not None, line
            assert event.value.split()[2].decode() == number, line


def _check_whole(batches: list[Batch]) -> None:
    """No value is cut off, and the records of a lease go together."""
    for batch in batches:
        for event in batch.events:
            if event.value is not None:
                _, name, number, *_ = event.value.split()
                assert event.value == store_writers.value_of(name.decode(), int(number))
            elif event.key.startswith("pair/"):
                whole = {event.key[:-1] + end for end in "ab"}
                made = {e.key for b in batches[: batch.revision] for e in b.events if e.key in whole}
                assert {e.key for e in batch.events} == made


def _check_file(path: Path) -> None:
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (revision, size) = db.execute("SELECT revision, bytes FROM state").fetchone()
        logged = db.execute(
            "SELECT max(revision), sum(length(key) + ifnull(length(value), 0)) FROM log"
        ).fetchone()
        assert (revision, size) == logged
    db.close()
