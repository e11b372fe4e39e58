"""CNI calls carried out: addresses from the allocator, the pair from the plumber.

Order is what makes every interruption harmless. ADD allocates, then plumbs; DEL removes, then
releases. So an interface never exists without an address that is held for it, and whatever an
interruption leaves is found by the DEL that runtimes send after every failure.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar

from romana.edges.netlink.wiring import GATEWAYS
from romana.model.errors import RomanaError
from romana.net.prefix import Address
from romana.ports.addresses import Addresses, EndpointKey, EndpointRequest
from romana.ports.kernel import Endpoint, Plumbed, Plumber, host_interface
from romana.wire.cni import parse, variables
from romana.wire.cni_call import VERSIONS, Call, CallError, Command, Number
from romana.wire.cni_result import Attachment, failure, passed_on, result, versions

T = TypeVar("T")
Observe = Callable[[str, str, float], None]
"""Told command, phase (`addresses`, `plumbing`, `total`) and seconds."""
_OWN: Final = "/proc/thread-self/ns/net"


class Calls:
    """Answers calls; safe for any number at once, one at a time for the same endpoint."""

    def __init__(
        self, addresses: Addresses, plumber: Plumber, network: str, observe: Observe = lambda *_: None
    ) -> None:
        """`network` is the name in the configuration list that the agent itself writes."""
        self._addresses = addresses
        self._plumber = plumber
        self._network = network
        self._observe = observe
        self._turns: dict[tuple[str, str], tuple[asyncio.Lock, int]] = {}
        """Of container and interface, whatever the list; with how many calls use or await it."""

    async def answer(self, environment: bytes, stdin: bytes) -> tuple[int, bytes]:
        """Return exit status and what the plugin prints: a result, nothing, or an error object."""
        started = time.perf_counter()
        version, command = VERSIONS[-1], "invalid"
        try:
            call = parse(variables(environment), stdin)
            version, command = call.version, call.command.value
            return 0, await self._carry_out(call)
        except RomanaError as error:
            return 1, failure(version, error)
        finally:
            self._observe(command, "total", time.perf_counter() - started)

    async def _carry_out(self, call: Call) -> bytes:
        match call.command:
            case Command.ADD:
                return await self._add(call)
            case Command.DEL:
                await self._delete(self._key(call), call.interface)
            case Command.CHECK:
                await self._check(call)
            case Command.STATUS:
                if obstacles := self._addresses.obstacles():
                    raise CallError(Number.UNAVAILABLE, "; ".join(obstacles))
            case Command.GC:
                await self._collect(call)
            case Command.VERSION:
                return versions()
        return b""

    async def _add(self, call: Call) -> bytes:
        if not call.own_namespace and _is_own(call.netns):
            raise CallError(Number.NAMESPACE, f"{call.netns} is the node's own network namespace")
        passed_on(call)  # what cannot be passed on is refused before anything is made
        key = self._key(call)
        request = EndpointRequest(key, call.netns, call.tenant, call.segment, call.asked, call.label)
        async with self._turn(key):
            granted = await self._timed(call, "addresses", self._addresses.allocate(request))
            addresses = tuple(holding.address for holding in granted.holdings)
            try:
                made = await self._timed(call, "plumbing", self._plumber.add(_endpoint(call, addresses)))
            except BaseException:
                if granted.fresh:  # else they are an earlier ADD's, not ours to give back
                    await self._give_back(key)
                raise
        return result(call, _attachment(call, addresses, made))

    async def _give_back(self, key: EndpointKey) -> None:
        try:
            await self._addresses.release(key)
        except RomanaError:
            pass  # the reason why ADD failed matters more; the runtime's DEL releases

    async def _delete(self, key: EndpointKey, interface: str) -> None:
        """Remove and release, whatever is there of it: nothing at all is fine too.

        Two lists may name the same interface of a container, which only one can have made: a key
        that holds nothing leaves it to the one that does.
        """
        async with self._turn(key):
            held = {other for other, _ in await self._addresses.held()}
            theirs = any(self._place(other) == (key.container, interface) for other in held)
            if key in held or not theirs:
                await self._plumber.remove(host_interface(key.container, interface))
            await self._addresses.release(key)

    async def _check(self, call: Call) -> None:
        passed = passed_on(call)
        if passed is None:
            raise CallError(Number.CONFIG, "CHECK needs prevResult, what ADD returned")
        key = self._key(call)
        async with self._turn(key):
            held = dict(await self._addresses.held()).get(key, ())
            addresses = tuple(holding.address for holding in held)
            faults = [] if held else [f"no address is held for {key.name}"]
            faults += [
                f"{address} of prevResult is not held for {key.name}"
                for interface, address in passed
                if held and interface == call.interface and address not in addresses
            ]
            faults += await self._plumber.check(_endpoint(call, addresses))
        if faults:
            raise CallError(Number.CHECK, "; ".join(faults))

    async def _collect(self, call: Call) -> None:
        """Delete every endpoint of this network that the runtime does not list. No list: no deletion."""
        if call.valid is None:
            return
        doomed = []
        for key, _ in await self._addresses.held():
            interface, network = self._attached(key)
            alive = (key.container, interface) in call.valid or self._place(key) in self._turns
            if network == call.network and not alive:
                doomed.append(self._delete(key, interface))
        outcomes = await asyncio.gather(*doomed, return_exceptions=True)
        failures = [o for o in outcomes if isinstance(o, BaseException)]
        bugs = [f for f in failures if not isinstance(f, RomanaError)]
        if bugs:
            raise bugs[0]
        if failures:
            raise CallError(Number.INCOMPLETE, "; ".join(map(str, failures)))

    def _key(self, call: Call) -> EndpointKey:
        """What the allocator knows the endpoint by. Another list's name is part of it, so that the
        collection of one list never touches the endpoints of another on the same node."""
        plain = call.network == self._network and "@" not in call.interface
        return EndpointKey(call.container, call.interface if plain else f"{call.interface}@{call.network}")

    def _attached(self, key: EndpointKey) -> tuple[str, str]:
        """Return interface and network of a key: the way back from `_key`."""
        interface, at, network = key.interface.rpartition("@")
        return (interface, network) if at else (key.interface, self._network)

    def _place(self, key: EndpointKey) -> tuple[str, str]:
        """Return container and interface, which keys of several lists may share."""
        return key.container, self._attached(key)[0]

    @asynccontextmanager
    async def _turn(self, key: EndpointKey) -> AsyncIterator[None]:
        """Wait for earlier calls of the endpoint: a runtime that gave up on ADD sends DEL at once."""
        place = self._place(key)
        lock, users = self._turns.get(place) or (asyncio.Lock(), 0)
        self._turns[place] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            _, users = self._turns.pop(place)
            if users > 1:
                self._turns[place] = lock, users - 1

    async def _timed(self, call: Call, phase: str, work: Awaitable[T]) -> T:
        started = time.perf_counter()
        try:
            return await work
        finally:
            self._observe(call.command, phase, time.perf_counter() - started)


def _endpoint(call: Call, addresses: tuple[Address, ...]) -> Endpoint:
    outer = host_interface(call.container, call.interface)
    return Endpoint(call.container, call.interface, call.netns, outer, addresses, call.mtu)


def _attachment(call: Call, addresses: tuple[Address, ...], made: Plumbed) -> Attachment:
    gateways = [GATEWAYS[version] for version in sorted({a.version for a in addresses})]
    outer = host_interface(call.container, call.interface)
    return Attachment(outer, made.host_mac, made.mac, made.mtu, addresses, gateways)


def _is_own(netns: str) -> bool:
    try:
        return Path(netns).samefile(_OWN)
    except OSError:
        return False  # gone: the plumber says so
