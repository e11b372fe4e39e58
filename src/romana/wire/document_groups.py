"""The `topologies` of a document: trees of groups, with the hosts and routers in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from romana.model.topology import Announce, Group, GroupPath, ListedHost, Router, Topology
from romana.net.prefix import Prefix
from romana.wire.document_devices import read_router
from romana.wire.document_hosts import is_host, read_host
from romana.wire.document_node import Fields, Node, Notes, shown

INHERITED: Final = (
    "assignment",
    "host_mask",
    "host_mask6",
    "on_link",
    "router",
    "routers",
    "announce",
    "routing",
)
"""Hold for everything below; on a topology they hold for the whole tree."""
KEYS: Final = ("name", *INHERITED, "groups", "hosts", "prefixes", "hosts_expected", "weight")
OLD_KEYS: Final = ("cidr", "dummy")
TOPOLOGY_KEYS: Final = ("networks", "map", *INHERITED)
INSTEAD: Final = {"cidr": "prefixes", "cidrs": "prefixes", "labels": "assignment", "prefix": "prefixes"}
DEEPEST: Final = 32
"""Levels of groups."""
MOST: Final = 1_000_000
"""Hosts that a group may expect, and the greatest weight."""
DUMMY: Final = "romana.io/dummy"
"""The label that hosts of a v2 `dummy` group would have to bear: it keeps its share and takes nobody."""


@dataclass(slots=True)
class Tree:
    """One topology while it is read: what stands where."""

    notes: Notes
    where: str
    places: dict[str, str] = field(default_factory=dict)
    """Path of each group to its place."""
    hosts: dict[str, str] = field(default_factory=dict)
    """Name of each host to its place."""
    listed: list[tuple[ListedHost, str]] = field(default_factory=list)
    routers: list[tuple[Router, str]] = field(default_factory=list)
    pins: list[tuple[Prefix, str]] = field(default_factory=list)
    written: list[tuple[GroupPath, Prefix, str]] = field(default_factory=list)
    """Path, `cidr` as v2 exported it, and place."""
    masks: list[tuple[int, int, str]] = field(default_factory=list)
    """Family, length and place of every `host_mask`."""
    networks: list[tuple[str, str]] = field(default_factory=list)
    topology: Topology = field(default_factory=lambda: Topology((), Group("")))


def read_topologies(top: Fields, notes: Notes) -> list[Tree]:
    """Return the trees in document order; every problem is in the notes."""
    return [tree for node in top.items("topologies") if (tree := _topology(node, notes))]


def _topology(node: Node, notes: Notes) -> Tree | None:
    known = TOPOLOGY_KEYS + (("revision", "name") if notes.version == 2 else ())
    fields = node.fields(known, {"groups": "map", "network": "networks"})
    if fields is None:
        return None
    tree = Tree(notes, node.where)
    names = fields.required("networks", Node.items) or []
    if fields.values.get("networks") == []:
        node.refuse("networks is empty; a topology divides at least one network")
    tree.networks = [(name, item.where) for item in names if (name := item.text())]
    groups, hosts = _members(fields, ("map",), "", 1, tree)
    root = replace(_inherited(fields, tree), groups=groups, hosts=hosts)
    tree.topology = Topology(tuple(name for name, _ in tree.networks), root)
    return tree


def _group(node: Node, position: int, above: str, depth: int, tree: Tree) -> Group | None:
    old = tree.notes.version == 2
    fields = node.fields(KEYS + OLD_KEYS if old else KEYS, {} if old else INSTEAD)
    if fields is None:
        return None
    if depth > DEEPEST:
        node.refuse(f"groups are nested more than {DEEPEST} deep; leave levels out")
        return None
    name = None if old and fields.values.get("name") == "" else fields.get("name", Node.name)
    own = name or str(position)
    path = _enter(fields, own, above, tree)
    groups, hosts = _members(fields, ("groups", "hosts"), path, depth + 1, tree)
    group = replace(
        _inherited(fields, tree),
        name=own,
        named=name is not None,
        groups=groups,
        hosts=hosts,
        prefixes=_pins(fields, tree),
        hosts_expected=fields.integer("hosts_expected", 1, MOST),
        weight=fields.integer("weight", 1, MOST),
    )
    if group.hosts_expected and group.weight:
        node.refuse("has both hosts_expected and weight; keep one of them")
    return _dummy(fields, group) if "dummy" in fields else group


def _enter(fields: Fields, name: str, above: str, tree: Tree) -> str:
    """Return the group's path, once it is noted down with its place."""
    node = fields.node
    path = f"{above}/{name}" if above else name
    if path in tree.places:
        kind = "name" if fields.values.get("name") else "position, its name as it has no other,"
        node.refuse(f"its {kind} {shown(name)} is also that of {tree.places[path]}; name one differently")
    tree.places.setdefault(path, node.where)
    cidr = fields.get("cidr", Node.prefix) if tree.notes.version == 2 else None
    if cidr is not None:
        tree.written.append((GroupPath(path), cidr, f"{node.where}.cidr"))
    return path


def _members(
    fields: Fields, keys: Sequence[str], path: str, depth: int, tree: Tree
) -> tuple[tuple[Group, ...], tuple[ListedHost, ...]]:
    """Return the groups and hosts in the lists of a group; a member with an address is a host."""
    groups: list[Group] = []
    hosts: list[ListedHost] = []
    for key in keys:
        for position, node in enumerate(fields.items(key), 1):
            if key == "hosts" or is_host(node.value):
                hosts += _host(node, tree)
            elif (group := _group(node, position, path, depth, tree)) is not None:
                groups.append(group)
    if groups and hosts:
        where = f"{fields.node.where}.map" if keys == ("map",) else fields.node.where
        tree.notes.refuse(where, "has both hosts and groups; put the hosts into a group of their own")
    return tuple(groups), tuple(hosts)


def _host(node: Node, tree: Tree) -> list[ListedHost]:
    host = read_host(node)
    if host is None:
        return []
    if host.name in tree.hosts:
        node.refuse(f"its name {shown(host.name)} is also that of {tree.hosts[host.name]}")
        return []
    tree.hosts[host.name] = node.where
    tree.listed.append((host, node.where))
    return [host]


def _inherited(fields: Fields, tree: Tree) -> Group:
    """Return a group that has what a topology may say as well as a group."""
    return Group(
        "",
        assignment=fields.get("assignment", Node.labels) or {},
        host_mask=_host_mask(fields, "host_mask", 4, tree),
        host_mask6=_host_mask(fields, "host_mask6", 6, tree),
        on_link=fields.get("on_link", Node.flag),
        routers=_routers(fields, tree),
        announce=fields.get("announce", lambda node: node.choice(Announce)),
        routing=fields.get("routing", Node.label) or "",
    )


def _host_mask(fields: Fields, key: str, family: int, tree: Tree) -> int | None:
    mask = fields.integer(key, 0, 32 if family == 4 else 128)
    if mask is not None:
        tree.masks.append((family, mask, f"{fields.node.where}.{key}"))
    return mask


def _routers(fields: Fields, tree: Tree) -> tuple[Router, ...]:
    if "router" in fields and "routers" in fields:
        fields.node.refuse("has both router and routers; write routers with all of them")
    single = fields.at("router")
    nodes = [single] if single else fields.items("routers")
    found = [(router, node.where) for node in nodes if (router := read_router(node)) is not None]
    names: dict[str, str] = {}
    for router, where in found:
        if router.name in names:
            tree.notes.refuse(where, f"its name {shown(router.name)} is also that of {names[router.name]}")
        names.setdefault(router.name, where)
    tree.routers += found
    return tuple(router for router, _ in found)


def _pins(fields: Fields, tree: Tree) -> tuple[Prefix, ...]:
    found = [
        (prefix, node.where) for node in fields.items("prefixes") if (prefix := node.prefix()) is not None
    ]
    if fields.values.get("prefixes") == []:
        fields.node.refuse("prefixes is empty; leave it out and the group is carved")
    tree.pins += found
    return tuple(prefix for prefix, _ in found)


def _dummy(fields: Fields, group: Group) -> Group:
    if not fields.get("dummy", Node.flag):
        return group
    what = f"dummy: the group keeps its share and takes no host, since it now asks for the label {DUMMY}=true"
    fields.node.notes.mention(fields.node.where, what)
    return replace(group, assignment={**group.assignment, DUMMY: "true"})
