"""`romana verify`: what must be true of the store and of the tables of all devices together."""

from __future__ import annotations

from collections.abc import Mapping

import click

from romana.apps.cli import arguments
from romana.apps.cli.framework import Command, settings
from romana.apps.cli.output import counted, show
from romana.apps.cli.session import snapshot
from romana.model.errors import ConfigError, FaultError, Problem
from romana.model.route import DeviceName, Table
from romana.model.snapshot import Snapshot
from romana.plan.budgets import excess
from romana.plan.fib import fibs, observers
from romana.plan.invariants import check
from romana.plan.prove import prove
from romana.wire.tables import read_tables

SHOWN = 5
"""Devices that a sentence names."""
REMEDY = 'for the tables of a lab, point romana at its store: eval "$(romana lab env)"'


@click.command("verify", cls=Command)
@click.option("--tables", "file", metavar="FILE", help="Tables read from devices, as JSON; - is stdin.")
def verify(file: str | None) -> None:
    """Prove that every held address is delivered from everywhere, and nothing else is, and nothing loops.

    Checks what the store holds, then follows every address from every device through the tables that
    the devices should hold; with --tables, through those that they do hold. A fault is shown as a path.
    A device that holds more routes than the document's budget for its kind is a fault, too.

    Tables are judged by the store that `romana` points at: that of a lab is another one than yours.

    \b
        romana verify
        eval "$(romana lab env)"
        romana lab routes -o json | romana verify --tables -
    """
    now = snapshot()
    tables = fibs(now) if file is None else _ours(read_tables(arguments.read_input(file)), now)
    problems = [
        *check(now),
        *(Problem("", str(example)) for example in prove(tables, now)),
        *excess(tables, now),
    ]
    if problems:
        what = counted(len(problems), "fault")
        raise FaultError(f"{what} in {_scope(_counts(now, tables))}", problems=problems)
    counts = _counts(now, tables)
    proved = (
        f"{_scope(counts)}: every held address is delivered, every unowned one is discarded, nothing loops"
    )
    show(counts, lambda: proved if now.layout.networks else "nothing to verify: the store holds no topology")


def _ours(tables: Mapping[DeviceName, Table], now: Snapshot) -> dict[DeviceName, Table]:
    """Return the tables that the store can judge; a stranger's without routes says nothing (a lab's switch).

    ConfigError `bad-tables` where they are those of other devices than the store knows: a proof would be of
    nothing, and succeed.
    """
    known = {*(observer.name for observer in observers(now)), *map(DeviceName, now.hosts)}
    strangers = [name for name, table in tables.items() if name not in known and table.routes]
    ours = {name: table for name, table in tables.items() if name in known}
    store = f"the store {settings().store}"
    if not now.layout.networks:
        what = f"{store} holds no topology, so it can judge no table"
    elif strangers:
        count = counted(len(strangers), "device")
        more = f" and {len(strangers) - SHOWN} more" if len(strangers) > SHOWN else ""
        what = f"{store} does not know {count} of the tables: {', '.join(strangers[:SHOWN])}{more}"
    elif not ours:
        what = f"of no device of {store} is there a table"
    else:
        return ours
    problems = [Problem(name, "no host, router or device of the layout") for name in strangers]
    raise ConfigError(f"{what}; {REMEDY}", code="bad-tables", problems=problems)


def _counts(now: Snapshot, tables: Mapping[DeviceName, Table]) -> dict[str, int]:
    """Return how much was looked at."""
    return {
        "devices": len(tables),
        "routes": sum(len(table.routes) for table in tables.values()),
        "prefixes": len({route.prefix for table in tables.values() for route in table.routes}),
        "addresses": sum(1 for _ in now.holdings()),
    }


def _scope(counts: Mapping[str, int]) -> str:
    return ", ".join(
        (
            counted(counts["devices"], "device"),
            counted(counts["prefixes"], "prefix", "prefixes"),
            counted(counts["addresses"], "address", "addresses"),
        )
    )
