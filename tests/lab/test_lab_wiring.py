"""From document to blueprint: who is cabled to whom, with which addresses, and what cannot be built."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab_documents import DUAL_HOMED, planned, scenario

from romana.lab.blueprint import Blueprint, Kind
from romana.lab.wiring import blueprint
from romana.model.errors import ConfigError
from romana.model.topology import Device, Document, Group, ListedHost, Network, Router, Topology
from romana.net.prefix import Address, Prefix


def cabling(plan: Blueprint) -> dict[str, str]:
    """Every cable as `upper port: its addresses` = `lower port: its addresses`."""
    return {
        cable.name: " = ".join(
            f"{port.name} {', '.join(map(str, port.addresses)) or '-'}" for port in cable.ports
        )
        for cable in plan.cables
    }


def test_every_host_has_a_routed_port_and_every_link_a_number() -> None:
    plan = blueprint(scenario("leaf-spine"))
    cables = cabling(plan)
    assert len(cables) == len(plan.cables) == 15
    assert cables["tor-1:spine-1"] == "tor-1 198.18.0.1/31 = spine-1 198.18.0.0/31"
    assert cables["node-4:tor-2"] == (
        "node-4 192.168.2.1 peer 192.168.2.11/32 = eth0 192.168.2.11 peer 192.168.2.1/32"
    )


def test_devices_stand_topmost_first() -> None:
    plan = blueprint(scenario("leaf-spine"))
    levels = [(d.kind, d.level) for d in plan.devices]
    assert levels == [(Kind.SPINE, 2)] * 2 + [(Kind.TOR, 1)] * 3 + [(Kind.NODE, 0)] * 9
    assert [d.name for d in plan.devices if plan.topmost(d)] == ["spine-1", "spine-2"]
    assert all(plan.speaks(d) for d in plan.devices)


def test_hosts_without_routers_share_one_switch() -> None:
    plan = blueprint(scenario("flat"))
    assert [d.kind for d in plan.devices] == [Kind.SWITCH] + [Kind.NODE] * 4
    assert cabling(plan)["node-1:switch"] == "node-1 - = eth0 192.168.0.11/24, fd00:168::11/64"
    assert not any(plan.speaks(d) for d in plan.devices)


def test_a_deep_document_with_everything() -> None:
    plan = planned(DUAL_HOMED)
    cables = cabling(plan)
    assert cables["node-1:tor-1b"] == (
        "node-1 192.168.1.2 peer 192.168.1.11/32, fd00:1::2 peer fd00:1::11/128 = "
        "eth1 192.168.1.11 peer 192.168.1.2/32, fd00:1::11 peer fd00:1::2/128"
    )
    assert cables["tor-2:switch-zone-a-rack-2"] == "tor-2 - = p0 192.168.2.1/24, fd00:2::1/64"
    assert cables["node-3:switch-zone-a-rack-2"] == "node-3 - = eth0 192.168.2.11/24, fd00:2::11/64"
    assert cables["tor-2:zone-router"] == (
        "tor-2 198.18.0.7/31, 2001:2::7/127 = zone-router 198.18.0.6/31, 2001:2::6/127"
    )
    levels = {d.name: d.level for d in plan.devices if d.routes}
    assert levels == {"border": 3, "zone-router": 2, "tor-1a": 1, "tor-1b": 1, "tor-2": 1}
    assert [d.name for d in plan.devices if plan.topmost(d)] == ["border"]
    assert {n.device.name for n in plan.neighbours("tor-2")} == {"zone-router", "node-3", "node-4"}


def test_given_and_chosen_numbers_of_systems() -> None:
    plan = planned(DUAL_HOMED)
    asns = {d.name: d.asn for d in plan.devices if d.routes}
    assert asns == {"border": 64600, "zone-router": 65200, "tor-1a": 65101, "tor-1b": 65102, "tor-2": 65101}


def test_addresses_far_apart_get_routes_instead_of_a_subnet() -> None:
    hosts = (_host("a", "10.0.0.1"), _host("b", "172.16.0.1"))
    plan = blueprint(_flat("10.112.0.0/12", hosts))
    assert cabling(plan)["a:switch"] == "a - = eth0 10.0.0.1/32"


def test_a_subnet_never_covers_a_network() -> None:
    hosts = (_host("a", "10.113.0.1"), _host("b", "10.113.0.2"))
    assert cabling(blueprint(_flat("10.113.0.64/26", hosts)))["a:switch"] == "a - = eth0 10.113.0.1/32"


@pytest.mark.parametrize(
    ("network", "fabric"),
    [
        ("10.0.0.0/8", "198.18.0.0/31"),
        ("198.18.0.0/15", "100.127.0.0/31"),
        ("198.18.7.0/24", "198.19.0.0/31"),
    ],
)
def test_cables_are_numbered_where_the_document_has_nothing(network: str, fabric: str) -> None:
    plan = blueprint(_leaf_spine(network, 2, 1))
    assert str(plan.cables[0].ports[0].addresses[0]) in (fabric, fabric.replace(".0/", ".1/"))


def test_no_range_left_is_said() -> None:
    document = _leaf_spine("198.18.0.0/15", 2, 1)
    more = Network("more", (Prefix.parse("100.64.0.0/10"), Prefix.parse("192.168.0.0/16")))
    with pytest.raises(ConfigError, match="number the cables"):
        blueprint(Document((*document.networks, more), document.topologies, document.devices, document.links))


def test_every_problem_at_once() -> None:
    document = Document(
        (Network("pods", (Prefix.parse("10.0.0.0/8"),)),),
        (
            Topology(
                ("pods",),
                Group("", hosts=(ListedHost("a", ()), ListedHost("b c", ())), routers=(Router("tor"),)),
            ),
        ),
        (Device("spine-1"),),
        (("spine-1", "spine-1"), ("tor", "spine-2"), ("tor", "spine-1"), ("spine-1", "tor")),
    )
    with pytest.raises(ConfigError) as caught:
        blueprint(document)
    assert caught.value.code == "lab-document"
    assert [str(p) for p in caught.value.problems] == [
        "topologies: no group lists a host with an address; a lab needs at least one",
        "b c: a device of a lab needs a name of letters, digits, '.', '_' and '-', 63 at most",
        "a: has no address; a lab needs one for every host",
        "b c: has no address; a lab needs one for every host",
        "links[0]: joins 'spine-1' to itself",
        "links[1]: no router or device is called 'spine-2'; 'spine-1' is",
        "links[3]: joins 'spine-1' and 'tor' a second time",
        "topologies: router 'tor' has no address; its hosts speak BGP to it",
    ]


def test_what_is_not_joined_is_warned_about() -> None:
    document = _leaf_spine("10.0.0.0/8", 2, 1)
    plan = blueprint(Document(document.networks, document.topologies, document.devices, ()))
    assert plan.warnings == ("no link leads to spine-1",)


def test_hosts_without_an_address_of_a_family_are_warned_about() -> None:
    document = _flat("fd00:112::/40", (_host("a", "10.0.0.1"), _host("b", "10.0.0.2", "fd00::2")))
    assert blueprint(document).warnings == (
        "pods have IPv6 addresses that nothing routes to on hosts without one: a",
    )


@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 40))
def test_every_address_and_every_interface_is_unique(racks: int, spines: int, hosts: int) -> None:
    plan = blueprint(_leaf_spine("10.0.0.0/8", racks, spines, hosts))
    ports = [(port.device, port.name) for cable in plan.cables for port in cable.ports]
    assert len(set(ports)) == len(ports) == 2 * (racks * spines + racks * hosts)
    fabric = [w.address for c in plan.cables for p in c.ports for w in p.addresses if w.length == 31]
    assert len(set(fabric)) == len(fabric)
    for cable in plan.cables:
        upper, lower = (port.addresses[0] for port in cable.ports)
        assert upper.length == 32 or Prefix.tolerant(str(upper)) == Prefix.tolerant(str(lower))
        assert upper.length == 31 or (upper.far, lower.far) == (lower.address, upper.address)
    identities = [d.router_id for d in plan.devices if d.routes]
    assert len(set(identities)) == len(identities)


def _host(name: str, *addresses: str) -> ListedHost:
    return ListedHost(name, tuple(map(Address.parse, addresses)))


def _flat(network: str, hosts: tuple[ListedHost, ...]) -> Document:
    return Document(
        (Network("pods", (Prefix.parse(network),)),), (Topology(("pods",), Group("", hosts=hosts)),)
    )


def _leaf_spine(network: str, racks: int, spines: int, hosts: int = 2) -> Document:
    groups = tuple(
        Group(
            f"rack-{r}",
            routers=(Router(f"tor-{r}", Address.parse(f"172.20.{r}.1")),),
            hosts=tuple(_host(f"node-{r}-{h}", f"172.20.{r}.{10 + h}") for h in range(hosts)),
        )
        for r in range(racks)
    )
    return Document(
        (Network("pods", (Prefix.parse(network),)),),
        (Topology(("pods",), Group("", groups=groups)),),
        tuple(Device(f"spine-{s + 1}") for s in range(spines)),
        tuple((f"tor-{r}", f"spine-{s + 1}") for r in range(racks) for s in range(spines)),
    )
