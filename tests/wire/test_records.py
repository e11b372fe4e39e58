"""Records come back as they were written; what cannot be read is named."""

from __future__ import annotations

import json

import pytest
import wire_values as values
from hypothesis import given
from hypothesis import strategies as st

from romana.model.block import Block, Claim, Extent, Holding, Owner, Writer
from romana.model.errors import ConfigError, RefusedError
from romana.model.host import AgentMark, Host
from romana.model.layout import CarvedNetwork, Layout
from romana.model.topology import Document, Group, ListedHost, Network, Topology
from romana.net.prefix import Address, Prefix
from romana.ports.store import Listing, Record
from romana.wire import records

PREFIX = Prefix.parse("10.0.0.64/29")
A1, A3 = PREFIX.address(1), PREFIX.address(3)
BLOCK = Block(
    "n1",
    PREFIX,
    "zone-a/rack-1",
    Owner("node-1", "web", ""),
    Writer.CENTRAL,
    7,
    {A3: Holding(A3, "b", "", "front"), A1: Holding(A1, "a", "web")},
    {PREFIX.address(2): 1234.5},
)


@given(values.hosts)
def test_a_host_comes_back(host):
    assert records.decode_host(records.host_key(host.name), records.encode_host(host)) == host


@given(values.extents())
def test_an_extent_comes_back(extent):
    key = records.extent_key(extent.network, extent.prefix)
    assert records.decode_extent(key, records.encode_extent(extent)) == extent


@given(values.blocks())
def test_a_block_comes_back(block):
    key = records.block_key(block.network, block.prefix)
    assert records.decode_block(key, records.encode_block(block)) == block


@given(values.layouts())
def test_a_layout_comes_back(layout):
    assert records.decode_layout("layout", records.encode_layout(layout)) == layout


@given(st.lists(values.prefixes(), max_size=4).map(tuple))
def test_reservations_come_back(prefixes):
    assert records.decode_reservations("reservations/n1", records.encode_reservations(prefixes)) == prefixes


@given(st.builds(records.NameGuard, values.names, st.lists(values.addresses, max_size=2).map(tuple)))
def test_a_guard_of_a_name_comes_back(guard):
    assert records.decode_name("names/x", records.encode_name(guard)) == guard


holdings = st.builds(Holding, values.addresses, values.names, values.texts, values.texts)
answers = st.builds(
    records.Answer,
    st.lists(holdings, max_size=2).map(tuple),
    values.texts,
    values.texts,
    st.integers(0, 6),
)


@given(
    st.builds(
        records.Ask,
        st.sampled_from(records.AskKind),
        values.names,
        values.texts,
        values.texts,
        st.none() | values.names,
        st.none() | values.addresses,
        st.none() | answers,
    )
)
def test_a_request_comes_back(ask):
    key = records.request_key("node-1", "17")
    assert key == "requests/node-1/17"
    assert records.decode_ask(key, records.encode_ask(ask)) == ask


def test_what_a_block_looks_like_in_the_store():
    """Other versions read these bytes: a change needs a new schema version."""
    assert records.block_key("n1", PREFIX) == "blocks/n1/10.0.0.64-29"
    assert json.loads(records.encode_block(BLOCK)) == {
        "v": 1,
        "network": "n1",
        "prefix": "10.0.0.64/29",
        "group": "zone-a/rack-1",
        "host": "node-1",
        "tenant": "web",
        "writer": "central",
        "epoch": 7,
        "holdings": {"1": ["a", "web"], "3": ["b", "", "front"]},
        "resting": {"2": 1234.5},
    }


def test_what_an_extent_looks_like_in_the_store():
    claims = (Claim(PREFIX, Owner("node-1"), Writer.AGENT, 3), Claim(PREFIX.buddy(), None, Writer.CENTRAL, 4))
    extent = Extent("n1", PREFIX.parent(), "", host="node-1", blocks=claims, epoch=4)
    assert json.loads(records.encode_extent(extent)) == {
        "v": 1,
        "network": "n1",
        "prefix": "10.0.0.64/28",
        "group": "",
        "epoch": 4,
        "host": "node-1",
        "blocks": [
            {"prefix": "10.0.0.64/29", "epoch": 3, "host": "node-1"},
            {"prefix": "10.0.0.72/29", "epoch": 4, "writer": "central"},
        ],
    }


def test_what_a_host_looks_like_in_the_store():
    host = Host(
        "node-1", (Address.parse("192.0.2.1"),), {"rack": "r1"}, {"n1": "r1"}, agent=AgentMark("i", "b")
    )
    assert json.loads(records.encode_host(host)) == {
        "v": 1,
        "name": "node-1",
        "addresses": ["192.0.2.1"],
        "labels": {"rack": "r1"},
        "groups": {"n1": "r1"},
        "agent": {"incarnation": "i", "boot_id": "b"},
    }


def test_a_layout_writes_a_shared_tree_once():
    root = Group("", groups=(Group("rack-1"),))
    spec = Network("pods", (Prefix.parse("10.0.0.0/8"),))
    document = Document((spec,), (Topology(("pods",), root),))
    layout = Layout(document, (CarvedNetwork("n1", spec, root, {"rack-1": spec.prefixes}),))
    written = json.loads(records.encode_layout(layout))
    assert written["carved"] == [
        {"id": "n1", "name": "pods", "tree": 0, "carving": {"rack-1": ["10.0.0.0/8"]}}
    ]
    read = records.decode_layout("layout", records.encode_layout(layout))
    assert read.networks[0].root is read.document.topologies[0].root


@pytest.mark.parametrize(
    ("key", "value", "code", "words"),
    [
        ("layout", b'{"v":2,"shape":"unknown"}', "newer-schema", "schema version 2"),
        ("hosts/a", b'{"v":99}', "newer-schema", "up to 1"),
        ("blocks/n1/10.0.0.64-29", b'{"v":7,"network":3}', "newer-schema", "left as it is"),
        ("layout", b'{"v":0}', "bad-record", "schema version is 0"),
        ("layout", b"", "bad-record", "truncated"),
        ("layout", b"\xff\x00", "bad-record", "malformed"),
        ("layout", b'{"v":1,"networks":[{}]}', "bad-record", "networks[0]"),
        ("layout", b'{"v":1,"extra":1}', "bad-record", "extra"),
        ("layout", b'{"v":1,"carved":[{"id":"n1","name":"x"}]}', "bad-record", "not described"),
        ("hosts/a", b'{"v":1,"name":"b","addresses":[]}', "bad-record", "describes hosts/b"),
        ("hosts/a", b'{"v":1,"name":"a","addresses":["x"]}', "bad-record", "'x'"),
        ("reservations/n1", b'{"v":1,"prefixes":["10.0.0.1/8"]}', "bad-record", "host bits"),
    ],
)
def test_a_record_that_cannot_be_read_is_named(key, value, code, words):
    with pytest.raises(RefusedError) as caught:
        records.snapshot(Listing((Record(key, value, 1),), 1))
    assert caught.value.code == code
    assert f"the record {key} " in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize("offset", ["8", "-1", "x", "1.5", ""])
def test_an_offset_outside_the_block_is_a_bad_record(offset):
    value = json.loads(records.encode_block(BLOCK)) | {"holdings": {offset: ["a"]}}
    with pytest.raises(RefusedError) as caught:
        records.decode_block("blocks/n1/10.0.0.64-29", json.dumps(value).encode())
    assert caught.value.code == "bad-record"


def test_a_block_outside_its_extent_is_a_bad_record():
    stray = (Claim(PREFIX.buddy(), None, Writer.AGENT, 1),)
    value = records.encode_extent(Extent("n1", PREFIX, "", blocks=stray, epoch=1))
    with pytest.raises(RefusedError, match="lies outside"):
        records.decode_extent(records.extent_key("n1", PREFIX), value)


@given(st.sampled_from(["layout", "hosts/a", "extents/n/10.0.0.0-8", "blocks/n/10.0.0.0-8"]), st.binary())
def test_no_bytes_bring_a_traceback(key, value):
    with pytest.raises(RefusedError):
        records.snapshot(Listing((Record(key, value, 1),), 1))


def test_a_name_that_is_not_utf8_is_refused():
    with pytest.raises(ConfigError) as caught:
        records.encode_name(records.NameGuard("node-\udcff", ()))
    assert caught.value.code == "bad-name"


def test_a_snapshot_holds_everything_in_order():
    listed = Group("", hosts=(ListedHost("node-1", (Address.parse("192.0.2.1"),)),))
    spec = Network("pods", (Prefix.parse("10.0.0.0/8"),))
    document = Document((spec,), (Topology(("pods",), listed),))
    layout = Layout(document, (CarvedNetwork("n1", spec, listed, {"": spec.prefixes}),))
    low, high = Extent("n1", Prefix.parse("10.0.0.0/18"), ""), Extent("n1", Prefix.parse("10.0.64.0/18"), "")
    reserved = (Prefix.parse("10.9.0.0/16"),)
    added = Host("aa", (Address.parse("192.0.2.9"),))
    written = {
        "layout": records.encode_layout(layout),
        "hosts/aa": records.encode_host(added),
        "extents/n1/10.0.64.0-18": records.encode_extent(high),
        "extents/n1/10.0.0.0-18": records.encode_extent(low),
        "blocks/n1/10.0.0.64-29": records.encode_block(BLOCK),
        "reservations/n1": records.encode_reservations(reserved),
        "names/x": records.encode_name(records.NameGuard("node-1", ())),
        "requests/node-1/1": b"not read here",
    }
    rows = tuple(Record(key, value, at) for at, (key, value) in enumerate(written.items(), 1))
    seen = records.snapshot(Listing(rows, 40))
    assert (seen.revision, seen.layout) == (40, layout)
    assert list(seen.hosts) == ["aa", "node-1"]
    assert seen.hosts["node-1"].listed
    assert seen.hosts["node-1"].groups == {"n1": ""}
    assert list(seen.extents.values()) == [low, high]
    assert seen.mirrors == {("n1", PREFIX): BLOCK}
    assert seen.reservations == {"n1": reserved}
    assert seen.revisions == {row.key: row.revision for row in rows}
