"""What a plan says of devices, links and budgets: by name, what comes, goes and is different."""

from __future__ import annotations

from dataclasses import replace

import pytest
from plan_trees import NET, document, racks, words

from romana.model.topology import Device, Document
from romana.plan.changes import plan_document
from romana.testing.datacentre import DataCentre

BASE = replace(
    document((NET, racks(2))),
    devices=(Device("spine-1"), Device("spine-2")),
    links=(("tor-1", "spine-1"), ("tor-2", "spine-1")),
    budgets={"spine": 8, "node": 20},
)


def changes(after: Document) -> list[str]:
    dc = DataCentre()
    dc.apply(BASE)
    return words(plan_document(dc.snapshot, after).changes)


def test_a_first_document_names_them_all() -> None:
    assert words(plan_document(DataCentre().snapshot, BASE).changes)[-6:] == [
        "add device spine-1",
        "add device spine-2",
        "add link tor-1 – spine-1",
        "add link tor-2 – spine-1",
        "add budget spine: 8",
        "add budget node: 20",
    ]


@pytest.mark.parametrize(
    ("different", "said"),
    [
        ({"devices": BASE.devices[:1]}, ["remove device spine-2"]),
        ({"devices": (*BASE.devices, Device("exit", "border"))}, ["add device exit"]),
        (
            {"devices": (Device("spine-1", "border", asn=65000), Device("spine-2"))},
            ["change device spine-1 kind: spine → border", "change device spine-1 asn: none → 65000"],
        ),
        ({"devices": BASE.devices[::-1]}, ["change devices order"]),
        (
            {"links": (("tor-1", "spine-2"), BASE.links[1])},
            ["remove link tor-1 – spine-1", "add link tor-1 – spine-2"],
        ),
        ({"links": (*BASE.links, BASE.links[0])}, ["add link tor-1 – spine-1"]),
        ({"links": (("spine-1", "tor-1"), BASE.links[1])}, ["change links order"]),
        (
            {"budgets": {"spine": 9, "border": 5}},
            ["change budget spine: 8 → 9", "remove budget node: 20", "add budget border: 5"],
        ),
        ({}, []),
    ],
)
def test_each_difference_is_named(different: dict[str, object], said: list[str]) -> None:
    assert changes(replace(BASE, **different)) == said  # type: ignore[arg-type]
