"""What allocate and release do, and what they say where they cannot."""

from __future__ import annotations

from dataclasses import replace

import pytest
from central_world import (
    NOW,
    PACKED,
    SPREAD,
    FaultAt,
    Killed,
    add,
    allocate,
    apply,
    held,
    means,
    racks,
    release,
    virtual,
)

from romana.model.errors import PlanError, RomanaError, StaleError
from romana.model.host import HostName, HostState
from romana.plan.allocate import Request
from romana.reconcile import central
from romana.testing.memory import MemoryStore
from romana.wire.records import encode_host, host_key, name_key

TENANTS = """
networks:
  - {name: general, cidr: 10.1.0.0/24, block_mask: 29}
  - {name: shop, cidr: 10.2.0.0/28, block_mask: 29, tenants: [shop]}
  - {name: other, cidr: 10.3.0.0/24, block_mask: 29, tenants: [other]}
topologies:
  - networks: [general, shop]
    map: [{name: all, assignment: {}}]
  - networks: [other]
    map: [{name: far, assignment: {far: "yes"}}]
"""
TINY = """
networks: [{name: pods, cidr: 10.1.0.0/30, block_mask: 31, placement: packed, owner: host, reuse_delay: 0s}]
topologies: [{networks: [pods], map: [{name: all}]}]
"""


@virtual
async def test_one_address_of_each_family_and_ipv4_first() -> None:
    store = await racks()
    assert await allocate(store, "a", "n1") == ["10.1.0.0", "fd00:1::"]
    assert await allocate(store, "b/with a slash", "n1") == ["10.1.0.1", "fd00:1::1"]
    assert held(await central.read_snapshot(store)) == {
        "a": ["10.1.0.0", "fd00:1::"],
        "b/with a slash": ["10.1.0.1", "fd00:1::1"],
    }


@pytest.mark.parametrize("which", ["a", "10.1.0.0", "fd00:1::", "FD00:1::0"])
@virtual
async def test_a_name_or_any_of_its_addresses_releases_all_of_it(which: str) -> None:
    store = await racks()
    await allocate(store, "a", "n1")
    await allocate(store, "b", "n1")
    assert await release(store, which) == ["10.1.0.0", "fd00:1::"]
    assert [*held(await central.read_snapshot(store))] == ["b"]


@virtual
async def test_a_held_name_is_told_with_its_place() -> None:
    store = await racks()
    await allocate(store, "a", "n1")
    with pytest.raises(StaleError) as error:
        await allocate(store, "a", "n2")
    assert error.value.code == "name-held"
    assert str(error.value) == "a is held already: 10.1.0.0 and fd00:1:: on host n1, network pods"


@pytest.mark.parametrize(
    ("request_", "code", "status"),
    [
        (Request("a", HostName("nobody")), "unknown-host", 2),
        (Request("a", HostName("n1"), network="none"), "unknown-network", 2),
        (Request("a", HostName("n1"), tenant="other", network="shop"), "no-network", 3),
        (Request("a", HostName("n1"), tenant="other", network="other"), "not-in-network", 3),
    ],
)
@virtual
async def test_what_cannot_be_is_refused_and_leaves_nothing(
    request_: Request, code: str, status: int
) -> None:
    store = await racks(TENANTS)
    before = await store.read("")
    with pytest.raises(RomanaError) as error:
        await central.allocate(store, request_, means=means())
    assert (error.value.code, error.value.exit_status) == (code, status)
    assert (await store.read("")).records == before.records


@virtual
async def test_a_full_network_overflows_into_the_next_and_then_there_is_none() -> None:
    store = await racks(TENANTS)

    async def one(number: int) -> str:
        request = Request(f"p{number}", HostName("n1"), tenant="shop")
        return str((await central.allocate(store, request, means=means()))[0].address)

    got = [await one(n) for n in range(16 + 256)]
    assert got[:16] == [f"10.2.0.{n}" for n in range(16)]
    assert {address.rpartition(".")[0] for address in got[16:]} == {"10.1.0"}
    with pytest.raises(PlanError) as error:
        await one(999)
    assert error.value.code == "no-free-address"
    assert not (await store.read("names/p999")).records


@virtual
async def test_packed_yields_at_once_and_takes_the_lowest_again() -> None:
    store = await racks(PACKED)
    await allocate(store, "a", "n1", "web")
    await allocate(store, "b", "n1", "db")
    await release(store, "a")
    now = await central.read_snapshot(store)
    assert [str(block.prefix) for block in now.blocks() if block.prefix.version == 4] == ["10.1.0.8/29"]
    assert [c.owner for _, c in now.claims() if str(c.prefix) == "10.1.0.0/29"] == [None]
    assert await allocate(store, "c", "n1", "db2") == ["10.1.0.0", "fd00:1::"]


@virtual
async def test_spread_keeps_an_emptied_block_with_its_host() -> None:
    store = await racks(SPREAD)
    await allocate(store, "a", "n1")
    await release(store, "a")
    now = await central.read_snapshot(store)
    assert {block.owner.host for block in now.blocks()} == {"n1"}
    assert await allocate(store, "b", "n1") == ["10.1.0.1", "fd00:1::1"]  # the first one rests


@virtual
async def test_a_yield_that_was_interrupted_is_finished_by_the_next_claim() -> None:
    for at in range(12):
        store = MemoryStore()
        await apply(store, TINY)
        await add(store, "n1", "192.168.0.1", "")
        await add(store, "n2", "192.168.0.2", "")
        await allocate(store, "a", "n1")
        await allocate(store, "b", "n2")
        try:
            await central.release(FaultAt(store, at, "killed"), "a", means=means())
        except Killed:
            if "a" in held(await central.read_snapshot(store)):
                continue
        assert await allocate(store, "c", "n2") == ["10.1.0.3"]
        assert await allocate(store, "d", "n2") == ["10.1.0.0"]


@pytest.mark.parametrize("state", [HostState.DRAINING, HostState.LEFT])
@virtual
async def test_a_host_that_goes_gets_nothing_even_in_its_own_blocks(state: HostState) -> None:
    store = await racks()
    await allocate(store, "a", "n1")
    now = await central.read_snapshot(store)
    key = host_key("n1")
    await store.swap(key, encode_host(replace(now.hosts[HostName("n1")], state=state)), now.revisions[key])
    with pytest.raises(PlanError) as error:
        await allocate(store, "b", "n1")
    assert error.value.code == "draining"
    assert await release(store, "a")


@virtual
async def test_whoever_gives_up_half_way_leaves_nothing() -> None:
    """The second family's mirror is always lost: after the last attempt the first family's is taken back."""
    store = await racks()

    class Busy(FaultAt):
        async def swap(
            self, key: str, value: bytes | None, expected: int, *, lease: str | None = None
        ) -> int:
            wrong = 9999 if key.startswith("blocks/") and "fd00" in key else 0
            return await self.store.swap(key, value, expected + wrong, lease=lease)

    with pytest.raises(StaleError) as error:
        await allocate(Busy(store), "a", "n1")
    assert error.value.code == "swap-lost"
    assert held(await central.read_snapshot(store)) == {}
    assert not (await store.read(name_key("a"))).records


@virtual
async def test_a_misplaced_host_moves_when_it_is_empty_and_not_before() -> None:
    store = await racks()
    await allocate(store, "a", "n1")
    host = await central.label_host(store, "n1", {"rack": "r2"}, means=means())
    assert (host.state, [*host.groups.values()]) == (HostState.MISPLACED, ["r1"])
    assert await allocate(store, "b", "n1") == ["10.1.0.1", "fd00:1::1"]  # its own block has room
    for n in range(6):
        await allocate(store, f"more-{n}", "n1")
    with pytest.raises(PlanError) as error:
        await allocate(store, "too much", "n1")
    assert error.value.code == "no-free-address"
    assert "misplaced" in str(error.value)
    await central.remove_host(store, "n1", release=True, means=means())
    await add(store, "n1", "192.168.0.1", "r1")
    await central.label_host(store, "n1", {"rack": "r2"}, means=means())
    assert (await allocate(store, "c", "n1"))[0].startswith("10.1.4.")


@virtual
async def test_the_clock_is_asked_for_what_rests() -> None:
    store = await racks()
    await allocate(store, "a", "n1")
    await release(store, "a")
    now = await central.read_snapshot(store)
    assert {since for block in now.blocks() for since in block.resting.values()} == {NOW}
    later = replace(means(), wall=lambda: NOW + 31)
    (first, _) = await central.allocate(store, Request("b", HostName("n1")), means=later)
    assert str(first.address) == "10.1.0.0"


@pytest.mark.parametrize("what", ["nobody", "10.1.0.77", "fd00:1::77", "10.1.0.0/29", ""])
@virtual
async def test_what_nobody_holds_cannot_be_released(what: str) -> None:
    store = await racks()
    await allocate(store, "a", "n1")
    with pytest.raises(RomanaError) as error:
        await release(store, what)
    assert (error.value.code, error.value.exit_status) == ("unknown-address", 2)
