"""What holds live addresses is never taken away: refused, or emptied first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from plan_trees import NET, centre, document, group, listed, network, prefixes, racks, root, words

from romana.model.block import Writer
from romana.model.errors import PlanError
from romana.model.topology import Device, Document, Router
from romana.net.prefix import Address, Prefix
from romana.plan.changes import plan_document
from romana.testing import invariants
from romana.testing.datacentre import DataCentre


def test_a_removed_group_with_live_addresses_is_refused_with_the_list():
    dc = centre()
    before = dc.snapshot
    with pytest.raises(PlanError) as error:
        dc.apply(document((NET, racks(1))))
    assert error.value.code == "would-strand"
    assert words(error.value.problems) == [
        "10.0.128.0: held by pod-2 on host n2: group r2 of network pods is missing from the document"
    ]
    assert dc.snapshot is before


def test_draining_a_group_empties_it_and_the_next_apply_removes_it():
    dc = centre()
    wanted = document((NET, racks(1)))
    plan = dc.apply(wanted, drain=True)
    assert words(plan.changes) == ["drain group pods: r2"]
    assert words(plan.warnings)[0].startswith("pods: being emptied, without new addresses: r2")
    assert not dc.extents["n1", Prefix.parse("10.0.128.0/18")].open
    with pytest.raises(PlanError, match="group r2 is being emptied"):
        dc.allocate("pod-3", "n2")
    assert dc.apply(wanted).changes == ()  # still draining: neither refused nor removed
    dc.release("pod-2")
    plan = dc.apply(wanted)
    assert words(plan.changes) == [
        "remove group pods: r2: 10.0.128.0/17",
        "move host n2: pods: r2 → pods: r1",
    ]
    dc.allocate("pod-3", "n2")
    invariants.require(dc.snapshot)
    invariants.require_converged(dc.snapshot)


def test_a_drained_group_that_returns_is_in_use_again():
    dc = centre()
    dc.apply(document((NET, racks(1))), drain=True)
    plan = dc.apply(document((NET, racks(2))))
    assert words(plan.changes) == ["change group pods: r2: draining → in use"]
    dc.allocate("pod-3", "n2")


def test_draining_a_network_the_same_way():
    dc = centre((NET, racks(2)), (network("10.1.0.0/16", name="stays"), racks(1)))
    wanted = document((network("10.1.0.0/16", name="stays"), racks(1)))
    with pytest.raises(PlanError, match="network pods is missing from the document"):
        dc.apply(wanted)
    assert words(dc.apply(wanted, drain=True).changes) == ["drain network pods"]
    assert [n.name for n in dc.layout.networks] == ["stays", "pods"]
    assert str(dc.allocate("pod-3", "n2")[0].address) == "10.1.0.0"
    with pytest.raises(
        PlanError, match=r"overlaps network pods, which is being emptied|would strand"
    ) as error:
        dc.apply(
            document(
                (network("10.1.0.0/16", name="stays"), racks(1)), (network("10.0.0.0/17", name="new"), None)
            )
        )
    assert "being emptied" in str(error.value)
    dc.release("pod-1")
    dc.release("pod-2")
    plan = dc.apply(wanted)
    assert words(plan.changes)[0] == "remove network pods: 10.0.0.0/16"
    assert not any(e.open for e in dc.extents.values() if e.network == "n1")
    invariants.require(dc.snapshot)


def test_an_id_is_never_used_again():
    dc = centre()
    for name in ("pod-1", "pod-2"):
        dc.release(name)
    dc.apply(Document())
    dc.apply(document((NET, racks(2))))
    assert [n.id for n in dc.layout.networks] == ["n2"]


def test_what_agents_own_is_emptied_by_them_even_when_it_looks_empty():
    dc = DataCentre()
    dc.apply(document((NET, racks(2))))
    dc.join("n1", "192.168.0.1")
    dc.allocate("pod", "n1", writer=Writer.AGENT)
    dc.release("pod")
    plan = dc.apply(document((NET, root(group("r2")))))
    assert words(plan.changes) == ["drain group pods: r1"]
    assert [b.owner.host for b in dc.snapshot.blocks()] == ["n1"]
    dc.yield_(next(dc.snapshot.blocks()))
    assert "remove group pods: r1: 10.0.0.0/17" in words(dc.apply(document((NET, root(group("r2"))))).changes)


def test_what_is_removed_is_closed_before_the_last_look():
    dc = centre()
    dc.release("pod-2")
    plan = plan_document(dc.snapshot, document((NET, racks(1))))
    assert plan.prelude is not None
    assert (plan.prelude.networks[0].draining, plan.prelude.document) == ({"r2"}, dc.layout.document)
    dc.layout, dc._snapshot = plan.prelude, None
    again = plan_document(dc.snapshot, document((NET, racks(1))))
    assert (again.prelude, again.layout) == (None, plan.layout)


def test_idle_blocks_of_the_central_writer_are_closed_first_then_yielded():
    dc = centre()
    dc.release("pod-2")
    plan = plan_document(dc.snapshot, document((NET, racks(1))))
    assert [(str(b.prefix), b.closed) for b in plan.closes] == [("10.0.128.0/26", True)]
    ((extent),) = plan.extents
    assert (extent.open, [c.owner for c in extent.blocks]) == (False, [None])


def test_a_listed_host_with_live_addresses_is_not_removed_nor_moved():
    tree = root(group("r1", listed("n1", "192.168.0.1"), listed("n2", "192.168.0.2")), group("r2"))
    dc = DataCentre()
    dc.apply(document((NET, tree)))
    dc.allocate("pod", "n1")
    without = root(group("r1", listed("n2", "192.168.0.2")), group("r2"))
    with pytest.raises(
        PlanError, match=r"10.0.0.0: held by pod on host n1: host n1 is missing from the document"
    ):
        dc.apply(document((NET, without)), drain=True)
    elsewhere = root(group("r1"), group("r2", listed("n1", "192.168.0.1"), listed("n2", "192.168.0.2")))
    with pytest.raises(PlanError, match="the document moves the host from group r1 of network pods to r2"):
        dc.apply(document((NET, elsewhere)))
    dc.release("pod")
    assert words(dc.apply(document((NET, elsewhere))).changes) == [
        "move host n1: pods: r1 → pods: r2",
        "move host n2: pods: r1 → pods: r2",
    ]
    invariants.require(dc.snapshot)
    assert words(dc.apply(document((NET, without))).changes)[0] == "remove host n1: pods: r2"


def test_a_prefix_that_goes_is_refused_while_addresses_are_in_it():
    two = replace(NET, prefixes=prefixes("10.0.0.0/16", "10.9.0.0/16"))
    dc = centre((two, racks(2)))
    with pytest.raises(
        PlanError,
        match=r"10\.9\.0\.0: held by pod-2 on host n2: group r2 .* would no longer have 10\.9\.0\.0/26",
    ):
        dc.apply(document((NET, racks(2))))


def test_a_draining_group_is_reached_until_it_is_empty():
    def wired(*names: str) -> Document:
        tors = {n: Router(f"tor-{n}", Address.parse(f"172.16.0.{n[1:]}"), asn=65000) for n in names}
        tree = root(*(replace(group(n), routers=(tors[n],)) for n in names))
        links = tuple((tor.name, "spine-1") for tor in tors.values())
        return replace(document((NET, tree)), devices=(Device("spine-1"),), links=links)

    dc = DataCentre()
    dc.apply(wired("r1", "r2"))
    for number in (1, 2):
        dc.join(f"n{number}", f"192.168.0.{number}")
        dc.allocate(f"pod-{number}", f"n{number}")
    plan = dc.apply(wired("r1"), drain=True)
    assert words(plan.changes) == ["drain group pods: r2"]
    assert dc.layout.document.links == (("tor-r1", "spine-1"), ("tor-r2", "spine-1"))
    invariants.require_delivered(dc.snapshot)
    dc.release("pod-2")
    dc.apply(wired("r1"))
    assert dc.layout.document == wired("r1")
    invariants.require_delivered(dc.snapshot)
