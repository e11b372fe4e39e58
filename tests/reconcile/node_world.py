"""A node's shell over fakes: store and journal in memory, virtual time, faults on demand."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from romana.model.block import Block, Claim
from romana.model.errors import TransientError
from romana.model.host import HostName
from romana.model.snapshot import Snapshot
from romana.plan.changes import plan_document
from romana.ports.addresses import EndpointKey, EndpointRequest
from romana.ports.store import Batch, Lease, Listing, Store
from romana.reconcile.addresses import LocalAddresses
from romana.reconcile.blocks import Blocks
from romana.reconcile.claims import Claims
from romana.reconcile.ledger import Ledger
from romana.reconcile.mirror import Mirror
from romana.reconcile.view import StoreView
from romana.reconcile.yields import Yields
from romana.testing.journal import MemoryJournal
from romana.testing.memory import MemoryStore
from romana.testing.time import VirtualClock
from romana.wire import records
from romana.wire.document import read

FLAT = """
networks:
  - {name: pods, cidr: 10.1.0.0/16, block_mask: 29}
topologies:
  - networks: [pods]
    map:
      - name: lan
        hosts: [{name: n1, ip: 192.168.1.1}, {name: n2, ip: 192.168.1.2}, {name: n3, ip: 192.168.1.3}]
"""
PACKED = FLAT.replace("block_mask: 29", "block_mask: 29, placement: packed, owner: segment, reuse_delay: 0s")
DUAL = FLAT.replace(
    "cidr: 10.1.0.0/16, block_mask: 29", 'cidrs: [10.1.0.0/16, "fd00:1::/48"], block_mask: 29'
)
PLANNED = FLAT.replace("name: lan", "name: lan\n        host_mask: 24")
TINY = FLAT.replace("10.1.0.0/16", "10.1.0.0/28")
"""Two blocks for three hosts."""

FAULTS = ("not done", "answer lost", "done late")


class FaultyStore:
    """A store whose next call of a kind fails as told: not done, done with its answer lost, or done late.

    What is done late is done before the next call of any kind but a read.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.fault: tuple[str, str] | None = None
        """Call (`read`, `swap`) and which of FAULTS."""
        self.away = False
        self.swaps: list[str] = []
        """Keys of the swaps that were done, in order."""
        self._late: list[tuple[str, bytes | None, int]] = []

    async def read(self, prefix: str) -> Listing:
        self._answer()
        if self.fault is not None and self.fault[0] == "read":
            self.fault = None
            raise TransientError("the read was made to fail")
        return await self.store.read(prefix)

    async def swap(self, key: str, value: bytes | None, expected: int, *, lease: str | None = None) -> int:
        self._answer()
        fault = self.fault if self.fault is not None and self.fault[0] == "swap" else None
        if fault is not None:
            self.fault = None
            if fault[1] == "done late":
                self._late.append((key, value, expected))
            if fault[1] == "answer lost":
                await self.store.swap(key, value, expected)
                self.swaps.append(key)
            raise TransientError("the swap was made to fail")
        await self.deliver()
        revision = await self.store.swap(key, value, expected, lease=lease)
        self.swaps.append(key)
        return revision

    async def deliver(self) -> None:
        """Carry out what is late."""
        late, self._late = self._late, []
        for key, value, expected in late:
            try:
                await self.store.swap(key, value, expected)
                self.swaps.append(key)
            except Exception:  # noqa: BLE001 — nobody waits for its answer
                pass

    def watch(self, prefix: str, after: int) -> AbstractAsyncContextManager[AsyncIterator[Batch]]:
        return self.store.watch(prefix, after)

    async def lease(self, seconds: float) -> Lease:
        return await self.store.lease(seconds)

    async def compact(self, revision: int) -> None:
        await self.store.compact(revision)

    async def close(self) -> None:
        await self.store.close()

    def _answer(self) -> None:
        if self.away:
            raise TransientError("the store is away", code="store-away")


async def stored(text: str, store: Store | None = None) -> Store:
    """Return a store in which the document is in force."""
    store = store or MemoryStore()
    listing = await store.read("")
    seen = records.snapshot(listing)
    plan = plan_document(seen, read(text.encode()).document)
    key = records.layout_key()
    await store.swap(key, records.encode_layout(plan.layout), seen.revisions.get(key, 0))
    return store


@dataclass
class Node:
    """One node's allocator and what it stands on; `restarted` is the next process on the same journal."""

    store: FaultyStore
    journal: MemoryJournal
    name: str = "n1"
    settle: float = 2.0
    clock: VirtualClock = field(default_factory=VirtualClock)

    def __post_init__(self) -> None:
        dice, host = random.Random(7), HostName(self.name)
        self.ledger = Ledger.load(self.journal.entries, self.clock.wall())
        self.view = StoreView(self.store, host)
        self.mirror = Mirror(self.store, self.ledger, self.clock)
        self.claims = Claims(
            self.store, self.view, self.ledger, self.journal, self.clock, settle=self.settle, dice=dice
        )
        self.addresses = LocalAddresses(self.view, self.ledger, self.journal, self.claims, self.clock)
        self.yields = Yields(self.store, self.view, self.ledger, self.journal, self.mirror, self.clock)
        self.blocks = Blocks(
            self.store, self.view, self.ledger, self.journal, self.claims, self.yields, self.clock
        )

    def restarted(self) -> Node:
        return Node(self.store, self.journal.reopened(), self.name, self.settle, self.clock)

    async def look(self) -> None:
        """Bring the view up to date, as the watch would."""
        await self.view.refresh()
        self.view.connected = True

    async def add(self, container: str, **more: str) -> tuple[str, ...]:
        granted = await self.addresses.allocate(request(container, **more))
        return tuple(str(h.address) for h in granted.holdings)

    async def delete(self, container: str) -> bool:
        return await self.addresses.release(EndpointKey(container, "eth0"))

    def held(self) -> dict[str, tuple[str, ...]]:
        return {n: tuple(str(h.address) for h in held.holdings) for n, held in self.ledger.holders.items()}

    async def claims_of(self) -> list[Claim]:
        """The blocks that the store says are this node's."""
        snapshot = await self.snapshot()
        return [c for _, c in snapshot.claims() if c.owner is not None and c.owner.host == self.name]

    async def snapshot(self) -> Snapshot:
        return records.snapshot(await self.store.store.read(""))

    async def mirrored(self) -> list[Block]:
        return list((await self.snapshot()).blocks(host=HostName(self.name)))


def request(container: str, **more: str) -> EndpointRequest:
    return EndpointRequest(EndpointKey(container, "eth0"), f"/run/netns/{container}", **more)


@asynccontextmanager
async def node(text: str = FLAT, **more: float) -> AsyncIterator[Node]:
    """A node whose view is fresh."""
    made = Node(FaultyStore(await stored(text)), MemoryJournal(), **more)  # type: ignore[arg-type]
    await made.look()
    yield made


Story = Callable[[Node], object]
