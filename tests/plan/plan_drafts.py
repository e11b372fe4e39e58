"""A document that a state machine edits: small networks, so that every bound is hit."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace

from romana.model.topology import (
    BlockOwner,
    Document,
    Group,
    ListedHost,
    Network,
    Placement,
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
                hosts=tuple(ListedHost(n, (Address.parse(a),)) for n, a in keys.get("hosts", {}).items())
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

    def copy(self) -> Draft:
        return copy.deepcopy(self)

    def document(self) -> Document:
        trees = tuple(Topology(tuple(t.networks), t.root()) for t in self.trees if t.networks)
        return Document(tuple(self.networks.values()), trees)

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
