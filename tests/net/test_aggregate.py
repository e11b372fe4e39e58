"""Aggregation is exact and as short as can be: against tables, `ipaddress` and brute force."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from net_spaces import addresses_of, anywhere, inside, shortest

from romana.net.aggregate import aggregate, aggregate_keys
from romana.net.prefix import Prefix


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("", ""),
        ("10.0.0.0/24", "10.0.0.0/24"),
        ("10.0.0.0/25 10.0.0.128/25 10.0.0.7/32", "10.0.0.0/24"),
        ("10.0.1.0/24 10.0.2.0/24", "10.0.1.0/24 10.0.2.0/24"),
        ("10.0.0.3/32 10.0.0.2/32 10.0.0.1/32 10.0.0.0/32", "10.0.0.0/30"),
        ("10.0.0.0/26 10.0.0.64/26 10.0.0.128/25", "10.0.0.0/24"),
        ("0.0.0.0/1 128.0.0.0/1", "0.0.0.0/0"),
        ("::/1 8000::/1", "::/0"),
        ("0.0.0.0/0 ::/0", "0.0.0.0/0 ::/0"),
        ("0.0.0.0/1 128.0.0.0/1 ::/1 8000::/1", "0.0.0.0/0 ::/0"),
        ("255.255.255.255/32 ::/128", "255.255.255.255/32 ::/128"),
        ("fd00::1/128 10.0.0.1/32 fd00::/128 10.0.0.0/32", "10.0.0.0/31 fd00::/127"),
    ],
)
def test_table(given_, expected):
    assert aggregate(map(Prefix.parse, given_.split())) == [*map(Prefix.parse, expected.split())]


@given(st.lists(st.one_of(inside(4), inside(6)), max_size=24))
def test_brute_force(prefixes):
    result = aggregate(prefixes)
    assert addresses_of(result) == addresses_of(prefixes)
    assert result == shortest(prefixes)


@given(st.lists(anywhere, max_size=60))
def test_as_ipaddress(prefixes):
    expected = [
        str(network)
        for version in (4, 6)
        for network in ipaddress.collapse_addresses(
            ipaddress.ip_network(str(p)) for p in prefixes if p.version == version
        )
    ]
    assert [*map(str, aggregate(prefixes))] == expected
    assert aggregate_keys(p.key for p in prefixes) == [p.key for p in aggregate(prefixes)]


@given(st.lists(anywhere, max_size=30))
def test_again_changes_nothing(prefixes):
    once = aggregate(prefixes)
    assert aggregate(once) == aggregate([*prefixes, *once]) == once
