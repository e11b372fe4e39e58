"""Rows C13 to C18: what ADD makes, returns and undoes. Through both shims."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from cni_node import MemoryAddresses, Node

from romana.model.errors import RefusedError
from romana.net.prefix import Prefix
from romana.ports.addresses import EndpointKey
from romana.ports.kernel import host_interface
from romana.testing.kernel import FakePlumber, Trip
from romana.wire.cni_call import VERSIONS

OUTER = host_interface("c1", "eth0")


async def test_c13_an_interface_that_exists_is_an_error_that_touches_nothing(node: Node) -> None:
    first = await node.add()
    held, made = dict(node.addresses.holders), dict(node.plumber.made)
    again = await node.call("ADD")
    assert again.code == 102
    assert "eth0" in again.json["msg"]
    assert (node.addresses.holders, node.plumber.made) == (held, made)
    assert [ip["address"] for ip in first["ips"]] == ["10.1.0.1/32", "fd00:1::1/128"]


async def test_c13_the_same_address_where_the_interface_is_gone(node: Node) -> None:
    first = await node.add()
    node.plumber.made.clear()
    await node.add("c2", netns="/run/netns/other")
    assert await node.add() == first


async def test_c13_the_interface_has_exactly_the_asked_name(node: Node) -> None:
    result = await node.add(env={"CNI_IFNAME": "net1"})
    assert result["interfaces"][1]["name"] == "net1"
    assert node.plumber.made[host_interface("c1", "net1")].interface == "net1"


def expected(version: str) -> dict[str, Any]:
    mtu = {"mtu": 1500} if version == "1.1.0" else {}
    family = (lambda n: {"version": n}) if version in ("0.3.1", "0.4.0") else (lambda _: {})
    return {
        "cniVersion": version,
        "interfaces": [
            {"name": OUTER, "mac": "02:00:00:00:00:02", **mtu},
            {"name": "eth0", "mac": "02:00:00:00:00:01", **mtu, "sandbox": "/run/netns/pod"},
        ],
        "ips": [
            {**family("4"), "address": "10.1.0.1/32", "gateway": "169.254.1.1", "interface": 1},
            {**family("6"), "address": "fd00:1::1/128", "gateway": "fe80::1", "interface": 1},
        ],
        "routes": [{"dst": "0.0.0.0/0", "gw": "169.254.1.1"}, {"dst": "::/0", "gw": "fe80::1"}],
        "dns": {},
    }


@pytest.mark.parametrize("version", VERSIONS)
async def test_c14_the_result_in_each_dialect(node: Node, version: str) -> None:
    node.version = version
    assert await node.add() == expected(version)


@pytest.mark.parametrize(("version", "prefix"), [(4, "10.9.0.0/24"), (6, "fd00:9::/64")])
async def test_c14_one_family_alone(node: Node, version: int, prefix: str) -> None:
    node.addresses.prefixes = (Prefix.parse(prefix),)
    result = await node.add()
    gateway, everything = ("169.254.1.1", "0.0.0.0/0") if version == 4 else ("fe80::1", "::/0")
    assert [ip["gateway"] for ip in result["ips"]] == [gateway]
    assert result["routes"] == [{"dst": everything, "gw": gateway}]


async def test_c15_what_earlier_plugins_returned_stays_in_front(node: Node) -> None:
    before = {
        "cniVersion": "1.1.0",
        "interfaces": [{"name": "br0"}, {"name": "eth9", "sandbox": "/run/netns/pod"}],
        "ips": [{"address": "192.168.5.5/24", "interface": 1}],
        "routes": [{"dst": "192.168.0.0/16"}],
        "dns": {"nameservers": ["10.96.0.10"], "search": ["cluster.local"]},
    }
    result = await node.add(config={"prevResult": before})
    for part in ("interfaces", "ips", "routes"):
        assert result[part][: len(before[part])] == before[part]
    assert [ip["interface"] for ip in result["ips"]] == [1, 3, 3]
    assert result["interfaces"][3]["name"] == "eth0"
    assert result["dns"] == before["dns"]


@pytest.mark.parametrize("before", ['"text"', "[1]", "5"])
async def test_c15_a_previous_result_that_is_none(node: Node, before: str) -> None:
    stdin = f'{{"cniVersion": "1.1.0", "name": "romana", "prevResult": {before}}}'
    done = await node.call("ADD", stdin=stdin.encode())
    assert done.code == 7
    assert "prevResult" in done.json["msg"]
    assert node.addresses.holders == node.plumber.made == {}


async def test_c16_eth0_has_an_address_and_the_ipv4_one_comes_first(node: Node) -> None:
    result = await node.add()
    inner = next(n for n, i in enumerate(result["interfaces"]) if i["name"] == "eth0" and i.get("sandbox"))
    own = [ip["address"] for ip in result["ips"] if ip["interface"] == inner]
    assert own == ["10.1.0.1/32", "fd00:1::1/128"]


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
async def test_c17_a_failure_of_the_plumbing_leaves_nothing(node: Node, done: bool) -> None:
    node.plumber.trip = Trip("add", done)
    failed = await node.call("ADD")
    assert (failed.code, failed.json["msg"]) == (11, "add was made to fail")
    assert node.addresses.holders == node.plumber.made == {}
    assert (await node.call("DEL")).status == 0


async def test_c17_a_failure_releases_only_what_this_add_allocated(node: Node) -> None:
    await node.add()
    node.plumber.made.clear()
    node.plumber.trip = Trip("add")
    assert (await node.call("ADD")).code == 11
    assert list(node.addresses.holders) == [EndpointKey("c1", "eth0")]


async def test_bug_30_a_failed_add_does_not_release_the_address_of_a_running_pod(node: Node) -> None:
    """Version 2 released by name on every failure, and took a running pod's address from it."""
    await node.add()
    assert (await node.call("ADD", netns="/run/netns/gone")).status == 1
    assert (await node.call("ADD")).status == 1
    assert node.addresses.addresses() == ["10.1.0.1", "fd00:1::1"]


async def test_c17_the_reason_of_the_failure_is_told_even_where_the_release_fails_too(node: Node) -> None:
    node.addresses.silent = True
    done = await node.call("ADD", netns="/run/netns/gone")
    assert done.json["details"] == "netns-gone"
    node.addresses.silent = False
    assert (await node.call("DEL", netns="")).status == 0
    assert node.addresses.holders == {}


async def test_no_address_left(node: Node) -> None:
    node.addresses.trouble.append("every address of network pods in rack-1 is taken")
    done = await node.call("ADD")
    assert (done.code, done.json["details"]) == (100, "no-free-address")
    assert done.json["msg"] == "every address of network pods in rack-1 is taken"
    assert node.plumber.made == {}


async def test_a_refusal_of_the_kernel(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> None:
        raise RefusedError("the kernel did not do it", code="kernel-refused")

    monkeypatch.setattr(FakePlumber, "add", refuse)
    assert (await node.call("ADD")).code == 104
    assert node.addresses.holders == {}


async def test_c18_fifty_at_once(node: Node) -> None:
    names = [f"c{n}" for n in range(50)]
    node.plumber.namespaces |= {f"/run/netns/{name}" for name in names}
    results = await asyncio.gather(*(node.add(name, netns=f"/run/netns/{name}") for name in names))
    addresses = [ip["address"] for result in results for ip in result["ips"]]
    assert len(set(addresses)) == 100
    done = await asyncio.gather(*(node.call("DEL", name) for name in names))
    assert {d.status for d in done} == {0}
    assert node.addresses.holders == node.plumber.made == {}


async def test_c18_a_delete_waits_for_the_add_that_the_runtime_gave_up(node: Node) -> None:
    node.addresses.gate = asyncio.Event()
    adding = asyncio.create_task(node.call("ADD"))
    await node.addresses.asked.wait()
    deleting = asyncio.create_task(node.call("DEL"))
    await asyncio.sleep(0.05)
    assert not deleting.done()
    node.addresses.gate.set()
    assert [d.status for d in await asyncio.gather(adding, deleting)] == [0, 0]
    assert node.addresses.holders == node.plumber.made == {}


def test_the_memory_allocator_answers_twice_the_same() -> None:
    async def twice() -> None:
        from romana.ports.addresses import EndpointRequest

        memory = MemoryAddresses()
        request = EndpointRequest(EndpointKey("c", "eth0"), "/n")
        first, second = await memory.allocate(request), await memory.allocate(request)
        assert (first.holdings, first.fresh, second.fresh) == (second.holdings, True, False)

    asyncio.run(twice())
