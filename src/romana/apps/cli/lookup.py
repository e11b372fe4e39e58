"""Names on the command line: the thing they name, or the error that lists what comes near."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from romana.apps.cli.tree import Branch, branches
from romana.model.errors import ConfigError
from romana.model.host import Host, HostName
from romana.model.layout import CarvedNetwork
from romana.model.snapshot import Snapshot
from romana.model.topology import GroupPath

SHOWN = 5
"""Names that an error lists where none comes near."""


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


def unknown(kind: str, name: str, known: Iterable[str], *, code: str) -> ConfigError:
    """Return the error for a name that nothing bears, with the nearest that something does."""
    names = [*known]
    match get_close_matches(name, names, n=3, cutoff=0.5):
        case [] if len(names) > SHOWN:
            hint = f"; known: {', '.join(names[:SHOWN])} and {len(names) - SHOWN} more"
        case []:
            hint = f"; known: {', '.join(names)}" if names else f"; there is no {kind} yet"
        case near:
            hint = f"; did you mean {' or '.join(map(repr, near))}?"
    return ConfigError(f"there is no {kind} {name!r}{hint}", code=code)
