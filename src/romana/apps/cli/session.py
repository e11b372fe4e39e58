"""A command's way to the store: open it, do one thing, close it, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from romana.apps.cli.framework import settings
from romana.edges.open import open_store
from romana.model.snapshot import Snapshot
from romana.ports.store import Store
from romana.reconcile.central import read_snapshot

T = TypeVar("T")


def on_store(work: Callable[[Store], Awaitable[T]]) -> T:
    """Return what `work` returns for the store that the command names."""
    url = settings().store

    async def session() -> T:
        store = open_store(url)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(session())


def snapshot() -> Snapshot:
    """Return everything the store holds."""
    return on_store(read_snapshot)
