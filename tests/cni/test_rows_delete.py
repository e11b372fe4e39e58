"""Rows C19 to C22: DEL, whatever is left of the endpoint. Through both shims."""

from __future__ import annotations

import pytest
from cni_node import Node

from romana.testing.kernel import Trip

CONFIGS = [
    {},
    {"prevResult": None},
    {"prevResult": {"cniVersion": "1.1.0"}},
    {"prevResult": 5},
    {"ipam": {"type": "x"}},
]


@pytest.mark.parametrize("netns", [None, "", "/run/netns/pod", "/run/netns/gone"])
@pytest.mark.parametrize("steps", ["nothing", "allocated", "plumbed", "interface gone", "agent forgot"])
async def test_c19_any_number_of_deletes_of_whatever_is_there(
    node: Node, netns: str | None, steps: str
) -> None:
    if steps != "nothing":
        await node.add()
    if steps in ("allocated", "interface gone"):
        node.plumber.made.clear()
    if steps == "agent forgot":
        node.addresses.holders.clear()
    for _ in range(3):
        done = await node.call("DEL", netns=netns)
        assert (done.status, done.stdout) == (0, b"")
    assert node.addresses.holders == node.plumber.made == {}


@pytest.mark.parametrize("config", CONFIGS)
async def test_c19_whatever_the_configuration_says(node: Node, config: dict[str, object]) -> None:
    await node.add()
    assert (await node.call("DEL", config=config)).status == 0
    assert node.addresses.holders == {}


async def test_c20_the_address_is_released_though_the_namespace_is_gone(node: Node) -> None:
    first = await node.add()
    node.plumber.namespaces.clear()
    assert (await node.call("DEL")).status == 0
    node.plumber.namespaces.add("/run/netns/pod")
    assert (await node.add("c2"))["ips"] == first["ips"]


async def test_c20_only_that_endpoint_goes(node: Node) -> None:
    await node.add()
    await node.add("c2", netns="/run/netns/other")
    await node.add(env={"CNI_IFNAME": "net1"})
    await node.call("DEL", env={"CNI_IFNAME": "net1"})
    await node.call("DEL", "c2")
    assert [key.name for key in node.addresses.holders] == ["c1/eth0"]
    assert [e.interface for e in node.plumber.made.values()] == ["eth0"]


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
async def test_c21_an_error_only_where_trying_again_helps(node: Node, done: bool) -> None:
    await node.add()
    node.plumber.trip = Trip("remove", done)
    failed = await node.call("DEL")
    assert failed.code == 11
    assert node.addresses.addresses() != [], "the address stays held until the interface is surely gone"
    assert (await node.call("DEL")).status == 0
    assert node.addresses.holders == node.plumber.made == {}


async def test_c21_a_journal_that_does_not_answer(node: Node) -> None:
    await node.add()
    node.addresses.silent = True
    assert (await node.call("DEL")).code == 11
    node.addresses.silent = False
    assert (await node.call("DEL")).status == 0


async def test_c22_a_container_never_seen(node: Node) -> None:
    assert (await node.call("DEL", "stranger", netns="")).status == 0


async def test_c22_after_a_reboot_the_state_is_there_and_the_namespaces_are_not(node: Node) -> None:
    for name in ("c1", "c2"):
        node.plumber.namespaces.add(f"/run/netns/{name}")
        await node.add(name, netns=f"/run/netns/{name}")
    node.plumber.made.clear()
    node.plumber.namespaces.clear()
    assert (await node.call("DEL", "c1", netns="")).status == 0
    assert [key.container for key in node.addresses.holders] == ["c2"]


async def test_another_lists_delete_leaves_the_interface_to_the_list_that_made_it(node: Node) -> None:
    made = await node.add()
    other = {"name": "other"}
    assert (await node.call("DEL", config=other)).status == 0
    assert [e.interface for e in node.plumber.made.values()] == ["eth0"]
    assert (await node.call("CHECK", config={"prevResult": made})).status == 0
    assert (await node.call("DEL")).status == 0
    assert node.addresses.holders == node.plumber.made == {}


async def test_an_interface_made_under_another_lists_name_goes_with_that_list(node: Node) -> None:
    other = {"name": "other"}
    await node.add(config=other)
    assert (await node.call("DEL")).status == 0
    assert [key.name for key in node.addresses.holders] == ["c1/eth0@other"]
    assert len(node.plumber.made) == 1
    assert (await node.call("DEL", config=other)).status == 0
    assert node.addresses.holders == node.plumber.made == {}


async def test_an_interface_that_nobody_holds_addresses_for_goes_with_any_list(node: Node) -> None:
    await node.add()
    await node.add(env={"CNI_IFNAME": "net1"})
    del node.addresses.holders[next(key for key in node.addresses.holders if key.interface == "eth0")]
    assert (await node.call("DEL", config={"name": "other"})).status == 0
    assert [e.interface for e in node.plumber.made.values()] == ["net1"]
