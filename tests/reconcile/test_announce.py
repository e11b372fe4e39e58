"""What a node announces: what it owns, once per router and family, and never more."""

from __future__ import annotations

from node_world import FaultyStore, Node, node, stored

from romana.model.host import HostName
from romana.model.speaker import Speaking
from romana.net.aggregate import aggregate
from romana.plan.announce import speaking
from romana.testing.journal import MemoryJournal
from romana.testing.time import run_virtually

RACK = """
networks:
  - {name: pods, cidrs: [10.112.0.0/12, "fd00:112::/48"], block_mask: 26}
  - {name: extra, cidr: 10.8.0.0/16, block_mask: 28}
topologies:
  - networks: [pods, extra]
    map:
      - name: rack-1
        OPTIONS
        routers:
          - {name: tor-1a, address: 192.168.1.1, address6: "fd00:1::1", asn: 65101}
          - {name: tor-1b, address: 192.168.1.2, asn: 65102}
        hosts:
          - {name: n1, addresses: [192.168.1.10, "fd00:1::10"]}
          - {name: n2, addresses: [192.168.1.11]}
      - name: rack-2
        hosts: [{name: n3, ip: 192.168.2.1}]
"""


def told(options: str, name: str = "n1", pods: int = 0) -> tuple[Speaking | None, set[str]]:
    """Return what the node says after that many pods, and its blocks aggregated."""

    async def story() -> tuple[Speaking | None, set[str]]:
        store = FaultyStore(await stored(RACK.replace("OPTIONS", options)))
        n = Node(store, MemoryJournal(), name)
        await n.look()
        await n.blocks.once()
        for i in range(pods):
            await n.add(f"c{i}", network="pods" if name != "n2" else "extra")
        own = {str(p) for p in aggregate(c.prefix for c in await n.claims_of())}
        return speaking(n.view.snapshot, HostName(name)), own

    return run_virtually(story())


def sessions(plan: Speaking | None) -> list[tuple[str, str, tuple[str, ...]]]:
    assert plan is not None
    return [(s.router, str(s.remote), tuple(map(str, s.announced))) for s in plan.sessions]


def test_a_planned_host_announces_its_prefixes_whatever_its_pods() -> None:
    options = "host_mask: 24\n        host_mask6: 64"
    empty, _ = told(options)
    full, _ = told(options, pods=100)
    assert sessions(empty) == sessions(full)
    assert [(router, remote, len(prefixes)) for router, remote, prefixes in sessions(full)] == [
        ("tor-1a", "192.168.1.1", 2),
        ("tor-1a", "fd00:1::1", 1),
        ("tor-1b", "192.168.1.2", 2),
    ]
    assert {p.rpartition("/")[2] for _, _, prefixes in sessions(full) for p in prefixes} == {"24", "64"}


def test_without_a_prefix_of_its_own_it_announces_its_blocks_aggregated() -> None:
    for options in ("announce: host", "announce: blocks\n        host_mask: 24"):
        plan, own = told(options, pods=100)
        assert {p for _, _, prefixes in sessions(plan) for p in prefixes} == own


def test_it_may_be_told_to_announce_nothing() -> None:
    plan, own = told("announce: none", pods=5)
    assert own
    assert all(prefixes == () for _, _, prefixes in sessions(plan))


def test_what_it_believes_is_the_default_and_prefixes_of_groups() -> None:
    plan, _ = told("host_mask: 24")
    assert plan is not None
    four = next(s for s in plan.sessions if s.version == 4)
    assert [(str(a.prefix), a.longest) for a in four.accepted] == [("10.112.0.0/12", 13), ("10.8.0.0/16", 17)]


def test_a_node_without_routers_or_without_a_place_speaks_to_nobody() -> None:
    assert told("host_mask: 24", "n3")[0] is None

    async def story() -> None:
        async with node() as n:
            assert speaking(n.view.snapshot, HostName("stranger")) is None

    run_virtually(story())


def test_a_node_of_one_family_peers_in_that_one_only() -> None:
    plan, _ = told("host_mask: 24", "n2")
    assert {remote for _, remote, _ in sessions(plan)} == {"192.168.1.1", "192.168.1.2"}
    assert plan is not None
    assert str(plan.router_id) == "192.168.1.11"


def test_routers_of_other_protocols_are_left_to_others() -> None:
    async def story() -> None:
        text = RACK.replace("OPTIONS", "host_mask: 24").replace("asn: 6510", "protocol: none, asn: 6510")
        n = Node(FaultyStore(await stored(text)), MemoryJournal())
        await n.look()
        assert speaking(n.view.snapshot, HostName("n1")) is None

    run_virtually(story())
