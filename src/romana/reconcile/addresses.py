"""The node's allocator: decides by `plan.allocate`, journals, then answers.

    name's turn ─► decide ─► in memory taken ─► journal synced ─► answered ─► mirrored, routed (not waited for)
                     │ ▲
                     ▼ │ needs a block
                   claim (one at a time)

It goes on from its own blocks while the store is away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import inf
from typing import Final

from romana.model.block import Block, Holding
from romana.model.errors import ConfigError, PlanError, RomanaError, TransientError
from romana.model.layout import NetworkId
from romana.net.prefix import Address, Prefix
from romana.plan import allocate as plan
from romana.ports.addresses import EndpointKey, EndpointRequest, Granted
from romana.ports.clock import Clock
from romana.ports.journal import Journal
from romana.reconcile.claims import Claims
from romana.reconcile.ledger import Ledger
from romana.reconcile.room import Room
from romana.reconcile.view import StoreView
from romana.wire.journal import Changes, Holder

PLUMBING: Final = 10.0
"""Seconds after an ADD's grant in which its interface may still be in the making."""
Full = dict[tuple[NetworkId, int], RomanaError]
"""Families of networks for which a claim failed, and why."""


@dataclass(slots=True)
class Counts:
    """What metrics show."""

    allocations: int = 0
    releases: int = 0
    refusals: int = 0
    early_uses: int = 0
    """Addresses handed out of a block before its routes had time to spread."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An allocation asked for: by an endpoint, or under a name of the command line."""

    name: str
    tenant: str = ""
    segment: str = ""
    network: str | None = None
    endpoint: EndpointKey | None = None
    netns: str = ""
    label: str = ""


@dataclass(slots=True)
class _Turn:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0


class LocalAddresses:
    """`ports.addresses.Addresses` of one node."""

    def __init__(
        self, view: StoreView, ledger: Ledger, journal: Journal, claims: Claims, clock: Clock
    ) -> None:
        self.counts = Counts()
        self.changed: Callable[[], None] = lambda: None
        """Called after every allocation and release."""
        self.journal_fault: RomanaError | None = None
        """Why the journal took nothing the last time; None if it did."""
        self.forbidden: Callable[[], RomanaError | None] = lambda: None
        """Why nothing new may be handed out; None if it may."""
        self.alive: Callable[[EndpointKey], Awaitable[bool]] = _nobody
        """Whether the outer end of an endpoint's pair is there."""
        self._view, self._ledger, self._journal = view, ledger, journal
        self._claims, self._clock = claims, clock
        self._room = Room(view, ledger, clock)
        self._turns: dict[str, _Turn] = {}

    async def allocate(self, request: EndpointRequest) -> Granted:
        return await self.obtain(
            Wanted(
                request.key.name,
                request.tenant,
                request.segment,
                request.network,
                request.key,
                request.netns,
                request.label,
            )
        )

    async def obtain(self, wanted: Wanted) -> Granted:
        """Return the addresses of that name, journalled; `fresh` tells whether they are new."""
        async with self._turn(wanted.name):
            held = self._ledger.holders.get(wanted.name)
            if held is not None:
                if held.endpoint is not None and wanted.endpoint is not None:
                    self._ledger.granted_at[held.name] = (
                        self._clock.elapsed()
                    )  # it is about to be plumbed anew
                return Granted(held.holdings, fresh=False)
            if (forbidden := self.forbidden()) is not None:
                raise forbidden
            if not self._view.complete and self._view.node not in self._view.snapshot.hosts:
                raise TransientError("the store has not answered yet", code="store-silent")
            try:
                holder, changes = await self._grant(wanted)
            except RomanaError:
                self.counts.refusals += 1
                raise
            try:
                await self._write(changes)
            except RomanaError:
                self._ledger.ungrant(holder)
                raise
            # A caller cancelled here leaves the grant: the journal may hold it already, and whoever
            # asks again gets the same addresses.
            self.counts.allocations += 1
            self.changed()
            return Granted(holder.holdings, fresh=True)

    async def release(self, key: EndpointKey) -> bool:
        return bool(await self.give_up(key.name))

    async def give_up(
        self, name: str, only: Address | None = None, *, spare_alive: bool = False
    ) -> tuple[Holding, ...]:
        """Release what the name holds (or `only` that address), journalled; return what it was.

        With `spare_alive`, PlanError `endpoint-alive` where a pod uses it: a DEL removes the interface first,
        so whatever else asks finds one that is there or about to be.
        """
        async with self._turn(name):
            holder = self._ledger.holders.get(name)
            gone = tuple(h for h in holder.holdings if only in (None, h.address)) if holder else ()
            if holder is None or not gone:
                return ()
            if spare_alive and holder.endpoint is not None:
                await self._spare(holder.name, holder.endpoint, gone)
            left = tuple(h for h in holder.holdings if h not in gone)
            kept = _with(holder, left) if left else None
            resting = self._resting(holder.network, gone)
            await self._write(self._ledger.release_entries(holder, kept, resting))
            self._ledger.release(holder, kept, resting)
            self.counts.releases += 1
            self.changed()
            return gone

    async def held(self) -> Sequence[tuple[EndpointKey, tuple[Holding, ...]]]:
        return [(h.endpoint, h.holdings) for h in self._ledger.holders.values() if h.endpoint is not None]

    def obstacles(self) -> Sequence[str]:
        if self.journal_fault is not None:
            return [f"the journal takes nothing: {self.journal_fault}"]
        if (forbidden := self.forbidden()) is not None:
            return [str(forbidden)]
        snapshot = self._view.snapshot
        host = snapshot.hosts.get(self._view.node)
        if host is None or not host.groups:
            return [f"host {self._view.node} is in no group of any network yet"]
        open_ = [n for n in map(snapshot.layout.by_id, host.groups) if n is not None]
        faults = [self._room.obstacle(network, host) for network in open_]
        return faults if all(faults) else []

    def own_prefixes(self) -> Sequence[Prefix]:
        return [p for network in self._view.snapshot.layout.networks for p in network.spec.prefixes]

    async def heal(self) -> None:
        """Try the journal again if it failed, so that `obstacles` does not keep work away for ever."""
        if self.journal_fault is not None:
            await self._write({"probe": b""})

    async def _grant(self, wanted: Wanted) -> tuple[Holder, Changes]:
        """Decide, claiming blocks where needed, and take the addresses in memory."""
        full: Full = {}
        decided = self._decide(wanted, full)
        if isinstance(decided, plan.NeedBlock):
            # The lock is kept until the addresses are taken, lest a new block be given back as empty.
            async with self._claims.lock:
                decided = self._decide(wanted, full)  # whoever was first may have got a block for both
                while isinstance(decided, plan.NeedBlock):
                    await self._claim(decided, full)
                    decided = self._decide(wanted, full)
                return self._taken(wanted, decided)
        return self._taken(wanted, decided)

    def _decide(self, wanted: Wanted, full: Full) -> plan.Granted | plan.NeedBlock:
        """Decide on what there is. A block claimed ahead is used too early rather than a claim waited for."""
        try:
            decided = self._ask(wanted, full)
        except PlanError:
            # Not "no address" but "not now", where a store that does not answer stood in the way.
            silent = next((e for e in full.values() if not isinstance(e, PlanError)), None)
            if silent is not None:
                raise silent from None
            raise
        return self._early(wanted, decided, full) if isinstance(decided, plan.NeedBlock) else decided

    def _early(self, wanted: Wanted, need: plan.NeedBlock, full: Full) -> plan.Granted | plan.NeedBlock:
        """Return what blocks claimed ahead, but not ripe, can do for the same network; else `need`."""
        early = set(full)
        decided: plan.Granted | plan.NeedBlock = need
        try:
            while isinstance(decided, plan.NeedBlock) and self._claimed_ahead(decided):
                early.add((decided.network.id, decided.version))
                decided = self._ask(wanted, early)
        except PlanError:
            return need
        found = decided.blocks[0].network if isinstance(decided, plan.Granted) else decided.network.id
        return decided if found == need.network.id else need

    def _ask(self, wanted: Wanted, full: Collection[tuple[NetworkId, int]]) -> plan.Granted | plan.NeedBlock:
        request = plan.Request(wanted.name, self._view.node, wanted.tenant, wanted.segment, wanted.network)
        own, now = self._ledger.usable(), self._clock.wall()
        return plan.allocate(self._view.snapshot, own, request, now=now, full=full)

    async def _claim(self, need: plan.NeedBlock, full: Full) -> None:
        try:
            block = await self._claims.take(need.network, need.owner, need.version, ahead=False)
        except ConfigError:
            raise
        except RomanaError as error:
            full[need.network.id, need.version] = error
        else:
            self.counts.early_uses += not self._planned(block)

    def _taken(self, wanted: Wanted, granted: plan.Granted) -> tuple[Holder, Changes]:
        self.counts.early_uses += len(granted.early)
        network = granted.blocks[0].network
        holder = Holder(wanted.name, network, granted.holdings, wanted.endpoint, wanted.netns, wanted.label)
        return holder, self._ledger.grant(holder, granted.blocks, self._clock.elapsed())

    def _claimed_ahead(self, need: plan.NeedBlock) -> bool:
        """Whether such a block is ours already, but not ripe."""
        now = self._clock.wall()
        return any(
            b.usable_after > now
            for b in self._ledger.usable()
            if (b.network, b.prefix.version, b.owner) == (need.network.id, need.version, need.owner)
        )

    def _planned(self, block: Block) -> bool:
        """Whether the block lies in this host's own prefix, which is routed whatever happens in it."""
        extents = self._view.snapshot.extents.values()
        return any(
            e.host is not None and e.network == block.network and block.prefix in e.prefix for e in extents
        )

    async def _spare(self, name: str, endpoint: EndpointKey, used: Sequence[Holding]) -> None:
        """Raise PlanError if the endpoint's interface is there, or may be in the making."""
        made = await self.alive(endpoint)
        if not made and self._clock.elapsed() - self._ledger.granted_at.get(name, -inf) > PLUMBING:
            return
        what = " and ".join(str(holding.address) for holding in used)
        raise PlanError(
            f"{what} {'is' if len(used) == 1 else 'are'} in use by {name}, "
            f"whose interface is {'there' if made else 'being made'}; stop the pod instead",
            code="endpoint-alive",
        )

    def _resting(self, network: NetworkId, gone: tuple[Holding, ...]) -> dict[Address, float]:
        carved = self._view.snapshot.layout.by_id(network)
        rests = carved is None or carved.spec.reuse_delay > 0
        return {h.address: self._clock.wall() for h in gone} if rests else {}

    async def _write(self, changes: Changes) -> None:
        try:
            await self._journal.write(changes)
        except RomanaError as error:
            self.journal_fault = error
            raise
        self.journal_fault = None

    @asynccontextmanager
    async def _turn(self, name: str) -> AsyncIterator[None]:
        """One allocation or release of a name at a time."""
        turn = self._turns.setdefault(name, _Turn())
        turn.waiting += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.waiting -= 1
            if not turn.waiting:
                del self._turns[name]


async def _nobody(_endpoint: EndpointKey) -> bool:
    return False


def _with(holder: Holder, left: tuple[Holding, ...]) -> Holder:
    return Holder(holder.name, holder.network, left, holder.endpoint, holder.netns, holder.label)
