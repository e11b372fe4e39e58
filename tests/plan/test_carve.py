"""Carving: shares in an unused tree, what stays in a used one, pins, hints, and what cannot be."""

from __future__ import annotations

from dataclasses import replace

import pytest
from plan_trees import group, network, racks, root, texts

from romana.model.errors import ConfigError, PlanError
from romana.model.topology import GroupPath
from romana.plan.carve import carve, grow

TABLE = {
    "one group has it all": ("10.0.0.0/16", racks(1), {"r1": "10.0.0.0/16"}),
    "no group: the network itself": ("10.0.0.0/16", root(), {"": "10.0.0.0/16"}),
    "three racks of a /20 leave a fourth free": (
        "10.0.0.0/20",
        racks(3),
        {"r1": "10.0.0.0/22", "r2": "10.0.4.0/22", "r3": "10.0.8.0/22"},
    ),
    "two zones of four and two racks": (
        "10.111.0.0/16",
        root(group("a", *racks(4).groups), group("b", *racks(2).groups)),
        {
            "a": "10.111.0.0/17",
            "a/r1": "10.111.0.0/19",
            "a/r2": "10.111.32.0/19",
            "a/r3": "10.111.64.0/19",
            "a/r4": "10.111.96.0/19",
            "b": "10.111.128.0/17",
            "b/r1": "10.111.128.0/18",
            "b/r2": "10.111.192.0/18",
        },
    ),
    "weights: the biggest first, the rest in one piece": (
        "10.0.0.0/16",
        root(group("small", weight=1), group("big", weight=4), group("usual")),
        {"small": "10.0.128.0/19", "big": "10.0.0.0/17", "usual": "10.0.160.0/19"},
    ),
    "expected hosts count for the groups above too": (
        "10.0.0.0/16",
        root(
            group("a", group("r1", hosts_expected=40), group("r2", hosts_expected=20)),
            group("b", hosts_expected=10),
        ),
        {
            "a": "10.0.0.0/17",
            "a/r1": "10.0.0.0/18",
            "a/r2": "10.0.64.0/19",
            "b": "10.0.128.0/19",
        },
    ),
    "IPv6 as IPv4": (
        "fd00:112::/48",
        racks(3),
        {"r1": "fd00:112::/50", "r2": "fd00:112:0:4000::/50", "r3": "fd00:112:0:8000::/50"},
    ),
    "a pin, and the rest of the space for the others": (
        "10.0.0.0/16",
        root(group("a"), group("b", pin=("10.0.0.0/18",)), group("c")),
        {"a": "10.0.64.0/18", "b": "10.0.0.0/18", "c": "10.0.128.0/18"},
    ),
    "a group lies round the pins below it": (
        "10.0.0.0/16",
        root(group("a"), group("b", group("r1", pin=("10.0.4.0/24",)), group("r2"))),
        {"a": "10.0.128.0/17", "b": "10.0.0.0/17", "b/r1": "10.0.4.0/24", "b/r2": "10.0.64.0/18"},
    ),
}


@pytest.mark.parametrize(("cidr", "tree", "expected"), TABLE.values(), ids=TABLE.keys())
def test_shares_in_an_unused_tree(cidr, tree, expected):
    assert texts(carve(network(cidr), tree)) == expected


def test_every_family_is_carved_and_several_prefixes_give_one_each():
    both = network("10.0.0.0/16", "10.4.0.0/16", "fd00::/48")
    assert texts(carve(both, racks(2))) == {
        "r1": "10.0.0.0/16, fd00::/49",
        "r2": "10.4.0.0/16, fd00:0:0:8000::/49",
    }
    assert texts(carve(both, racks(1))) == {"r1": "10.0.0.0/16, 10.4.0.0/16, fd00::/48"}


def test_a_short_prefix_beside_a_long_one_is_left_for_growth():
    assert texts(carve(network("10.0.0.0/12", "10.32.0.0/16"), racks(2))) == {
        "r1": "10.0.0.0/13",
        "r2": "10.8.0.0/13",
    }


def test_what_exists_stays_and_the_spare_share_goes_to_the_new_group():
    net = network("10.0.0.0/20")
    before = carve(net, racks(3))
    after = carve(net, racks(4), before)
    assert after == {**before, "r4": after["r4"]}
    assert texts(after)["r4"] == "10.0.12.0/22"


def test_a_new_group_bisects_the_largest_free_piece():
    net = network("10.0.0.0/16")
    before = carve(
        net, root(group("a", weight=1), group("b", weight=1), group("c", weight=2), group("d", weight=4))
    )
    shrunk = root(group("a"), group("b"))
    after = carve(net, root(*shrunk.groups, group("e")), carve(net, shrunk, before))
    assert texts(after) == {"a": "10.0.192.0/19", "b": "10.0.224.0/19", "e": "10.0.0.0/18"}


def test_order_in_the_document_does_not_move_what_exists():
    net, tree = network("10.0.0.0/16"), racks(5)
    before = carve(net, tree)
    assert dict(carve(net, root(*reversed(tree.groups)), before)) == before


def test_a_full_group_grows_by_its_buddy_for_one_more_below():
    net = network("10.0.0.0/16")
    tree = root(group("a", *racks(2).groups), group("b"), group("c"))
    before = carve(net, tree)
    assert texts(before)["c"] == "10.0.128.0/18"
    more = carve(net, root(tree.groups[0], tree.groups[1], group("c", group("x"), group("y"))), before)
    assert texts(more)["c/x"] == "10.0.128.0/19"
    full = root(group("a"), group("c", group("x"), group("y"), group("z")))
    had = {"a": before["a"], "c": more["c"], "c/x": more["c/x"], "c/y": more["c/y"]}
    after = carve(net, full, had)
    assert texts(after) == {
        "a": "10.0.0.0/18",
        "c": "10.0.128.0/17",
        "c/x": "10.0.128.0/19",
        "c/y": "10.0.160.0/19",
        "c/z": "10.0.192.0/19",
    }


def test_no_buddy_free_the_nearest_prefix_is_taken():
    net = network("10.0.0.0/16")
    before = carve(net, racks(4))
    held = {path: before[path] for path in ("r1", "r2", "r4")}
    grown = grow(net, root(*(g for g in racks(4).groups if g.name != "r3")), held, GroupPath("r1"), 4)
    assert texts(grown)["r1"] == "10.0.0.0/18, 10.0.128.0/18"


def test_growing_reaches_as_far_up_as_it_must():
    net, tree = network("10.0.0.0/16"), root(group("a", group("r1"), group("r2")), group("b"), group("c"))
    before = carve(net, tree)
    without_b = root(tree.groups[0], tree.groups[2])
    grown = grow(net, without_b, carve(net, without_b, before), GroupPath("a/r1"), 4)
    assert texts(grown) == {
        "a": "10.0.0.0/17",
        "a/r1": "10.0.0.0/19, 10.0.64.0/19",
        "a/r2": "10.0.32.0/19",
        "c": "10.0.128.0/18",
    }


def test_growing_beyond_the_network_says_what_to_add():
    net = network("10.0.0.0/24")
    with pytest.raises(PlanError, match="add one to the network") as error:
        grow(net, racks(2), carve(net, racks(2)), GroupPath("r1"), 4)
    assert error.value.code == "no-room"


def test_a_new_prefix_of_the_network_is_room_for_new_groups():
    net = network("10.0.0.0/24")
    before = carve(net, racks(2))
    with pytest.raises(ConfigError, match="add a prefix to the network"):
        carve(net, racks(3), before)
    after = carve(replace(net, prefixes=network("10.0.0.0/24", "10.0.7.0/24").prefixes), racks(3), before)
    assert texts(after) == {"r1": "10.0.0.0/25", "r2": "10.0.0.128/25", "r3": "10.0.7.0/25"}


def test_a_second_family_is_carved_beside_the_first():
    before = carve(network("10.0.0.0/24"), racks(2))
    after = carve(network("10.0.0.0/24", "fd00::/64"), racks(2), before)
    assert texts(after) == {"r1": "10.0.0.0/25, fd00::/65", "r2": "10.0.0.128/25, fd00::8000:0:0:0/65"}


def test_more_hosts_expected_widen_a_group_in_place():
    net = network("10.0.0.0/20")
    before = carve(net, racks(3))
    expecting = root(*racks(2).groups, group("r3", hosts_expected=30))
    assert texts(carve(net, expecting, before)) == texts(before) | {"r3": "10.0.8.0/21"}


REFUSED = {
    "smaller than a block": (
        "10.0.0.0/25",
        racks(3),
        {},
        "3 groups share 10.0.0.0/25: each would get a /27, smaller than a /26",
    ),
    "a pin outside": (
        "10.0.0.0/16",
        root(group("a", pin=("10.9.0.0/24",)), group("b")),
        {},
        "10.9.0.0/24 is outside 10.0.0.0/16",
    ),
    "two pins overlap": (
        "10.0.0.0/16",
        root(group("a", pin=("10.0.0.0/24",)), group("b", pin=("10.0.0.0/25",))),
        {},
        "pinned prefix 10.0.0.0/25 overlaps that of a group beside it",
    ),
    "a pin below a block": (
        "10.0.0.0/16",
        root(group("a", pin=("10.0.0.0/28",)), group("b")),
        {},
        "smaller than a /26 block",
    ),
    "a host prefix below a block": (
        "10.0.0.0/16",
        racks(2, host_mask=28),
        {},
        "a /28 each, smaller than a /26 block",
    ),
    "more hosts than prefixes": (
        "10.0.0.0/20",
        racks(2, host_mask=24, hosts_expected=20),
        {},
        "2 groups need 16384 addresses in aligned prefixes, 10.0.0.0/20 has 4096",
    ),
    "zones that need more than there is": (
        "10.0.0.0/24",
        root(group("a", *racks(3).groups), group("b")),
        {},
        "a: 3 groups share 10.0.0.0/25: each would get a /27, smaller than a /26 block",
    ),
    "block as long as an address": ("10.0.0.0/30", racks(5), {"block_mask": 32}, "each would get a /33"),
}


@pytest.mark.parametrize(("cidr", "tree", "keys", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_carved_is_refused_in_words(cidr, tree, keys, sentence):
    with pytest.raises(ConfigError) as error:
        carve(network(cidr, **keys), tree)
    assert sentence in str(error.value)
    assert error.value.code == "uncarvable"


def test_every_problem_is_reported_at_once():
    tree = root(
        group("a", pin=("192.0.2.0/24",)),
        group("b", *racks(3).groups, pin=("10.0.0.0/25",)),
        group("c", host_mask=30),
    )
    with pytest.raises(ConfigError) as error:
        carve(network("10.0.0.0/16"), tree)
    assert [p.where for p in error.value.problems] == ["a", "b", "c"]


@pytest.mark.slow
def test_ten_thousand_groups_take_a_moment():
    net, tree = network("10.0.0.0/8", "fd00::/32"), racks(10_000)
    carving = carve(net, tree)
    assert len(carving) == 10_000
    assert texts(carving)["r10000"] == "10.156.60.0/22, fd00:0:9c3c::/46"
    assert carve(net, racks(10_001), carving)["r10000"] == carving["r10000"]


UNEVEN = root(group("g3"), group("g5"), group("g6", group("x"), group("g8")))


def test_without_hints_shares_are_equal_and_in_document_order_or_refused():
    assert texts(carve(network("10.2.0.0/27", block_mask=30), UNEVEN)) == {
        "g3": "10.2.0.0/29",
        "g5": "10.2.0.8/29",
        "g6": "10.2.0.16/29",
        "g6/x": "10.2.0.16/30",
        "g6/g8": "10.2.0.20/30",
    }
    what = "g6: 2 groups share 10.2.0.8/30: each would get a /31, smaller than a /30 block"
    with pytest.raises(ConfigError, match=what):
        carve(network("10.2.0.0/28", block_mask=30), UNEVEN)
