"""Random histories on all stores side by side: the memory store is the model, the others must agree.

A step is made by either of two clients, as two programs would; clients are closed and opened again.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, rule
from store_harness import MemoryBackend, SqliteBackend, following

from romana.model.errors import RomanaError
from romana.ports.store import Batch, Lease, Store

KEYS = st.sampled_from(["a", "a/1", "a/2", "a/1/x", "b/1", "b"])
PREFIXES = st.sampled_from(["", "a", "a/", "a/1", "b", "c"])
VALUES = st.sampled_from([b"", b"x", b"y" * 100])
MEMORY = Path("/dev/shm")


@dataclass
class Watch:
    """The same watch on every store."""

    prefix: str
    seen: int
    open: list[tuple[AbstractAsyncContextManager[AsyncIterator[Batch]], AsyncIterator[Batch]]]


class Stores(RuleBasedStateMachine):
    watches = Bundle("watches")
    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.directory = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.backends = [MemoryBackend(Path()), SqliteBackend(Path(self.directory.name))]
        self.open_watches: list[Watch] = []

    @initialize()
    def open_clients(self) -> None:
        self.clients = self.run(self._clients)

    async def _clients(self) -> list[list[Store]]:
        return [[backend.client() for _ in range(3)] for backend in self.backends]

    def run(self, call: Callable[[], Awaitable[Any]]) -> Any:
        async def coroutine() -> Any:
            return await call()

        return self.loop.run(coroutine())

    def same(self, call: Callable[[Store, int], Awaitable[Any]], client: int) -> Any:
        """Return what the call does on every store, which must be the same; an error by its kind and code."""

        async def once(store: Store, number: int) -> Any:
            try:
                return await call(store, number)
            except RomanaError as error:
                return type(error), error.code

        outcomes = [
            self.run(lambda s=stores[client], n=n: once(s, n)) for n, stores in enumerate(self.clients)
        ]
        assert all(outcome == outcomes[0] for outcome in outcomes), outcomes
        return outcomes[0]

    def revision(self, key: str) -> int:
        found = self.run(lambda: self.clients[0][0].read(key)).records
        return next((record.revision for record in found if record.key == key), 0)

    @rule(prefix=PREFIXES, client=st.integers(0, 1))
    def read(self, prefix: str, client: int) -> None:
        self.same(lambda store, _: store.read(prefix), client)

    @rule(
        key=KEYS,
        value=VALUES | st.none(),
        right=st.booleans(),
        wrong=st.integers(0, 6),
        client=st.integers(0, 1),
    )
    def swap(self, key: str, value: bytes | None, right: bool, wrong: int, client: int) -> None:
        expected = self.revision(key) if right else wrong
        self.same(lambda store, _: store.swap(key, value, expected), client)

    @rule(target=leases, seconds=st.integers(1, 9))
    def lease(self, seconds: int) -> list[Lease]:
        """Made by the third client, which is never closed, so that they can be renewed."""
        return [self.run(lambda s=stores[2]: s.lease(seconds)) for stores in self.clients]

    @rule(key=KEYS, value=VALUES, lease=leases, client=st.integers(0, 1))
    def attach(self, key: str, value: bytes, lease: list[Lease], client: int) -> None:
        expected = self.revision(key)
        self.same(lambda store, n: store.swap(key, value, expected, lease=lease[n].id), client)

    @rule(lease=leases)
    def renew(self, lease: list[Lease]) -> None:
        self.same(lambda _, n: lease[n].renew(), 0)

    @rule(lease=consumes(leases))
    def revoke(self, lease: list[Lease]) -> None:
        self.same(lambda _, n: lease[n].revoke(), 0)

    @rule(seconds=st.integers(1, 5))
    def pass_time(self, seconds: int) -> None:
        for backend in self.backends:
            backend.clock.advance(seconds)
        # Leases that end together end in any order; somebody looks at once, so that none do.
        self.same(lambda store, _: store.read(""), 0)

    @rule(back=st.integers(-1, 12), client=st.integers(0, 1))
    def compact(self, back: int, client: int) -> None:
        for prefix in sorted({watch.prefix for watch in self.open_watches}):
            self.swap(f"{prefix}~", b"", right=True, wrong=0, client=client)
        for watch in self.open_watches:  # one that lags behind would lose what it has not read
            self._drain(watch)
        revision = self.run(lambda: self.clients[0][0].read("")).revision - back
        self.same(lambda store, _: store.compact(max(revision, 0)), client)

    @rule(target=watches, prefix=PREFIXES, back=st.integers(-1, 12), client=st.integers(0, 1))
    def watch(self, prefix: str, back: int, client: int) -> Watch | None:
        after = max(self.run(lambda: self.clients[0][0].read("")).revision - back, 0)
        watch = Watch(prefix, after, [])

        async def enter(store: Store, _: int) -> None:
            manager = store.watch(prefix, after)
            watch.open.append((manager, await manager.__aenter__()))

        if self.same(enter, client) is None:
            self.open_watches.append(watch)
        return watch

    @rule(watch=watches)
    def drain(self, watch: Watch) -> None:
        if watch in self.open_watches:
            self._drain(watch)

    @rule(watch=consumes(watches))
    def leave(self, watch: Watch) -> None:
        if watch in self.open_watches:
            self._leave(watch)

    @rule(client=st.integers(0, 1))
    def reopen(self, client: int) -> None:
        """Another program starts where one ended. Its watches end with it, so all are left first."""
        for watch in list(self.open_watches):
            self._leave(watch)
        self.run(self.clients[1][client].close)
        self.clients[1][client] = self.backends[1].client()

    def _drain(self, watch: Watch) -> None:
        """Every store tells what the model's history holds, and not a batch more: that would come next time."""
        shelf = self.backends[0].client().shelf  # type: ignore[attr-defined]
        wanted = shelf.history(watch.prefix, watch.seen)
        for _, batches in watch.open:
            assert self.run(lambda b=batches: following(b, len(wanted))) == wanted
        watch.seen = shelf.revision

    def _leave(self, watch: Watch) -> None:
        self._drain(watch)
        self.open_watches.remove(watch)
        for manager, _ in watch.open:
            self.run(lambda m=manager: m.__aexit__(None, None, None))

    def teardown(self) -> None:
        try:
            if hasattr(self, "clients"):
                expected = self.revision("a")
                self.same(lambda store, _: store.swap("a", b"the end", expected), 0)
                for watch in list(self.open_watches):
                    self._leave(watch)
        finally:
            for backend in self.backends:
                self.run(backend.close)
            self.loop.close()
            self.directory.cleanup()


TestStores = pytest.mark.slow(Stores.TestCase)
TestStores.settings = settings(
    settings(), max_examples=max(settings().max_examples // 2, 20), stateful_step_count=40
)
