"""What must be true of every snapshot: invariants 1 to 3 of the design.

1  No address is held twice.
2  Every held address lies in a block of its host, every block in a prefix of its host's group, every group's
   prefix in its parent's.
3  Every block has one owner and one writer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from romana.model.block import Claim, Extent
from romana.model.errors import Problem
from romana.model.layout import CarvedNetwork
from romana.model.snapshot import Snapshot
from romana.model.topology import Group, GroupPath
from romana.net.prefix import Address, Prefix
from romana.plan.shares import child_path


def check(snapshot: Snapshot) -> list[Problem]:
    """Return every violation, a sentence each; empty if all is well. Cost: n log n."""
    return [*_held_once(snapshot), *_at_home(snapshot), *_carved(snapshot), *_one_owner(snapshot)]


def _held_once(snapshot: Snapshot) -> Iterator[Problem]:
    holders: dict[Address, str] = {}
    names: dict[tuple[str, int], Address] = {}
    for block, holding in snapshot.holdings():
        if holding.address in holders:
            what = f"held by {holders[holding.address]} and by {holding.name} on host {block.owner.host}"
            yield Problem(str(holding.address), what)
        holders[holding.address] = f"{holding.name} on host {block.owner.host}"
        other = names.setdefault((holding.name, holding.address.version), holding.address)
        if other != holding.address:
            yield Problem(holding.name, f"holds both {other} and {holding.address}")


def _at_home(snapshot: Snapshot) -> Iterator[Problem]:
    networks = {n.id: n for n in snapshot.layout.networks}
    for block in snapshot.blocks():
        where = f"block {block.prefix}"
        for address, holding in block.holdings.items():
            if address not in block.prefix or holding.address != address:
                yield Problem(where, f"lists {holding.name}'s {holding.address} as {address}")
        network, host = networks.get(block.network), snapshot.hosts.get(block.owner.host)
        if network is None or host is None:
            gone = f"network {block.network}" if network is None else f"host {block.owner.host}"
            yield Problem(where, f"belongs to {gone}, which does not exist")
        elif network.id not in host.groups:
            yield Problem(
                where, f"belongs to host {host.name}, which is in no group of network {network.name}"
            )
        elif not any(block.prefix in p for p in network.carving.get(host.groups[network.id], ())):
            group = host.groups[network.id]
            yield Problem(
                where, f"of host {host.name} is outside the prefixes of its group {group or network.name}"
            )
        elif block.group != host.groups[network.id]:
            yield Problem(where, f"says group {block.group}, its host lives in {host.groups[network.id]}")
        if block.closed and block.holdings:
            yield Problem(where, f"is closed and holds {len(block.holdings)} addresses")


def _carved(snapshot: Snapshot) -> Iterator[Problem]:
    for network in snapshot.layout.networks:
        if network.root is not None:
            yield from _below(network, network.root, GroupPath(""), network.spec.prefixes)


def _below(
    network: CarvedNetwork, group: Group, path: GroupPath, around: tuple[Prefix, ...]
) -> Iterator[Problem]:
    paths = [child_path(path, child) for child in group.groups] or ([path] if not path else [])
    found = [(prefix, below) for below in paths for prefix in network.carving.get(below, ())]
    for prefix, below in found:
        if not any(prefix in p for p in around):
            parent = f"group {path}" if path else f"network {network.name}"
            yield Problem(f"{network.name}: {below}", f"its prefix {prefix} is outside of {parent}")
    yield from (Problem(network.name, what) for what in _overlaps(found, "group"))
    for child in group.groups:
        below = child_path(path, child)
        yield from _below(network, child, below, network.carving.get(below, ()))


def _one_owner(snapshot: Snapshot) -> Iterator[Problem]:
    owned: dict[str, list[tuple[Prefix, str]]] = {}
    for extent, claim in snapshot.claims():
        if claim.owner is not None:
            owned.setdefault(extent.network, []).append((claim.prefix, claim.owner.host))
        yield from _sound_claim(snapshot, extent, claim)
    for network, blocks in owned.items():
        yield from (Problem(network, what) for what in _overlaps(blocks, "block of host"))
    for extent in snapshot.extents.values():
        listed = [claim.prefix for claim in extent.blocks]
        if listed != sorted(listed):
            yield Problem(f"extent {extent.prefix}", "does not list its blocks in order")
        yield from (
            Problem(f"extent {extent.prefix}", what)
            for what in _overlaps([(p, str(p)) for p in listed], "block")
        )


def _sound_claim(snapshot: Snapshot, extent: Extent, claim: Claim) -> Iterator[Problem]:
    where = f"block {claim.prefix}"
    if claim.prefix not in extent.prefix:
        yield Problem(where, f"is listed in extent {extent.prefix} and outside of it")
    if claim.epoch > extent.epoch:
        yield Problem(where, f"has epoch {claim.epoch}, its extent only {extent.epoch}")
    if claim.owner is None:
        return
    if extent.host not in (None, claim.owner.host):
        yield Problem(where, f"of host {claim.owner.host} lies in host {extent.host}'s own prefix")
    mirror = snapshot.mirrors.get((extent.network, claim.prefix))
    if (
        mirror is not None
        and mirror.epoch == claim.epoch
        and (mirror.owner, mirror.writer) != (claim.owner, claim.writer)
    ):
        yield Problem(where, f"is {mirror.owner}'s by its record and {claim.owner}'s by its extent")


def _overlaps(items: Iterable[tuple[Prefix, str]], what: str) -> Iterator[str]:
    """Yield each prefix that shares addresses with one before it. Sorted, an overlap is always with the widest yet."""
    widest: tuple[Prefix, str] | None = None
    for prefix, name in sorted(items, key=lambda item: item[0].key):
        if widest is not None and prefix.overlaps(widest[0]):
            yield f"{prefix} of {what} {name} overlaps {widest[0]} of {what} {widest[1]}"
        elif widest is None or prefix.last > widest[0].last or prefix.version != widest[0].version:
            widest = prefix, name
