"""Documents put in force on a store in use: all of it or none, and never a drain that nobody asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from central_world import allocate, apply, held, racks, virtual

from romana.model.block import Owner, Writer
from romana.model.errors import PlanError, RefusedError
from romana.model.host import HostName
from romana.plan.claim import claim
from romana.plan.succession import reopened
from romana.ports.store import Store
from romana.reconcile import central
from romana.testing.invariants import require, require_converged
from romana.testing.memory import MemoryStore
from romana.wire.records import LAYOUT_KEY, encode_extent, extent_key

TWO = """
networks: [{name: pods, cidr: 10.0.0.0/16}]
topologies:
  - networks: [pods]
    map:
      - {name: r1, assignment: {rack: r1}}
      - {name: r2, assignment: {rack: r2}}
"""
RENAMED = TWO.replace("name: r1", "name: rack one")


class Between:
    """A store in which something happens right after the layout was swapped for the first time."""

    def __init__(self, store: MemoryStore, happens: Callable[[], Awaitable[None]]) -> None:
        self.store, self._happens, self._left = store, happens, 1
        self.read, self.watch, self.lease = store.read, store.watch, store.lease

    async def swap(self, key: str, value: bytes | None, expected: int, *, lease: str | None = None) -> int:
        revision = await self.store.swap(key, value, expected, lease=lease)
        if key == LAYOUT_KEY and self._left:
            self._left = 0
            await self._happens()
        return revision


@virtual
async def test_a_group_in_use_that_gets_another_name_takes_its_addresses_along():
    store = await racks(TWO)
    await allocate(store, "x", "n1")
    await apply(store, RENAMED)
    await allocate(store, "y", "n1")
    snapshot = await central.read_snapshot(store)
    assert held(snapshot) == {"x": ["10.0.0.0"], "y": ["10.0.0.1"]}
    assert snapshot.layout.networks[0].draining == frozenset()
    assert snapshot.hosts[HostName("n1")].groups == {"n1": "rack one"}
    require(snapshot)
    require_converged(snapshot)


async def claimed_by_agent(store: Store) -> None:
    """An agent of n2 that read before the layout changed claims its first block."""
    seen = await central.read_snapshot(store)
    network = seen.layout.networks[0]
    old = replace(seen, layout=reopened(seen.layout))
    extent, _ = claim(old, old.layout.by_id(network.id), Owner(HostName("n2")), 4, Writer.AGENT)
    key = extent_key(extent.network, extent.prefix)
    await store.swap(key, encode_extent(extent), seen.revisions.get(key, 0))


@virtual
async def test_what_was_closed_for_a_plan_that_cannot_be_carried_out_is_opened_again():
    store = await racks(TWO)
    await allocate(store, "x", "n1")
    before = (await central.read_snapshot(store)).layout
    with pytest.raises(PlanError, match="rack two"):
        await apply(
            Between(store, lambda: claimed_by_agent(store)), TWO.replace("name: r2", "name: rack two")
        )
    assert (await central.read_snapshot(store)).layout == before
    await allocate(store, "y", "n1")


@virtual
async def test_what_was_closed_is_opened_again_when_the_store_refuses_the_rest():
    store = await racks(TWO)
    before = (await central.read_snapshot(store)).layout

    class Refusing(Between):
        refused = False

        async def swap(
            self, key: str, value: bytes | None, expected: int, *, lease: str | None = None
        ) -> int:
            if not self._left and not self.refused:
                self.refused = True
                raise RefusedError("the disk is full")
            return await super().swap(key, value, expected, lease=lease)

    async def nothing() -> None:
        pass

    with pytest.raises(RefusedError):
        await apply(Refusing(store, nothing), RENAMED)
    assert (await central.read_snapshot(store)).layout == before


@virtual
async def test_what_an_apply_that_died_has_closed_is_no_drain():
    """Only the one who puts a document in force next decides what becomes of it."""
    store = await racks(TWO)
    await allocate(store, "x", "n1")

    class Died(BaseException):
        pass

    async def die() -> None:
        raise Died

    with pytest.raises(Died):
        await apply(Between(store, die), RENAMED)
    closed = (await central.read_snapshot(store)).layout.networks[0]
    assert (closed.draining, closed.emptying) == ({"r1"}, frozenset())
    await apply(store, TWO)
    snapshot = await central.read_snapshot(store)
    assert (snapshot.layout.networks[0].draining, snapshot.layout.networks[0].closing) == (set(), set())
    await allocate(store, "y", "n1")
