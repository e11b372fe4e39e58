"""Export: v3 reads back equal, v2 says what v2 knew, joined hosts stand in their groups."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import wire_documents
import yaml
from hypothesis import given

from romana.model.errors import ConfigError
from romana.model.host import Host
from romana.model.layout import CarvedNetwork, Layout
from romana.model.topology import (
    Announce,
    BlockOwner,
    Document,
    Group,
    ListedHost,
    Network,
    Placement,
    Router,
    Topology,
)
from romana.net.prefix import Address, Prefix
from romana.wire.document import left_out, read, with_hosts, write

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").iterdir())
A1, A2 = Address.parse("192.0.2.1"), Address.parse("192.0.2.2")


def again(document: Document, form: str) -> Document:
    return read(write(document, form).encode()).document


@given(wire_documents.documents())
def test_v3_reads_back_equal(document):
    text = write(document, "v3")
    assert read(text.encode()).document == document
    yaml.safe_load(text)  # other readers of YAML take it too


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_read_back_equal(path):
    document = read(path.read_bytes()).document
    assert again(document, "v3") == document
    if path.suffix == ".json":
        assert again(document, "v2") == document
        assert left_out(document) == ()


def test_v3_leaves_out_what_is_at_its_default():
    network = Network("pods", (Prefix.parse("10.0.0.0/8"),))
    document = Document((network,), (Topology(("pods",), Group("", groups=(Group("1", named=False),))),))
    assert write(document, "v3") == (
        "networks:\n- name: pods\n  cidr: 10.0.0.0/8\ntopologies:\n- networks: [pods]\n  map:\n  - {}\n"
    )


V2 = Network("n", (Prefix.parse("10.0.0.0/8"),), 29, 122, BlockOwner.SEGMENT, Placement.PACKED, 0.0)


def v2_document(root: Group, **keys: object) -> Document:
    return Document((replace(V2, **keys),), (Topology(("n",), root),))


def test_v2_is_what_v2_wrote():
    host = ListedHost("h", (A1,), {"rack": "r1"})
    inner = Group("rack", routing="block-on-host", hosts=(host,))
    root = Group("", groups=(Group("zone", {"zone": "a"}, (inner,)), Group("2", named=False)))
    document = v2_document(root, tenants=("web",))
    assert again(document, "v2") == document
    assert left_out(document) == ()
    assert json.loads(write(document, "v2")) == {
        "networks": [{"name": "n", "cidr": "10.0.0.0/8", "block_mask": 29, "tenants": ["web"]}],
        "topologies": [
            {
                "networks": ["n"],
                "map": [
                    {
                        "name": "zone",
                        "assignment": {"zone": "a"},
                        "groups": [
                            {
                                "name": "rack",
                                "routing": "block-on-host",
                                "groups": [{"name": "h", "ip": "192.0.2.1", "assignment": {"rack": "r1"}}],
                            }
                        ],
                    },
                    {"groups": []},
                ],
            }
        ],
    }


def test_v2_never_writes_the_tenant_that_means_everybody():
    document = read(b'{"networks": [{"name": "n", "cidr": "10.0.0.0/8", "tenants": ["*"]}]}').document
    assert "tenants" not in write(document, "v2")
    assert "tenants" not in write(document, "v3")


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (v2_document(Group(""), prefixes=(Prefix.parse("fd00::/48"),)), "network n: is IPv6"),
        (
            v2_document(Group(""), prefixes=(*V2.prefixes, Prefix.parse("11.0.0.0/8"))),
            "network n: has 2 prefixes",
        ),
        (v2_document(Group("", groups=(Group("a", prefixes=V2.prefixes),))), "group a: has prefixes"),
        (v2_document(Group("", groups=(Group("a", weight=2),))), "group a: has weight"),
        (
            v2_document(Group("", groups=(Group("a", groups=(Group("b", hosts_expected=2),)),))),
            "group a/b: has hosts_exp",
        ),
    ],
)
def test_v2_refuses_what_would_change_addresses(document, problem):
    with pytest.raises(ConfigError) as caught:
        write(document, "v2")
    assert caught.value.code == "not-v2"
    assert str(caught.value.problems[0]).startswith(problem)


def test_v2_leaves_the_rest_out_and_says_so():
    hosts = (ListedHost("h", (Address.parse("fd00::1"), A1)),)
    root = Group("", {"a": "b"}, hosts=hosts, host_mask=24, routers=(Router("t"),), announce=Announce.HOST)
    network = Network("n", V2.prefixes, reserved=(Prefix.parse("10.0.0.0/24"),))
    document = Document((network,), (Topology(("n",), root),), budgets={"spine": 3})
    assert [str(problem) for problem in left_out(document)] == [
        "network n: owner host is left out; v2 means segment",
        "network n: placement spread is left out; v2 means packed",
        "network n: reuse_delay 30s is left out; v2 has no delay",
        "network n: reserved is left out; v2 does not know it here",
        *(f"topologies[0]: {key} is left out; v2 does not know it here" for key in HERE),
        "host h: of its addresses only 192.0.2.1 is written; v2 knows one",
        "budgets is left out; v2 does not know it here",
    ]
    assert again(document, "v2") == v2_document(Group("", hosts=(ListedHost("h", (A1,)),)), block_mask=26)


HERE = ("host_mask", "routers", "announce", "assignment")


def layout(document: Document) -> Layout:
    return Layout(
        document,
        tuple(
            CarvedNetwork(f"id-{network.name}", network, document.root_of(network.name), {})
            for network in document.networks
        ),
    )


RACKS = Group("", groups=(Group("r1", hosts=(ListedHost("h", (A1,)),)), Group("r2", groups=(Group("left"),))))
SHARED = Document((Network("a", ()), Network("b", ())), (Topology(("a", "b"), RACKS),))


def test_joined_hosts_stand_in_their_groups_with_their_labels():
    hosts = {
        "h": Host("h", (A1,), {"now": "x"}, {"id-a": "r1", "id-b": "r1"}, listed=True),
        "j": Host("j", (A2,), {"rack": "r2"}, {"id-a": "r2/left", "id-b": "r2/left"}),
        "lost": Host("lost", (A2,), {}, {"id-gone": "r1"}),
    }
    document = with_hosts(SHARED, hosts, layout(SHARED))
    r1 = Group("r1", hosts=(ListedHost("h", (A1,), {"now": "x"}),))
    left = Group("left", hosts=(ListedHost("j", (A2,), {"rack": "r2"}, joined=True),))
    root = Group("", groups=(r1, Group("r2", groups=(left,))))
    assert document.topologies == (Topology(("a", "b"), root),)
    assert with_hosts(document, hosts, layout(document)) == document


def test_networks_in_which_hosts_live_elsewhere_get_a_topology_each():
    hosts = {"j": Host("j", (A2,), {}, {"id-a": "r1", "id-b": "r2/left"})}
    first, second = with_hosts(SHARED, hosts, layout(SHARED)).topologies
    assert (first.networks, second.networks) == (("a",), ("b",))
    assert [h.name for h in first.root.groups[0].hosts] == ["h", "j"]
    assert [h.name for h in second.root.groups[1].groups[0].hosts] == ["j"]


def test_a_host_joins_a_network_without_groups():
    flat = Document((V2,), (Topology(("n",), Group("")),))
    document = with_hosts(flat, {"j": Host("j", (A2,), {"a": "b"}, {"id-n": ""})}, layout(flat))
    assert document.topologies[0].root.hosts == (ListedHost("j", (A2,), {"a": "b"}, joined=True),)
    assert again(document, "v3") == document
    assert again(document, "v2").topologies[0].root.hosts == (ListedHost("j", (A2,), {"a": "b"}),)
    assert [str(p) for p in left_out(document)] == ["host j: joined is left out; v2 lists every host"]
