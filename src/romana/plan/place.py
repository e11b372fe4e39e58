"""Which group of each network a host lives in.

Before: `carve` has given the groups their prefixes. After: `claim` takes blocks of the host's group.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

from romana.model.errors import ConfigError, PlanError, Problem, StaleError
from romana.model.host import Host, HostName, HostState
from romana.model.layout import CarvedNetwork, Layout, NetworkId
from romana.model.names import check_host
from romana.model.snapshot import Snapshot
from romana.model.topology import ROOT, Document, Group, GroupPath, ListedHost, Site, site_at, sites
from romana.net.prefix import Address
from romana.plan.shares import child_path

SHOWN = 5
"""Groups that a sentence names; the error's problems hold them all."""


def place(
    root: Group,
    labels: Mapping[str, str],
    counts: Mapping[GroupPath, int],
    *,
    closed: Collection[GroupPath] = (),
) -> GroupPath:
    """Return the leaf with fewest hosts among those that a host with `labels` may join.

    Every label of the whole path must match; ties go to the first in document order. `counts` holds
    the hosts of each leaf, listed ones included; `closed` leaves take nobody. PlanError `no-group` says
    which labels were missing where.
    """
    fitting = (path for path in _fitting(root, ROOT, labels) if path not in closed)
    best = min(fitting, key=lambda path: counts.get(path, 0), default=None)
    if best is None:
        problems = [*_obstacles(root, labels)]
        raise PlanError(
            _sentence("no group fits the host's labels", problems), code="no-group", problems=problems
        )
    return best


def misfits(assignment: Mapping[str, str], labels: Mapping[str, str], *, listed: bool = False) -> list[str]:
    """Return what keeps a host out of a group, a phrase each; empty if it belongs there.

    A host that the document lists in the group belongs there unless it says otherwise itself: only a
    label that it bears with another value counts.
    """
    return [
        f"needs {key}={wanted}, the host has {f'{key}={labels[key]}' if key in labels else f'no {key}'}"
        for key, wanted in assignment.items()
        if labels.get(key) != wanted and not (listed and key not in labels)
    ]


def site_of(network: CarvedNetwork, path: GroupPath) -> Site | None:
    """Return the group with what it inherits, None if the network's tree has no such path."""
    return site_at(network.root, path) if network.root else None


def counts_of(hosts: Mapping[HostName, Host], network: NetworkId) -> Counter[GroupPath]:
    """Return how many hosts each group of the network has."""
    return Counter(host.groups[network] for host in hosts.values() if network in host.groups)


def misplaced(host: Host, network: CarvedNetwork, site: Site | None = None) -> list[str]:
    """Return why the host no longer belongs in its group of the network; empty if it does, or has none."""
    path = host.groups.get(network.id)
    if path is None:
        return []
    site = site or site_of(network, path)
    if site is None:
        return [f"its group {path or '(the whole network)'} is gone"]
    return misfits(site.assignment, host.labels, listed=host.listed)


def resolve_hosts(layout: Layout, records: Mapping[HostName, Host]) -> dict[HostName, Host]:
    """Return every host there is, in order of name, with its groups and state worked out.

    A listed host lives where the networks' trees list it; a record of it adds its agent and replaces its
    labels. An added host lives where its record says, as long as that group exists. A record of a host
    that was listed and is no more is left out.
    """
    trees = {n.id: {s.path: s for s in sites(n.root) if s.leaf} for n in layout.networks if n.root}
    hosts = _listed(trees)
    for name, record in records.items():
        if name in hosts:
            hosts[name] = replace(hosts[name], labels=record.labels, agent=record.agent, state=record.state)
        elif not record.listed:
            groups = {n: path for n, path in record.groups.items() if path in trees.get(n, {})}
            hosts[name] = replace(record, groups=groups)
    return {name: replace(hosts[name], state=_state(hosts[name], trees)) for name in sorted(hosts)}


def join(snapshot: Snapshot, name: str, addresses: Sequence[Address], labels: Mapping[str, str]) -> Host:
    """Return the record of a new host, in every network that has a fitting group.

    ConfigError `bad-host` for what no document could list, StaleError `host-exists` and `host-address-taken`,
    PlanError `no-group` where no network takes it.
    """
    check_host(name, addresses)
    _refuse_known(snapshot, name, addresses)
    host = Host(HostName(name), tuple(addresses), dict(labels))
    groups, problems = _places(snapshot.layout, partial(counts_of, snapshot.hosts), host)
    if not groups:
        what = f"no network has a group for host {name}"
        raise PlanError(_sentence(what, problems), code="no-group", problems=problems)
    return replace(host, groups=groups, state=HostState.READY)


def in_document(layout: Layout, name: HostName) -> bool:
    """Whether the document in force lists the host. What is being emptied lists hosts that it no longer does."""
    trees = (topology.root for topology in layout.document.topologies)
    return any(host.name == name for root in trees for site in sites(root) for host in site.group.hosts)


def device_names(document: Document) -> dict[str, str]:
    """Return what else the document names, `router` or `device`: with hosts they share one name space."""
    routers = [r for t in document.topologies for r in t.root.routers]
    routers += [r for t in document.topologies for site in sites(t.root) for r in site.group.routers]
    return {**{r.name: "router" for r in routers}, **{d.name: "device" for d in document.devices}}


def unlisted(layout: Layout, name: HostName) -> Layout:
    """Return the layout in which no tree lists the host."""
    networks = (replace(n, root=_without(n.root, name)) if n.root else n for n in layout.networks)
    return replace(layout, networks=tuple(networks))


def _without(group: Group, name: HostName) -> Group:
    hosts = tuple(host for host in group.hosts if host.name != name)
    return replace(group, hosts=hosts, groups=tuple(_without(child, name) for child in group.groups))


def missing_groups(layout: Layout, hosts: Mapping[HostName, Host], host: Host) -> dict[NetworkId, GroupPath]:
    """Return the groups that an added host should be given in networks where it has none; none for a listed one."""
    return groups_for(layout, partial(counts_of, hosts), host)


def groups_for(
    layout: Layout, counts: Callable[[NetworkId], Mapping[GroupPath, int]], host: Host
) -> dict[NetworkId, GroupPath]:
    """Do the same where the caller keeps the counts: for many hosts in a row."""
    return {} if host.listed else _places(layout, counts, host)[0]


def _places(
    layout: Layout, counts: Callable[[NetworkId], Mapping[GroupPath, int]], host: Host
) -> tuple[dict[NetworkId, GroupPath], list[Problem]]:
    groups: dict[NetworkId, GroupPath] = {}
    problems: list[Problem] = []
    for network in layout.networks:
        if network.id in host.groups or "" in network.draining:
            continue
        if network.root is None:
            problems.append(Problem(network.name, "no topology names this network"))
            continue
        try:
            groups[network.id] = place(network.root, host.labels, counts(network.id), closed=network.draining)
        except PlanError as error:
            problems += [
                Problem(f"{network.name}: {p.where}".removesuffix(": "), p.what) for p in error.problems
            ]
    return groups, problems


def _refuse_known(snapshot: Snapshot, name: str, addresses: Sequence[Address]) -> None:
    if kind := device_names(snapshot.layout.document).get(name):
        problem = Problem(
            repr(name), f"is also the name of a {kind} of the document; name the host differently"
        )
        raise ConfigError(f"this is no host: {problem}", code="bad-host", problems=[problem])
    if name in snapshot.hosts:
        known = ", ".join(map(str, snapshot.hosts[HostName(name)].addresses))
        raise StaleError(f"host {name} exists already, with {known}", code="host-exists")
    for other in snapshot.hosts.values():
        for address in addresses:
            if address in other.addresses:
                raise StaleError(
                    f"{address} is host {other.name}'s address already", code="host-address-taken"
                )


def _fitting(group: Group, path: GroupPath, labels: Mapping[str, str]) -> Iterator[GroupPath]:
    """Yield the leaves that take these labels, in document order; what a group refuses is not looked into."""
    if any(labels.get(key) != wanted for key, wanted in group.assignment.items()):
        return
    if not group.groups:
        yield path
    for child in group.groups:
        yield from _fitting(child, child_path(path, child), labels)


def _obstacles(root: Group, labels: Mapping[str, str]) -> Iterator[Problem]:
    """Yield the topmost groups that keep the host out; what lies below them need not be named."""
    shut: str | None = None
    for site in sites(root):
        if shut is not None and site.path.startswith(shut):
            continue
        shut = None
        if missing := misfits(site.assignment, labels):
            shut = f"{site.path}/"
            yield Problem(site.path, "; ".join(missing))


def _sentence(what: str, problems: Sequence[Problem]) -> str:
    if not problems:
        return f"{what}: no network has a topology; apply one first"
    more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return f"{what}: {'; '.join(map(str, islice(problems, SHOWN)))}{more}"


def _listed(trees: Mapping[NetworkId, Mapping[GroupPath, Site]]) -> dict[HostName, Host]:
    hosts: dict[HostName, Host] = {}
    for network, leaves in trees.items():
        for path, site in leaves.items():
            for entry in site.group.hosts:
                name = HostName(entry.name)
                seen = hosts.get(name) or Host(name, (), listed=True)
                hosts[name] = _listed_again(seen, entry, network, path)
    return hosts


def _listed_again(seen: Host, entry: ListedHost, network: NetworkId, path: GroupPath) -> Host:
    """Add one listing to what others have said of the host: it may stand in several topologies."""
    return replace(
        seen,
        addresses=tuple(dict.fromkeys((*seen.addresses, *entry.addresses))),
        labels={**entry.labels, **seen.labels},
        groups={**seen.groups, network: path},
    )


def _state(host: Host, trees: Mapping[NetworkId, Mapping[GroupPath, Site]]) -> HostState:
    if host.state in (HostState.DRAINING, HostState.LEFT):
        return host.state
    if not host.groups:
        return HostState.JOINING
    for network, path in host.groups.items():
        if misfits(trees[network][path].assignment, host.labels, listed=host.listed):
            return HostState.MISPLACED
    return HostState.READY
