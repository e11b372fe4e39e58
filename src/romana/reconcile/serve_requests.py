"""Requests that the command line left for this node's agent: carried out, answered by swap.

    romana address allocate web --host n1  ─► requests/n1/<id> ─► (this) ─► the same record with its answer

One pass of the reconciler "requests". A request whose asker has given up is undone. What a
pod uses is not released on request: its address would go to another pod while it lives.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

from romana.model.block import Holding
from romana.model.errors import ConfigError, RomanaError, StaleError
from romana.ports.store import Record, Store
from romana.reconcile.addresses import LocalAddresses, Wanted
from romana.reconcile.ledger import Ledger
from romana.reconcile.loop import Pass
from romana.reconcile.mirror import Mirror
from romana.reconcile.view import StoreView
from romana.wire.records import Answer, Ask, AskKind, decode_ask, encode_ask, requests_prefix

log = logging.getLogger(__name__)

_BY: Final = "asked by "
"""Marks a holder with the request it came from: asked again after a crash, it is the answer."""


class Requests:
    """Serves one node's requests, oldest first."""

    def __init__(
        self, store: Store, view: StoreView, ledger: Ledger, mirror: Mirror, addresses: LocalAddresses
    ) -> None:
        self._store, self._view, self._ledger = store, view, ledger
        self._mirror, self._addresses = mirror, addresses

    async def once(self) -> Pass:
        if not self._view.connected:
            return Pass()
        listing = await self._store.read(requests_prefix(self._view.node))
        served = 0
        for record in sorted(listing.records, key=lambda r: r.revision):
            served += await self._serve(record)
        return Pass(served)

    async def _serve(self, record: Record) -> int:
        try:
            ask = decode_ask(record.key, record.value)
        except RomanaError as error:
            log.warning("left a request alone: %s", error, extra={"code": error.code})
            return 0
        if ask.answer is not None:
            return 0
        answer = await self._carry_out(record.key, ask)
        # Whoever asked reads the store next: it should see there what it was told.
        for holding in answer.holdings:
            block = self._ledger.block_holding(holding.address)
            if block is not None:
                await self._mirror.write(block)
        try:
            await self._store.swap(record.key, encode_ask(replace(ask, answer=answer)), record.revision)
        except StaleError:
            if ask.kind is AskKind.ALLOCATE and not answer.code:
                await self._addresses.give_up(ask.name)  # nobody waits for the answer any more
        return 1

    async def _carry_out(self, key: str, ask: Ask) -> Answer:
        try:
            if ask.kind is AskKind.ALLOCATE:
                return Answer(await self._allocate(key, ask))
            return Answer(await self._release(ask))
        except RomanaError as error:
            return Answer(code=error.code, message=str(error), exit_status=error.exit_status)

    async def _allocate(self, key: str, ask: Ask) -> tuple[Holding, ...]:
        wanted = Wanted(ask.name, ask.tenant, ask.segment, ask.network, label=_BY + key)
        granted = await self._addresses.obtain(wanted)
        holder = self._ledger.holders.get(ask.name)
        if granted.fresh or (holder is not None and holder.label == wanted.label):
            return granted.holdings
        where = ", ".join(str(h.address) for h in granted.holdings)
        raise StaleError(f"{ask.name} holds {where} on host {self._view.node} already", code="name-held")

    async def _release(self, ask: Ask) -> tuple[Holding, ...]:
        gone = await self._addresses.give_up(ask.name, ask.address, spare_alive=True)
        if not gone:
            what = ask.name if ask.address is None else f"{ask.address} under {ask.name}"
            raise ConfigError(f"nobody holds {what} on host {self._view.node}", code="unknown-address")
        return gone
