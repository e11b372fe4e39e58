"""What of a layout is in use: live addresses, and blocks whose agent alone knows whether they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from romana.model.block import Writer
from romana.model.host import HostName
from romana.model.layout import CarvedNetwork, NetworkId
from romana.model.snapshot import Snapshot
from romana.model.topology import GroupPath, sites
from romana.net.prefix import Prefix
from romana.net.table import LookupTable


@dataclass(frozen=True, slots=True)
class Usage:
    live: frozenset[tuple[NetworkId, GroupPath]]
    """Leaves in whose prefixes addresses are held."""
    owned: frozenset[tuple[NetworkId, GroupPath]]
    """Leaves in whose prefixes agents own blocks. An agent's word of what they hold comes seconds late."""
    owners: frozenset[tuple[NetworkId, HostName]]
    """Hosts that hold addresses of the network, or own blocks of it of which an agent knows what they hold."""

    @classmethod
    def of(cls, snapshot: Snapshot) -> Usage:
        tables = {n.id: leaf_table(n) for n in snapshot.layout.networks}
        live, owned, owners = set(), set(), set()
        for block in snapshot.blocks():
            leaf = block.network, _leaf(tables.get(block.network), block.prefix, block.group)
            if block.holdings or block.writer is Writer.AGENT:
                owners.add((block.network, block.owner.host))
            if block.holdings:
                live.add(leaf)
            if block.writer is Writer.AGENT:
                owned.add(leaf)
        return cls(frozenset(live), frozenset(owned), frozenset(owners))


def leaf_table(network: CarvedNetwork) -> LookupTable[GroupPath]:
    """Return which leaf each address of the network belongs to."""
    leaves = [s.path for s in sites(network.root) if s.leaf] if network.root else []
    carving: Mapping[GroupPath, tuple[Prefix, ...]] = network.carving
    return LookupTable((prefix, path) for path in leaves for prefix in carving.get(path, ()))


def _leaf(table: LookupTable[GroupPath] | None, prefix: Prefix, otherwise: GroupPath) -> GroupPath:
    found = table.lookup(prefix.address(0)) if table else None
    return found[1] if found else otherwise
