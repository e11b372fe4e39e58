"""A file that cannot be the store: one clear sentence with its path, and nothing changed."""

from __future__ import annotations

import asyncio
import ctypes
import os
import sqlite3
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from store_harness import following, values

from romana.edges.sqlite import open_sqlite
from romana.edges.sqlite_file import APPLICATION
from romana.edges.sqlite_tables import LeaseClock
from romana.model.errors import RefusedError, RomanaError

NOBODY = 65534


@contextmanager
def as_nobody() -> Iterator[None]:
    """Touch files as user nobody: root may everything. Threads started meanwhile do so, too (setfsuid(2))."""
    libc = ctypes.CDLL(None)
    before = libc.setfsuid(NOBODY)
    try:
        yield
    finally:
        libc.setfsuid(before)


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A directory that everybody may enter, as pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def _text(path: Path) -> None:
    path.write_text("this is no database, but a text of some length\n" * 100)


def _short(path: Path) -> None:
    path.write_bytes(b"ten bytes\n")


def _database(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE t (a)")
    db.close()


def _marked(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA application_id = 4711")
    db.close()


def _newer(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute("PRAGMA user_version = 2")
    db.close()


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (_text, "foreign-file"),
        (_short, "foreign-file"),
        (_database, "foreign-file"),
        (_marked, "foreign-file"),
        (_newer, "newer-schema"),
        (Path.mkdir, "store-is-directory"),
    ],
)
def test_what_is_no_store_of_ours_is_left_alone(
    tmp_path: Path, make: Callable[[Path], None], code: str
) -> None:
    path = tmp_path / "store.db"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(RefusedError) as refused:
        open_sqlite(path)
    assert refused.value.code == code
    assert str(path) in str(refused.value)
    assert (path.read_bytes() if path.is_file() else b"") == before
    assert [p.name for p in tmp_path.iterdir()] == ["store.db"]


async def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.touch()
    store = open_sqlite(path)
    assert await store.swap("a", b"", 0) == 1
    await store.close()


async def test_where_it_may_not_write_it_says_so(open_path: Path) -> None:
    for path in (open_path / "new" / "store.db", open_path / "store.db"):
        with as_nobody():
            store = open_sqlite(path)
        for _ in range(2):
            with pytest.raises(RefusedError) as refused:
                await store.swap("k", b"", 0)
        assert refused.value.code == "store-denied"
        assert str(path.parent) in str(refused.value)
        await store.close()


def test_where_it_may_not_look_it_says_so(open_path: Path) -> None:
    (open_path / "closed").mkdir(mode=0o700)
    with as_nobody(), pytest.raises(RefusedError) as refused:
        open_sqlite(open_path / "closed" / "store.db")
    assert refused.value.code == "store-denied"


def test_a_file_in_place_of_the_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RefusedError, match="file"):
        open_sqlite(tmp_path / "file" / "store.db")


async def test_a_read_only_file_is_read_and_not_written(open_path: Path) -> None:
    path = open_path / "store.db"
    writer = open_sqlite(path, clock=LeaseClock(lambda: 0.0, "boot"))
    await writer.swap("a", b"1", 0)
    await writer.swap("leased", b"2", 0, lease=(await writer.lease(5)).id)
    await writer.close()
    for name in (open_path, path, open_path / "store.db-journal"):
        name.chmod(0o555)
    with as_nobody():
        reader = open_sqlite(path, clock=LeaseClock(lambda: 9.0, "boot"))
    assert values(await reader.read("")) == {"a": b"1", "leased": b"2"}
    async with reader.watch("", 0) as batches:
        assert len(await following(batches, 2)) == 2
    with pytest.raises(RefusedError) as refused:
        await reader.swap("a", b"2", 1)
    assert refused.value.code == "store-read-only"
    assert str(path) in str(refused.value)
    await reader.close()


async def test_a_damaged_file_is_not_repaired_by_writing_to_it(quick_path: Path) -> None:
    path = quick_path / "store.db"
    store = open_sqlite(path)
    for n in range(50):
        await store.swap(f"key/{n}", bytes(500), 0)
    await store.close()
    data = bytearray(path.read_bytes())
    data[4096 : len(data) - 4096] = os.urandom(len(data) - 8192)
    path.write_bytes(data)
    store = open_sqlite(path)
    with pytest.raises(RefusedError) as refused:
        await store.read("")
    assert refused.value.code == "store-corrupt"
    assert str(path) in str(refused.value)
    await store.close()
    assert path.read_bytes() == data


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_file_that_goes_while_it_is_open_is_missed(tmp_path: Path, replaced: bool) -> None:
    path = tmp_path / "store.db"
    store = open_sqlite(path)
    await store.swap("a", b"", 0)
    path.unlink()
    if replaced:
        other = open_sqlite(path)
        await other.swap("a", b"", 0)
        await other.close()
    with pytest.raises(RefusedError) as refused:
        await store.swap("b", b"", 0)
    assert refused.value.code == "store-gone"
    await store.close()


async def test_a_locked_file_is_waited_for_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("romana.edges.sqlite_file.PATIENCE", 0.05)
    path = tmp_path / "store.db"
    store = open_sqlite(path)
    assert await store.swap("z", b"", 0) == 1
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(RomanaError) as busy:
        await store.swap("a", b"", 0)
    assert (busy.value.code, busy.value.exit_status) == ("store-busy", 5)
    assert (await store.read("")).revision == 1
    blocker.execute("ROLLBACK")
    blocker.close()
    assert await store.swap("a", b"", 0) == 2
    await store.close()


async def test_two_programs_may_make_the_file_at_the_same_moment(quick_path: Path) -> None:
    for n in range(10):
        path = quick_path / f"{n}.db"
        stores = await asyncio.gather(*(asyncio.to_thread(open_sqlite, path) for _ in range(4)))
        assert [await s.swap(f"k{i}", b"", 0) for i, s in enumerate(stores)] == [1, 2, 3, 4]
        for store in stores:
            await store.close()


async def test_leases_of_an_earlier_boot_have_no_holder_left(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    before = open_sqlite(path, clock=LeaseClock(lambda: 1000.0, "before"))
    await before.swap("a", b"", 0, lease=(await before.lease(1000)).id)
    await before.close()
    after = open_sqlite(path, clock=LeaseClock(lambda: 1.0, "after"))
    assert await after.read("") == (await after.read("none"))
    assert (await after.read("")).revision == 2
    await after.close()


@contextmanager
def small_disk(path: Path) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "small", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)


@pytest.mark.root
@pytest.mark.parametrize("pages", [1, 3, 5])
def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path: Path, pages: int) -> None:
    with small_disk(tmp_path):
        asyncio.run(_fill(tmp_path, pages))


async def _fill(directory: Path, pages: int) -> None:
    """Fill the disk but for some pages, which other steps of a commit then fail to get."""
    store = open_sqlite(directory / "store.db")
    await store.swap("before", b"kept", 0)
    (directory / "spare").write_bytes(bytes(4096 * pages))
    with pytest.raises(OSError, match="No space"):
        (directory / "filler").write_bytes(bytes(1 << 20))
    (directory / "spare").unlink()
    error, written = None, 0
    while error is None:
        error, written = await _refusal(store.swap(f"{written}", bytes(8000), 0)), written + 1
    assert error.code == "store-full"
    assert str(directory) in str(error)
    held = await store.read("")
    assert values(held)["before"] == b"kept"
    assert held.revision == len(held.records) == written
    (directory / "filler").unlink()
    assert await store.swap("after", b"", 0) == held.revision + 1
    await store.close()


async def _refusal(call: Awaitable[object]) -> RefusedError | None:
    try:
        await call
    except RefusedError as error:
        return error
    return None


@pytest.mark.root
def test_a_store_in_another_mount_namespace_is_reached_through_proc(tmp_path: Path) -> None:
    script = f"mount -t tmpfs lab {tmp_path} && mkdir {tmp_path}/lab && echo ready && exec sleep 60"
    with subprocess.Popen(["unshare", "--mount", "sh", "-c", script], stdout=subprocess.PIPE) as lab:
        try:
            assert lab.stdout is not None
            assert lab.stdout.readline() == b"ready\n"
            seen_from_here = Path(f"/proc/{lab.pid}/root{tmp_path}/lab")
            store = open_sqlite(seen_from_here / "store.db")
            asyncio.run(store.swap("a", b"1", 0))
            asyncio.run(store.close())
            assert sorted(p.name for p in seen_from_here.iterdir()) == ["store.db", "store.db-journal"]
            assert not (tmp_path / "lab").exists()
        finally:
            lab.kill()


def test_elsewhere_a_link_is_followed_so_that_the_journal_stands_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "real" / "store.db")
    store = open_sqlite(tmp_path / "link.db")
    asyncio.run(store.swap("a", b"", 0))
    asyncio.run(store.close())
    assert sorted(p.name for p in (tmp_path / "real").iterdir()) == ["store.db", "store.db-journal"]
