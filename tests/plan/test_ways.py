"""Fewer routes, same forwarding: every address of a small space, before and after."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from romana.model.route import DeviceName, RouteKind
from romana.net.prefix import Prefix
from romana.net.table import LookupTable
from romana.plan.roads import Roads
from romana.plan.ways import Way, fewest

SPACE = Prefix.parse("10.0.0.0/28")
A, B = (DeviceName("a"),), (DeviceName("b"),)
prefixes = st.builds(
    lambda deeper, place: [*SPACE.split(SPACE.length + deeper)][place % (1 << deeper)],
    st.integers(0, 4),
    st.integers(0, 15),
)
hops = st.sampled_from([A, B, (*A, *B)])


def way(to, kind=RouteKind.GROUP):
    return Way(kind, to, (f"{kind} to {to}",))


def goes(ways, stops, default, address):
    """Where an address goes: the longest match; a way before a stop of the same prefix, as in a table."""
    table = LookupTable([*((p, ()) for p in stops), *((p, w.hops) for p, w in ways.items())])
    found = table.lookup(address)
    return found[1] if found else default


@given(
    st.dictionaries(prefixes, hops.map(way), max_size=10),
    st.lists(prefixes, max_size=3),
    st.sampled_from([A, B, ()]),
)
def test_forwarding_is_the_same_and_routes_are_no_more(ways, stops, default):
    result = fewest(ways, stops, default)
    assert len(result) <= len(ways)
    for offset in range(SPACE.size):
        address = SPACE.address(offset)
        assert goes(result, stops, default, address) == goes(ways, stops, default, address)


@pytest.mark.parametrize(
    ("ways", "stops", "default", "expected"),
    [
        ({"10.0.0.0/30": A, "10.0.0.4/30": A}, [], (), {"10.0.0.0/29": A}),
        ({"10.0.0.0/30": A, "10.0.0.4/30": B}, [], (), {"10.0.0.0/30": A, "10.0.0.4/30": B}),
        ({"10.0.0.0/29": A, "10.0.0.4/30": A}, [], (), {"10.0.0.0/29": A}),
        ({"10.0.0.0/29": A, "10.0.0.4/30": A}, ["10.0.0.4/31"], (), {"10.0.0.0/29": A}),
        ({"10.0.0.0/28": A, "10.0.0.4/32": A}, ["10.0.0.4/30"], (), {"10.0.0.0/28": A, "10.0.0.4/32": A}),
        ({"10.0.0.0/30": A}, [], A, {}),
        ({"10.0.0.0/30": A}, ["10.0.0.0/28"], A, {"10.0.0.0/30": A}),
        # a finer way back to the same place, through one that goes elsewhere
        ({"10.0.0.0/28": A, "10.0.0.0/29": B, "10.0.0.0/30": A}, [], (),
         {"10.0.0.0/28": A, "10.0.0.0/29": B, "10.0.0.0/30": A}),
        # both halves hide what the whole says
        ({"10.0.0.0/29": A, "10.0.0.0/30": B, "10.0.0.4/30": B}, [], (), {"10.0.0.0/29": B}),
    ],
)  # fmt: skip
def test_table(ways, stops, default, expected):
    result = fewest({Prefix.parse(p): way(to) for p, to in ways.items()}, map(Prefix.parse, stops), default)
    assert {str(p): w.hops for p, w in result.items()} == expected


def test_exceptions_are_never_joined_and_reasons_are_kept():
    low, high = SPACE.halves()
    apart = fewest({low: way(A, RouteKind.HOST), high: way(A, RouteKind.HOST)}, [], ())
    assert [*apart] == [low, high]
    together = fewest(
        {low: Way(RouteKind.GROUP, A, ("x",)), high: Way(RouteKind.GROUP, A, ("y", "x"))}, [], ()
    )
    assert together == {SPACE: Way(RouteKind.GROUP, A, ("x", "y"))}


LINKS = [
    ("r1", "s1"),
    ("r1", "s2"),
    ("r2", "s1"),
    ("r2", "s2"),
    ("r3", "s2"),
    ("s1", "b"),
    ("s2", "b"),
    ("h", "r1"),
]


@pytest.mark.parametrize(
    ("start", "ends", "expected"),
    [
        ("s1", "r1", "r1"),
        ("s1", "r1 r2", "r1 r2"),
        ("s1", "r3", "b r1 r2"),  # not linked: round by anybody who is nearer
        ("b", "r1 r2", "s1 s2"),
        ("b", "r3", "s2"),
        ("r1", "s1 s2 b", "s1 s2"),
        ("r3", "s1 s2 b", "s2"),
        ("r1", "r1", ""),
        ("alone", "r1", ""),
    ],
)
def test_shortest_ways(start, ends, expected):
    roads = Roads(["r1", "r2", "r3", "alone"], ["s1", "s2", "b"], LINKS, ["r1"])
    assert roads.towards(start, ends.split()) == tuple(expected.split())


def test_without_links_routers_reach_all_devices_or_each_other():
    leaf_spine = Roads(["r1", "r2"], ["s1", "s2"], [], ["r1", "r2"])
    assert leaf_spine.up("r1") == ("s1", "s2")
    assert leaf_spine.up("s1") == ()
    assert leaf_spine.towards("s1", ["r2"]) == ("r2",)
    routers = Roads(["r1", "r2"], [], [("h1", "r1")], ["r1", "r2"])
    assert routers.up("r1") == ()
    assert routers.towards("r1", ["r2"]) == ("r2",)
    assert routers.towards("r1", ["r1", "r2"]) == ()
