"""Hosts that people label so that they belong elsewhere: they move when nobody's address has to."""

from __future__ import annotations

import pytest
from central_world import PACKED, SPREAD, allocate, apply, means, racks, release, virtual

from romana.model.host import HostName, HostState
from romana.reconcile import central
from romana.testing.invariants import require, require_converged


@virtual
@pytest.mark.parametrize("text", [SPREAD, PACKED])
async def test_a_host_whose_blocks_are_empty_moves_at_once_and_gives_them_up(text: str):
    store = await racks(text)
    await allocate(store, "a", "n1")
    await release(store, "a")
    host = await central.label_host(store, "n1", {"rack": "r2"}, means=means())
    assert (host.state, set(host.groups.values())) == (HostState.READY, {"r2"})
    snapshot = await central.read_snapshot(store)
    assert [*snapshot.blocks(host=HostName("n1"))] == []
    require(snapshot)
    require_converged(snapshot)


@virtual
@pytest.mark.parametrize("text", [SPREAD, PACKED])
async def test_a_host_that_held_addresses_moves_with_its_next_one_when_they_are_released(text: str):
    store = await racks(text)
    await allocate(store, "a", "n1")
    host = await central.label_host(store, "n1", {"rack": "r2"}, means=means())
    assert (host.state, set(host.groups.values())) == (HostState.MISPLACED, {"r1"})
    await release(store, "a")
    await allocate(store, "b", "n1")
    snapshot = await central.read_snapshot(store)
    assert set(snapshot.hosts[HostName("n1")].groups.values()) == {"r2"}
    assert {block.group for block in snapshot.blocks(host=HostName("n1"))} == {"r2"}
    require(snapshot)


@virtual
async def test_an_apply_moves_a_host_that_has_become_empty():
    store = await racks()
    await allocate(store, "a", "n1")
    await central.label_host(store, "n1", {"rack": "r2"}, means=means())
    await release(store, "a")
    await apply(store, SPREAD)
    snapshot = await central.read_snapshot(store)
    assert snapshot.hosts[HostName("n1")].state is HostState.READY
    require(snapshot)


@virtual
async def test_a_host_for_which_no_group_is_left_stays_misplaced():
    store = await racks()
    host = await central.label_host(store, "n1", {"rack": "r9"}, means=means())
    assert (host.state, set(host.groups.values())) == (HostState.MISPLACED, {"r1"})
