"""Which network and group of a new document continues which of the layout, and what has to be emptied first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from romana.model.errors import ConfigError, Problem
from romana.model.layout import CarvedNetwork, Layout, NetworkId
from romana.model.snapshot import Snapshot
from romana.model.topology import ROOT, Document, Group, GroupPath, Network, sites
from romana.plan.carve import carve
from romana.plan.ground import covers
from romana.plan.shares import child_path
from romana.plan.usage import Usage


@dataclass(frozen=True, slots=True)
class Succession:
    layout: Layout
    in_the_way: tuple[Problem, ...]
    """Networks that collide with one that is not empty yet."""
    uncarvable: tuple[Problem, ...]
    """Groups for which the prefixes do not suffice; their networks keep what they can of their carving."""


def succeed(snapshot: Snapshot, document: Document, usage: Usage, *, drain: bool) -> Succession:
    """Return the layout that the document asks for, and what stands in its way.

    Groups and networks that are missing from it and in use come along as draining: those that were draining
    already, those of which only agents know whether they are in use, and with `drain` the rest.
    """
    before = snapshot.layout
    old = _match(before, document)
    ids = _new_ids(snapshot)
    problems: list[Problem] = []
    networks = []
    for spec in document.networks:
        known = old.get(spec.name)
        root = document.root_of(spec.name)
        if known is None:
            fresh = CarvedNetwork(next(ids), spec, root)
            networks.append(_carved(fresh, spec, root, root, problems))
        else:
            kept = _kept_leaves(known, root, usage, drain=drain)
            networks.append(_carved(known, spec, root, _with_leaves(root, known.root, kept), problems))
    continued = {n.id for n in old.values()}
    leaving = [n for n in before.networks if n.id not in continued and _stays(n, usage, drain=drain)]
    networks += [replace(n, draining=n.emptying | {ROOT}, closing=frozenset()) for n in leaving]
    linked = replace(document, links=(*document.links, *_kept_links(before, document, networks)))
    layout = Layout(linked, tuple(networks))
    return Succession(layout, tuple(_in_the_way(networks, leaving)), tuple(problems))


def _kept_links(
    before: Layout, document: Document, networks: list[CarvedNetwork]
) -> Iterator[tuple[str, str]]:
    """Yield links of before that lead to routers of draining groups: what still lives there must be reached.

    Such a router is in no group of the document, so the document cannot name its links.
    """
    said = {
        router.name for t in document.topologies for site in sites(t.root) for router in site.group.routers
    }
    alive = [site for n in networks if n.root and n.draining for site in sites(n.root)]
    gone = {router.name for site in alive for router in site.group.routers} - said
    known = said | gone | {device.name for device in document.devices}
    for link in before.document.links:
        if gone.intersection(link) and known.issuperset(link):
            yield link


def closing(before: Layout, after: Layout) -> Layout | None:
    """Return the layout of before with everything closed that `after` no longer has, None if nothing is open.

    Swapped first, it makes a fresh read conclusive: whoever decided on an older one and writes afterwards has
    made its claim by then, and the claim is seen.
    """
    networks = []
    for old in before.networks:
        new = after.by_id(old.id)
        gone = {ROOT, *old.carving} if new is None else old.carving.keys() - new.carving.keys()
        closing = (old.closing | gone) - old.emptying
        networks.append(replace(old, draining=old.draining | gone, closing=closing))
    closed = replace(before, networks=tuple(networks))
    return closed if closed != before else None


def reopened(layout: Layout) -> Layout:
    """Return the layout as it was before `closing`, whoever has closed what."""
    networks = (replace(n, draining=n.emptying, closing=frozenset()) for n in layout.networks)
    return replace(layout, networks=tuple(networks))


def _match(layout: Layout, document: Document) -> dict[str, CarvedNetwork]:
    """Return which network each name of the document continues.

    The same prefixes say more than the same name: that is a rename, and the addresses go along. Then the name,
    then any prefix in common.
    """
    left = {network.id: network for network in layout.networks}
    found: dict[str, CarvedNetwork] = {}

    def settle(spec: Network, candidates: Iterable[CarvedNetwork]) -> None:
        first = min(candidates, key=lambda n: n.name != spec.name, default=None)
        if spec.name not in found and first is not None:
            found[spec.name] = left.pop(first.id)

    for spec in document.networks:
        settle(spec, [n for n in left.values() if set(n.spec.prefixes) == set(spec.prefixes)])
    for spec in document.networks:
        settle(spec, [n for n in left.values() if n.name == spec.name])
    for spec in document.networks:
        settle(spec, [n for n in left.values() if set(n.spec.prefixes) & set(spec.prefixes)])
    return found


def _new_ids(snapshot: Snapshot) -> Iterator[NetworkId]:
    """Yield ids that no record bears, not even one left by a network that is gone."""
    keys = [*snapshot.extents, *snapshot.mirrors]
    used = {
        *(n.id for n in snapshot.layout.networks),
        *snapshot.reservations,
        *(network for network, _ in keys),
    }
    highest = max((int(i[1:]) for i in used if i[:1] == "n" and i[1:].isdecimal()), default=0)
    while True:
        highest += 1
        yield NetworkId(f"n{highest}")


def _carved(
    known: CarvedNetwork, spec: Network, wanted: Group | None, root: Group | None, problems: list[Problem]
) -> CarvedNetwork:
    """Return the network under its new description; groups of `root` that nobody wants are draining."""
    if root is None:
        return CarvedNetwork(known.id, spec, None)
    try:
        carving = carve(spec, root, known.carving)
    except ConfigError as error:
        problems += [Problem(_at(spec, p), p.what) for p in error.problems]
        carving = {
            site.path: tuple(
                p for p in known.carving.get(site.path, ()) if any(p in q for q in spec.prefixes)
            )
            for site in sites(root)
        }
    draining = {ROOT, *carving} if wanted is None else set()
    if wanted is not None and root is not wanted:
        draining = set(carving) - {site.path for site in sites(wanted)}
    return CarvedNetwork(known.id, spec, root, carving, frozenset(draining))


def _at(spec: Network, problem: Problem) -> str:
    return spec.name if problem.where in ("", spec.name) else f"{spec.name}: {problem.where}"


def _kept_leaves(
    known: CarvedNetwork, root: Group | None, usage: Usage, *, drain: bool
) -> frozenset[GroupPath]:
    """Return the leaves that are missing from the new tree and must be emptied before they go."""
    if known.root is None:
        return frozenset()
    present = {site.path for site in sites(root)} if root else set()
    missing = [s.path for s in sites(known.root) if s.leaf and s.path not in present]
    return frozenset(p for p in missing if _to_empty(known, p, usage, drain=drain))


def _to_empty(network: CarvedNetwork, leaf: GroupPath, usage: Usage, *, drain: bool) -> bool:
    at = network.id, leaf
    if at in usage.live:
        return drain or bool(network.emptying & {leaf, ROOT})
    return at in usage.owned


def _stays(network: CarvedNetwork, usage: Usage, *, drain: bool) -> bool:
    """Whether a network that is missing from the document must be emptied before it goes."""
    if any(where == network.id for where, _ in usage.live):
        return drain or ROOT in network.emptying
    return any(where == network.id for where, _ in usage.owned)


def _with_leaves(new: Group | None, old: Group | None, kept: frozenset[GroupPath]) -> Group | None:
    """Return the new tree with the kept leaves of the old one in their places."""
    if not kept or old is None:
        return new
    if new is None:
        return old if ROOT in kept else _grafted(Group(""), old, kept, ROOT)
    return _grafted(new, old, kept, ROOT) if new.groups else new


def _grafted(new: Group, old: Group, kept: frozenset[GroupPath], path: GroupPath) -> Group:
    groups = {group.name: group for group in new.groups}
    for child in old.groups:
        below = child_path(path, child)
        if not any(covers(below, leaf) for leaf in kept):
            continue
        if child.name not in groups:
            bare = child if below in kept else replace(child, groups=())
            groups[child.name] = _grafted(bare, child, kept, below)
        elif groups[child.name].groups:
            groups[child.name] = _grafted(groups[child.name], child, kept, below)
    return replace(new, groups=tuple(groups.values()))


def _in_the_way(networks: list[CarvedNetwork], leaving: list[CarvedNetwork]) -> Iterator[Problem]:
    """Yield the networks of the document that collide with one that is not empty yet."""
    for network in networks:
        for old in leaving:
            overlaps = any(p.overlaps(q) for p in network.spec.prefixes for q in old.spec.prefixes)
            if network.id != old.id and (overlaps or network.name == old.name):
                how = "overlaps" if overlaps else "has the name of"
                what = f"{how} network {old.name}, which is being emptied; apply this again when it is empty"
                yield Problem(network.name, what)
