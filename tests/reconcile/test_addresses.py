"""The node's allocator: same answer when asked twice, durable, and at work while the store is away."""

from __future__ import annotations

import asyncio

import pytest
from node_world import DUAL, FLAT, PACKED, PLANNED, TINY, Node, node, request

from romana.model.errors import ConfigError, PlanError, RefusedError, TransientError
from romana.ports.addresses import EndpointKey
from romana.testing.time import run_virtually


def test_asked_twice_it_answers_the_same_and_says_so() -> None:
    async def story() -> None:
        async with node() as n:
            first = await n.addresses.allocate(request("a"))
            again = await n.addresses.allocate(request("a"))
            assert first.holdings == again.holdings
            assert (first.fresh, again.fresh) == (True, False)
            assert [k for k, _ in await n.addresses.held()] == [EndpointKey("a", "eth0")]

    run_virtually(story())


def test_both_families_come_together() -> None:
    async def story() -> None:
        async with node(DUAL) as n:
            four, six = await n.add("a")
            assert four.startswith("10.1.")
            assert six.startswith("fd00:1:")
            assert await n.delete("a")
            assert n.held() == {}

    run_virtually(story())


def test_a_restart_finds_every_answered_allocation_and_its_resting_addresses() -> None:
    async def story() -> None:
        async with node() as n:
            a, b = await n.add("a"), await n.add("b")
            await n.delete("a")
            m = n.restarted()
            await m.look()
            assert m.held() == {"b/eth0": b}
            assert await m.add("b") == b
            assert await m.add("c") not in (a, b), "a rests"
            await asyncio.sleep(31)
            assert await m.add("d") == a, "the lowest free one, rested"

    run_virtually(story())


def test_fifty_at_once_get_fifty_addresses() -> None:
    async def story() -> None:
        async with node() as n:
            got = await asyncio.gather(*(n.add(f"c{i}") for i in range(50)))
            assert len(set(got)) == 50
            assert n.restarted().held() == n.held()

    run_virtually(story())


def test_the_same_endpoint_asked_for_at_the_same_time_gets_one_address() -> None:
    async def story() -> None:
        async with node() as n:
            got = await asyncio.gather(*(n.addresses.allocate(request("a")) for _ in range(5)))
            assert len({g.holdings for g in got}) == 1
            assert sorted(g.fresh for g in got) == [False] * 4 + [True]

    run_virtually(story())


def test_it_goes_on_while_the_store_is_away_until_its_blocks_are_full() -> None:
    async def story() -> None:
        async with node() as n:
            await n.blocks.once()
            n.store.away = True
            got = {await n.add(f"c{i}") for i in range(8)}
            assert len(got) == 8
            with pytest.raises(TransientError) as error:
                await n.add("one-more")
            assert error.value.code == "store-away", "not 'no address': the store may know better"
            assert "one-more/eth0" not in n.held()
            await n.delete("c0")
            n.store.away = False
            await n.blocks.once()
            await n.add("one-more")

    run_virtually(story())


def test_a_restart_without_the_store_serves_from_the_journal() -> None:
    async def story() -> None:
        async with node() as n:
            await n.add("a")
            n.journal.now |= {f"seen/{key}": raw for key, raw in n.view.remember().items()}
            n.store.away = True
            m = n.restarted()
            m.view.recall({k[5:]: v for k, v in m.journal.entries.items() if k.startswith("seen/")})
            assert not m.view.complete
            assert await m.add("a") == n.held()["a/eth0"]
            assert await m.add("b") not in n.held().values()
            assert list(m.addresses.obstacles()) == []

    run_virtually(story())


def test_before_the_first_answer_of_the_store_there_is_nothing_to_say() -> None:
    async def story() -> None:
        async with node() as n:
            m = Node(n.store, n.journal.reopened())
            assert m.addresses.obstacles()
            with pytest.raises(TransientError) as error:
                await m.add("a")
            assert error.value.code == "store-silent"

    run_virtually(story())


def test_what_the_journal_refuses_was_never_granted() -> None:
    async def story() -> None:
        async with node() as n:
            await n.add("a")
            n.journal.full = True
            with pytest.raises(RefusedError):
                await n.add("b")
            with pytest.raises(RefusedError):
                await n.delete("a")
            assert set(n.held()) == {"a/eth0"}
            assert "full" in n.addresses.obstacles()[0]
            with pytest.raises(RefusedError):
                await n.addresses.heal()
            n.journal.full = False
            await n.addresses.heal()
            assert not n.addresses.obstacles()
            b = await n.add("b")
            assert n.restarted().held()["b/eth0"] == b

    run_virtually(story())


def test_a_caller_that_goes_away_leaves_no_double_grant() -> None:
    async def story() -> None:
        async with node() as n:
            await n.blocks.once()
            asking = asyncio.ensure_future(n.add("a"))
            await asyncio.sleep(0)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            b = await n.add("b")
            assert n.restarted().held() == n.held()
            assert await n.add("a") != b

    run_virtually(story())


def test_a_block_claimed_ahead_waits_for_its_routes_unless_nothing_else_is_left() -> None:
    async def story(text: str, early: int) -> None:
        async with node(text) as n:
            await n.blocks.once()
            await n.add("soon")
            assert n.addresses.counts.early_uses == early
            await asyncio.sleep(3)
            await n.add("later")
            assert n.addresses.counts.early_uses == early

    run_virtually(story(FLAT, 1))
    run_virtually(story(PLANNED, 0))  # in the host's own prefix, which is routed already


def test_a_full_group_is_told_as_such() -> None:
    async def story() -> None:
        async with node(TINY) as n:
            got = [await n.add(f"c{i}") for i in range(16)]
            assert len(set(got)) == 16
            with pytest.raises(PlanError) as error:
                await n.add("one-more")
            assert error.value.code == "no-free-address"
            assert "10.1.0.0/28" in n.addresses.obstacles()[0]
            assert n.addresses.counts.refusals == 1
            await n.delete("c3")
            await asyncio.sleep(31)
            assert await n.add("one-more") == got[3]

    run_virtually(story())


def test_unknown_networks_and_hosts_are_the_callers_mistake() -> None:
    async def story() -> None:
        async with node() as n:
            with pytest.raises(ConfigError) as error:
                await n.add("a", network="nowhere")
            assert error.value.code == "unknown-network"

    run_virtually(story())


def test_segments_do_not_share_blocks_where_they_own_them() -> None:
    async def story() -> None:
        async with node(PACKED) as n:
            a = await n.add("a", tenant="t", segment="x")
            b = await n.add("b", tenant="t", segment="y")
            assert (a, b) == (("10.1.0.0",), ("10.1.0.8",))
            assert await n.add("c", tenant="t", segment="x") == ("10.1.0.1",)

    run_virtually(story())


def test_a_name_may_give_up_one_of_its_addresses() -> None:
    async def story() -> None:
        async with node(DUAL) as n:
            four, six = await n.add("a")
            only = next(h.address for h in n.ledger.holders["a/eth0"].holdings if str(h.address) == four)
            (gone,) = await n.addresses.give_up("a/eth0", only)
            assert str(gone.address) == four
            assert n.held() == {"a/eth0": (six,)}
            assert n.restarted().held() == n.held()
            assert await n.addresses.give_up("a/eth0", only) == ()

    run_virtually(story())
