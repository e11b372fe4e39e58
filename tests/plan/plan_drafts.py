"""A document that a state machine edits: small networks, so that every bound is hit."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace

from romana.model.topology import (
    BlockOwner,
    Device,
    Document,
    Group,
    ListedHost,
    Network,
    Placement,
    Router,
    Topology,
)
from romana.net.prefix import Address, Prefix


@dataclass
class Tree:
    """One topology: the group below each path, and the networks it divides."""

    networks: list[str]
    groups: dict[str, dict] = field(default_factory=dict)

    def root(self) -> Group:
        return Group("", groups=self._below(""))

    def _below(self, path: str) -> tuple[Group, ...]:
        return tuple(
            replace(
                Group(below.rpartition("/")[2], groups=self._below(below)),
                **{k: v for k, v in keys.items() if k != "hosts"},
                hosts=tuple(
                    ListedHost(n, tuple(map(Address.parse, a))) for n, a in keys.get("hosts", {}).items()
                )
                if not self.children(below)
                else (),
            )
            for below, keys in self.groups.items()
            if below.rpartition("/")[0] == path
        )

    def children(self, path: str) -> list[str]:
        return [p for p in self.groups if p.rpartition("/")[0] == path]

    def leaves(self) -> list[str]:
        return [p for p in self.groups if not self.children(p)]

    def remove(self, path: str) -> None:
        self.groups = {p: g for p, g in self.groups.items() if p != path and not p.startswith(f"{path}/")}


@dataclass
class Draft:
    networks: dict[str, Network] = field(default_factory=dict)
    trees: list[Tree] = field(default_factory=list)
    routed: bool = False
    """Every topmost group has a router, all of them hang on two spines; else one flat network."""

    def copy(self) -> Draft:
        return copy.deepcopy(self)

    def document(self) -> Document:
        trees = tuple(
            Topology(tuple(t.networks), self.wired(t.root(), i))
            for i, t in enumerate(self.trees)
            if t.networks
        )
        if not self.routed:
            return Document(tuple(self.networks.values()), trees)
        spines = (Device("spine-1"), Device("spine-2"))
        routers = [r.name for t in trees for g in (t.root, *t.root.groups) for r in g.routers]
        links = tuple((router, spine.name) for router in routers for spine in spines)
        return Document(tuple(self.networks.values()), trees, spines, links)

    def wired(self, root: Group, number: int) -> Group:
        if not self.routed:
            return root
        routers = {
            g.name: Router(
                f"tor-{number}-{g.name}",
                Address.parse(f"172.16.{number}.{i}"),
                Address.parse(f"fd02:{number}::{i:x}"),
                asn=65000 + i,
            )
            for i, g in enumerate(root.groups or [replace(root, name="all")], 1)
        }
        if not root.groups:
            return replace(root, routers=(routers["all"],))
        return replace(root, groups=tuple(replace(g, routers=(routers[g.name],)) for g in root.groups))

    def tree_of(self, network: str) -> Tree | None:
        return next((t for t in self.trees if network in t.networks), None)

    def drop_network(self, name: str) -> None:
        del self.networks[name]
        for tree in self.trees:
            tree.networks = [n for n in tree.networks if n != name]


def network(
    name: str, number: int, families: str, owner: BlockOwner, placement: Placement, delay: float
) -> Network:
    """A network of 256 addresses of each family in blocks of four or eight."""
    prefixes = {"4": Prefix.parse(f"10.{number}.0.0/24"), "6": Prefix.parse(f"fd00:{number}::/120")}
    return Network(
        name,
        tuple(prefixes[f] for f in families),
        block_mask=30,
        block_mask6=125,
        owner=owner,
        placement=placement,
        reuse_delay=delay,
    )


def addresses(number: int) -> tuple[str, str]:
    """The addresses of the host with that number, one of each family."""
    return f"192.168.{number // 256}.{number % 256}", f"fd01::{number:x}"
