"""Putting a document in force: the plan's swaps, in the plan's order, at the revisions it was planned on.

    idle blocks closed ─► extents ─► layout ─► hosts

Until the layout is swapped the old document is in force, and what was done before holds nothing live: closed
extents take no claims, closed blocks are empty. From then on the new one is, and only host records are
missing. A swap that is lost means that the plan is old: another is made from a fresh read. So it may stop
anywhere; the same document applied again does the rest.
"""

from __future__ import annotations

from romana.model.topology import Document
from romana.plan.changes import TopologyPlan, plan_document
from romana.plan.rehost import moved
from romana.ports.store import Store
from romana.reconcile.central_swaps import Means, Seen, put_block, put_extent, retried, see
from romana.wire.records import LAYOUT_KEY, encode_host, encode_layout, host_key


async def apply_document(
    store: Store, document: Document, *, drain: bool = False, means: Means | None = None
) -> TopologyPlan:
    """Return what was done to put the document in force. Nothing is written where nothing changes.

    PlanError `would-strand` with every live address in the way; other errors as `plan_document`.
    """
    means = means or Means()
    done: list[TopologyPlan] = []

    async def attempt() -> None:
        seen = await see(store)
        planned = plan_document(seen.snapshot, document, drain=drain)
        planned.require()
        for block in planned.closes:
            await put_block(store, seen, block)
        for extent in planned.extents:
            await put_extent(store, seen, extent)
        if planned.layout != seen.snapshot.layout:
            await store.swap(LAYOUT_KEY, encode_layout(planned.layout), seen.revision(LAYOUT_KEY))
        done.append(planned)
        await _record_hosts(store, seen, planned)

    await retried(means, attempt)
    await retried(means, lambda: _settle_hosts(store))
    return done[0]  # the one that put the layout in force; a later one found only host records to write


async def _record_hosts(store: Store, seen: Seen, planned: TopologyPlan) -> None:
    for host in planned.hosts:
        await store.swap(host_key(host.name), encode_host(host), seen.revision(host_key(host.name)))
    for name in planned.removed_hosts:
        if revision := seen.revision(host_key(name)):
            await store.swap(host_key(name), None, revision)


async def _settle_hosts(store: Store) -> None:
    """Give hosts that joined while the layout was swapped the groups that it brought them."""
    seen = await see(store)
    for host in moved(seen.snapshot):
        await store.swap(host_key(host.name), encode_host(host), seen.revision(host_key(host.name)))
