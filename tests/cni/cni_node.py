"""A node for CNI tests: the agent's socket over an allocator in memory, and a runtime that calls the plugin."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from romana.apps.agent.cni import serve_cni
from romana.model.block import Holding
from romana.model.errors import PlanError, TransientError
from romana.net.prefix import Address, Prefix
from romana.ports.addresses import EndpointKey, EndpointRequest, Granted
from romana.ports.kernel import Plumber
from romana.testing.kernel import FakePlumber

ANNOTATIONS = "io.kubernetes.cri.pod-annotations"


@dataclass
class MemoryAddresses:
    """An `Addresses` that forgets: the lowest free address of each prefix, same answer when asked twice."""

    prefixes: Sequence[Prefix] = (Prefix.parse("10.1.0.0/16"), Prefix.parse("fd00:1::/64"))
    holders: dict[EndpointKey, tuple[Holding, ...]] = field(default_factory=dict)
    requests: list[EndpointRequest] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    """What `obstacles` says; ADD fails with it."""
    silent: bool = False
    """The journal does not take a release."""
    gate: asyncio.Event | None = None
    """Where set, `allocate` waits for it."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by the first `allocate`."""

    async def allocate(self, request: EndpointRequest) -> Granted:
        self.requests.append(request)
        self.asked.set()
        if self.trouble:
            raise PlanError(self.trouble[0], code="no-free-address")
        if self.gate is not None:
            await self.gate.wait()
        if request.key in self.holders:
            return Granted(self.holders[request.key], fresh=False)
        held = tuple(
            Holding(self._lowest(p), request.key.name, request.tenant, request.segment) for p in self.prefixes
        )
        self.holders[request.key] = held
        return Granted(held, fresh=True)

    async def release(self, key: EndpointKey) -> bool:
        if self.silent:
            raise TransientError("the journal does not answer")
        return self.holders.pop(key, None) is not None

    async def held(self) -> Sequence[tuple[EndpointKey, tuple[Holding, ...]]]:
        return list(self.holders.items())

    def obstacles(self) -> Sequence[str]:
        return self.trouble

    def own_prefixes(self) -> Sequence[Prefix]:
        return self.prefixes

    def _lowest(self, prefix: Prefix) -> Address:
        taken = {h.address for held in self.holders.values() for h in held}
        return next(a for n in range(1, 1 << 16) if (a := prefix.address(n)) not in taken)

    def addresses(self) -> list[str]:
        return [str(h.address) for held in self.holders.values() for h in held]


@dataclass
class Outcome:
    status: int
    stdout: bytes
    stderr: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def code(self) -> int:
        """The error's number; 0 where the call succeeded."""
        return 0 if self.status == 0 else int(self.json["code"])


@dataclass
class Node:
    """`call` runs the plugin as a runtime does."""

    shim: Path
    socket: Path
    addresses: MemoryAddresses
    plumber: Plumber
    version: str = "1.1.0"
    patience: int = 10

    async def call(
        self,
        command: str,
        container: str = "c1",
        *,
        netns: str | None = "/run/netns/pod",
        config: dict[str, Any] | None = None,
        stdin: bytes | None = None,
        without: Sequence[str] = (),
        env: dict[str, str] | None = None,
    ) -> Outcome:
        environment = {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": container,
            "CNI_IFNAME": "eth0",
            "CNI_PATH": "/opt/cni/bin",
            "ROMANA_SOCKET": str(self.socket),
            "ROMANA_TIMEOUT": str(self.patience),
            "UNRELATED": "x",
        }
        if netns is not None:
            environment["CNI_NETNS"] = netns
        environment |= env or {}
        if stdin is None:
            base = {"cniVersion": self.version, "name": "romana", "type": "romana-cni"}
            stdin = json.dumps({**base, **(config or {})}).encode()
        process = await asyncio.create_subprocess_exec(
            self.shim,
            env={k: v for k, v in environment.items() if k not in without},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(stdin)
        assert process.returncode is not None
        return Outcome(process.returncode, out, err)

    async def add(self, container: str = "c1", **more: Any) -> Any:
        done = await self.call("ADD", container, **more)
        assert done.status == 0, done.stdout
        return done.json


@asynccontextmanager
async def serving(
    shim: Path, directory: Path, *, plumber: Plumber | None = None, addresses: MemoryAddresses | None = None
) -> AsyncIterator[Node]:
    node = Node(
        shim,
        directory / "agent.sock",
        addresses or MemoryAddresses(),
        plumber or FakePlumber(namespaces={"/run/netns/pod", "/run/netns/other"}),
    )
    async with serve_cni(node.socket, node.addresses, node.plumber):
        yield node
