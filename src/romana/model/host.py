"""Hosts: machines of the topology, listed in the document or added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

from romana.model.layout import NetworkId
from romana.model.topology import GroupPath
from romana.net.prefix import Address

HostName = NewType("HostName", str)


class HostState(StrEnum):
    JOINING = "joining"
    """Known, in no group of any network yet."""
    READY = "ready"
    MISPLACED = "misplaced"
    """Its labels no longer fit its group: keeps its blocks, gets no new ones."""
    DRAINING = "draining"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class AgentMark:
    """The agent that writes this host's blocks, as registered by compare-and-swap."""

    incarnation: str
    """Random id of its journal."""
    boot_id: str


@dataclass(frozen=True, slots=True)
class Host:
    name: HostName
    addresses: tuple[Address, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[NetworkId, GroupPath] = field(default_factory=dict)
    state: HostState = HostState.JOINING
    """Computed from labels and groups when a snapshot is read."""
    listed: bool = False
    """Written in the document: it joins the networks whose topology lists it, and is removed there."""
    agent: AgentMark | None = None
    """None: its blocks have no writer but `central`."""

    def address(self, version: int) -> Address | None:
        """The address of that family that routes to this host go by."""
        return next((a for a in self.addresses if a.version == version), None)
