"""Putting a document in force: the plan's swaps, in the plan's order, at the revisions it was planned on.

    prelude: what goes is closed, the plan made again ─► idle blocks closed ─► extents ─► layout ─► hosts
                └─ it cannot be done after all: opened again

Until the layout is swapped the old document is in force, and what was done before holds nothing live: closed
groups and extents take no claims, closed blocks are empty. From then on the new one is, and only host
records are missing. A swap that is lost means that the plan is old: another is made from a fresh read. So it may
stop anywhere; the same document applied again does the rest.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from romana.model.errors import RomanaError
from romana.model.layout import Layout, NetworkId
from romana.model.topology import Document, GroupPath
from romana.plan.changes import TopologyPlan, plan_document
from romana.plan.rehost import moved
from romana.plan.succession import reopened
from romana.ports.store import Store, SwapLost
from romana.reconcile.central_blocks import move_host
from romana.reconcile.central_swaps import Means, Seen, put_block, put_extent, retried, see
from romana.wire.records import LAYOUT_KEY, encode_host, encode_layout, host_key


async def apply_document(
    store: Store, document: Document, *, drain: bool = False, means: Means | None = None
) -> TopologyPlan:
    """Return what was done to put the document in force. Nothing is written where nothing changes.

    PlanError `would-strand` with every live address in the way; other errors as `plan_document`.
    """
    apply = _Apply(store, document, drain=drain)
    means = means or Means()
    try:
        await retried(means, apply.put_in_force)
    except RomanaError:
        with suppress(RomanaError):
            await apply.open_again()
        raise
    await retried(means, apply.settle_hosts)
    assert apply.done is not None
    return apply.done


@dataclass(frozen=True, slots=True)
class _Closed:
    """A prelude that was swapped in."""

    promised: TopologyPlan
    """What it was the prelude to."""
    layout: Layout
    revision: int


class _Apply:
    def __init__(self, store: Store, document: Document, *, drain: bool) -> None:
        self._store, self._document, self._drain = store, document, drain
        self._closed: _Closed | None = None
        self.done: TopologyPlan | None = None
        """The plan that put the document in force; a later one finds only host records to write."""

    async def put_in_force(self) -> None:
        seen, planned = await self._plan()
        while planned.prelude is not None:
            planned.require()
            await self._close(seen, planned)
            seen, planned = await self._plan()
        planned.require()
        await put_layout(self._store, seen, planned)
        self.done = self.done or replace(
            planned, changes=(self._closed.promised if self._closed else planned).changes
        )
        await _record_hosts(self._store, seen, planned)

    async def settle_hosts(self) -> None:
        """Give hosts that joined while the layout was swapped the groups that it brought them."""
        while hosts := moved((seen := await see(self._store)).snapshot):
            await move_host(self._store, seen, hosts[0])

    async def _close(self, seen: Seen, planned: TopologyPlan) -> None:
        """Swap the prelude in, and remember what it closed for whom."""
        assert planned.prelude is not None
        revision = await self._put_layout(planned.prelude, seen.revision(LAYOUT_KEY))
        self._closed = _Closed(planned, planned.prelude, revision)

    async def _plan(self) -> tuple[Seen, TopologyPlan]:
        """Plan on a fresh read. Was somebody quicker to use what the prelude closed, it is opened again.

        SwapLost then: the next plan sees what is used as it sees it in any group, and refuses or drains it.
        """
        seen = await see(self._store)
        planned = plan_document(seen.snapshot, self._document, drain=self._drain)
        closed = self._closed if self.done is None else None
        if closed and (planned.refusals or _draining(planned) != _draining(closed.promised)):
            opened = await self.open_again()
            raise SwapLost(LAYOUT_KEY, closed.revision, opened)
        return seen, planned

    async def open_again(self) -> int:
        """Take a prelude back that led to nothing. Returns the revision, 0 where there was none to take back."""
        closed, self._closed = self._closed, None
        if closed is None or self.done is not None:
            return 0
        return await self._put_layout(reopened(closed.layout), closed.revision)

    async def _put_layout(self, layout: Layout, expected: int) -> int:
        return await self._store.swap(LAYOUT_KEY, encode_layout(layout), expected)


async def put_layout(store: Store, seen: Seen, planned: TopologyPlan) -> None:
    """Swap what comes before the layout, then the layout itself where it is different."""
    for block in planned.closes:
        await put_block(store, seen, block)
    for extent in planned.extents:
        await put_extent(store, seen, extent)
    if planned.layout != seen.snapshot.layout:
        await store.swap(LAYOUT_KEY, encode_layout(planned.layout), seen.revision(LAYOUT_KEY))


def _draining(planned: TopologyPlan) -> set[tuple[NetworkId, GroupPath]]:
    return {(network.id, path) for network in planned.layout.networks for path in network.draining}


async def _record_hosts(store: Store, seen: Seen, planned: TopologyPlan) -> None:
    for host in planned.hosts:
        await store.swap(host_key(host.name), encode_host(host), seen.revision(host_key(host.name)))
    for name in planned.removed_hosts:
        if revision := seen.revision(host_key(name)):
            await store.swap(host_key(name), None, revision)
