"""A running lab: what is in it, and everything that clients may ask of it.

`bringup` fills it, `server` passes the questions on.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from itertools import count as numbers
from typing import Any

from romana.lab import build, kernel, ping
from romana.lab.blueprint import Blueprint, Cable, Kind
from romana.lab.counters import Count, RouteCounters, count
from romana.lab.messages import unknown
from romana.lab.pods import Pod, add_pods, remove_pod
from romana.lab.programs import Programs
from romana.model.errors import StaleError
from romana.model.layout import Layout
from romana.model.route import Table
from romana.model.topology import Document
from romana.ports.store import Store
from romana.reconcile.central import read_snapshot


@dataclass
class Lab:
    name: str
    document: Document
    plan: Blueprint
    programs: Programs
    store: Store
    pods: dict[str, Pod] = field(default_factory=dict)
    cut: dict[str, Cable] = field(default_factory=dict)
    heard: RouteCounters = field(default_factory=RouteCounters)
    ready: bool = False
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One change of pods or cables at a time."""

    async def layout(self) -> Layout:
        return (await read_snapshot(self.store)).layout

    def pairs(self, names: Sequence[str] = ()) -> int:
        """How many pairs `ping` tries: every pod to every other one, for each family both have."""
        chosen = [pod for name, pod in self.pods.items() if not names or name in names]
        count = Counter(a.version for pod in chosen for a in pod.addresses)
        return sum(n * (n - 1) for n in count.values())

    async def ping(self, *, patience: float, names: Sequence[str] = ()) -> list[ping.Pair]:
        """Return the pairs of pods that do not reach each other."""
        for name in (n for n in names if n not in self.pods):
            raise unknown("pod", name, [*self.pods])
        chosen = [pod for name, pod in self.pods.items() if not names or name in names]
        ends = [ping.Target(pod.name, a) for pod in chosen for a in pod.addresses]
        return await asyncio.to_thread(ping.ping_all, ends, ends, patience)

    async def tables(self, devices: Sequence[str] = ()) -> list[Table]:
        """Return the kernel's tables of the named devices, of all if none is named."""
        for name in (d for d in devices if d not in self.plan.by_name):
            raise unknown("device", name, [*self.plan.by_name])
        wanted = devices or [d.name for d in self.plan.devices if d.kind is not Kind.SWITCH]
        return await kernel.tables(self.plan, await self.layout(), wanted)

    async def counts(self) -> dict[str, Count]:
        return {d: await count(self.heard, d) for d in self.heard.changes}

    async def add(self, nodes: Sequence[str], names: Sequence[str] = ()) -> list[Pod]:
        """Start a pod on each of the nodes, named in order. What fails is raised when the others run."""
        async with self.changing:
            pods = self._named(nodes, names)
            failures = await add_pods(pods)
            started = [pod for pod in pods if pod.addresses]
            self.pods |= {pod.name: pod for pod in started}
        if failures:
            raise failures[0]
        return started

    async def remove(self, names: Sequence[str]) -> None:
        for name in (n for n in names if n not in self.pods):
            raise unknown("pod", name, [*self.pods])
        async with self.changing:
            for name in names:
                await remove_pod(self.pods[name])
                del self.pods[name]

    def least_loaded(self, count: int) -> list[str]:
        """Return a node for each of `count` new pods, the emptiest first."""
        load = {node.name: 0 for node in self.plan.of_kind(Kind.NODE)}
        for pod in self.pods.values():
            load[pod.node] += 1
        chosen = []
        for _ in range(count):
            node = min(load, key=lambda n: load[n])
            load[node] += 1
            chosen.append(node)
        return chosen

    async def set_carrier(self, names: Sequence[str], *, up: bool) -> list[str]:
        """Cut or heal links by name (`A:B`), or all links of a device. Returns the links that changed."""
        cables = {cable.name: cable for name in names for cable in self._cables(name)}
        changed = {name: cable for name, cable in cables.items() if (name in self.cut) is up}
        async with self.changing:
            for cable in changed.values():
                device, lines = build.carrier(self.plan, cable, up)
                await build.batch(lines, device)
            self.cut = {n: c for n, c in (self.cut | changed).items() if not (up and n in changed)}
        return [*changed]

    def _cables(self, name: str) -> Sequence[Cable]:
        if name in self.plan.by_name:
            return self.plan.cables_of(name)
        ends = set(name.split(":"))
        found = [c for c in self.plan.cables if {c.upper.device, c.lower.device} == ends]
        if not found:
            raise unknown("link or device", name, [c.name for c in self.plan.cables])
        return found

    def _node(self, name: str) -> str:
        nodes = [node.name for node in self.plan.of_kind(Kind.NODE)]
        if name not in nodes:
            raise unknown("node", name, nodes)
        return name

    def _named(self, nodes: Sequence[str], names: Sequence[str]) -> list[Pod]:
        """Return the pods to start: the names given, then the lowest free `pod-N`. StaleError for one taken."""
        free = (n for i in numbers(1) if (n := f"pod-{i}") not in self.pods and n not in names)
        pods = [Pod(name, self._node(node)) for node, name in zip(nodes, chain(names, free), strict=False)]
        taken = [*self.pods, *self.plan.by_name]
        for pod in pods:
            if pod.name in taken:
                raise StaleError(f"{pod.name!r} is taken; give the pod another name", code="lab-pod-exists")
            taken.append(pod.name)
        return pods

    def status(self) -> dict[str, Any]:
        """Return what `romana lab status -o json` prints."""
        return {
            "name": self.name,
            "state": self.state,
            "devices": [{"name": d.name, "kind": d.label or str(d.kind)} for d in self.plan.devices],
            "pods": [
                {"name": p.name, "node": p.node, "addresses": [str(a) for a in p.addresses]}
                for p in self.pods.values()
            ],
        }

    @property
    def state(self) -> str:
        if not self.ready:
            return "starting"
        return "degraded" if self.cut or self.programs.down else "running"
