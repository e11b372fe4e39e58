"""Our routes in the kernel's main table, both families: the RouteTable that the agent reconciles.

They bear protocol 201. Everything else in the table is invisible here and stays untouched: a route
is added so that it fails where another stands, and replaced only where that other one is ours.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from romana.edges.netlink import inet, link
from romana.edges.netlink.channel import CHUNK, Channel
from romana.edges.netlink.decode import Decoder
from romana.edges.netlink.encode import HEAD, Encoder
from romana.edges.netlink.errors import words
from romana.edges.netlink.message import Failure, Request
from romana.edges.netlink.monitor import notices
from romana.model.errors import Problem, RefusedError
from romana.model.route import Route, RouteKind

_FAMILIES: Final = (socket.AF_INET, socket.AF_INET6)
_PIECE: Final = 2_000
"""Routes handled before the event loop runs again: a few milliseconds."""

Refusals = dict[int, Failure]
"""Position in what was asked, and what the kernel said."""


class KernelRoutes:
    """A `RouteTable` for the network namespace in which it is made."""

    def __init__(self) -> None:
        self._channel = Channel()
        self._decoder = Decoder()
        self._reading = asyncio.Lock()

    def close(self) -> None:
        self._channel.close()

    async def list(self) -> Sequence[Route]:
        """Return our routes. A next hop names the device that the kernel chose.

        100,000: 0.1 s where nothing changed since the last call, else 0.3 s.
        """
        async with self._reading:
            self._decoder.begin({seen.index: seen.name for seen in link.every(self._channel)})
            found: list[Route] = []
            for family in _FAMILIES:
                head = HEAD.pack(family, 0, 0, 0, inet.MAIN, inet.OURS, 0, 0, 0)
                for piece in _pieces(self._channel.dump(inet.RTM_GETROUTE, head)):
                    found += self._decoder.read(piece)
                    await asyncio.sleep(0)
            self._decoder.end()
            return found

    async def put(self, routes: Sequence[Route]) -> None:
        """Add or replace each.

        RefusedError (`route-refused`) afterwards, with a problem for each route that the kernel did
        not take: its device is missing or down, its gateway is nobody's neighbour, or somebody
        else's route has that prefix and metric.
        """
        indices = {seen.name: seen.index for seen in link.every(self._channel)}
        encoder = Encoder(indices)
        problems = [Problem(str(r.prefix), _missing(r, indices)) for r in routes if _missing(r, indices)]
        wanted = [r for r in routes if not problems or not _missing(r, indices)]
        left = await self._run(wanted, encoder.add)
        left = await self._again(wanted, left, _strange, lambda r: encoder.add(r, onlink=True))
        left = await self._replace(wanted, left, encoder)
        problems += [Problem(str(wanted[n].prefix), _why(f)) for n, f in sorted(left.items())]
        if problems:
            raise RefusedError(code="route-refused", problems=problems)

    async def drop(self, routes: Sequence[Route]) -> None:
        """Remove each; one that is already gone is no error. RefusedError lists what stayed."""
        encoder = Encoder({})
        left = await self._run(routes, encoder.remove)
        problems = [
            Problem(str(routes[n].prefix), words(f))
            for n, f in sorted(left.items())
            if f.errno != errno.ESRCH
        ]
        if problems:
            raise RefusedError(code="route-refused", problems=problems)

    @asynccontextmanager
    async def changes(self) -> AsyncIterator[AsyncIterator[None]]:
        """Yield whenever links, addresses or routes may have changed.

        The kernel drops routes of a link that goes down without a word about them, so a link's
        change counts as much as a route's. Too many notices at once count as one.
        """
        async with notices() as stirred:
            yield stirred

    async def _replace(self, routes: Sequence[Route], left: Refusals, encoder: Encoder) -> Refusals:
        """Replace those that exist and are ours; the rest stay refused (EEXIST)."""
        if not any(failure.errno == errno.EEXIST for failure in left.values()):
            return left
        ours = {(r.prefix, r.metric) for r in await self.list()}

        def mine(route: Route, failure: Failure) -> bool:
            return failure.errno == errno.EEXIST and (route.prefix, route.metric) in ours

        left = await self._again(routes, left, mine, encoder.replace)
        return await self._again(routes, left, _strange, lambda r: encoder.replace(r, onlink=True))

    async def _again(
        self,
        routes: Sequence[Route],
        left: Refusals,
        which: Callable[[Route, Failure], bool],
        encode: Callable[[Route], Request],
    ) -> Refusals:
        """Try some of the refused in another way; return what is refused now."""
        places = [n for n, failure in left.items() if which(routes[n], failure)]
        if not places:
            return left
        refused = await self._run([routes[n] for n in places], encode)
        tried = set(places)
        rest = {n: f for n, f in left.items() if n not in tried}
        return {**rest, **{places[k]: f for k, f in refused.items()}}

    async def _run(self, routes: Sequence[Route], encode: Callable[[Route], Request]) -> Refusals:
        refused: Refusals = {}
        for start, requests in _sends(routes, encode):
            for failure in self._channel.run(requests):
                refused[start + failure.index] = failure
            await asyncio.sleep(0)
        return refused


def _sends(
    routes: Sequence[Route], encode: Callable[[Route], Request]
) -> Iterator[tuple[int, list[Request]]]:
    """Cut into pieces that fit one send; with each the position of its first route."""
    start, size = 0, 0
    piece: list[Request] = []
    for n, route in enumerate(routes):
        request = encode(route)
        size += 16 + len(request.payload)
        if piece and size > CHUNK:
            yield start, piece
            start, size, piece = n, 16 + len(request.payload), []
        piece.append(request)
    if piece:
        yield start, piece


def _pieces(bodies: list[bytes]) -> Iterator[list[bytes]]:
    return (bodies[n : n + _PIECE] for n in range(0, len(bodies), _PIECE))


def _strange(route: Route, failure: Failure) -> bool:
    """Whether the gateway is on no connected network although the route names the link to it."""
    unreachable = failure.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH)
    return unreachable and all(hop.dev is not None and hop.via is not None for hop in route.hops)


def _missing(route: Route, indices: dict[str, int]) -> str:
    """Why the route cannot even be asked for; empty if it can."""
    for hop in route.hops:
        if hop.dev is not None and hop.dev not in indices:
            return f"there is no interface {hop.dev}"
    if not route.hops and route.kind is not RouteKind.DISCARD:
        return "it has no next hop"
    return ""


def _why(failure: Failure) -> str:
    if failure.errno == errno.EEXIST:
        return "a route that is not ours has this prefix and metric; remove it, or let it keep the prefix"
    return words(failure)
