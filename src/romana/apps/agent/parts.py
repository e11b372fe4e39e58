"""The agent's parts, made once and wired together: who pokes whom.

store ──watch──► view ─────► membership, blocks, routes, speaker, keepsake
                   └───────► requests ─┐
CNI calls ───────────────► addresses ◄─┘
                               │ ▲
                         ledger, claims ──► blocks, routes, mirror
kernel ────────────────────────────────────► routes
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from romana.apps.agent.status import Status, status
from romana.edges.bird import BirdSpeaker
from romana.model.errors import ConfigError, RomanaError, StaleError
from romana.model.host import AgentMark, HostName
from romana.ports.addresses import EndpointKey
from romana.ports.clock import Clock
from romana.ports.journal import Journal
from romana.ports.kernel import Plumber, RouteTable, host_interface
from romana.ports.store import Store
from romana.reconcile.addresses import LocalAddresses
from romana.reconcile.blocks import Blocks
from romana.reconcile.claims import Claims
from romana.reconcile.keepsake import Keepsake
from romana.reconcile.ledger import Ledger
from romana.reconcile.loop import Pass, Reconciler
from romana.reconcile.membership import Membership
from romana.reconcile.mirror import Mirror
from romana.reconcile.rebuild import Rebuild
from romana.reconcile.routes import Routes
from romana.reconcile.serve_requests import Requests
from romana.reconcile.speaker import Speakers
from romana.reconcile.view import StoreView
from romana.reconcile.yields import Yields
from romana.wire.journal import seen

Once = Callable[[], Awaitable[Pass]]
LAST_DELAY: Final = 10.0
"""Seconds between tries at most: the store is usually away for a restart, not for a night."""
PATIENCE: Final = 2.0
"""Seconds that the start waits for the store."""


@dataclass(frozen=True, slots=True)
class World:
    """What the agent acts on."""

    store: Store
    journal: Journal
    table: RouteTable
    plumber: Plumber
    clock: Clock


class Parts:
    """Everything the agent consists of, but its sockets and signals."""

    def __init__(self, world: World, node: HostName, mark: AgentMark, run_dir: Path) -> None:
        store, journal, clock = world.store, world.journal, world.clock
        self._world = world
        self._dice = random.Random()  # noqa: S311 — jitter, not a secret
        ledger = self.ledger = Ledger.load(journal.entries, clock.wall())
        view = self.view = StoreView(store, node)
        view.recall(seen(journal.entries))
        self.mirror = Mirror(store, ledger, clock)
        self.claims = Claims(store, view, ledger, journal, clock, dice=self._dice)
        self.addresses = LocalAddresses(view, ledger, journal, self.claims, clock)
        yields = Yields(store, view, ledger, journal, self.mirror, clock)
        blocks = Blocks(store, view, ledger, journal, self.claims, yields, clock)
        routes = Routes(world.table, world.plumber, view, ledger, clock, outer_name)
        requests = Requests(store, view, ledger, self.mirror, self.addresses)
        self.rebuild = Rebuild(store, view, ledger, journal, world.table)
        self.member = Membership(store, view, mark, self.rebuild)

        self.store = self._loop("store", view.follow)
        self.membership = self._loop("membership", self.member.once)
        self.blocks = self._loop("blocks", self._ours(blocks.once), period=10.0, settle=0.05)
        self.routes = self._loop("routes", routes.once, period=30.0, settle=0.05)
        self.speaker = self._loop("speaker", Speakers(BirdSpeaker(run_dir), view).once, settle=0.1)
        self.copies = self._loop("mirror", self._ours(self.mirror.once), settle=0.3)
        self.requests = self._loop("requests", self._ours(requests.once))
        self.keepsake = self._loop("keepsake", Keepsake(view, journal).once, settle=1.0)
        self.journal = self._loop("journal", self._heal, period=5.0)
        self._wire()

    @property
    def reconcilers(self) -> tuple[Reconciler, ...]:
        return (
            self.store,
            self.membership,
            self.blocks,
            self.routes,
            self.speaker,
            self.copies,
            self.requests,
            self.keepsake,
            self.journal,
        )

    async def look(self) -> None:
        """Read the store for the first time. ConfigError `unknown-host` where it does not know this host.

        One that does not answer in time does not hold up a start from the journal.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                await self.view.refresh()
        except ConfigError:
            raise
        except (RomanaError, TimeoutError):
            return  # the loop "store" says so; until then the journal serves
        self.member.known()

    async def first_pass(self) -> None:
        """Bring the node to its desired state once, in the order in which one thing needs another.

        What the store or the kernel does not let us do now is left to the loops; but nothing is handed out
        before what lives here is known (RomanaError).
        """
        for reconciler in (self.membership, self.blocks, self.routes, self.speaker):
            if reconciler is self.blocks:
                await self.rebuild.explain()
            try:
                await reconciler.look()
            except StaleError:
                reconciler.poke()
            except ConfigError:
                raise
            except RomanaError:
                pass  # its loop says so, and tries again

    def status(self, unready: Iterable[str]) -> Status:
        return status(
            unready,
            self.addresses.counts,
            self.ledger,
            self.view.snapshot,
            self.reconcilers,
            self._world.clock,
            connected=self.view.connected,
            behind=self.mirror.behind,
        )

    async def farewell(self) -> None:
        """Bring the copies in store and journal up to date: the program is about to end."""
        if self.member.replaced is None:
            await self.mirror.flush()
        await self.keepsake.once()

    def _loop(self, name: str, once: Once, *, period: float = 60.0, settle: float = 0.0) -> Reconciler:
        return Reconciler(
            name,
            once,
            clock=self._world.clock,
            dice=self._dice,
            period=period,
            settle=settle,
            last_delay=LAST_DELAY,
        )

    def _ours(self, once: Once) -> Once:
        """Return a pass that leaves blocks and their records to the agent that replaced this one, if any."""

        async def unless_replaced() -> Pass:
            return Pass() if self.member.replaced else await once()

        return unless_replaced

    def _wire(self) -> None:
        for reconciler in (self.membership, self.blocks, self.routes, self.speaker, self.keepsake):
            self.view.listeners.append(reconciler.poke)
        self.view.on_request = self.requests.poke
        self.mirror.poke = self.copies.poke
        self.claims.unsettled = self.blocks.poke
        self.addresses.changed = self._allocated
        self.addresses.forbidden = lambda: self.member.replaced
        self.addresses.alive = self._alive

    def _allocated(self) -> None:
        self.blocks.poke()
        self.routes.poke()

    async def _alive(self, endpoint: EndpointKey) -> bool:
        return outer_name(endpoint) in await self._world.plumber.interfaces()

    async def _heal(self) -> Pass:
        await self.addresses.heal()
        return Pass()


def outer_name(key: EndpointKey) -> str:
    """Return the name of the outer end of the endpoint's pair. A key may carry its list after `@`."""
    return host_interface(key.container, key.interface.rpartition("@")[0] or key.interface)
