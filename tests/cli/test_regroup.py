"""Groups divided, put under others and renamed while in use: every command tells the same of them."""

from __future__ import annotations

import pytest
from cli_harness import Romana

FLAT = """\
networks: [{name: pods, cidr: 10.0.0.0/16}]
topologies:
  - networks: [pods]
    map:
      - {name: a, assignment: {rack: a}}
      - name: b
        assignment: {rack: b}
"""
DIVIDED = FLAT + "        groups: [{name: b1, assignment: {row: 1}}, {name: b2, assignment: {row: 2}}]\n"
BELOW = FLAT.replace(
    "- name: b\n        assignment: {rack: b}",
    "- name: z\n        groups: [{name: b, assignment: {rack: b}}]",
)
RENAMED = FLAT.replace("name: b\n", "name: row b\n")


@pytest.mark.parametrize(("text", "path"), [(DIVIDED, "b/b1"), (BELOW, "z/b"), (RENAMED, "row b")])
def test_everybody_names_the_group_in_force(romana: Romana, text: str, path: str) -> None:
    assert romana("topology", "apply", "-", stdin=FLAT).status == 0
    add = ("host", "add", "n", "--address", "192.168.0.1", "--label", "rack=b", "--label", "row=1")
    assert romana(*add).status == 0
    assert romana("address", "allocate", "x", "--host", "n").status == 0
    assert romana("topology", "apply", "-", stdin=text).status == 0
    assert romana("host", "show", "n", "-o", "json").json["groups"] == {"pods": path}
    assert romana("address", "show", "x", "-o", "json").json["group"] == path
    assert [b["group"] for b in romana("block", "list", "-o", "json").json] == [path]
    assert len(romana("block", "list", "--group", path, "-o", "json").json) == 1
    assert romana("group", "show", path, "-o", "json").json["allocated"] == 1


def test_what_is_exported_is_put_in_force_again_and_changes_nothing(romana: Romana) -> None:
    assert romana("topology", "apply", "-", stdin=FLAT).status == 0
    assert romana("host", "add", "n", "--address", "192.168.0.1", "--label", "rack=b").status == 0
    exported = romana("topology", "export").out
    assert "- {name: n, address: 192.168.0.1, labels: {rack: b}, joined: true}" in exported
    again = romana("topology", "apply", "-", stdin=exported)
    assert (again.status, again.out) == (0, "nothing changes\n")
    assert romana("host", "remove", "n").status == 0
