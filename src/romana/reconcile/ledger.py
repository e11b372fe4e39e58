"""What this node has handed out, in memory: its blocks, who holds their addresses, what is being claimed.

Synchronous. Every change returns the journal entries that make it durable; the caller writes them
and answers afterwards. `wire.journal` says how they are written down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from romana.model.block import Block
from romana.model.layout import NetworkId
from romana.model.snapshot import BlockKey
from romana.net.prefix import Address, Prefix
from romana.wire import journal as written
from romana.wire.journal import Changes, Holder, Intent

Resting = Mapping[Address, float]
"""Released addresses and when, by this machine's wall clock."""


class Ledger:
    """The truth about this node's own blocks. One writer: the loop's thread."""

    def __init__(self) -> None:
        self.blocks: dict[BlockKey, Block] = {}
        """In order of claiming; that is the order they are filled in."""
        self.holders: dict[str, Holder] = {}
        self.granted_at: dict[str, float] = {}
        """When this process granted, on the clock that only goes forward; holders before it are not here."""
        self.intents: dict[BlockKey, Intent] = {}
        """Claims sent to the store whose outcome is not known yet."""
        self.lost: set[BlockKey] = set()
        """Blocks that the store says are no longer ours: nothing is allocated or routed there."""
        self.on_change: Callable[[BlockKey], None] = lambda _key: None
        """Called with each block whose addresses, closing or existence changed."""

    @classmethod
    def load(cls, entries: Mapping[str, bytes], now: float) -> Ledger:
        """Return the ledger as journalled. RefusedError for an entry that cannot be read.

        A release in the future is one before the wall clock was set back: it rests from now on.
        """
        ledger = cls()
        book = written.read(entries)
        resting: dict[NetworkId, dict[Address, float]] = {}
        for (network, address), since in book.resting.items():
            resting.setdefault(network, {})[address] = min(since, now)
        for block in book.blocks:
            rest = {a: since for a, since in resting.get(block.network, {}).items() if a in block.prefix}
            ledger.blocks[block.network, block.prefix] = replace(block, resting=rest)
        for holder in book.holders:
            ledger.holders[holder.name] = holder
            ledger._fill(holder)
        ledger.intents = {(i.network, i.prefix): i for i in book.intents}
        return ledger

    def usable(self) -> tuple[Block, ...]:
        """The blocks that addresses may come from."""
        return tuple(b for key, b in self.blocks.items() if key not in self.lost)

    def grant(self, holder: Holder, blocks: Iterable[Block], at: float) -> Changes:
        """Take over the blocks as `plan.allocate` changed them for `holder`."""
        self.holders[holder.name] = holder
        self.granted_at[holder.name] = at
        changes = dict(written.holder_entry(holder))
        for block in blocks:
            before = self.blocks[block.network, block.prefix]
            for address in before.resting.keys() - block.resting.keys():
                changes |= written.rested(block.network, address)
            self._put(block)
        return changes

    def restore(self, holder: Holder) -> Changes:
        """Take over a holder found elsewhere; `adopt` then finds its addresses taken."""
        self.holders[holder.name] = holder
        return written.holder_entry(holder)

    def ungrant(self, holder: Holder) -> None:
        """Undo a grant that the journal did not take: nobody was told, so nothing rests."""
        del self.holders[holder.name], self.granted_at[holder.name]
        for block in self._blocks_of(holder):
            kept = {a: h for a, h in block.holdings.items() if h.name != holder.name}
            self._put(replace(block, holdings=kept))

    def release_entries(self, holder: Holder, kept: Holder | None, resting: Resting) -> Changes:
        """Return what the journal must hold before `release`: until then the addresses stay taken."""
        changes = dict(written.holder_entry(kept) if kept else written.no_holder(holder.name))
        for address, since in resting.items():
            changes |= written.resting_entry(holder.network, address, since)
        return changes

    def release(self, holder: Holder, kept: Holder | None, resting: Resting) -> None:
        """Forget `holder`, but for what `kept` still holds; `resting` says which addresses rest since when."""
        gone = {h.address for h in holder.holdings} - {h.address for h in (kept.holdings if kept else ())}
        if kept is None:
            del self.holders[holder.name]
            self.granted_at.pop(holder.name, None)
        else:
            self.holders[holder.name] = kept
        for block in self._blocks_of(holder):
            holdings = {a: h for a, h in block.holdings.items() if a not in gone}
            rest = {a: since for a, since in resting.items() if a in block.prefix}
            self._put(replace(block, holdings=holdings, resting={**block.resting, **rest}))

    def rested(self, network: NetworkId, delay: float, now: float) -> Changes:
        """Forget which addresses of the network have rested: they count as free again."""
        changes: Changes = {}
        for block in [b for b in self.blocks.values() if b.network == network and b.resting]:
            resting = {a: since for a, since in block.resting.items() if abs(now - since) < delay}
            for address in block.resting.keys() - resting.keys():
                changes |= written.rested(network, address)
            if len(resting) < len(block.resting):
                self._put(replace(block, resting=resting))
        return changes

    def intend(self, intent: Intent) -> Changes:
        """Note a claim that is about to be sent."""
        self.intents[intent.network, intent.prefix] = intent
        return written.intent_entry(intent)

    def unintend(self, intent: Intent) -> None:
        """Forget an intent that the journal did not take."""
        self.intents.pop((intent.network, intent.prefix), None)

    def settle(self, intent: Intent, block: Block | None) -> Changes:
        """Note how a claim ended: `block` is ours, or None: it was not done and never will be."""
        self.intents.pop((intent.network, intent.prefix), None)
        return {**written.no_intent(intent), **(self.adopt(block) if block else {})}

    def adopt(self, block: Block) -> Changes:
        """Take over a block that is new here, with what the holders already hold in it."""
        held = [
            h for holder in self.holders.values() if holder.network == block.network for h in holder.holdings
        ]
        mine = {h.address: h for h in held if h.address in block.prefix}
        return self.put(replace(block, holdings={**block.holdings, **mine}))

    def put(self, block: Block) -> Changes:
        """Take over a block, new or with another `closed` or `usable_after`."""
        self._put(block)
        return written.block_entry(block)

    def drop(self, key: BlockKey) -> Changes:
        """Forget a block that is no longer ours, with what rests in it."""
        block = self.blocks.pop(key)
        self.lost.discard(key)
        self.on_change(key)
        changes = dict(written.no_block(*key))
        for address in block.resting:
            changes |= written.rested(block.network, address)
        return changes

    def block_of(self, network: NetworkId, address: Address) -> Block | None:
        """Return the block of ours that the address lies in."""
        return next((b for (n, p), b in self.blocks.items() if n == network and address in p), None)

    def block_holding(self, address: Address) -> Block | None:
        """Return the block of ours that the address lies in, whatever its network: they are disjoint."""
        return next((b for b in self.blocks.values() if address in b.prefix), None)

    def routable(self, holder: Holder) -> Iterator[Prefix]:
        """Yield the addresses of the holder that are still ours to route."""
        for holding in holder.holdings:
            block = self.block_of(holder.network, holding.address)
            if block is not None and (block.network, block.prefix) not in self.lost:
                yield holding.address.prefix

    def _blocks_of(self, holder: Holder) -> list[Block]:
        found = (self.block_of(holder.network, h.address) for h in holder.holdings)
        return [block for block in found if block is not None]

    def _fill(self, holder: Holder) -> None:
        for holding in holder.holdings:
            block = self.block_of(holder.network, holding.address)
            if block is not None:
                self._put(replace(block, holdings={**block.holdings, holding.address: holding}))

    def _put(self, block: Block) -> None:
        key = (block.network, block.prefix)
        self.blocks[key] = block
        self.on_change(key)
