"""CHECK, STATUS, GC and VERSION through both shims."""

from __future__ import annotations

from typing import Any

import pytest
from cni_node import Node

from romana.net.prefix import Address
from romana.testing.kernel import Trip


async def checked(node: Node, result: dict[str, Any] | None) -> str:
    """Return what CHECK finds wrong, empty if nothing."""
    done = await node.call("CHECK", config={} if result is None else {"prevResult": result})
    if done.status == 0:
        assert done.stdout == b""
        return ""
    assert done.code in (7, 101, 8)
    return str(done.json["msg"])


async def test_check_of_what_add_left(node: Node) -> None:
    assert await checked(node, await node.add()) == ""


async def test_check_tolerates_what_later_plugins_added(node: Node) -> None:
    result = await node.add()
    result["interfaces"].append({"name": "net1", "sandbox": "/run/netns/pod"})
    result["ips"].append({"address": "192.168.7.7/24", "interface": 2})
    result["ips"].append({"address": "192.168.7.8/24"})
    result["routes"].append({"dst": "192.168.0.0/16"})
    assert await checked(node, result) == ""


async def test_check_names_what_is_broken(node: Node) -> None:
    result = await node.add()
    assert "CHECK needs prevResult" in await checked(node, None)
    assert "prevResult is not a CNI result" in await checked(
        node, {"ips": [{"interface": 9, "address": "1.2.3.4/32"}]}
    )
    changed = {**result, "ips": [{**result["ips"][0], "address": "10.1.9.9/32"}]}
    assert "10.1.9.9 of prevResult is not held for c1/eth0" in await checked(node, changed)
    [(key, held)] = node.addresses.holders.items()
    node.addresses.holders[key] = (held[0], type(held[1])(Address.parse("fd00:1::77"), held[1].name))
    assert "eth0 does not have fd00:1::77" in await checked(node, result)
    node.addresses.holders.clear()
    assert "no address is held for c1/eth0" in await checked(node, result)
    node.plumber.made.clear()
    assert "there is no interface rom" in await checked(node, result)


@pytest.mark.parametrize("path", ["/opt/cni/bin"])
async def test_status_needs_nothing_but_the_path(node: Node, path: str) -> None:
    bare = ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME")
    done = await node.call("STATUS", without=bare, env={"CNI_PATH": path})
    assert (done.status, done.stdout) == (0, b"")
    node.addresses.trouble += ["no free address for pods", "the store has not answered for 40 s"]
    done = await node.call("STATUS", without=bare)
    assert done.json["code"] == 50
    assert done.json["msg"] == "no free address for pods; the store has not answered for 40 s"
    node.addresses.trouble.clear()
    assert (await node.call("STATUS", without=bare)).status == 0


def listed(*endpoints: str) -> list[dict[str, str]]:
    return [{"containerID": e.split("/")[0], "ifname": e.split("/")[1]} for e in endpoints]


async def five(node: Node) -> None:
    for n in range(5):
        node.plumber.namespaces.add(f"/run/netns/{n}")
        await node.add(f"c{n}", netns=f"/run/netns/{n}")


@pytest.mark.parametrize("key", ["cni.dev/valid-attachments", "cni.dev/attachments"])
async def test_gc_keeps_what_is_listed_under_either_key(node: Node, key: str) -> None:
    await five(node)
    done = await node.call("GC", config={key: listed("c1/eth0", "c3/eth0", "c4/net1")})
    assert (done.status, done.stdout) == (0, b"")
    assert [k.container for k in node.addresses.holders] == ["c1", "c3"]
    assert len(node.plumber.made) == 2


@pytest.mark.parametrize("config", [{}, {"cni.dev/valid-attachments": None}])
async def test_gc_without_a_list_deletes_nothing(node: Node, config: dict[str, Any]) -> None:
    await five(node)
    assert (await node.call("GC", config=config)).status == 0
    assert len(node.addresses.holders) == len(node.plumber.made) == 5


async def test_gc_of_an_empty_list_deletes_all(node: Node) -> None:
    await five(node)
    assert (await node.call("GC", config={"cni.dev/valid-attachments": []})).status == 0
    assert node.addresses.holders == node.plumber.made == {}


async def test_gc_leaves_other_networks_alone(node: Node) -> None:
    await node.add()
    await node.add("c2", netns="/run/netns/other", config={"name": "storage"}, env={"CNI_IFNAME": "a@b"})
    assert (await node.call("GC", config={"cni.dev/valid-attachments": []})).status == 0
    assert [k.name for k in node.addresses.holders] == ["c2/a@b@storage"]
    done = await node.call("GC", config={"name": "storage", "cni.dev/valid-attachments": listed("c2/a@b")})
    assert (done.status, len(node.addresses.holders)) == (0, 1)
    assert (await node.call("GC", config={"name": "storage", "cni.dev/valid-attachments": []})).status == 0
    assert node.addresses.holders == {}


async def test_gc_goes_on_after_an_error_and_reports_it(node: Node) -> None:
    await five(node)
    node.plumber.trip = Trip("remove")
    done = await node.call("GC", config={"cni.dev/valid-attachments": []})
    assert (done.code, done.json["msg"]) == (103, "remove was made to fail")
    assert len(node.addresses.holders) == 1


@pytest.mark.parametrize("stdin", [b"", b"nonsense", b'{"cniVersion": "0.3.1"}'])
async def test_version_with_any_input(node: Node, stdin: bytes) -> None:
    done = await node.call("VERSION", stdin=stdin, without=["CNI_PATH", "CNI_NETNS"])
    assert done.json == {"cniVersion": "1.1.0", "supportedVersions": ["0.3.1", "0.4.0", "1.0.0", "1.1.0"]}
