"""Carving over random trees: every prefix inside its parent's and beside its siblings', and nothing moves."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from plan_trees import group, network, racks, root

from romana.model.errors import ConfigError, PlanError
from romana.model.layout import CarvedNetwork, Layout, NetworkId
from romana.model.snapshot import Snapshot
from romana.model.topology import Group, sites
from romana.plan.carve import carve, grow
from romana.plan.invariants import check

HINTS = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"weight": st.integers(1, 9)}),
    st.fixed_dictionaries({"hosts_expected": st.integers(1, 12)}),
)
NETWORKS = st.sampled_from(
    [
        network("10.0.0.0/16"),
        network("10.0.0.0/16", "10.7.0.0/20", "10.9.0.0/22"),
        network("fd00::/100"),
        network("10.0.0.0/18", "fd00::/104", block_mask=30),
        network("10.0.0.0/24", block_mask=28),
    ]
)


@st.composite
def trees(draw, depth=3, top=True):
    count = draw(st.integers(0 if top else 1, 5))
    below = []
    for number in range(count):
        deeper = depth > 1 and draw(st.booleans())
        inner = draw(trees(depth=depth - 1, top=False)).groups if deeper else ()
        below.append(replace(group(f"g{number}", **draw(HINTS)), groups=inner))
    return root(*below)


def sound(net, tree, carving) -> None:
    layout = Layout(networks=(CarvedNetwork(NetworkId("n"), net, tree, carving),))
    assert check(Snapshot(layout=layout)) == []
    for site in sites(tree):
        assert {p.version for p in carving[site.path]} == set(net.versions)
        if site.leaf:
            for version in net.versions:
                lengths = [p.length for p in carving[site.path] if p.version == version]
                assert min(lengths) <= net.block_length(version)


@given(NETWORKS, trees())
def test_shares_are_disjoint_inside_their_parents_and_hold_a_block(net, tree):
    try:
        carving = carve(net, tree)
    except ConfigError:
        assume(False)
    assert list(carving) == [site.path for site in sites(tree)]
    sound(net, tree, carving)
    assert carve(net, tree, carving) == carving


@given(NETWORKS, trees(), trees())
def test_what_both_trees_have_stays_where_it_is(net, old, new):
    try:
        before = carve(net, old)
        after = carve(net, new, before)
    except ConfigError:
        assume(False)
    sound(net, new, after)
    for path in before.keys() & after.keys():
        kept = [p for p in before[path] if any(p in q for q in after[path])]
        assert kept == list(before[path])
    assert carve(net, new, after) == after


@given(NETWORKS, trees(), st.data())
def test_growth_adds_and_never_takes_away(net, tree, data):
    try:
        before = carve(net, tree)
    except ConfigError:
        assume(False)
    assume(before)
    path = data.draw(st.sampled_from(sorted(before)))
    version = data.draw(st.sampled_from(net.versions))
    largest = max(p.size for p in before[path] if p.version == version)
    try:
        after = grow(net, tree, before, path, version)
    except PlanError:
        return
    sound(net, tree, after)
    size = {
        when: sum(p.size for p in c[path] if p.version == version)
        for when, c in (("b", before), ("a", after))
    }
    assert size["a"] == size["b"] + largest
    for where, prefixes in before.items():
        assert all(any(p in q for q in after[where]) for p in prefixes)


@pytest.mark.parametrize("free_bits", range(5))
def test_equal_groups_fit_exactly_as_long_as_there_is_a_block_for_each(free_bits):
    net = network(f"10.0.0.0/{26 - free_bits}")
    for count in range(1, 2**free_bits + 1):
        assert len(carve(net, racks(count))) == count
    with pytest.raises(ConfigError):
        carve(net, racks(2**free_bits + 1))


@given(st.lists(st.integers(1, 40), min_size=2, max_size=12))
def test_weights_give_shares_in_their_proportion_and_leave_one_piece_of_each_size(weights):
    tree = root(*(group(f"g{i}", weight=w) for i, w in enumerate(weights)))
    carving = carve(network("10.0.0.0/8"), tree)
    shares = [carving[f"g{i}"][0].size for i in range(len(weights))]
    rounded = [1 << (w - 1).bit_length() for w in weights]
    assert {share // size for share, size in zip(shares, rounded, strict=True)} == {shares[0] // rounded[0]}
    total = sum(shares)
    assert total <= 2**24 < 2 * total
    firsts = sorted((carving[path][0].first, carving[path][0].size) for path in carving)
    for (first, size), (following, _) in pairwise(firsts):
        assert first + size == following  # nothing is free between two of them


def test_a_deep_tree_is_no_problem():
    tree: Group = group("leaf")
    for depth in range(100):
        tree = group(f"level-{depth}", tree)
    assert {str(p[0]) for p in carve(network("10.0.0.0/16"), root(tree)).values()} == {"10.0.0.0/16"}
