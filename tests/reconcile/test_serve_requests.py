"""Requests of the command line: carried out once, answered by swap, undone where nobody waits."""

from __future__ import annotations

import asyncio

import pytest
from node_world import FaultyStore, Node, node

from romana.model.errors import TransientError
from romana.model.host import HostName
from romana.ports.addresses import EndpointKey
from romana.reconcile.addresses import PLUMBING
from romana.reconcile.serve_requests import Requests
from romana.testing.time import run_virtually
from romana.wire.records import Answer, Ask, AskKind, decode_ask, encode_ask, request_key


class Desk:
    """The asking side."""

    def __init__(self, n: Node) -> None:
        self.n, self.count = n, 0
        self.requests = Requests(n.store, n.view, n.ledger, n.mirror, n.addresses)
        n.view.connected = True

    async def leave(self, kind: AskKind, name: str, **more: object) -> str:
        self.count += 1
        key = request_key(HostName("n1"), f"{self.count}")
        await self.n.store.swap(key, encode_ask(Ask(kind, name, **more)), 0)  # type: ignore[arg-type]
        return key

    async def answer(self, key: str) -> Answer | None:
        (record,) = (await self.n.store.read(key)).records
        return decode_ask(key, record.value).answer

    async def ask(self, kind: AskKind, name: str, **more: object) -> Answer:
        key = await self.leave(kind, name, **more)
        await self.requests.once()
        answer = await self.answer(key)
        assert answer is not None
        return answer


def test_an_address_is_given_and_taken_back_by_name() -> None:
    async def story() -> None:
        async with node() as n:
            desk = Desk(n)
            given = await desk.ask(AskKind.ALLOCATE, "web", tenant="t")
            (held,) = given.holdings
            assert (held.name, held.tenant, given.code) == ("web", "t", "")
            assert n.held() == {"web": (str(held.address),)}
            assert await n.addresses.held() == [], "a name is no endpoint"
            assert [b.holdings[held.address] for b in await n.mirrored()] == [held], "seen at once"
            back = await desk.ask(AskKind.RELEASE, "web")
            assert back.holdings == (held,)
            assert n.held() == {}
            assert (await desk.requests.once()).changes == 0, "answered requests are the asker's to remove"

    run_virtually(story())


def test_mistakes_are_answered_with_code_sentence_and_status() -> None:
    async def story() -> None:
        async with node() as n:
            desk = Desk(n)
            first = await desk.ask(AskKind.ALLOCATE, "web")
            again = await desk.ask(AskKind.ALLOCATE, "web")
            assert (again.code, again.exit_status) == ("name-held", 4)
            assert str(first.holdings[0].address) in again.message
            nowhere = await desk.ask(AskKind.ALLOCATE, "db", network="nowhere")
            assert (nowhere.code, nowhere.exit_status) == ("unknown-network", 2)
            nobody = await desk.ask(AskKind.RELEASE, "nobody")
            assert (nobody.code, nobody.exit_status) == ("unknown-address", 2)

    run_virtually(story())


def test_what_a_living_pod_uses_is_not_released_on_request() -> None:
    async def story() -> None:
        async with node() as n:
            desk, alive = Desk(n), {"c1/eth0"}

            async def there(endpoint: EndpointKey) -> bool:
                return endpoint.name in alive

            n.addresses.alive = there
            (address,) = await n.add("c1")
            await asyncio.sleep(PLUMBING + 1)
            refused = await desk.ask(AskKind.RELEASE, "c1/eth0")
            assert (refused.code, refused.exit_status) == ("endpoint-alive", 3)
            assert refused.message == (
                f"{address} is in use by c1/eth0, whose interface is there; stop the pod instead"
            )
            assert n.held() == {"c1/eth0": (address,)}
            alive.clear()
            assert (await desk.ask(AskKind.RELEASE, "c1/eth0")).code == "", "a pod that is gone"
            assert n.held() == {}

    run_virtually(story())


def test_nor_what_an_add_is_about_to_plumb_first_or_again() -> None:
    async def story() -> None:
        async with node() as n:
            desk = Desk(n)
            for _ in range(2):
                await n.add("c1")
                refused = await desk.ask(AskKind.RELEASE, "c1/eth0")
                assert refused.code == "endpoint-alive"
                assert "whose interface is being made" in refused.message
                await asyncio.sleep(PLUMBING + 1)
            assert await n.delete("c1"), "the plugin's DEL releases whatever is there"

    run_virtually(story())


def test_asked_before_a_crash_it_is_answered_after_it_with_the_same_address() -> None:
    async def story() -> None:
        async with node() as n:
            desk = Desk(n)
            key = await desk.leave(AskKind.ALLOCATE, "web")
            granted = await desk.requests._carry_out(key, Ask(AskKind.ALLOCATE, "web"))
            m = n.restarted()
            await m.look()
            other = Desk(m)
            await other.requests.once()
            assert await other.answer(key) == granted

    run_virtually(story())


def test_an_answer_that_is_lost_is_given_again() -> None:
    async def story() -> None:
        async with node() as n:
            desk = Desk(n)
            await n.blocks.once()
            key = await desk.leave(AskKind.ALLOCATE, "web")
            n.store.fault = ("swap", "not done")
            with pytest.raises(TransientError):
                await desk.requests.once()
            await desk.requests.once()
            answer = await desk.answer(key)
            assert answer is not None
            assert answer.code == ""
            assert n.held() == {"web": (str(answer.holdings[0].address),)}

    run_virtually(story())


def test_a_request_whose_asker_gave_up_leaves_nothing_held() -> None:
    class Impatient(FaultyStore):
        """The asker removes its request while it is carried out."""

        async def swap(
            self, key: str, value: bytes | None, expected: int, *, lease: str | None = None
        ) -> int:
            if key.startswith("requests/") and expected:
                await self.store.swap(key, None, expected)
            return await super().swap(key, value, expected, lease=lease)

    async def story() -> None:
        async with node() as n:
            desk = Desk(n)
            await desk.leave(AskKind.ALLOCATE, "web")
            m = Node(Impatient(n.store.store), n.journal)
            await m.look()
            await Desk(m).requests.once()
            assert m.held() == {}

    run_virtually(story())


def test_a_record_that_cannot_be_read_does_not_hold_up_the_others() -> None:
    async def story() -> None:
        async with node() as n:
            desk = Desk(n)
            await n.store.swap(request_key(HostName("n1"), "0"), b"nonsense", 0)
            assert (await desk.ask(AskKind.ALLOCATE, "web")).code == ""

    run_virtually(story())
