"""The store as this node sees it: read once, then kept fresh by a watch.

Comes before everything that decides; `Reconciler("store", view.follow)` drives it. Records that no
node needs (other hosts' block mirrors, names) are neither decoded nor kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from romana.model.block import Extent
from romana.model.errors import RefusedError
from romana.model.host import Host, HostName
from romana.model.layout import Layout, NetworkId
from romana.model.snapshot import BlockKey, Snapshot
from romana.net.prefix import Prefix
from romana.plan.place import resolve_hosts
from romana.ports.store import CompactedError, Store
from romana.reconcile.loop import Pass
from romana.wire.records import (
    LAYOUT_KEY,
    decode_extent,
    decode_host,
    decode_layout,
    decode_reservations,
    host_key,
    requests_prefix,
    reservations_key,
)

Known = Layout | Host | Extent | tuple[Prefix, ...]
DECODE: Final[Mapping[str, Callable[[str, bytes], Known]]] = {
    "layout": decode_layout,
    "hosts": decode_host,
    "extents": decode_extent,
    "reservations": decode_reservations,
}
KINDS: Final = (LAYOUT_KEY, "hosts/", "extents/", "reservations/")
REWATCH: Final = 1.0
"""Seconds before a watch that ended by itself is started again."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A record as last seen; `value` is None where it is known to be gone."""

    revision: int
    raw: bytes | None = None
    value: Known | None = None


class StoreView:
    """What the store says, one snapshot at a time. Synchronous to read; never waits."""

    def __init__(self, store: Store, node: HostName) -> None:
        self.node = node
        self.connected = False
        """Whether the watch is up."""
        self.complete = False
        """Whether the store has been read since the program started; else all is from the journal."""
        self.listeners: list[Callable[[], None]] = []
        """Called after every change of the snapshot."""
        self.on_request: Callable[[], None] = lambda: None
        """Called when somebody may have left this node a request."""
        self._store = store
        self._requests = requests_prefix(node)
        self._seen: dict[str, _Seen] = {}
        self._snapshot: Snapshot | None = None

    @property
    def snapshot(self) -> Snapshot:
        """Everything known now. `mirrors` is empty: a node decides by its own ledger."""
        if self._snapshot is None:
            self._snapshot = _assemble(self._seen)
        return self._snapshot

    async def follow(self) -> Pass:
        """Read the store and apply what its watch brings until it ends. Errors are the store's."""
        try:
            after = await self.refresh()
            async with self._store.watch("", after) as batches:
                self.connected = True
                async for batch in batches:
                    self._apply((e.key, e.value, e.revision) for e in batch.events)
        except CompactedError:
            return Pass(again=0.0)
        finally:
            self.connected = False
        return Pass(again=REWATCH)

    async def refresh(self) -> int:
        """Read all that a node needs afresh; return the revision from which a watch completes it.

        RefusedError `store-went-back` for a store that is not the one known: what is known stays as it is.
        The kinds are read one after the other, so the watch may repeat what is known: an event older
        than the record it names changes nothing.
        """
        writes: list[tuple[str, bytes | None, int]] = []
        revisions = []
        before = self.snapshot.revision
        for kind in KINDS:
            listing = await self._store.read(kind)
            revisions.append(listing.revision)
            there = {record.key for record in listing.records}
            writes += [(r.key, r.value, r.revision) for r in listing.records]
            writes += [
                (k, None, listing.revision) for k in self._seen if k.startswith(kind) and k not in there
            ]
        _same_store(before, max(revisions))
        if (LAYOUT_KEY, None) in {(key, raw) for key, raw, _ in writes} and self._knows(LAYOUT_KEY):
            raise RefusedError(  # a file that is missing reads like a new one
                "the store holds no layout, but did before: it was lost, restored or replaced; this node serves "
                "from what its journal remembers; bring the store back",
                code="store-went-back",
            )
        self._apply(writes)
        self.complete = True
        self._changed()
        self.on_request()
        return min(revisions)

    async def reread(self, key: str) -> int:
        """Read one record afresh after a lost or unanswered swap; return its revision, 0 if it is not there."""
        before = self.snapshot.revision  # later ones may come while the answer is on its way
        listing = await self._store.read(key)
        _same_store(before, listing.revision)
        record = next((r for r in listing.records if r.key == key), None)
        if record is None:
            self._apply([(key, None, listing.revision)])
            return 0
        self._apply([(key, record.value, record.revision)])
        return record.revision

    def written(self, key: str, raw: bytes, revision: int) -> None:
        """Take note of our own successful swap without waiting for its event."""
        self._apply([(key, raw, revision)])

    def revision_of(self, key: str) -> int:
        """Return the revision that a swap of `key` should expect; 0 where there is no such record."""
        return self._seen[key].revision if self._knows(key) else 0

    def remember(self) -> dict[str, bytes]:
        """Return the records that an agent needs to serve while the store is away, for its journal."""
        wanted = {LAYOUT_KEY, host_key(self.node)}
        wanted |= {reservations_key(n.id) for n in self.snapshot.layout.networks}
        return {k: s.raw for k, s in self._seen.items() if k in wanted and s.raw is not None}

    def recall(self, remembered: Mapping[str, bytes]) -> None:
        """Start from what the journal remembers; anything the store says is newer."""
        self._apply((key, raw, 0) for key, raw in remembered.items())

    def _knows(self, key: str) -> bool:
        seen = self._seen.get(key)
        return seen is not None and seen.value is not None

    def _apply(self, writes: Iterable[tuple[str, bytes | None, int]]) -> None:
        """Take over every write that is newer than what is known.

        RefusedError for a record that cannot be read: then nothing of it is taken over.
        """
        news: dict[str, _Seen] = {}
        for key, raw, revision in writes:
            kind = key.partition("/")[0]
            if kind == "requests" and key.startswith(self._requests):
                self.on_request()
            known = news.get(key) or self._seen.get(key)
            if kind in DECODE and not (known is not None and known.revision >= revision > 0):
                news[key] = _Seen(revision, raw, None if raw is None else DECODE[kind](key, raw))
        if news:
            self._seen |= news
            self._changed()

    def _changed(self) -> None:
        self._snapshot = None
        for listener in self.listeners:
            listener()


def _same_store(before: int, revision: int) -> None:
    """Raise RefusedError `store-went-back` if a store now at `revision` is not the one read at `before`."""
    if revision < before:
        raise RefusedError(
            f"the store is at revision {revision}, but was at {before} before: it was "
            "restored or replaced; check it, then restart this agent",
            code="store-went-back",
        )


def _assemble(seen: Mapping[str, _Seen]) -> Snapshot:
    layout = Layout()
    hosts: dict[HostName, Host] = {}
    extents: dict[BlockKey, Extent] = {}
    reservations: dict[NetworkId, tuple[Prefix, ...]] = {}
    for key, record in seen.items():
        match record.value:
            case Layout():
                layout = record.value
            case Host():
                hosts[record.value.name] = record.value
            case Extent():
                extents[record.value.network, record.value.prefix] = record.value
            case tuple():
                reservations[NetworkId(key.partition("/")[2])] = record.value
            case None:
                pass
    return Snapshot(
        revision=max((r.revision for r in seen.values()), default=0),
        layout=layout,
        hosts=resolve_hosts(layout, hosts),
        extents=dict(sorted(extents.items(), key=lambda item: (item[0][0], item[0][1].key))),
        reservations=reservations,
        revisions={key: r.revision for key, r in seen.items() if r.value is not None},
    )
