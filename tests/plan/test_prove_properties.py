"""Planned tables prove clean for any layout; for altered ones the proof agrees with a slow oracle.

The oracle follows one packet at a time through plain lists of routes.
"""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plan_fabrics import without
from plan_layouts import snapshots

from romana.model.route import DeviceName, Hop, Route, RouteKind, Table
from romana.net.prefix import Address, Prefix
from romana.plan.fib import fibs
from romana.plan.prove import Fault, prove

slow = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def longest(table: Table, address: Address) -> Route | None:
    """The route for an address: longest prefix, then lowest metric."""
    matching = [route for route in table.routes if address in route.prefix]
    return min(matching, key=lambda r: (-r.prefix.length, r.metric), default=None)


def fates(tables, device, address, seen=()) -> Iterator[tuple[str, str | None]]:
    """Every end that a packet may come to, with the device where."""
    if device in seen:
        yield Fault.LOOP, device
        return
    if device not in tables:
        yield Fault.NO_TABLE, device
        return
    route = longest(tables[device], address)
    if route is None:
        yield Fault.NO_ROUTE, device
    elif route.kind is RouteKind.ENDPOINT:
        yield Fault.MISDELIVERED, device
    elif route.kind is RouteKind.DISCARD:
        yield Fault.DISCARDED, device
    else:
        for hop in route.hops:
            if hop.device is None:
                yield Fault.LEFT, device
            else:
                yield from fates(tables, hop.device, address, (*seen, device))


def wrong(fate, where, holders) -> bool:
    if fate is Fault.MISDELIVERED:
        return where not in holders
    return fate is not Fault.DISCARDED or bool(holders)


def places(tables, snapshot) -> set[Address]:
    """An address of every class: where any prefix begins and just behind its end."""
    inside = [p for n in snapshot.layout.networks for p in n.spec.prefixes]
    routes = [r.prefix for t in tables.values() for r in t.routes]
    held = [h.address.prefix for _, h in snapshot.holdings()]
    values = {(p.version, v) for p in (*inside, *routes, *held) for v in (p.first, p.last + 1)}
    top = {4: 1 << 32, 6: 1 << 128}
    candidates = {Address.of(version, v) for version, v in values if v < top[version]}
    return {a for a in candidates if any(a in p for p in inside)}


def oracle(tables, snapshot) -> set[tuple[Address, str, str]]:
    """Every (destination, observer, fault) there is, one destination per class."""
    holders = {h.address: (b.owner.host,) for b, h in snapshot.holdings()}
    return {
        (address, device, fate)
        for address in places(tables, snapshot)
        for device in tables
        for fate, where in fates(tables, device, address)
        if wrong(fate, where, holders.get(address, ()))
    }


@slow
@given(snapshots())
def test_planned_tables_prove_clean(snapshot):
    tables = fibs(snapshot)
    assert [str(fault) for fault in prove(tables, snapshot)] == []
    assert oracle(tables, snapshot) == set()


@st.composite
def altered(draw, tables):
    """The tables with one to three routes removed, redirected, turned into discards, or added."""
    tables = dict(tables)
    names = [*tables]
    for _ in range(draw(st.integers(1, 3))):
        device = draw(st.sampled_from(names))
        routes = [*tables[device].routes]
        how = draw(st.sampled_from(["remove", "redirect", "discard", "add", "lose table"]))
        hops = tuple(
            Hop(device=None if name is None else DeviceName(name))
            for name in draw(st.lists(st.sampled_from([*names, None, "elsewhere"]), min_size=1, max_size=2))
        )
        if how == "add":
            every = [r.prefix for t in tables.values() for r in t.routes] or [Prefix.parse("10.0.0.0/16")]
            metric = draw(st.integers(0, 1))
            routes.append(Route(draw(st.sampled_from(every)), RouteKind.FOREIGN, hops, metric))
        elif how == "lose table" and len(tables) > 1:
            del tables[device]
            names.remove(device)
            continue
        elif routes:
            index = draw(st.integers(0, len(routes) - 1))
            route = routes.pop(index)
            if how == "redirect":
                routes.append(Route(route.prefix, RouteKind.HOST, hops))
            elif how == "discard":
                routes.append(Route(route.prefix, RouteKind.DISCARD))
        tables[device] = Table.of(device, routes)
    return tables


@slow
@given(st.data(), snapshots())
def test_the_proof_of_altered_tables_agrees_with_the_oracle(data, snapshot):
    planned = fibs(snapshot)
    if not planned:
        return
    tables = data.draw(altered(planned))
    faults, truth = prove(tables, snapshot), oracle(tables, snapshot)
    assert bool(faults) == bool(truth), [*map(str, faults)]
    told = {(f.destination, f.observer, f.fault) for f in faults}
    assert all(
        any((a, d) == (f[0], f[1]) for a, d, _ in truth) or f[0] not in places(tables, snapshot) for f in told
    )
    assert {fault for _, _, fault in told} <= {fate for _, _, fate in truth}
    for fault in faults:
        assert (fault.fault, fault.where) in fates(tables, fault.observer, fault.destination)
        assert all(
            hop in {h.device for h in longest(tables[at], fault.destination).hops}
            for at, hop in zip(fault.path, fault.path[1:], strict=False)
        ), "the path is one that packets take"


@slow
@given(st.data(), snapshots())
def test_a_missing_route_is_noticed_exactly_where_packets_miss_it(data, snapshot):
    tables = fibs(snapshot)
    routes = [(device, route) for device, table in tables.items() for route in table.routes]
    if not routes:
        return
    device, route = data.draw(st.sampled_from(routes))
    altered = without(tables, device, route)
    faults = prove(altered, snapshot)
    assert bool(faults) == bool(oracle(altered, snapshot))
    if route.kind is RouteKind.ENDPOINT:
        assert {f.holders for f in faults} == {(device,)}
        assert {f.destination.prefix for f in faults} == {route.prefix}
