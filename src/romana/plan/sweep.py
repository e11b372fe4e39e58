"""Every equivalence class of destinations, with what each device does with it.

A class is a run of addresses between two neighbouring boundaries: where any table changes its answer, where
an address is held, where our prefixes begin and end. All addresses of a class meet the same fate.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from romana.model.route import DeviceName, Route, RouteKind, Table
from romana.net.aggregate import aggregate
from romana.net.prefix import Address, Prefix
from romana.net.table import LookupTable


class End(StrEnum):
    """What a device may do with a packet but pass it on."""

    DELIVERED = "delivered"
    DISCARDED = "discarded"
    NO_ROUTE = "no route"


Decision = End | tuple[DeviceName | None, ...]
"""An end, or every next device (None: it leaves what we know)."""
Holders = tuple[DeviceName, ...]
"""Who holds an address, as devices: hosts and devices share one name space."""

_EARLY = 8
"""Devices that may differ from the last fresh start before the next."""


@dataclass
class Sweep:
    """The state of all devices at the class where the sweep stands. Changed in place as it goes on."""

    doing: dict[DeviceName, Decision]
    alike: dict[Decision, set[DeviceName]] = field(default_factory=lambda: defaultdict(set))
    """The devices by what they do: most do the same, so a judge looks at decisions, not at devices."""
    holders: Holders = ()
    _were: dict[DeviceName, Decision] = field(default_factory=dict)
    _clean: set[tuple[Holders, frozenset[tuple[DeviceName, Decision]]]] = field(default_factory=set)

    def __post_init__(self) -> None:
        for device, decision in self.doing.items():
            self.alike[decision].add(device)

    def change(self, device: DeviceName, decision: Decision) -> None:
        before = self.doing[device]
        if before == decision:
            return
        self._were.setdefault(device, before)
        if len(self._were) > _EARLY:
            self._were.clear()
            self._clean.clear()
            self._were[device] = before
        self.alike[before].discard(device)
        if not self.alike[before]:
            del self.alike[before]
        self.alike[decision].add(device)
        self.doing[device] = decision

    def known_clean(self) -> bool:
        """Whether exactly this state was found clean, a few changes ago: one address after the other of a
        host's block differs from its neighbours on one device only."""
        return self._state() in self._clean

    def found_clean(self) -> None:
        self._clean.add(self._state())

    def _state(self) -> tuple[Holders, frozenset[tuple[DeviceName, Decision]]]:
        different = ((d, self.doing[d]) for d, before in self._were.items() if self.doing[d] != before)
        return self.holders, frozenset(different)


def classes(
    tables: Mapping[DeviceName, Table], held: Mapping[Address, Holders], space: Iterable[Prefix]
) -> Iterator[tuple[Address, int, Sweep]]:
    """Yield every class of the space and of the held addresses: its first address, its size, and the state.

    Ascending. The state is the same object each time. Cost: a sort of all boundaries.
    """
    spans = aggregate([*space, *(address.prefix for address in held)])
    sweep = Sweep(dict.fromkeys(tables, End.NO_ROUTE))
    changes = sorted(_changes(tables, spans), key=lambda c: c[0])
    turns = sorted(_turns(held))
    at = turn = 0
    for span in spans:
        start, end = span.key & -256, (span.key & -256) + (span.size << 8)
        while start < end:
            while at < len(changes) and changes[at][0] <= start:
                sweep.change(*changes[at][1:])
                at += 1
            while turn < len(turns) and turns[turn][0] <= start:
                sweep.holders = turns[turn][2]
                turn += 1
            stop = min(
                end,
                changes[at][0] if at < len(changes) else end,
                turns[turn][0] if turn < len(turns) else end,
            )
            yield Address(start | span.bits), stop - start >> 8, sweep
            start = stop


def _turns(held: Mapping[Address, Holders]) -> Iterator[tuple[int, int, Holders]]:
    """Yield where an address begins to be held and where it ends to be; ends sort before beginnings."""
    for address, holders in held.items():
        start = address.key & -256
        yield start + 256, 0, ()
        yield start, 1, holders


def _changes(
    tables: Mapping[DeviceName, Table], spans: list[Prefix]
) -> Iterator[tuple[int, DeviceName, Decision]]:
    """Yield where each device's decision may change."""
    places = LookupTable((span, None) for span in spans)
    for name, table in tables.items():
        # Of several routes to one prefix the lowest metric counts, and it comes first: written last, it stays.
        near = [(r.prefix, r) for r in reversed(table.routes) if _touches(r.prefix, places, spans)]
        for start, answer in LookupTable(near).intervals():
            yield start, name, _decision(answer[1]) if answer else End.NO_ROUTE


def _touches(prefix: Prefix, places: LookupTable[None], spans: list[Prefix]) -> bool:
    """Whether the prefix lies in one of the spans or around one."""
    return places.lookup_key(prefix.key | 255) is not None or any(span in prefix for span in spans)


def _decision(route: Route) -> Decision:
    if route.kind is RouteKind.ENDPOINT:
        return End.DELIVERED
    if route.kind is RouteKind.DISCARD or not route.hops:
        return End.DISCARDED
    return tuple(dict.fromkeys(hop.device for hop in route.hops))
