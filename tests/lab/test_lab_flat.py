"""Flat labs: two families, several at once, and what is left of them however they end: nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lab_harness import LabUser, command, outside, until

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.xdist_group("lab")]


@pytest.fixture(scope="module")
def lab() -> Iterator[LabUser]:
    user = LabUser(f"flat-{os.getpid()}")
    try:
        took = user.up("flat")
        print(f"up took {took:.1f} s; 5 is the goal on an idle machine")
        yield user
    finally:
        user.run("lab", "down")


def test_both_families_reach_all_pods(lab: LabUser) -> None:
    assert all(len(pod["addresses"]) == 2 for pod in lab.ask("pod", "list"))
    assert lab.ask("ping") == {"pairs": 2 * 8 * 7, "failed": []}


def test_every_node_routes_to_every_other(lab: LabUser) -> None:
    for number in range(1, 5):
        behind = {route["device"] for route in lab.routes(f"node-{number}", "host")}
        assert behind == {f"node-{n}" for n in range(1, 5)} - {f"node-{number}"}
    assert until(lambda: len(lab.ask_romana("address", "list")) == 8)
    assert "4 devices" in lab.prove()


def test_a_node_that_was_cut_off_recovers(lab: LabUser) -> None:
    assert lab.ask("fail", "node-2") == ["node-2:switch"]
    assert not lab.reach()
    lab.ask("heal", "node-2")
    assert until(lab.reach)


def test_a_new_pod_is_reachable_when_it_is_there(lab: LabUser) -> None:
    lab.ask("pod", "add", "late", "--node", "node-4")
    assert lab.ask("ping", "late", "pod-1", "--wait", "3") == {"pairs": 4, "failed": []}
    lab.ask("pod", "remove", "late")


def test_addresses_are_listed_by_pod_and_a_removed_pod_may_come_back_at_once(lab: LabUser) -> None:
    def holders() -> set[str]:
        return {held["name"] for held in lab.ask_romana("address", "list")}

    for node in ("node-1", "node-1", "node-2"):
        lab.ask("pod", "add", "again", "--node", node)
        assert lab.ask("ping", "again", "pod-3", "--wait", "3")["failed"] == []
        lab.ask("pod", "remove", "again")
    pods = {f"pod-{number}/eth0" for number in range(1, 9)}
    assert until(lambda: holders() == pods, 10), holders()


def test_several_labs_do_not_see_each_other(lab: LabUser, tmp_path: Path) -> None:
    other = LabUser(f"other-{os.getpid()}")
    document = tmp_path / "dc.yaml"
    document.write_text(
        "networks: [{name: pods, cidr: 10.112.0.0/16}]\n"
        "topologies: [{networks: [pods], map: [{hosts: [{name: a, addresses: [10.0.0.1]}]}]}]\n"
    )
    before = lab.ask("status")
    try:
        other.up(str(document), "--pods", "3")
        assert other.ask("ping") == {"pairs": 6, "failed": []}
        assert {lab.name, other.name} <= {row["name"] for row in lab.ask("list")}
        unnamed = LabUser("x")
        del unnamed.env["ROMANA_LAB"]
        done = unnamed.run("lab", "status")
        assert (done.returncode, "[which-lab]" in done.stderr) == (2, True)
        assert lab.ask("status") == before
    finally:
        other.run("lab", "down")
    assert other.traces() == []
    assert lab.reach()


def test_down_leaves_nothing_and_can_be_said_once() -> None:
    before = outside()
    user = LabUser(f"brief-{os.getpid()}")
    user.up("flat", "--pods", "1")
    assert len(user.processes()) > 5
    assert user.run("lab", "down").returncode == 0
    assert until(lambda: user.traces() == [], 2), user.traces()
    assert outside() == before
    done = user.run("lab", "down")
    assert (done.returncode, "[no-lab]" in done.stderr) == (2, True)


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.floats(0.05, 3.0), st.booleans())
def test_killed_at_any_moment_it_leaves_nothing(moment: float, everything: bool) -> None:
    before = outside()
    user = LabUser(f"killed-{os.getpid()}")
    starting = user.start("flat")
    time.sleep(moment)
    victims = user.processes()
    inner = [pid for pid in victims if "romana.lab" in command(pid)]
    for pid in inner if everything else inner[:1]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it ended with another one
    starting.communicate(timeout=60)
    user.run("lab", "down")  # where the moment came before the lab was there, it came up
    assert until(lambda: user.traces() == [], 5), user.traces()
    assert outside() == before


def test_a_starter_that_goes_away_takes_the_lab_with_it() -> None:
    user = LabUser(f"left-{os.getpid()}")
    starting = user.start("flat")
    assert until(lambda: len(user.processes()) > 4, 10)
    starting.kill()
    starting.communicate(timeout=10)
    assert until(lambda: user.traces() == [], 5), user.traces()
