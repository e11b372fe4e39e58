"""Everything at once: two families, two ToRs on a rack, a shared segment, three levels of routers."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from lab_documents import DUAL_HOMED
from lab_harness import LabUser, until

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.daemon("bird", "/usr/lib/frr/zebra", "/usr/lib/frr/bgpd"),
    pytest.mark.xdist_group("lab"),
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabUser]:
    document = tmp_path_factory.mktemp("deep") / "dc.yaml"
    document.write_text(DUAL_HOMED)
    user = LabUser(f"deep-{os.getpid()}")
    try:
        user.up(str(document))
        assert until(lambda: len(user.ask_romana("address", "list")) == 8)
        yield user
    finally:
        user.run("lab", "down")


def test_both_families_reach_all_pods(lab: LabUser) -> None:
    assert lab.ask("ping") == {"pairs": 2 * 8 * 7, "failed": []}


def test_the_kernels_tables_are_proved_also_across_a_segment(lab: LabUser) -> None:
    assert "9 devices" in lab.prove()


def test_the_border_holds_one_route_of_each_family(lab: LabUser) -> None:
    assert {r["prefix"]: r["device"] for r in lab.routes("border", "group")} == {
        "10.112.0.0/12": "zone-router",
        "fd00:112::/40": "zone-router",
    }


@pytest.mark.parametrize("link", ["node-1:tor-1a", "tor-1b:zone-router"])
def test_a_node_with_two_routers_survives_the_loss_of_one_cable(lab: LabUser, link: str) -> None:
    """The group's route alone would lead half of the flows to the router that lost the node."""
    with lab.cut(link) as changed:
        assert changed == [link]
        assert until(lab.reach)
        lab.prove()
    lab.prove()


def test_a_hosts_link_may_be_named_from_either_end(lab: LabUser) -> None:
    with lab.cut("tor-1a:node-2") as changed:
        assert changed == ["node-2:tor-1a"]
        assert lab.ask("fail", "node-2:tor-1a") == []
        assert [link["name"] for link in lab.ask("links") if link["state"] == "cut"] == ["node-2:tor-1a"]
