"""What the store holds as JSON says it. These keys are an interface: scripts rely on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from romana.apps.cli.tree import Branch, Fill, branches, network_fill
from romana.model.block import Block, Claim, Extent, Holding
from romana.model.host import Host
from romana.model.layout import CarvedNetwork, NetworkId
from romana.model.route import Route
from romana.model.snapshot import Snapshot

View = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Held:
    """What one name holds: one address of each family, IPv4 first, each with its block."""

    name: str
    parts: tuple[tuple[Block, Holding], ...]

    @property
    def block(self) -> Block:
        return self.parts[0][0]

    @property
    def holding(self) -> Holding:
        return self.parts[0][1]


def held(snapshot: Snapshot) -> Iterator[Held]:
    """Yield every name with its addresses, by network in document order, then by address."""
    found: dict[tuple[NetworkId, str, str], list[tuple[Block, Holding]]] = {}
    for block, holding in snapshot.holdings():
        found.setdefault((block.network, block.owner.host, holding.name), []).append((block, holding))
    order = {network.id: place for place, network in enumerate(snapshot.layout.networks)}
    items = [
        Held(name, tuple(sorted(parts, key=lambda part: part[1].address)))
        for (_, _, name), parts in found.items()
    ]
    yield from sorted(items, key=lambda h: (order.get(h.block.network, len(order)), h.holding.address))


def address(snapshot: Snapshot, item: Held) -> View:
    block, holding = item.block, item.holding
    return {
        "name": item.name,
        "address": str(holding.address),
        "addresses": [str(other.address) for _, other in item.parts],
        "host": block.owner.host,
        "tenant": holding.tenant,
        "segment": holding.segment,
        "network": network_name(snapshot, block.network),
        "block": str(block.prefix),
        "group": block.group,
    }


def block(snapshot: Snapshot, extent: Extent, claim: Claim) -> View:
    mirror, owner = snapshot.block(extent, claim), claim.owner
    return {
        "prefix": str(claim.prefix),
        "network": network_name(snapshot, extent.network),
        "group": snapshot.group_of(extent, claim),
        "host": owner.host if owner else "",
        "tenant": owner.tenant if owner else "",
        "segment": owner.segment if owner else "",
        "size": claim.prefix.size,
        "allocated": len(mirror.holdings) if mirror else 0,
    }


def host(snapshot: Snapshot, item: Host) -> View:
    return {
        "name": item.name,
        "addresses": [str(a) for a in item.addresses],
        "labels": dict(item.labels),
        "groups": {n.name: item.groups[n.id] for n in snapshot.layout.networks if n.id in item.groups},
        "state": str(item.state),
    }


def topology(snapshot: Snapshot) -> View:
    return {"networks": [_tree(snapshot, network) for network in snapshot.layout.networks]}


def network(snapshot: Snapshot, item: CarvedNetwork) -> View:
    spec = item.spec
    hosts = sum(item.id in host.groups for host in snapshot.hosts.values())
    return {
        **_masks(item),
        "tenants": [*spec.tenants],
        "owner": str(spec.owner),
        "placement": str(spec.placement),
        "reuse_delay": spec.reuse_delay,
        "reserved": [str(p) for p in sorted(set(snapshot.reserved(item)))],
        "hosts": hosts,
        **_fill(network_fill(snapshot, item)),
        "state": "draining" if "" in item.draining else "ready" if item.root else "unused",
    }


def group(item: CarvedNetwork, branch: Branch) -> View:
    return {
        "path": branch.path,
        "name": branch.name,
        "network": item.name,
        "prefixes": [str(p) for p in branch.prefixes],
        "assignment": dict(branch.assignment),
        "hosts": [*branch.hosts],
        **_fill(branch.fill),
        "state": "draining" if branch.draining else "ready",
    }


def route(item: Route) -> View:
    """`via` and `dev` are those of the first next hop; a route with several has all of them in `hops`."""
    hops = [{"via": str(h.via) if h.via else None, "dev": h.dev, "device": h.device} for h in item.hops]
    first = hops[0] if hops else {"via": None, "dev": None}
    view = {"prefix": str(item.prefix), "via": first["via"], "dev": first["dev"], "kind": str(item.kind)}
    return {**view, "hops": hops} if len(hops) > 1 else view


def network_name(snapshot: Snapshot, network: NetworkId) -> str:
    """Return the network's name in force, its key where the layout no longer knows it."""
    carved = snapshot.layout.by_id(network)
    return carved.name if carved else network


def _tree(snapshot: Snapshot, item: CarvedNetwork) -> View:
    return {
        **_masks(item),
        "tenants": [*item.spec.tenants],
        "groups": [*_groups(branches(snapshot, item))],
    }


def _groups(below: Iterable[Branch]) -> Iterator[View]:
    for branch in below:
        yield {
            "path": branch.path,
            "name": branch.name,
            "prefixes": [str(p) for p in branch.prefixes],
            "assignment": dict(branch.assignment),
            "hosts": [*branch.hosts],
            "groups": [*_groups(branch.below)],
        }


def _masks(item: CarvedNetwork) -> View:
    """Return name, prefixes and block lengths; `block_mask6` only where there are two families."""
    spec = item.spec
    masks = {"block_mask": spec.block_length(min(spec.versions, default=4))}
    if len(spec.versions) > 1:
        masks["block_mask6"] = spec.block_mask6
    return {"name": spec.name, "prefixes": [str(p) for p in spec.prefixes], **masks}


def _fill(fill: Fill) -> View:
    """Return blocks with an owner, addresses held and addresses there are."""
    return {
        "blocks": fill.blocks,
        "allocated": sum(fill.used.values()),
        "size": sum(fill.total.values()),
    }
