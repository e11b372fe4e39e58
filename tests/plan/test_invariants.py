"""The checker finds what it is for: every kind of damage, once each, on a sound network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from plan_trees import centre, prefixes, words

from romana.model.block import Block, Extent, Holding, Owner, Writer
from romana.model.host import HostName
from romana.model.layout import NetworkId
from romana.model.topology import GroupPath
from romana.net.prefix import Address, Prefix
from romana.plan.invariants import check
from romana.testing.datacentre import DataCentre

FIRST, SECOND = prefixes("10.0.0.0/26", "10.0.128.0/26")


def block(dc: DataCentre, prefix: Prefix) -> Block:
    return dc.mirrors["n1", prefix]


def holding(text: str, name: str) -> dict[Address, Holding]:
    return {Address.parse(text): Holding(Address.parse(text), name)}


def held_outside_its_block(dc: DataCentre) -> None:
    dc.put(replace(block(dc, FIRST), holdings=holding("10.0.128.0", "stray")))


def name_held_twice(dc: DataCentre) -> None:
    dc.put(replace(block(dc, FIRST), holdings=holding("10.0.0.9", "pod-2")))


def listed_wrongly(dc: DataCentre) -> None:
    a, b = Address.parse("10.0.0.1"), Address.parse("10.0.0.2")
    dc.put(replace(block(dc, FIRST), holdings={a: Holding(b, "pod-1")}))


def host_gone(dc: DataCentre) -> None:
    del dc.records[HostName("n1")]
    dc._snapshot = None


def host_in_no_group(dc: DataCentre) -> None:
    dc.put_host(replace(dc.records[HostName("n1")], groups={}))


def block_of_another_group(dc: DataCentre) -> None:
    dc.put_host(replace(dc.records[HostName("n1")], groups={NetworkId("n1"): GroupPath("r2")}))


def closed_and_in_use(dc: DataCentre) -> None:
    dc.put(replace(block(dc, FIRST), closed=True))


def carve_again(dc: DataCentre, **prefixes_: tuple[Prefix, ...]) -> None:
    live = dc.layout.networks[0]
    carving = {**live.carving, **{GroupPath(k): v for k, v in prefixes_.items()}}
    dc.layout = replace(dc.layout, networks=(replace(live, carving=carving),))
    dc._snapshot = None


def group_outside_its_network(dc: DataCentre) -> None:
    carve_again(dc, r2=prefixes("10.0.128.0/17", "10.5.0.0/16"))


def groups_overlap(dc: DataCentre) -> None:
    carve_again(dc, r2=prefixes("10.0.128.0/17", "10.0.64.0/18"))


def extent(dc: DataCentre) -> Extent:
    return dc.extents["n1", Prefix.parse("10.0.0.0/18")]


def claim_outside_its_extent(dc: DataCentre) -> None:
    (claim,) = extent(dc).blocks
    dc.put_extent(replace(extent(dc), blocks=(replace(claim, prefix=Prefix.parse("10.0.64.0/26")),)))
    dc.mirrors.pop((NetworkId("n1"), FIRST))


def epoch_too_high(dc: DataCentre) -> None:
    dc.put_extent(replace(extent(dc), epoch=0))


def two_owners(dc: DataCentre) -> None:
    (claim,) = extent(dc).blocks
    part = replace(claim, prefix=Prefix.parse("10.0.0.32/27"), epoch=2)
    dc.put_extent(replace(extent(dc), blocks=(claim, part), epoch=2))


def in_anothers_prefix(dc: DataCentre) -> None:
    dc.put_extent(replace(extent(dc), host=HostName("n2")))


def two_writers(dc: DataCentre) -> None:
    dc.put(replace(block(dc, FIRST), writer=Writer.AGENT))


def another_owner(dc: DataCentre) -> None:
    dc.put(replace(block(dc, FIRST), owner=Owner(HostName("n2"))))


DAMAGE: dict[Callable[[DataCentre], None], str] = {
    held_outside_its_block: "held by stray on host n1 and by pod-2 on host n2",
    name_held_twice: "pod-2: holds both 10.0.0.9 and 10.0.128.0",
    listed_wrongly: "block 10.0.0.0/26: lists pod-1's 10.0.0.2 as 10.0.0.1",
    host_gone: "block 10.0.0.0/26: belongs to host n1, which does not exist",
    host_in_no_group: "block 10.0.0.0/26: belongs to host n1, which is in no group of network pods",
    block_of_another_group: "block 10.0.0.0/26: of host n1 is outside the prefixes of its group r2",
    closed_and_in_use: "block 10.0.0.0/26: is closed and holds 1 addresses",
    group_outside_its_network: "pods: r2: its prefix 10.5.0.0/16 is outside of network pods",
    groups_overlap: "10.0.64.0/18 of group r2 overlaps 10.0.0.0/17 of group r1",
    claim_outside_its_extent: "block 10.0.64.0/26: is listed in extent 10.0.0.0/18 and outside of it",
    epoch_too_high: "block 10.0.0.0/26: has epoch 1, its extent only 0",
    two_owners: "10.0.0.32/27 of block of host n1 overlaps 10.0.0.0/26 of block of host n1",
    in_anothers_prefix: "block 10.0.0.0/26: of host n1 lies in host n2's own prefix",
    two_writers: "by its record",
    another_owner: "by its record",
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_damage_is_found(damage):
    dc = centre()
    assert check(dc.snapshot) == []
    damage(dc)
    assert any(DAMAGE[damage] in sentence for sentence in words(check(dc.snapshot)))


def test_a_mirror_of_another_epoch_does_not_count():
    dc = centre()
    dc.put(
        replace(
            block(dc, FIRST), epoch=9, owner=Owner(HostName("nobody")), holdings=holding("10.0.128.0", "old")
        )
    )
    assert check(dc.snapshot) == []
    assert [h.name for _, h in dc.snapshot.holdings()] == ["pod-2"]
