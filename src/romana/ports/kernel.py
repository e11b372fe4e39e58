"""The node's kernel: its route table and the plumbing of endpoints."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from hashlib import blake2s
from typing import Protocol

from romana.model.route import Route
from romana.net.prefix import Address


class RouteTable(Protocol):
    """One kernel table through our route protocol number: others' routes are invisible and untouched."""

    async def list(self) -> Sequence[Route]:
        """Return our routes (ENDPOINT, HOST or DISCARD by their shape), both families."""

    async def put(self, routes: Sequence[Route]) -> None:
        """Add or replace each. One refused does not hold up the rest: RefusedError lists them afterwards."""

    async def drop(self, routes: Sequence[Route]) -> None:
        """Remove each; one that is already gone is no error."""

    def changes(self) -> AbstractAsyncContextManager[AsyncIterator[None]]:
        """Yield whenever links, addresses or routes may have changed: a reason to look again, no more."""


def host_interface(container: str, interface: str) -> str:
    """Return the name of an endpoint's outer end: the same for the same endpoint, 15 characters."""
    return "rom" + blake2s(f"{container}/{interface}".encode(), digest_size=6).hexdigest()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An interface in a network namespace with its addresses: what ADD makes and CHECK verifies."""

    container: str
    interface: str
    """Its name inside the namespace."""
    netns: str
    """Path of the namespace."""
    host_interface: str
    """Name of the outer end of the veth pair, derived from container and interface."""
    addresses: tuple[Address, ...]
    mtu: int = 0
    """0: as the uplink has."""


@dataclass(frozen=True, slots=True)
class Plumbed:
    """What was made, as the CNI result reports it."""

    mac: str
    host_mac: str
    mtu: int


class Plumber(Protocol):
    """Makes, checks and removes endpoints (DESIGN §9). Errors: `netns-gone` and `interface-exists` are
    ConfigErrors, everything else Transient or Refused; a failure leaves nothing behind."""

    async def add(self, endpoint: Endpoint) -> Plumbed:
        """Make the pair, addresses, routes and neighbours; the address is reachable when it returns."""

    async def remove(self, host_interface: str) -> None:
        """Remove the pair (and with it the host route). No error if it is gone."""

    async def check(self, endpoint: Endpoint) -> list[str]:
        """Return what is not as `add` left it, a sentence each; empty if all is well."""

    async def interfaces(self) -> set[str]:
        """The outer ends that exist now and bear our mark."""
