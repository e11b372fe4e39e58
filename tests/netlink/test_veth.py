"""What the plumber leaves behind: nothing, whatever fails; and what it refuses to touch."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from netlink_nodes import TestNode, node

from romana.edges.netlink import veth
from romana.edges.netlink.channel import Channel
from romana.edges.netlink.message import Failure, Request
from romana.model.errors import ConfigError, RefusedError, RomanaError, TransientError
from romana.testing import namespaces

pytestmark = [pytest.mark.root, pytest.mark.daemon("nsenter", "ip")]

UPLINK = """
ip link add uplink type veth peer name far
ip link set uplink addrgenmode none; ip link set far addrgenmode none
ip link set uplink up; ip link set far up
"""
BOTH = ("10.1.0.1", "fd00:1::1")


@pytest.fixture
def one() -> Iterator[TestNode]:
    with node(UPLINK) as made:
        yield made


async def test_a_pod_leaves_nothing_on_its_node(one: TestNode) -> None:
    before = one.objects()
    pod = await one.pod(*BOTH)
    assert one.objects() != before
    await one.remove(pod)
    assert one.objects() == before
    assert pod.run("ip -br link | grep -v ^lo || true") == ""
    await one.remove(pod)
    assert one.objects() == before


async def test_fifty_pods_go_together_and_leave_nothing(one: TestNode) -> None:
    before = one.objects()
    pods = [await one.pod(f"10.1.0.{n}", f"fd00:1::{n:x}") for n in range(1, 51)]
    with one.space.entered():
        assert len(await one.plumber.interfaces()) == 50
        await asyncio.gather(*(one.plumber.remove(pod.endpoint.host_interface) for pod in pods))
        assert await one.plumber.interfaces() == set()
    assert one.objects() == before


async def test_the_kernel_removes_all_with_the_namespace(one: TestNode) -> None:
    before = one.objects()
    pod = await one.pod(*BOTH)
    one.pods.remove(pod.space)
    pod.space.close()
    for _ in range(500):
        if one.objects() == before:
            break
        await asyncio.sleep(0.02)
    assert one.objects() == before
    await one.remove(pod)


async def failing(one: TestNode, monkeypatch: pytest.MonkeyPatch, step: int) -> bool:
    """Add a pod while the kernel refuses the `step`th of all requests; whether it got that far."""
    count = 0
    real = Channel._exchange

    def exchange(self: Channel, requests: Sequence[Request]) -> tuple[list[Failure], list[bytes]]:
        nonlocal count
        for n, _ in enumerate(requests):
            count += 1
            if count == step:
                failures, answers = real(self, requests[:n]) if n else ([], [])
                return [*failures, Failure(n, errno.ENOMEM)], answers
        return real(self, requests)

    space = one.sandbox()
    endpoint = one.endpoint(space, BOTH, "c1")
    with monkeypatch.context() as patch, one.space.entered():
        patch.setattr(Channel, "_exchange", exchange)
        try:
            await one.plumber.add(endpoint)
        except RomanaError:
            pass
    assert (one.space.run("ip -br link | grep -c ^rom || true") == "0\n") is (count >= step)
    assert "eth0" not in space.run("ip -br link") or count < step
    if count < step:
        await one.plumber.remove(endpoint.host_interface)
    return count >= step


async def test_whatever_step_fails_nothing_is_left(one: TestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps that only look may fail without consequence; that counts as done too."""
    with one.space.entered():
        one.plumber._uplink.mtu()
    before = one.objects()
    step = 1
    while await failing(one, monkeypatch, step):
        assert one.objects() == before, f"step {step}"
        step += 1
    assert step > 15
    assert one.objects() == before


async def test_a_route_that_is_somebody_elses_stays_theirs(one: TestNode) -> None:
    one.space.run("ip route add 10.1.0.1/32 dev uplink proto static; ip route add fd00:1::1/128 dev uplink")
    before = one.objects()
    with pytest.raises(RefusedError, match=r"somebody else has a route to 10\.1\.0\.1") as error:
        await one.pod(*BOTH)
    assert error.value.code == "foreign-route"
    assert one.objects() == before


async def test_a_route_of_ours_in_the_way_is_replaced(one: TestNode) -> None:
    one.space.run(
        "ip route add blackhole 10.1.0.1/32 proto 201; ip route add blackhole fd00:1::1/128 proto 201"
    )
    pod = await one.pod(*BOTH)
    assert await one.check(pod) == []
    assert "blackhole" not in one.space.run("ip route; ip -6 route")


async def test_an_outer_end_of_an_earlier_sandbox_is_replaced(one: TestNode) -> None:
    """A new sandbox of the same container, while somebody still holds the old namespace."""
    old = await one.pod(*BOTH, container="c1")
    new = await one.pod(*BOTH, container="c1")
    assert await one.check(new) == []
    assert old.run("ip -br link | grep -c eth0 || true") == "0\n"


@pytest.mark.parametrize("alias", ["", "romana c9/eth0"])
async def test_an_interface_of_that_name_that_is_not_ours_is_left_alone(one: TestNode, alias: str) -> None:
    space = one.sandbox()
    endpoint = one.endpoint(space, BOTH, "c1")
    group = "7499629" if alias else "0"
    one.space.run(f"ip link add {endpoint.host_interface} group {group} type veth peer name other")
    one.space.run(f"ip link set {endpoint.host_interface} alias '{alias}'")
    before = one.objects()
    with one.space.entered():
        with pytest.raises(RefusedError, match="is taken by") as error:
            await one.plumber.add(endpoint)
        assert error.value.code == "interface-taken"
        if not alias:
            await one.plumber.remove(endpoint.host_interface)
    assert one.objects() == before
    assert "eth0" not in space.run("ip -br link")


async def test_a_path_that_is_no_namespace(one: TestNode) -> None:
    before = one.objects()
    for path in ("/dev/null", "/proc/self/ns/uts", "/proc/self/fd/999", "/"):
        endpoint = one.endpoint(namespaces.Namespace(-1), BOTH)
        object.__setattr__(endpoint, "netns", path)
        with one.space.entered(), pytest.raises(ConfigError) as error:
            await one.plumber.add(endpoint)
        assert error.value.code == "netns-gone"
    assert one.objects() == before


async def test_ipv6_is_switched_on_where_the_runtime_switched_it_off(one: TestNode) -> None:
    space = one.sandbox()
    space.run("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1")
    endpoint = one.endpoint(space, BOTH)
    with one.space.entered():
        await one.plumber.add(endpoint)
        assert await one.plumber.check(endpoint) == []


async def test_a_setting_that_cannot_be_written(
    one: TestNode, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = one.objects()
    monkeypatch.setattr(veth, "_SETTINGS", tmp_path)
    with pytest.raises(RefusedError, match="did not switch IPv6 on for rom") as error:
        await one.pod(*BOTH)
    assert error.value.code == "kernel-refused"
    assert one.objects() == before


async def test_a_process_without_descriptors_left(one: TestNode) -> None:
    """The runtime is told to try again, not that its namespace is gone."""
    before = one.objects()
    space = one.sandbox()
    endpoint = one.endpoint(space, BOTH)
    with one.space.entered():
        for spare in range(3):
            with only_descriptors(spare), pytest.raises(TransientError) as error:
                await one.plumber.add(endpoint)
            assert error.value.code == "kernel-busy"
            assert one.objects() == before


@contextmanager
def only_descriptors(spare: int) -> Iterator[None]:
    """Leave the process that many descriptors to open."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, limits[1]))
    taken = []
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        for descriptor in taken[:spare]:
            os.close(descriptor)
        yield
    finally:
        for descriptor in taken[spare:]:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


BREAKS = {
    "ip link del {outer}": ["the node has no interface {outer}", "there is no eth0 in {netns}"],
    "ip link set {outer} down": [
        "{outer} is down",
        "the node has no route to 10.1.0.1 by {outer}",
        "the node has no route to fd00:1::1 by {outer}",
    ],
    "ip route del 10.1.0.1": ["the node has no route to 10.1.0.1 by {outer}"],
    "ip -6 route del fd00:1::1": ["the node has no route to fd00:1::1 by {outer}"],
    "ip neigh del 10.1.0.1 dev {outer}": ["the node has no permanent neighbour 10.1.0.1 on {outer}"],
    "in ip addr del fd00:1::1/128 dev eth0": ["eth0 does not have fd00:1::1"],
    "in ip route del default": ["eth0 has no default route via 169.254.1.1"],
    "in ip -6 route del default": ["eth0 has no default route via fe80::1"],
    "in ip neigh del 169.254.1.1 dev eth0": ["eth0 has no permanent neighbour 169.254.1.1"],
    "in ip link set eth0 name eth1": ["there is no eth0 in {netns}"],
    "in ip route add 1.2.3.0/24 dev eth0; ip addr add 1.2.3.4/32 dev eth0": [],
}


@pytest.mark.parametrize("breaking", BREAKS)
async def test_check_names_what_is_broken(one: TestNode, breaking: str) -> None:
    pod = await one.pod(*BOTH)
    assert await one.check(pod) == []
    names = {"outer": pod.endpoint.host_interface, "netns": pod.endpoint.netns}
    space = pod.space if breaking.startswith("in ") else one.space
    space.run(breaking.removeprefix("in ").format(**names))
    faults = await one.check(pod)
    expected = [sentence.format(**names) for sentence in BREAKS[breaking]]
    assert [f for f in faults if "neighbour" not in f or len(expected) == 1] == expected


async def test_two_hundred_pods_take_a_moment_each(one: TestNode) -> None:
    """A guard with a wide margin, in processor time; `bench/cni.py` measures."""
    times = []
    for n in range(200):
        space = one.sandbox()
        endpoint = one.endpoint(space, (f"10.1.0.{n}",))
        with one.space.entered():
            started = time.thread_time()
            await one.plumber.add(endpoint)
            times.append(time.thread_time() - started)
    assert sorted(times)[100] < 0.02
