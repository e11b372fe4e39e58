"""Documents that are refused: every problem at once, each with its place and the remedy."""

from __future__ import annotations

import pytest

from romana.model.errors import ConfigError
from romana.wire.document import read

NETWORKS = "networks: [{name: pods, cidr: 10.0.0.0/8}]\n"


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text.encode(), name="dc.yaml")
    assert caught.value.code == "bad-document"
    assert caught.value.exit_status == 2
    return [str(problem) for problem in caught.value.problems]


def network(rest: str) -> str:
    return f"networks: [{{name: pods, {rest}}}]"


def groups(entries: str, networks: str = "{name: pods, cidr: 10.0.0.0/8}", more: str = "") -> str:
    return f"networks: [{networks}]\ntopologies: [{{networks: [pods], map: [{entries}]}}]\n{more}"


ONE = [
    # networks
    (network("cidr: 10.0.0.1/8"), "networks[0].cidr: 10.0.0.1/8 has host bits set; the prefix is 10.0.0.0/8"),
    (network("cidrs: [10.0.0.0/8, 'fd00::1/48']"), "networks[0].cidrs[1]: fd00::1/48 has host bits set"),
    (network("cidr: 10.0.0.0"), "networks[0].cidr: '10.0.0.0' has no length"),
    (network("cidr: 10.0.0.0/33"), "a prefix length of IPv4 is 0 to 32, not 33"),
    (network("cidr: 10.0.0.0/08"), "after the slash stands a decimal length"),
    (network("cidr: tomato"), "networks[0].cidr: 'tomato' is not an IP prefix"),
    (network("cidr: [10.0.0.0/8]"), "networks[0].cidr: must be a prefix such as 10.0.0.0/8, not a list"),
    (network("cidr: 'fe80::%eth0/64'"), "names an interface after %"),
    (network("cidrs: 10.0.0.0/8"), "networks[0].cidrs: must be a list, not '10.0.0.0/8'"),
    (network("cidrs: []"), "networks[0]: cidrs is empty; a network has at least one prefix"),
    (network("cidr: 10.0.0.0/8, cidrs: [11.0.0.0/8]"), "networks[0]: has both cidr and cidrs"),
    (network("tenants: [web]"), "networks[0]: cidr is missing"),
    ("networks: [{cidr: 10.0.0.0/8}]", "networks[0]: name is missing"),
    ("networks: [{name: , cidr: 10.0.0.0/8}]", "networks[0].name: is empty"),
    ("networks: [{name: '', cidr: 10.0.0.0/8}]", "networks[0].name: is empty"),
    ('networks: [{name: "a\\tb", cidr: 10.0.0.0/8}]', "holds characters that cannot be printed"),
    ("networks: [{name: {a: b}, cidr: 10.0.0.0/8}]", "networks[0].name: must be a text, not a mapping"),
    ("networks: [10.0.0.0/8]", "networks[0]: must be a mapping of keys and values, not '10.0.0.0/8'"),
    ("networks: {name: a}", "networks: must be a list, not a mapping"),
    ("networks:", "networks: is empty"),
    ("topologies: []", "networks is missing"),
    ("just a text", "must be a mapping of keys and values, not 'just a text'"),
    ("[]", "must be a mapping of keys and values, not a list"),
    (NETWORKS + "version: 4", "version: is 4; it must be 2 to 3"),
    (NETWORKS + "version: three", "version: must be a whole number, not 'three'"),
    (network("cidr: 10.0.0.0/8, block_mask: 7"), "networks[0].block_mask: is 7; it must be 8 to 32"),
    (network("cidr: 10.0.0.0/8, block_mask: 33"), "networks[0].block_mask: is 33; it must be 8 to 32"),
    (network("cidr: 10.0.0.0/8, block_mask: '28'"), "block_mask: must be a whole number, not '28'"),
    (network("cidr: 10.0.0.0/8, block_mask: 028"), "block_mask: must be a whole number, not '028'"),
    (network("cidr: 10.0.0.0/8, block_mask: 2_8"), "must be a whole number"),
    (network("cidr: 10.0.0.0/8, block_mask: 28.0"), "must be a whole number"),
    (network("cidr: 10.0.0.0/8, block_mask: true"), "must be a whole number"),
    (network("cidr: 10.0.0.0/8, block_mask6: 64"), "block_mask6: is for IPv6 blocks, and the network has no"),
    (network("cidr: 'fd00::/48', block_mask: 28"), "block_mask: is for IPv4 blocks, and the network has no"),
    (network("cidr: 'fd00::/48', block_mask6: 28"), "block_mask6: is 28; it must be 48 to 128"),
    (network("cidr: 10.0.0.0/8, owner: pod"), "owner: must be one of host, tenant, segment, not 'pod'"),
    (network("cidr: 10.0.0.0/8, owner: tennant"), "did you mean tenant?"),
    (network("cidr: 10.0.0.0/8, placement: dense"), "placement: must be one of spread, packed"),
    (network("cidr: 10.0.0.0/8, reuse_delay: soon"), "reuse_delay: must be a time such as 30s, 5m"),
    (network("cidr: 10.0.0.0/8, reuse_delay: -1s"), "reuse_delay: must be a time"),
    (network("cidr: 10.0.0.0/8, reuse_delay: 9999d"), "reuse_delay: must be 0s to 365d"),
    (network("cidr: 10.0.0.0/8, tenants: [a b]"), "tenants[0]: 'a b' is no name of a tenant"),
    (network("cidr: 10.0.0.0/8, tenants: web"), "tenants: must be a list, not 'web'"),
    (network("cidr: 10.0.0.0/8, tenants: []"), "tenants: is empty; leave the key out"),
    (network("cidr: 10.0.0.0/8, tenants: ['*', web]"), "tenants: * means everybody and stands alone"),
    (network("cidr: 10.0.0.0/8, reserved: [11.0.0.0/24]"), "reserved[0]: 11.0.0.0/24 lies outside"),
    (network("cidr: 10.0.0.0/8, reserved: [10.0.0.0/8]"), "reserved[0]: 10.0.0.0/8 is the whole network"),
    (network("cidr: 10.0.0.0/8, reserved: [10.0.0.1/24]"), "reserved[0]: 10.0.0.1/24 has host bits set"),
    (network("cidr: 10.0.0.0/8, vlan: {id: 0}"), "vlan.id: is 0; it must be 1 to 4094"),
    (network("cidr: 10.0.0.0/8, vlan: {gateway: 10.0.0.1}"), "vlan: id is missing"),
    (network("cidr: 10.0.0.0/8, vlan: {id: 5, gateway: 10.0.0.0/8}"), "is not an IP address"),
    (network("cidr: 10.0.0.0/8, blok_mask: 28"), "unknown key 'blok_mask'; did you mean block_mask?"),
    (network("cidr: 10.0.0.0/8, prefix: x"), "unknown key 'prefix'; write cidr"),
    (network("cidr: 10.0.0.0/8, cidr: 10.0.0.0/8"), "networks[0]: the key 'cidr' stands here more than once"),
    (NETWORKS + "networs: []", "unknown key 'networs'; did you mean networks?"),
    # topologies
    (NETWORKS + "topologies: [{map: []}]", "topologies[0]: networks is missing"),
    (NETWORKS + "topologies: [{networks: [], map: []}]", "topologies[0]: networks is empty"),
    (NETWORKS + "topologies: [{networks: [pod]}]", "networks[0]: no network is named 'pod'; did you mean pods?"),
    (NETWORKS + "topologies: [{networks: [pods, pods]}]", "networks[1]: network 'pods' is already in topologies[0]"),
    (NETWORKS + "topologies: [{networks: [pods]}, {networks: [pods]}]", "topologies[1].networks[0]: network 'pods'"),
    (NETWORKS + "topologies: [{networks: [pods], groups: []}]", "unknown key 'groups'; write map"),
    (NETWORKS + "topologies: [{networks: [pods], map: {a: b}}]", "topologies[0].map: must be a list, not a mapping"),
    (groups("rack-1"), "topologies[0].map[0]: must be a mapping of keys and values, not 'rack-1'"),
    (groups("{name: a}, {name: a}"), "map[1]: its name 'a' is also that of topologies[0].map[0]"),
    (groups("{}, {name: '1'}"), "map[1]: its name '1' is also that of topologies[0].map[0]"),
    (groups("{name: '2'}, {}"), "map[1]: its position, its name as it has no other, '2' is also"),
    (groups("{name: a/b}"), "map[0].name: 'a/b' holds a /"),
    (groups('{name: "a\\nb"}'), "map[0].name: 'a\\nb' holds characters that cannot be printed"),
    (groups('{name: "a\\u202eb"}'), "holds characters that cannot be printed"),
    (groups("{name: a, cidr: 10.0.0.0/9}"), "map[0]: unknown key 'cidr'; write prefixes"),
    (groups("{name: a, asignment: {}}"), "unknown key 'asignment'; did you mean assignment?"),
    (groups("{name: a, assignment: [x]}"), "map[0].assignment: must be a mapping from key to value, not a list"),
    (groups("{name: a, assignment: {x: [y]}}"), "map[0].assignment.x: must be a text, not a list"),
    (groups("{name: a, assignment: {'': y}}"), "the key '' is empty"),
    (groups("{name: a, on_link: yes}"), "on_link: must be true or false, not 'yes'"),
    (groups("{name: a, on_link: on}"), "on_link: must be true or false, not 'on'"),
    (groups("{name: a, announce: all}"), "announce: must be one of host, blocks, group, none"),
    (groups("{name: a, hosts_expected: 0}"), "hosts_expected: is 0; it must be 1 to"),
    (groups("{name: a, weight: -3}"), "weight: is -3; it must be 1 to"),
    (groups("{name: a, weight: 1, hosts_expected: 1}"), "has both hosts_expected and weight"),
    (groups("{name: a, host_mask: 33}"), "map[0].host_mask: is 33; it must be 0 to 32"),
    (groups("{name: a, host_mask: 27}"), "map[0].host_mask: is 27; in network 'pods' it must be 8 (its prefix) to 26"),
    (groups("{name: a, host_mask: 7}"), "map[0].host_mask: is 7; in network 'pods' it must be 8"),
    (groups("{name: a, host_mask6: 64}"), "host_mask6: is for IPv6, and no network of this topology has an IPv6"),
    (groups("{name: a, host_mask: 24}", "{name: pods, cidr: 'fd00::/48'}"), "host_mask: is for IPv4, and no network"),
    (groups("{name: a, prefixes: [10.1.0.0/9]}"), "prefixes[0]: 10.1.0.0/9 has host bits set"),
    (groups("{name: a, prefixes: [11.0.0.0/24]}"), "prefixes[0]: 11.0.0.0/24 lies in no network of this topology"),
    (groups("{name: a, prefixes: []}"), "prefixes is empty"),
    (groups("{name: a, groups: [{name: b}], hosts: [{name: h, address: 1.1.1.1}]}"), "has both hosts and groups"),
    (groups("{name: a, groups: [{name: b}, {name: h, ip: 1.1.1.1}]}"), "map[0]: has both hosts and groups"),
    (groups("{name: a}, {name: h, address: 1.1.1.1}"), "topologies[0].map: has both hosts and groups"),
    (groups("{name: h, address: 1.1.1.1, groups: [{name: b}]}"), "map[0]: unknown key 'groups'"),
    # hosts
    (groups("{name: a, hosts: [{name: h}]}"), "map[0].hosts[0]: address is missing"),
    (groups("{name: a, hosts: [{address: 1.1.1.1}]}"), "map[0].hosts[0]: name is missing"),
    (groups("{name: a, hosts: [{name: h, address: 1.1.1.1/24}]}"), "is not an IP address"),
    (groups("{name: a, hosts: [{name: h, address: 1.1.1}]}"), "hosts[0].address: '1.1.1' is not an IP address"),
    (groups("{name: a, hosts: [{name: h, addresses: []}]}"), "hosts[0].addresses: is empty"),
    (groups("{name: a, hosts: [{name: h, addresses: 1.1.1.1}]}"), "addresses: must be a list"),
    (groups("{name: a, hosts: [{name: h, ip: 1.1.1.1, address: 1.1.1.2}]}"), "has address and ip; write all as"),
    (groups("{name: a, hosts: [{name: h, addresses: [1.1.1.1, 1.1.1.1]}]}"), "'1.1.1.1' stands here more than once"),
    (groups("{name: h, address: 1.1.1.1}, {name: h, address: 1.1.1.2}"), "name 'h' is also that of topologies[0]"),
    (groups("{name: a, hosts: [{name: h, address: 1.1.1.1, tags: {}}]}"), "unknown key 'tags'; write labels"),
    (groups("{name: a/b, address: 1.1.1.1}"), "map[0].name: 'a/b' holds a /"),
    # routers, devices, links, budgets
    (groups("{name: a, router: {address: 1.1.1.1}}"), "map[0].router: name is missing"),
    (groups("{name: a, router: {name: t}, routers: []}"), "has both router and routers"),
    (groups("{name: a, routers: [{name: t}, {name: t}]}"), "routers[1]: its name 't' is also that of"),
    (groups("{name: a, router: {name: t, address: 'fd00::1'}}"), "fd00::1 is an IPv6 address; write it as address6"),
    (groups("{name: a, router: {name: t, address6: 1.1.1.1}}"), "1.1.1.1 is an IPv4 address; write it as address"),
    (groups("{name: a, router: {name: t, asn: 0}}"), "asn: is 0; it must be 1 to 4294967294"),
    (groups("{name: a, router: {name: t, asn: 65536.65536}}"), "each half of an AS number is 0 to 65535"),
    (groups("{name: a, router: {name: t, asn: 065000}}"), "without leading zeros"),
    (groups("{name: a, router: {name: t, protocol: rip}}"), "protocol: must be one of bgp, ospf, none"),
    (groups("{name: a, router: {name: t, asn: 1}}, {name: b, router: {name: t, asn: 2}}"), "'t' is described other"),
    (groups("{name: h, address: 1.1.1.1}", more="devices: [{name: h}]"), "name: 'h' is also the name of host"),
    (groups("{name: a}", more="devices: [{name: s}, {name: s}]"), "devices[1].name: 's' is also the name of device"),
    (groups("{name: a}", more="devices: [{name: s, serves: b}]"), "devices[0].serves: no group has the path 'b'"),
    (groups("{name: a}", more="devices: [{kind: spine}]"), "devices[0]: name is missing"),
    (groups("{name: a}", more="devices: [{name: spine-1}]\nlinks: [[spin-1, spine-1]]"), "did you mean spine-1?"),
    (groups("{name: a}", more="devices: [{name: s}]\nlinks: [[s, s]]"), "links[0]: joins 's' with itself"),
    (groups("{name: a}", more="links: [[a, b, c]]"), "links[0]: has 3 ends"),
    (groups("{name: a}", more="links: [a-b]"), "links[0]: must be a list, not 'a-b'"),
    (groups("{name: a}", more="budgets: {spine: none}"), "budgets.spine: must be a whole number"),
    (groups("{name: a}", more="budgets: [200]"), "budgets: must be a mapping from key to value"),
    # carving
    (groups("{name: a}, {name: b}, {name: c}", "{name: pods, cidr: 10.0.0.0/25}"), "map: network 'pods': 3 groups"),
    (groups("{name: a, prefixes: [10.0.0.0/28]}"), "map[0]: network 'pods': its prefix 10.0.0.0/28"),
    (groups("{name: a, prefixes: [10.0.0.0/9]}, {name: b, prefixes: [10.0.0.0/10]}"), "map[1]: network 'pods': its"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"), ONE, ids=[f"{i}: {words[:50]}" for i, (_, words) in enumerate(ONE)]
)
def test_one_problem_is_the_only_one(text, words):
    found = problems(text)
    assert len(found) == 1, found
    assert words in found[0]


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("10.0.0.0/8", "10.0.0.0/8", "networks[1].cidr: 10.0.0.0/8 is also networks[0].cidr of network 'a'"),
        ("10.0.0.0/8", "10.1.0.0/16", "networks[1].cidr: 10.1.0.0/16 of network 'b' overlaps 10.0.0.0/8"),
        ("10.1.0.0/16", "10.0.0.0/8", "networks[0].cidr: 10.1.0.0/16 of network 'a' overlaps 10.0.0.0/8"),
        ("fd00::/48", "fd00:0:0:1::/64", "networks[1].cidr: fd00:0:0:1::/64 of network 'b' overlaps fd00::/48"),
    ],
)  # fmt: skip
def test_networks_that_overlap_are_refused_in_either_order(first, second, words):
    found = problems(f"networks: [{{name: a, cidr: '{first}'}}, {{name: b, cidr: '{second}'}}]")
    assert [words in found[0], len(found)] == [True, 1]


def test_every_prefix_inside_a_larger_one_is_named():
    cidrs = "10.0.0.0/8, 10.1.0.0/16, 10.1.2.0/24, 10.200.0.0/16, 11.0.0.0/8"
    found = problems(f"networks: [{{name: a, cidrs: [{cidrs}]}}]")
    assert [problem.partition(":")[0] for problem in found] == [f"networks[0].cidrs[{i}]" for i in (1, 2, 3)]


def test_two_networks_of_one_name_are_refused():
    found = problems("networks: [{name: a, cidr: 10.0.0.0/8}, {name: a, cidr: 11.0.0.0/8}]")
    assert found == ["networks[1].name: 'a' is also the name of networks[0]"]


def test_a_host_in_two_topologies_is_written_the_same_way_twice():
    """v2's export has a topology for every network, so a host stands in each of them."""
    head = "networks: [{name: a, cidr: 10.0.0.0/8}, {name: b, cidr: 11.0.0.0/8}]\ntopologies:\n"
    one, two = (f"- {{networks: [{n}], map: [{{name: h, address: 1.1.1.{n == 'b':d}}}]}}\n" for n in "ab")
    assert problems(head + one + two) == [
        (
            "topologies[1].map[0]: host 'h' has other addresses or labels in topologies[0].map[0]; "
            "write it the same way twice"
        )
    ]
    assert read((head + one + two.replace("1.1.1.1", "1.1.1.0")).encode()).warnings == ()


def test_a_chain_of_groups_that_is_too_deep_is_refused():
    assert "groups are nested more than 32 deep" in problems(groups("{groups: [" * 33 + "]}" * 33))[0]
    read(groups("{groups: [" * 32 + "]}" * 32).encode())


def test_all_problems_come_at_once():
    text = """
networks:
  - {name: a, cidr: 10.0.0.1/8}
  - {name: b, cidr: 11.0.0.0/25}
topologies:
  - networks: [b]
    map: [{name: r1}, {name: r2}, {name: r3}]
  - networks: [a]
    map: [{nam: r1}, {name: r2, hosts: [{name: h, address: x}]}]
links: [[q, q]]
"""
    assert [problem.partition(":")[0] for problem in problems(text)] == [
        "networks[0].cidr",
        "topologies[1].map[0]",
        "topologies[1].map[1].hosts[0].address",
        "links[0][0]",
        "links[0][1]",
        "links[0]",
        "topologies[0].map",
    ]


def test_many_problems_are_counted_once_a_hundred_are_listed():
    found = problems("networks: [" + "x," * 5000 + "]")
    assert len(found) == 101
    assert found[-1] == "dc.yaml: and 4900 more problems"


def test_the_message_counts_the_problems_and_gives_the_first():
    with pytest.raises(ConfigError) as caught:
        read(b"networks: [x, y]", name="dc.yaml")
    first = "networks[0]: must be a mapping of keys and values, not 'x'"
    assert str(caught.value) == f"dc.yaml has 2 problems, the first: {first}"


def test_a_huge_number_is_refused_where_it_stands():
    found = problems('{"networks": [{"name": "a", "cidr": "10.0.0.0/8", "block_mask": 1' + "0" * 4000 + "}]}")
    assert found == ["networks[0].block_mask: is a number of 4001 digits; it must be 8 to 32"]
