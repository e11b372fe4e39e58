"""The file's history is bounded: by revisions, by bytes; the file stops growing."""

from __future__ import annotations

from pathlib import Path

import pytest
from store_harness import following

from romana.edges import sqlite_log
from romana.edges.sqlite import open_sqlite
from romana.ports.store import CompactedError, Store


async def _write(store: Store, times: int, size: int) -> int:
    revision = (await store.read("a")).records[0].revision if (await store.read("a")).records else 0
    for _ in range(times):
        revision = await store.swap("a", bytes(size), revision)
    return revision


@pytest.mark.parametrize(("size", "history", "budget"), [(10, 50, 1 << 30), (1000, 10_000, 50_000)])
async def test_it_keeps_what_it_promises_and_not_much_more(
    quick_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, history: int, budget: int
) -> None:
    monkeypatch.setattr(sqlite_log, "HISTORY", history)
    monkeypatch.setattr(sqlite_log, "HISTORY_BYTES", budget)
    store = open_sqlite(quick_path / "store.db")
    last = await _write(store, 300, size)
    kept = min(history, budget // (size + 1))
    async with store.watch("", last - kept) as batches:
        assert [b.revision for b in await following(batches, kept)] == [*range(last - kept + 1, last + 1)]
    with pytest.raises(CompactedError):
        async with store.watch("", last - int(kept * 1.2)):
            pass
    await store.close()


async def test_the_file_stops_growing(quick_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_log, "HISTORY", 50)
    path = quick_path / "store.db"
    store = open_sqlite(path)
    await _write(store, 100, 1000)
    size = path.stat().st_size
    await _write(store, 500, 1000)
    assert path.stat().st_size <= size * 1.1
    await store.close()


async def test_a_watch_far_behind_gets_it_in_pieces(
    quick_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_log, "_AT_ONCE", 7)
    store = open_sqlite(quick_path / "store.db")
    last = await _write(store, 50, 10)
    async with store.watch("", 0) as batches:
        assert [b.revision for b in await following(batches, last)] == [*range(1, last + 1)]
    await store.close()


async def test_one_value_larger_than_all_history_is_kept_and_forgotten(
    quick_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_log, "HISTORY_BYTES", 1000)
    store = open_sqlite(quick_path / "store.db")
    last = await _write(store, 3, 5000)
    assert (await store.read("")).records[0].value == bytes(5000)
    with pytest.raises(CompactedError):
        async with store.watch("", last - 1):
            pass
    async with store.watch("", last) as batches:
        await store.swap("b", b"", 0)
        assert len(await following(batches, 1)) == 1
    await store.close()
