"""Longest match, against brute force over all prefixes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from net_spaces import SMALL, anywhere, inside

from romana.net.prefix import Address, Prefix
from romana.net.table import LookupTable

items = st.lists(st.tuples(st.one_of(anywhere, inside(4), inside(6)), st.integers(0, 9)), max_size=40)


def brute_force(entries, address):
    found = {prefix: (prefix, value) for prefix, value in entries if address in prefix}
    return found[max(found, key=lambda p: p.length)] if found else None


def test_empty():
    table = LookupTable[int]([])
    assert table.lookup(Address.parse("10.0.0.1")) is None
    assert table.lookup(Address.parse("::")) is None
    assert len(table) == 0


def test_nested():
    table = LookupTable(
        (Prefix.parse(p), p) for p in ("0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.255.255/32")
    )
    cases = {
        "9.255.255.255": "0.0.0.0/0",
        "10.0.0.0": "10.0.0.0/8",
        "10.1.0.0": "10.1.0.0/16",
        "10.1.255.254": "10.1.0.0/16",
        "10.1.255.255": "10.1.255.255/32",
        "10.2.0.0": "10.0.0.0/8",
        "11.0.0.0": "0.0.0.0/0",
        "255.255.255.255": "0.0.0.0/0",
    }
    for address, expected in cases.items():
        assert table.lookup(Address.parse(address)) == (Prefix.parse(expected), expected)
    assert table.lookup(Address.parse("::")) is None, "the end of IPv4 is the end of its default route"


def test_a_prefix_given_twice_has_the_last_value():
    prefix = Prefix.parse("10.0.0.0/8")
    table = LookupTable([(prefix, "old"), (prefix, "new")])
    assert [*table] == [(prefix, "new")]
    assert table.lookup(prefix.address(7)) == (prefix, "new")


@given(items)
def test_small_space_address_by_address(entries):
    table = LookupTable(entries)
    for space in SMALL.values():
        for offset in range(-1, space.size + 1):
            address = space.address(offset)
            assert table.lookup(address) == table.lookup_key(address.key) == brute_force(entries, address)


@given(items, anywhere)
def test_everywhere(entries, probe):
    table = LookupTable(entries)
    edges = [p.address(o) for p, _ in entries for o in (0, p.size - 1)]
    for address in (*edges, probe.address(0), probe.address(probe.size - 1)):
        assert table.lookup(address) == brute_force(entries, address)


@given(items)
def test_intervals_ascend_and_say_what_lookups_say(entries):
    table = LookupTable(entries)
    intervals = [*table.intervals()]
    starts = [start for start, _ in intervals]
    assert starts == sorted(set(starts))
    assert starts[0] == -1
    for start, answer in intervals[1:]:
        if start in (1 << 40, 2 << 136):
            assert answer is None, "past the last address of a family"
        else:
            assert answer == table.lookup_key(start + 255)
    assert [*table] == sorted({p: (p, v) for p, v in entries}.values())
