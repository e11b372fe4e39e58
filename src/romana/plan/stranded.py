"""What a new layout must not do to live addresses, and what people should be told about it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from romana.model.block import Block, Holding
from romana.model.errors import Problem
from romana.model.host import Host, HostName, HostState
from romana.model.layout import CarvedNetwork, Layout
from romana.model.snapshot import Snapshot
from romana.model.topology import ROOT
from romana.net.prefix import Address
from romana.net.table import LookupTable


def stranded(snapshot: Snapshot, layout: Layout, hosts: Mapping[HostName, Host]) -> Iterator[Problem]:
    """Yield every live address that would lie outside the prefixes of its host's group, or be reserved, and why."""
    for block in snapshot.blocks():
        if block.holdings:
            yield from _reserved(snapshot, layout, block)
        if block.holdings and (reason := _reason(snapshot, layout, hosts, block)):
            for address, holding in block.holdings.items():
                yield Problem(str(address), f"{_held(block, holding)}: {reason}")


def _reserved(snapshot: Snapshot, layout: Layout, block: Block) -> Iterator[Problem]:
    """Yield the addresses that the document begins to reserve while they are held."""
    old, new = snapshot.layout.by_id(block.network), layout.by_id(block.network)
    before = old.spec.reserved if old else ()
    for prefix in (r for r in (new.spec.reserved if new else ()) if r not in before):
        for address, holding in block.holdings.items():
            if address in prefix:
                yield Problem(str(address), f"{_held(block, holding)}: the document reserves {prefix}")


def _held(block: Block, holding: Holding) -> str:
    return f"held by {holding.name} on host {block.owner.host}"


def _reason(snapshot: Snapshot, layout: Layout, hosts: Mapping[HostName, Host], block: Block) -> str | None:
    old, new = snapshot.layout.by_id(block.network), layout.by_id(block.network)
    name = old.name if old else block.network
    if new is None:
        return f"network {name} is missing from the document"
    host = hosts.get(block.owner.host)
    if host is None:
        return (
            f"host {block.owner.host} is missing from the document; release what it holds first, only networks and "
            "groups are emptied by --drain"
        )
    path = host.groups.get(new.id)
    if path is not None and any(block.prefix in p for p in new.carving.get(path, ())):
        return None
    before = snapshot.hosts.get(host.name)
    group = before.groups.get(new.id) if before else None
    if group is not None and group not in new.carving:
        return f"group {group or '(the whole network)'} of network {name} is missing from the document"
    if path != group:
        return f"the document moves the host from group {group} of network {name} to {path or 'none'}"
    return f"group {group} of network {name} would no longer have {block.prefix}"


def warnings(snapshot: Snapshot, layout: Layout, hosts: Mapping[HostName, Host]) -> Iterator[Problem]:
    """Yield what is allowed and probably not meant, or takes time."""
    for network in layout.networks:
        yield from _about_network(snapshot, network)
    for name, host in hosts.items():
        before = snapshot.hosts.get(name)
        if host.state is HostState.MISPLACED and (before is None or before.state is not host.state):
            yield Problem(name, "its labels do not fit its group: it keeps its blocks and gets no new ones")
        elif not host.groups and (before is None or before.groups):
            yield Problem(name, "no group of any network fits this host")
    yield from about_addresses(layout, hosts)


def unroutable(network: str, version: int) -> str:
    """Return what is said of a host whose pods get addresses of a family that it has no address of."""
    return f"no IPv{version} address: nothing can route the IPv{version} addresses of network {network} to it"


def _about_network(snapshot: Snapshot, network: CarvedNetwork) -> Iterator[Problem]:
    yield from _unused(snapshot, network)
    if network.root is None:
        yield Problem(network.name, "no topology names this network: it hands out nothing")
    if ROOT in network.draining:
        yield Problem(network.name, "is being emptied: it hands out nothing, apply again when it is empty")
    elif network.draining:
        paths = ", ".join(sorted(network.draining))
        yield Problem(
            network.name, f"being emptied, without new addresses: {paths}; apply again when they are empty"
        )
    tenants: Counter[str] = Counter()
    for block in snapshot.blocks(network.id) if network.spec.tenants else ():
        tenants.update(h.tenant for h in block.holdings.values() if h.tenant not in network.spec.tenants)
    for tenant, count in sorted(tenants.items()):
        what = (
            f"tenant {tenant!r} is not among its tenants and keeps {count} address{'es'[: 2 * (count > 1)]}"
        )
        yield Problem(network.name, what)


def _unused(snapshot: Snapshot, network: CarvedNetwork) -> Iterator[Problem]:
    """Yield the prefixes that a network in force has just got, and of which no group got anything."""
    before = snapshot.layout.by_id(network.id)
    if before is None or network.root is None:
        return
    given = [p for prefixes in network.carving.values() for p in prefixes]
    for prefix in network.spec.prefixes:
        if prefix not in before.spec.prefixes and not any(p.overlaps(prefix) for p in given):
            what = f"no group gets anything of {prefix} yet; romana group grow {network.name} PATH gives it to one"
            yield Problem(network.name, what)


def about_addresses(layout: Layout, hosts: Mapping[HostName, Host]) -> Iterator[Problem]:
    """Yield which of the hosts' addresses lie in a network of pods, belong to two of these hosts, or are missing."""
    users: defaultdict[Address, list[HostName]] = defaultdict(list)
    table = LookupTable(
        (prefix, network.name) for network in layout.networks for prefix in network.spec.prefixes
    )
    for name, host in hosts.items():
        for address in host.addresses:
            users[address].append(name)
            if (found := table.lookup(address)) is not None:
                yield Problem(name, f"its address {address} lies in network {found[1]} ({found[0]})")
        for network in layout.networks:
            for version in network.spec.versions if network.id in host.groups else ():
                if host.address(version) is None:
                    yield Problem(name, unroutable(network.name, version))
    for address, names in users.items():
        if len(names) > 1:
            yield Problem(names[0], f"its address {address} is also that of {', '.join(names[1:])}")
