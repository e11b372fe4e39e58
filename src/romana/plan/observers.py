"""The devices whose tables we compute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from romana.model.route import DeviceName
from romana.model.snapshot import Snapshot
from romana.model.topology import GroupPath
from romana.plan.fabric import Fabric

NODE = "node"
ROUTER = "router"


@dataclass(frozen=True, slots=True)
class Observer:
    """A device with a table: a node, a group's router, or a device of the document."""

    name: DeviceName
    kind: str
    """`node`, `router`, else the kind that the document gives the device (`spine`, …)."""
    groups: tuple[GroupPath, ...] = ()
    """Where a node lives; the groups that a router answers for."""


def observers(snapshot: Snapshot) -> tuple[Observer, ...]:
    """Return every device that has a table: devices and routers in document order, then nodes by name."""
    return observers_of(Fabric(snapshot))


def observers_of(fabric: Fabric) -> tuple[Observer, ...]:
    served: dict[DeviceName, list[GroupPath]] = {name: [] for name in fabric.routers}
    for area in fabric.areas.values():
        for router in area.routers:
            served[router].append(area.path)
    return (
        *(Observer(n, d.kind) for n, d in fabric.devices.items() if n not in served),
        *(Observer(n, ROUTER, _once(paths)) for n, paths in served.items()),
        *(
            Observer(DeviceName(n), NODE, _once([home.site.path for home in homes]))
            for n, homes in fabric.homes.items()
            if homes
        ),
    )


def _once(paths: Sequence[GroupPath]) -> tuple[GroupPath, ...]:
    return tuple(dict.fromkeys(paths))
