"""Hosts that people add, label and remove.

Removing one is several swaps; any of them may be the last, and the same command again does the rest:

    addresses released ─► marked draining ─► blocks closed ─► blocks yielded ─► record deleted

A draining host is given nothing new, and a block's mirror that is closed makes an allocation that was decided
before it lose its swap: nothing is held on a host that is gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import reduce

from romana.model.block import Holding
from romana.model.errors import ConfigError, PlanError, Problem, StaleError
from romana.model.host import Host, HostName, HostState
from romana.model.snapshot import Snapshot
from romana.model.unknown import unknown
from romana.net.prefix import Address
from romana.plan.claim import yield_block
from romana.plan.place import in_document, join, missing_groups, unlisted
from romana.plan.rehost import moved
from romana.ports.store import Store, SwapLost
from romana.reconcile.central_addresses import release
from romana.reconcile.central_blocks import blocks_of, move_host
from romana.reconcile.central_names import agent_writes
from romana.reconcile.central_swaps import (
    Means,
    Seen,
    put_block,
    put_extent,
    read_snapshot,
    retried,
    see,
)
from romana.wire.records import LAYOUT_KEY, encode_host, encode_layout, host_key

SHOWN = 5
"""Addresses that a sentence names; the error's problems hold them all."""


async def add_host(
    store: Store,
    name: str,
    addresses: Sequence[Address],
    labels: Mapping[str, str],
    *,
    means: Means | None = None,
) -> Host:
    """Return the host, which has joined every network that has a group for it. Errors as `plan.place.join`.

    No record holds both this host and another that is added at the same moment with the same address. So it
    looks once more: of the two, the one recorded later goes, and says so.
    """

    async def attempt() -> Host:
        seen = await see(store)
        host = join(seen.snapshot, name, addresses, labels)
        revision = await _put_host(store, seen, host)
        after = await see(store)
        for other in after.snapshot.hosts.values():
            first = after.revision(host_key(other.name)) < revision
            if other.name != name and first and set(other.addresses) & set(addresses):
                with suppress(SwapLost):
                    await store.swap(host_key(name), None, revision)
                raise StaleError(
                    f"host {other.name} was added with one of these addresses just now",
                    code="host-address-taken",
                )
        return host

    return await retried(means or Means(), attempt)


async def label_host(
    store: Store, name: str, changes: Mapping[str, str | None], *, means: Means | None = None
) -> Host:
    """Return the host with labels set (text) and removed (None). ConfigError `unknown-host`.

    It joins networks that now have a group for it. Where its labels no longer fit its group it moves to one that
    fits, if it holds no address; else it stays there, `misplaced`, with what it holds.
    """
    means = means or Means()

    async def attempt() -> None:
        seen = await see(store)
        host = _known(seen.snapshot, name)
        wanted = {**host.labels, **changes}
        labels = {key: value for key, value in wanted.items() if value is not None}
        host = replace(host, labels=labels)
        more = missing_groups(seen.snapshot.layout, seen.snapshot.hosts, host)
        await _put_host(store, seen, replace(host, groups={**host.groups, **more}))

    async def settle() -> Host:
        seen = await see(store)
        host = _known(seen.snapshot, name)
        better = next((h for h in moved(seen.snapshot) if h.name == name), None)
        if better is None or better.groups.keys() < host.groups.keys():
            return host
        await move_host(store, seen, better)
        return _known(await read_snapshot(store), name)

    await retried(means, attempt)
    return await retried(means, settle)


async def remove_host(  # `release` is the door's word, and hides the function of that name here only
    store: Store, name: str, *, release: bool = False, means: Means | None = None
) -> None:
    """Remove a host that was added, or that the document in force no longer lists; its blocks are free for others.

    With `release`, so are its addresses. ConfigError `unknown-host`, and `host-in-document` for one listed there;
    PlanError `host-has-addresses` with the list; TransientError `agent-silent` where its agent should release them.
    An agent that still runs learns from its extents that its blocks are gone.
    """
    await _Removal(store, HostName(name), release, means or Means()).carry_out()


class _Removal:
    def __init__(self, store: Store, name: HostName, releases: bool, means: Means) -> None:
        self._store, self._name, self._releases, self._means = store, name, releases, means

    async def carry_out(self) -> None:
        seen = await see(self._store)
        _known(seen.snapshot, self._name)
        if in_document(seen.snapshot.layout, self._name):
            raise ConfigError(
                f"host {self._name} is written in the topology document; remove it there and apply the document",
                code="host-in-document",
            )
        await self._release(seen.snapshot)
        await retried(self._means, self._mark)
        try:
            await retried(self._means, self._empty)
        except PlanError:
            await retried(self._means, lambda: self._mark(HostState.READY))
            raise

    async def _release(self, snapshot: Snapshot) -> None:
        """Release what the host holds. PlanError with the list where that was not asked for."""
        held = [holding for block, holding in snapshot.holdings() if block.owner.host == self._name]
        if held and not self._releases:
            raise _has_addresses(self._name, held)
        for name in {holding.name: None for holding in held}:
            with suppress(ConfigError):  # somebody else has released it
                await release(self._store, name, means=self._means)

    async def _mark(self, state: HostState = HostState.DRAINING) -> None:
        """Record the state. Of a draining host everybody knows that it gets nothing any more."""
        seen = await see(self._store)
        host = _known(seen.snapshot, self._name)
        if host.state is not state:
            await _put_host(self._store, seen, replace(host, state=state))

    async def _empty(self) -> None:
        """Take every block from the host, and its record when there is none left."""
        while blocks := [*blocks_of((seen := await see(self._store)).snapshot, self._name)]:
            await self._release(seen.snapshot)
            if any(block.holdings for block in blocks):
                continue
            for block in blocks:
                if not block.closed and not agent_writes(seen.snapshot, block):
                    await put_block(self._store, seen, replace(block, closed=True))
            for extent in seen.snapshot.extents.values():
                mine = [c.prefix for c in extent.blocks if c.owner and c.owner.host == self._name]
                if mine:
                    await put_extent(self._store, seen, reduce(yield_block, mine, extent))
        listed = _known(seen.snapshot, self._name).listed
        if revision := seen.revision(host_key(self._name)):
            await self._store.swap(host_key(self._name), None, revision)
        if listed:
            layout = unlisted(seen.snapshot.layout, self._name)
            await self._store.swap(LAYOUT_KEY, encode_layout(layout), seen.revision(LAYOUT_KEY))


def _has_addresses(name: HostName, held: Sequence[Holding]) -> PlanError:
    shown = ", ".join(f"{h.address} ({h.name})" for h in held[:SHOWN])
    more = f" and {len(held) - SHOWN} more" if len(held) > SHOWN else ""
    return PlanError(
        f"host {name} holds addresses: {shown}{more}; release them first, or remove it with --release",
        code="host-has-addresses",
        problems=[Problem(str(h.address), f"held by {h.name} on host {name}") for h in held],
    )


def _known(snapshot: Snapshot, name: str) -> Host:
    host = snapshot.hosts.get(HostName(name))
    if host is None:
        raise unknown("host", name, snapshot.hosts, code="unknown-host")
    return host


async def _put_host(store: Store, seen: Seen, host: Host) -> int:
    key = host_key(host.name)
    return await store.swap(key, encode_host(host), seen.revision(key))
