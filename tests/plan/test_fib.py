"""One rule of the tables each."""

from __future__ import annotations

import pytest
from plan_fabrics import centre, scenario, table

from romana.model.errors import ConfigError
from romana.model.route import DeviceName
from romana.plan.fib import fib, fibs, observers
from romana.plan.prove import prove

HEAD = """
networks: [{name: pods, cidr: 10.0.0.0/16, block_mask: BLOCK}]
topologies: [{networks: [pods], map: MAP}]
"""


def document(groups: str, rest: str = "", *, block: int = 28) -> str:
    return HEAD.replace("BLOCK", str(block)).replace("MAP", f"[{groups}]") + rest


def rack(number: int, keys: str = "", hosts: int = 2, router: str = "") -> str:
    listed = ", ".join(
        f"{{name: h{number}{i}, addresses: [192.168.{number}.{i}]}}" for i in range(1, hosts + 1)
    )
    routers = router or f"routers: [{{name: tor-{number}, address: 192.168.{number}.254}}]"
    return f"{{name: rack-{number}, {routers}{', ' if keys else ''}{keys}, hosts: [{listed}]}}"


def clean(dc) -> None:
    assert [str(fault) for fault in prove(fibs(dc.snapshot), dc.snapshot)] == []


def test_observers_are_devices_then_routers_then_nodes():
    found = observers(scenario("leaf-spine").snapshot)
    assert [(o.name, o.kind) for o in found[:7]] == [
        ("spine-1", "spine"),
        ("spine-2", "spine"),
        ("border-1", "border"),
        ("tor-1", "router"),
        ("tor-2a", "router"),
        ("tor-2b", "router"),
        ("tor-3", "router"),
    ]
    assert [(o.name, o.kind, *o.groups) for o in found[7:9]] == [
        ("node-1", "node", "rack-1"),
        ("node-2", "node", "rack-1"),
    ]


def test_an_unknown_observer_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="called 'spine-3'; 'spine-2' is") as error:
        fib(DeviceName("spine-3"), scenario("leaf-spine").snapshot)
    assert error.value.code == "unknown-observer"


def test_a_spine_holds_one_route_per_rack_however_many_pods():
    few, many = (table(scenario("leaf-spine", pods=pods), "spine-1") for pods in (0, 40))
    assert few == many
    assert [kind for kind, *_ in few.values()] == ["discard", "group", "group", "group"]


def test_pods_inside_existing_blocks_change_one_table_only():
    before, after = (fibs(scenario("leaf-spine", pods=pods).snapshot) for pods in (1, 2))
    assert {n for n in before if before[n] != after[n]} == {f"node-{i}" for i in range(1, 7)}
    for name in before:
        kept = [r for r in after[name].routes if r.kind != "endpoint"]
        assert kept == [r for r in before[name].routes if r.kind != "endpoint"]


def test_blocks_of_a_host_aggregate_in_its_peers_tables():
    dc = centre(
        document(
            "{name: all, hosts: [{name: a, addresses: [192.168.0.1]}, {name: b, addresses: [192.168.0.2]}]}"
        )
    )
    for number in range(40):
        dc.allocate(f"more-{number}", "a")
    assert table(dc, "b")["10.0.0.0/27"] == ("host", "a"), "two of its three /28"
    clean(dc)


def test_a_rack_that_shares_a_link_is_reached_directly_inside():
    dc = centre(document(f"{rack(1, 'on_link: true')}, {rack(2)}"))
    inside = table(dc, "h11")
    assert inside["0.0.0.0/0"] == ("router", "tor-1")
    assert [hops for kind, *hops in inside.values() if kind == "host"] == [["h12"]]
    assert not [p for p, (kind, *_) in table(dc, "h21").items() if kind == "host"]
    clean(dc)


def test_a_host_with_a_router_knows_no_network_wide_discard_and_one_without_does():
    routed = table(centre(document(rack(1))), "h11")
    flat = table(centre(document(rack(1, router="on_link: true"))), "h11")
    assert "10.0.0.0/16" not in routed
    assert flat["10.0.0.0/16"] == ("discard",)


def test_a_group_announcing_node_discards_the_whole_group():
    dc = centre(document(f"{rack(1, 'on_link: true, announce: group')}, {rack(2)}"))
    assert table(dc, "h11")["10.0.0.0/17"] == ("discard",)
    clean(dc)


def test_a_single_address_block_has_its_endpoint_and_no_discard_beside_it():
    dc = centre(document(rack(1), block=32), pods=1)
    assert [kind for p, (kind, *_) in table(dc, "h11").items() if p.endswith("/32")] == ["endpoint"]
    clean(dc)


def test_routers_without_devices_and_links_reach_each_other():
    dc = centre(document(f"{rack(1)}, {rack(2)}, {rack(3)}"))
    assert table(dc, "tor-1")["10.0.0.0/16"] == ("discard",)
    assert table(dc, "tor-1")["10.0.64.0/18"] == ("group", "tor-2")
    assert "0.0.0.0/0" not in table(dc, "tor-1")
    clean(dc)


def test_devices_without_links_are_linked_to_every_router():
    dc = centre(
        document(f"{rack(1)}, {rack(2)}", "devices: [{name: s1, kind: spine}, {name: s2, kind: spine}]")
    )
    assert table(dc, "tor-1")["0.0.0.0/0"] == ("router", "s1", "s2")
    assert table(dc, "s2") == {
        "10.0.0.0/16": ("discard",),
        "10.0.0.0/17": ("group", "tor-1"),
        "10.0.128.0/17": ("group", "tor-2"),
    }
    clean(dc)


def test_a_partial_fabric_goes_round_and_never_loops():
    """tor-3 hangs on s2 only: whoever could send its traffic to s1 by default has a route of its own."""
    links = "links: [[tor-1, s1], [tor-1, s2], [tor-2, s1], [tor-2, s2], [tor-3, s2]]\n"
    devices = "devices: [{name: s1, kind: spine}, {name: s2, kind: spine}]\n"
    dc = centre(document(f"{rack(1)}, {rack(2)}, {rack(3)}", devices + links))
    assert table(dc, "tor-1")["10.0.128.0/18"] == ("group", "s2")
    assert table(dc, "s1")["10.0.128.0/18"] == ("group", "tor-1", "tor-2")
    clean(dc)


def test_two_racks_behind_the_same_routers_are_one_route_above():
    both = "routers: [{name: t1, address: 192.168.9.1}, {name: t2, address: 192.168.9.2}]"
    dc = centre(
        document(f"{rack(1, router=both)}, {rack(2, router=both)}", "devices: [{name: s, kind: spine}]")
    )
    assert table(dc, "s") == {"10.0.0.0/16": ("group", "t1", "t2")}, (
        "it needs no discard: all of it is theirs"
    )
    assert table(dc, "t1")["10.0.128.0/17"] == ("discard",)
    clean(dc)


def test_a_border_without_any_router_below_stands_on_the_segment():
    dc = centre(document(rack(1, router="on_link: true"), "devices: [{name: edge, kind: border}]"))
    assert [hops for kind, *hops in table(dc, "edge").values() if kind == "host"] == [["h11"], ["h12"]]
    clean(dc)


def test_hosts_that_share_no_link_and_have_no_router_are_told_apart_by_the_proof():
    dc = centre(document(rack(1, router="on_link: false")), pods=1)
    faults = prove(fibs(dc.snapshot), dc.snapshot)
    assert {(f.path, f.fault, f.holders) for f in faults} == {
        (("h11",), "discarded", ("h12",)),
        (("h12",), "discarded", ("h11",)),
    }
