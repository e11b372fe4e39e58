"""Groups that are given more space while they are in use."""

from __future__ import annotations

import pytest
from central_world import allocate, apply, means, racks, virtual

from romana.model.errors import PlanError, RomanaError
from romana.ports.store import Store
from romana.reconcile import central
from romana.testing import invariants

TIGHT = """
networks:
  - {name: pods, cidrs: [%s], block_mask: 30, placement: packed}
topologies:
  - networks: [pods]
    map:
      - {name: r1, assignment: {rack: r1}}
      - {name: r2, assignment: {rack: r2}}
      - {name: r3, assignment: {rack: r3}%s}
"""
PLAIN = TIGHT % ("10.1.0.0/27", "")


async def grow(store: Store, path: str, network: str = "pods", *, dry_run: bool = False) -> tuple[str, str]:
    grown = await central.grow_group(store, network, path, dry_run=dry_run, means=means())
    return ", ".join(map(str, grown.before)), ", ".join(map(str, grown.after))


async def fill(store: Store, host: str, count: int) -> None:
    """Give the host that many addresses, and see that there is not one more."""
    for number in range(count):
        await allocate(store, f"{host}-{number}", host)
    await refused(store, host)


async def refused(store: Store, host: str) -> None:
    with pytest.raises(PlanError, match=r"group r\d has no IPv4 block left"):
        await allocate(store, "more", host)


@virtual
async def test_a_full_group_takes_the_space_beside_it_and_goes_on():
    store = await racks(PLAIN)
    await fill(store, "n2", 8)
    assert await grow(store, "r2", dry_run=True) == ("10.1.0.8/29", "10.1.0.8/29, 10.1.0.24/29")
    await refused(store, "n2")
    assert await grow(store, "r2") == ("10.1.0.8/29", "10.1.0.8/29, 10.1.0.24/29")
    await allocate(store, "more", "n2")
    invariants.require(await central.read_snapshot(store))
    with pytest.raises(PlanError, match="no free IPv4 prefix is left beside it; add one to the network"):
        await grow(store, "r1")


@virtual
async def test_a_prefix_that_joins_the_network_serves_the_group_that_grows():
    store = await racks(PLAIN)
    await apply(store, TIGHT % ("10.1.0.0/27, 10.2.0.0/28", ""))
    assert await grow(store, "r1") == ("10.1.0.0/29", "10.1.0.0/29, 10.1.0.24/29")
    assert await grow(store, "r1") == ("10.1.0.0/29, 10.1.0.24/29", "10.1.0.0/29, 10.1.0.24/29, 10.2.0.0/29")
    await apply(store, TIGHT % ("10.1.0.0/27, 10.2.0.0/28", ""))
    snapshot = await central.read_snapshot(store)
    assert len(snapshot.layout.networks[0].carving["r1"]) == 3
    invariants.require_converged(snapshot)


@virtual
async def test_each_family_grows_that_has_room():
    store = await racks(TIGHT % ('10.1.0.0/27, "fd00::/120"', ", prefixes: [10.1.0.16/28]"))
    assert await grow(store, "r1") == (
        "10.1.0.0/29, fd00::/122",
        "10.1.0.0/29, fd00::/122, fd00::c0/122",
    )


@virtual
async def test_a_pinned_group_grows_in_the_document():
    store = await racks(TIGHT % ("10.1.0.0/27", ", prefixes: [10.1.0.24/29]"))
    with pytest.raises(PlanError, match="the document pins its IPv4 prefixes; add one there"):
        await grow(store, "r3")


@virtual
@pytest.mark.parametrize(
    ("network", "path", "code"), [("none", "r1", "unknown-network"), ("pods", "r9", "unknown-group")]
)
async def test_only_groups_that_there_are_grow(network: str, path: str, code: str):
    store = await racks(PLAIN)
    with pytest.raises(RomanaError) as caught:
        await grow(store, path, network)
    assert caught.value.code == code


@virtual
async def test_a_group_that_is_being_emptied_does_not_grow():
    store = await racks(PLAIN)
    await allocate(store, "pod", "n2")
    await apply(store, PLAIN.replace("      - {name: r2, assignment: {rack: r2}}\n", ""), drain=True)
    with pytest.raises(PlanError, match="being emptied"):
        await grow(store, "r2")
