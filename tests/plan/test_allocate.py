"""Which address a request gets: order of blocks and networks, reservations, rest, both families."""

from __future__ import annotations

import timeit
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_trees import document, network, prefixes, racks

from romana.model.block import Block, Holding, Owner, Writer
from romana.model.errors import ConfigError, PlanError
from romana.model.host import HostName
from romana.model.layout import NetworkId
from romana.model.topology import BlockOwner, GroupPath, Placement
from romana.net.prefix import Address, Prefix
from romana.plan.allocate import Granted, NeedBlock, Request, allocate, find_holding, networks_for, release
from romana.testing.datacentre import DataCentre

HOST = HostName("n1")


def centre(*cidrs: str, **keys) -> DataCentre:
    dc = DataCentre()
    dc.apply(document((network(*cidrs, **keys), racks(1))))
    dc.join("n1", "192.168.0.1")
    return dc


def block(text: str, *held: str, number: str = "n1", owner: Owner | None = None, **keys) -> Block:
    holdings = {(a := Address.parse(t)): Holding(a, f"pod-{t}") for t in held}
    return Block(
        NetworkId(number),
        Prefix.parse(text),
        GroupPath("r1"),
        owner or Owner(HOST),
        Writer.AGENT,
        1,
        holdings,
        **keys,
    )


def ask(dc: DataCentre, *own: Block, now: float = 1000.0, full=(), name: str = "pod", **keys):
    return allocate(dc.snapshot, own, Request(name, HOST, **keys), now=now, full=full)


def address(answer) -> str:
    assert isinstance(answer, Granted)
    return ", ".join(str(h.address) for h in answer.holdings)


def test_the_lowest_free_address_and_every_one_is_used():
    dc = centre("10.0.0.0/16", block_mask=30)
    own = block("10.0.0.0/30")
    for last in range(4):
        answer = ask(dc, own, name=f"pod-{last}")
        assert address(answer) == f"10.0.0.{last}"
        (own,) = answer.blocks
    need = ask(dc, own)
    assert need == NeedBlock(dc.layout.networks[0], 4, Owner(HOST))


def test_blocks_with_room_before_emptied_ones_before_a_claim():
    dc = centre("10.0.0.0/16", block_mask=31)
    empty, used, full = (
        block("10.0.0.0/31"),
        block("10.0.0.8/31", "10.0.0.8"),
        block("10.0.0.4/31", "10.0.0.4", "10.0.0.5"),
    )
    assert address(ask(dc, empty, used, full)) == "10.0.0.9"
    assert address(ask(dc, empty, full)) == "10.0.0.0"
    assert isinstance(ask(dc, full), NeedBlock)
    assert isinstance(ask(dc, replace(empty, closed=True), full), NeedBlock)


def test_a_block_claimed_ahead_waits_until_nothing_else_is_left_and_is_counted():
    dc = centre("10.0.0.0/16")
    ahead = block("10.0.0.0/26", usable_after=1005.0)
    assert isinstance(ask(dc, ahead), NeedBlock)
    early = ask(dc, ahead, full=[(NetworkId("n1"), 4)])
    assert (address(early), len(early.early)) == ("10.0.0.0", 1)
    ready = ask(dc, ahead, now=1005.0)
    assert (address(ready), ready.early) == ("10.0.0.0", ())
    assert address(ask(dc, ahead, block("10.0.9.0/26", "10.0.9.0"))) == "10.0.9.1"


def test_one_address_of_each_family_or_none():
    dc = centre("10.0.0.0/16", "fd00::/64")
    four, six = block("10.0.0.0/26"), block("fd00::/122")
    assert address(ask(dc, six, four)) == "10.0.0.0, fd00::"
    assert ask(dc, four) == NeedBlock(dc.layout.networks[0], 6, Owner(HOST))
    with pytest.raises(PlanError, match="group r1 has no IPv6 block left") as error:
        ask(dc, four, full=[(NetworkId("n1"), 6)])
    assert error.value.code == "no-free-address"


def test_asked_twice_gives_the_same_answer_and_writes_nothing():
    dc = centre("10.0.0.0/16", "fd00::/64")
    first = ask(dc, block("10.0.0.0/26"), block("fd00::/122"))
    again = ask(dc, *first.blocks)
    assert (again.holdings, again.blocks, again.fresh) == (first.holdings, (), False)


def test_reserved_addresses_are_never_handed_out():
    dc = centre("10.0.0.0/24", reserved=prefixes("10.0.0.0/32", "10.0.0.2/31"))
    dc.reserve("pods", *prefixes("10.0.0.4/30", "10.0.0.1/32"))
    assert address(ask(dc, block("10.0.0.0/26", "10.0.0.8"))) == "10.0.0.9"
    dc.reserve("pods", Prefix.parse("10.0.0.0/25"))
    assert isinstance(ask(dc, block("10.0.0.0/26")), NeedBlock)


def test_released_addresses_rest_and_a_clock_set_back_does_not_make_it_years():
    dc = centre("10.0.0.0/16", reuse_delay=30.0)
    own = release(block("10.0.0.0/26", "10.0.0.0", "10.0.0.1"), Address.parse("10.0.0.0"), now=1000.0)
    assert address(ask(dc, own, now=1000.0)) == "10.0.0.2"
    assert address(ask(dc, own, now=1029.9)) == "10.0.0.2"
    fresh = ask(dc, own, now=1030.0)
    assert (address(fresh), fresh.blocks[0].resting) == ("10.0.0.0", {})
    assert address(ask(dc, own, now=990.0)) == "10.0.0.2"
    assert address(ask(dc, own, now=0.0)) == "10.0.0.0"


def test_releasing_what_nobody_holds_is_an_error():
    with pytest.raises(ConfigError, match=r"nobody holds 10\.0\.0\.7 in block 10\.0\.0\.0/26"):
        release(block("10.0.0.0/26"), Address.parse("10.0.0.7"), now=0.0)


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        (BlockOwner.HOST, Owner(HOST)),
        (BlockOwner.TENANT, Owner(HOST, "web")),
        (BlockOwner.SEGMENT, Owner(HOST, "web", "front")),
    ],
)
def test_the_block_belongs_to_whom_the_network_says(owner, expected):
    dc = centre("10.0.0.0/16", owner=owner)
    need = ask(dc, tenant="web", segment="front")
    assert need.owner == expected
    mine, other = (
        block("10.0.0.64/26", owner=expected),
        block("10.0.0.0/26", owner=Owner(HOST, "db", "front")),
    )
    assert address(ask(dc, mine, other, tenant="web", segment="front")) == "10.0.0.64"


def three_networks() -> DataCentre:
    dc = DataCentre()
    nets = [
        network("10.0.0.0/30", name="all-1", block_mask=31),
        network("10.1.0.0/30", name="web", block_mask=31, tenants=("web",)),
        network("10.2.0.0/30", name="all-2", block_mask=31),
    ]
    dc.apply(document(*((net, racks(1)) for net in nets)))
    dc.join("n1", "192.168.0.1")
    return dc


def test_networks_of_the_tenant_first_then_everybodys_in_document_order():
    layout = three_networks().layout
    assert [n.name for n in networks_for(layout, "web")] == ["web", "all-1", "all-2"]
    assert [n.name for n in networks_for(layout, "db")] == ["all-1", "all-2"]
    assert [n.name for n in networks_for(layout, "web", "all-2")] == ["all-2"]
    with pytest.raises(PlanError, match="network web is not open to tenant 'db'") as error:
        networks_for(layout, "db", "web")
    assert error.value.code == "no-network"
    with pytest.raises(ConfigError, match="there is no network 'wbe'; did you mean 'web'"):
        networks_for(layout, "web", "wbe")
    only_web = replace(layout, networks=layout.networks[1:2])
    with pytest.raises(PlanError, match="no network is open to a request without tenant"):
        networks_for(only_web, "")


def test_a_full_network_overflows_into_the_next_and_never_into_a_neighbouring_group():
    dc = three_networks()
    got = [str(dc.allocate(f"pod-{i}", "n1", tenant="web")[0].address) for i in range(12)]
    assert got == [f"10.{net}.0.{last}" for net in (1, 0, 2) for last in range(4)]
    with pytest.raises(
        PlanError, match=r"no free address for one-more on host n1: web: .*; all-1: .*; all-2: "
    ) as error:
        dc.allocate("one-more", "n1", tenant="web")
    assert error.value.code == "no-free-address"


def test_a_host_outside_the_network_asked_for():
    dc = three_networks()
    dc.put_host(replace(dc.records[HOST], groups={NetworkId("n1"): GroupPath("r1")}))
    with pytest.raises(PlanError, match="host n1 is in no group of network all-2") as error:
        dc.allocate("pod", "n1", network="all-2")
    assert error.value.code == "not-in-network"
    assert str(dc.allocate("pod", "n1", tenant="web")[0].address) == "10.0.0.0"
    with pytest.raises(ConfigError, match="there is no host 'n7'"):
        dc.allocate("pod", "n7")


def test_a_misplaced_host_keeps_using_its_blocks_and_gets_no_new_ones():
    dc = DataCentre()
    dc.apply(document((network("10.0.0.0/24", block_mask=31), racks(1, assignment={"rack": "1"}))))
    dc.join("n1", "192.168.0.1", rack="1")
    dc.allocate("a", "n1")
    dc.relabel("n1", {})
    assert str(dc.allocate("b", "n1")[0].address) == "10.0.0.1"
    with pytest.raises(PlanError, match="host n1 is misplaced: needs rack=1, the host has no rack"):
        dc.allocate("c", "n1")


def test_what_is_held_is_found_by_name_and_by_address():
    dc = centre("10.0.0.0/16", "fd00::/64")
    held = dc.allocate("pod", "n1")
    assert tuple(h for _, h in find_holding(dc.snapshot, "pod")) == held
    ((found, holding),) = find_holding(dc.snapshot, held[1].address)
    assert (found.prefix, holding) == (Prefix.parse("fd00::/122"), held[1])
    assert find_holding(dc.snapshot, "nobody") == ()


@given(
    held=st.sets(st.integers(0, 15)),
    resting=st.dictionaries(st.integers(0, 15), st.floats(0, 60)),
    reserved=st.lists(st.tuples(st.integers(0, 15), st.integers(28, 32)), max_size=4),
)
def test_lowest_free_as_a_plain_search_finds_it(held, resting, reserved):
    taken = tuple(Prefix.tolerant(f"10.0.0.{first}/{length}") for first, length in reserved)
    dc = DataCentre()
    dc.apply(document((network("10.0.0.0/24", block_mask=28, reserved=taken), racks(1))))
    dc.join("n1", "192.168.0.1")
    at = [Address.parse(f"10.0.0.{i}") for i in range(16)]
    own = replace(
        block("10.0.0.0/28", *(str(at[i]) for i in held)), resting={at[i]: t for i, t in resting.items()}
    )
    free = [
        a
        for i, a in enumerate(at)
        if i not in held and not (i in resting and 60 - resting[i] < 30) and not any(a in p for p in taken)
    ]
    answer = ask(dc, own, now=60.0)
    assert (answer.holdings[0].address if isinstance(answer, Granted) else None) == (
        free[0] if free else None
    )


@pytest.mark.slow
def test_an_allocation_takes_tens_of_microseconds():
    dc = centre("10.0.0.0/16", placement=Placement.SPREAD)
    own = [block("10.0.0.0/26", *(f"10.0.0.{i}" for i in range(60)))]
    best = min(timeit.repeat(lambda: ask(dc, *own), number=200, repeat=5)) / 200
    assert best < 200e-6, f"{best * 1e6:.0f} µs for the 61st address of a block"


def test_a_network_that_is_being_emptied_says_so():
    dc = centre("10.0.0.0/16")
    dc.join("n9", "192.168.0.99")
    dc.allocate("pod", "n9")
    dc.apply(document((network("10.7.0.0/16", name="other"), racks(1))), drain=True)
    with pytest.raises(PlanError, match="network pods is being emptied") as caught:
        dc.allocate("more", "n9", network="pods")
    assert caught.value.code == "draining"


def test_what_is_reserved_is_named_where_nothing_else_is_left():
    dc = DataCentre()
    net = network("10.0.0.0/26", block_mask=28, reserved=prefixes("10.0.0.0/27"))
    dc.apply(document((net, racks(2))))
    dc.join("n1", "192.168.0.1")
    with pytest.raises(
        PlanError, match=r"no IPv4 block left \(10.0.0.0/27 reserved\).*romana group grow pods"
    ):
        dc.allocate("more", "n1")
