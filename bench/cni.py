"""`python bench/cni.py` (root): ADD and DEL through the CNI plugin, beside the reference plugins in the same run.

Everything happens in a network and mount namespace of its own, with one uplink and the real agent
on a SQLite store. The variants take turns call by call, so a busy moment hits all of them; ratios are
what counts. The reference is `ptp` with `host-local`; ours are the static C shim and the Python one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from romana.apps.cni.install import install
from romana.edges.netlink.veth import VethPlumber
from romana.net.prefix import Address
from romana.ports.kernel import Endpoint, host_interface
from romana.testing import namespaces

REFERENCE = Path("/usr/lib/cni")
UPLINK = """
ip link set lo up
ip link add uplink type veth peer name far; ip link set far up
ip addr add 192.168.0.1/24 dev uplink; ip link set uplink up
ip route add default via 192.168.0.2
"""
TOPOLOGY = """
networks: [{name: pods, cidr: 10.1.0.0/16}]
topologies: [{networks: [pods], map: [{hosts: [{name: node-1, ip: 192.168.0.1}]}]}]
"""
GOALS = {
    ("ADD p50", "C"): 0.6,
    ("ADD p50", "Python"): 1.6,
    ("ADD parallel", "C"): 0.5,
    ("ADD parallel", "Python"): 1.15,
    ("DEL p50", "C"): 1.2,
    ("DEL p50", "Python"): 1.2,
    ("DEL parallel", "C"): 0.6,
}


@dataclass
class Variant:
    """A plugin and how it is called."""

    name: str
    program: Path
    config: Path
    environment: dict[str, str]
    times: dict[str, list[float]] = field(default_factory=dict)

    def spawn(self, command: str, container: str, netns: str) -> int:
        env = {
            **self.environment,
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": container,
            "CNI_NETNS": netns,
            "CNI_IFNAME": "eth0",
            "CNI_PATH": str(self.program.parent),
        }
        files = [
            (os.POSIX_SPAWN_OPEN, 0, str(self.config), os.O_RDONLY, 0),
            (
                os.POSIX_SPAWN_OPEN,
                1,
                str(self.output(container)),
                os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
                0o600,
            ),
        ]
        return os.posix_spawn(self.program, [str(self.program)], env, file_actions=files)

    def output(self, container: str) -> Path:
        return self.config.with_name(f"{container}.out")

    def one(self, command: str, container: str, netns: str) -> None:
        """Run one call to its end and note how long it took."""
        started = time.perf_counter()
        pid = self.spawn(command, container, netns)
        self.ended(pid, command, container)
        self.times.setdefault(command, []).append(time.perf_counter() - started)

    def together(self, command: str, pods: dict[str, str], agent: int) -> None:
        """Run one call for each pod at once; note how long all took, and what processor time, agent included."""
        spent = processor(agent) + children()
        started = time.perf_counter()
        running = {self.spawn(command, container, netns): container for container, netns in pods.items()}
        for pid, container in running.items():
            self.ended(pid, command, container)
        self.times.setdefault(f"{command} parallel", []).append(time.perf_counter() - started)
        self.times.setdefault(f"{command} processor", []).append(processor(agent) + children() - spent)

    def ended(self, pid: int, command: str, container: str) -> None:
        _, status = os.waitpid(pid, 0)
        if status:
            raise SystemExit(f"{self.name} {command} failed: {self.output(container).read_text()}")

    def p(self, what: str, percent: int = 50) -> float:
        return statistics.quantiles(self.times[what], n=100)[percent - 1] * 1000


def variants(work: Path, socket: Path) -> list[Variant]:
    made = []
    ipam = {"type": "host-local", "subnet": "10.2.0.0/16", "dataDir": str(work / "host-local")}
    ipam["routes"] = [{"dst": "0.0.0.0/0"}]
    reference = {"cniVersion": "1.0.0", "name": "reference", "type": "ptp", "ipam": ipam}
    ours = {"cniVersion": "1.1.0", "name": "romana", "type": "romana-cni"}
    for name, config in (("reference", reference), ("C", ours), ("Python", ours)):
        directory = work / name
        directory.mkdir()
        (directory / "config.json").write_text(json.dumps(config))
        program, environment = REFERENCE / "ptp", {"PATH": os.environ["PATH"]}
        if name != "reference":
            install(directory, prefer="c" if name == "C" else "python")
            program, environment = directory / "romana-cni", {"ROMANA_SOCKET": str(socket)}
        made.append(Variant(name, program, directory / "config.json", environment))
    return made


@contextmanager
def agent(work: Path) -> Iterator[int]:
    """The real agent on a store of its own; yields its process id once an ADD would succeed."""
    (work / "topology.yaml").write_text(TOPOLOGY)
    store = f"sqlite:///{work}/store.db"
    romana = Path(sys.executable).with_name("romana")
    subprocess.run(
        [romana, "--store", store, "topology", "apply", str(work / "topology.yaml")],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    options = [
        "--node",
        "node-1",
        "--store",
        store,
        "--state-dir",
        str(work / "state"),
        "--run-dir",
        str(work / "run"),
    ]
    options += ["--cni-conf-dir", str(work / "net.d"), "--http", "127.0.0.1:9605", "--log-level", "warning"]
    process = subprocess.Popen([romana, "agent", *options])
    try:
        for _ in range(500):
            if list((work / "net.d").glob("*.conflist")):
                break
            time.sleep(0.02)
        else:
            raise SystemExit("the agent did not become ready within 10 s")
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)


def processor(pid: int) -> float:
    """Seconds of processor time that a process has used, the kernel's on its behalf included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children() -> float:
    """Seconds of processor time of the programs that have ended, their children included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def phases() -> dict[str, tuple[float, float]]:
    """Sum and count of each phase of ADD, as the agent counts."""
    text = urllib.request.urlopen("http://127.0.0.1:9605/metrics").read().decode()
    found: dict[str, dict[str, float]] = {}
    pattern = r'romana_agent_cni_seconds_(sum|count)\{command="ADD",phase="(\w+)"\} (\S+)'
    for kind, phase, value in re.findall(pattern, text):
        found.setdefault(phase, {})[kind] = float(value)
    return {phase: (v["sum"], v["count"]) for phase, v in found.items()}


def sequential(subjects: list[Variant], rounds: int) -> None:
    for n in range(rounds):
        spaces = [namespaces.fresh() for _ in subjects]
        for command in ("ADD", "DEL"):
            for variant, space in zip(subjects, spaces, strict=True):
                variant.one(command, f"s{n}-{variant.name}", space.path)
        for space in spaces:
            space.close()


def parallel(subjects: list[Variant], rounds: int, width: int, pid: int) -> None:
    for n in range(rounds):
        for variant in subjects:
            spaces = {f"p{n}-{k}-{variant.name}": namespaces.fresh() for k in range(width)}
            pods = {container: space.path for container, space in spaces.items()}
            for command in ("ADD", "DEL"):
                variant.together(command, pods, pid)
            for space in spaces.values():
                space.close()
            time.sleep(0.2)  # the kernel ends the namespaces in the background: not on the next one's time


def starts(subjects: list[Variant], rounds: int) -> None:
    """Calls that do nothing: a process (VERSION is answered by the shim), and one that asks the agent."""
    for _ in range(rounds):
        for variant in subjects:
            variant.one("VERSION", "x", "")
            if variant.name != "reference":
                variant.one("STATUS", "x", "")


async def plumbing(rounds: int) -> float:
    """Median milliseconds of the plumber alone, in this process."""
    plumber = VethPlumber()
    times = []
    for n in range(rounds):
        space = namespaces.fresh()
        outer = host_interface(f"b{n}", "eth0")
        endpoint = Endpoint(f"b{n}", "eth0", space.path, outer, (Address.parse(f"10.3.{n >> 8}.{n & 255}"),))
        started = time.perf_counter()
        await plumber.add(endpoint)
        times.append(time.perf_counter() - started)
        await plumber.remove(outer)
        space.close()
    plumber.close()
    return statistics.median(times) * 1000


def mean(before: tuple[float, float], after: tuple[float, float]) -> float:
    """Milliseconds a call between two readings."""
    return (after[0] - before[0]) / (after[1] - before[1]) * 1000


def report(subjects: list[Variant], spent: dict[str, float], busy: float, alone: float) -> Iterator[str]:
    yield "| | " + " | ".join(v.name for v in subjects) + " | C / reference | Python / reference |"
    yield "|---|" + "---|" * (len(subjects) + 2)
    rows = [("ADD p50", "ADD", 50), ("ADD p99", "ADD", 99), ("DEL p50", "DEL", 50), ("DEL p99", "DEL", 99)]
    rows += [(what, what, 50) for what in ("ADD parallel", "ADD processor", "DEL parallel", "DEL processor")]
    for label, what, percent in rows:
        values = [v.p(what, percent) for v in subjects]
        ratios = [
            f" **{value / values[0]:.2f}**{goal(label, v.name)} |"
            for v, value in zip(subjects[1:], values[1:], strict=True)
        ]
        words = label.replace("parallel", "50 at once, wall").replace("processor", "50 at once, processor")
        yield f"| {words}, ms |" + cells(values) + "".join(ratios)
    yield ""
    yield "| one ADD, ms | C | Python |"
    yield "|---|---|---|"
    ours = subjects[1:]
    yield "| a process that does nothing (VERSION) |" + cells(v.p("VERSION") for v in ours)
    yield "| through the socket and back (STATUS) |" + cells(v.p("STATUS") - v.p("VERSION") for v in ours)
    for phase, words in (("addresses", "address chosen and journalled"), ("plumbing", "netlink")):
        yield f"| {words} (mean of both) |" + cells([spent[phase]] * 2)
    yield ""
    yield f"Plumbing alone, p50: {alone:.2f} ms (goal: 2). The agent's processor time: {busy:.1f} ms an ADD and DEL."


def cells(values: Iterable[float]) -> str:
    return "".join(f" {value:.2f} |" for value in values)


def goal(label: str, name: str) -> str:
    limit = GOALS.get((label, name))
    return "" if limit is None else f" (≤ {limit})"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=200, help="calls one by one")
    options.add_argument("--parallel", type=int, default=5, help="rounds of 50 at once")
    chosen = options.parse_args()
    if os.geteuid():
        sys.exit("bench/cni.py needs root: it makes network namespaces")
    if not (REFERENCE / "ptp").exists():
        sys.exit("bench/cni.py needs the reference plugins: apt-get install containernetworking-plugins")
    if "ROMANA_BENCH" not in os.environ:
        command = ["unshare", "-n", "-m", "--propagation", "private", sys.executable, *sys.argv]
        sys.exit(
            subprocess.run(command, env={**os.environ, "ROMANA_BENCH": "inside"}, check=False).returncode
        )
    subprocess.run(["sh", "-ec", UPLINK], check=True)
    work = Path(tempfile.mkdtemp(prefix="romana-bench-", dir="/var/tmp"))
    try:
        with agent(work) as pid:
            subjects = variants(work, work / "run" / "agent.sock")
            starts(subjects, 3)
            sequential(subjects, 5)
            for variant in subjects:
                variant.times.clear()
            before, busy = phases(), processor(pid)
            sequential(subjects, chosen.rounds)
            busy = (processor(pid) - busy) / chosen.rounds / 2 * 1000
            spent = {name: mean(before.get(name, (0, 0)), now) for name, now in phases().items()}
            starts(subjects, 50)
            parallel(subjects, chosen.parallel, 50, pid)
        print("\n".join(report(subjects, spent, busy, asyncio.run(plumbing(chosen.rounds)))))
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
