"""What is no longer as `add` left it, in sentences. Looks only for ours: more may have come since."""

from __future__ import annotations

from collections.abc import Iterator

from romana.edges.netlink import inet, link, wiring
from romana.edges.netlink.channel import Channel
from romana.ports.kernel import Endpoint


def faults(endpoint: Endpoint, host: Channel, pod: Channel) -> list[str]:
    """Return a sentence for each thing missing or changed on either end."""
    return [*_outside(endpoint, host), *_inside(endpoint, pod)]


def _outside(endpoint: Endpoint, host: Channel) -> Iterator[str]:
    outer = link.find(host, link.by_name(endpoint.host_interface))
    if outer is None:
        yield f"the node has no interface {endpoint.host_interface}"
        return
    if not outer.up:
        yield f"{endpoint.host_interface} is down"
    routes = {(dst, length) for dst, length, _ in inet.routes_by(host, outer.index)}
    known = inet.neighbours(host, outer.index)
    for address in endpoint.addresses:
        if (inet.packed(address), address.bits) not in routes:
            yield f"the node has no route to {address} by {endpoint.host_interface}"
        if inet.Neighbour(inet.packed(address), wiring.inner_mac(endpoint), True) not in known:
            yield f"the node has no permanent neighbour {address} on {endpoint.host_interface}"


def _inside(endpoint: Endpoint, pod: Channel) -> Iterator[str]:
    name = endpoint.interface
    inner = link.find(pod, link.by_name(name))
    if inner is None:
        yield f"there is no {name} in {endpoint.netns}"
        return
    if not inner.up:
        yield f"{name} is down in {endpoint.netns}"
    held = inet.addresses(pod, inner.index)
    for address in endpoint.addresses:
        if inet.packed(address) not in held:
            yield f"{name} does not have {address}"
    routes = inet.routes_by(pod, inner.index)
    known = inet.neighbours(pod, inner.index)
    for version in wiring.versions(endpoint.addresses):
        gateway = wiring.GATEWAYS[version]
        if (b"", 0, inet.packed(gateway)) not in routes:
            yield f"{name} has no default route via {gateway}"
        if inet.Neighbour(inet.packed(gateway), wiring.OUTER_MAC, True) not in known:
            yield f"{name} has no permanent neighbour {gateway}"
