"""A lost or outdated journal rebuilt: blocks from the extents, holders from the mirrors and from the kernel.

The mirror lags by seconds, so an address that the kernel routes to an endpoint and that no mirror
explains is kept out of use under a name of its own until an operator releases it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from romana.model.block import Block, Holding, Writer
from romana.model.errors import TransientError
from romana.model.route import RouteKind
from romana.net.prefix import Address
from romana.ports.addresses import EndpointKey
from romana.ports.journal import Journal
from romana.ports.kernel import RouteTable
from romana.ports.store import Store
from romana.reconcile.ledger import Ledger
from romana.reconcile.view import StoreView
from romana.wire.journal import Changes, Holder
from romana.wire.records import block_key, decode_block

log = logging.getLogger(__name__)

UNEXPLAINED: Final = "unexplained/"
"""Begins the name under which an address is kept whose holder nobody knows."""


class Rebuild:
    """Takes over the blocks that an earlier journal of this boot claimed."""

    def __init__(
        self, store: Store, view: StoreView, ledger: Ledger, journal: Journal, table: RouteTable
    ) -> None:
        self._store, self._view, self._ledger = store, view, ledger
        self._journal, self._table = journal, table

    async def run(self) -> None:
        """Take over what the store says is this host's and its agent's, and this journal does not know."""
        found = [await self._mirrored(block) for block in self._unknown()]
        routed = await self._routed() if found else []
        holders: dict[str, list[tuple[Block, Holding]]] = {}
        for block in found:
            strays = [a for a in routed if a in block.prefix and a not in block.holdings]
            kept = [*block.holdings.values(), *(Holding(a, f"{UNEXPLAINED}{a}") for a in strays)]
            for holding in kept:
                holders.setdefault(holding.name, []).append((block, holding))
        if found:
            await self._keep(holders, found)
            log.warning(
                "rebuilt a lost journal: %d block(s), %d address(es)",
                len(found),
                sum(map(len, holders.values())),
                extra={"event": "rebuild"},
            )

    async def explain(self) -> None:
        """Hold what the kernel routes to an endpoint in a block of ours and this journal does not know of.

        Whoever handed it out wrote another journal: this one was put back from a copy, or another agent
        served this host meanwhile. Under the name that the block's mirror says, else kept out of use.
        """
        holders: dict[str, list[tuple[Block, Holding]]] = {}
        for address in await self._routed():
            block = self._ledger.block_holding(address)
            if block is None or address in block.holdings:
                continue
            holding = await self._known(block, address)
            holders.setdefault(holding.name, []).append((block, holding))
        if holders:
            await self._keep(holders, [block for held in holders.values() for block, _ in held])
            log.warning(
                "took over addresses that live here and the journal does not hold: %s",
                ", ".join(str(holding.address) for held in holders.values() for _, holding in held),
                extra={"event": "rebuild"},
            )

    async def _known(self, block: Block, address: Address) -> Holding:
        try:
            known = (await self._mirrored(block)).holdings.get(address)
        except TransientError:
            known = None  # without the store nobody can say whose it is
        if known is None or known.name in self._ledger.holders:
            return Holding(address, f"{UNEXPLAINED}{address}")
        return known

    async def _keep(
        self, holders: Mapping[str, list[tuple[Block, Holding]]], blocks: Iterable[Block]
    ) -> None:
        changes: Changes = {}
        for name, held in holders.items():
            if name not in self._ledger.holders:
                changes |= self._ledger.restore(_holder(name, held))
        for block in blocks:
            changes |= self._ledger.adopt(replace(block, holdings={}))
        await self._journal.write(changes)

    async def _routed(self) -> list[Address]:
        return [r.prefix.address(0) for r in await self._table.list() if r.kind is RouteKind.ENDPOINT]

    def _unknown(self) -> list[Block]:
        return [
            block
            for block in self._view.snapshot.blocks(host=self._view.node)
            if block.writer is Writer.AGENT
            and (block.network, block.prefix) not in self._ledger.blocks
            and (block.network, block.prefix) not in self._ledger.intents
        ]

    async def _mirrored(self, block: Block) -> Block:
        """Return the block with what its mirror holds, if that is of the same epoch."""
        key = block_key(block.network, block.prefix)
        for record in (await self._store.read(key)).records:
            if record.key == key:
                mirror = decode_block(key, record.value)
                return mirror if mirror.epoch == block.epoch else block
        return block


def _holder(name: str, held: list[tuple[Block, Holding]]) -> Holder:
    """Return who holds these. An endpoint is named `container/interface` (`EndpointKey.name`)."""
    container, slash, interface = name.partition("/")
    endpoint = EndpointKey(container, interface) if slash and not name.startswith(UNEXPLAINED) else None
    holdings = tuple(sorted((h for _, h in held), key=lambda h: h.address.key))
    return Holder(name, held[0][0].network, holdings, endpoint)
