"""The layout: the document in force, and how its networks are carved. One record, swapped as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NewType

from romana.model.topology import Document, Group, GroupPath, Network
from romana.net.prefix import Prefix

NetworkId = NewType("NetworkId", str)
"""Immutable key of a network; its name is an attribute, so renaming moves no record."""

Carving = Mapping[GroupPath, tuple[Prefix, ...]]
"""The prefixes of every group, every level, lowest first. A child's lie inside its parent's."""


@dataclass(frozen=True, slots=True)
class CarvedNetwork:
    """A network in force."""

    id: NetworkId
    spec: Network
    root: Group | None
    """The tree that divides it; None: no topology names it and it hands out nothing."""
    carving: Carving = field(default_factory=dict)
    draining: frozenset[GroupPath] = frozenset()
    """Groups no longer in the document that still hold addresses: no new blocks. "" drains the network."""
    closing: frozenset[GroupPath] = frozenset()
    """Those of `draining` that an apply under way has closed. Nobody has said that they should be emptied."""

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def emptying(self) -> frozenset[GroupPath]:
        """What somebody has said should be emptied."""
        return self.draining - self.closing


@dataclass(frozen=True, slots=True)
class Layout:
    """`networks` stand in document order, those being drained after them."""

    document: Document = field(default_factory=Document)
    networks: tuple[CarvedNetwork, ...] = ()

    def named(self, name: str) -> CarvedNetwork | None:
        return next((n for n in self.networks if n.name == name), None)

    def by_id(self, network: NetworkId) -> CarvedNetwork | None:
        return next((n for n in self.networks if n.id == network), None)
