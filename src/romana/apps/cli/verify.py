"""`romana verify`: what must be true of the store and of the tables of all devices together."""

from __future__ import annotations

from collections.abc import Mapping

import click

from romana.apps.cli import arguments
from romana.apps.cli.framework import Command
from romana.apps.cli.output import counted, show
from romana.apps.cli.session import snapshot
from romana.model.errors import FaultError, Problem
from romana.model.route import DeviceName, Table
from romana.model.snapshot import Snapshot
from romana.plan.fib import fibs
from romana.plan.invariants import check
from romana.plan.prove import prove
from romana.wire.tables import read_tables


@click.command("verify", cls=Command)
@click.option("--tables", "file", metavar="FILE", help="Tables read from devices, as JSON; - is stdin.")
def verify(file: str | None) -> None:
    """Prove that every held address is delivered from everywhere, and nothing else is, and nothing loops.

    Checks what the store holds, then follows every address from every device through the tables that
    the devices should hold; with --tables, through those that they do hold. A fault is shown as a path.

    \b
        romana verify
        romana lab routes -o json | romana verify --tables -
    """
    now = snapshot()
    tables = fibs(now) if file is None else read_tables(arguments.read_input(file))
    problems = [*check(now), *(Problem("", str(example)) for example in prove(tables, now))]
    if problems:
        what = counted(len(problems), "fault")
        raise FaultError(f"{what} in {_scope(_counts(now, tables))}", problems=problems)
    counts = _counts(now, tables)
    show(
        counts,
        lambda: (
            f"{_scope(counts)}: every held address is delivered, every unowned one is discarded, nothing loops"
        ),
    )


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
