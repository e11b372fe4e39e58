"""Several nodes on one store through allocations, releases, restarts and every kind of fault.

After every step no address is held twice and whatever was answered is in its node's journal; at rest
store and nodes agree.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from node_world import DUAL, FAULTS, PACKED, PLANNED, FaultyStore, Node, stored

from romana.model.errors import RomanaError
from romana.testing.journal import MemoryJournal
from romana.testing.time import VirtualLoop

NAMES = ("n1", "n2", "n3")
SMALL = {
    "dual": DUAL.replace("10.1.0.0/16", "10.1.0.0/26").replace("fd00:1::/48", "fd00:1::/120"),
    "packed": PACKED.replace("10.1.0.0/16", "10.1.0.0/26"),
    "planned": PLANNED.replace("10.1.0.0/16", "10.1.0.0/26").replace("host_mask: 24", "host_mask: 28"),
}
nodes = st.sampled_from(NAMES)
containers = st.sampled_from("abcdefgh")


class Nodes(RuleBasedStateMachine):
    text = SMALL["dual"]

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.nodes: dict[str, Node] = {}
        self.answered: dict[tuple[str, str], tuple[str, ...]] = {}

    def teardown(self) -> None:
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    def run(self, story: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(story)

    @initialize()
    def start(self) -> None:
        async def make() -> None:
            store = await stored(self.text)
            for name in NAMES:
                self.nodes[name] = Node(FaultyStore(store), MemoryJournal(), name)
                await self.nodes[name].look()

        self.run(make())

    @rule(name=nodes, container=containers)
    def add(self, name: str, container: str) -> None:
        try:
            got = self.run(self.nodes[name].add(container, segment="x"))
        except RomanaError:
            assert (name, container) not in self.answered, "what is held is given again"
        else:
            assert self.answered.setdefault((name, container), got) == got

    @rule(name=nodes, count=st.integers(2, 6))
    def add_many(self, name: str, count: int) -> None:
        async def all_at_once() -> list[Any]:
            adds = (self.nodes[name].add(c, segment="x") for c in "abcdefgh"[:count])
            return await asyncio.gather(*adds, return_exceptions=True)

        for container, got in zip("abcdefgh", self.run(all_at_once()), strict=False):
            if isinstance(got, tuple):
                assert self.answered.setdefault((name, container), got) == got
            else:
                assert isinstance(got, RomanaError), got

    @rule(name=nodes, container=containers)
    def delete(self, name: str, container: str) -> None:
        try:
            self.run(self.nodes[name].delete(container))
        except RomanaError:
            pass
        else:
            self.answered.pop((name, container), None)

    @rule(name=nodes, call=st.sampled_from(["read", "swap"]), fault=st.sampled_from(FAULTS))
    def break_a_call(self, name: str, call: str, fault: str) -> None:
        self.nodes[name].store.fault = (call, fault)

    @rule(name=nodes)
    def store_away(self, name: str) -> None:
        self.nodes[name].store.away = True

    @rule(name=nodes)
    def store_back(self, name: str) -> None:
        self.nodes[name].store.away = False

    @rule(name=nodes)
    def journal_full(self, name: str) -> None:
        self.nodes[name].journal.full = True

    @rule(name=nodes)
    def journal_roomy(self, name: str) -> None:
        self.nodes[name].journal.full = False

    @rule(name=nodes)
    def late_swaps_arrive(self, name: str) -> None:
        self.run(self.nodes[name].store.deliver())

    @rule(name=nodes)
    def a_pass(self, name: str) -> None:
        async def once() -> None:
            node = self.nodes[name]
            for step in (node.look, node.blocks.once, node.mirror.once):
                try:
                    await step()
                except RomanaError:
                    pass

        self.run(once())

    @rule(name=nodes)
    def restart(self, name: str) -> None:
        async def again() -> None:
            old = self.nodes[name]
            node = self.nodes[name] = old.restarted()
            known = old.view.remember()
            node.view.recall(known)  # what `Keepsake` has written
            try:
                await node.look()
            except RomanaError:
                pass

        self.run(again())

    @rule(seconds=st.sampled_from([1, 31, 400]))
    def time_passes(self, seconds: int) -> None:
        self.run(asyncio.sleep(seconds))

    @precondition(lambda self: self.nodes)
    @rule()
    def rest(self) -> None:
        """Mend everything; after some passes store and nodes agree, and a further pass changes nothing."""

        async def settled() -> None:
            for node in self.nodes.values():
                node.store.away = node.journal.full = False
                node.store.fault = None
                await node.store.deliver()
            for _ in range(4):
                for node in self.nodes.values():
                    await node.look()
                    await self._pass(node)
            for node in self.nodes.values():
                await node.look()
                assert (await node.blocks.once()).changes == 0
                claims = {(c.prefix, c.epoch) for c in await node.claims_of()}
                assert claims == {(b.prefix, b.epoch) for b in node.ledger.blocks.values()}
                assert not node.ledger.lost
                await node.mirror.flush()
                mirrored = {h.name: h.address for b in await node.mirrored() for h in b.holdings.values()}
                assert mirrored.keys() == node.held().keys()

        self.run(settled())

    async def _pass(self, node: Node) -> None:
        for _ in range(20):
            try:
                await node.blocks.once()
            except RomanaError:
                await asyncio.sleep(0.1)
                await node.look()
            else:
                return
        raise AssertionError("does not come to rest")

    @invariant()
    def nothing_is_held_twice(self) -> None:
        held = [a for node in self.nodes.values() for got in node.held().values() for a in got]
        assert len(held) == len(set(held))
        in_blocks = [
            a for node in self.nodes.values() for b in node.ledger.blocks.values() for a in b.holdings
        ]
        assert sorted(map(str, in_blocks)) == sorted(held)

    @invariant()
    def blocks_are_nobody_elses(self) -> None:
        blocks = [b.prefix for node in self.nodes.values() for b in node.ledger.blocks.values()]
        assert len(blocks) == len(set(blocks))

    @invariant()
    def what_was_answered_survives(self) -> None:
        for (name, container), got in self.answered.items():
            node = self.nodes[name]
            assert node.held().get(f"{container}/eth0") == got
            assert f"holders/{container}/eth0" in node.journal.now


@pytest.mark.slow
@pytest.mark.parametrize("kind", SMALL)
def test_nodes_share_a_store_through_everything(kind: str) -> None:
    machine = type(f"Nodes_{kind}", (Nodes,), {"text": SMALL[kind]})
    case = machine.TestCase
    case.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
    case("runTest").runTest()
