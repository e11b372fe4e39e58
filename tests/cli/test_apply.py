"""Changing a topology that is in use: printed first, done without moving an address, refused where one would strand."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_harness import Romana
from documents import DUAL, FLAT, RACKS

LOOSE = "networks: [{name: loose, cidr: 10.5.0.0/16}]\ntopologies: []\n"


@pytest.fixture
def used(romana: Romana) -> Romana:
    """Two racks, a host in the first, an address on it."""
    assert romana("topology", "apply", "-", stdin=RACKS).status == 0
    assert romana("host", "add", "node-1", "--address", "192.168.1.1", "--label", "rack=r1").status == 0
    assert romana("address", "allocate", "web-1", "--host", "node-1").status == 0
    return romana


def test_what_plan_prints_is_what_apply_does(romana: Romana) -> None:
    planned = romana("topology", "plan", "-", stdin=RACKS)
    assert planned.out.splitlines()[0] == "add network pods: 10.112.0.0/16"
    assert romana("topology", "apply", "--dry-run", "-", stdin=RACKS).out == planned.out
    assert romana("network", "list", "-o", "json").json == []
    assert romana("topology", "apply", "-", stdin=RACKS).out == planned.out
    for verb in ("plan", "apply"):
        again = romana("topology", verb, "-", stdin=RACKS)
        assert (again.status, again.out) == (0, "nothing changes\n")
        view = romana("topology", verb, "-", "-o", "json", stdin=RACKS).json
        assert view == {"changes": [], "refusals": [], "warnings": []}


def test_plan_as_data(romana: Romana) -> None:
    changes = romana("topology", "plan", "-", "-o", "json", stdin=FLAT).json["changes"]
    assert changes[0] == {
        "kind": "add",
        "subject": "network",
        "name": "flat",
        "before": "",
        "after": "10.9.0.0/24",
    }
    assert [c["name"] for c in changes if c["subject"] == "host"] == ["n1", "n2"]


def test_a_host_joins_and_leaves_networks_and_moves_between_groups(used: Romana) -> None:
    used("host", "add", "node-2", "--address", "192.168.2.1", "--label", "rack=r2")
    network, tree = "  - {name: more, cidr: 10.113.0.0/16}", "  - {networks: [more], map: [{name: all}]}"
    both = RACKS.replace("topologies:", f"{network}\ntopologies:\n{tree}")
    hosts = [c for c in used("topology", "apply", "-", stdin=both).out.splitlines() if " host " in c]
    assert hosts == ["join host node-1: more: all", "join host node-2: more: all"]
    done = used("topology", "apply", "-", stdin=RACKS.replace("name: rack-2", "name: row-2"))
    assert [c for c in done.out.splitlines() if " host " in c] == [
        "leave host node-1: more: all",
        "leave host node-2: more: all",
        "move host node-2: pods: rack-2 → pods: row-2",
    ]


def test_an_added_host_with_an_address_for_pods_is_warned_about(used: Romana) -> None:
    done = used("host", "add", "node-2", "--address", "10.112.9.9", "--label", "rack=r2")
    assert done.status == 0
    assert done.err == "Warning: node-2: its address 10.112.9.9 lies in network pods (10.112.0.0/16)\n"


def test_a_listed_host_is_not_emptied_by_drain_and_the_refusal_says_so(romana: Romana) -> None:
    assert romana("topology", "apply", "-", stdin=FLAT).status == 0
    address = romana("address", "allocate", "a", "--host", "n1", "-o", "json").json["address"]
    without = FLAT.replace("          - {name: n1, address: 192.168.0.1}\n", "")
    for options in ((), ("--drain",)):
        done = romana("topology", "apply", *options, "-", "-o", "json", stdin=without)
        assert (done.status, done.error["code"]) == (3, "would-strand")
        (problem,) = done.error["problems"]
        assert problem["where"] == address
        assert problem["what"].startswith(
            "held by a on host n1: host n1 is missing from the document; release"
        )
    assert romana("address", "release", "a").status == 0
    assert romana("topology", "apply", "-", stdin=without).status == 0


def test_validate_counts_and_reads_no_store(romana: Romana, tmp_path: Path) -> None:
    path = tmp_path / "dc.yaml"
    path.write_text(FLAT)
    done = romana("topology", "validate", str(path), "--store", "nonsense")
    assert (done.status, done.out) == (0, "valid: 1 network, 1 group, 2 hosts\n")
    view = romana("topology", "validate", str(path), "-o", "json").json
    assert view == {"valid": True, "networks": 1, "groups": 1, "hosts": 2}


def test_warnings_are_said_once_and_on_stderr(romana: Romana) -> None:
    for verb in ("validate", "plan", "apply"):
        done = romana("topology", verb, "-", "-o", "json", stdin=LOOSE)
        assert done.status == 0
        assert len(done.err.splitlines()) == 1
        assert done.err.startswith("Warning: ")
        assert isinstance(done.json, dict)
    inside = FLAT.replace("192.168.0.1", "10.9.0.1").replace("192.168.0.2", "10.9.0.1")
    lines = romana("topology", "apply", "-", stdin=inside).err.splitlines()
    assert len(lines) == len(set(lines)) == 3
    assert all(line.startswith("Warning: ") for line in lines)


def test_a_network_of_another_name_is_renamed_with_its_addresses(used: Romana) -> None:
    (before,) = used("address", "list", "-o", "json").json
    done = used("topology", "apply", "-", stdin=RACKS.replace("pods", "other"))
    assert (done.status, done.out) == (0, "rename network other: pods → other\n")
    (after,) = used("address", "list", "-o", "json").json
    assert after == before | {"network": "other"}
    assert used("network", "show", "pods").status == 2


def test_a_network_in_use_is_not_dropped_but_drained(used: Romana) -> None:
    without = LOOSE
    planned = used("topology", "plan", "-", "-o", "json", stdin=without)
    assert planned.status == 3
    assert planned.error["code"] == "would-strand"
    assert any("web-1" in str(problem) for problem in planned.error["problems"])
    assert planned.json["refusals"] == planned.error["problems"]
    first, *changes = used("topology", "plan", "-", stdin=without).out.splitlines()
    assert first == "refused; it would change:"
    assert changes
    refused = used("topology", "apply", "-", stdin=without)
    assert (refused.status, refused.out) == (3, "")
    assert "web-1" in refused.err
    assert used("network", "show", "pods", "-o", "json").json["state"] == "ready"

    assert used("topology", "apply", "--drain", "-", stdin=without).status == 0
    assert used("network", "show", "pods", "-o", "json").json["state"] == "draining"
    names = [network["name"] for network in used("topology", "show", "-o", "json").json["networks"]]
    assert names == ["loose", "pods"]
    assert used("address", "allocate", "web-2", "--host", "node-1").status == 3
    assert used("address", "release", "web-1").status == 0
    assert used("topology", "apply", "-", stdin=without).status == 0
    assert [network["name"] for network in used("network", "list", "-o", "json").json] == ["loose"]


def test_an_export_with_joined_hosts_can_be_applied_again(used: Romana, tmp_path: Path) -> None:
    text = used("topology", "export").out
    assert "node-1" in text
    assert used("topology", "apply", "-", stdin=text).status == 0
    assert used("topology", "export").out == text
    (address,) = used("address", "list", "-o", "json").json
    elsewhere = f"sqlite://{tmp_path}/other.db"
    assert used("--store", elsewhere, "topology", "apply", "-", stdin=text).status == 0
    assert used("host", "show", "node-1", "-o", "json", "--store", elsewhere).json["groups"] == {
        "pods": "rack-1"
    }
    as_json = used("topology", "export", "-o", "json").out
    assert used("topology", "plan", "-", stdin=as_json).out == "nothing changes\n"
    assert used("address", "list", "-o", "json").json == [address]


def test_what_the_second_version_cannot_say_is_said(used: Romana, tmp_path: Path) -> None:
    done = used("topology", "export", "--format", "v2")
    assert done.status == 0
    assert [line for line in done.err.splitlines() if line.startswith("Warning: devices")]
    assert done.json["networks"] == [{"name": "pods", "cidr": "10.112.0.0/16", "block_mask": 28}]
    elsewhere = f"sqlite://{tmp_path}/other.db"
    assert used("topology", "apply", "-", "--store", elsewhere, stdin=DUAL).status == 0
    refused = used("topology", "export", "--format", "v2", "-o", "json", "--store", elsewhere)
    assert (refused.status, refused.error["code"]) == (2, "not-v2")


def test_a_host_that_the_document_no_longer_lists_can_be_removed(romana: Romana) -> None:
    side = "      - {name: side, hosts: [{name: n1, address: 192.168.0.1}]}\n"
    without = FLAT.replace("          - {name: n1, address: 192.168.0.1}\n", "")
    assert romana("topology", "apply", "-", stdin=without + side).status == 0
    address = romana("address", "allocate", "a", "--host", "n1", "-o", "json").json["address"]
    assert romana("host", "remove", "n1").status == 2
    assert romana("topology", "apply", "--drain", "-", stdin=without).status == 0
    assert romana("host", "show", "n1").status == 0
    held = romana("host", "remove", "n1", "-o", "json")
    assert (held.status, held.error["code"]) == (3, "host-has-addresses")
    assert [(p["where"], p["what"]) for p in held.error["problems"]] == [(address, "held by a on host n1")]
    assert romana("host", "remove", "n1", "--release").status == 0
    assert [host["name"] for host in romana("host", "list", "-o", "json").json] == ["n2"]
    assert romana("topology", "apply", "-", stdin=without).status == 0
    assert romana("verify").status == 0
