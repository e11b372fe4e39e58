"""Entries of a document that an export wrote for hosts that had joined: they are hosts, not part of the document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from romana.model.topology import Document, Group, GroupPath, ListedHost, Topology, sites


@dataclass(frozen=True, slots=True)
class Joined:
    """A host that joined, and its group in every network, by the network's name."""

    entry: ListedHost
    groups: Mapping[str, GroupPath] = field(default_factory=dict)


def part(document: Document) -> tuple[Document, dict[str, Joined]]:
    """Return the document without the hosts that had joined, and those hosts by name."""
    hosts: dict[str, Joined] = {}
    for topology in document.topologies:
        for site in sites(topology.root):
            for entry in (host for host in site.group.hosts if host.joined):
                known = hosts.get(entry.name) or Joined(entry)
                groups = {**known.groups, **dict.fromkeys(topology.networks, site.path)}
                hosts[entry.name] = replace(known, groups=groups)
    if not hosts:
        return document, {}
    topologies = (Topology(t.networks, _without(t.root)) for t in document.topologies)
    return replace(document, topologies=tuple(topologies)), hosts


def _without(group: Group) -> Group:
    hosts = tuple(host for host in group.hosts if not host.joined)
    return replace(group, groups=tuple(map(_without, group.groups)), hosts=hosts)
