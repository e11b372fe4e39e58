"""What every Plumber keeps, checked on the fake and on the kernel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from romana.edges.netlink.veth import VethPlumber
from romana.model.errors import ConfigError
from romana.net.prefix import Address
from romana.ports.kernel import Endpoint, Plumber, host_interface
from romana.testing import namespaces
from romana.testing.kernel import FakePlumber


@dataclass
class World:
    plumber: Plumber
    real: bool
    spaces: dict[str, namespaces.Namespace] = field(default_factory=dict)

    def sandbox(self) -> str:
        """Return the path of a new pod's namespace."""
        if isinstance(self.plumber, FakePlumber):
            path = f"/run/netns/{len(self.plumber.namespaces)}"
            self.plumber.namespaces.add(path)
            return path
        space = namespaces.fresh()
        self.spaces[space.path] = space
        return space.path


@pytest.fixture(params=["fake", pytest.param("kernel", marks=pytest.mark.root)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "fake":
        yield World(FakePlumber(), real=False)
        return
    node = namespaces.fresh()
    with node.entered():
        plumber = VethPlumber()
        made = World(plumber, real=True)
        yield made
        plumber.close()
        for space in made.spaces.values():
            space.close()
    node.close()


def endpoint(netns: str, container: str = "c1", interface: str = "eth0", last: int = 1) -> Endpoint:
    return Endpoint(
        container,
        interface,
        netns,
        host_interface(container, interface),
        (Address.parse(f"10.1.2.{last}"), Address.parse(f"fd00::{last}")),
    )


async def test_what_was_added_checks_out_and_is_gone_when_removed(world: World) -> None:
    one = endpoint(world.sandbox())
    plumbed = await world.plumber.add(one)
    assert plumbed.mtu == 1500
    assert plumbed.mac != plumbed.host_mac
    assert await world.plumber.check(one) == []
    assert await world.plumber.interfaces() == {one.host_interface}
    await world.plumber.remove(one.host_interface)
    assert await world.plumber.interfaces() == set()
    assert await world.plumber.check(one) != []


async def test_the_asked_mtu_is_used(world: World) -> None:
    plumbed = await world.plumber.add(replace(endpoint(world.sandbox()), mtu=1400))
    assert plumbed.mtu == 1400


async def test_remove_of_what_is_not_there_is_no_error(world: World) -> None:
    await world.plumber.remove("rom000000000000")


async def test_a_namespace_that_is_gone(world: World) -> None:
    with pytest.raises(ConfigError) as error:
        await world.plumber.add(endpoint("/run/netns/there-is-none"))
    assert error.value.code == "netns-gone"
    assert await world.plumber.interfaces() == set()


async def test_an_interface_that_exists_is_left_alone(world: World) -> None:
    one = endpoint(world.sandbox())
    await world.plumber.add(one)
    with pytest.raises(ConfigError, match="already") as error:
        await world.plumber.add(one)
    assert error.value.code == "interface-exists"
    assert await world.plumber.check(one) == []


async def test_two_interfaces_in_one_namespace_and_one_name_in_two(world: World) -> None:
    shared, other = world.sandbox(), world.sandbox()
    ends = [endpoint(other, "c2", last=3), endpoint(shared), endpoint(shared, "c1", "net1", 2)]
    for end in ends[:2]:
        await world.plumber.add(end)
    assert [await world.plumber.check(end) for end in ends[:2]] == [[], []]
    assert await world.plumber.interfaces() == {end.host_interface for end in ends[:2]}
