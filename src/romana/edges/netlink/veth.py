"""Endpoints as veth pairs, routed, without a bridge (DESIGN §9).

    pod's namespace                                     node
    eth0  10.1.2.3/32  fd00::3/128       <-- veth -->   rom5a0c…  no address
    169.254.1.1 dev eth0 scope link                     10.1.2.3 dev rom5a0c…     protocol 201
    default via 169.254.1.1                             fd00::3  dev rom5a0c…     protocol 201
    default via fe80::1 dev eth0                        neighbours 10.1.2.3, fd00::3
    neighbours 169.254.1.1, fe80::1                       = eth0's MAC, permanent
      = ee:ee:ee:ee:ee:ee, permanent

We choose both MACs and state them as permanent neighbours on both ends, so nobody asks on the link:
neither proxy_arp nor an address on the outer end is needed, and a pod sees no neighbour but its
gateway. Addresses skip duplicate address detection, so IPv6 works at once.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from romana.edges.netlink import inet, link, netns, wiring
from romana.edges.netlink.channel import Channel
from romana.edges.netlink.errors import translated
from romana.edges.netlink.inspect import faults
from romana.edges.netlink.message import Failure
from romana.edges.netlink.remover import GROUP, Remover
from romana.edges.netlink.uplink import Uplink
from romana.model.errors import ConfigError, RefusedError
from romana.ports.kernel import Endpoint, Plumbed

_SETTINGS: Final = Path("/proc/sys/net/ipv6/conf")
_LEAST_IPV6_MTU: Final = 1280


class VethPlumber:
    """A `Plumber` for the network namespace in which it is made.

    `add` takes 0.7 ms and is done in one piece in the event loop; only `remove` waits, in a thread.
    """

    def __init__(self) -> None:
        self._own = netns.own()
        self._host = Channel()
        self._remover = Remover()
        self._uplink = Uplink(self._host)
        self._ipv6 = _SETTINGS.exists()

    def close(self) -> None:
        self._remover.close()
        self._host.close()
        netns.close(self._own)

    async def add(self, endpoint: Endpoint) -> Plumbed:
        """Make the pair, addresses, routes and neighbours; reachable when it returns."""
        mtu = endpoint.mtu or self._uplink.mtu()
        with (
            netns.opened(endpoint.netns) as pod,
            netns.channel_in(pod, self._own, path=endpoint.netns) as inside,
        ):
            await self._create(endpoint, pod, inside, mtu)
            try:
                self._configure(endpoint, pod, inside, mtu)
            except BaseException:
                await self._remover.remove(endpoint.host_interface)
                raise
        return Plumbed(wiring.inner_mac(endpoint).hex(":"), wiring.OUTER_MAC.hex(":"), mtu)

    async def remove(self, host_interface: str) -> None:
        """Remove the pair, its routes with it; nothing to do, and no wait, where it is gone."""
        if link.find(self._host, link.by_name(host_interface)) is not None:
            await self._remover.remove(host_interface)

    async def check(self, endpoint: Endpoint) -> list[str]:
        """Return what is not as `add` left it. ConfigError `netns-gone`."""
        with (
            netns.opened(endpoint.netns) as pod,
            netns.channel_in(pod, self._own, path=endpoint.netns) as inside,
        ):
            return faults(endpoint, self._host, inside)

    async def interfaces(self) -> set[str]:
        return {seen.name for seen in link.every(self._host, "veth") if seen.group == GROUP}

    async def _create(self, endpoint: Endpoint, pod: int, inside: Channel, mtu: int) -> None:
        """Make the pair. An outer end that an earlier sandbox of this endpoint left goes first."""
        request = link.create_pair(
            endpoint.host_interface,
            wiring.OUTER_MAC,
            endpoint.interface,
            wiring.inner_mac(endpoint),
            netns=pod,
            mtu=mtu,
            group=GROUP,
        )
        failures = self._host.run([request])
        if failures and failures[0].errno == errno.EEXIST:
            self._judge_existing(endpoint, inside)
            await self._remover.remove(endpoint.host_interface)
            failures = self._host.run([request])
        if failures:
            raise translated(failures[0], f"make {endpoint.interface} in {endpoint.netns}")

    def _judge_existing(self, endpoint: Endpoint, inside: Channel) -> None:
        """Return if what is in the way is ours to remove."""
        if link.find(inside, link.by_name(endpoint.interface)) is not None:
            raise ConfigError(
                f"{endpoint.netns} has an interface {endpoint.interface} already; nothing was changed",
                code="interface-exists",
            )
        outer = link.find(self._host, link.by_name(endpoint.host_interface))
        if outer and (outer.group != GROUP or outer.alias not in ("", wiring.alias(endpoint))):
            raise RefusedError(
                f"{endpoint.host_interface} is taken by {outer.alias or 'an interface that is not ours'}",
                code="interface-taken",
            )

    def _configure(self, endpoint: Endpoint, pod: int, inside: Channel, mtu: int) -> None:
        quiet = self._ipv6 and mtu >= _LEAST_IPV6_MTU
        doing = f"set up {endpoint.interface} in {endpoint.netns}"
        if quiet and 6 in wiring.versions(endpoint.addresses):
            _allow_ipv6(endpoint.host_interface)
            with netns.within(pod, self._own, path=endpoint.netns):
                _allow_ipv6(endpoint.interface)
        _must(self._host.run(wiring.outer_end(endpoint, ipv6=quiet)), doing)
        outer = link.find(self._host, link.by_name(endpoint.host_interface))
        if outer is None:
            raise ConfigError(f"{endpoint.netns} went away", code="netns-gone")
        _must(inside.run(wiring.inside(endpoint, outer.peer, ipv6=quiet)), doing)
        for failure in self._host.run(wiring.outside(endpoint, outer.index)):
            self._settle(endpoint, outer.index, failure)

    def _settle(self, endpoint: Endpoint, index: int, failure: Failure) -> None:
        """Make way where the route in the way is ours; refuse where it is somebody else's."""
        address = endpoint.addresses[failure.index // 2]
        if failure.errno != errno.EEXIST:
            raise translated(failure, f"route {address}")
        if self._host.run([inet.remove_own_route(address)]):
            raise RefusedError(
                f"somebody else has a route to {address} on this node: `ip route show {address.prefix}`",
                code="foreign-route",
            )
        _must(self._host.run([wiring.host_route(address, index)]), f"route {address}")


def _must(failures: Sequence[Failure], doing: str) -> None:
    if failures:
        raise translated(failures[0], doing)


def _allow_ipv6(name: str) -> None:
    """Runtimes switch IPv6 off in namespaces without it; an endpoint with an IPv6 address needs it."""
    setting = _SETTINGS / name / "disable_ipv6"
    try:
        if setting.read_text().strip() != "0":
            setting.write_text("0")
    except OSError as error:
        failure = Failure(0, error.errno or errno.EIO, str(setting))
        raise translated(failure, f"switch IPv6 on for {name}") from error
