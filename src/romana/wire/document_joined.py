"""Hosts that joined, put into the document for export, so that it says all there is and can be applied again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from romana.model.host import Host
from romana.model.layout import Layout
from romana.model.topology import Document, Group, GroupPath, ListedHost, Topology

Joined = Mapping[GroupPath, tuple[ListedHost, ...]]
"""Joined hosts by the path of their group."""


def with_hosts(document: Document, hosts: Mapping[str, Host], layout: Layout) -> Document:
    """Return the document with every host of `hosts` in its group, bearing the labels it has now.

    Networks that share a topology, but in which joined hosts live in different groups, get a topology
    each: a host stands in a tree once. A host without a group, or in one that the document no longer
    has, is left out.
    """
    ids = {network.name: network.id for network in layout.networks}
    topologies: list[Topology] = []
    for topology in document.topologies:
        for names, joined in _alike(topology, hosts, ids):
            topologies.append(Topology(names, _filled(topology.root, GroupPath(""), joined, hosts)))
    return replace(document, topologies=tuple(topologies))


def _alike(
    topology: Topology, hosts: Mapping[str, Host], ids: Mapping[str, str]
) -> Iterator[tuple[tuple[str, ...], Joined]]:
    """Yield the networks of the topology, those together in which every joined host has the same group."""
    listed = {host.name for host in _listed(topology.root)}
    together: list[tuple[list[str], Joined]] = []
    for name in topology.networks:
        joined = _joined(ids.get(name), hosts, listed)
        names = next((names for names, same in together if same == joined), None)
        if names is None:
            together.append(([name], joined))
        else:
            names.append(name)
    yield from ((tuple(names), joined) for names, joined in together)


def _joined(network: str | None, hosts: Mapping[str, Host], listed: set[str]) -> Joined:
    found: dict[GroupPath, tuple[ListedHost, ...]] = {}
    for name, host in sorted(hosts.items()):
        path = next((path for id_, path in host.groups.items() if id_ == network), None)
        if path is not None and name not in listed:
            found[path] = (*found.get(path, ()), ListedHost(name, host.addresses, host.labels, joined=True))
    return found


def _listed(group: Group) -> Iterator[ListedHost]:
    yield from group.hosts
    for child in group.groups:
        yield from _listed(child)


def _filled(group: Group, path: GroupPath, joined: Joined, hosts: Mapping[str, Host]) -> Group:
    if group.groups:
        below = (
            _filled(child, GroupPath(f"{path}/{child.name}" if path else child.name), joined, hosts)
            for child in group.groups
        )
        return replace(group, groups=tuple(below))
    own = tuple(
        replace(host, labels=hosts[host.name].labels) if host.name in hosts else host for host in group.hosts
    )
    return replace(group, hosts=own + joined.get(path, ()))
