"""Budgets: how many routes a device of a kind may hold."""

from __future__ import annotations

import pytest
from plan_fabrics import centre, without

from romana.model.route import DeviceName
from romana.plan.budgets import excess, planned_excess
from romana.plan.changes import plan_document
from romana.plan.fib import fibs
from romana.testing.datacentre import DataCentre
from romana.wire.document import read

RACKS = """
networks: [{name: pods, cidr: 10.0.0.0/16, block_mask: 28}]
topologies:
  - networks: [pods]
    host_mask: 24
    map:
      - {name: r1, router: {name: tor-1, address: 192.168.1.1}, hosts: [{name: n1, address: 192.168.1.11}]}
      - {name: r2, router: {name: tor-2, address: 192.168.2.1}, hosts: [{name: n2, address: 192.168.2.11}]}
devices: [{name: spine-1}, {name: exit, kind: edge}]
links: [[tor-1, spine-1], [tor-2, spine-1], [tor-1, exit], [tor-2, exit]]
"""
"""A spine and the exit hold 2 groups and a discard, a ToR a host and a discard, a node two endpoints and a discard."""


def found(budgets: str) -> list[str]:
    return [*map(str, planned_excess(centre(f"{RACKS}budgets: {budgets}\n").snapshot))]


@pytest.mark.parametrize(
    ("kind", "named", "who"),
    [
        ("spine", "a spine", ["spine-1"]),
        ("edge", "an edge", ["exit"]),
        *((kind, f"a {kind}", ["tor-1", "tor-2"]) for kind in ("router", "tor", "leaf")),
        *((kind, f"a {kind}", ["n1", "n2"]) for kind in ("node", "host")),
    ],
)
def test_a_budget_holds_for_every_device_of_its_kind(kind: str, named: str, who: list[str]) -> None:
    assert [line.split(":")[0] for line in found(f"{{{kind}: 1}}")] == who
    counts = {int(line.split()[2]) for line in found(f"{{{kind}: 1}}")}
    assert len(counts) == 1
    (count,) = counts
    assert found(f"{{{kind}: {count}}}") == []
    sentence = f"holds {count} routes of our networks, the budget of {named} is {count - 1}"
    assert found(f"{{{kind}: {count - 1}}}") == [f"{name}: {sentence}" for name in who]


def test_the_default_route_and_kinds_without_budget_do_not_count() -> None:
    assert found("{}") == found("{vpc: 1, switch: 1}") == []
    tor = fibs(centre(RACKS).snapshot)[DeviceName("tor-1")]
    ours = [route for route in tor.routes if route.prefix.length]
    assert len(ours) < len(tor.routes)
    assert found(f"{{tor: {len(ours)}}}") == []


def test_the_tighter_of_two_names_of_a_kind_counts() -> None:
    assert all("budget of a leaf is 1" in line for line in found("{tor: 9, leaf: 1}"))
    assert len(found("{tor: 9, leaf: 1}")) == 2


def test_tables_read_from_devices_are_counted_as_they_are() -> None:
    dc = centre(f"{RACKS}budgets: {{spine: 2}}\n")
    tables = fibs(dc.snapshot)
    assert [problem.where for problem in excess(tables, dc.snapshot)] == ["spine-1"]
    fewer = without(tables, "spine-1", tables[DeviceName("spine-1")].routes[0])
    assert [*excess(fewer, dc.snapshot)] == []
    del tables[DeviceName("spine-1")]
    assert [*excess(tables, dc.snapshot)] == []


def test_a_plan_warns_of_what_would_be_too_many() -> None:
    dc = DataCentre()
    tight = read(f"{RACKS}budgets: {{spine: 2, tor: 2, edge: 10}}\n".encode()).document
    plan = plan_document(dc.snapshot, tight)
    assert plan.refusals == ()
    assert [*map(str, plan.warnings)] == [
        "spine-1: holds 3 routes of our networks, the budget of a spine is 2"
    ]
    loose = read(f"{RACKS}budgets: {{spine: 3, tor: 2}}\n".encode()).document
    assert plan_document(dc.snapshot, loose).warnings == ()
