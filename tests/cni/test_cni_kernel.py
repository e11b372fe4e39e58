"""The plugin on a real kernel: the agent's server with the veth plumber, namespaces, packets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cni_node import Node, serving

from romana.edges.netlink.prepare import prepare
from romana.edges.netlink.veth import VethPlumber
from romana.net.prefix import Prefix
from romana.testing import namespaces
from romana.testing.namespaces import Namespace

pytestmark = [pytest.mark.root, pytest.mark.daemon("ip", "nsenter", "ping")]

UPLINK = """
ip link set lo up
ip link add upl mtu 1450 type veth peer name far; ip link set upl addrgenmode none; ip link set far addrgenmode none
ip link set upl up; ip link set far up
ip addr add 192.168.0.1/24 dev upl; ip addr add fd01::1/64 dev upl nodad
ip route add default via 192.168.0.2
"""
VIEWS = ("-d link", "route show table all", "-6 route show table all", "neigh", "-6 neigh", "addr")


@pytest.fixture
def space() -> Iterator[Namespace]:
    made = namespaces.fresh()
    made.run(UPLINK)
    with made.entered():
        prepare()
        yield made
    made.close()


@pytest.fixture
async def node(shim: Path, space: Namespace, tmp_path: Path) -> AsyncIterator[Node]:
    ready: asyncio.Future[Node] = asyncio.get_running_loop().create_future()
    done = asyncio.Event()

    async def serve() -> None:
        plumber = VethPlumber()
        async with serving(shim, tmp_path, plumber=plumber) as made:
            ready.set_result(made)
            await done.wait()
        plumber.close()

    task = asyncio.create_task(serve())
    yield await ready
    done.set()
    await task


@asynccontextmanager
async def sandboxes(count: int) -> AsyncIterator[list[Namespace]]:
    made = [namespaces.fresh() for _ in range(count)]
    try:
        yield made
    finally:
        for one in made:
            one.close()


def objects(space: Namespace) -> str:
    return "\n".join(space.run(f"ip {view}") for view in VIEWS)


def pings(space: Namespace, target: str) -> bool:
    return " 0% packet loss" in space.run(f"ping -n -c1 -W10 {target}", check=False)


FAMILIES = {
    "ipv4": (Prefix.parse("10.1.0.0/16"),),
    "ipv6": (Prefix.parse("fd00:1::/64"),),
    "both": (Prefix.parse("10.1.0.0/16"), Prefix.parse("fd00:1::/64")),
}


@pytest.mark.parametrize("family", FAMILIES)
async def test_c20_a_pods_life_leaves_the_node_as_it_was(node: Node, space: Namespace, family: str) -> None:
    node.addresses.prefixes = FAMILIES[family]
    before = objects(space)
    async with sandboxes(1) as [pod]:
        result = await node.add(netns=pod.path)
        assert result["interfaces"][1]["mtu"] == 1450
        shown = {link["ifname"]: link for link in json.loads(pod.run("ip -j addr"))}
        assert shown["eth0"]["address"] == result["interfaces"][1]["mac"]
        inside = {
            f"{a['local']}/{a['prefixlen']}" for a in shown["eth0"]["addr_info"] if a["scope"] == "global"
        }
        assert inside == {ip["address"] for ip in result["ips"]}
        outer = json.loads(space.run(f"ip -j link show {result['interfaces'][0]['name']}"))
        assert outer[0]["address"] == result["interfaces"][0]["mac"]
        for ip in result["ips"]:
            assert pings(space, ip["address"].partition("/")[0])
            assert pings(pod, "192.168.0.1" if "." in ip["address"] else "fd01::1")
        assert (await node.call("CHECK", netns=pod.path, config={"prevResult": result})).status == 0
        assert (await node.call("DEL", netns=pod.path)).status == 0
        assert objects(space) == before
        assert (await node.call("CHECK", netns=pod.path, config={"prevResult": result})).code == 101


async def test_c13_on_the_kernel(node: Node, space: Namespace) -> None:
    async with sandboxes(2) as [pod, renewed]:
        first = await node.add(netns=pod.path)
        before = objects(space), pod.run("ip addr")
        again = await node.call("ADD", netns=pod.path)
        assert again.code == 102
        assert (objects(space), pod.run("ip addr")) == before
        assert (await node.add(netns=renewed.path))["ips"] == first["ips"]
        assert pings(renewed, "192.168.0.1")


async def test_c18_fifty_at_once_are_reachable_when_add_returns(node: Node, space: Namespace) -> None:
    before = objects(space)
    async with sandboxes(50) as pods:

        async def start(n: int, pod: Namespace) -> str:
            result = await node.add(f"c{n}", netns=pod.path)
            address = str(result["ips"][0]["address"].partition("/")[0])
            ping = await asyncio.create_subprocess_exec(
                "ping", "-n", "-c1", "-W10", address, stdout=asyncio.subprocess.DEVNULL
            )
            assert await ping.wait() == 0, address
            return address

        addresses = await asyncio.gather(*(start(n, pod) for n, pod in enumerate(pods)))
        assert len(set(addresses)) == 50
        assert pings(pods[0], addresses[49])
        done = await asyncio.gather(*(node.call("DEL", f"c{n}", netns=p.path) for n, p in enumerate(pods)))
    assert {d.status for d in done} == {0}
    assert objects(space) == before
    assert node.addresses.holders == {}


async def test_c19_the_namespace_is_gone_before_the_delete(node: Node, space: Namespace) -> None:
    before = objects(space)
    async with sandboxes(1) as [pod]:
        await node.add(netns=pod.path)
        path = pod.path
    for netns in (path, "", None, "/run/netns/never"):
        assert (await node.call("DEL", netns=netns)).status == 0
    assert node.addresses.holders == {}
    assert objects(space) == before


async def test_c17_add_in_a_namespace_that_is_none(node: Node, space: Namespace, tmp_path: Path) -> None:
    before = objects(space)
    (tmp_path / "file").touch()
    for netns in (str(tmp_path / "file"), "/proc/self/ns/mnt", "/run/netns/never"):
        assert (await node.call("ADD", netns=netns)).code == 8
    assert node.addresses.holders == {}
    assert objects(space) == before


async def test_a_plugin_killed_in_the_middle_of_add(node: Node, space: Namespace) -> None:
    """The agent finishes what it was asked for; the runtime's DEL finds all of it."""
    before = objects(space)
    node.addresses.gate = asyncio.Event()
    async with sandboxes(1) as [pod]:
        environment = {
            "CNI_COMMAND": "ADD",
            "CNI_CONTAINERID": "c1",
            "CNI_NETNS": pod.path,
            "CNI_IFNAME": "eth0",
            "CNI_PATH": "/x",
            "ROMANA_SOCKET": str(node.socket),
        }
        plugin = await asyncio.create_subprocess_exec(
            node.shim, env=environment, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
        )
        assert plugin.stdin is not None
        plugin.stdin.write(b'{"cniVersion": "1.1.0", "name": "romana"}')
        plugin.stdin.close()
        await node.addresses.asked.wait()
        plugin.kill()
        await plugin.wait()
        node.addresses.gate.set()
        assert (await node.call("DEL", netns=pod.path)).status == 0
    assert node.addresses.holders == {}
    assert objects(space) == before


async def test_gc_on_the_kernel(node: Node, space: Namespace) -> None:
    before = objects(space)
    async with sandboxes(5) as pods:
        for n, pod in enumerate(pods):
            await node.add(f"c{n}", netns=pod.path)
        keep = [{"containerID": "c1", "ifname": "eth0"}, {"containerID": "c3", "ifname": "eth0"}]
        assert (await node.call("GC", config={"cni.dev/valid-attachments": keep})).status == 0
        alive = [n for n, pod in enumerate(pods) if "eth0" in pod.run("ip -br link")]
        assert alive == [1, 3]
        assert (await node.call("GC", config={"cni.dev/valid-attachments": []})).status == 0
    assert objects(space) == before


@pytest.mark.daemon("/usr/lib/cni/tuning")
async def test_c15_in_a_chain_with_the_reference_plugins(node: Node, space: Namespace) -> None:
    """Debian's `tuning` after us, at 1.0.0: it takes our result as prevResult and passes it on."""
    node.version = "1.0.0"
    async with sandboxes(1) as [pod]:
        result = await node.add(netns=pod.path)
        tuning = replace(node, shim=Path("/usr/lib/cni/tuning"))
        chained = await tuning.call(
            "ADD", netns=pod.path, config={"type": "tuning", "mtu": 1300, "prevResult": result}
        )
        assert chained.status == 0, chained.stdout
        after = chained.json
        assert after["ips"] == result["ips"]
        assert (await node.call("CHECK", netns=pod.path, config={"prevResult": after})).status == 0
        assert (await node.call("DEL", netns=pod.path, config={"prevResult": after})).status == 0
