"""Nodes and pods as namespaces: two nodes on one link, each with a plumber; pods by its `add`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from romana.edges.netlink.prepare import prepare
from romana.edges.netlink.veth import VethPlumber
from romana.net.prefix import Address
from romana.ports.kernel import Endpoint, Plumbed, host_interface
from romana.testing import namespaces
from romana.testing.namespaces import Namespace

VIEWS = ("-d link", "route show table all", "-6 route show table all", "neigh", "-6 neigh", "addr", "rule")


@dataclass
class Pod:
    node: TestNode
    space: Namespace
    endpoint: Endpoint
    plumbed: Plumbed

    def pings(self, target: str, *, size: int = 56) -> bool:
        return pings(self.space, target, size=size)

    def misses(self, target: str, *, size: int = 56) -> bool:
        return not pings(self.space, target, size=size, wait=0.5)

    def run(self, command: str) -> str:
        return self.space.run(command)


@dataclass
class TestNode:
    __test__ = False
    space: Namespace
    plumber: VethPlumber
    pods: list[Namespace] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def sandbox(self) -> Namespace:
        self.pods.append(namespaces.fresh())
        return self.pods[-1]

    def endpoint(
        self, space: Namespace, addresses: Sequence[str], container: str = "", mtu: int = 0
    ) -> Endpoint:
        container = container or f"c{next(self.numbers)}"
        outer = host_interface(container, "eth0")
        return Endpoint(container, "eth0", space.path, outer, tuple(map(Address.parse, addresses)), mtu)

    async def pod(self, *addresses: str, container: str = "", mtu: int = 0) -> Pod:
        space = self.sandbox()
        endpoint = self.endpoint(space, addresses, container, mtu)
        with self.space.entered():
            return Pod(self, space, endpoint, await self.plumber.add(endpoint))

    async def remove(self, pod: Pod) -> None:
        with self.space.entered():
            await self.plumber.remove(pod.endpoint.host_interface)

    async def check(self, pod: Pod) -> list[str]:
        with self.space.entered():
            return await self.plumber.check(pod.endpoint)

    def objects(self) -> str:
        """Everything of the node that a pod could leave behind, as text."""
        return "\n".join(self.space.run(f"ip {view}") for view in VIEWS)

    def close(self) -> None:
        self.plumber.close()
        for space in (*self.pods, self.space):
            space.close()


def pings(space: Namespace, target: str, *, size: int = 56, wait: float = 10) -> bool:
    """Whether the very first packet is answered."""
    command = f"ping -n -c1 -W{wait} -M do -s {size} {target}"
    return " 0% packet loss" in space.run(command, check=False)


@contextmanager
def node(setup: str = "") -> Iterator[TestNode]:
    """A node that forwards, with `setup` run in it."""
    space = namespaces.fresh()
    space.run(f"ip link set lo up\n{setup}")
    with space.entered():
        prepare()
        made = TestNode(space, VethPlumber())
    try:
        yield made
    finally:
        made.close()


@contextmanager
def two_nodes(mtu: int = 1500) -> Iterator[tuple[TestNode, TestNode]]:
    """192.168.0.1 and .2, fd01::1 and ::2 on one link; each routes the other's pods there."""
    with node(f"ip link add up1 mtu {mtu} type veth peer name up2 mtu {mtu}") as one, node() as two:
        one.space.run(f"ip link set up2 netns {two.space.path}")
        for here, n in ((one, 1), (two, 2)):
            here.space.run(
                f"""
                ip addr add 192.168.0.{n}/24 dev up{n}
                ip addr add fd01::{n}/64 dev up{n} nodad
                sysctl -qw net.ipv6.conf.up{n}.accept_dad=0
                ip link set up{n} up
                """
            )
        for here, other in ((one, 2), (two, 1)):
            here.space.run(
                f"ip route add 10.{other}.0.0/16 via 192.168.0.{other};"
                f"ip route add fd00:{other}::/64 via fd01::{other}"
            )
        yield one, two
