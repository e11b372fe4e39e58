"""Where the hosts live under a new layout, and which of their records that changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from romana.model.block import Block, Claim, Extent
from romana.model.host import Host, HostName
from romana.model.layout import CarvedNetwork, Layout, NetworkId
from romana.model.snapshot import Snapshot
from romana.model.topology import GroupPath, ListedHost, Site, sites
from romana.plan.joined import Joined
from romana.plan.place import counts_of, groups_for, misfits, resolve_hosts
from romana.plan.usage import Usage


@dataclass(frozen=True, slots=True)
class Rehosting:
    after: Mapping[HostName, Host]
    """Every host as it will be, in order of name."""
    records: tuple[Host, ...]
    """What must be recorded for it."""
    removed: tuple[HostName, ...]
    """Hosts that the document no longer lists."""


def rehost(
    snapshot: Snapshot, layout: Layout, usage: Usage, joined: Mapping[str, Joined] | None = None
) -> Rehosting:
    """Return where every host lives under the layout.

    Listed hosts live where it lists them; what people changed of their labels stays changed. An added host stays
    where it is while it holds addresses there; else, if its group is gone, draining or no longer fits, it moves to a
    group that fits, and it joins networks that are new to it. Of `joined`, those that are not there yet are added.
    """
    was, now = _listings(snapshot.layout), _listings(layout)
    joined = {name: entry for name, entry in (joined or {}).items() if name not in now}
    merged = {
        name: replace(
            host, labels=_merged(was.get(name, {}), host.labels, now.get(name, {})), listed=name in now
        )
        for name, host in snapshot.hosts.items()
        if not host.listed or name in now or name in joined
    }
    for name, entry in joined.items():
        known = snapshot.hosts.get(HostName(name))
        if known is None or known.listed:
            merged[HostName(name)] = _added(known, entry, layout)
    resolved = resolve_hosts(layout, merged)
    after = settle(layout, resolved, usage.owners)
    records = [
        after[name]
        for name, host in merged.items()
        if (before := snapshot.hosts.get(name)) is None
        or (host.labels, host.listed) != (before.labels, before.listed)
        or (not host.listed and after[name].groups != host.groups)
    ]
    removed = tuple(name for name, host in snapshot.hosts.items() if host.listed and name not in merged)
    return Rehosting(after, tuple(records), removed)


def _added(known: Host | None, joined: Joined, layout: Layout) -> Host:
    """Return the host as one that was added, with what is recorded of it, in the groups that the document says."""
    ids = {network.name: network.id for network in layout.networks}
    groups = {ids[name]: path for name, path in joined.groups.items() if name in ids}
    entry = joined.entry
    host = known or Host(HostName(entry.name), entry.addresses, entry.labels)
    return replace(host, groups=groups, listed=False)


def settle(
    layout: Layout, hosts: Mapping[HostName, Host], owners: frozenset[tuple[NetworkId, HostName]]
) -> dict[HostName, Host]:
    """Return the hosts with every added one in a group of each network that has one for it.

    `owners` are the hosts that are in use in a network: those do not move.
    """
    settled = dict(hosts)
    trees = {n.id: (n, {s.path: s for s in sites(n.root)}) for n in layout.networks if n.root}
    counts = {n.id: counts_of(hosts, n.id) for n in layout.networks}
    for name, host in hosts.items():
        if host.listed:
            continue
        stay = {
            n: path for n, path in host.groups.items() if (n, name) in owners or _fits(host, path, trees[n])
        }
        for network in host.groups.keys() - stay.keys():
            counts[network][host.groups[network]] -= 1
        fresh = groups_for(layout, counts.__getitem__, replace(host, groups=stay))
        for network, path in fresh.items():
            counts[network][path] += 1
        settled[name] = replace(host, groups={**stay, **fresh})
    return resolve_hosts(layout, settled)


def moved(snapshot: Snapshot) -> tuple[Host, ...]:
    """Return the added hosts that should be recorded elsewhere than they are: level-triggered, safe to repeat.

    A host that was misplaced and has become empty moves; one that joined while a document was put in force
    gets its groups in the networks that came with it. What it leaves behind: `left_behind`.
    """
    usage = Usage.of(snapshot)
    after = settle(snapshot.layout, snapshot.hosts, usage.owners)
    return tuple(host for name, host in after.items() if host.groups != snapshot.hosts[name].groups)


def left_behind(snapshot: Snapshot, host: Host) -> Iterator[tuple[Extent, Claim, Block]]:
    """Yield the empty blocks that a host of `moved` owns where it lived: to be given up before it is recorded."""
    before = snapshot.hosts[host.name]
    for extent, claim in snapshot.claims():
        if claim.owner is not None and claim.owner.host == host.name:
            block = snapshot.block(extent, claim)
            leaves = before.groups.get(extent.network) != host.groups.get(extent.network)
            if leaves and block is not None:
                yield extent, claim, block


def _fits(host: Host, path: GroupPath, tree: tuple[CarvedNetwork, Mapping[GroupPath, Site]]) -> bool:
    network, known = tree
    return path not in network.draining and not misfits(known[path].assignment, host.labels)


def _listings(layout: Layout) -> dict[HostName, dict[str, str]]:
    """Return the labels that the trees in force give each listed host."""
    labels: dict[HostName, dict[str, str]] = {}
    for entry in _entries(layout):
        labels[HostName(entry.name)] = {**entry.labels, **labels.get(HostName(entry.name), {})}
    return labels


def _entries(layout: Layout) -> Iterator[ListedHost]:
    for network in layout.networks:
        if network.root is not None:
            for site in sites(network.root):
                yield from site.group.hosts


def _merged(base: Mapping[str, str], ours: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, str]:
    """Return `ours` with what the document changed from `base` to `theirs`: nobody's change is lost."""
    kept = {k: v for k, v in ours.items() if k in theirs or base.get(k) != v}
    return kept | {k: v for k, v in theirs.items() if base.get(k) != v}
