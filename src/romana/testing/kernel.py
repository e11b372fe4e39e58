"""A kernel that remembers: fakes of the route table and of the plumbing.

They behave as `edges.netlink` does (one contract suite runs on both), and fail where a test says so:
a call named in `trip` raises once, before or after its effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from romana.model.errors import ConfigError, Problem, RefusedError, TransientError
from romana.model.route import Hop, Route
from romana.net.prefix import Prefix
from romana.ports.kernel import Endpoint, Plumbed

RouteKey = tuple[Prefix, int]


@dataclass(slots=True)
class Trip:
    """Fails the named call once: `done` tells whether its effect happened before the answer was lost."""

    call: str = ""
    done: bool = False

    def before(self, call: str) -> None:
        if call == self.call and not self.done:
            self._fall(call)

    def after(self, call: str) -> None:
        if call == self.call and self.done:
            self._fall(call)

    def _fall(self, call: str) -> None:
        self.call = ""
        raise TransientError(f"{call} was made to fail")


@dataclass(slots=True)
class FakeRoutes:
    """A `RouteTable`. `links` are the devices that exist; a route through another is refused."""

    links: set[str] = field(default_factory=set)
    trip: Trip = field(default_factory=Trip)
    held: dict[RouteKey, Route] = field(default_factory=dict)
    foreign: set[Prefix] = field(default_factory=set)
    """Routes without our mark: never listed; a `put` of the same prefix (and metric 0) is refused."""
    calls: list[str] = field(default_factory=list)
    """Each change, as text, in order."""
    resolve: Callable[[Hop], Hop] = lambda hop: hop
    """What the kernel makes of a next hop: it adds the device."""
    watchers: list[asyncio.Queue[None]] = field(default_factory=list)

    async def list(self) -> Sequence[Route]:
        self.trip.before("list")
        return sorted(self.held.values(), key=lambda r: (r.prefix, r.metric))

    async def put(self, routes: Sequence[Route]) -> None:
        self.trip.before("put")
        refused = []
        for route in routes:
            missing = [h.dev for h in route.hops if h.dev is not None and h.dev not in self.links]
            if missing:
                refused.append(Problem(str(route.prefix), f"there is no interface {missing[0]}"))
                continue
            if route.prefix in self.foreign and not route.metric:
                refused.append(
                    Problem(str(route.prefix), "a route that is not ours has this prefix and metric")
                )
                continue
            hops = tuple(self.resolve(hop) for hop in route.hops)
            self.held[route.prefix, route.metric] = Route(route.prefix, route.kind, hops, route.metric)
            self.calls.append(f"put {route.prefix}")
        self.trip.after("put")
        if refused:
            raise RefusedError(code="route-refused", problems=refused)

    async def drop(self, routes: Sequence[Route]) -> None:
        self.trip.before("drop")
        for route in routes:
            if self.held.pop((route.prefix, route.metric), None) is not None:
                self.calls.append(f"drop {route.prefix}")
        self.trip.after("drop")

    @asynccontextmanager
    async def changes(self) -> AsyncIterator[AsyncIterator[None]]:
        queue: asyncio.Queue[None] = asyncio.Queue()
        self.watchers.append(queue)

        async def looks() -> AsyncIterator[None]:
            while True:
                await queue.get()
                yield

        try:
            yield looks()
        finally:
            self.watchers.remove(queue)

    def stir(self) -> None:
        """Tell every watcher that something may have changed."""
        for queue in self.watchers:
            queue.put_nowait(None)


@dataclass(slots=True)
class FakePlumber:
    """A `Plumber`. A namespace is a path in `namespaces`; its interfaces are names."""

    namespaces: set[str] = field(default_factory=set)
    trip: Trip = field(default_factory=Trip)
    made: dict[str, Endpoint] = field(default_factory=dict)
    """Outer name to endpoint."""

    async def add(self, endpoint: Endpoint) -> Plumbed:
        self.trip.before("add")
        if endpoint.netns not in self.namespaces:
            raise ConfigError(f"there is no network namespace {endpoint.netns}", code="netns-gone")
        inside = {(e.netns, e.interface) for e in self.made.values()}
        if endpoint.host_interface in self.made or (endpoint.netns, endpoint.interface) in inside:
            raise ConfigError(
                f"{endpoint.interface} exists in {endpoint.netns} already", code="interface-exists"
            )
        self.made[endpoint.host_interface] = endpoint
        try:
            self.trip.after("add")
        except TransientError:
            del self.made[endpoint.host_interface]  # a failure leaves nothing behind
            raise
        return Plumbed("02:00:00:00:00:01", "02:00:00:00:00:02", endpoint.mtu or 1500)

    async def remove(self, host_interface: str) -> None:
        self.trip.before("remove")
        self.made.pop(host_interface, None)
        self.trip.after("remove")

    async def check(self, endpoint: Endpoint) -> list[str]:
        self.trip.before("check")
        made = self.made.get(endpoint.host_interface)
        if made is None:
            return [f"there is no interface {endpoint.host_interface}"]
        missing = [a for a in endpoint.addresses if a not in made.addresses]
        return [f"{endpoint.interface} does not have {address}" for address in missing]

    async def interfaces(self) -> set[str]:
        self.trip.before("interfaces")
        return set(self.made)
