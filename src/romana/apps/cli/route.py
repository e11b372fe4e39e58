"""`romana route`: what the tables of devices should hold."""

from __future__ import annotations

import click

from romana.apps.cli import suggest, views
from romana.apps.cli.framework import Group
from romana.apps.cli.output import columns, show
from romana.apps.cli.session import snapshot
from romana.model.route import DeviceName, Route
from romana.plan.fib import fib


@click.group(cls=Group)
def route() -> None:
    """List the routes that nodes, ToRs and spines should hold.

    \b
        romana route list --observer node-1
    """


@route.command("list")
@click.option(
    "--observer",
    metavar="NAME",
    required=True,
    shell_complete=suggest.observers,
    help="The node, router or other device whose table it is.",
)
def list_(observer: str) -> None:
    """List the routes that a device should hold, by prefix. A route without next hop discards.

    \b
        romana route list --observer node-1
        romana route list --observer spine-1 -o json | jq length
    """
    routes = fib(DeviceName(observer), snapshot()).routes
    headers = ("PREFIX", "KIND", "VIA", "DEV", "DEVICE", "BECAUSE")
    show([*map(views.route, routes)], lambda: columns(headers, map(_row, routes)))


def _row(route: Route) -> tuple[str, ...]:
    """Return the cells of a route; those of several next hops stand side by side."""
    hops = route.hops
    vias, devs, devices = [h.via for h in hops], [h.dev for h in hops], [h.device for h in hops]
    cells = (", ".join(str(value) for value in values if value) for values in (vias, devs, devices))
    return (str(route.prefix), str(route.kind), *cells, route.because)
