"""The real agent in a network namespace of its own, on a store in a file: what tests and people start."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from romana.edges.open import open_store
from romana.model.snapshot import Snapshot
from romana.reconcile.central import apply_document, read_snapshot
from romana.testing import namespaces
from romana.testing.namespaces import Namespace
from romana.wire.document import read

FLAT = """
networks:
  - {name: pods, cidrs: [10.1.0.0/16, "fd00:1::/48"], block_mask: 29, reuse_delay: 0s}
topologies:
  - networks: [pods]
    map:
      - name: lan
        hosts:
          - {name: n1, addresses: [192.168.1.1, "fd00:99::1"]}
          - {name: n2, addresses: [192.168.1.2, "fd00:99::2"]}
"""


def until(what: str | Callable[[], str], true: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until it is so; fail with `what` if it does not become so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, (
            f"after {seconds} s still not: {what if isinstance(what, str) else what()}"
        )
        time.sleep(0.02)


@dataclass
class Node:
    """A machine: its namespace, its directories, its agent."""

    name: str
    space: Namespace
    home: Path
    store: str
    process: subprocess.Popen[bytes] | None = None
    pods: dict[str, Namespace] = field(default_factory=dict)

    @property
    def socket(self) -> Path:
        return self.home / "run" / "agent.sock"

    @property
    def conflist(self) -> Path:
        return self.home / "cni" / "10-romana.conflist"

    def environment(self, **more: str) -> dict[str, str]:
        return {
            **os.environ,
            "ROMANA_NODE": self.name,
            "ROMANA_STORE": self.store,
            "ROMANA_STATE_DIR": str(self.home / "state"),
            "ROMANA_RUN_DIR": str(self.home / "run"),
            "ROMANA_CNI_CONF_DIR": str(self.home / "cni"),
            **more,
        }

    def launch(self, **more: str) -> subprocess.Popen[bytes]:
        self.home.mkdir(exist_ok=True)
        with (self.home / "log").open("ab") as log:
            return subprocess.Popen(
                ["nsenter", f"--net={self.space.path}", sys.executable, "-m", "romana.apps.agent"],
                env=self.environment(**more),
                stderr=log,
            )

    def start(self, **more: str) -> float:
        """Start the agent; return after how many seconds it was ready."""
        self.conflist.unlink(missing_ok=True)
        before = time.monotonic()
        self.process = self.launch(**more)
        until(lambda: f"{self.name} is ready; {self.log()}", self.conflist.exists)
        return time.monotonic() - before

    def stop(self, *, kill: bool = False) -> int:
        assert self.process is not None
        (self.process.kill if kill else self.process.terminate)()
        status = self.process.wait(10)
        self.process = None
        return status

    def log(self) -> list[dict[str, str]]:
        path = self.home / "log"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def routes(self, version: int = 4) -> dict[str, str]:
        """Destination to the rest of the line, of every route with our protocol."""
        text = self.space.run(f"ip -{version} route show proto 201")
        found = {}
        for line in text.splitlines():
            words = line.split()
            discard = words[0] in ("blackhole", "unreachable")
            found[words[1] if discard else words[0]] = "discard" if discard else " ".join(words[1:])
        return found

    def get(self, path: str) -> str:
        with self.space.entered():
            link = socket.create_connection(("127.0.0.1", 9605), timeout=5)
        with link, link.makefile("rwb") as stream:
            stream.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            stream.flush()
            return stream.read().decode().partition("\r\n\r\n")[2]

    def rss(self) -> float:
        """Megabytes resident."""
        assert self.process is not None
        # nsenter has become the interpreter by exec, so the pid is the agent's.
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise AssertionError("no VmRSS")

    def cni(self, command: str, container: str) -> dict[str, object]:
        """Call the agent as a shim does; return the plugin's output, empty if it has none."""
        pod = self.pods.get(container)
        environment = {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": container,
            "CNI_IFNAME": "eth0",
            "CNI_NETNS": pod.path if pod else "",
            "CNI_PATH": "/opt/cni/bin",
        }
        head = b"".join(f"{k}={v}\0".encode() for k, v in environment.items())
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(20)
            link.connect(str(self.socket))
            link.sendall(head + b'\0{"cniVersion": "1.1.0", "name": "romana", "type": "romana-cni"}')
            link.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: link.recv(1 << 16), b""))
        status, _, output = answer.partition(b"\n")
        result: dict[str, object] = json.loads(output) if output else {}
        assert status.startswith(b"0 "), result
        return result

    def add(self, container: str) -> tuple[str, ...]:
        """Start a pod; return its addresses."""
        if container not in self.pods:
            self.pods[container] = namespaces.fresh()
        result = self.cni("ADD", container)
        return tuple(ip["address"].partition("/")[0] for ip in result["ips"])  # type: ignore[attr-defined]

    def delete(self, container: str) -> None:
        self.cni("DEL", container)
        self.pods.pop(container).close()

    def close(self) -> None:
        if self.process is not None:
            self.stop(kill=True)
        for pod in self.pods.values():
            pod.close()
        self.space.close()


def snapshot(store: str) -> Snapshot:
    async def look() -> Snapshot:
        opened = open_store(store)
        try:
            return await read_snapshot(opened)
        finally:
            await opened.close()

    return asyncio.run(look())


def apply(store: str, text: str) -> None:
    async def put() -> None:
        opened = open_store(store)
        try:
            await apply_document(opened, read(text.encode()).document)
        finally:
            await opened.close()

    asyncio.run(put())


@contextmanager
def segment(home: Path, text: str = FLAT, count: int = 2) -> Iterator[list[Node]]:
    """Nodes n1, n2, … on one layer-2 segment, 192.168.1.x and fd00:99::x, not started."""
    store = f"sqlite://{home}/store.db"
    apply(store, text)
    switch = namespaces.fresh()
    switch.run("ip link add br0 type bridge; ip link set br0 up")
    nodes = []
    try:
        for number in range(1, count + 1):
            node = Node(f"n{number}", namespaces.fresh(), home / f"n{number}", store)
            nodes.append(node)
            node.space.run("ip link set lo up")
            switch.run(f"ip link add p{number} type veth peer name eth0 netns {node.space.path}")
            switch.run(f"ip link set p{number} master br0 up")
            node.space.run(  # a node is up for long: its link-local address, which asks for neighbours, is in use
                f"sysctl -qw net.ipv6.conf.eth0.accept_dad=0;"
                f"ip address add 192.168.1.{number}/24 dev eth0; ip link set eth0 up;"
                f"ip -6 address add fd00:99::{number}/64 dev eth0 nodad"
            )
        yield nodes
    finally:
        for node in nodes:
            node.close()
        switch.close()
