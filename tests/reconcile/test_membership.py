"""Who writes a host's blocks: registered once, taken over only where the old journal is surely gone."""

from __future__ import annotations

import pytest
from node_world import FLAT, FaultyStore, Node, node, stored

from romana.model.errors import ConfigError, RefusedError, StaleError
from romana.model.host import AgentMark, HostName
from romana.model.route import Hop, Route, RouteKind
from romana.net.prefix import Prefix
from romana.ports.addresses import EndpointKey
from romana.reconcile.membership import Membership
from romana.reconcile.rebuild import Rebuild
from romana.testing.journal import MemoryJournal
from romana.testing.kernel import FakeRoutes
from romana.testing.time import run_virtually
from romana.wire.records import encode_host, host_key

HERE = AgentMark("journal-1", "boot-1")


def membership(n: Node, mark: AgentMark = HERE, table: FakeRoutes | None = None) -> Membership:
    rebuild = Rebuild(n.store, n.view, n.ledger, n.journal, table or FakeRoutes())
    return Membership(n.store, n.view, mark, rebuild)


async def mark_of(n: Node) -> AgentMark | None:
    return (await n.snapshot()).hosts[HostName(n.name)].agent


def test_a_listed_host_gets_a_record_when_there_is_something_to_record() -> None:
    async def story() -> None:
        async with node() as n:
            member = membership(n)
            assert (await member.once()).changes == 1
            assert await mark_of(n) == HERE
            assert member.joined
            assert (await member.once()).changes == 0
            await n.look()
            assert (await membership(n).once()).changes == 0

    run_virtually(story())


def test_a_host_that_nobody_knows_is_refused_with_the_remedy() -> None:
    async def story() -> None:
        async with node(name="n9") as n:  # type: ignore[arg-type]
            with pytest.raises(ConfigError) as error:
                await membership(n).once()
            assert error.value.code == "unknown-host"
            assert str(error.value) == (
                "host n9 is in no document and was not added; romana host add n9 --address …"
            )

    run_virtually(story())


def test_nothing_is_said_before_the_store_was_read() -> None:
    async def story() -> None:
        n = Node(FaultyStore(await stored(FLAT)), MemoryJournal())
        assert (await membership(n).once()).changes == 0

    run_virtually(story())


def test_whoever_writes_the_record_meanwhile_wins_and_is_looked_at_again() -> None:
    async def story() -> None:
        async with node() as n:
            host = n.view.snapshot.hosts[HostName("n1")]
            await n.store.swap(host_key("n1"), encode_host(host), 0)
            with pytest.raises(StaleError):
                await membership(n).once()
            await n.look()
            await membership(n).once()
            assert await mark_of(n) == HERE

    run_virtually(story())


def test_an_added_host_joins_networks_that_came_later() -> None:
    async def story() -> None:
        from dataclasses import replace

        async with node() as n:
            host = n.view.snapshot.hosts[HostName("n1")]
            added = replace(host, name=HostName("x"), listed=False, groups={})
            await n.store.swap(host_key("x"), encode_host(added), 0)
            m = Node(n.store, MemoryJournal(), "x")
            await m.look()
            await membership(m).once()
            assert list((await m.snapshot()).hosts[HostName("x")].groups.values()) == ["lan"]

    run_virtually(story())


def test_another_boots_journal_gets_fresh_blocks_and_the_old_ones_wait() -> None:
    async def story() -> None:
        async with node() as n:
            await membership(n).once()
            old = await n.add("a")
            await n.mirror.flush()
            m = Node(n.store, MemoryJournal())
            await m.look()
            await membership(m, AgentMark("journal-2", "boot-2")).once()
            assert m.ledger.blocks == {}
            new = await m.add("a")
            assert new != old
            assert {str(c.prefix) for c in await n.claims_of()} == {"10.1.0.0/29", "10.1.0.8/29"}

    run_virtually(story())


def test_a_journal_lost_in_this_boot_is_rebuilt_from_mirrors_and_kernel() -> None:
    async def story() -> None:
        async with node() as n:
            await membership(n).once()
            (a,) = await n.add("a")
            await n.mirror.flush()
            (b,) = await n.add("b")  # never mirrored, but its route is there
            table = FakeRoutes()
            for address in (a, b):
                prefix = Prefix.tolerant(address)
                table.held[prefix, 0] = Route(prefix, RouteKind.ENDPOINT, (Hop(dev="v"),))
            m = Node(n.store, MemoryJournal())
            await m.look()
            await membership(m, AgentMark("journal-2", "boot-1"), table).once()
            assert m.held() == {"a/eth0": (a,), f"unexplained/{b}": (b,)}
            assert [k for k, _ in await m.addresses.held()] == [EndpointKey("a", "eth0")]
            assert await m.add("a") == (a,)
            assert await m.add("c") not in ((a,), (b,))
            again = m.restarted()
            assert again.held() == m.held()
            assert again.ledger.blocks.keys() == n.ledger.blocks.keys()
            assert await mark_of(m) == AgentMark("journal-2", "boot-1")

    run_virtually(story())


def test_two_agents_with_one_name_do_not_fight_for_it() -> None:
    async def story() -> None:
        async with node() as n:
            first = membership(n)
            n.addresses.forbidden = lambda: first.replaced
            await first.once()
            held = await n.add("a")
            m = Node(n.store, MemoryJournal())
            await m.look()
            await membership(m, AgentMark("journal-2", "boot-1")).once()
            await n.look()
            for _ in range(2):
                with pytest.raises(RefusedError) as error:
                    await first.once()
                assert error.value.code == "agent-replaced"
            with pytest.raises(RefusedError):
                await n.add("b")
            assert await n.add("a") == held, "what is held is still told"
            assert n.addresses.obstacles() == [str(error.value)]
            assert await mark_of(n) == AgentMark("journal-2", "boot-1")

    run_virtually(story())


def test_what_lives_here_and_an_old_journal_does_not_hold_is_not_handed_out_again() -> None:
    """The journal of the day before is put back: the mirror says who got addresses since."""

    async def story() -> None:
        async with node() as n:
            await membership(n).once()
            await n.add("a")
            yesterday = n.journal.reopened()
            (b,) = await n.add("b")
            await n.mirror.flush()
            (c,) = await n.add("c")  # never mirrored
            table = FakeRoutes()
            for address in (b, c):
                prefix = Prefix.tolerant(address)
                table.held[prefix, 0] = Route(prefix, RouteKind.ENDPOINT, (Hop(dev="v"),))
            old = Node(n.store, yesterday)
            await old.look()
            await membership(old, table=table).once()
            await Rebuild(old.store, old.view, old.ledger, old.journal, table).explain()
            assert {"b/eth0": (b,), f"unexplained/{c}": (c,)}.items() <= old.held().items()
            assert await old.add("d") not in ((b,), (c,))
            assert old.restarted().held() == old.held()

    run_virtually(story())
