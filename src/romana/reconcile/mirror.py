"""The store's copy of this node's blocks, kept a few seconds behind the journal.

A block that changes is written soon, then at most once in `PACE` seconds, whatever happens in it;
so the copy lags by at most that while the store answers. Nobody but this node edits it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from romana.model.block import Block
from romana.model.errors import TransientError
from romana.model.snapshot import BlockKey
from romana.ports.clock import Clock
from romana.ports.store import Store, SwapLost
from romana.reconcile.ledger import Ledger
from romana.reconcile.loop import Pass
from romana.wire.records import block_key, encode_block

PACE: Final = 5.0
TRIES: Final = 3


class Mirror:
    """Writes changed blocks to the store."""

    def __init__(self, store: Store, ledger: Ledger, clock: Clock, *, pace: float = PACE) -> None:
        self.poke: Callable[[], None] = lambda: None
        self._store, self._ledger, self._clock, self._pace = store, ledger, clock, pace
        # After a start nobody knows what was mirrored: every block is compared once.
        self._dirty: set[BlockKey] = set(ledger.blocks)
        self._written_at: dict[BlockKey, float] = {}
        self._revisions: dict[BlockKey, int] = {}
        ledger.on_change = self._touched

    @property
    def behind(self) -> int:
        """How many blocks differ from their copy."""
        return len(self._dirty)

    async def once(self) -> Pass:
        """Write every changed block whose turn it is."""
        now = self._clock.elapsed()
        changes, waits = 0, []
        for key in sorted(self._dirty, key=lambda k: (k[0], k[1].key)):
            wait = self._written_at.get(key, -self._pace) + self._pace - now
            if wait > 0:
                waits.append(wait)
            else:
                changes += await self._write(key)
        return Pass(changes, again=min(waits, default=None))

    async def flush(self) -> None:
        """Write every changed block at once: the program is about to end."""
        for key in list(self._dirty):
            await self._write(key)

    async def write(self, block: Block) -> None:
        """Write one block now, whatever its turn."""
        self._dirty.add((block.network, block.prefix))
        await self._write((block.network, block.prefix))

    def _touched(self, key: BlockKey) -> None:
        if key in self._ledger.blocks:
            self._dirty.add(key)
            self.poke()
        else:
            self._dirty.discard(key)
            self._written_at.pop(key, None)
            self._revisions.pop(key, None)

    async def _write(self, key: BlockKey) -> int:
        """Swap the block's record if it differs; return how many records changed."""
        block = self._ledger.blocks.get(key)
        self._dirty.discard(key)
        if block is None or key in self._ledger.lost:
            return 0
        try:
            return await self._swap(key, block)
        except BaseException:
            self._dirty.add(key)
            raise

    async def _swap(self, key: BlockKey, block: Block) -> int:
        name, value = block_key(*key), encode_block(block)
        for _ in range(TRIES):
            if key not in self._revisions:
                there, self._revisions[key] = await self._look(name)
                if there == value or (
                    there is None and not (block.holdings or block.resting or block.closed)
                ):
                    return 0
            try:
                self._revisions[key] = await self._store.swap(name, value, self._revisions[key])
            except SwapLost:
                del self._revisions[key]  # an earlier answer of ours was lost, or an owner before us wrote
                continue
            except TransientError:
                self._revisions.pop(key, None)
                raise
            self._written_at[key] = self._clock.elapsed()
            return 1
        raise TransientError(f"{name} is written by somebody else too", code="mirror-contended")

    async def _look(self, name: str) -> tuple[bytes | None, int]:
        records = (await self._store.read(name)).records
        return next(((r.value, r.revision) for r in records if r.key == name), (None, 0))
