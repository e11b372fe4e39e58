"""The data path of an endpoint, with real packets between namespaces."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE
from collections.abc import Iterator

import pytest
from netlink_nodes import Pod, TestNode, node, pings, two_nodes

pytestmark = [pytest.mark.root, pytest.mark.daemon("ping", "nsenter", "ip")]

FAMILIES = {
    "ipv4": (["10.1.0.{}"], ["10.2.0.{}"]),
    "ipv6": (["fd00:1::{}"], ["fd00:2::{}"]),
    "both": (["10.1.0.{}", "fd00:1::{}"], ["10.2.0.{}", "fd00:2::{}"]),
}


@pytest.fixture
def nodes() -> Iterator[tuple[TestNode, TestNode]]:
    with two_nodes() as made:
        yield made


async def pods(nodes: tuple[TestNode, TestNode], family: str) -> tuple[Pod, Pod, Pod]:
    """Two pods on the first node, one on the second."""
    here, there = FAMILIES[family]
    one, two = nodes
    return (
        await one.pod(*(a.format(1) for a in here)),
        await one.pod(*(a.format(2) for a in here)),
        await two.pod(*(a.format(1) for a in there)),
    )


@pytest.mark.parametrize("family", FAMILIES)
async def test_everybody_reaches_everybody_with_the_first_packet(
    nodes: tuple[TestNode, TestNode], family: str
) -> None:
    made = await pods(nodes, family)
    for pod in made:
        for other in made:
            for address in other.endpoint.addresses:
                assert pod.pings(str(address)), f"{pod.endpoint.addresses} to {address}"
    for address in made[0].endpoint.addresses:
        assert pings(nodes[0].space, str(address)), "from its own node"
        assert pings(nodes[1].space, str(address)), "from the other node"
    for pod in made:
        for n in (1, 2):
            assert pod.pings(f"192.168.0.{n}" if family != "ipv6" else f"fd01::{n}"), f"to node {n}"


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_pod_sees_no_neighbour_but_its_gateway(nodes: tuple[TestNode, TestNode], family: str) -> None:
    made = await pods(nodes, family)
    for other in made[1:]:
        assert all(made[0].pings(str(a)) for a in other.endpoint.addresses)
    neighbours = {line.split()[0]: line.split()[-1] for line in made[0].run("ip neigh").splitlines()}
    gateways = {"ipv4": {"169.254.1.1"}, "ipv6": {"fe80::1"}}
    expected = gateways.get(family, gateways["ipv4"] | gateways["ipv6"])
    assert neighbours == dict.fromkeys(expected, "PERMANENT")


async def test_nobody_answers_for_others_on_the_pair(nodes: tuple[TestNode, TestNode]) -> None:
    """A pod that asks on its link gets no answer: not for its node, not for a pod beside it."""
    one, *_ = await pods(nodes, "both")
    for target in ("192.168.0.1", "10.1.0.2"):
        one.run(f"ip route add {target} dev eth0 scope link")
        assert one.misses(target)
    settings = nodes[0].space.run("grep -H . /proc/sys/net/ipv4/conf/*/proxy_arp").splitlines()
    assert len(settings) >= 5
    assert {line.rpartition(":")[2] for line in settings} == {"0"}


async def test_addresses_are_usable_at_once(nodes: tuple[TestNode, TestNode]) -> None:
    pod, *_ = await pods(nodes, "both")
    shown = pod.run("ip -6 addr show dev eth0")
    assert "tentative" not in shown
    assert "dadfailed" not in shown
    assert shown.count("nodad") == 2
    assert pod.run("ip -4 addr show dev eth0").count("inet ") == 1


async def test_an_ipv4_pod_has_no_ipv6_address(nodes: tuple[TestNode, TestNode]) -> None:
    pod, *_ = await pods(nodes, "ipv4")
    assert pod.run("ip -6 addr show dev eth0") == ""


async def test_a_pod_sends_from_its_own_address_only(nodes: tuple[TestNode, TestNode]) -> None:
    pod, *_ = await pods(nodes, "ipv4")
    pod.run("ip addr add 10.1.0.77/32 dev eth0")
    assert pod.pings("192.168.0.1")
    assert pod.misses("-I 10.1.0.77 192.168.0.1")


@pytest.mark.parametrize("mtu", [1300, 1500, 9000])
async def test_the_mtu_is_the_uplinks(mtu: int) -> None:
    with two_nodes(mtu) as (one, two):
        pod, far = await one.pod("10.1.0.1", "fd00:1::1"), await two.pod("10.2.0.1", "fd00:2::1")
        assert pod.plumbed.mtu == mtu
        for space, name in ((pod.space, "eth0"), (one.space, pod.endpoint.host_interface)):
            assert f"mtu {mtu} " in space.run(f"ip link show {name}")
        assert pod.pings("10.2.0.1", size=mtu - 28)
        assert pod.pings("fd00:2::1", size=mtu - 48)
        assert pod.misses("10.2.0.1", size=mtu - 27)
        assert far.pings("10.1.0.1", size=mtu - 28)


UPLINKS = {
    "default route": (
        "ip link add big mtu 9000 type veth peer name b2; ip link set big up; ip route add default via {gw}",
        1400,
    ),
    "default route of IPv6": ("ip -6 route add default via fd09::9", 1400),
    "two default hops": ("ip route add default nexthop via {gw} nexthop via 10.200.0.8", 1400),
    "largest that is up": ("ip link add big mtu 9000 type veth peer name b2; ip link set big up", 9000),
    "down does not count": ("ip link add big mtu 9000 type veth peer name b2", 1400),
}


@pytest.mark.parametrize("setup", UPLINKS)
async def test_which_interface_is_the_uplink(setup: str) -> None:
    base = (
        "ip link add uplink mtu 1400 type veth peer name far mtu 1400;"
        "ip link set uplink up; ip link set far up;"
        "ip addr add 10.200.0.1/24 dev uplink; ip addr add fd09::1/64 dev uplink nodad;"
    )
    command, mtu = UPLINKS[setup]
    with node(base + command.format(gw="10.200.0.9")) as one:
        assert (await one.pod("10.1.0.1")).plumbed.mtu == mtu


async def test_a_node_without_uplink() -> None:
    with node() as one:
        assert (await one.pod("10.1.0.1")).plumbed.mtu == 1500
        assert (await one.pod("10.1.0.2", mtu=1400)).plumbed.mtu == 1400


SERVICE = """
table ip services {
  chain to { type nat hook prerouting priority dstnat
    ip daddr 10.96.0.1 tcp dport 80 dnat to 10.1.0.1
  }
  chain from { type nat hook postrouting priority srcnat
    ct status dnat ip saddr 10.1.0.1 ip daddr 10.1.0.1 masquerade
  }
}
"""
LISTEN = (
    "s = create_server(('', 80)); print('listening', flush=True); c, a = s.accept(); c.send(a[0].encode())"
)
CONNECT = "print(create_connection(('10.96.0.1', 80), 3).recv(99).decode())"


@pytest.mark.daemon("nft", "python3")
async def test_hairpin_through_a_service(nodes: tuple[TestNode, TestNode]) -> None:
    """A pod that reaches itself by a service's address, as kube-proxy arranges it."""
    pod, *_ = await pods(nodes, "ipv4")
    nodes[0].space.run(f"ip addr add 192.168.9.9/32 dev lo; nft '{SERVICE}'")
    enter = ("nsenter", f"--net={pod.space.path}", "python3", "-c")
    server = await asyncio.create_subprocess_exec(*enter, f"from socket import *; {LISTEN}", stdout=PIPE)
    try:
        assert server.stdout is not None
        assert await server.stdout.readline() == b"listening\n"
        client = await asyncio.create_subprocess_exec(*enter, f"from socket import *; {CONNECT}", stdout=PIPE)
        seen, _ = await client.communicate()
        assert seen not in (b"", b"10.1.0.1\n"), "the node stands in between"
    finally:
        if server.returncode is None:
            server.kill()
        await server.wait()
