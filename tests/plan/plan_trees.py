"""Short ways to write networks, groups and hosts in tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from romana.model.layout import CarvedNetwork, NetworkId
from romana.model.topology import Document, Group, GroupPath, ListedHost, Network, Topology
from romana.net.prefix import Address, Prefix
from romana.plan.carve import carve
from romana.testing.datacentre import DataCentre


def prefixes(*texts: str) -> tuple[Prefix, ...]:
    return tuple(map(Prefix.parse, texts))


def network(*cidrs: str, name: str = "pods", **keys: Any) -> Network:
    return Network(name, prefixes(*cidrs), **keys)


def group(name: str, *below: Group | ListedHost, pin: tuple[str, ...] = (), **keys: Any) -> Group:
    groups = tuple(b for b in below if isinstance(b, Group))
    hosts = tuple(b for b in below if isinstance(b, ListedHost))
    return Group(name, groups=groups, hosts=hosts, prefixes=prefixes(*pin), **keys)


def root(*below: Group | ListedHost) -> Group:
    return group("", *below)


def racks(count: int, **keys: Any) -> Group:
    return root(*(group(f"r{i}", **keys) for i in range(1, count + 1)))


def listed(name: str, *addresses: str, **labels: str) -> ListedHost:
    return ListedHost(name, tuple(map(Address.parse, addresses)), labels)


def document(*pairs: tuple[Network, Group | None]) -> Document:
    trees = tuple(Topology((net.name,), tree) for net, tree in pairs if tree is not None)
    return Document(tuple(net for net, _ in pairs), trees)


def carved(net: Network, tree: Group, number: str = "n1") -> CarvedNetwork:
    return CarvedNetwork(NetworkId(number), net, tree, carve(net, tree))


def texts(carving: Mapping[GroupPath, tuple[Prefix, ...]]) -> dict[str, str]:
    return {path: ", ".join(map(str, found)) for path, found in carving.items()}


NET = network("10.0.0.0/16")


def centre(*pairs: tuple[Network, Group | None], hosts: int = 2) -> DataCentre:
    """Hosts n1 and n2 in r1 and r2 of the default tree, each with a pod that holds an address."""
    dc = DataCentre()
    dc.apply(document(*(pairs or [(NET, racks(2))])))
    for number in range(1, hosts + 1):
        dc.join(f"n{number}", f"192.168.0.{number}")
        dc.allocate(f"pod-{number}", f"n{number}")
    return dc


def words(items: Iterable[object]) -> list[str]:
    return [str(item) for item in items]
