"""The real agent on a real kernel: routes, pods, restarts, and what it costs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent_process import Node, segment, snapshot, until

from romana.model.host import HostName

pytestmark = [pytest.mark.root, pytest.mark.slow]


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Node]]:
    with segment(tmp_path) as made:
        yield made


def test_routes_come_back_foreign_ones_stay_and_all_outlive_the_agent(nodes: list[Node]) -> None:
    one = nodes[0]
    one.start()
    whole = {"10.1.0.0/16": "discard"}
    assert one.routes().items() >= whole.items()
    assert "fd00:1::/48" in one.routes(6)
    wanted = one.routes()
    for prefix in wanted:
        one.space.run(f"ip route del blackhole {prefix}")
    until("the deleted routes are back", lambda: one.routes() == wanted)
    one.space.run("ip route add 198.51.100.0/24 via 192.168.1.77; ip route add blackhole 10.99.0.0/16")
    one.space.run("ip route add blackhole 10.98.0.0/16 proto 201")
    until("what bears our mark and is not wanted is gone", lambda: "10.98.0.0/16" not in one.routes())
    foreign = one.space.run("ip route show proto boot; ip route show proto static")
    assert "198.51.100.0/24" in foreign
    assert "10.99.0.0/16" in foreign
    time.sleep(0.5)
    quiet = len(one.log())
    time.sleep(1.5)
    assert len(one.log()) == quiet, "nothing changes, nothing is logged"
    assert one.stop() == 0
    assert one.routes() == wanted
    assert one.log()[-1]["message"] == "stopped"


def test_pods_of_two_nodes_reach_each_other_the_moment_add_returns(nodes: list[Node]) -> None:
    one, two = nodes
    one.start()
    two.start()
    until("n1 routes n2's block", lambda: any("192.168.1.2" in rest for rest in one.routes().values()))
    until("n2 routes n1's block", lambda: any("192.168.1.1" in rest for rest in two.routes().values()))
    for node in nodes:
        until(
            "it routes the other's IPv6 block", lambda n=node: any("via" in r for r in n.routes(6).values())
        )
    a, b = one.add("a"), two.add("b")
    for address in b:
        one.pods["a"].run(f"ping -c 1 -W 2 {address}")
    for address in a:
        two.pods["b"].run(f"ping -c 1 -W 2 {address}")
        one.space.run(f"ping -c 1 -W 2 {address}")


def test_a_pods_route_that_somebody_deletes_comes_back(nodes: list[Node]) -> None:
    one = nodes[0]
    one.start()
    four, six = one.add("a")
    assert {four, six} <= one.routes().keys() | one.routes(6).keys()
    time.sleep(2.1)  # until then it is the plumber's business
    one.space.run(f"ip route del {four}; ip -6 route del {six}")
    until("it is back", lambda: four in one.routes() and six in one.routes(6))
    one.space.run(f"ping -c 1 -W 2 {four}")
    one.delete("a")
    until("it is gone with its pod", lambda: four not in one.routes() and six not in one.routes(6))


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
def test_a_restart_keeps_every_address_and_no_pod_notices(nodes: list[Node], kill: bool) -> None:
    one = nodes[0]
    one.start()
    held = {container: one.add(container) for container in ("a", "b", "c")}
    routes = one.routes()
    one.stop(kill=kill)
    one.space.run(f"ping -c 1 -W 2 {held['a'][0]}")
    one.start()
    assert one.routes().items() >= {p: r for p, r in routes.items() if r != "discard"}.items()
    fresh = one.add("d")
    assert fresh not in held.values()
    one.delete("b")
    one.pods["a"].run("ip link del eth0")  # the sandbox was rebuilt; the runtime asks again
    until("the pair is gone", lambda: held["a"][0] not in one.routes())
    assert one.add("a") == held["a"]
    until("the store's copy follows", lambda: mirrored(one) == {"a/eth0", "c/eth0", "d/eth0"})


def mirrored(node: Node) -> set[str]:
    blocks = snapshot(node.store).blocks(host=HostName(node.name))
    return {holding.name for block in blocks for holding in block.holdings.values()}


def test_without_the_store_it_starts_and_serves_from_its_journal(nodes: list[Node], tmp_path: Path) -> None:
    one = nodes[0]
    one.start()
    a = one.add("a")
    time.sleep(1.2)  # what the store said is remembered
    one.stop()
    away = tmp_path / "away.db"
    (tmp_path / "store.db").rename(away)
    (tmp_path / "store.db").mkdir()  # whoever opens it is refused
    seconds = one.start()
    assert seconds < 5
    before = one.routes()
    assert one.cni("STATUS", "a") == {}
    b = one.add("b")
    assert b != a
    assert one.routes().items() >= before.items()
    (tmp_path / "store.db").rmdir()
    away.rename(tmp_path / "store.db")
    until("it finds the store again", lambda: mirrored(one) == {"a/eth0", "b/eth0"}, 30)


def test_a_name_asked_for_on_the_command_line_is_the_agents_to_give(nodes: list[Node]) -> None:
    one = nodes[0]
    one.start()

    def romana(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(Path(sys.executable).with_name("romana")), *words],
            env=one.environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    given = romana("address", "allocate", "web", "--host", "n1", "-o", "json")
    assert given.returncode == 0, given.stderr
    address = json.loads(given.stdout)["address"]
    assert mirrored(one) == {"web"}
    assert romana("address", "allocate", "web", "--host", "n1").returncode == 4
    used = one.add("a")
    assert used[0] != address
    for what in ("a/eth0", used[0]):
        until("the store's copy follows", lambda: "a/eth0" in mirrored(one))
        refused = romana("address", "release", what)
        assert (refused.returncode, "[endpoint-alive]" in refused.stderr) == (3, True), refused.stderr
    assert f"{used[0]} and {used[1]} are in use by a/eth0, whose interface is there" in refused.stderr
    assert one.add("b")[0] != used[0]
    one.delete("a")
    assert romana("address", "release", "web").returncode == 0
    assert "web" not in mirrored(one)


def test_a_second_agent_and_a_stranger_are_refused_in_one_sentence(nodes: list[Node]) -> None:
    one = nodes[0]
    one.start()
    second = one.launch()
    assert second.wait(10) == 5
    text = (one.home / "log").read_text()
    assert "one agent a node" in text
    assert "Traceback" not in text
    forwarding = "cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding"
    before = nodes[1].space.run(f"sysctl -qw net.ipv4.ip_forward=0; {forwarding}")
    assert before.split() == ["0", "0"]
    stranger = nodes[1].launch(ROMANA_NODE="stranger")
    assert stranger.wait(10) == 2
    told = (nodes[1].home / "log").read_text()
    assert "host stranger is in no document and was not added; romana host add stranger" in told
    assert "Traceback" not in told
    assert nodes[1].space.run(forwarding) == before, "the machine of a stranger is left as it is"


def test_the_list_has_the_version_that_the_runtime_reads(nodes: list[Node]) -> None:
    one = nodes[0]
    one.start(ROMANA_CNI_VERSION="1.0.0")
    assert json.loads(one.conflist.read_text())["cniVersion"] == "1.0.0"


def test_the_budget(nodes: list[Node], record_property: pytest.RecordProperty) -> None:
    """Ready in a second (twice that on a busy machine), 45 MB."""
    one = nodes[0]
    seconds = min(_started(one) for _ in range(3))
    for i in range(10):
        one.add(f"c{i}")
    assert "romana_agent_allocations_total 10.0" in one.get("/metrics")
    rss = one.rss()
    print(f"ready after {seconds:.2f} s, {rss:.1f} MB resident")
    record_property("ready_seconds", round(seconds, 2))
    record_property("rss_mb", round(rss, 1))
    assert seconds < 2
    assert rss <= 45
    assert one.get("/readyz") == "ok\n"


def _started(node: Node) -> float:
    if node.process is not None:
        node.stop()
    return node.start()
