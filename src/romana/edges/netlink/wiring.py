"""What an endpoint consists of, as requests: pure, so that a table of it can be read and tested."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2s
from typing import Final

from romana.edges.netlink import inet, link
from romana.edges.netlink.message import EXCLUSIVE, Request
from romana.net.prefix import Address
from romana.ports.kernel import Endpoint

GATEWAYS: Final = {4: Address.parse("169.254.1.1"), 6: Address.parse("fe80::1")}
"""What pods send everything to. Nobody has these addresses: the neighbour entry is all there is."""
OUTER_MAC: Final = b"\xee" * 6
"""Of every outer end: it is only ever seen on its own pair (locally administered, unicast)."""

_OUTER_SETTINGS: Final = {
    link.FORWARDING: 1,
    link.RP_FILTER: 1,  # strict: a pod sends from its own address only
    link.PROXY_ARP: 0,
    link.ARP_IGNORE: 1,  # the node's own addresses are not answered for on the pair either
    link.ACCEPT_REDIRECTS: 0,
    link.SEND_REDIRECTS: 0,
}
_ALIAS_MOST: Final = 200
"""The kernel takes 255 bytes (IFALIASZ)."""


def inner_mac(endpoint: Endpoint) -> bytes:
    """Return a locally administered MAC, the same for the same endpoint."""
    digest = blake2s(f"{endpoint.container}/{endpoint.interface}".encode(), digest_size=5, person=b"mac")
    return b"\x02" + digest.digest()


def alias(endpoint: Endpoint) -> str:
    """Return what `ip link` shows of the outer end, and what tells two endpoints apart."""
    return f"romana {endpoint.container}/{endpoint.interface}"[:_ALIAS_MOST]


def versions(addresses: Iterable[Address]) -> list[int]:
    return sorted({a.version for a in addresses})


def outer_end(endpoint: Endpoint, *, ipv6: bool) -> list[Request]:
    """Settings first, then up: no address may appear in between."""
    name = endpoint.host_interface
    return [link.quiet(name, alias=alias(endpoint), conf=_OUTER_SETTINGS, ipv6=ipv6), link.up(name)]


def outside(endpoint: Endpoint, index: int) -> list[Request]:
    """The node's route to each address, and who has it."""
    mac = inner_mac(endpoint)
    return [
        request
        for address in endpoint.addresses
        for request in (
            host_route(address, index),
            inet.add_neighbour(address, index, mac),
        )
    ]


def host_route(address: Address, index: int) -> Request:
    return inet.add_route(address, index, version=address.version, flags=EXCLUSIVE, protocol=inet.OURS)


def inside(endpoint: Endpoint, index: int, *, ipv6: bool) -> list[Request]:
    """Everything in the pod's namespace, in an order in which each request finds what it needs.

    The loopback interface comes up too: without it a pod does not even reach its own address.
    """
    name = endpoint.interface
    wanted = [link.up("lo"), link.quiet(name, ipv6=ipv6), link.up(name)]
    wanted += [inet.add_address(a, index, length=a.bits) for a in endpoint.addresses]
    if 6 in versions(endpoint.addresses):
        wanted.append(inet.add_address(link_local(inner_mac(endpoint)), index, length=64, scope=inet.LINK))
    for version in versions(endpoint.addresses):
        wanted += _gateway(version, index)
    return wanted


def _gateway(version: int, index: int) -> list[Request]:
    """A permanent neighbour, and the default route by it. IPv4 needs the gateway to be on the link;
    IPv6 takes a link-local one as it is."""
    gateway = GATEWAYS[version]
    boot = 3  # RTPROT_BOOT, as `ip route add` marks what a person adds: the pod's table is not ours to own
    default = inet.add_route(None, index, version=version, gateway=gateway, flags=EXCLUSIVE, protocol=boot)
    neighbour = inet.add_neighbour(gateway, index, OUTER_MAC)
    if version == 6:
        return [neighbour, default]
    return [neighbour, inet.add_route(gateway, index, version=4, flags=EXCLUSIVE, protocol=boot), default]


def link_local(mac: bytes) -> Address:
    """Return the link-local address that belongs to a MAC (RFC 4291, appendix A)."""
    eui = bytes([mac[0] ^ 2, *mac[1:3], 0xFF, 0xFE, *mac[3:]])
    return Address.of(6, 0xFE80 << 112 | int.from_bytes(eui, "big"))
