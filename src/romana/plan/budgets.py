"""Which devices hold more routes than the document's budgets allow their kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from romana.model.errors import Problem
from romana.model.route import DeviceName, Table
from romana.model.snapshot import Snapshot
from romana.plan.fib import fibs
from romana.plan.observers import NODE, ROUTER, observers

_CALLED: Final = {NODE: (NODE, "host"), ROUTER: (ROUTER, "tor", "leaf")}
"""By which names a budget may know the hosts and the groups' routers; every other device goes by its own kind."""


def planned_excess(snapshot: Snapshot) -> list[Problem]:
    """Return the same for the tables that the devices should hold. Costs nothing where there are no budgets."""
    return [*excess(fibs(snapshot), snapshot)] if snapshot.layout.document.budgets else []


def excess(tables: Mapping[DeviceName, Table], snapshot: Snapshot) -> Iterator[Problem]:
    """Yield every device whose table holds more routes of our networks, discards included, than its budget."""
    budgets = snapshot.layout.document.budgets
    spaces = [prefix for network in snapshot.layout.networks for prefix in network.spec.prefixes]
    for observer in observers(snapshot) if budgets else ():
        table = tables.get(observer.name)
        kinds = [kind for kind in _CALLED.get(observer.kind, (observer.kind,)) if kind in budgets]
        if table is None or not kinds:
            continue
        count = sum(any(route.prefix in space for space in spaces) for route in table.routes)
        kind = min(kinds, key=lambda kind: budgets[kind])
        if count > budgets[kind]:
            what = f"holds {count} routes of our networks, the budget of {_one(kind)} is {budgets[kind]}"
            yield Problem(observer.name, what)


def _one(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
