"""The scenario `leaf-spine`, as a user goes through it: FRR, BIRD, agents and the CNI plugin are the real ones."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from lab_harness import LabUser, command, outside, until

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.daemon("bird", "/usr/lib/frr/zebra", "/usr/lib/frr/bgpd"),
    pytest.mark.xdist_group("lab"),
]


@pytest.fixture(scope="module")
def lab() -> Iterator[LabUser]:
    user, before = LabUser(f"leaf-spine-{os.getpid()}"), outside()
    try:
        took = user.up("leaf-spine")
        print(f"up took {took:.1f} s; 12 is the goal on an idle machine")
        yield user
        os.kill(user.first_process(), signal.SIGKILL)
        assert until(lambda: user.traces() == [], 5), user.traces()
        assert outside() == before
    finally:
        user.run("lab", "down")


def test_what_there_is(lab: LabUser) -> None:
    status = lab.ask("status")
    assert set(status) == {"name", "state", "devices", "pods"}
    assert status["state"] == "running"
    assert Counter(d["kind"] for d in status["devices"]) == {"spine": 2, "tor": 3, "node": 9}
    assert Counter(p["node"] for p in status["pods"]) == {f"node-{i}": 2 for i in range(1, 10)}
    assert all(set(pod) == {"name", "node", "addresses"} for pod in status["pods"])


def test_every_pod_reaches_every_other_one(lab: LabUser) -> None:
    assert lab.ask("ping") == {"pairs": 306, "failed": []}
    assert lab.run("lab", "ping").stdout == "all 306 pairs of pods reach each other\n"


def test_a_spine_holds_one_route_for_each_rack(lab: LabUser) -> None:
    for spine in ("spine-1", "spine-2"):
        kinds = Counter(route["kind"] for route in lab.routes(spine))
        assert kinds == {"group": 3, "discard": 1}


def test_the_kernels_tables_are_proved(lab: LabUser) -> None:
    assert until(
        lambda: len(lab.ask_romana("address", "list")) == 18
    )  # agents mirror to the store a little later
    assert "14 devices" in lab.prove()


def test_racks_reach_each_other_by_the_spine_that_is_left(lab: LabUser) -> None:
    """A ToR needs the other racks' routes: by the default route alone half of the flows would meet spine-1."""
    with lab.cut("tor-2:spine-1"):
        assert until(lab.reach)
        tables = lab.run("lab", "routes", "-o", "json").stdout
        done = lab.run("verify", "--tables", "-", stdin=tables)
        assert done.returncode == 6
        assert "from spine-1: spine-1 -> discarded at spine-1" in done.stdout + done.stderr


def test_pods_cause_no_change_beyond_their_node(lab: LabUser) -> None:
    assert until(lambda: lab.ask("counters") == lab.ask("counters"), 20)
    before = lab.ask("counters")
    added = lab.ask("pod", "add", "--count", "9")
    assert [pod["name"] for pod in added] == [f"pod-{n}" for n in range(19, 28)]
    assert until(lab.reach)
    assert lab.ask("ping")["pairs"] == 27 * 26
    lab.ask("pod", "remove", *(pod["name"] for pod in added))
    assert len(lab.ask("pod", "list")) == 18
    assert lab.ask("counters") == before


def test_a_cut_link_is_noticed_and_healed(lab: LabUser) -> None:
    (prefix,) = [r["prefix"] for r in lab.routes("tor-2", "host") if r["device"] == "node-5"]
    assert until(lambda: lab.ask("counters") == lab.ask("counters"), 20)
    before = _counters(lab)
    with lab.cut("tor-2:node-5") as changed:
        assert changed == ["node-5:tor-2"]
        assert lab.ask("status")["state"] == "degraded"
        assert until(lambda: prefix not in {r["prefix"] for r in lab.routes("tor-2")}, 10)
        done = lab.run("lab", "ping")
        assert done.returncode == 6
        assert done.stdout.startswith("FROM")
        assert "of 306 pairs of pods do not reach each other" in done.stderr
        outcasts = {p["name"] for p in lab.ask("pod", "list") if p["node"] == "node-5"}
        assert all(outcasts & {f["source"], f["target"]} for f in lab.ask("ping")["failed"])
    assert prefix in {r["prefix"] for r in lab.routes("tor-2", "host")}
    assert lab.ask("status")["state"] == "running"
    after = _counters(lab)
    for device in ("spine-1", "spine-2", "tor-1"):
        assert after[device] == before[device]
    # One route went and came back, nobody else's: all ports of a router bear its address, and FRR
    # must not take the session of one for that of another.
    assert after["tor-2"]["updates_sent"] - before["tor-2"]["updates_sent"] <= 3


def test_a_spine_can_be_lost(lab: LabUser) -> None:
    with lab.cut("spine-1") as changed:
        assert len(changed) == 3
        assert until(lab.reach)
    both = {"spine-1", "spine-2"}
    assert until(lambda: all(_behind(r) == both for r in lab.routes("tor-1", "group", "router")))


def _counters(lab: LabUser) -> dict[str, dict[str, Any]]:
    return {row["device"]: row for row in lab.ask("counters")}


def _behind(route: dict[str, Any]) -> set[str]:
    """The devices behind the next hops of a route."""
    return {hop["device"] for hop in route.get("hops", [route])}


def test_an_agent_that_dies_comes_back_and_forgets_nothing(lab: LabUser) -> None:
    pod = lab.ask("pod", "list")[0]
    (agent,) = (pid for pid in lab.processes("ROMANA_NODE=node-1") if "romana.apps.agent" in command(pid))
    os.kill(agent, signal.SIGKILL)
    assert until(lambda: lab.ask("status")["state"] == "degraded")
    assert until(lambda: lab.run("lab", "pod", "add", "again", "--node", "node-1").returncode == 0)
    assert until(lambda: lab.ask("status")["state"] == "running")
    assert until(lab.reach)
    assert lab.ask("pod", "list")[0] == pod
    lab.ask("pod", "remove", "again")


@pytest.mark.parametrize(("device", "daemon"), [("node-2", "bird"), ("tor-2", "bgpd"), ("spine-2", "zebra")])
def test_a_daemon_that_dies_comes_back_with_its_configuration(lab: LabUser, device: str, daemon: str) -> None:
    wanted = "/nodes/node-2/" if daemon == "bird" else f"-N {device} "
    (victim,) = (pid for pid in lab.processes() if daemon in command(pid) and wanted in command(pid))
    os.kill(victim, signal.SIGKILL)
    assert until(lambda: lab.ask("status")["state"] == "degraded")
    assert until(lambda: lab.ask("status")["state"] == "running")
    assert until(lab.reach)
    assert until(lambda: len(lab.routes("spine-2", "group")) == 3)
    assert until(lambda: len(lab.routes("tor-2", "host")) == 3)


def test_commands_run_inside_devices(lab: LabUser) -> None:
    assert lab.run("lab", "exec", "tor-1", "--", "sh", "-c", "exit 7").returncode == 7
    assert (
        "AS number 65101"
        in lab.run("lab", "exec", "tor-1", "vtysh", "-N", "tor-1", "-c", "show bgp summary").stdout
    )
    shown = lab.run(
        "lab", "exec", "node-3", "--", "sh", "-c", 'birdc -s "$ROMANA_RUN_DIR/bird.ctl" show protocols'
    ).stdout
    assert "Established" in shown
    (address,) = lab.ask("pod", "list")[0]["addresses"]
    assert address in lab.run("lab", "exec", "pod-1", "ip", "-4", "address").stdout
    assert "bird" in lab.run("lab", "logs", "node-1").stdout


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (("status", "--name", "nobody"), 2, "no-lab"),
        (("exec", "node-99", "true"), 2, "lab-unknown"),
        (("fail", "node-1:spine-1"), 2, "lab-unknown"),
        (("routes", "node-99"), 2, "lab-unknown"),
        (("ping", "pod-99"), 2, "lab-unknown"),
        (("pod", "remove", "pod-99"), 2, "lab-unknown"),
        (("pod", "add", "--node", "spine-1"), 2, "lab-unknown"),
        (("pod", "add", "pod-1"), 4, "lab-pod-exists"),
        (("pod", "add", "x", "x"), 4, "lab-pod-exists"),
        (("pod", "add", "node-1"), 4, "lab-pod-exists"),
        (("up", "flat"), 4, "lab-exists"),
    ],
)
def test_what_cannot_be(lab: LabUser, words: tuple[str, ...], status: int, code: str) -> None:
    done = lab.run("lab", *words)
    assert (done.returncode, f"[{code}]" in done.stderr) == (status, True), done.stderr
    assert "Traceback" not in done.stderr


def test_the_picture_shows_what_runs(lab: LabUser) -> None:
    svg = lab.run("lab", "picture").stdout
    assert svg.startswith("<svg")
    assert svg.rstrip().endswith("</svg>")
    assert svg.count("<circle") == 18
    assert svg.count(">3 routes<") == 2
