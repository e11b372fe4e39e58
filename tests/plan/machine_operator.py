"""What an operator does to the document, as rules of a state machine."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from plan_drafts import Draft, Tree, addresses, network

from romana.model.block import Writer
from romana.model.errors import ConfigError, PlanError
from romana.model.topology import BlockOwner, Placement
from romana.net.prefix import Prefix
from romana.testing import invariants
from romana.testing.datacentre import DataCentre

RACKS = st.sampled_from(["a", "b", ""])


class Operator(RuleBasedStateMachine):
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
            problems = refused.problems if refused.code in ("would-strand", "uncarvable", "no-room") else ()
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
        routed=st.booleans(),
    )
    def start(self, families, owner, placed, routed):
        draft = Draft(routed=routed)
        draft.networks["first"] = network("first", 0, families, owner, placed, 30.0)
        draft.trees = [Tree(["first"], {"1": {"assignment": {"rack": "a"}}, "2": {}, "2/x": {}})]
        self.propose(draft, drain=False)
        for host, rack, writer in [("first-a", "a", Writer.AGENT), ("first-b", "b", Writer.CENTRAL)]:
            self.dc.join(host, *addresses(next(self.numbers)), rack=rack)
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
        tree.groups[leaf].setdefault("hosts", {})[f"listed-{number}"] = addresses(number)
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
