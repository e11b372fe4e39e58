"""The tables that the kernels of the lab hold, as `romana verify` reads them.

Every route is resolved to the device behind its next hop: by the address where a subnet is shared, else by the cable
that hangs on the interface. So a proof walks the lab as a packet would.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from romana.lab.blueprint import Blueprint, Kind
from romana.lab.programs import output
from romana.model.layout import Layout
from romana.model.route import DeviceName, Hop, Route, RouteKind, Table
from romana.net.prefix import Address, Prefix

_DISCARDS: Final = ("blackhole", "unreachable", "prohibit")
_DELIVERED: Final = ("local", "broadcast", "anycast", "multicast")
"""Types that name the device's own addresses: the fabric's, not the plan's."""
_DEAD: Final = frozenset(("dead", "linkdown"))
_LINK_LOCAL: Final = (Prefix.parse("fe80::/10"), Prefix.parse("ff00::/8"))
_DEFAULT: Final = {4: Prefix.parse("0.0.0.0/0"), 6: Prefix.parse("::/0")}


@dataclass(frozen=True, slots=True)
class Book:
    """Who is behind an interface or an address."""

    cables: Mapping[tuple[str, str], str]
    """Device and interface to the device at the other end, a switch included."""
    addresses: Mapping[Address, str]
    groups: frozenset[Prefix]
    planned: tuple[Prefix, ...]


def book(plan: Blueprint, layout: Layout) -> Book:
    """Return what `tables` needs to know; good as long as plan and layout are."""
    ports = [ends for device in plan.devices for ends in plan.ports_of(device.name)]
    carved = (prefixes for n in layout.networks for prefixes in n.carving.values())
    return Book(
        {(near.device, near.name): far.device for near, far in ports},
        {w.address: near.device for near, _ in ports for w in near.addresses},
        frozenset(prefix for prefixes in carved for prefix in prefixes),
        tuple(prefix for n in layout.networks for prefix in n.spec.prefixes),
    )


async def tables(plan: Blueprint, known: Book, devices: Iterable[str]) -> list[Table]:
    """Return the kernel tables of the named devices; those of switches are empty."""
    wanted = [name for name in devices if plan.by_name[name].kind is not Kind.SWITCH]
    dumps = await asyncio.gather(*(_dump(name, version) for name in wanted for version in (4, 6)))
    found = []
    for index, name in enumerate(wanted):
        entries = [*dumps[2 * index], *dumps[2 * index + 1]]
        routes = [r for version, entry in entries if (r := route(known, name, version, entry))]
        found.append(Table.of(DeviceName(name), routes))
    return found


async def _dump(device: str, version: int) -> list[tuple[int, dict[str, Any]]]:
    text = await output(["ip", f"-{version}", "-j", "-n", device, "route", "show", "table", "all"])
    return [(version, entry) for entry in json.loads(text or b"[]")]


def route(known: Book, device: str, version: int, entry: Mapping[str, Any]) -> Route | None:
    """Return one entry of `ip -j route`; None for what forwards nothing: own addresses, link-locals, cut cables."""
    kind, text = entry.get("type", "unicast"), entry["dst"]
    prefix = _DEFAULT[version] if text == "default" else Prefix.tolerant(text)
    if kind in _DELIVERED or any(prefix in local for local in _LINK_LOCAL):
        return None
    metric, because = entry.get("metric", 0), f"kernel: protocol {entry.get('protocol', 'unknown')}"
    if kind in _DISCARDS:
        return Route(prefix, RouteKind.DISCARD, (), metric, because)
    alive = (hop for hop in entry.get("nexthops", [entry]) if not _DEAD.intersection(hop.get("flags", ())))
    hops = tuple(_hop(known, device, hop) for hop in alive)
    return Route(prefix, _kind(known, device, prefix, hops), hops, metric, because) if hops else None


def _hop(known: Book, device: str, hop: Mapping[str, Any]) -> Hop:
    text = hop.get("gateway") or hop.get("via", {}).get("host")
    via, dev = Address.parse(text) if text else None, hop.get("dev")
    behind = known.addresses.get(via) if via else None
    name = behind or known.cables.get((device, dev or ""))
    return Hop(via, dev, DeviceName(name) if name else None)


def _kind(known: Book, device: str, prefix: Prefix, hops: Iterable[Hop]) -> RouteKind:
    if prefix in _DEFAULT.values():
        return RouteKind.ROUTER
    if not any(prefix in planned for planned in known.planned):
        return RouteKind.FOREIGN
    if all(hop.via is None and (device, hop.dev) not in known.cables for hop in hops):
        return RouteKind.ENDPOINT
    return RouteKind.GROUP if prefix in known.groups else RouteKind.HOST
