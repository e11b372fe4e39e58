"""How the agent fares, as values: taken in the event loop, shown by `health`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from romana.model.snapshot import Snapshot
from romana.ports.clock import Clock
from romana.reconcile.addresses import Counts
from romana.reconcile.ledger import Ledger
from romana.reconcile.loop import Reconciler


@dataclass(frozen=True, slots=True)
class Space:
    """One network's part of this node."""

    network: str
    blocks: int
    held: int
    resting: int
    free: int


@dataclass(frozen=True, slots=True)
class Row:
    """One reconciler."""

    name: str
    changes: int
    age: float | None
    """Seconds since its last good pass; None: never."""
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Status:
    unready: tuple[str, ...]
    """Why an ADD would fail now, a sentence each."""
    connected: bool
    behind: int
    """Blocks that differ from their copy in the store."""
    unsettled: int
    """Claims without an answer."""
    lost: int
    allocations: int
    releases: int
    refusals: int
    early_uses: int
    spaces: tuple[Space, ...]
    reconcilers: tuple[Row, ...]

    def gauges(self) -> Iterator[tuple[str, str, float]]:
        yield "ready", "1 if an ADD would succeed.", not self.unready
        yield "store_connected", "1 while the store's watch is up.", self.connected
        yield "mirror_blocks_behind", "Blocks that differ from their copy in the store.", self.behind
        yield "claims_unsettled", "Claims that the store has not answered.", self.unsettled
        yield "blocks_lost", "Blocks that the store gave to another owner.", self.lost

    def counters(self) -> Iterator[tuple[str, str, float]]:
        yield "allocations", "Allocations answered.", self.allocations
        yield "releases", "Releases answered.", self.releases
        yield "refusals", "Allocations refused.", self.refusals
        yield "early_use", "Addresses used before their block's routes had time to spread.", self.early_uses


def spaces(snapshot: Snapshot, ledger: Ledger) -> tuple[Space, ...]:
    """Return one row for every network in which this node has blocks, by name."""
    found: dict[str, list[tuple[int, int, int]]] = {}
    for block in ledger.blocks.values():
        network = snapshot.layout.by_id(block.network)
        name = network.name if network else block.network
        row = (len(block.holdings), len(block.resting), block.prefix.size)
        found.setdefault(name, []).append(row)
    return tuple(
        Space(name, len(rows), held, resting, sum(size for _, _, size in rows) - held - resting)
        for name, rows in sorted(found.items())
        for held in [sum(h for h, _, _ in rows)]
        for resting in [sum(r for _, r, _ in rows)]
    )


def rows(reconcilers: Iterable[Reconciler], clock: Clock) -> tuple[Row, ...]:
    now = clock.elapsed()
    return tuple(
        Row(
            r.name,
            r.health.changes,
            None if r.health.succeeded_at is None else now - r.health.succeeded_at,
            r.health.code,
            r.health.message,
        )
        for r in reconcilers
    )


def status(
    unready: Iterable[str],
    counts: Counts,
    ledger: Ledger,
    snapshot: Snapshot,
    reconcilers: Iterable[Reconciler],
    clock: Clock,
    *,
    connected: bool,
    behind: int,
) -> Status:
    """Return it all, as it is now."""
    return Status(
        tuple(unready),
        connected,
        behind,
        len(ledger.intents),
        len(ledger.lost),
        counts.allocations,
        counts.releases,
        counts.refusals,
        counts.early_uses,
        spaces(snapshot, ledger),
        rows(reconcilers, clock),
    )
