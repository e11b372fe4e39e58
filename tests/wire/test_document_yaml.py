"""The YAML form: every key, every default, and nothing guessed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from romana.model.topology import (
    Announce,
    BlockOwner,
    Device,
    Document,
    Group,
    ListedHost,
    Network,
    Placement,
    Protocol,
    Router,
    Topology,
    Vlan,
)
from romana.net.prefix import Address, Prefix
from romana.wire.document import read

EXAMPLES = Path(__file__).parents[2] / "examples"
EVERYTHING = """
version: 3
networks:
  - name: pods
    cidrs: [10.112.0.0/12, "fd00:112::/48"]
    block_mask: 28
    block_mask6: 120
    owner: tenant
    placement: packed
    reuse_delay: 1m30s
    tenants: [web, db]
    reserved: [10.112.0.0/24]
    vlan: {id: 20, gateway: 10.20.0.1}
  - name: lone
    cidr: 10.64.0.0/16
topologies:
  - networks: [pods]
    assignment: {dc: one}
    map:
      - name: zone-a
        assignment: {topology.kubernetes.io/zone: a}
        groups:
          - name: rack-1
            assignment: {rack: 1, ssd: true, empty: ""}
            hosts_expected: 40
            host_mask: 24
            host_mask6: 64
            on_link: true
            routers:
              - {name: tor-1a, address: 192.168.1.1, address6: "fd00:1::1", asn: 65101, protocol: ospf}
              - {name: tor-1b, address: 192.168.1.2, asn: 65000.10}
            announce: group
            hosts:
              - {name: node-1, address: 192.168.1.11, labels: {disk: ssd}}
              - {name: node-2, addresses: [192.168.1.12, "fd00:1::12"]}
              - name: node-3
                addresses: {eth0: 192.168.1.13, pods: "fd00:1::13"}
              - {name: node-4, ip: 192.168.1.14}
          - name: 007
            prefixes: [10.120.0.0/16]
            routing: block-on-host
            on_link: false
            router: {name: tor-2}
      - weight: 2
devices:
  - {name: spine-1, kind: spine, asn: 64600, address: 192.168.0.1, address6: "fd00::1"}
  - {name: border-1, kind: border, serves: zone-a}
links: [[tor-1a, spine-1], [node-1, tor-1a]]
budgets: {spine: 200, border: 450}
"""


def address(text: str) -> Address:
    return Address.parse(text)


def prefix(text: str) -> Prefix:
    return Prefix.parse(text)


TOR_1A = Router("tor-1a", address("192.168.1.1"), address("fd00:1::1"), 65101, Protocol.OSPF)
TOR_1B = Router("tor-1b", address("192.168.1.2"), None, 65000 << 16 | 10)
NODE_3 = {"eth0": address("192.168.1.13"), "pods": address("fd00:1::13")}
HOSTS = (
    ListedHost("node-1", (address("192.168.1.11"),), {"disk": "ssd"}),
    ListedHost("node-2", (address("192.168.1.12"), address("fd00:1::12"))),
    ListedHost("node-3", tuple(NODE_3.values()), {}, NODE_3),
    ListedHost("node-4", (address("192.168.1.14"),)),
)
RACK_1 = Group(
    "rack-1",
    {"rack": "1", "ssd": "true", "empty": ""},
    hosts=HOSTS,
    hosts_expected=40,
    host_mask=24,
    host_mask6=64,
    on_link=True,
    routers=(TOR_1A, TOR_1B),
    announce=Announce.GROUP,
)
RACK_2 = Group(
    "007",
    prefixes=(prefix("10.120.0.0/16"),),
    routing="block-on-host",
    on_link=False,
    routers=(Router("tor-2"),),
)
ZONE_A = Group("zone-a", {"topology.kubernetes.io/zone": "a"}, (RACK_1, RACK_2))
ROOT = Group("", {"dc": "one"}, (ZONE_A, Group("2", weight=2, named=False)))
DOCUMENT = Document(
    (
        Network(
            "pods",
            (prefix("10.112.0.0/12"), prefix("fd00:112::/48")),
            28,
            120,
            BlockOwner.TENANT,
            Placement.PACKED,
            90.0,
            ("web", "db"),
            (prefix("10.112.0.0/24"),),
            Vlan(20, address("10.20.0.1")),
        ),
        Network("lone", (prefix("10.64.0.0/16"),)),
    ),
    (Topology(("pods",), ROOT),),
    (
        Device("spine-1", "spine", address("192.168.0.1"), address("fd00::1"), 64600),
        Device("border-1", "border", serves="zone-a"),
    ),
    (("tor-1a", "spine-1"), ("node-1", "tor-1a")),
    {"spine": 200, "border": 450},
)


def test_every_key_is_read():
    found = read(EVERYTHING.encode())
    assert found.document == DOCUMENT
    hosts = "topologies[0].map[0].groups[0].hosts"
    assert [w.where for w in found.warnings] == [
        "networks[1]",
        f"{hosts}[0]",
        f"{hosts}[3]",
        "topologies[0].map[1]",
    ]


@pytest.mark.parametrize(
    ("name", "warnings"),
    [("01-flat", 0), ("02-racks", 0), ("03-two-zones", 0), ("04-dual-stack", 0)],
)
def test_the_documents_in_examples_are_read(name, warnings):
    found = read((EXAMPLES / f"{name}.yaml").read_bytes())
    assert len(found.warnings) == warnings
    assert found.document.networks


@pytest.mark.parametrize(
    ("cidr", "masks"),
    [
        ("10.0.0.0/8", (26, 122)),
        ("10.0.0.0/28", (28, 122)),
        ("fd00::/48", (26, 122)),
        ("fd00::/126", (26, 126)),
    ],
)
def test_defaults_of_a_network(cidr, masks):
    network = read(f"networks: [{{name: n, cidr: '{cidr}'}}]".encode()).document.networks[0]
    assert (network.block_mask, network.block_mask6) == masks
    assert (network.owner, network.placement) == (BlockOwner.HOST, Placement.SPREAD)
    assert (network.reuse_delay, network.tenants) == (30.0, ())


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("45", 45),
        ("1.5", 1.5),
        ("30s", 30),
        ("'30s'", 30),
        ("500ms", 0.5),
        ("5m", 300),
        ("2h", 7200),
        ("1d", 86400),
        ("1h30m", 5400),
        ("1e-3s", 0.001),
    ],
)
def test_times(written, seconds):
    text = f"networks: [{{name: n, cidr: 10.0.0.0/8, reuse_delay: {written}}}]"
    assert read(text.encode()).document.networks[0].reuse_delay == seconds


@pytest.mark.parametrize(
    "text", ["007", "0x1f", "1e3", "on", "yes", "12:30:45", "1_000", "2026-01-02", "~x", "="]
)
def test_a_text_is_what_is_written_whatever_yaml_1_1_made_of_it(text):
    document = (
        f"networks: [{{name: n, cidr: 10.0.0.0/8}}]\ntopologies: [{{networks: [n], map: [{{name: {text}}}]}}]"
    )
    assert read(document.encode()).document.topologies[0].root.groups[0].name == text


def test_aliases_repeat_what_they_name():
    text = b"""
networks: [{name: n, cidr: 10.0.0.0/8}]
topologies:
  - networks: [n]
    map:
      - {name: a, routers: &tors [{name: t1}, {name: t2}]}
      - {name: b, routers: *tors}
"""
    a, b = read(text).document.topologies[0].root.groups
    assert a.routers == b.routers == (Router("t1"), Router("t2"))


def warnings(text: str) -> list[str]:
    head = "networks: [{name: pods, cidr: 10.0.0.0/8}, {name: web, cidr: 11.0.0.0/8}]\ntopologies:\n"
    return [str(w) for w in read((head + text).encode()).warnings]


BOTH = "- {networks: [pods], map: [%s]}\n- {networks: [web], map: [%s]}\n"


def test_an_address_of_two_hosts_is_worth_a_warning():
    assert warnings(BOTH % ("{name: a, address: 1.1.1.1}", "{name: b, address: 1.1.1.1}")) == [
        "topologies[1].map[0]: its address 1.1.1.1 is also that of host 'a' (topologies[0].map[0])"
    ]


def test_a_host_inside_a_pod_network_is_worth_a_warning():
    assert warnings(BOTH % ("{name: a, address: 11.0.0.5}", "")) == [
        "topologies[0].map[0]: its address 11.0.0.5 lies in network 'web', which is for pods"
    ]


def test_labels_that_contradict_the_group_are_worth_a_warning():
    rack = "{assignment: {rack: r1}, hosts: [{name: a, address: 1.1.1.1, labels: {rack: r2}}]}"
    assert warnings(BOTH % (rack, "")) == [
        "topologies[0].map[0].hosts[0]: host 'a' is misplaced: the group needs rack=r1, the host has rack=r2"
    ]


def test_a_budget_of_an_unknown_kind_is_worth_a_warning():
    text = BOTH % ("", "") + "budgets: {spin: 3, vpc: 50}"
    assert warnings(text) == [
        "budgets.spin: no device of this document is of the kind 'spin'; did you mean spine?"
    ]


def test_a_tenant_that_stands_twice_is_worth_a_warning():
    found = read(b"networks: [{name: n, cidr: 10.0.0.0/8, tenants: [a, b, a]}]")
    assert found.document.networks[0].tenants == ("a", "b")
    assert "networks[0].tenants: a tenant stands here more than once" in map(str, found.warnings)


def many_groups(count: int) -> bytes:
    head = "networks: [{name: pods, cidr: 10.0.0.0/8}]\ntopologies:\n- networks: [pods]\n  map:\n"
    group = (
        "  - name: rack-{i}\n    assignment: {{rack: r{i}}}\n    hosts:\n    - {{name: h{i}, address: {a}}}\n"
    )
    rows = (group.format(i=i, a=Address.of(4, 0xC0A80000 + i)) for i in range(count))
    return (head + "".join(rows)).encode()


@pytest.mark.slow
def test_ten_thousand_groups_are_read_in_two_seconds():
    text = many_groups(10_000)
    start = time.process_time()
    found = read(text)
    assert time.process_time() - start < 2 * 2  # a margin of two for a busy machine
    assert len(found.document.topologies[0].root.groups) == 10_000


def test_hosts_and_groups_that_nobody_could_reach_are_mentioned():
    text = """
networks: [{name: pods, cidrs: [10.0.0.0/16, "fd00::/64"]}]
topologies:
  - networks: [pods]
    map:
      - name: r1
        router: {name: tor, address: 192.168.0.254, address6: "fd01::fe"}
        hosts: [{name: n1, address: 192.168.0.1}]
      - {name: r2, hosts: [{name: n2, addresses: [192.168.1.1, "fd01::2"]}]}
      - {name: r3, on_link: true}
"""
    assert [str(problem) for problem in read(text.encode()).warnings] == [
        "topologies[0].map[0].hosts[0]: no IPv6 address: nothing can route the IPv6 addresses of network pods to it",
        "topologies[0].map[1]: names no router while other groups do: its hosts are reached by nobody but each other",
    ]
