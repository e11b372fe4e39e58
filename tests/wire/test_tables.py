"""Tables as JSON: the shape that scripts rely on, there and back, and everything that is no table."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from romana.model.errors import ConfigError
from romana.model.route import Hop, Route, RouteKind, Table
from romana.net.prefix import Address, Prefix
from romana.wire.tables import read_tables, write_routes, write_tables

words = st.text(min_size=1, max_size=8)
addresses = st.one_of(
    st.builds(Address.of, st.just(4), st.integers(0, 2**32 - 1)),
    st.builds(Address.of, st.just(6), st.integers(0, 2**128 - 1)),
)
hops = st.builds(Hop, st.none() | addresses, st.none() | words, st.none() | words)
prefixes = st.builds(lambda a, n: a.prefix.supernet(min(n, a.bits)), addresses, st.integers(0, 128))
routes = st.one_of(
    st.builds(Route, prefixes, st.just(RouteKind.DISCARD), metric=st.integers(0, 9)),
    st.builds(
        Route,
        prefixes,
        st.sampled_from([k for k in RouteKind if k is not RouteKind.DISCARD]),
        st.lists(hops, min_size=1, max_size=3).map(tuple),
        st.integers(0, 9),
        st.text(max_size=9),
    ),
)
tables = st.dictionaries(words, st.lists(routes, max_size=5)).map(
    lambda found: {name: Table.of(name, of) for name, of in found.items()}
)


@given(tables)
def test_there_and_back(found):
    assert read_tables(write_tables(found.values())) == found


def test_the_shape():
    discard = Route(Prefix.parse("10.0.0.0/8"), RouteKind.DISCARD)
    host = Route(
        Prefix.parse("10.1.0.0/24"),
        RouteKind.HOST,
        (Hop(Address.parse("192.0.2.1"), "eth0", "node-1"), Hop(device="node-2")),
        because="x",
    )
    expected = [
        {"prefix": "10.0.0.0/8", "via": None, "dev": None, "kind": "discard", "device": None},
        {
            "prefix": "10.1.0.0/24",
            "via": "192.0.2.1",
            "dev": "eth0",
            "kind": "host",
            "device": "node-1",
            "hops": [
                {"via": "192.0.2.1", "dev": "eth0", "device": "node-1"},
                {"via": None, "dev": None, "device": "node-2"},
            ],
            "because": "x",
        },
    ]
    assert json.loads(write_routes([discard, host])) == expected
    assert json.loads(write_tables([Table("a", (discard, host))])) == [{"device": "a", "routes": expected}]


def test_keys_that_say_nothing_may_be_left_out():
    text = '[{"device": "a", "routes": [{"prefix": "10.0.0.0/8", "kind": "endpoint", "dev": ""}]}]'
    assert read_tables(text) == {
        "a": Table("a", (Route(Prefix.parse("10.0.0.0/8"), RouteKind.ENDPOINT, (Hop(),)),))
    }


def one(**route) -> str:
    return json.dumps([{"device": "a", "routes": [{"prefix": "10.0.0.0/8", "kind": "host", **route}]}])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "cannot be read"),
        ("[", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        ("{}", "Expected `array`"),
        ("[7]", r"\$\[0\]"),
        ('[{"device": "a"}]', "missing required field `routes`"),
        ('[{"device": "a", "routes": [], "colour": 1}]', "unknown field `colour`"),
        (one(prefix=7), r"\$\[0\]\.routes\[0\]\.prefix"),
        (one(prefix="10.0.0.1/8"), r"\$\[0\]\.routes\[0\]\.prefix: 10\.0\.0\.1/8 has host bits set"),
        (one(via="eth0"), r"\$\[0\]\.routes\[0\]\.via: 'eth0' is not an IP address"),
        (one(hops=[{"via": "::x"}]), r"\$\[0\]\.routes\[0\]\.via: '::x' is not"),
        (
            one(kind="blackhole"),
            r"kind: 'blackhole' is none of endpoint, host, group, discard, router, foreign",
        ),
        (one(metric="1"), r"metric"),
        (
            '[{"device": "a", "routes": []}, {"device": "a", "routes": []}]',
            r"\$\[1\].device: 'a' stands here a second",
        ),
    ],
)
def test_what_is_no_table_is_refused_with_its_place(text, told):
    with pytest.raises(ConfigError, match=told) as error:
        read_tables(text)
    assert error.value.code == "bad-tables"


def test_every_problem_is_told():
    bad = [{"prefix": "10.0.0.0/8", "kind": "x"}, {"prefix": "y", "kind": "host", "via": "z"}]
    with pytest.raises(ConfigError) as error:
        read_tables(json.dumps([{"device": "a", "routes": bad}]))
    assert [p.where for p in error.value.problems] == [
        "$[0].routes[0].kind",
        "$[0].routes[1].prefix",
        "$[0].routes[1].via",
    ]
