"""What a new document changes on a network in use, and that nothing in use moves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from plan_trees import NET, centre, document, group, listed, network, prefixes, racks, root, words

from romana.model.errors import PlanError
from romana.model.host import HostName, HostState
from romana.model.topology import BlockOwner, Placement
from romana.plan.changes import plan_document
from romana.testing import invariants
from romana.testing.datacentre import DataCentre


def test_a_first_document_is_all_additions():
    plan = plan_document(
        DataCentre().snapshot, document((NET, root(group("r1", listed("n1", "192.168.0.1")))))
    )
    assert words(plan.changes) == [
        "add network pods: 10.0.0.0/16",
        "add group pods: r1: 10.0.0.0/16",
        "add host n1: pods: r1",
    ]
    assert plan.writes
    assert (plan.extents, plan.hosts, plan.refusals, plan.warnings, plan.prelude) == ((), (), (), (), None)


def test_the_same_document_changes_nothing():
    dc = centre()
    invariants.require_converged(dc.snapshot)


def test_additions_move_nothing():
    dc = centre()
    held = [*dc.snapshot.holdings()]
    tree = root(*racks(2).groups, group("r3"))
    with pytest.raises(
        PlanError,
        match=r"r3: the network .* has no /26 left for it: r1, r2 hold all of it; "
        r"pin `prefixes` for the new group, or add a prefix to the network",
    ):
        dc.apply(document((NET, tree)))
    wider = replace(NET, prefixes=prefixes("10.0.0.0/16", "10.7.0.0/16"))
    plan = dc.apply(document((wider, tree), (network("10.9.0.0/16", name="more"), racks(1))))
    assert words(plan.changes) == [
        "change network pods prefixes: 10.0.0.0/16 → 10.0.0.0/16, 10.7.0.0/16",
        "add group pods: r3: 10.7.0.0/17",
        "add network more: 10.9.0.0/16",
        "add group more: r1: 10.9.0.0/16",
        "join host n1: more: r1",
        "join host n2: more: r1",
    ]
    assert [*dc.snapshot.holdings()] == held
    invariants.require_converged(dc.snapshot)


def test_another_name_for_the_same_prefix_renames_and_addresses_go_along():
    dc = centre()
    extents = {**dc.extents}
    plan = dc.apply(document((replace(NET, name="renamed"), racks(2))))
    assert words(plan.changes) == ["rename network renamed: pods → renamed"]
    assert (dc.layout.networks[0].id, dc.extents) == ("n1", extents)


def test_two_networks_that_swap_their_names_are_both_renamed():
    other = network("10.1.0.0/16", name="other")
    dc = centre((NET, racks(2)), (other, racks(2)))
    swapped = document((replace(NET, name="other"), racks(2)), (replace(other, name="pods"), racks(2)))
    assert words(dc.apply(swapped).changes) == [
        "rename network other: pods → other",
        "rename network pods: other → pods",
    ]


def test_labels_of_a_listed_host_changed_by_both_sides_are_merged():
    def tree(**labels):
        return root(group("r1", listed("n1", "192.168.0.1", **labels)))

    dc = DataCentre()
    dc.apply(document((NET, tree(rack="1", disk="old", gone="x"))))
    dc.relabel("n1", {"rack": "1", "disk": "ours", "gone": "x", "more": "y"})
    dc.apply(document((NET, tree(rack="2", disk="old"))))
    assert dc.snapshot.hosts[HostName("n1")].labels == {"rack": "2", "disk": "ours", "more": "y"}


def test_an_added_host_that_gets_listed_stays_where_it_is_and_keeps_its_addresses():
    dc = centre()
    tree = root(group("r1", listed("n1", "192.168.0.1")), group("r2", listed("n2", "192.168.0.2")))
    plan = dc.apply(document((NET, tree)))
    assert words(plan.changes) == [
        "change host n1: joined → listed in the document",
        "change host n2: joined → listed in the document",
    ]
    invariants.require_converged(dc.snapshot)


def test_changed_attributes_hold_for_what_comes_and_leave_what_is():
    dc = centre()
    changed = replace(
        NET,
        block_mask=28,
        owner=BlockOwner.TENANT,
        placement=Placement.PACKED,
        tenants=("web",),
        reuse_delay=0.0,
    )
    plan = dc.apply(document((changed, racks(2))))
    assert words(plan.changes) == [
        "change network pods block_mask: 26 → 28",
        "change network pods owner: host → tenant",
        "change network pods placement: spread → packed",
        "change network pods reuse_delay: 30.0 → 0.0",
        "change network pods tenants: none → web",
    ]
    assert words(plan.warnings) == ["pods: tenant '' is not among its tenants and keeps 2 addresses"]
    assert str(dc.allocate("web-1", "n1", tenant="web")[0].address) == "10.0.0.64"
    assert sorted(p.length for b in dc.snapshot.blocks() for p in [b.prefix]) == [26, 26, 28]
    invariants.require(dc.snapshot)


def test_racks_put_below_a_zone_take_over_its_extents():
    dc = centre((NET, root(group("zone"))), hosts=1)
    dc.release("pod-1")
    plan = dc.apply(document((NET, root(group("zone", *racks(2).groups)))))
    assert "move host n1: pods: zone → pods: zone/r1" in words(plan.changes)
    assert {e.group for e in dc.extents.values()} == {"zone/r1"}
    assert str(dc.allocate("pod", "n1")[0].address) == "10.0.0.1"  # .0 still rests
    invariants.require(dc.snapshot)


def test_an_extent_wider_than_the_new_groups_serves_them_all():
    small = network("10.0.0.0/24")
    dc = centre((small, root(group("zone"))), hosts=1)
    dc.release("pod-1")
    dc.apply(document((small, root(group("zone", *racks(2).groups)))))
    assert [(str(e.prefix), e.group) for e in dc.extents.values()] == [("10.0.0.0/24", "zone")]
    dc.join("n2", "192.168.0.2")
    assert [str(dc.allocate(f"new-{h}", h)[0].address) for h in ("n1", "n2")] == ["10.0.0.1", "10.0.0.128"]
    invariants.require(dc.snapshot)


def test_a_small_group_that_grows_has_its_extent_made_at_once():
    net = network("10.0.0.0/22")
    dc = DataCentre()
    dc.apply(document((net, racks(3))))
    bigger = root(*racks(2).groups, group("r3", hosts_expected=8))
    plan = dc.apply(document((net, bigger)))
    assert words(plan.changes) == [
        "grow group pods: r3: 10.0.2.0/24 → 10.0.2.0/23",
        "change group pods: r3 hosts_expected: none → 8",
    ]
    assert [(str(e.prefix), e.group) for e in plan.extents] == [("10.0.2.0/24", "r3")]
    invariants.require_converged(dc.snapshot)


def test_warnings():
    tree = root(
        group("r1", listed("n1", "10.0.0.9"), listed("n2", "192.168.0.2"), assignment={"rack": "1"}),
        group("r2"),
    )
    more = root(group("x", listed("n3", "192.168.0.2")))
    dc = DataCentre()
    plan = dc.apply(
        document(
            (NET, tree), (network("10.1.0.0/16", name="b"), more), (network("10.2.0.0/16", name="idle"), None)
        )
    )
    assert words(plan.warnings) == [
        "idle: no topology names this network: it hands out nothing",
        "n1: its address 10.0.0.9 lies in network pods (10.0.0.0/16)",
        "n2: its address 192.168.0.2 is also that of n3",
    ]
    dc.join("n4", "192.168.0.4", rack="1")
    dc.join("n5", "192.168.0.5", rack="1")
    assert dc.snapshot.hosts[HostName("n4")].groups["n1"] == "r2"
    dc.allocate("pod", "n5", network="pods")
    stricter = root(
        group("r1", *tree.groups[0].hosts, assignment={"rack": "1"}), group("r2", assignment={"rack": "2"})
    )
    plan = plan_document(dc.snapshot, document((NET, stricter)))
    assert plan.layout.networks[0].root == stricter
    states = {c.name: c.after for c in plan.changes if c.name.endswith(" state")}
    assert set(states.values()) <= {HostState.MISPLACED, HostState.JOINING}


def test_a_network_that_is_removed_leaves_no_block_in_any_list():
    dc = centre()
    for pod in ("pod-1", "pod-2"):
        dc.release(pod)
    other = network("10.9.0.0/16", name="other")
    dc.apply(document((other, racks(1))))
    assert [*dc.snapshot.claims()] == []
    invariants.require_converged(dc.snapshot)


def test_a_group_that_only_what_is_there_leaves_no_room_for_is_impossible_now():
    dc = centre((NET, racks(2)))
    three = document((NET, racks(3)))
    with pytest.raises(PlanError, match="groups that are there keep their prefixes") as caught:
        dc.apply(three)
    assert caught.value.code == "no-room"
    DataCentre().apply(three)


def test_addresses_in_use_are_not_reserved_by_a_document():
    dc = centre()
    reserving = document((replace(NET, reserved=prefixes("10.0.0.0/30")), racks(2)))
    with pytest.raises(PlanError, match=r"on host n1: the document reserves"):
        dc.apply(reserving)
    dc.release("pod-1")
    dc.apply(reserving)
    dc.allocate("pod-3", "n1")
    dc.apply(reserving)


def test_a_prefix_that_no_group_gets_anything_of_is_warned_about():
    dc = centre()
    wider = replace(NET, prefixes=prefixes("10.0.0.0/16", "10.7.0.0/16"))
    what = "pods: no group gets anything of 10.7.0.0/16 yet; romana group grow pods PATH gives it to one"
    assert words(dc.apply(document((wider, racks(2)))).warnings) == [what]
    assert dc.apply(document((wider, racks(2)))).warnings == ()


def test_a_host_without_an_address_of_a_family_is_warned_about():
    dc = DataCentre()
    both = document((network("10.0.0.0/16", "fd00::/64"), root(group("r1", listed("n1", "192.168.0.1")))))
    what = "n1: no IPv6 address: nothing can route the IPv6 addresses of network pods to it"
    assert words(dc.apply(both).warnings) == [what]


def test_a_group_joins_an_only_one_where_the_document_pins_its_prefix():
    dc = centre((NET, racks(1)))
    two = root(*racks(1).groups, group("r2"))
    with pytest.raises(PlanError, match=r"r2: .*: r1 holds all of it; pin `prefixes` for the new group"):
        dc.apply(document((NET, two)))
    pinned = root(*racks(1).groups, group("r2", pin=("10.0.192.0/18",)))
    with pytest.raises(PlanError, match=r"10\.0\.128\.0: held by pod-2 on host n2: group r1 .* no longer"):
        dc.apply(document((NET, pinned)))
    dc.release("pod-2")
    held = [holding.address for _, holding in dc.snapshot.holdings()]
    plan = dc.apply(document((NET, pinned)))
    assert "add group pods: r2: 10.0.192.0/18" in words(plan.changes)
    (pods,) = dc.snapshot.layout.networks
    assert pods.carving["r1"] == prefixes("10.0.0.0/17")
    assert [holding.address for _, holding in dc.snapshot.holdings()] == held
    invariants.require_converged(dc.snapshot)
