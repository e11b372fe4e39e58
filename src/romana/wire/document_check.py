"""What is wrong, or odd, between the parts of a document. Comes last, when all parts are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from romana.model.errors import ConfigError
from romana.model.layout import Carving
from romana.model.topology import Device, ListedHost, Network, Router, sites
from romana.net.table import LookupTable
from romana.plan.carve import carve
from romana.plan.place import misfits
from romana.plan.stranded import unroutable
from romana.wire.document_groups import Tree
from romana.wire.document_networks import Placed
from romana.wire.document_node import Notes, nearest, shown


def check_networks(placed: Sequence[Placed], trees: Sequence[Tree], notes: Notes) -> None:
    """Every network stands in at most one topology, and every topology names networks that exist."""
    known = {p.network.name for p in placed}
    used: dict[str, str] = {}
    for tree in trees:
        for name, where in tree.networks:
            if name not in known:
                notes.refuse(where, f"no network is named {shown(name)}{nearest(name, known)}")
            elif name in used:
                notes.refuse(
                    where, f"network {shown(name)} is already in {used[name]}; a network has one topology"
                )
            used.setdefault(name, where)
    for p in placed:
        if p.network.name not in used:
            what = f"no topology names network {shown(p.network.name)}, so it hands out no address"
            notes.mention(p.where, what)


def check_masks(placed: Sequence[Placed], trees: Sequence[Tree], notes: Notes) -> None:
    """A host's own prefix holds a block and lies in the network; a pinned prefix lies in one of its networks."""
    networks = {p.network.name: p.network for p in placed if not notes.spoiled(p.where)}
    for tree in trees:
        own = [networks[name] for name, _ in tree.networks if name in networks]
        for family, mask, where in tree.masks:
            _check_mask(own, family, mask, where, notes)
        for prefix, where in tree.pins:
            if own and not any(prefix in whole for network in own for whole in network.prefixes):
                notes.refuse(where, f"{prefix} lies in no network of this topology")


def _check_mask(own: Sequence[Network], family: int, mask: int, where: str, notes: Notes) -> None:
    concerned = [n for n in own if family in n.versions]
    if own and not concerned:
        other = "host_mask6" if family == 4 else "host_mask"
        what = f"is for IPv{family}, and no network of this topology has an IPv{family} prefix; write {other}"
        notes.refuse(where, what)
    for network in concerned:
        longest = max(p.length for p in network.prefixes if p.version == family)
        block = network.block_length(family)
        if not longest <= mask <= block:
            between = f"{longest} (its prefix) to {block} (its blocks)"
            notes.refuse(where, f"is {mask}; in network {shown(network.name)} it must be {between}")


def check_names(trees: Sequence[Tree], devices: Sequence[tuple[Device, str]], notes: Notes) -> set[str]:
    """Hosts, routers and devices share one name space; return it."""
    hosts: dict[str, tuple[ListedHost, str]] = {}
    for host, where in (row for tree in trees for row in tree.listed):
        before = hosts.setdefault(host.name, (host, where))
        if before[0] != host:
            what = f"host {shown(host.name)} has other addresses or labels in {before[1]}; write it the same way twice"
            notes.refuse(where, what)
    routers: dict[str, tuple[Router, str]] = {}
    for router, where in (row for tree in trees for row in tree.routers):
        first = routers.setdefault(router.name, (router, where))
        if first[0] != router:
            what = f"router {shown(router.name)} is described otherwise in {first[1]}; write it the same way twice"
            notes.refuse(where, what)
    places = {name: f"host {where}" for name, (_, where) in hosts.items()}
    named = [(name, where, "router") for name, (_, where) in routers.items()]
    for name, where, kind in [*named, *((d.name, where, "device") for d, where in devices)]:
        if name in places:
            notes.refuse(
                f"{where}.name", f"{shown(name)} is also the name of {places[name]}; name one differently"
            )
        places.setdefault(name, f"{kind} {where}")
    return set(places)


def check_served(devices: Sequence[tuple[Device, str]], trees: Sequence[Tree], notes: Notes) -> None:
    paths = {"", *(path for tree in trees for path in tree.places)}
    for device, where in devices:
        if device.serves is not None and device.serves not in paths:
            what = f"no group has the path {shown(device.serves)}{nearest(device.serves, paths)}"
            notes.refuse(f"{where}.serves", what)


def check_carving(placed: Sequence[Placed], trees: Sequence[Tree], notes: Notes) -> None:
    """Every sound network can be divided along its tree; say where v2 wrote another prefix than results."""
    for tree in trees:
        names = {name for name, _ in tree.networks}
        own = [p for p in placed if p.network.name in names]
        carvings = {}
        for p in own:
            if not (notes.spoiled(p.where) or notes.spoiled(tree.where)):
                carvings[p.network.name] = _carving(p.network, tree, notes)
        _compare_written(tree, [c for c in carvings.values() if c is not None], notes)


def _carving(network: Network, tree: Tree, notes: Notes) -> Carving | None:
    try:
        return carve(network, tree.topology.root)
    except ConfigError as error:
        for problem in error.problems:
            where = tree.places.get(problem.where, f"{tree.where}.map")
            notes.refuse(where, f"network {shown(network.name)}: {problem.what}")
        return None


def _compare_written(tree: Tree, carvings: Sequence[Carving], notes: Notes) -> None:
    for path, prefix, where in tree.written:
        found = [p for carving in carvings for p in carving.get(path, ())]
        if carvings and prefix not in found:
            gets = ", ".join(map(str, found)) or "nothing"
            notes.mention(
                where, f"{prefix} is not what the group gets, which is {gets}; the key has no effect"
            )


def check_hosts(placed: Sequence[Placed], trees: Sequence[Tree], notes: Notes) -> None:
    """Say where an address is used twice or lies in a pod network, and where labels contradict the group."""
    pods = LookupTable[Placed]((prefix, p) for p in placed for prefix, _ in p.prefixes)
    seen: dict[object, tuple[str, str]] = {}
    for host, where in (row for tree in trees for row in tree.listed):
        for address in host.addresses:
            name, place = seen.setdefault(address, (host.name, where))
            if name != host.name:
                notes.mention(where, f"its address {address} is also that of host {shown(name)} ({place})")
            if (inside := pods.lookup(address)) is not None:
                network = shown(inside[1].network.name)
                notes.mention(where, f"its address {address} lies in network {network}, which is for pods")
    for tree in trees:
        _check_families(tree, {p.network.name: p.network for p in placed}, notes)
        _check_routers(tree, notes)
        for site in sites(tree.topology.root):
            for host in site.group.hosts:
                for what in misfits(site.assignment, host.labels, listed=True):
                    notes.mention(
                        tree.hosts[host.name], f"host {shown(host.name)} is misplaced: the group {what}"
                    )


def _check_families(tree: Tree, networks: Mapping[str, Network], notes: Notes) -> None:
    """Say which hosts lack an address of a family that their pods get addresses of."""
    for host, where in tree.listed:
        have = {address.version for address in host.addresses}
        for network in (networks[name] for name, _ in tree.networks):
            for version in (v for v in network.versions if v not in have):
                notes.mention(where, unroutable(network.name, version))


def _check_routers(tree: Tree, notes: Notes) -> None:
    """Say which groups nobody routes to, where others have routers."""
    leaves = [site for site in sites(tree.topology.root) if site.leaf]
    if any(site.routers for site in leaves):
        for site in leaves:
            if not site.routers and site.on_link is None:
                what = "names no router while other groups do: its hosts are reached by nobody but each other"
                notes.mention(tree.places.get(site.path, tree.where), what)
