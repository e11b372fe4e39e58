"""The real agent killed, frozen and restarted while a runtime calls the plugin."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cni_node import MemoryAddresses, Node
from test_cni_kernel import UPLINK, objects, pings, sandboxes

from romana.testing import namespaces
from romana.testing.kernel import FakePlumber
from romana.testing.namespaces import Namespace

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.daemon("ip", "nsenter", "ping")]

TOPOLOGY = """
networks: [{name: pods, cidr: 10.1.0.0/16}]
topologies: [{networks: [pods], map: [{hosts: [{name: node-1, ip: 192.168.0.1}]}]}]
"""


@dataclass
class Agent:
    """`romana agent` in a node's namespace; its state stays when it is killed."""

    space: Namespace
    work: Path
    process: subprocess.Popen[bytes] | None = None
    runtime: Node = field(init=False)

    def start(self) -> None:
        for old in (self.work / "net.d").glob("*"):
            old.unlink()
        environment = {
            "PATH": os.environ["PATH"],
            "ROMANA_NODE": "node-1",
            "ROMANA_STORE": f"sqlite://{self.work}/store.db",
            "ROMANA_STATE_DIR": str(self.work / "state"),
            "ROMANA_RUN_DIR": str(self.work / "run"),
            "ROMANA_CNI_CONF_DIR": str(self.work / "net.d"),
            "ROMANA_HTTP": "",
            "ROMANA_LOG_LEVEL": "error",
        }
        self.process = subprocess.Popen([sys.executable, "-m", "romana.apps.agent"], env=environment)

    async def ready(self) -> None:
        async with asyncio.timeout(30):
            while not list((self.work / "net.d").glob("*.conflist")):
                assert self.process is not None
                assert self.process.poll() is None, "the agent ended"
                await asyncio.sleep(0.02)

    def send(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self, number: int = signal.SIGKILL) -> None:
        if self.process is not None:
            self.send(number)
            self.process.wait(20)
            self.process = None


@pytest.fixture
def agent(shims: dict[str, Path], tmp_path: Path) -> Iterator[Agent]:
    space = namespaces.fresh()
    space.run(UPLINK)
    (tmp_path / "topology.yaml").write_text(TOPOLOGY)
    subprocess.run(
        [Path(sys.executable).with_name("romana"), "topology", "apply", str(tmp_path / "topology.yaml")],
        env={**os.environ, "ROMANA_STORE": f"sqlite://{tmp_path}/store.db"},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    made = Agent(space, tmp_path)
    shim = shims.get("c", shims["python"])
    made.runtime = Node(shim, tmp_path / "run" / "agent.sock", MemoryAddresses(), FakePlumber(), patience=20)
    with space.entered():
        yield made
        if made.process is not None:
            made.send(signal.SIGCONT)
        made.stop()
    space.close()


async def test_restarts_keep_addresses_and_pods_keep_talking(agent: Agent) -> None:
    agent.start()
    await agent.ready()
    async with sandboxes(3) as pods:
        first = [await agent.runtime.add(f"c{n}", netns=pod.path) for n, pod in enumerate(pods[:2])]
        assert pings(pods[0], first[1]["ips"][0]["address"].partition("/")[0])
        for number in (signal.SIGKILL, signal.SIGTERM):
            agent.stop(number)
            assert (await agent.runtime.call("ADD", "c2", netns=pods[2].path)).code == 11
            assert (await agent.runtime.call("STATUS")).code == 50
            assert (await agent.runtime.call("DEL", "c0", netns=pods[0].path)).code == 11
            assert pings(pods[0], first[1]["ips"][0]["address"].partition("/")[0]), (
                "the data path needs no agent"
            )
            agent.start()
            await agent.ready()
            assert (await agent.runtime.call("STATUS")).status == 0
            check = {"prevResult": first[0]}
            assert (await agent.runtime.call("CHECK", "c0", netns=pods[0].path, config=check)).status == 0
        third = await agent.runtime.add("c2", netns=pods[2].path)
        assert len({r["ips"][0]["address"] for r in (*first, third)}) == 3


async def test_a_frozen_agent(agent: Agent) -> None:
    """Slow is as good as dead for the runtime, and harmless when it goes on: DEL follows."""
    agent.start()
    await agent.ready()
    before = objects(agent.space)
    async with sandboxes(1) as [pod]:
        agent.runtime.patience = 1
        agent.send(signal.SIGSTOP)
        assert (await agent.runtime.call("ADD", netns=pod.path)).code == 11
        assert (await agent.runtime.call("STATUS")).code == 50
        agent.runtime.patience = 20
        agent.send(signal.SIGCONT)
        assert (await agent.runtime.call("DEL", netns=pod.path)).status == 0
        assert "eth0" not in pod.run("ip -br link")
    assert objects(agent.space) == before


async def test_a_node_that_reboots(agent: Agent) -> None:
    """The state directory stays, namespaces and interfaces are gone; the runtime sends DEL without NETNS."""
    agent.start()
    await agent.ready()
    async with sandboxes(2) as pods:
        for n, pod in enumerate(pods):
            await agent.runtime.add(f"c{n}", netns=pod.path)
    agent.stop()
    for link in agent.space.run("ip -br link | grep -o ^rom[0-9a-f]* || true").split():
        agent.space.run(f"ip link del {link}", check=False)  # its pod's namespace may be gone by now
    agent.start()
    await agent.ready()
    for _ in range(2):
        assert (await agent.runtime.call("DEL", "c0", netns="")).status == 0
    async with sandboxes(1) as [pod]:
        again = await agent.runtime.add("c1", netns=pod.path)
        assert pings(agent.space, again["ips"][0]["address"].partition("/")[0])
        assert (await agent.runtime.call("DEL", "c1", netns="")).status == 0
    assert "proto 201 scope link" not in agent.space.run("ip route")


@pytest.mark.parametrize("seed", range(3))
async def test_killed_in_the_middle_of_a_burst(agent: Agent, seed: int) -> None:
    """Whatever ADD was at: afterwards DEL succeeds, nothing is left, and no address was given twice."""
    dice = random.Random(seed)
    agent.start()
    await agent.ready()
    count = 30
    async with sandboxes(count) as pods:
        adding = [
            asyncio.create_task(agent.runtime.call("ADD", f"c{n}", netns=pod.path))
            for n, pod in enumerate(pods)
        ]
        await asyncio.sleep(dice.uniform(0.02, 0.15))
        agent.stop()
        first = await asyncio.gather(*adding)
        assert {done.code for done in first} <= {0, 11}
        agent.start()
        await agent.ready()
        answered = [done.json["ips"][0]["address"] for done in first if done.status == 0]
        for n, done in enumerate(first):
            if done.status:
                assert (await agent.runtime.call("DEL", f"c{n}", netns=pods[n].path)).status == 0
                assert "eth0" not in pods[n].run("ip -br link")
                answered.append((await agent.runtime.add(f"d{n}", netns=pods[n].path))["ips"][0]["address"])
        assert len(set(answered)) == count
        assert all(pings(agent.space, address.partition("/")[0]) for address in answered[::7])
        for n, done in enumerate(first):
            name = f"d{n}" if done.status else f"c{n}"
            assert (await agent.runtime.call("DEL", name, netns=pods[n].path)).status == 0
    assert "rom" not in agent.space.run("ip -br link")
    assert "scope link" not in agent.space.run("ip route show proto 201")
