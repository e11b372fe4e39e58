"""Everything that happens to a network, in any order, and what must be true after every step."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest
from documents import Draft, Tree, network
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from romana.model.block import Writer
from romana.model.errors import ConfigError, PlanError, StaleError
from romana.model.host import HostName
from romana.model.topology import ROOT, BlockOwner, Placement
from romana.net.prefix import Prefix
from romana.plan.claim import take_host_prefix
from romana.testing import invariants
from romana.testing.datacentre import DataCentre

RACKS = st.sampled_from(["a", "b", ""])
TENANTS = st.sampled_from(["", "web", "db"])


class TopologyMachine(RuleBasedStateMachine):
    """The draft is what the operator has in the editor; only what `apply` accepts becomes the document."""

    def __init__(self) -> None:
        super().__init__()
        self.dc = DataCentre()
        self.draft = Draft()
        self.held: dict[str, tuple] = {}
        self.agents: set[str] = set()
        self.numbers = count(1)
        self.spaces = count(1)

    # ---- the operator ----

    def propose(self, draft: Draft, drain: bool) -> None:
        """Apply a draft. Refused or impossible, nothing at all has changed."""
        before = self.dc.snapshot
        try:
            self.dc.apply(draft.document(), drain=drain)
        except (PlanError, ConfigError) as refused:
            problems = refused.problems if refused.code in ("would-strand", "uncarvable") else ()
            assert problems, refused  # noqa: PT017
            assert self.dc.snapshot is before
        else:
            self.draft = draft
            if not any(n.draining for n in self.dc.layout.networks):
                invariants.require_converged(self.dc.snapshot)

    @initialize(
        families=st.sampled_from(["4", "6", "46"]),
        owner=st.sampled_from(BlockOwner),
        placed=st.sampled_from(Placement),
    )
    def start(self, families, owner, placed):
        draft = Draft()
        draft.networks["first"] = network("first", 0, families, owner, placed, 30.0)
        draft.trees = [Tree(["first"], {"1": {"assignment": {"rack": "a"}}, "2": {}, "2/x": {}})]
        self.propose(draft, drain=False)
        for host, rack, writer in [("first-a", "a", Writer.AGENT), ("first-b", "b", Writer.CENTRAL)]:
            self.dc.join(host, f"172.31.0.{len(self.dc.records) + 1}", rack=rack)
            self.agents |= {host} if writer is Writer.AGENT else set()
            for segment in ("", "s", ""):
                self.allocate_one(host, "web", segment, writer)

    @rule(
        families=st.sampled_from(["4", "6", "46"]),
        owner=st.sampled_from(BlockOwner),
        placed=st.sampled_from(Placement),
        own_tree=st.booleans(),
        tenants=st.sampled_from([(), ("web",)]),
    )
    def add_network(self, families, owner, placed, own_tree, tenants):
        if len(self.draft.networks) > 3:
            return
        draft, number = self.draft.copy(), next(self.spaces)
        name = f"net-{next(self.numbers)}"
        draft.networks[name] = replace(network(name, number, families, owner, placed, 0.0), tenants=tenants)
        if own_tree or not draft.trees:
            draft.trees.append(Tree([name], {"only": {}}))
        else:
            draft.trees[0].networks.append(name)
        self.propose(draft, drain=False)

    @precondition(lambda self: self.draft.networks)
    @rule(data=st.data(), drain=st.booleans())
    def remove_network(self, data, drain):
        draft = self.draft.copy()
        draft.drop_network(data.draw(st.sampled_from(sorted(draft.networks))))
        self.propose(draft, drain)

    @precondition(lambda self: self.draft.networks)
    @rule(data=st.data())
    def rename_network(self, data):
        draft, name = self.draft.copy(), f"net-{next(self.numbers)}"
        old = data.draw(st.sampled_from(sorted(draft.networks)))
        draft.networks = {
            name if n == old else n: replace(v, name=name) if n == old else v
            for n, v in draft.networks.items()
        }
        for tree in draft.trees:
            tree.networks = [name if n == old else n for n in tree.networks]
        ids = {n.id for n in self.dc.layout.networks}
        self.propose(draft, drain=False)
        assert {n.id for n in self.dc.layout.networks} <= ids

    @precondition(lambda self: self.draft.networks)
    @rule(data=st.data())
    def change_network(self, data):
        draft = self.draft.copy()
        name = data.draw(st.sampled_from(sorted(draft.networks)))
        old, number = draft.networks[name], next(self.spaces)
        change = data.draw(
            st.sampled_from(
                [
                    {"block_mask": 29, "block_mask6": 124},
                    {"block_mask": 31, "block_mask6": 126},
                    {"owner": BlockOwner.TENANT},
                    {"placement": Placement.PACKED},
                    {"reuse_delay": 0.0},
                    {"tenants": ("db",)},
                    {"prefixes": (*old.prefixes, Prefix.parse(f"10.200.{number}.0/26"))},
                    {"prefixes": old.prefixes[:1]},
                ]
            )
        )
        draft.networks[name] = replace(old, **change)
        self.propose(draft, drain=False)

    @precondition(lambda self: self.draft.trees)
    @rule(data=st.data(), rack=RACKS, hint=st.sampled_from([{}, {"weight": 3}, {"hosts_expected": 5}]))
    def add_group(self, data, rack, hint):
        draft = self.draft.copy()
        tree = data.draw(st.sampled_from(draft.trees))
        parents = [
            p for p in ["", *tree.groups] if not tree.groups.get(p, {}).get("hosts") and p.count("/") < 2
        ]
        parent = data.draw(st.sampled_from(parents))
        name = f"g{next(self.numbers)}"
        keys = {"assignment": {"rack": rack} if rack else {}, **hint}
        tree.groups[f"{parent}/{name}" if parent else name] = keys
        self.propose(draft, drain=False)

    @precondition(lambda self: any(t.groups for t in self.draft.trees))
    @rule(data=st.data(), drain=st.booleans())
    def remove_group(self, data, drain):
        draft = self.draft.copy()
        tree = data.draw(st.sampled_from([t for t in draft.trees if t.groups]))
        tree.remove(data.draw(st.sampled_from(sorted(tree.groups))))
        self.propose(draft, drain)

    @precondition(lambda self: any(t.groups for t in self.draft.trees))
    @rule(
        data=st.data(),
        change=st.sampled_from(
            [
                {"weight": 4},
                {"hosts_expected": 9},
                {"host_mask": 28, "host_mask6": 124},
                {"host_mask": None, "host_mask6": None},
                {"assignment": {"rack": "b"}},
                {"assignment": {}},
            ]
        ),
    )
    def change_group(self, data, change):
        draft = self.draft.copy()
        tree = data.draw(st.sampled_from([t for t in draft.trees if t.groups]))
        tree.groups[data.draw(st.sampled_from(sorted(tree.groups)))].update(change)
        self.propose(draft, drain=False)

    @precondition(lambda self: any(t.groups for t in self.draft.trees))
    @rule(data=st.data(), agent=st.booleans())
    def list_host(self, data, agent):
        draft, number = self.draft.copy(), next(self.numbers)
        tree = data.draw(st.sampled_from([t for t in draft.trees if t.groups]))
        leaf = data.draw(st.sampled_from(tree.leaves()))
        tree.groups[leaf].setdefault("hosts", {})[f"listed-{number}"] = (
            f"172.16.{number // 256}.{number % 256}"
        )
        if agent:
            self.agents.add(f"listed-{number}")
        self.propose(draft, drain=False)

    @precondition(lambda self: any(g.get("hosts") for t in self.draft.trees for g in t.groups.values()))
    @rule(data=st.data())
    def unlist_host(self, data):
        draft = self.draft.copy()
        places = [g["hosts"] for t in draft.trees for g in t.groups.values() if g.get("hosts")]
        hosts = data.draw(st.sampled_from(places))
        del hosts[data.draw(st.sampled_from(sorted(hosts)))]
        self.propose(draft, drain=False)

    @precondition(lambda self: self.dc.layout.networks)
    @rule(data=st.data())
    def reserve(self, data):
        live = data.draw(st.sampled_from(self.dc.layout.networks))
        space = data.draw(st.sampled_from(live.spec.prefixes))
        piece = data.draw(st.sampled_from([*space.split(space.length + 5)]))
        if not any(a in piece for addresses in self.held.values() for a in addresses):
            self.dc.reserve(live.name, piece)

    # ---- hosts ----

    @rule(rack=RACKS, agent=st.booleans())
    def join(self, rack, agent):
        number = next(self.numbers)
        name = f"node-{number}"
        try:
            self.dc.join(name, f"192.168.{number // 256}.{number % 256}", **({"rack": rack} if rack else {}))
        except PlanError:
            assert name not in self.dc.snapshot.hosts
            return
        if agent:
            self.agents.add(name)
        with pytest.raises(StaleError):
            self.dc.join(name, f"192.168.{number // 256}.{number % 256}")

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

    @invariant()
    def no_address_has_moved(self):
        found: dict[str, list] = {}
        for _, holding in self.dc.snapshot.holdings():
            found.setdefault(holding.name, []).append(holding.address)
        assert {name: tuple(sorted(addresses)) for name, addresses in found.items()} == self.held


class TestTopology(TopologyMachine.TestCase):
    settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
