"""Names on the command line: the thing they name, or the error that lists what comes near."""

from __future__ import annotations

from romana.apps.cli.tree import Branch, branches
from romana.model.host import Host, HostName
from romana.model.layout import CarvedNetwork
from romana.model.snapshot import Snapshot
from romana.model.topology import GroupPath
from romana.model.unknown import unknown


def find_network(snapshot: Snapshot, name: str) -> CarvedNetwork:
    """Return the network of that name. ConfigError `unknown-network`."""
    network = snapshot.layout.named(name)
    if network is None:
        names = (n.name for n in snapshot.layout.networks)
        raise unknown("network", name, names, code="unknown-network")
    return network


def find_host(snapshot: Snapshot, name: str) -> Host:
    """Return the host of that name. ConfigError `unknown-host`."""
    host = snapshot.hosts.get(HostName(name))
    if host is None:
        raise unknown("host", name, snapshot.hosts, code="unknown-host")
    return host


def find_group(snapshot: Snapshot, path: str, network: str | None) -> list[tuple[CarvedNetwork, Branch]]:
    """Return the group of that path in every network (or the one named) that has it. ConfigError
    `unknown-group`."""
    networks = [find_network(snapshot, network)] if network is not None else snapshot.layout.networks
    known = [(n, branch) for n in networks for top in branches(snapshot, n) for branch in top.walk()]
    found = [(n, branch) for n, branch in known if branch.path == GroupPath(path)]
    if not found:
        paths = dict.fromkeys(branch.path for _, branch in known)
        raise unknown("group", path, paths, code="unknown-group")
    return found
