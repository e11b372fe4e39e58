"""v2 documents: accepted as they are, with v2's meaning, strict about everything else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from romana.model.errors import ConfigError
from romana.model.topology import BlockOwner, Document, Network, Placement
from romana.net.prefix import Prefix
from romana.wire.document import read

EXAMPLES = Path(__file__).parents[2] / "examples"


def document(value: object) -> Document:
    return read(json.dumps(value).encode()).document


def one_network(**keys: object) -> Network:
    return document({"networks": [{"name": "n", "cidr": "10.0.0.0/8", **keys}]}).networks[0]


def tree(*entries: object, **keys: object):
    topologies = [{"networks": ["n"], "map": list(entries)}]
    return read(
        json.dumps(
            {"networks": [{"name": "n", "cidr": "10.0.0.0/8", **keys}], "topologies": topologies}
        ).encode()
    )


def root(*entries: object):
    return tree(*entries).document.topologies[0].root


def problems(*entries: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        tree(*entries)
    return [str(problem) for problem in caught.value.problems]


def test_a_network_means_what_v2_meant():
    assert one_network() == Network(
        "n", (Prefix.parse("10.0.0.0/8"),), 29, 122, BlockOwner.SEGMENT, Placement.PACKED, 0.0
    )


@pytest.mark.parametrize(
    ("keys", "mask"),
    [
        ({}, 29),
        ({"block_mask": 0}, 29),
        ({"block_mask": None}, 29),
        ({"block_mask": 32}, 32),
        ({"block_mask": 8}, 8),
        ({"cidr": "10.0.0.0/30"}, 30),
        ({"cidr": "10.0.0.0/32", "block_mask": 0}, 32),
    ],
)
def test_the_block_mask_defaults_to_29_or_the_network_if_that_is_longer(keys, mask):
    assert one_network(**keys).block_mask == mask


@pytest.mark.parametrize(
    ("written", "tenants"),
    [(None, ()), ([], ()), (["*"], ()), (["a", "B-2_c"], ("a", "B-2_c")), ([""], ("",))],
)
def test_tenants(written, tenants):
    assert one_network(tenants=written).tenants == tenants


def test_the_documents_in_examples_are_read():
    kubeadm = read((EXAMPLES / "v2-kubeadm.json").read_bytes())
    assert kubeadm.warnings == ()
    assert [g.name for g in kubeadm.document.topologies[0].root.groups] == [
        f"host-group-0{i}" for i in range(1, 9)
    ]
    racks = read((EXAMPLES / "v2-racks.json").read_bytes()).document
    assert [n.block_mask for n in racks.networks] == [29, 28]
    zone = racks.topologies[0].root.groups[0]
    assert (zone.routing, zone.assignment) == ("prefix-announce-bgp:spine", {"zone": "a"})
    assert [h.name for g in zone.groups for h in g.hosts] == ["ip-192-168-99-10", "ip-192-168-99-11"]


def test_an_element_with_an_ip_is_a_host_wherever_it_stands():
    assert [h.name for h in root({"name": "h", "ip": "1.1.1.1"}).hosts] == ["h"]
    assert [h.name for h in root({"groups": [{"name": "h", "ip": "1.1.1.1"}]}).groups[0].hosts] == ["h"]
    assert [h.name for h in root({"hosts": [{"name": "h", "ip": "1.1.1.1"}]}).groups[0].hosts] == ["h"]


def test_groups_without_a_name_are_named_by_position():
    groups = root({}, {"name": ""}, {"name": "x"}, {"groups": None}).groups
    assert [(g.name, g.named) for g in groups] == [("1", False), ("2", False), ("x", True), ("4", False)]


def test_names_with_spaces_and_colons_are_kept():
    assert root({"name": "rack 1: left #2"}).groups[0].name == "rack 1: left #2"


def test_the_map_may_be_empty_or_absent():
    assert root().groups == ()
    assert document({"networks": [], "topologies": None}).topologies == ()
    bare = {"networks": [{"name": "n", "cidr": "10.0.0.0/8"}], "topologies": [{"networks": ["n"]}]}
    assert document(bare).topologies[0].root.groups == ()


def test_bug_8_names_of_nested_groups_and_of_a_single_one_are_kept():
    top = root({"name": "dc", "groups": [{"name": "rack", "groups": []}]})
    assert (top.name, top.groups[0].name, top.groups[0].groups[0].name) == ("", "dc", "rack")


def test_bug_9_a_network_without_topology_is_read_with_a_warning():
    found = read(b'{"networks": [{"name": "n", "cidr": "10.0.0.0/8"}]}')
    assert [str(w) for w in found.warnings] == [
        "networks[0]: no topology names network 'n', so it hands out no address"
    ]


def test_bug_4_a_block_larger_than_its_group_is_refused():
    with pytest.raises(ConfigError, match=r"topologies\[0\].map: network 'n': 2 groups share 10.0.0.0/29"):
        tree({}, {}, cidr="10.0.0.0/29")


def test_bug_5_host_bits_are_refused():
    with pytest.raises(ConfigError, match=r"host bits set; the prefix is 10\.0\.0\.0/8"):
        one_network(cidr="10.0.0.1/8")


def test_what_v2_exported_is_accepted():
    """Its export writes prefixes of groups, labels of hosts as `assignment`, `*` and Go's nulls."""
    host = {"name": "h", "ip": "1.1.1.1", "assignment": {"rack": "r1"}, "groups": None, "agent_port": 9604}
    entry = {"name": "g", "cidr": "10.0.0.0/8", "dummy": False, "assignment": None, "groups": [host]}
    found = tree(entry, tenants=["*"], revision=4)
    assert found.warnings == ()
    assert found.document.topologies[0].root.groups[0].hosts[0].labels == {"rack": "r1"}


def test_a_prefix_that_carving_does_not_give_is_worth_a_warning():
    found = tree({"name": "a", "cidr": "10.0.0.0/9"}, {"name": "b", "cidr": "10.64.0.0/10"})
    what = "10.64.0.0/10 is not what the group gets, which is 10.128.0.0/9; the key has no effect"
    assert [str(w) for w in found.warnings] == [f"topologies[0].map[1].cidr: {what}"]


def test_bug_1_a_dummy_group_keeps_its_share_and_takes_no_host():
    found = tree({"name": "a"}, {"name": "spare", "dummy": True, "assignment": {"x": "y"}})
    spare = found.document.topologies[0].root.groups[1]
    assert spare.assignment == {"x": "y", "romana.io/dummy": "true"}
    assert "takes no host" in str(found.warnings[0])


def test_labels_of_a_host_come_from_any_of_the_keys():
    host = {
        "name": "h",
        "ip": "1.1.1.1",
        "tags": {"a": "1", "b": ""},
        "labels": {"c": "3"},
        "k8s_info": {"x": 1},
    }
    assert root(host).hosts[0].labels == {"a": "1", "b": "", "c": "3"}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"name": "h", "ip": 1}, "map[0].ip: must be an address such as 192.0.2.1, not 1"),
        ({"name": "h", "ip": "host.example"}, "map[0].ip: 'host.example' is not an IP address"),
        ({"ip": "1.1.1.1"}, "map[0]: name is missing"),
        ({"name": None, "ip": "1.1.1.1"}, "map[0]: name is empty"),
        ({"name": "h", "ip": "1.1.1.1", "groups": [{}]}, "has both an address, as a host, and groups"),
        (
            {"name": "g", "groups": [{"name": "x"}, {"name": "h", "ip": "1.1.1.1"}]},
            "has both hosts and groups",
        ),
        ({"name": "g", "groups": {}}, "map[0].groups: must be a list, not a mapping"),
        ({"name": 5}, "map[0].name: must be a text, not 5"),
        ({"name": "g", "assignment": {"a": 1}}, "assignment.a: must be a text, not 1"),
        ({"name": "g", "cidr": "10.0.0.1/9"}, "map[0].cidr: 10.0.0.1/9 has host bits set"),
        ({"name": "g", "dummy": "yes"}, "dummy: must be true or false, not 'yes'"),
        ({"name": "g", "group": []}, "unknown key 'group'; did you mean groups?"),
        ({"name": "\ud800"}, "holds characters that cannot be printed"),
    ],
)
def test_wrong_elements_of_the_map(entry, words):
    found = problems(entry)
    assert len(found) == 1, found
    assert words in found[0]


def test_a_key_that_stands_twice_is_refused():
    with pytest.raises(ConfigError, match=r"networks\[0\]: the key 'cidr' stands here more than once"):
        read(b'{"networks": [{"name": "n", "cidr": "10.0.0.0/8", "cidr": "11.0.0.0/8"}]}')


def test_json_may_use_the_new_keys_and_keeps_the_old_defaults():
    network = one_network(owner="host", reuse_delay=5)
    assert (network.owner, network.placement, network.reuse_delay) == (BlockOwner.HOST, Placement.PACKED, 5.0)


def test_json_with_new_keys_is_worth_a_word_about_the_version():
    """As YAML turned to JSON by another tool has: its defaults would change silently."""
    text = {
        "networks": [{"name": "n", "cidr": "10.0.0.0/8", "owner": "host"}],
        "topologies": [{"networks": ["n"]}],
    }
    (warning,) = read(json.dumps(text).encode()).warnings
    assert "yet owner is newer" in str(warning)
    for version in (2, 3):
        assert read(json.dumps({"version": version, **text}).encode()).warnings == ()


def test_version_3_in_json_means_the_new_defaults_and_no_old_keys():
    text = {"version": 3, "networks": [{"name": "n", "cidr": "10.0.0.0/8"}]}
    assert document(text).networks == (Network("n", (Prefix.parse("10.0.0.0/8"),)),)
    text["networks"][0]["revision"] = 1
    with pytest.raises(ConfigError, match="unknown key 'revision'"):
        document(text)


def test_version_2_in_yaml_means_the_old_defaults_and_keys():
    text = b"version: 2\nnetworks: [{name: n, cidr: 10.0.0.0/8, tenants: , revision: 3}]"
    assert read(text).document.networks == (one_network(),)
