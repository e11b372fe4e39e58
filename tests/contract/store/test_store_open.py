"""Which store a URL names."""

from __future__ import annotations

from pathlib import Path

import pytest

from romana.edges.open import open_store
from romana.model.errors import ConfigError


async def test_a_url_names_the_file_as_written(tmp_path: Path) -> None:
    store = open_store(f"sqlite://{tmp_path}/my store%20.db")
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
