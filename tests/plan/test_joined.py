"""Documents that hold hosts which had joined: an export that is put in force again, here or elsewhere."""

from __future__ import annotations

from dataclasses import replace

from plan_trees import NET, centre, document, group, listed, network, racks, root, words

from romana.model.host import HostName
from romana.plan.changes import plan_document
from romana.testing import invariants
from romana.testing.datacentre import DataCentre


def joined(name: str, address: str, **labels: str):
    return replace(listed(name, address, **labels), joined=True)


EXPORTED = document(
    (NET, root(group("r1", joined("n1", "192.168.0.1")), group("r2", joined("n2", "192.168.0.2"))))
)


def test_putting_an_export_in_force_where_it_came_from_changes_nothing():
    dc = centre()
    assert not plan_document(dc.snapshot, EXPORTED).writes


def test_elsewhere_its_hosts_are_added_where_they_were():
    dc = DataCentre()
    plan = dc.apply(EXPORTED)
    assert words(plan.changes)[-2:] == ["add host n1: pods: r1", "add host n2: pods: r2"]
    assert [host.listed for host in dc.snapshot.hosts.values()] == [False, False]
    assert dc.layout.document == document((NET, racks(2)))
    dc.apply(document((NET, racks(2)), (network("10.7.0.0/16", name="more"), racks(1))))
    assert dc.snapshot.hosts[HostName("n1")].groups.keys() == {"n1", "n2"}
    dc.leave("n2")
    invariants.require_converged(dc.snapshot)


def test_a_listed_host_becomes_one_that_joined_and_keeps_its_addresses():
    dc = DataCentre()
    dc.apply(document((NET, root(group("r1", listed("n1", "192.168.0.1")), group("r2")))))
    dc.allocate("pod", "n1")
    plan = dc.apply(EXPORTED)
    assert words(plan.changes)[0].startswith("change host n1")
    assert not dc.snapshot.hosts[HostName("n1")].listed
    assert [holding.name for _, holding in dc.snapshot.holdings()] == ["pod"]
    invariants.require(dc.snapshot)
    invariants.require_converged(dc.snapshot)
