"""Hosts that are added, labelled and removed; prefixes that are reserved."""

from __future__ import annotations

import pytest
from central_world import SPREAD, add, allocate, apply, give_agent, held, means, racks, release, virtual

from romana.model.errors import RomanaError
from romana.model.host import HostName, HostState
from romana.net.prefix import Address, Prefix
from romana.reconcile import central
from romana.testing.memory import MemoryStore

N1 = HostName("n1")
LISTED = """
networks: [{name: pods, cidr: 10.1.0.0/24, block_mask: 29, reserved: [10.1.0.128/27]}]
topologies:
  - networks: [pods]
    map:
      - name: rack
        assignment: {rack: r1}
        hosts: [{name: listed, ip: 192.168.1.1}]
"""


@pytest.mark.parametrize(
    ("name", "address", "rack", "code", "status"),
    [
        ("n1", "192.168.0.77", "r1", "host-exists", 4),
        ("n9", "192.168.0.1", "r1", "host-address-taken", 4),
        ("n9", "192.168.0.9", "r9", "no-group", 3),
        ("", "192.168.0.9", "r1", "bad-host", 2),
    ],
)
@virtual
async def test_a_host_that_cannot_be_added(
    name: str, address: str, rack: str, code: str, status: int
) -> None:
    store = await racks()
    before = await store.read("")
    with pytest.raises(RomanaError) as error:
        await add(store, name, address, rack)
    assert (error.value.code, error.value.exit_status) == (code, status)
    assert await store.read("") == before


@virtual
async def test_labels_are_set_emptied_and_removed() -> None:
    store = await racks()
    host = await central.label_host(store, "n1", {"empty": "", "a": "b"}, means=means())
    assert host.labels == {"rack": "r1", "empty": "", "a": "b"}
    assert host.state is HostState.READY
    host = await central.label_host(store, "n1", {"empty": None, "never": None}, means=means())
    assert host.labels == {"rack": "r1", "a": "b"}
    host = await central.label_host(store, "n1", {"rack": None}, means=means())
    assert host.state is HostState.MISPLACED
    with pytest.raises(RomanaError) as error:
        await central.label_host(store, "nobody", {"a": "b"}, means=means())
    assert error.value.code == "unknown-host"


@virtual
async def test_a_listed_host_keeps_its_own_labels_and_is_misplaced_by_a_contrary_one_only() -> None:
    store = MemoryStore()
    await apply(store, LISTED)
    host = await central.label_host(store, "listed", {"colour": "red"}, means=means())
    assert (host.state, host.labels) == (HostState.READY, {"colour": "red"})
    host = await central.label_host(store, "listed", {"rack": "r2"}, means=means())
    assert host.state is HostState.MISPLACED
    await apply(store, LISTED)
    assert (await central.read_snapshot(store)).hosts[HostName("listed")].labels["colour"] == "red"


@virtual
async def test_a_listed_host_is_removed_in_the_document() -> None:
    store = MemoryStore()
    await apply(store, LISTED)
    with pytest.raises(RomanaError) as error:
        await central.remove_host(store, "listed", release=True, means=means())
    assert (error.value.code, error.value.exit_status) == ("host-in-document", 2)


@virtual
async def test_a_host_joins_networks_that_come_later() -> None:
    store = await racks()
    more = SPREAD.replace("topologies:", "  - {name: more, cidr: 10.9.0.0/24}\ntopologies:").replace(
        "networks: [pods]", "networks: [pods, more]"
    )
    await apply(store, more)
    now = await central.read_snapshot(store)
    assert [*now.hosts[N1].groups.values()] == ["r1", "r1"]


@virtual
async def test_a_host_with_addresses_stays_and_they_are_listed() -> None:
    store = await racks()
    await allocate(store, "a", "n1")
    with pytest.raises(RomanaError) as error:
        await central.remove_host(store, "n1", means=means())
    assert (error.value.code, error.value.exit_status) == ("host-has-addresses", 3)
    assert [problem.where for problem in error.value.problems] == ["10.1.0.0", "fd00:1::"]
    assert (await central.read_snapshot(store)).hosts[N1].state is HostState.READY


@virtual
async def test_a_removed_host_leaves_its_space_to_others() -> None:
    store = await racks()
    await allocate(store, "a", "n1")
    await central.remove_host(store, "n1", release=True, means=means())
    now = await central.read_snapshot(store)
    assert (now.hosts.get(N1), held(now), [*now.blocks()]) == (None, {}, [])
    assert not (await store.read("names/")).records
    await add(store, "n3", "192.168.0.1", "r1")
    assert (await allocate(store, "a", "n3"))[0].startswith("10.1.0.")
    with pytest.raises(RomanaError) as error:
        await central.remove_host(store, "n1", means=means())
    assert error.value.code == "unknown-host"


@virtual
async def test_a_host_whose_agent_has_only_idle_blocks_is_removed() -> None:
    store = await racks()
    await allocate(store, "a", "n1")
    await release(store, "a")
    await give_agent(store, "n1")
    await central.remove_host(store, "n1", means=means())
    now = await central.read_snapshot(store)
    assert (N1 in now.hosts, [*now.blocks()]) == (False, [])


@pytest.mark.parametrize(
    ("before", "wanted", "after"),
    [
        ("", "10.1.2.0/24", "10.1.2.0/24"),
        ("10.1.2.0/24", "10.1.2.0/24", "10.1.2.0/24"),
        ("10.1.2.0/24", "10.1.2.128/25", "10.1.2.0/24"),
        ("10.1.2.0/25 10.1.3.0/24 10.1.2.128/26", "10.1.2.0/24", "10.1.2.0/24 10.1.3.0/24"),
        ("10.1.2.0/24", "fd00:1::f00/120", "10.1.2.0/24 fd00:1::f00/120"),
        ("", "10.1.9.9/32", "10.1.9.9/32"),
    ],
)
@virtual
async def test_reservations_add_up(before: str, wanted: str, after: str) -> None:
    store = await racks()
    for text in [*before.split(), wanted]:
        await central.reserve(store, Prefix.parse(text), means=means())
    (reserved,) = (await central.read_snapshot(store)).reservations.values()
    assert [str(prefix) for prefix in reserved] == after.split()


@pytest.mark.parametrize(
    ("prefix", "code", "status"),
    [
        ("10.1.0.0/20", "whole-network", 2),
        ("10.0.0.0/8", "whole-network", 2),
        ("fd00:1::/64", "whole-network", 2),
        ("10.1.16.0/24", "outside-networks", 2),
        ("10.1.0.0/24", "addresses-in-use", 3),
        ("10.1.0.1/32", "addresses-in-use", 3),
        ("fd00:1::/120", "addresses-in-use", 3),
    ],
)
@virtual
async def test_what_cannot_be_reserved(prefix: str, code: str, status: int) -> None:
    store = await racks()
    await allocate(store, "a", "n1")
    await allocate(store, "b", "n1")
    before = await store.read("")
    with pytest.raises(RomanaError) as error:
        await central.reserve(store, Prefix.parse(prefix), means=means())
    assert (error.value.code, error.value.exit_status) == (code, status)
    assert await store.read("") == before
    if status == 3:
        assert all(Address.parse(p.where) in Prefix.parse(prefix) for p in error.value.problems)


@pytest.mark.parametrize("prefix", ["10.1.0.2/31", "10.1.0.3/32", "10.1.0.0/30", "10.1.0.0/29"])
@virtual
async def test_bug_12_part_of_a_run_of_addresses_in_use_is_not_reserved(prefix: str) -> None:
    """v2 looked only for runs of used addresses that lie wholly inside what is reserved."""
    store = await racks()
    for name in "abcd":
        await allocate(store, name, "n1")
    with pytest.raises(RomanaError) as error:
        await central.reserve(store, Prefix.parse(prefix), means=means())
    assert error.value.code == "addresses-in-use"


@virtual
async def test_what_is_reserved_is_not_given_survives_an_apply_and_is_given_back_exactly() -> None:
    store = await racks()
    await central.reserve(store, Prefix.parse("10.1.0.0/30"), means=means())
    assert (await allocate(store, "a", "n1"))[0] == "10.1.0.4"
    await apply(store, SPREAD)
    assert (await allocate(store, "b", "n1"))[0] == "10.1.0.5"
    for wrong in ("10.1.0.0/31", "10.1.0.0/29", "10.9.0.0/24"):
        with pytest.raises(RomanaError) as error:
            await central.unreserve(store, Prefix.parse(wrong), means=means())
        assert (error.value.code, error.value.exit_status) == ("unknown-reservation", 2)
        assert "10.1.0.0/30" in str(error.value)
    await central.unreserve(store, Prefix.parse("10.1.0.0/30"), means=means())
    assert (await allocate(store, "c", "n1"))[0] == "10.1.0.0"


@virtual
async def test_what_the_document_reserves_is_given_back_there() -> None:
    store = MemoryStore()
    await apply(store, LISTED)
    await central.reserve(store, Prefix.parse("10.1.0.128/28"), means=means())
    assert not (await central.read_snapshot(store)).reservations
    with pytest.raises(RomanaError) as error:
        await central.unreserve(store, Prefix.parse("10.1.0.128/27"), means=means())
    assert (error.value.code, error.value.exit_status) == ("reserved-in-document", 2)
