"""One data centre's life on the command line, told on a store without any agent."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from cli_harness import Romana
from click.shell_completion import BashComplete
from documents import DUAL, FLAT, RACKS, V2

from romana.apps.cli.main import romana as program


@pytest.fixture
def racks(romana: Romana) -> Romana:
    """Two racks with a host each, in force."""
    assert romana("topology", "apply", "-", stdin=RACKS).status == 0
    for number in (1, 2):
        done = romana(
            "host", "add", f"node-{number}", "--address", f"192.168.{number}.1", "--label", f"rack=r{number}"
        )
        assert (done.status, done.err) == (0, "")
    return romana


def test_hosts_join_where_their_labels_fit(racks: Romana) -> None:
    hosts = racks("host", "list", "-o", "json").json
    assert hosts[0] == {
        "name": "node-1",
        "addresses": ["192.168.1.1"],
        "labels": {"rack": "r1"},
        "groups": {"pods": "rack-1"},
        "state": "ready",
    }
    assert [host["groups"] for host in hosts] == [{"pods": "rack-1"}, {"pods": "rack-2"}]
    assert racks("host", "show", "node-2", "-o", "json").json == hosts[1]


def test_hosts_stand_in_document_order_and_those_that_joined_after_them_by_name(romana: Romana) -> None:
    text = FLAT.replace("name: n1", "name: z1").replace("name: n2", "name: m2")
    assert romana("topology", "apply", "-", stdin=text).status == 0
    for number, name in enumerate(("b", "a"), 7):
        assert romana("host", "add", name, "--address", f"192.168.0.{number}").status == 0
    (shown,) = romana("topology", "show", "-o", "json").json["networks"][0]["groups"]
    (listed,) = romana("group", "list", "-o", "json").json
    assert shown["hosts"] == listed["hosts"] == ["z1", "m2", "a", "b"]


def test_hosts_that_joined_stay_so_when_the_export_is_applied(racks: Romana) -> None:
    export = racks("topology", "export").out
    again = racks("topology", "apply", "-", stdin=export)
    assert (again.status, again.out) == (0, "nothing changes\n")
    more = export.replace("networks:\n", "networks:\n- {name: more, cidr: 10.113.0.0/16}\n", 1)
    more = more.replace("topologies:\n", "topologies:\n- networks: [more]\n  map: [{name: all}]\n")
    assert racks("topology", "apply", "-", stdin=more).status == 0
    host = racks("host", "show", "node-1", "-o", "json").json
    assert host["groups"] == {"more": "all", "pods": "rack-1"}
    assert racks("host", "remove", "node-1").status == 0


def test_an_exported_host_that_is_unknown_joins_where_it_was(
    racks: Romana, romana: Romana, tmp_path: Path
) -> None:
    export = racks("topology", "export").out
    store = ("--store", f"sqlite://{tmp_path}/elsewhere.db")
    assert romana("topology", "apply", "-", *store, stdin=export).status == 0
    hosts = romana("host", "list", "-o", "json", *store).json
    assert hosts == racks("host", "list", "-o", "json").json
    assert romana("host", "remove", "node-2", *store).status == 0


def test_a_full_group_grows_into_what_was_added(romana: Romana) -> None:
    tight = RACKS.replace("cidr: 10.112.0.0/16", "cidrs: [10.112.0.0/27]")
    wide = tight.replace("10.112.0.0/27]", "10.112.0.0/27, 10.113.0.0/28]")
    assert romana("topology", "apply", "-", stdin=tight).status == 0
    romana("host", "add", "n1", "--address", "192.168.1.1", "--label", "rack=r1")
    for number in range(16):
        assert romana("address", "allocate", f"a{number}", "--host", "n1").status == 0
    allocate = ("address", "allocate", "more", "--host", "n1")
    grow = ("group", "grow", "pods", "rack-1")
    assert (romana(*allocate).status, romana(*grow).status) == (3, 3)
    assert romana("topology", "apply", "-", stdin=wide).status == 0
    assert romana(*grow, "--dry-run", "-o", "json").json == {
        "network": "pods",
        "path": "rack-1",
        "before": ["10.112.0.0/28"],
        "after": ["10.112.0.0/28", "10.113.0.0/28"],
    }
    assert romana(*allocate).status == 3
    assert romana(*grow).out == "group rack-1: 10.112.0.0/28 → 10.112.0.0/28, 10.113.0.0/28\n"
    assert romana(*allocate).status == 0
    assert romana("group", "grow", "pods", "nowhere").status == 2
    assert romana("group", "grow", "nothing", "rack-1").status == 2


def test_an_address_is_allocated_shown_and_released(racks: Romana) -> None:
    done = racks("address", "allocate", "web-1", "--host", "node-1", "--tenant", "shop", "-o", "json")
    assert done.status == 0
    given = done.json
    assert given | {"address": "", "addresses": [], "block": ""} == {
        "name": "web-1",
        "address": "",
        "addresses": [],
        "host": "node-1",
        "tenant": "shop",
        "segment": "",
        "network": "pods",
        "block": "",
        "group": "rack-1",
    }
    assert given["addresses"] == [given["address"]]
    assert given["block"].endswith("/28")
    assert racks("address", "list", "-o", "json").json == [given]
    assert racks("address", "show", given["address"], "-o", "json").json == given
    (block,) = racks("block", "list", "-o", "json").json
    assert block == {
        "prefix": given["block"],
        "network": "pods",
        "group": "rack-1",
        "host": "node-1",
        "tenant": "",
        "segment": "",
        "size": 16,
        "allocated": 1,
    }
    again = racks("address", "allocate", "web-1", "--host", "node-2")
    assert again.status == 4
    assert given["address"] in again.err
    assert "node-1" in again.err
    assert racks("address", "release", given["address"], "-o", "json").json == given
    assert racks("address", "list", "-o", "json").json == []
    assert racks("address", "release", "web-1").status == 2


def test_the_tree_shows_how_full_it_is(racks: Romana) -> None:
    racks("address", "allocate", "web-1", "--host", "node-1")
    done = racks("topology", "show")
    assert click.unstyle(done.out).splitlines() == [
        "NETWORK    PREFIXES         HOSTS  BLOCKS  ADDRESSES  ASSIGNMENT",
        "pods       10.112.0.0/16    2      1       1/65536",
        "├─ rack-1  10.112.0.0/17    1      1       1/32768    rack=r1",
        "└─ rack-2  10.112.128.0/17  1      0       0/32768    rack=r2",
    ]
    assert racks("topology", "show", "-o", "json").json == {
        "networks": [
            {
                "name": "pods",
                "prefixes": ["10.112.0.0/16"],
                "block_mask": 28,
                "tenants": [],
                "groups": [
                    {
                        "path": f"rack-{number}",
                        "name": f"rack-{number}",
                        "prefixes": [prefix],
                        "assignment": {"rack": f"r{number}"},
                        "hosts": [f"node-{number}"],
                        "groups": [],
                    }
                    for number, prefix in ((1, "10.112.0.0/17"), (2, "10.112.128.0/17"))
                ],
            }
        ]
    }


def test_every_list_and_card_has_all_three_outputs(racks: Romana) -> None:
    racks("address", "allocate", "web-1", "--host", "node-1")
    commands = [
        "topology show",
        "network list",
        "network show pods",
        "group list",
        "group show rack-1",
        "host list",
        "host show node-1",
        "block list",
        "block list --host node-1 --network pods --group rack-1",
        "address list",
        "address show web-1",
        "route list --observer node-1",
        "route list --observer spine-1",
        "verify",
    ]
    for command in commands:
        for output in ("table", "json", "yaml"):
            done = racks(*command.split(), "-o", output)
            assert (done.status, done.err) == (0, ""), command
            assert done.out.strip(), command
    for command in (c for c in commands if " list" in c):
        assert isinstance(racks(*command.split(), "-o", "json").json, list), command


def test_block_list_chooses(racks: Romana) -> None:
    racks("address", "allocate", "a", "--host", "node-1")
    racks("address", "allocate", "b", "--host", "node-2")

    def hosts(*options: str) -> list[str]:
        return [row["host"] for row in racks("block", "list", "-o", "json", *options).json]

    assert hosts() == ["node-1", "node-2"]
    assert hosts("--host", "node-2") == ["node-2"]
    assert hosts("--group", "rack-1") == ["node-1"]
    assert hosts("--network", "pods") == ["node-1", "node-2"]
    assert hosts("--host", "node-1", "--group", "rack-2") == []


def test_labels_that_no_longer_fit_warn_and_misplace(racks: Romana) -> None:
    racks("address", "allocate", "web-1", "--host", "node-1")
    done = racks("host", "label", "node-1", "rack=r2", "empty=", "-o", "json")
    assert done.status == 0
    assert done.err.startswith("Warning: ")
    assert done.json["state"] == "misplaced"
    assert done.json["labels"] == {"rack": "r2", "empty": ""}
    back = racks("host", "label", "node-1", "rack=r1", "empty-", "-o", "json")
    assert (back.err, back.json["state"], back.json["labels"]) == ("", "ready", {"rack": "r1"})


def test_a_host_with_addresses_stays_unless_they_are_released(racks: Romana) -> None:
    racks("address", "allocate", "web-1", "--host", "node-1")
    done = racks("host", "remove", "node-1", "-o", "json")
    assert done.status == 3
    assert any("web-1" in str(problem) for problem in done.error["problems"])
    assert racks("host", "remove", "node-1", "--release").status == 0
    assert racks("address", "list", "-o", "json").json == []
    assert [host["name"] for host in racks("host", "list", "-o", "json").json] == ["node-2"]


def test_reservations(racks: Romana) -> None:
    assert racks("address", "reserve", "10.112.0.0/28").status == 0
    assert racks("network", "show", "pods", "-o", "json").json["reserved"] == ["10.112.0.0/28"]
    assert racks("address", "unreserve", "10.112.0.0/29").status == 2
    assert racks("address", "reserve", "10.112.0.0/16").status == 2
    assert racks("address", "reserve", "11.0.0.0/24").status == 2
    assert racks("address", "unreserve", "10.112.0.0/28").status == 0
    assert racks("network", "show", "pods", "-o", "json").json["reserved"] == []
    taken = racks("address", "allocate", "web-1", "--host", "node-1", "-o", "json").json
    assert racks("address", "reserve", taken["block"]).status == 3


def test_both_families_are_one_address_with_two_addresses(romana: Romana) -> None:
    romana("topology", "apply", "-", stdin=DUAL)
    romana("host", "add", "n1", "--address", "192.168.0.1", "fd00::1")
    given = romana("address", "allocate", "a", "--host", "n1", "-o", "json").json
    assert given["address"].startswith("10.8.0.")
    assert given["addresses"][1].startswith("fd00:8::")
    assert romana("address", "show", given["addresses"][1], "-o", "json").json == given
    assert len(romana("address", "list", "-o", "json").json) == 1
    assert romana("address", "release", given["addresses"][1]).status == 0
    assert romana("address", "list", "-o", "json").json == []


def test_a_document_of_the_second_version(romana: Romana, tmp_path: Path) -> None:
    path = tmp_path / "topology.json"
    path.write_text(V2)
    assert romana("topology", "validate", str(path)).status == 0
    assert romana("topology", "apply", str(path)).status == 0
    given = [
        romana(
            "address", "allocate", f"a{i}", "--host", "h1", "--tenant", "t", "--segment", "s", "-o", "json"
        ).json
        for i in range(5)
    ]
    assert [one["address"] for one in given] == [f"10.0.0.{i}" for i in range(5)]
    assert [one["block"] for one in given] == ["10.0.0.0/30"] * 4 + ["10.0.0.4/30"]
    special = romana("address", "allocate", "w", "--host", "h2", "--tenant", "web", "-o", "json").json
    assert (special["network"], special["address"]) == ("vip", "10.1.0.0")
    exported = romana("topology", "export", "--format", "v2").out
    assert romana("topology", "apply", "-", stdin=exported).status == 0
    assert romana("topology", "export", "--format", "v2").out == exported


def test_listed_hosts_are_there_at_once_and_leave_with_the_document(romana: Romana) -> None:
    romana("topology", "apply", "-", stdin=FLAT)
    assert [h["name"] for h in romana("host", "list", "-o", "json").json] == ["n1", "n2"]
    assert romana("host", "remove", "n1").status == 2
    without = FLAT.replace("          - {name: n1, address: 192.168.0.1}\n", "")
    assert romana("topology", "apply", "-", stdin=without).status == 0
    assert [h["name"] for h in romana("host", "list", "-o", "json").json] == ["n2"]


def test_completion_offers_the_names_of_the_store(racks: Romana) -> None:
    racks("address", "allocate", "web-1", "--host", "node-1")
    racks("address", "reserve", "10.112.0.64/28")
    complete = BashComplete(program, {}, "romana", "_ROMANA_COMPLETE")

    def offered(words: str, incomplete: str = "") -> list[str]:
        return [item.value for item in complete.get_completions(words.split(), incomplete)]

    assert offered("host show") == ["node-1", "node-2"]
    assert offered("block list --network", "p") == ["pods"]
    assert offered("block list --group", "rack-2") == ["rack-2"]
    assert offered("address release") == ["web-1"]
    assert offered("address unreserve") == ["10.112.0.64/28"]
    assert offered("--store sqlite:///proc/none host show") == []
