"""Which store a URL names, and when its file is made."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from store_harness import values

from romana.edges.open import open_store
from romana.edges.sqlite import open_sqlite
from romana.model.errors import ConfigError
from romana.ports.store import Listing


async def test_a_url_names_the_file_as_written(tmp_path: Path) -> None:
    store = open_store(f"sqlite://{tmp_path}/my store%20.db")
    await store.swap("a", b"", 0)
    await store.close()
    assert (tmp_path / "my store%20.db").is_file()


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", "store-url"),
        ("/var/lib/store.db", "store-url"),
        ("sqlite:store.db", "store-url"),
        ("sqlite://store.db", "store-url"),
        ("sqlite:///", "store-url"),
        ("sqlite:///a/", "store-url"),
        ("sqlite:///a\0b", "store-url"),
        ("memory:", "store-url"),
        ("http://x/y", "store-url"),
        ("etcd://10.0.0.1:2379", "store-unsupported"),
        ("kube://", "store-unsupported"),
    ],
)
def test_other_urls_are_told_the_right_form(url: str, code: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        open_store(url)
    assert wrong.value.code == code
    assert "sqlite:///" in str(wrong.value)


async def test_a_missing_file_reads_as_empty_and_is_made_by_the_first_write(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "store.db"
    store, other = open_sqlite(path), open_sqlite(path)
    async with store.watch("", 0) as batches, other.watch("", 0) as seen_by_other:
        assert await store.read("") == await other.read("") == Listing((), 0)
        assert not path.parent.parent.exists()
        assert await store.swap("k", b"1", 0) == 1
        assert path.is_file()
        for watch in (batches, seen_by_other):
            assert (await asyncio.wait_for(anext(watch), 5)).revision == 1
    assert values(await other.read("")) == {"k": b"1"}
    await store.close()
    await other.close()
