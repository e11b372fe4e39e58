"""5,000 hosts in 200 racks: all tables in seconds, and the proof of them as well (processor time, margin of three)."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from romana.model.block import Block, Claim, Extent, Holding, Owner, Writer
from romana.model.host import HostName
from romana.model.snapshot import Snapshot
from romana.model.topology import Device, Document, Group, GroupPath, ListedHost, Network, Router, Topology
from romana.net.prefix import Address, Prefix
from romana.plan.changes import plan_document
from romana.plan.fib import fib, fibs
from romana.plan.place import resolve_hosts
from romana.plan.prove import prove

RACKS, HOSTS, BLOCKS, PODS = 200, 25, 8, 4
SPACE = Prefix.parse("10.0.0.0/8")


def rack(number: int) -> Group:
    def at(last: int) -> Address:
        return Address.of(4, (172 << 24) + (number << 8) + last)

    return Group(
        f"rack-{number}",
        hosts=tuple(ListedHost(f"node-{number}-{n}", (at(n + 10),)) for n in range(HOSTS)),
        host_mask=24,
        on_link=True,
        routers=(Router(f"tor-{number}", at(1)),),
    )


def snapshot() -> Snapshot:
    """Every host has its /24 with 8 blocks in it, 4 addresses held in each."""
    root = Group("", groups=tuple(map(rack, range(RACKS))))
    devices = tuple(Device(f"spine-{n}") for n in range(4))
    document = Document((Network("pods", (SPACE,), block_mask=27),), (Topology(("pods",), root),), devices)
    layout = plan_document(Snapshot(), document).layout
    (network,) = layout.networks
    extents, mirrors = {}, {}
    for number in range(RACKS):
        path = GroupPath(f"rack-{number}")
        own = network.carving[path][0].split(24)
        for n, prefix in zip(range(HOSTS), own, strict=False):
            owner, claims = Owner(HostName(f"node-{number}-{n}")), []
            for block in prefix.split(27):
                held = {a: Holding(a, f"pod-{a}") for a in map(block.address, range(PODS))}
                mirrors[network.id, block] = Block(network.id, block, path, owner, Writer.AGENT, 1, held)
                claims.append(Claim(block, owner, Writer.AGENT, 1))
            extents[network.id, prefix] = Extent(
                network.id, prefix, path, host=owner.host, blocks=tuple(claims), epoch=1
            )
    return Snapshot(layout=layout, hosts=resolve_hosts(layout, {}), extents=extents, mirrors=mirrors)


@pytest.mark.slow
def test_all_tables_and_their_proof_take_seconds():
    whole = snapshot()
    start = time.process_time()
    tables = fibs(whole)
    computed = time.process_time()
    assert prove(tables, whole) == []
    proved = time.process_time()
    assert len(tables) == RACKS * (HOSTS + 1) + 4
    assert [len(tables[n].routes) for n in ("spine-0", "tor-0")] == [RACKS + 1, HOSTS + 2]
    assert computed - start < 6
    assert proved - computed < 15

    start = time.process_time()
    assert fib("node-7-3", whole) == tables["node-7-3"]
    assert time.process_time() - start < 1


@pytest.mark.slow
def test_one_lost_route_among_all_is_found_and_told_in_one_line():
    whole = snapshot()
    tables = fibs(whole)
    tor = tables["tor-7"]
    lost = next(r for r in tor.routes if r.hops and r.hops[0].device == "node-7-3")
    tables["tor-7"] = replace(tor, routes=tuple(r for r in tor.routes if r is not lost))
    (told,) = prove(tables, whole)
    assert (told.where, told.holders, told.addresses) == ("tor-7", ("node-7-3",), BLOCKS * PODS)
    # everybody but the hosts of the rack, which share a link
    assert told.observers == RACKS * (HOSTS + 1) + 4 - HOSTS
