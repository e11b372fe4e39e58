"""What every device's table should hold, in its simple form.

                       default ▲            a spine: one route per group, the rest of each network ends here
    ┌───────┐  ┌───────┐       │
    │spine-1│  │spine-2│  one route per group of routers
    └───┬───┘  └───┬───┘       ▼
      ┌─┴──┬───────┴─┐                      a ToR: one route per host of its group, the rest of the group
    ┌─┴───┐     ┌────┴┐                     ends here; everything else goes up
    │tor-1│     │tor-2│
    └┬───┬┘     └┬───┬┘                     a node: its endpoints, one route per host on its link, the rest
    node node   node node                   of what it owns ends here; everything else goes to its router

Without routers (a flat network) every node knows every host, and the rest of each network ends there.
A group whose routers are not reached the way the default route goes has a route of its own, so any
graph of links is right; `prove` says where one is not enough. What a host owns outside its group's
prefixes is an exception: one more route on every device above.
"""

from __future__ import annotations

from difflib import get_close_matches

from romana.model.errors import ConfigError
from romana.model.host import HostName
from romana.model.route import DeviceName, Table
from romana.model.snapshot import Snapshot
from romana.plan.fabric import Fabric
from romana.plan.host_routes import HostRoutes
from romana.plan.node_table import node_table
from romana.plan.observers import Observer, observers, observers_of
from romana.plan.router_table import router_table

__all__ = ["Observer", "fib", "fibs", "observers"]


def fib(observer: DeviceName, snapshot: Snapshot) -> Table:
    """Return the table that `observer` should hold.

    ConfigError `unknown-observer` where no node, router or device has that name. To compute the tables of
    many, use `fibs`.
    """
    fabric = Fabric(snapshot)
    if observer in fabric.devices or observer in fabric.routers or HostName(observer) in fabric.homes:
        return _table(fabric, HostRoutes(fabric), observer)
    known = [*fabric.devices, *fabric.routers, *fabric.homes]
    near = get_close_matches(observer, known, 1)
    raise ConfigError(
        f"no node, router or device is called {observer!r}" + (f"; {near[0]!r} is" if near else ""),
        code="unknown-observer",
    )


def fibs(snapshot: Snapshot) -> dict[DeviceName, Table]:
    """Return the tables of all observers; what they share is worked out once."""
    fabric = Fabric(snapshot)
    routes = HostRoutes(fabric)
    return {o.name: _table(fabric, routes, o.name) for o in observers_of(fabric)}


def _table(fabric: Fabric, routes: HostRoutes, name: DeviceName) -> Table:
    """A name that is both a host and a router is a router: hosts and devices share one name space."""
    if name in fabric.devices or name in fabric.routers:
        return router_table(fabric, routes, name)
    return node_table(fabric, routes, HostName(name))
