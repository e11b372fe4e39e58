"""The tables of whole data centres as text; `GOLDEN=rewrite pytest tests/plan/test_fib_scenarios.py` rewrites them."""

from __future__ import annotations

import os

import pytest
from plan_fabrics import SCENARIOS, drawn, scenario

from romana.plan.fib import fib, fibs
from romana.plan.prove import prove

NAMES = ["flat", "leaf-spine", "dual-stack"]


@pytest.mark.parametrize("name", NAMES)
def test_tables_are_the_golden_ones(name):
    text = drawn(fibs(scenario(name).snapshot))
    path = SCENARIOS / name / "routes.txt"
    if os.environ.get("GOLDEN") == "rewrite":
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize("name", NAMES)
def test_one_table_alone_is_as_it_is_among_all(name):
    snapshot = scenario(name).snapshot
    assert {device: fib(device, snapshot) for device in fibs(snapshot)} == fibs(snapshot)


@pytest.mark.parametrize("name", ["leaf-spine", "dual-stack"])
def test_every_address_is_delivered_and_everything_else_discarded(name):
    snapshot = scenario(name).snapshot
    assert prove(fibs(snapshot), snapshot) == []


def test_a_node_without_ipv6_address_is_not_reached_by_ipv6_and_the_proof_says_so():
    """node-3 holds IPv6 addresses (its network has them) but nobody has an address to send to."""
    snapshot = scenario("flat").snapshot
    faults = prove(fibs(snapshot), snapshot)
    assert {(f.destination.version, f.holders, f.fault) for f in faults} == {(6, ("node-3",), "discarded")}
    assert {f.where for f in faults} == {"node-1", "node-2"}
