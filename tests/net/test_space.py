"""Free space, against brute force in a space of 16 addresses and against pictures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from net_spaces import SMALL, addresses_of, anywhere, inside, shortest

from romana.net.aggregate import aggregate
from romana.net.prefix import Prefix
from romana.net.space import beside, best_fit, bisect, free, largest, lowest, subtract

some = st.lists(st.one_of(inside(4), inside(6)), max_size=12)
versions = st.sampled_from([4, 6])


def prefixes(text):
    return [*map(Prefix.parse, text.split())]


@pytest.mark.parametrize(
    ("within", "taken", "left"),
    [
        ("10.0.0.0/24", "", "10.0.0.0/24"),
        ("10.0.0.0/24", "10.0.0.64/26", "10.0.0.0/26 10.0.0.128/25"),
        ("10.0.0.0/24", "10.0.0.0/8", ""),
        ("10.0.0.0/24", "11.0.0.0/8", "10.0.0.0/24"),
        ("10.0.0.0/30", "10.0.0.1/32 10.0.0.2/32", "10.0.0.0/32 10.0.0.3/32"),
        ("10.0.0.0/25 10.0.0.128/25", "", "10.0.0.0/24"),
        ("0.0.0.0/0", "128.0.0.0/1", "0.0.0.0/1"),
        ("::/0", "8000::/1 ::/2", "4000::/2"),
        ("::/0 8.0.0.0/6", "10.0.0.0/8 ::/1", "8.0.0.0/7 11.0.0.0/8 8000::/1"),
        ("0.0.0.0/0 ::/0", "", "0.0.0.0/0 ::/0"),
    ],
)
def test_subtract(within, taken, left):
    assert subtract(prefixes(within), prefixes(taken)) == prefixes(left)
    assert free(prefixes(within), prefixes(taken)) == prefixes(left)


@given(some, some)
def test_subtract_is_set_difference_in_fewest_pieces(within, taken):
    left = subtract(within, taken)
    assert addresses_of(left) == addresses_of(within) - addresses_of(taken)
    assert left == shortest(left)


@given(st.lists(anywhere, max_size=12), st.lists(anywhere, max_size=12))
def test_subtract_at_any_size(within, taken):
    left = subtract(within, taken)
    both = subtract(within, left)
    assert left == aggregate(left), "ascending and shortest"
    assert aggregate([*left, *both]) == aggregate(within), "nothing is lost"
    assert not any(piece.overlaps(prefix) for piece in left for prefix in taken)
    assert subtract(both, taken) == []


@given(
    versions.flatmap(lambda v: st.tuples(st.just(SMALL[v]), st.lists(inside(v), max_size=10))),
    st.integers(0, 4),
)
def test_choices_against_all_positions(space_and_taken, deeper):
    space, taken = space_and_taken
    length = space.length + deeper
    pieces = free([space], taken)
    positions = [p for p in space.split(length) if not any(p.overlaps(t) for t in taken)]
    assert lowest(pieces, length) == (positions[0] if positions else None)
    fit = best_fit(pieces, length)
    assert (fit is None) == (not positions)
    if fit is not None:
        room = {p: next(piece for piece in pieces if p in piece).length for p in positions}
        assert fit in positions
        assert room[fit] == max(room.values())
        assert fit == min(p for p in positions if room[p] == room[fit])
    middle = bisect([space], taken, length)
    big = largest(pieces)
    assert (middle is None) == (big is None or big.length > length)
    if big is not None and middle is not None:
        assert middle.first == big.first
        assert middle.length == length
        assert big.size == max(p.size for p in pieces)


def test_bisection_leaves_everybody_room():
    space = Prefix.parse("10.0.0.0/24")
    taken: list[Prefix] = []
    for _ in range(8):
        position = bisect([space], taken, 30)
        assert position is not None
        taken.append(position)
    assert [p.last & 255 for p in taken] == [3, 131, 67, 195, 35, 99, 163, 227]


@pytest.mark.parametrize(
    ("own", "others", "expected"),
    [
        ("10.0.0.0/26", "", "10.0.0.64/26"),
        ("10.0.0.64/26", "", "10.0.0.0/26"),
        ("10.0.0.0/26 10.0.0.64/26", "", "10.0.0.128/26"),
        ("10.0.0.0/25 10.0.0.128/26", "", "10.0.0.192/26"),
        ("10.0.0.0/25 10.0.0.128/26", "10.0.0.192/26", None),
        ("10.0.0.0/26", "10.0.0.64/28", None),
        ("10.0.0.0/24", "", None),
        ("10.0.0.5/32", "", None),  # smaller than what is wanted: nothing that a buddy would double
        ("", "", None),
    ],
)
def test_beside(own, others, expected):
    mine = prefixes(own)
    position = beside(mine, free(prefixes("10.0.0.0/24"), [*mine, *prefixes(others)]), 26)
    assert position == (Prefix.parse(expected) if expected else None)


@given(st.integers(1, 8), st.integers(1, 60))
def test_hosts_that_grow_by_buddies_stay_one_route_while_space_allows(hosts, blocks):
    """Eight hosts at bisection points of 256 blocks can hold 32 each; up to there each is few routes."""
    space = Prefix.parse("10.0.0.0/16")
    own: dict[int, list[Prefix]] = {h: [] for h in range(hosts)}
    for turn in range(min(blocks, 32)):
        for mine in own.values():
            taken = [p for held in own.values() for p in held]
            pieces = free([space], taken)
            position = beside(mine, pieces, 24) if turn else bisect([space], taken, 24)
            assert position is not None
            assert not any(position.overlaps(p) for p in taken)
            mine.append(position)
    for mine in own.values():
        assert len(aggregate(mine)) == len(mine).bit_count()
