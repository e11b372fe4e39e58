"""The node's view of the store: complete, resumed, never turned back by old news."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from node_world import FLAT, FaultyStore, Node, stored

from romana.model.errors import RefusedError
from romana.model.host import Host, HostName
from romana.net.prefix import Address
from romana.ports.store import Store
from romana.reconcile.keepsake import Keepsake
from romana.reconcile.loop import Reconciler
from romana.reconcile.view import StoreView
from romana.testing.journal import MemoryJournal
from romana.testing.memory import MemoryStore
from romana.testing.time import VirtualClock, run_virtually
from romana.wire.journal import seen
from romana.wire.records import encode_host, host_key, layout_key, request_key, snapshot

N1 = HostName("n1")


def stranger(last: int = 9) -> Host:
    return Host(HostName("x"), (Address.parse(f"192.168.1.{last}"),))


async def same(view: StoreView, store: Store) -> bool:
    """Whether the view shows what the store holds, but for block mirrors."""
    truth = replace(snapshot(await store.read("")), mirrors={}, revision=0, revisions={})
    return replace(view.snapshot, revision=0, revisions={}) == truth


def test_it_follows_every_change_and_says_so() -> None:
    async def story() -> None:
        store = await stored(FLAT)
        view = StoreView(store, N1)
        told = []
        view.listeners.append(lambda: told.append(view.snapshot.revision))
        loop = Reconciler("store", view.follow, clock=VirtualClock())
        running = asyncio.ensure_future(loop.run())
        await asyncio.sleep(0.1)
        assert view.connected
        assert view.complete
        assert await same(view, store)
        key = host_key("x")
        revision = await store.swap(key, encode_host(stranger()), 0)
        await asyncio.sleep(0.1)
        assert HostName("x") in view.snapshot.hosts
        assert view.revision_of(key) == revision == told[-1]
        await store.swap(key, None, revision)
        await asyncio.sleep(0.1)
        assert HostName("x") not in view.snapshot.hosts
        assert view.revision_of(key) == 0
        count = len(told)
        await store.swap("names/web", b"{}", 0)  # nothing that a node needs
        await asyncio.sleep(0.1)
        assert len(told) == count
        assert await same(view, store)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert not view.connected

    run_virtually(story())


def test_compacted_history_means_reading_again() -> None:
    class Behind(MemoryStore):
        """Forgets its history whenever somebody starts to watch for the first time."""

        spared = False

        def watch(self, prefix: str, after: int):  # type: ignore[no-untyped-def]
            return super().watch(prefix, after if self.spared else -1)

    async def story() -> None:
        store = Behind()
        await stored(FLAT, store)
        view = StoreView(store, N1)
        assert (await view.follow()).again == 0.0
        assert view.complete
        assert not view.connected
        await store.swap(host_key("x"), encode_host(stranger()), 0)
        store.spared = True
        running = asyncio.ensure_future(view.follow())
        await asyncio.sleep(0.1)
        assert HostName("x") in view.snapshot.hosts
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run_virtually(story())


def test_old_news_changes_nothing() -> None:
    async def story() -> None:
        store = await stored(FLAT)
        view = StoreView(store, N1)
        await view.refresh()
        key = host_key("x")
        first = await store.swap(key, encode_host(stranger(9)), 0)
        second = await store.swap(key, encode_host(stranger(10)), first)
        view.written(key, encode_host(stranger(10)), second)
        view.written(key, encode_host(stranger(9)), first)  # its event comes after our own answer
        assert view.snapshot.hosts[HostName("x")].addresses == stranger(10).addresses
        assert view.revision_of(key) == second
        assert await view.reread(host_key("nobody")) == 0
        assert await view.reread(key) == second

    run_virtually(story())


def test_what_vanished_between_two_reads_is_gone() -> None:
    async def story() -> None:
        store = await stored(FLAT)
        revision = await store.swap(host_key("x"), encode_host(stranger()), 0)
        view = StoreView(store, N1)
        await view.refresh()
        assert HostName("x") in view.snapshot.hosts
        await store.swap(host_key("x"), None, revision)
        await view.refresh()
        assert HostName("x") not in view.snapshot.hosts

    run_virtually(story())


def test_our_own_swap_during_a_read_is_not_taken_for_gone() -> None:
    class Slow(MemoryStore):
        """Somebody else's record appears between the listings of two kinds."""

        async def read(self, prefix: str):  # type: ignore[no-untyped-def]
            listing = await super().read(prefix)
            if prefix == "hosts/" and self.meanwhile is not None:
                view, self.meanwhile = self.meanwhile, None
                value = encode_host(stranger())
                view.written(host_key("x"), value, await self.swap(host_key("x"), value, 0))
            return listing

        meanwhile: StoreView | None = None

    async def story() -> None:
        store = Slow()
        await stored(FLAT, store)
        view = StoreView(store, N1)
        await view.refresh()
        store.meanwhile = view
        await view.refresh()
        assert HostName("x") in view.snapshot.hosts

    run_virtually(story())


def test_a_store_that_was_replaced_by_an_older_one_is_not_believed() -> None:
    async def story() -> None:
        store = await stored(FLAT)
        view = StoreView(store, N1)
        await store.swap(host_key("x"), encode_host(stranger()), 0)
        await view.refresh()
        view._store = await stored(FLAT)
        with pytest.raises(RefusedError) as error:
            await view.refresh()
        assert error.value.code == "store-went-back"
        assert HostName("x") in view.snapshot.hosts

    run_virtually(story())


def test_a_record_that_cannot_be_read_leaves_the_last_good_one() -> None:
    async def story() -> None:
        store = await stored(FLAT)
        view = StoreView(store, N1)
        await view.refresh()
        revision = view.revision_of(layout_key())
        await store.swap(layout_key(), b'{"v": 99}', revision)
        with pytest.raises(RefusedError) as error:
            await view.refresh()
        assert error.value.code == "newer-schema"
        assert [n.name for n in view.snapshot.layout.networks] == ["pods"]

    run_virtually(story())


def test_requests_of_this_node_alone_are_told() -> None:
    async def story() -> None:
        store = await stored(FLAT)
        view = StoreView(store, N1)
        told: list[str] = []
        view.on_request = lambda: told.append("asked")
        running = asyncio.ensure_future(view.follow())
        await asyncio.sleep(0.1)
        told.clear()
        await store.swap(request_key(HostName("n2"), "1"), b"{}", 0)
        await asyncio.sleep(0.1)
        assert told == []
        await store.swap(request_key(N1, "1"), b"{}", 0)
        await asyncio.sleep(0.1)
        assert told == ["asked"]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run_virtually(story())


def test_the_journal_keeps_what_is_needed_without_the_store() -> None:
    async def story() -> None:
        n = Node(FaultyStore(await stored(FLAT)), MemoryJournal())
        keepsake = Keepsake(n.view, n.journal)
        assert (await keepsake.once()).changes == 0, "nothing before the store was read"
        await n.look()
        assert (await keepsake.once()).changes == 1
        assert (await keepsake.once()).changes == 0
        m = n.restarted()
        m.view.recall(seen(m.journal.entries))
        assert m.view.snapshot.layout == n.view.snapshot.layout
        assert not m.view.complete
        await m.look()
        assert await same(m.view, n.store.store)
        assert (await Keepsake(m.view, m.journal).once()).changes == 0

    run_virtually(story())
