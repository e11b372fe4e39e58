"""The kernel's routes kept equal to the plan: additions before removals, others' routes untouched.

plan.fib(node) ─┐
live endpoints ─┴─► desired ─┐
                             ├─ diff ─► put, then drop
kernel table (ours only) ────┘
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from romana.model.errors import RefusedError
from romana.model.host import HostName
from romana.model.route import DeviceName, Hop, Route, RouteKind
from romana.model.snapshot import Snapshot
from romana.net.prefix import Prefix
from romana.plan.fib import fib
from romana.ports.addresses import EndpointKey
from romana.ports.clock import Clock
from romana.ports.kernel import Plumber, RouteTable
from romana.reconcile.diff import Changes, diff
from romana.reconcile.ledger import Ledger
from romana.reconcile.loop import Pass
from romana.reconcile.rebuild import UNEXPLAINED
from romana.reconcile.view import StoreView

PROGRAMMED: Final = frozenset({RouteKind.HOST, RouteKind.GROUP, RouteKind.DISCARD})
"""What the agent writes besides endpoints; routes to the router are learned by the speaker."""
GRACE: Final = 2.0
"""Seconds that a new endpoint's route is its plumber's business alone."""


class Routes:
    """Keeps one node's table."""

    def __init__(
        self,
        table: RouteTable,
        plumber: Plumber,
        view: StoreView,
        ledger: Ledger,
        clock: Clock,
        outer: Callable[[EndpointKey], str],
    ) -> None:
        """`outer` names the outer end of an endpoint's veth pair."""
        self._table, self._plumber, self._view, self._ledger = table, plumber, view, ledger
        self._clock, self._outer = clock, outer
        self._planned: tuple[Snapshot, tuple[Route, ...]] | None = None

    async def once(self) -> Pass:
        """Make one pass. RefusedError at its end lists the routes that the kernel did not take."""
        actual = await self._table.list()
        live = await self._plumber.interfaces()
        young = self._young()
        spared = young | self._unexplained()
        wanted = [*self._plan(actual), *self._endpoints(live)]
        changes = diff(wanted, actual, key=lambda r: r.prefix, same=_same)
        changes = _without(changes, spared)
        await self._apply(changes)
        return Pass(len(changes), again=GRACE if young else None)

    async def _apply(self, changes: Changes[Route]) -> None:
        refused: RefusedError | None = None
        if changes.add or changes.replace:
            try:
                await self._table.put((*changes.add, *changes.replace))
            except RefusedError as error:
                if not error.problems:
                    raise
                refused = error
        if changes.remove:
            # What could not be replaced stays until it can be.
            stuck = {problem.where for problem in refused.problems} if refused else set()
            await self._table.drop([r for r in changes.remove if not _overlaps(r.prefix, stuck)])
        if refused:
            raise refused

    def _plan(self, actual: Iterable[Route]) -> Iterable[Route]:
        """The planned routes; what is there, as long as the store has not been read since the start."""
        if not self._view.complete:
            return [route for route in actual if route.kind is not RouteKind.ENDPOINT]
        snapshot = self._view.snapshot
        if self._planned is None or self._planned[0] is not snapshot:
            self._planned = (snapshot, _planned(self._view.node, snapshot))
        return self._planned[1]

    def _endpoints(self, live: set[str]) -> Iterator[Route]:
        """Yield the route of every address held by an endpoint whose interface is there."""
        for holder in self._ledger.holders.values():
            if holder.endpoint is None:
                continue
            name = self._outer(holder.endpoint)
            if name in live:
                for prefix in self._ledger.routable(holder):
                    yield Route(
                        prefix, RouteKind.ENDPOINT, (Hop(dev=name),), because=f"endpoint {holder.name}"
                    )

    def _unexplained(self) -> set[Prefix]:
        """Return the addresses that live here and nobody can say whose they are: no reason to cut them off."""
        holders = (h for name, h in self._ledger.holders.items() if name.startswith(UNEXPLAINED))
        return {holding.address.prefix for holder in holders for holding in holder.holdings}

    def _young(self) -> set[Prefix]:
        """Return the addresses so new that their plumber may still be at work on them."""
        since = self._clock.elapsed() - GRACE
        young = [self._ledger.holders[name] for name, at in self._ledger.granted_at.items() if at > since]
        return {holding.address.prefix for holder in young for holding in holder.holdings}


def _planned(node: HostName, snapshot: Snapshot) -> tuple[Route, ...]:
    """Return what the agent programs besides endpoints; nothing for a host without a place in the topology."""
    host = snapshot.hosts.get(node)
    if host is None or not host.groups:
        return ()
    return tuple(r for r in fib(DeviceName(node), snapshot).routes if r.kind in PROGRAMMED)


def _same(want: Route, have: Route) -> bool:
    """Whether the kernel's route does what is wanted. It adds the device to a gateway, and picks metrics."""
    return _shape(want) == _shape(have)


def _shape(route: Route) -> tuple[bool, frozenset[object]]:
    hops = frozenset(hop.via if hop.via is not None else hop.dev for hop in route.hops)
    return route.kind is RouteKind.DISCARD, hops


def _without(changes: Changes[Route], spared: set[Prefix]) -> Changes[Route]:
    if not spared:
        return changes
    return Changes(
        tuple(r for r in changes.add if r.prefix not in spared),
        tuple(r for r in changes.replace if r.prefix not in spared),
        tuple(r for r in changes.remove if r.prefix not in spared),
    )


def _overlaps(prefix: Prefix, stuck: set[str]) -> bool:
    return any(prefix.overlaps(Prefix.parse(text)) for text in stuck)
