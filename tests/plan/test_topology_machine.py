"""Everything that happens to a network, in any order, and what must be true after every step."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule
from machine_operator import RACKS, Operator
from plan_drafts import addresses

from romana.model.block import Writer
from romana.model.errors import PlanError, StaleError
from romana.model.host import HostName
from romana.model.topology import ROOT
from romana.plan.claim import take_host_prefix
from romana.testing import invariants

TENANTS = st.sampled_from(["", "web", "db"])


class TopologyMachine(Operator):
    """Hosts come and go, agents and the central writer allocate, and the operator edits the document."""

    # ---- hosts ----

    @rule(rack=RACKS, agent=st.booleans())
    def join(self, rack, agent):
        number = next(self.numbers)
        name = f"node-{number}"
        try:
            self.dc.join(name, *addresses(number), **({"rack": rack} if rack else {}))
        except PlanError:
            assert name not in self.dc.snapshot.hosts
            return
        if agent:
            self.agents.add(name)
        with pytest.raises(StaleError):
            self.dc.join(name, *addresses(number))

    @precondition(lambda self: self.dc.records)
    @rule(data=st.data(), rack=RACKS)
    def relabel(self, data, rack):
        name = data.draw(st.sampled_from(sorted(self.dc.snapshot.hosts)))
        self.dc.relabel(name, {"rack": rack} if rack else {})

    @rule()
    def move(self):
        self.dc.move()

    @precondition(lambda self: any(not h.listed for h in self.dc.records.values()))
    @rule(data=st.data())
    def leave(self, data):
        name = data.draw(st.sampled_from(sorted(n for n, h in self.dc.records.items() if not h.listed)))
        busy = any(b.holdings for b in self.dc.snapshot.blocks(host=name))
        if not busy:
            self.dc.leave(name)

    @precondition(lambda self: self.dc.snapshot.hosts and self.dc.layout.networks)
    @rule(data=st.data())
    def take_host_prefix(self, data):
        host = data.draw(st.sampled_from(sorted(self.dc.snapshot.hosts)))
        live = data.draw(st.sampled_from(self.dc.layout.networks))
        for version in live.spec.versions:
            try:
                extent = take_host_prefix(self.dc.snapshot, live, HostName(host), version)
            except PlanError:
                continue
            if extent is not None:
                self.dc.put_extent(extent)

    @precondition(lambda self: any(True for _ in self.dc.snapshot.blocks()))
    @rule()
    def yield_empty_blocks(self):
        for block in [*self.dc.snapshot.blocks()]:
            if not block.holdings:
                self.dc.yield_(block)

    # ---- addresses ----

    @precondition(lambda self: self.dc.snapshot.hosts)
    @rule(data=st.data(), tenant=TENANTS, segment=st.sampled_from(["", "s"]), many=st.integers(1, 9))
    def allocate(self, data, tenant, segment, many):
        self.allocate_many(data, tenant, segment, many)

    @precondition(lambda self: self.dc.snapshot.hosts)
    @rule(data=st.data(), tenant=TENANTS, many=st.integers(5, 40))
    def allocate_until_full(self, data, tenant, many):
        self.allocate_many(data, tenant, "", many)

    def allocate_many(self, data, tenant, segment, many):
        host = data.draw(st.sampled_from(sorted(self.dc.snapshot.hosts)))
        writer = Writer.AGENT if host in self.agents else Writer.CENTRAL
        for _ in range(many):
            self.allocate_one(host, tenant, segment, writer)

    def allocate_one(self, host, tenant, segment, writer):
        name = f"pod-{next(self.numbers)}"
        before = self.dc.snapshot
        try:
            got = self.dc.allocate(name, host, tenant=tenant, segment=segment, writer=writer)
        except PlanError:
            return
        self.held[name] = tuple(h.address for h in got)
        block = next(b for b in self.dc.snapshot.blocks() if got[0].address in b.prefix)
        live = self.dc.layout.by_id(block.network)
        assert tuple(a.version for a in self.held[name]) == live.spec.versions
        assert not any(a in p for a in self.held[name] for p in self.dc.snapshot.reserved(live))
        assert tenant in live.spec.tenants or not live.spec.tenants
        assert not live.draining & {ROOT, self.dc.snapshot.hosts[HostName(host)].groups[live.id]}
        assert self.dc.allocate(name, host, tenant=tenant, segment=segment, writer=writer) == got
        if [*before.claims()] == [*self.dc.snapshot.claims()]:
            seen = [invariants.elsewhere(s, HostName(host)) for s in (before, self.dc.snapshot)]
            assert seen[0] == seen[1]

    @precondition(lambda self: self.held)
    @rule(data=st.data(), many=st.integers(1, 9))
    def release(self, data, many):
        for name in data.draw(st.permutations(sorted(self.held)))[:many]:
            self.dc.release(name)
            del self.held[name]

    @rule(seconds=st.sampled_from([1.0, 20.0, 60.0]))
    def wait(self, seconds):
        self.dc.now += seconds

    # ---- always ----

    @invariant()
    def invariants_hold(self):
        invariants.require(self.dc.snapshot)

    @rule()
    def every_address_is_delivered(self):
        invariants.require_delivered(self.dc.snapshot)

    @invariant()
    def no_address_has_moved(self):
        found: dict[str, list] = {}
        for _, holding in self.dc.snapshot.holdings():
            found.setdefault(holding.name, []).append(holding.address)
        assert {name: tuple(sorted(addresses)) for name, addresses in found.items()} == self.held


class TestTopology(TopologyMachine.TestCase):
    settings = settings(max_examples=10, stateful_step_count=20, deadline=None)


@pytest.mark.slow
class TestTopologyForLonger(TopologyMachine.TestCase):
    settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
