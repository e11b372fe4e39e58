"""The proof: every held address is delivered from everywhere, every other one of ours is discarded.

It judges tables, wherever they come from: planned (`fib`), of a simulated failure, or read from kernels.
Several next hops are all followed, since any of them may carry the packet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from romana.model.route import DeviceName, Table
from romana.model.snapshot import Snapshot
from romana.net.prefix import Address
from romana.plan.sweep import Decision, End, Holders, Sweep, classes

HOP_LIMIT = 64
"""As the kernel sets it (ip-sysctl.txt, ip_default_ttl): a longer way is none."""


class Fault(StrEnum):
    DISCARDED = "discarded"
    NO_ROUTE = "no route"
    LEFT = "leaves the fabric"
    LOOP = "loop"
    MISDELIVERED = "delivered"
    NO_TABLE = "no table"
    TOO_FAR = "too far"


@dataclass(frozen=True, slots=True)
class CounterExample:
    """One way a packet goes wrong. `str` tells it in a line."""

    destination: Address
    path: tuple[DeviceName, ...]
    """From the observer to where it goes wrong; a loop ends where it closes."""
    fault: Fault
    holders: Holders
    """The hosts that hold the destination; empty where nobody does."""
    addresses: int = 1
    """How many addresses meet the same fault at the same place."""
    observers: int = 1
    """From how many devices they do, at most."""

    @property
    def observer(self) -> DeviceName:
        return self.path[0]

    @property
    def where(self) -> DeviceName:
        return self.path[-1]

    def __str__(self) -> str:
        who = " and ".join(self.holders)
        but = f", but {who} holds it" if who else ", but nobody holds it: it should be discarded"
        more = [
            *_more(self.addresses - 1, "address", "addresses"),
            *_more(self.observers - 1, "observer", "observers"),
        ]
        rest = f" (and {', '.join(more)})" if more else ""
        way = " -> ".join(self.path)
        return f"{self.destination} from {self.observer}: {way} -> {self._end()}{but}{rest}"

    def _end(self) -> str:
        match self.fault:
            case Fault.LOOP:
                return "loops"
            case Fault.NO_TABLE:
                return f"ends at {self.where}, whose table is not known"
            case Fault.TOO_FAR:
                return f"passes {HOP_LIMIT} devices"
            case _:
                return f"{self.fault} at {self.where}"


def _more(count: int, one: str, many: str) -> Iterator[str]:
    """Yield the count in words, if there is anything to count; what nobody wants to read digit by digit as a power."""
    if count:
        number = f"{count}" if count < 10**6 else f"over 2^{count.bit_length() - 1}"
        yield f"{number} more {one if count == 1 else many}"


@dataclass(frozen=True, slots=True)
class _Verdict:
    fault: Fault
    where: DeviceName
    depth: int
    """Devices from here to the fault."""


def prove(tables: Mapping[DeviceName, Table], snapshot: Snapshot) -> list[CounterExample]:
    """Return what goes wrong between these tables, one counter-example per fault and place; empty if nothing.

    Every address of our networks is followed from every device that has a table. Where many meet the same
    fault at the same place, the one with the longest way tells of all. Cost: the boundaries of all tables
    times the kinds of decisions that devices make, which are about as many as routers.
    """
    spaces = [prefix for network in snapshot.layout.networks for prefix in network.spec.prefixes]
    found: dict[object, CounterExample] = {}
    for first, size, sweep in classes(tables, _held(snapshot), spaces):
        if not sweep.known_clean():
            faults = [*_faults(sweep)]
            if not faults:
                sweep.found_clean()
            for key, example in _merged(first, size, sweep, faults).items():
                known = found.get(key)
                found[key] = _together(known, example) if known else example
    return [*found.values()]


def _held(snapshot: Snapshot) -> dict[Address, Holders]:
    """Return who holds what. An address held twice is a fault of its own (`invariants`), not of the tables."""
    held: dict[Address, Holders] = defaultdict(tuple)
    for block, holding in snapshot.holdings():
        held[holding.address] = (*held[holding.address], DeviceName(block.owner.host))
    return dict(held)


def _faults(sweep: Sweep) -> Iterator[tuple[set[DeviceName], _Verdict]]:
    """Yield the devices that fail together, with what their packets meet."""
    judge = _Judge(sweep)
    for decision, devices in sweep.alike.items():
        anyone = next(iter(devices))
        if isinstance(decision, End) and (decision is End.DELIVERED or judge.end(anyone, decision)):
            # Where a way ends, every device is a place of its own.
            ends = ((device, judge.end(device, decision)) for device in devices)
            yield from (({device}, _Verdict(fault, device, 0)) for device, fault in ends if fault)
        elif verdict := judge.decision(anyone, decision):
            yield devices, verdict


def _merged(
    first: Address, size: int, sweep: Sweep, faults: list[tuple[set[DeviceName], _Verdict]]
) -> dict[object, CounterExample]:
    """Return one counter-example per fault and place of a class: the longest way to it."""
    merged: dict[object, CounterExample] = {}
    for devices, verdict in sorted(faults, key=lambda f: -f[1].depth):
        observer = min(devices)
        path = _walk(sweep, observer)
        cycle = frozenset(path[path.index(path[-1]) :]) if verdict.fault is Fault.LOOP else None
        key = verdict.fault, cycle or path[-1], sweep.holders
        example = CounterExample(first, path, verdict.fault, sweep.holders, size, len(devices))
        known = merged.get(key)
        merged[key] = replace(known, observers=known.observers + len(devices)) if known else example
    return merged


def _together(one: CounterExample, other: CounterExample) -> CounterExample:
    longer = max(one, other, key=lambda e: len(e.path))
    return replace(
        longer,
        addresses=one.addresses + other.addresses,
        observers=max(one.observers, other.observers),
    )


def _walk(sweep: Sweep, observer: DeviceName) -> tuple[DeviceName, ...]:
    """Return the way of a packet that goes wrong: at every device the first next hop that does."""
    path = [observer]
    judge = _Judge(sweep)
    while len(path) <= HOP_LIMIT:
        decision = sweep.doing.get(path[-1], End.NO_ROUTE)
        if isinstance(decision, End):
            break
        bad = next((h for h in decision if h is None or judge.device(h)), None)
        if bad is None:
            break
        path.append(bad)
        if bad in path[:-1]:
            break
    return tuple(path)


class _Judge:
    """What becomes of a packet to one class, from each device: worked out once for each."""

    def __init__(self, sweep: Sweep) -> None:
        self._doing, self._holders = sweep.doing, sweep.holders
        self._known: dict[DeviceName, _Verdict | None] = {}
        self._open: set[DeviceName] = set()

    def device(self, device: DeviceName) -> _Verdict | None:
        """Return what goes wrong from there, None if nothing does."""
        if device in self._open:
            return _Verdict(Fault.LOOP, device, 0)
        if device in self._known:
            return self._known[device]
        if device not in self._doing:
            return _Verdict(Fault.NO_TABLE, device, 0)
        if len(self._open) >= HOP_LIMIT:
            return _Verdict(Fault.TOO_FAR, device, 0)
        self._open.add(device)
        verdict = self.decision(device, self._doing[device])
        self._open.discard(device)
        if verdict is None or verdict.fault is not Fault.TOO_FAR:
            # How far it is depends on where one comes from; everything else does not.
            self._known[device] = verdict
        return verdict

    def decision(self, device: DeviceName, decision: Decision) -> _Verdict | None:
        if isinstance(decision, End):
            fault = self.end(device, decision)
            return _Verdict(fault, device, 0) if fault else None
        for hop in decision:
            if hop is None:
                return _Verdict(Fault.LEFT, device, 0)
            verdict = self.device(hop)
            if verdict is not None:
                return replace(verdict, depth=verdict.depth + 1)
        return None

    def end(self, device: DeviceName, end: End) -> Fault | None:
        if end is End.NO_ROUTE:
            return Fault.NO_ROUTE
        if end is End.DELIVERED:
            return None if device in self._holders else Fault.MISDELIVERED
        return Fault.DISCARDED if self._holders else None
