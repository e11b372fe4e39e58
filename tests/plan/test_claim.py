"""Where the next block of a host goes, and which extent lists it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from plan_trees import document, group, network, prefixes, racks, root

from romana.model.block import Extent, Owner, Writer
from romana.model.errors import ConfigError, PlanError, StaleError
from romana.model.host import HostName, HostState
from romana.model.topology import GroupPath, Placement
from romana.net.prefix import Prefix
from romana.plan.claim import claim, first_block, host_prefix, may_claim, take_host_prefix, yield_block
from romana.plan.ground import overlapping
from romana.testing import invariants
from romana.testing.datacentre import DataCentre


def centre(*cidrs: str, tree=None, hosts: int = 2, **keys) -> DataCentre:
    dc = DataCentre()
    dc.apply(document((network(*cidrs, **keys), tree or racks(1))))
    for number in range(1, hosts + 1):
        dc.join(f"n{number}", f"192.168.0.{number}")
    return dc


def take(dc: DataCentre, host: str, version: int = 4, tenant: str = "") -> str:
    owner = Owner(HostName(host), tenant)
    extent, new = claim(dc.snapshot, dc.layout.networks[0], owner, version, Writer.CENTRAL)
    dc.put_extent(extent)
    dc.put(first_block(dc.snapshot, extent, new))
    invariants.require(dc.snapshot)
    return str(new.prefix)


def test_spread_starts_in_the_middle_of_the_widest_gap_and_goes_on_beside_itself():
    dc = centre("10.0.0.0/22", hosts=3)
    assert [take(dc, f"n{i}") for i in (1, 2, 3)] == ["10.0.0.0/26", "10.0.2.0/26", "10.0.1.0/26"]
    assert [take(dc, "n1") for _ in range(3)] == ["10.0.0.64/26", "10.0.0.128/26", "10.0.0.192/26"]
    assert [take(dc, "n2") for _ in range(3)] == ["10.0.2.64/26", "10.0.2.128/26", "10.0.2.192/26"]
    # .0/24 is full and its buddy is n3's: the next island is in the middle of what is free
    assert take(dc, "n1") == "10.0.3.0/26"


def test_packed_takes_the_lowest_that_nobody_holds_emptied_ones_included():
    dc = centre("10.0.0.0/24", placement=Placement.PACKED)
    assert [take(dc, h) for h in ("n1", "n2", "n1")] == ["10.0.0.0/26", "10.0.0.64/26", "10.0.0.128/26"]
    dc.yield_(next(b for b in dc.snapshot.blocks() if str(b.prefix) == "10.0.0.64/26"))
    assert take(dc, "n1") == "10.0.0.64/26"


def test_blocks_of_other_owners_on_the_host_count_as_beside():
    dc = centre("10.0.0.0/22")
    assert [take(dc, "n1", tenant=t) for t in "abc"] == ["10.0.0.0/26", "10.0.0.64/26", "10.0.0.128/26"]


def test_a_claim_never_leaves_the_group():
    dc = centre("10.0.0.0/24", tree=racks(2), hosts=1)
    assert [take(dc, "n1") for _ in range(2)] == ["10.0.0.0/26", "10.0.0.64/26"]
    with pytest.raises(
        PlanError, match=r"group r1 of network pods \(10\.0\.0\.0/25\) has no free /26 block"
    ) as error:
        take(dc, "n1")
    assert error.value.code == "group-full"


def test_every_host_has_a_prefix_of_its_own_where_the_group_says_so():
    dc = centre("10.0.0.0/20", tree=racks(1, host_mask=24, host_mask6=64), hosts=3)
    live = dc.layout.networks[0]
    assert host_prefix(dc.snapshot, live, HostName("n2"), 4) is None
    assert [take(dc, h) for h in ("n2", "n1", "n2")] == ["10.0.0.0/26", "10.0.1.0/26", "10.0.0.64/26"]
    assert host_prefix(dc.snapshot, live, HostName("n2"), 4) == Prefix.parse("10.0.0.0/24")
    extent = take_host_prefix(dc.snapshot, live, HostName("n3"), 4)
    assert extent == Extent(live.id, Prefix.parse("10.0.2.0/24"), GroupPath("r1"), host=HostName("n3"))
    assert take_host_prefix(dc.snapshot, live, HostName("n1"), 4) is None
    assert [take(dc, "n2") for _ in range(2)] == ["10.0.0.128/26", "10.0.0.192/26"]
    with pytest.raises(
        PlanError, match=r"10\.0\.0\.0/24, host n2's own prefix in group r1 of network pods, has no free"
    ):
        take(dc, "n2")


def test_the_prefix_of_a_host_that_left_is_taken_again():
    dc = centre("10.0.0.0/20", tree=racks(1, host_mask=24), hosts=2)
    assert [take(dc, h) for h in ("n1", "n2")] == ["10.0.0.0/26", "10.0.1.0/26"]
    dc.leave("n1")
    dc.join("n9", "192.168.0.9")
    assert take(dc, "n9") == "10.0.0.0/26"
    assert dc.extents["n1", Prefix.parse("10.0.0.0/24")].host == "n9"


def test_host_prefixes_go_round_extents_of_before_and_old_space_serves_when_there_is_no_other():
    dc = centre("10.0.0.0/22", tree=racks(1), hosts=1)
    take(dc, "n1")
    dc.apply(document((network("10.0.0.0/22", "10.0.8.0/24"), racks(1, host_mask=25))))
    assert [take(dc, "n1") for _ in range(2)] == ["10.0.8.0/26", "10.0.8.64/26"]
    dc.join("n2", "192.168.0.2")
    dc.join("n3", "192.168.0.3")
    assert take(dc, "n2") == "10.0.8.128/26"
    assert take(dc, "n3") == "10.0.2.0/26"  # no host prefix is left; the old shared extent has room


def test_extents_hold_at_most_256_blocks_and_are_never_cut_again():
    dc = centre("10.0.0.0/12", hosts=2)
    assert [take(dc, h) for h in ("n1", "n2")] == ["10.0.0.0/26", "10.8.0.0/26"]
    assert [str(p) for _, p in dc.extents] == ["10.0.0.0/18", "10.8.0.0/18"]
    dc.apply(document((network("10.0.0.0/12", block_mask=28), racks(1))))
    assert take(dc, "n1") == "10.0.0.64/28"
    dc.join("n3", "192.168.0.3")
    assert take(dc, "n3") == "10.4.0.0/28"
    assert [str(p) for _, p in dc.extents] == ["10.0.0.0/18", "10.8.0.0/18", "10.4.0.0/20"]


def test_larger_blocks_find_whole_space_between_smaller_ones():
    dc = centre("10.0.0.0/24", hosts=1, block_mask=28)
    take(dc, "n1")
    dc.apply(document((network("10.0.0.0/24", block_mask=26), racks(1))))
    assert take(dc, "n1") == "10.0.0.128/26"  # beside would overlap the /28
    assert take(dc, "n1") == "10.0.0.192/26"


def test_reserved_blocks_are_skipped_and_partly_reserved_ones_are_not():
    reserved = prefixes("10.0.0.0/27", "10.0.0.32/27", "10.0.0.64/27")
    dc = centre("10.0.0.0/24", hosts=1, placement=Placement.PACKED, reserved=reserved)
    assert [take(dc, "n1") for _ in range(3)] == ["10.0.0.64/26", "10.0.0.128/26", "10.0.0.192/26"]
    with pytest.raises(PlanError, match="no free /26 block"):
        take(dc, "n1")


def test_ipv6_space_is_never_enumerated():
    dc = centre("fd00::/48", tree=racks(1, host_mask6=64), hosts=2)
    assert [take(dc, h, 6) for h in ("n1", "n2", "n1")] == ["fd00::/122", "fd00:0:0:1::/122", "fd00::40/122"]
    assert [str(p) for _, p in dc.extents] == ["fd00::/64", "fd00:0:0:1::/64"]


def test_who_gets_no_block_is_told_why():
    tree = root(group("r1", assignment={"rack": "1"}), group("r2"))
    dc = centre("10.0.0.0/16", tree=tree, hosts=0)
    dc.join("n1", "192.168.0.1", rack="1")
    live = dc.layout.networks[0]
    assert may_claim(dc.snapshot, live, HostName("n1")) is None
    dc.relabel("n1", {})
    with pytest.raises(
        PlanError, match=r"no longer fits group r1 of network pods .*: needs rack=1, the host has no rack"
    ):
        take(dc, "n1")
    dc.put_host(replace(dc.snapshot.hosts[HostName("n1")], labels={"rack": "1"}, state=HostState.DRAINING))
    with pytest.raises(PlanError, match="host n1 is draining"):
        take(dc, "n1")
    dc.put_host(replace(dc.records[HostName("n1")], state=HostState.READY, groups={}))
    with pytest.raises(PlanError, match="host n1 is in no group of network pods") as error:
        take(dc, "n1")
    assert error.value.code == "not-in-network"
    with pytest.raises(ConfigError, match="there is no host 'nobody'"):
        take(dc, "nobody")


def test_epochs_grow_with_every_claim_and_yield():
    dc = centre("10.0.0.0/24", hosts=1, placement=Placement.PACKED)
    for epoch in (1, 3, 5):
        take(dc, "n1")
        (block,) = dc.snapshot.blocks()
        assert block.epoch == epoch
        dc.yield_(block)
    (extent,) = dc.extents.values()
    assert (extent.epoch, extent.blocks[0].owner) == (6, None)
    with pytest.raises(StaleError, match="has no owner"):
        yield_block(extent, block.prefix)


def test_an_emptied_block_of_another_size_makes_room():
    dc = centre("10.0.0.0/24", hosts=1, block_mask=28, placement=Placement.PACKED)
    take(dc, "n1")
    dc.yield_(next(dc.snapshot.blocks()))
    dc.apply(document((network("10.0.0.0/24", block_mask=26, placement=Placement.PACKED), racks(1))))
    assert take(dc, "n1") == "10.0.0.0/26"
    (extent,) = dc.extents.values()
    assert [str(c.prefix) for c in extent.blocks] == ["10.0.0.0/26"]


def test_extents_that_overlap_take_no_new_blocks():
    dc = centre("10.0.0.0/22", hosts=1)
    for text in ("10.0.0.0/23", "10.0.0.0/24"):
        dc.put_extent(Extent(dc.layout.networks[0].id, Prefix.parse(text), GroupPath("r1")))
    wide = dc.extents["n1", Prefix.parse("10.0.0.0/23")]
    assert [str(e.prefix) for e in overlapping(dc.snapshot, wide)] == ["10.0.0.0/24"]
    assert take(dc, "n1") == "10.0.2.0/26"


def test_closed_extents_take_no_new_blocks():
    dc = centre("10.0.0.0/24", hosts=1)
    take(dc, "n1")
    (extent,) = dc.extents.values()
    dc.put_extent(replace(extent, open=False))
    with pytest.raises(PlanError, match="no free /26 block"):
        take(dc, "n1")


def test_what_rests_goes_on_resting_under_the_next_owner():
    dc = centre("10.0.0.0/26", placement=Placement.PACKED)
    dc.allocate("a", "n1")
    dc.release("a")
    assert [str(h.address) for h in dc.allocate("b", "n2")] == ["10.0.0.1"]
    dc.now += 31
    assert [str(h.address) for h in dc.allocate("c", "n2")] == ["10.0.0.0"]
