"""The JSON keys that scripts rely on, and how full the tree is, on snapshots made by hand."""

from __future__ import annotations

from typing import Any

from romana.apps.cli import views
from romana.apps.cli.tree import Fill, branches, network_fill, within
from romana.model.block import Block, Claim, Extent, Holding, Owner, Writer
from romana.model.host import Host, HostName, HostState
from romana.model.layout import CarvedNetwork, Layout, NetworkId
from romana.model.snapshot import Snapshot
from romana.model.topology import Document, Group, GroupPath, Network
from romana.net.prefix import Address, Prefix

PODS, FLAT = NetworkId("n1"), NetworkId("n2")
P = Prefix.parse


def _racks(network: NetworkId = PODS, draining: tuple[str, ...] = ()) -> CarvedNetwork:
    racks = (Group("r1", {"rack": "1"}), Group("r2", {"rack": "2"}))
    root = Group("", groups=(Group("a", {"zone": "a"}, racks), Group("b", {"zone": "b"})))
    carving = {
        "a": ("10.0.0.0/17", "fd00::/49"),
        "a/r1": ("10.0.0.0/18", "fd00::/50"),
        "a/r2": ("10.0.64.0/18",),
        "b": ("10.0.128.0/17",),
        "a/old": ("10.0.32.0/19",),
    }
    return CarvedNetwork(
        network,
        Network("pods", (P("10.0.0.0/16"), P("fd00::/48")), tenants=("t",)),
        root,
        {GroupPath(path): tuple(map(P, prefixes)) for path, prefixes in carving.items()},
        frozenset(map(GroupPath, draining)),
    )


def _snapshot(*networks: CarvedNetwork) -> Snapshot:
    h1 = Host(
        HostName("h1"),
        (Address.parse("192.168.0.1"),),
        {"zone": "a"},
        {PODS: GroupPath("a/r1")},
        HostState.READY,
    )
    owner = Owner(h1.name, "t")
    claims = [
        (P("10.0.0.0/26"), owner, 3),
        (P("10.0.0.64/26"), None, 4),
        (P("fd00::/122"), owner, 5),
    ]
    extents = {
        (PODS, prefix): Extent(
            PODS, prefix, GroupPath("a/r1"), blocks=(Claim(prefix, own, Writer.CENTRAL, epoch),)
        )
        for prefix, own, epoch in claims
    }
    v4, v6 = Address.parse("10.0.0.5"), Address.parse("fd00::5")
    mirrors = {
        (PODS, prefix): Block(
            PODS,
            prefix,
            GroupPath("a/r1"),
            owner,
            Writer.CENTRAL,
            epoch,
            {address: Holding(address, "web", "t", "s")},
        )
        for (prefix, own, epoch), address in zip(claims, (v4, v4, v6), strict=True)
        if own
    }
    return Snapshot(1, Layout(Document(), networks), {h1.name: h1}, extents, mirrors)


def test_an_address_has_the_fixed_keys_and_one_item_for_both_families() -> None:
    now = _snapshot(_racks())
    assert [views.address(now, item) for item in views.held(now)] == [
        {
            "name": "web",
            "address": "10.0.0.5",
            "addresses": ["10.0.0.5", "fd00::5"],
            "host": "h1",
            "tenant": "t",
            "segment": "s",
            "network": "pods",
            "block": "10.0.0.0/26",
            "group": "a/r1",
        }
    ]


def test_a_block_has_the_fixed_keys_owned_or_emptied() -> None:
    now = _snapshot(_racks())
    owned, emptied, _ = (views.block(now, *pair) for pair in now.claims())
    place = {"network": "pods", "group": "a/r1", "size": 64}
    mine = {"host": "h1", "tenant": "t", "segment": "", "allocated": 1}
    assert owned == {"prefix": "10.0.0.0/26", **place, **mine}
    nobody = {"host": "", "tenant": "", "segment": "", "allocated": 0}
    assert emptied == {"prefix": "10.0.0.64/26", **place, **nobody}


def test_a_host_has_the_fixed_keys() -> None:
    now = _snapshot(_racks())
    assert views.host(now, now.hosts[HostName("h1")]) == {
        "name": "h1",
        "addresses": ["192.168.0.1"],
        "labels": {"zone": "a"},
        "groups": {"pods": "a/r1"},
        "state": "ready",
    }


def test_the_topology_has_the_fixed_keys() -> None:
    (network,) = views.topology(_snapshot(_racks()))["networks"]
    groups = network.pop("groups")
    assert network == {
        "name": "pods",
        "prefixes": ["10.0.0.0/16", "fd00::/48"],
        "block_mask": 26,
        "block_mask6": 122,
        "tenants": ["t"],
    }
    assert [_paths(g) for g in groups] == [("a", [("a/r1", []), ("a/r2", [])]), ("b", [])]
    assert groups[0]["groups"][0] == {
        "path": "a/r1",
        "name": "r1",
        "prefixes": ["10.0.0.0/18", "fd00::/50"],
        "assignment": {"rack": "1"},
        "hosts": ["h1"],
        "groups": [],
    }


def _paths(group: dict[str, Any]) -> tuple[str, list[Any]]:
    return group["path"], [_paths(below) for below in group["groups"]]


def test_an_undivided_network_has_one_group() -> None:
    spec = Network("flat", (P("10.9.0.0/16"),), block_mask=29)
    flat = CarvedNetwork(FLAT, spec, Group(""), {})
    (network,) = views.topology(_snapshot(flat))["networks"]
    assert "block_mask6" not in network
    assert network["block_mask"] == 29
    assert [(g["path"], g["prefixes"]) for g in network["groups"]] == [("", ["10.9.0.0/16"])]
    only = CarvedNetwork(FLAT, spec, Group("", groups=(Group("all"),)), {GroupPath("all"): spec.prefixes})
    (network,) = views.topology(_snapshot(only))["networks"]
    assert [(g["path"], g["prefixes"]) for g in network["groups"]] == [("all", ["10.9.0.0/16"])]


def test_a_network_that_no_topology_names_has_no_groups() -> None:
    loose = CarvedNetwork(FLAT, Network("loose", (P("fd01::/64"),)), None)
    (network,) = views.topology(_snapshot(loose))["networks"]
    assert (network["groups"], network["block_mask"]) == ([], 122)
    assert views.network(_snapshot(loose), loose)["state"] == "unused"


def test_places_are_as_full_as_what_is_below_them() -> None:
    now = _snapshot(item := _racks())
    a, b = branches(now, item)
    r1, r2 = a.below
    assert [str(x.fill) for x in (a, r1, r2, b)] == ["1/32768 1/2^79", "1/16384 1/2^78", "0/16384", "0/32768"]
    assert [x.fill.blocks for x in (a, r1, r2, b)] == [2, 2, 0, 0]
    assert [x.host_count for x in (a, r1, r2, b)] == [1, 1, 0, 0]
    assert str(network_fill(now, item)) == "1/65536 1/2^80"
    assert Fill(1, {4: 3}, {4: 4}).ratio == 0.75


def test_a_group_being_drained_hangs_where_it_was() -> None:
    now = _snapshot(item := _racks(draining=("a/old", "gone/below")))
    a, b, gone = branches(now, item)
    assert [(x.path, x.draining) for x in a.below] == [("a/r1", False), ("a/r2", False), ("a/old", True)]
    assert (b.draining, gone.path, gone.name, gone.draining) == (False, "gone/below", "below", True)
    whole = _racks(draining=("",))
    assert all(x.draining for top in branches(now, whole) for x in top.walk())
    assert views.network(now, whole)["state"] == "draining"


def test_within() -> None:
    cases = [("a/b", "a", True), ("ab", "a", False), ("a", "a", True), ("a", "a/b", False), ("x/y", "", True)]
    for path, above, answer in cases:
        assert within(GroupPath(path), GroupPath(above)) is answer


def test_ten_thousand_groups_are_drawn_at_once() -> None:
    groups = tuple(Group(f"g{i}", groups=tuple(Group(f"r{j}") for j in range(100))) for i in range(100))
    item = CarvedNetwork(PODS, Network("pods", (P("10.0.0.0/8"),)), Group("", groups=groups))
    assert sum(1 for top in branches(_snapshot(item), item) for _ in top.walk()) == 10_100
