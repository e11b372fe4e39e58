"""Data centres to compute tables for: read from documents, with a pod or two on every host."""

from __future__ import annotations

from pathlib import Path

from romana.model.route import DeviceName, Route, Table
from romana.plan.fib import fibs
from romana.testing.datacentre import DataCentre
from romana.wire.document import read

SCENARIOS = Path(__file__).parents[1] / "scenarios"


def centre(text: str, *, pods: int = 2) -> DataCentre:
    """Put a document in force and start `pods` pods on each host, one host after the other."""
    dc = DataCentre()
    dc.apply(read(text.encode()).document)
    for number in range(pods):
        for host in dc.snapshot.hosts:
            dc.allocate(f"{host}-{'ab'[number % 2]}{number // 2 or ''}", host)
    return dc


def scenario(name: str, *, pods: int = 2) -> DataCentre:
    return centre((SCENARIOS / name / "topology.yaml").read_text(), pods=pods)


def drawn(tables: dict[DeviceName, Table]) -> str:
    """Return the tables as text, for goldens and for eyes."""
    return "\n".join(f"{name}\n{''.join(map(_line, table.routes))}" for name, table in tables.items())


def _line(route: Route) -> str:
    hops = " or ".join(f"{h.device}" + (f" ({h.via})" if h.via else "") for h in route.hops if h.device)
    return f"  {route.prefix!s:<26} {route.kind:<8} {hops or '-':<24}  # {route.because}\n"


def without(tables: dict[DeviceName, Table], device: str, route: Route) -> dict[DeviceName, Table]:
    """Return the tables with one route of one device gone."""
    name = DeviceName(device)
    return {**tables, name: Table(name, tuple(r for r in tables[name].routes if r is not route))}


def table(dc: DataCentre, device: str) -> dict[str, tuple[str, ...]]:
    """Return one table in short: prefix to kind and next devices."""
    routes = fibs(dc.snapshot)[DeviceName(device)].routes
    return {str(r.prefix): (r.kind.value, *(str(h.device) for h in r.hops if h.device)) for r in routes}
