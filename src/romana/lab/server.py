"""The supervisor's ear: one JSON request a line, answered in turn. Only root and the lab's owner are heard."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from romana.lab.blueprint import Kind
from romana.lab.contain import NETNS
from romana.lab.messages import failure, line, peer_uid, unknown
from romana.lab.nodes import STORE, environment
from romana.lab.picture import picture
from romana.lab.programs import LOGS
from romana.lab.state import Lab
from romana.model.errors import ConfigError, RefusedError, RomanaError
from romana.model.route import RouteKind
from romana.reconcile.central import read_snapshot
from romana.wire.tables import write_tables

Request = Mapping[str, Any]


class Server:
    """Answers for one lab. `pid` is the lab's first process as the machine numbers it."""

    def __init__(self, lab: Lab, pid: int) -> None:
        self.lab, self.pid = lab, pid
        self.over = asyncio.Event()
        """Set when a client asked for the end and has its answer."""
        self._ending = False
        self._answers: dict[str, Callable[[Request], Awaitable[Any]]] = {
            "status": self._status,
            "where": self._where,
            "links": self._links,
            "ping": self._ping,
            "tables": self._tables,
            "counters": self._counters,
            "picture": self._picture,
            "logs": self._logs,
            "pod-add": self._pod_add,
            "pod-remove": self._pod_remove,
            "carrier": self._carrier,
            "down": self._down,
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            connection = writer.get_extra_info("socket")
            if peer_uid(connection) not in (0, os.getuid()):
                writer.write(
                    line(failure(RefusedError("this lab belongs to another user", code="lab-foreign")))
                )
                return
            while text := await reader.readline():
                writer.write(line(await self.answer(text)))
                await writer.drain()
                if self._ending:
                    self.over.set()
        except ConnectionError:
            pass  # the client went away; nobody is left to tell
        finally:
            writer.close()

    async def answer(self, text: bytes) -> dict[str, Any]:
        """Return the answer to one request, errors included."""
        try:
            request = json.loads(text)
            answer = self._answers.get(request["do"])
            if answer is None:
                raise ConfigError(f"a lab does not know how to {request['do']!r}", code="lab-request")
            return {"result": await answer(request)}
        except RomanaError as error:
            return failure(error)
        except (ValueError, KeyError, TypeError) as error:
            return failure(ConfigError(f"the request is not understood: {error!r}", code="lab-request"))

    async def _status(self, _: Request) -> Any:
        return self.lab.status()

    async def _where(self, request: Request) -> Any:
        """Where a client finds the lab from outside, and what it sets to work inside a device of it."""
        name = request.get("device")
        root = f"/proc/{self.pid}/root"
        found = {"pid": self.pid, "store": f"sqlite://{root}{STORE}", "root": root}
        if name is None:
            return found
        pod = self.lab.pods.get(name)
        if pod is None and name not in self.lab.plan.by_name:
            raise unknown("node, device or pod", name, [*self.lab.plan.by_name, *self.lab.pods])
        node = pod.node if pod else name
        inside = self.lab.plan.by_name[node].kind is Kind.NODE
        return found | {"netns": f"{root}{NETNS / name}", "env": environment(node) if inside else {}}

    async def _links(self, _: Request) -> Any:
        cut = self.lab.cut
        return [{"name": c.name, "state": "cut" if c.name in cut else "up"} for c in self.lab.plan.cables]

    async def _ping(self, request: Request) -> Any:
        names = request.get("pods", ())
        failed = await self.lab.ping(patience=request.get("patience", 1.0), names=names)
        return {
            "pairs": self.lab.pairs(names),
            "failed": [{"source": f.source, "target": f.target, "address": str(f.address)} for f in failed],
        }

    async def _tables(self, request: Request) -> Any:
        return json.loads(write_tables(await self.lab.tables(request.get("devices", ()))))

    async def _counters(self, _: Request) -> Any:
        counts = await self.lab.counts()
        return [{"device": device} | dataclasses.asdict(count) for device, count in counts.items()]

    async def _picture(self, _: Request) -> Any:
        """The lab as SVG, with the number of routes on each router."""
        lab = self.lab
        routers = [device.name for device in lab.plan.devices if device.routes]
        told = (RouteKind.GROUP, RouteKind.HOST)
        counts = {t.device: sum(r.kind in told for r in t.routes) for t in await lab.tables(routers)}
        return picture(
            lab.plan,
            await read_snapshot(lab.store),
            title=f"{lab.name}: {len(lab.pods)} pods on {len(lab.plan.of_kind(Kind.NODE))} nodes",
            pods=Counter(pod.node for pod in lab.pods.values()),
            notes={name: f"{number} routes" for name, number in counts.items()},
        )

    async def _logs(self, request: Request) -> Any:
        name = request["device"]
        if name not in self.lab.plan.by_name:
            raise unknown("device", name, [*self.lab.plan.by_name])
        logs = sorted((LOGS / name).glob("*.log"))
        return [{"program": log.stem, "text": log.read_text(errors="replace")} for log in logs]

    async def _pod_add(self, request: Request) -> Any:
        names, node = request.get("pods", []), request.get("node")
        count = request.get("count") or len(names) or 1
        nodes = [node] * count if node else self.lab.least_loaded(count)
        started = await self.lab.add(nodes, names)
        return [p for p in self.lab.status()["pods"] if p["name"] in {pod.name for pod in started}]

    async def _pod_remove(self, request: Request) -> Any:
        await self.lab.remove(request["pods"])

    async def _carrier(self, request: Request) -> Any:
        return await self.lab.set_carrier(request["names"], up=request["up"])

    async def _down(self, _: Request) -> Any:
        self._ending = True
