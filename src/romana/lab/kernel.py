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


def book(plan: Blueprint, layout: Layout, more: Mapping[Address, str] | None = None) -> Book:
    """Return who is where by plan and layout, and `more`."""
    ports = [ends for device in plan.devices for ends in plan.ports_of(device.name)]
    carved = (prefixes for n in layout.networks for prefixes in n.carving.values())
    return Book(
        {(near.device, near.name): far.device for near, far in ports},
        {w.address: near.device for near, _ in ports for w in near.addresses} | dict(more or {}),
        frozenset(prefix for prefixes in carved for prefix in prefixes),
        tuple(prefix for n in layout.networks for prefix in n.spec.prefixes),
    )


async def tables(plan: Blueprint, layout: Layout, devices: Iterable[str]) -> list[Table]:
    """Return the kernel's main table of each named device, by which it forwards; a switch has none."""
    wanted = [name for name in devices if plan.by_name[name].kind is not Kind.SWITCH]
    known = book(plan, layout, await _link_locals(plan))
    dumps = await asyncio.gather(*(_dump(name, version) for name in wanted for version in (4, 6)))
    found = []
    for index, name in enumerate(wanted):
        entries = [*dumps[2 * index], *dumps[2 * index + 1]]
        routes = [r for version, entry in entries if (r := route(known, name, version, entry))]
        found.append(Table.of(DeviceName(name), used(routes)))
    return found


def used(routes: Iterable[Route]) -> list[Route]:
    """Return the routes that forward: of several to one prefix the kernel takes the lowest metric."""
    best: dict[Prefix, Route] = {}
    for found in routes:
        if found.prefix not in best or found.metric < best[found.prefix].metric:
            best[found.prefix] = found
    return [*best.values()]


async def _dump(device: str, version: int) -> list[tuple[int, dict[str, Any]]]:
    text = await output(["ip", f"-{version}", "-j", "-n", device, "route", "show", "table", "main"])
    return [(version, entry) for entry in json.loads(text or b"[]")]


async def _link_locals(plan: Blueprint) -> dict[Address, str]:
    """Return the link-local addresses on shared segments: next hops that no cable tells apart."""
    switches = plan.of_kind(Kind.SWITCH)
    ports = [far for switch in switches for _, far in plan.ports_of(switch.name) if far.address(6)]
    asked = (
        ["ip", "-6", "-j", "-n", p.device, "address", "show", "dev", p.name, "scope", "link"] for p in ports
    )
    answers = await asyncio.gather(*map(output, asked))
    return {
        Address.parse(address["local"]): port.device
        for port, answer in zip(ports, answers, strict=True)
        for interface in json.loads(answer or b"[]")
        for address in interface.get("addr_info", ())
        if "local" in address
    }


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
