"""Which group a host joins, and when it no longer belongs there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from plan_trees import carved, document, group, listed, network, racks, root

from romana.model.errors import ConfigError, PlanError, StaleError
from romana.model.host import AgentMark, Host, HostName, HostState
from romana.model.layout import Layout
from romana.model.topology import Device, GroupPath, Router, site_at, sites
from romana.net.prefix import Address
from romana.plan.place import join, place, resolve_hosts
from romana.testing.datacentre import DataCentre

ZONES = root(
    group(
        "a",
        group("r1", assignment={"rack": "1"}),
        group("r2", assignment={"rack": "2"}),
        assignment={"zone": "a"},
    ),
    group("b", group("r1", assignment={"rack": "1"}), assignment={"zone": "b"}),
)


def centre(*pairs) -> DataCentre:
    dc = DataCentre()
    dc.apply(document(*pairs))
    return dc


def test_the_group_with_fewest_hosts_and_ties_in_document_order():
    dc = centre((network("10.112.0.0/12"), racks(8)))
    homes = [dc.join(f"node-{i}", f"192.168.0.{i}").groups["n1"] for i in range(1, 11)]
    assert homes == ["r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r1", "r2"]


def test_leaves_are_compared_not_the_groups_above():
    tree = root(group("a", *racks(2).groups), group("b"))
    counts = {GroupPath("a/r1"): 1, GroupPath("a/r2"): 2, GroupPath("b"): 2}
    assert place(tree, {}, counts) == "a/r1"
    assert place(tree, {}, {**counts, GroupPath("a/r1"): 2}) == "a/r1"
    assert place(tree, {}, {**counts, GroupPath("a/r1"): 3}) == "a/r2"


def test_listed_hosts_count():
    tree = root(group("r1", listed("n1", "192.168.0.1")), group("r2"))
    assert centre((network("10.0.0.0/16"), tree)).join("n2", "192.168.0.2").groups == {"n1": "r2"}


@pytest.mark.parametrize(
    ("labels", "home"),
    [({"zone": "a", "rack": "2"}, "a/r2"), ({"zone": "b", "rack": "1", "more": "x"}, "b/r1")],
)
def test_the_labels_of_the_whole_path_must_match(labels, home):
    assert place(ZONES, labels, {}) == home


def test_no_group_says_which_labels_were_missing_where():
    with pytest.raises(PlanError) as error:
        place(ZONES, {"zone": "b", "rack": "2"}, {})
    assert error.value.code == "no-group"
    assert [str(p) for p in error.value.problems] == [
        "a: needs zone=a, the host has zone=b",
        "b/r1: needs rack=1, the host has rack=2",
    ]
    with pytest.raises(
        PlanError, match="a: needs zone=a, the host has no zone; b: needs zone=b, the host has no zone"
    ):
        place(ZONES, {}, {})


def test_a_sentence_stays_readable_with_a_thousand_groups():
    tree = racks(1000, assignment={"rack": "x"})
    with pytest.raises(PlanError) as error:
        place(tree, {}, {})
    assert len(error.value.problems) == 1000
    assert str(error.value).endswith("; and 995 more")


def test_a_host_joins_every_network_with_a_fitting_group():
    dc = centre(
        (network("10.0.0.0/16", name="one"), racks(2)),
        (network("10.1.0.0/16", name="two"), ZONES),
        (network("10.2.0.0/16", name="idle"), None),
    )
    assert dc.join("n1", "192.168.0.1").groups == {"n1": "r1"}
    assert dc.join("n2", "192.168.0.2", zone="b", rack="1").groups == {"n1": "r2", "n2": "b/r1"}


def test_joining_says_what_is_wrong():
    dc = centre((network("10.0.0.0/16"), ZONES))
    dc.join("n1", "192.168.0.1", zone="b", rack="1")
    with pytest.raises(StaleError, match=r"host n1 exists already, with 192\.168\.0\.1") as error:
        dc.join("n1", "192.168.0.9", zone="b", rack="1")
    assert error.value.code == "host-exists"
    with pytest.raises(StaleError, match="host n1's address already") as error:
        dc.join("n2", "192.168.0.1", zone="b", rack="1")
    assert error.value.code == "host-address-taken"
    with pytest.raises(PlanError, match="no network has a group for host n3: pods: a: needs zone=a"):
        dc.join("n3", "192.168.0.3")
    with pytest.raises(ConfigError, match="'n4': a host has at least one address"):
        join(dc.snapshot, "n4", [], {})
    with pytest.raises(PlanError, match="no network has a topology; apply one first"):
        DataCentre().join("n1", "192.168.0.1")


def test_hosts_routers_and_devices_share_one_name_space():
    """As in a document: what `host add` lets in, an export writes and an apply reads."""
    tree = root(
        group("r1", routers=(Router("tor-1"),)), group("r2", group("deep", routers=(Router("tor-2"),)))
    )
    fabric = replace(document((network("10.0.0.0/16"), tree)), devices=(Device("spine-1"),))
    dc = DataCentre()
    dc.apply(fabric)
    for name, kind in (("tor-1", "router"), ("tor-2", "router"), ("spine-1", "device")):
        with pytest.raises(ConfigError, match=f"'{name}': is also the name of a {kind} of") as error:
            dc.join(name, "192.168.0.1")
        assert error.value.code == "bad-host"
    dc.join("exit", "192.168.0.1")
    with pytest.raises(ConfigError, match="'exit': the device is called like a host that joined") as error:
        dc.apply(replace(fabric, devices=(Device("spine-1"), Device("exit", "border"))))
    assert error.value.code == "bad-document"


def test_added_hosts_are_misplaced_by_any_label_listed_ones_only_by_another_value():
    tree = root(group("r1", listed("n1", "192.168.0.1"), assignment={"rack": "1"}), group("r2"))
    dc = centre((network("10.0.0.0/16"), tree))
    dc.relabel("n1", {"other": "x"})
    assert dc.snapshot.hosts[HostName("n1")].state is HostState.READY
    dc.relabel("n1", {"rack": "2"})
    assert dc.snapshot.hosts[HostName("n1")].state is HostState.MISPLACED
    assert dc.join("n2", "192.168.0.2", rack="1").groups == {"n1": "r2"}
    assert dc.join("n3", "192.168.0.3", rack="1").groups == {"n1": "r1"}
    dc.relabel("n3", {})
    assert dc.snapshot.hosts[HostName("n3")].state is HostState.MISPLACED


def test_a_misplaced_host_moves_when_it_is_empty():
    tree = root(group("r1", assignment={"rack": "1"}), group("r2", assignment={"rack": "2"}))
    dc = centre((network("10.0.0.0/16"), tree))
    dc.join("n1", "192.168.0.1", rack="1")
    dc.allocate("pod", "n1")
    dc.relabel("n1", {"rack": "2"})
    dc.move()
    assert dc.snapshot.hosts[HostName("n1")].groups == {"n1": "r1"}
    dc.release("pod")
    for block in [*dc.snapshot.blocks()]:
        dc.yield_(block)
    dc.move()
    moved = dc.snapshot.hosts[HostName("n1")]
    assert (moved.groups, moved.state) == ({"n1": "r2"}, HostState.READY)


def test_a_record_of_a_listed_host_brings_its_agent_and_labels():
    tree = root(group("r1", listed("n1", "192.168.0.1", "fd00::1", rack="1")))
    layout = Layout(networks=(carved(network("10.0.0.0/16"), tree),))
    mark = AgentMark("incarnation", "boot")
    record = Host(HostName("n1"), (Address.parse("192.0.2.9"),), {"x": "y"}, listed=True, agent=mark)
    host = resolve_hosts(layout, {record.name: record})[record.name]
    assert (host.addresses[0], host.labels, host.agent) == (Address.parse("192.168.0.1"), {"x": "y"}, mark)
    assert host.groups == {"n1": "r1"}
    assert host.listed


def test_a_host_listed_in_two_topologies_is_one_host():
    one = carved(network("10.0.0.0/16", name="one"), root(group("r1", listed("n1", "192.168.0.1"))))
    two = carved(
        network("10.1.0.0/16", name="two"), root(group("x", listed("n1", "192.168.0.1", "172.16.0.1"))), "n2"
    )
    host = resolve_hosts(Layout(networks=(one, two)), {})[HostName("n1")]
    assert host.groups == {"n1": "r1", "n2": "x"}
    assert [str(a) for a in host.addresses] == ["192.168.0.1", "172.16.0.1"]


def test_what_no_longer_exists_is_left_out():
    layout = Layout(networks=(carved(network("10.0.0.0/16"), racks(2)),))
    gone = Host(HostName("listed-once"), (), listed=True)
    lost = Host(HostName("n1"), (), groups={"n1": GroupPath("old"), "n7": GroupPath("r1")})
    hosts = resolve_hosts(layout, {gone.name: gone, lost.name: lost})
    assert hosts == {lost.name: replace(lost, groups={}, state=HostState.JOINING)}


def test_hosts_leave_or_drain_by_their_record():
    layout = Layout(networks=(carved(network("10.0.0.0/16"), racks(2)),))
    host = Host(HostName("n1"), (), groups={"n1": GroupPath("r1")}, state=HostState.DRAINING)
    assert resolve_hosts(layout, {host.name: host})[host.name].state is HostState.DRAINING


def test_a_group_below_cannot_take_back_what_one_above_demands():
    tree = root(group("a", group("r1", assignment={"zone": "b"}), assignment={"zone": "a"}))
    for zone in ("a", "b"):
        with pytest.raises(PlanError):
            place(tree, {"zone": zone}, {})


def test_a_group_is_found_without_a_walk_and_is_the_same():
    tree = root(
        group("a", group("r1", host_mask=24), group("r2", assignment={"rack": "2"}), assignment={"zone": "a"})
    )
    for site in sites(tree):
        assert site_at(tree, site.path) == site
    assert [site_at(tree, GroupPath(path)) for path in ("", "b", "a/r3", "a/r1/x")] == [None] * 4
    assert site_at(root(), GroupPath("")) == next(sites(root()))
