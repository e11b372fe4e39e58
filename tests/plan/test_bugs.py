"""Defects of the original that must not come back, each under its number."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from plan_trees import NET, centre, document, group, network, prefixes, racks, root, texts

from romana.model.block import Block, Owner, Writer
from romana.model.errors import ConfigError, PlanError, StaleError
from romana.model.host import HostName
from romana.model.layout import NetworkId
from romana.model.topology import GroupPath, Placement
from romana.net.prefix import Prefix, PrefixError
from romana.plan.allocate import NeedBlock, Request, allocate, networks_for, release
from romana.plan.carve import carve
from romana.plan.claim import yield_block
from romana.plan.invariants import check
from romana.testing import invariants
from romana.testing.datacentre import DataCentre

PACKED = {"placement": Placement.PACKED, "reuse_delay": 0.0, "block_mask": 29}
KOPS = "failure-domain.beta.kubernetes.io/zone"


def test_bug_01_spare_shares_are_not_groups_that_catch_hosts_of_other_zones():
    zones = [group(z, *racks(4).groups, assignment={KOPS: z}) for z in ("1a", "1b", "1c")]
    dc = DataCentre()
    dc.apply(document((network("100.96.0.0/11", **PACKED), root(*zones))))
    homes = [dc.join(f"node-{i}", f"172.20.0.{i}", labels={KOPS: "1a"}).groups["n1"] for i in range(1, 14)]
    assert set(homes) == {f"1a/r{i}" for i in (1, 2, 3, 4)}
    with pytest.raises(PlanError, match=f"1a: needs {KOPS}=1a, the host has {KOPS}=1d"):
        dc.join("stray", "172.20.1.1", labels={KOPS: "1d"})


@pytest.mark.slow
def test_bug_02_no_order_of_releases_leaks_an_address():
    """The original lost addresses in 31,762 of the 40,320 orders in which a /29 can be emptied."""
    dc = DataCentre()
    dc.apply(document((network("10.0.0.0/29", **PACKED), racks(1))))
    dc.join("n1", "192.168.0.1")
    full = Block(
        NetworkId("n1"), Prefix.parse("10.0.0.0/29"), GroupPath("r1"), Owner(HostName("n1")), Writer.AGENT, 1
    )
    addresses = [full.prefix.address(i) for i in range(8)]
    for number in range(8):
        full = allocate(dc.snapshot, [full], Request(f"p{number}", HostName("n1")), now=0.0).blocks[0]
    assert isinstance(allocate(dc.snapshot, [full], Request("p8", HostName("n1")), now=0.0), NeedBlock)
    for order in [*permutations(range(8))][::7]:
        block = full
        for step, index in enumerate(order):
            block = release(block, addresses[index], now=0.0)
            lowest = min(addresses[i] for i in order[: step + 1])
            again = allocate(dc.snapshot, [block], Request("again", HostName("n1")), now=0.0)
            assert again.holdings[0].address == lowest
            assert len(block.holdings) == 7 - step
        assert block.holdings == {}


def test_bug_02_smallest_case_release_5_3_1():
    dc = centre((network("10.0.0.0/29", **PACKED), racks(1)), hosts=1)
    for number in range(2, 9):
        dc.allocate(f"pod-{number}", "n1")
    for number in (6, 4, 2):
        dc.release(f"pod-{number}")
    got = [str(dc.allocate(f"new-{i}", "n1")[0].address) for i in range(3)]
    assert got == ["10.0.0.1", "10.0.0.3", "10.0.0.5"]


def test_bug_03_what_is_free_is_never_counted_as_used():
    dc = centre((network("10.0.0.0/29", **PACKED), racks(1)), hosts=1)
    dc.allocate("pod-2", "n1")
    dc.release("pod-1")  # the free range now starts where the block does
    (block,) = dc.snapshot.blocks()
    assert len(block.holdings) == 1
    assert [h.name for _, h in dc.snapshot.holdings()] == ["pod-2"]


def test_bug_04_block_past_the_group_end():
    tree = root(*racks(4).groups)
    with pytest.raises(ConfigError, match="each would get a /30, smaller than a /29 block"):
        carve(network("10.0.0.0/28", **PACKED), tree)
    dc = DataCentre()
    dc.apply(document((network("10.0.0.0/27", **PACKED), tree)))
    for number in range(1, 5):
        dc.join(f"n{number}", f"192.168.0.{number}")
    for number in range(1, 5):
        for pod in range(8):
            dc.allocate(f"pod-{number}-{pod}", f"n{number}")
        with pytest.raises(PlanError, match=f"group r{number} has no IPv4 block left"):
            dc.allocate("one-more", f"n{number}")
    invariants.require(dc.snapshot)


def test_bug_05_host_bits_never_shift_a_range():
    with pytest.raises(PrefixError, match=r"10\.0\.0\.5/24 has host bits set; the prefix is 10\.0\.0\.0/24"):
        Prefix.parse("10.0.0.5/24")
    assert texts(carve(replace(NET, prefixes=(Prefix.tolerant("10.0.0.5/24"),)), racks(2))) == {
        "r1": "10.0.0.0/25",
        "r2": "10.0.0.128/25",
    }


def test_bug_06_a_host_that_left_holds_no_names():
    dc = centre((network("10.0.0.0/24", **PACKED), racks(1)))
    with pytest.raises(PlanError, match="holds addresses"):
        dc.leave("n1")
    dc.release("pod-1")
    dc.leave("n1")
    dc.allocate("pod-1", "n2")
    dc.release("pod-1")
    assert [h.name for _, h in dc.snapshot.holdings()] == ["pod-2"]
    assert {b.owner.host for b in dc.snapshot.blocks()} == {"n2"}


def test_bug_07_a_full_block_is_not_empty_and_an_empty_one_is():
    dc = centre((network("10.0.0.0/30", block_mask=30, placement=Placement.PACKED), racks(1)), hosts=1)
    for number in (2, 3, 4):
        dc.allocate(f"pod-{number}", "n1")
    (block,) = dc.snapshot.blocks()
    assert len(block.holdings) == block.prefix.size == 4
    for number in range(1, 5):
        dc.release(f"pod-{number}")
    assert [*dc.snapshot.blocks()] == []
    assert [claim.owner for _, claim in dc.snapshot.claims()] == [None]


def test_bug_08_nested_groups_and_a_single_one_keep_their_names():
    nested = root(group("zone", group("rack 1", group("shelf:a"))))
    assert list(carve(NET, nested)) == ["zone", "zone/rack 1", "zone/rack 1/shelf:a"]


def test_bug_09_a_network_without_topology_harms_nothing():
    dc = centre((network("10.9.0.0/16", name="idle"), None), (NET, racks(2)))
    dc.relabel("n1", {"x": "y"})
    assert [n.name for n in networks_for(dc.layout, "")] == ["idle", "pods"]
    assert str(dc.allocate("more", "n1")[0].address) == "10.0.0.1"
    dc.release("more")
    dc.release("pod-1")
    dc.leave("n1")
    assert check(dc.snapshot) == []


def test_bug_10_a_new_document_keeps_the_hosts_that_were_added():
    dc = centre()
    held = [*dc.snapshot.holdings()]
    dc.apply(
        document((replace(NET, reuse_delay=0.0), racks(2)), (network("10.9.0.0/16", name="new"), racks(1)))
    )
    assert {n: h.groups["n1"] for n, h in dc.snapshot.hosts.items()} == {"n1": "r1", "n2": "r2"}
    assert [*dc.snapshot.holdings()] == held


def test_bug_10b_a_refused_document_changes_nothing():
    dc = centre()
    before = dc.snapshot, dc.layout, {**dc.extents}, {**dc.mirrors}, {**dc.records}
    with pytest.raises(PlanError):
        dc.apply(document((network("192.0.2.0/24"), racks(2))))
    assert (dc.snapshot, dc.layout, dc.extents, dc.mirrors, dc.records) == before


def test_bug_11_reservations_outlive_a_new_document():
    dc = centre()
    dc.reserve("pods", *prefixes("10.0.0.1/32"))
    dc.apply(document((replace(NET, name="renamed"), racks(2))))
    assert str(dc.allocate("next", "n1")[0].address) == "10.0.0.2"


def test_bug_15_a_host_that_cannot_join_is_in_no_network():
    dc = centre((NET, racks(2)), (network("10.1.0.0/16", name="second"), racks(2)))
    before = dc.snapshot
    with pytest.raises(StaleError):
        dc.join("n3", "192.168.0.1")
    assert dc.snapshot is before


def test_bug_19_what_a_host_leaves_behind_is_released_with_a_new_epoch():
    dc = centre(hosts=1)
    dc.release("pod-1")
    before = {key: extent.epoch for key, extent in dc.extents.items()}
    dc.leave("n1")
    assert all(extent.epoch > before[key] for key, extent in dc.extents.items())
    with pytest.raises(StaleError, match="has no owner"):
        yield_block(next(iter(dc.extents.values())), Prefix.parse("10.0.0.0/26"))
