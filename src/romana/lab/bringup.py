"""Bringing a lab up, in order and as much as possible at once.

namespaces ── topology into the store ─┬─ routers: zebra, bgpd
                                       └─ nodes: agent, then BIRD ── pods ── ping until all pairs answer
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from romana.lab import build
from romana.lab.blueprint import Kind
from romana.lab.frr import config
from romana.lab.nodes import PLUGINS, romana, start_node
from romana.lab.programs import output
from romana.lab.routers import start_router
from romana.lab.state import Lab
from romana.model.errors import FaultError, Problem
from romana.model.layout import Layout
from romana.reconcile.central import apply_document

CONVERGENCE: Final = 30.0
"""Seconds until all pairs must answer; a few are usual."""

Say = Callable[[str], None]


async def bring_up(lab: Lab, pods: int, say: Say) -> None:
    """Bring everything up, with so many pods on every node. FaultError if not all pods reach each other."""
    networks = [prefix for network in lab.document.networks for prefix in network.prefixes]
    await build.build(lab.plan, networks)
    say(f"{len(lab.plan.devices)} devices, {len(lab.plan.cables)} cables")
    await apply_document(lab.store, lab.document)
    layout = await lab.layout()
    say(f"topology applied: {', '.join(map(str, networks))}")
    async with asyncio.TaskGroup() as group:
        group.create_task(_routers(lab, layout, say))
        group.create_task(_nodes(lab, pods, say))
    lab.ready = True
    await _converge(lab, say)


async def _routers(lab: Lab, layout: Layout, say: Say) -> None:
    routers = [device for device in lab.plan.devices if device.routes]
    texts = {device.name: config(lab.plan, layout, device) for device in routers}
    for device in routers:
        lab.heard.listen(device.name)
    async with asyncio.TaskGroup() as group:
        for name, text in texts.items():
            group.create_task(start_router(lab.programs, name, text))
    if routers:
        say(f"{len(routers)} routers run FRR")


async def _nodes(lab: Lab, pods: int, say: Say) -> None:
    nodes = lab.plan.of_kind(Kind.NODE)
    async with asyncio.TaskGroup() as group:
        group.create_task(output(romana("cni", "install", str(PLUGINS))))
        for node in nodes:
            speaks = lab.plan.speaks(node)
            group.create_task(start_node(lab.programs, node.name, speaks=speaks))
    say(f"{len(nodes)} agents ready")
    if pods:
        await lab.add([node.name for node in nodes for _ in range(pods)])
        say(f"{len(lab.pods)} pods")


async def _converge(lab: Lab, say: Say) -> None:
    deadline = time.monotonic() + CONVERGENCE
    while failed := await lab.ping(patience=0.5):
        if time.monotonic() > deadline:
            raise FaultError(
                f"after {CONVERGENCE:.0f} s {len(failed)} pairs of pods do not reach each other; "
                "`romana lab ping` shows which, `romana lab down` ends the lab",
                code="lab-unreachable",
                problems=[Problem(f.source, f"does not reach {f.target} ({f.address})") for f in failed[:10]],
            )
    if lab.pods:
        say(f"all {lab.pairs()} pairs of pods reach each other")
