"""Agent and BIRD on a node, BIRD as its router: sessions on a routed port and on a shared segment."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from agent_process import Node, apply, until

from romana.testing import namespaces
from romana.testing.namespaces import Namespace

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.daemon("bird", "birdc")]

RACK = """
networks:
  - {name: pods, cidrs: [10.112.0.0/12, "fd00:112::/48"], block_mask: 28, reuse_delay: 0s}
topologies:
  - networks: [pods]
    map:
      - name: rack-1
        host_mask: 24
        host_mask6: 64
        routers: [{name: tor-1, address: 192.168.1.254, address6: "fd00:99::fe", asn: 65101}]
        hosts: [{name: n1, addresses: [192.168.1.1, "fd00:99::1"]}]
"""

TOR = """
router id 192.168.1.254;
protocol device {{ }}
protocol static up4 {{ ipv4; route 0.0.0.0/0 unreachable; route 10.120.0.0/13 unreachable;
  route 8.8.8.0/24 unreachable; route 10.112.0.9/32 unreachable; }}
protocol static up6 {{ ipv6; route ::/0 unreachable; }}
protocol kernel {{ ipv4 {{ import none; export where source = RTS_BGP; }}; }}
protocol kernel {{ ipv6 {{ import none; export where source = RTS_BGP; }}; }}
protocol bgp n1v4 {{ local 192.168.1.254 as 65101; neighbor 192.168.1.1 as 64999; passive; direct; hold time 9;
  ipv4 {{ import all; export where source = RTS_STATIC; next hop self; }}; }}
protocol bgp n1v6 {{ local fd00:99::fe as 65101; neighbor fd00:99::1 as 64999; passive; direct; hold time 9;
  ipv6 {{ import all; export where source = RTS_STATIC; next hop self; }}; }}
"""
SHARED = (
    "ip address add 192.168.1.{own}/24 dev eth0; ip link set eth0 up;"
    "ip -6 address add fd00:99::{own6}/64 dev eth0 nodad"
)
ROUTED = (
    "ip address add 192.168.1.{own} peer 192.168.1.{peer}/32 dev eth0; ip link set eth0 up;"
    "ip -6 address add fd00:99::{own6} peer fd00:99::{peer6}/128 dev eth0 nodad"
)


@dataclass
class Bird:
    space: Namespace
    home: Path

    def say(self, command: str) -> str:
        return subprocess.run(
            ["birdc", "-s", self.home / "bird.ctl", command], capture_output=True, text=True, check=False
        ).stdout

    def sessions(self) -> dict[str, str]:
        """BGP protocol to its state and since when."""
        rows = [line.split() for line in self.say("show protocols").splitlines()]
        return {row[0]: f"{row[-1]} {row[4]}" for row in rows if len(row) > 4 and row[1] == "BGP"}

    def established(self) -> bool:
        return [state.split()[0] for state in self.sessions().values()] == ["Established"] * 2


@contextmanager
def bird(space: Namespace, home: Path) -> Iterator[Bird]:
    """BIRD in a namespace with `home`/bird.conf, until the body ends."""
    argv = ["bird", "-f", "-c", home / "bird.conf", "-s", home / "bird.ctl", "-P", home / "bird.pid"]
    process = subprocess.Popen(
        ["nsenter", f"--net={space.path}", *argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until("BIRD listens", (home / "bird.ctl").exists)
        yield Bird(space, home)
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def rack(tmp_path: Path, wire: str) -> Iterator[tuple[Node, Bird]]:
    """A node n1 and its router, cabled."""
    store = f"sqlite://{tmp_path}/store.db"
    apply(store, RACK)
    with ExitStack() as stack:
        tor = namespaces.fresh()
        stack.callback(tor.close)
        node = Node("n1", namespaces.fresh(), tmp_path / "n1", store)
        stack.callback(node.close)
        tor.run(f"ip link set lo up; ip link add eth0 type veth peer name eth0 netns {node.space.path}")
        tor.run(wire.format(own=254, peer=1, own6="fe", peer6="1"))
        node.space.run("ip link set lo up;" + wire.format(own=1, peer=254, own6="1", peer6="fe"))
        home = tmp_path / "tor"
        home.mkdir()
        (home / "bird.conf").write_text(TOR.format())
        yield node, stack.enter_context(bird(tor, home))


@pytest.mark.parametrize("wire", [SHARED, ROUTED], ids=["shared segment", "routed port"])
def test_the_router_gets_the_hosts_prefix_and_the_node_a_default(tmp_path: Path, wire: str) -> None:
    with rack(tmp_path, wire) as (node, tor):
        node.start()
        assert (tmp_path / "n1" / "run" / "bird.conf").exists(), "written before anybody is told to be ready"
        with bird(node.space, tmp_path / "n1" / "run") as own:
            until(lambda: f"both sessions are up: {own.sessions()}", own.established, 20)
            until("the router routes the prefix", lambda: "10.112.0.0/24 via" in tor.space.run("ip route"))
            until("in both families", lambda: "fd00:112::/64 via" in tor.space.run("ip -6 route"))
            until("the node has a default", lambda: "proto bird" in node.space.run("ip route show default"))
            until("in both", lambda: "proto bird" in node.space.run("ip -6 route show default"))
            learned = node.space.run("ip route show proto bird")
            assert "10.120.0.0/13" not in learned, "part of a group is no prefix of the plan"
            assert "8.8.8.0/24" not in learned, "what the topology does not know is not believed"
            assert "10.112.0.9" not in learned, "nor what is longer than any group"
            told = tor.space.run("ip route show proto bird").splitlines()
            assert [line.split()[0] for line in told] == ["10.112.0.0/24"], "only what the node owns"
            assert node.routes()["10.112.0.0/24"] == "discard"
            since = own.sessions()
            updates = tor.say("show protocols all n1v4")
            pods = [node.add(f"c{i}") for i in range(20)]
            tor.space.run(f"ping -c 1 -W 2 {pods[-1][0]}; ping -c 1 -W 2 {pods[-1][1]}")
            node.pods["c3"].run("ping -c 1 -W 2 192.168.1.254; ping -c 1 -W 2 fd00:99::fe")
            assert own.sessions() == since, "no session was touched"
            assert _updates(tor.say("show protocols all n1v4")) == _updates(updates), "nor an update sent"
            print(f"with a router: {node.rss():.1f} MB resident")
            assert node.rss() <= 45
            assert node.stop() == 0
            assert own.sessions() == since, "the agent may go, the routes stay"


def _updates(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if "Import updates" in line or "withdraws" in line]


def test_a_change_of_the_topology_reaches_the_running_daemon_without_ending_its_session(
    tmp_path: Path,
) -> None:
    with rack(tmp_path, SHARED) as (node, tor):
        node.start()
        with bird(node.space, tmp_path / "n1" / "run") as own:
            until("both sessions are up", own.established, 20)
            since = own.sessions()
            more = RACK.replace("topologies:", "  - {name: more, cidr: 10.64.0.0/16}\ntopologies:")
            apply(node.store, more.replace("networks: [pods]", "networks: [pods, more]"))
            until(
                "the new network's prefix arrives",
                lambda: "10.64.0.0/24 via" in tor.space.run("ip route"),
                15,
            )
            assert own.sessions() == since
            changed = [line for line in node.log() if line.get("event") == "speaker"]
            assert 1 <= len(changed) <= 3
            (tmp_path / "n1" / "run" / "bird.conf").write_text("# somebody's own idea\n")
            apply(
                node.store, RACK.replace("topologies:", "  - {name: more, cidr: 10.64.0.0/16}\ntopologies:")
            )
            until(
                "what the agent writes is back",
                lambda: "protocol bgp" in (tmp_path / "n1" / "run" / "bird.conf").read_text(),
            )
            assert own.sessions() == since
