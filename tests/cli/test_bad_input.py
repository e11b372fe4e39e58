"""Whatever is typed or handed in: one clear sentence, the right status, never a traceback."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

import pytest
from cli_harness import Romana
from documents import FLAT

GROUPS = "\n".join(f"      - {{name: g{number}}}" for number in range(10_000))
DOCUMENTS = {
    "empty": "",
    "a number": "1",
    "a list": "[]",
    "truncated JSON": '{"networks": [{"name": "a", "ci',
    "truncated YAML": "networks:\n  - {name: a, cidr:",
    "tabs": "networks:\n\t- name: a\n",
    "no text": b"\xff\xfe\x00\x00",
    "null bytes": b"networks: \x00",
    "wrong types": "networks: {a: 1}\ntopologies: 5",
    "a name that is a list": "networks: [{name: [a], cidr: 10.0.0.0/8}]\ntopologies: []",
    "host bits": "networks: [{name: a, cidr: 10.0.0.1/8}]\ntopologies: []",
    "overlap": "networks: [{name: a, cidr: 10.0.0.0/8}, {name: b, cidr: 10.1.0.0/16}]\ntopologies: []",
    "block too large": "networks: [{name: a, cidr: 10.0.0.0/30, block_mask: 29}]\ntopologies: []",
    "duplicate names": "networks: [{name: a, cidr: 10.0.0.0/16}, {name: a, cidr: 10.1.0.0/16}]\ntopologies: []",
    "hosts and groups": FLAT.replace("hosts:", "groups: [{name: x}]\n        hosts:"),
    "an unknown key": FLAT.replace("block_mask", "blok_mask"),
    "IPv6 in IPv4": "networks: [{name: a, cidr: 'fd00::/33', block_mask: 122}]\ntopologies: []",
    "deep": "[" * 100_000,
    "an alias": "networks: &a [*a]",
}  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("verb", ["validate", "plan", "apply"])
def test_a_bad_document_is_refused_with_its_problems(romana: Romana, name: str, verb: str) -> None:
    done = romana("topology", verb, "-", stdin=DOCUMENTS[name])
    assert (done.status, done.out) == (2, ""), done.err
    assert done.err.startswith("Error: ")
    done = romana("topology", verb, "-", "-o", "json", stdin=DOCUMENTS[name])
    assert done.status == 2
    assert done.error["message"]
    assert done.error["code"] in ("bad-document", "bad-syntax")


@pytest.mark.slow
def test_ten_thousand_groups_do_not_fit_a_small_network(romana: Romana) -> None:
    text = f"networks: [{{name: a, cidr: 10.0.0.0/24}}]\ntopologies:\n  - networks: [a]\n    map:\n{GROUPS}"
    done = romana("topology", "apply", "-", stdin=text)
    assert (done.status, done.out) == (2, "")
    done = romana("topology", "apply", "-", stdin=text.replace("10.0.0.0/24", "10.0.0.0/8"))
    assert (done.status, len(done.out.splitlines())) == (0, 10_001)
    assert len(romana("topology", "show", "-o", "json").json["networks"][0]["groups"]) == 10_000


def test_one_problem_is_told_with_the_name_of_the_document(romana: Romana, tmp_path: Path) -> None:
    path = tmp_path / "dc.yaml"
    path.write_text("topologies: []\n")
    assert (
        romana("topology", "validate", str(path)).err
        == f"Error: {path}: networks is missing [bad-document]\n"
    )


def test_a_long_list_of_warnings_ends_with_the_number_of_the_others(romana: Romana) -> None:
    networks = "".join(f"  - {{name: n{n}, cidr: 10.{n}.0.0/16}}\n" for n in range(150))
    done = romana("topology", "validate", "-", stdin=f"networks:\n{networks}topologies: []\n")
    assert done.status == 0
    assert len(done.err.splitlines()) == 101
    assert done.err.endswith("Warning: and 50 more warnings\n")


@pytest.mark.slow
def test_a_large_document_that_is_wrong_everywhere_is_refused_in_time(romana: Romana) -> None:
    networks = "".join(f"  - {{name: n{n}, cidr: 10.0.0.0/16}}\n" for n in range(120_000))
    begun = time.process_time()
    done = romana("topology", "validate", "-", stdin=f"networks:\n{networks}topologies: []\n")
    assert time.process_time() - begun < 10
    assert len(done.err.splitlines()) == 102
    assert done.err.endswith(": and 119899 more problems\n")


def test_a_file_that_cannot_be_read_is_named(romana: Romana, tmp_path: Path) -> None:
    for path in (tmp_path / "missing.yaml", tmp_path, Path("/proc/self/mem")):
        done = romana("topology", "validate", str(path))
        assert done.status == 2
        assert str(path) in done.err
        assert done.err.endswith(" [unreadable-file]\n")
        assert len(done.err.splitlines()) == 1


CASES = [
    ("host show nobody", 2, "unknown-host"),
    ("host label nobody a=b", 2, "unknown-host"),
    ("host remove nobody", 2, "unknown-host"),
    ("host add n9 --address 10.0.0.300", 2, "bad-address"),
    ("host add n9 --address fe80::1%eth0", 2, "bad-address"),
    ("host add n9 --address 192.168.0.9/24", 2, "bad-address"),
    ("host add n9 --address 192.168.0.9 --label broken", 2, "bad-label"),
    ("host add n9 --address 192.168.0.9 --label =x", 2, "bad-label"),
    ("host add n1 --address 192.168.0.9", 4, None),
    ("host add a/b --address 192.168.0.9", 2, "bad-host"),
    ("host add 'a\nb' --address 192.168.0.9", 2, "bad-host"),
    ("host add ' ' --address 192.168.0.9", 2, "bad-host"),
    ("host add '' --address 192.168.0.9", 2, "bad-host"),
    ("host add n9 --address ''", 2, "bad-host"),
    ("host add n9 --address 192.168.0.9,192.168.0.9", 2, "bad-host"),
    ("host add n9 --address 0.0.0.0", 2, "bad-host"),
    ("host add n9 --address 255.255.255.255", 2, "bad-host"),
    ("host add n9 --address 224.0.0.1", 2, "bad-host"),
    ("host add n9 --address ff02::1", 2, "bad-host"),
    ("host label n1 -- -", 2, "bad-label"),
    ("host label n1 word", 2, "bad-label"),
    ("network show nothing", 2, "unknown-network"),
    ("group show nowhere", 2, "unknown-group"),
    ("group list --network nothing", 2, "unknown-network"),
    ("block list --host nobody", 2, "unknown-host"),
    ("block list --network nothing", 2, "unknown-network"),
    ("block list --group nowhere", 2, "unknown-group"),
    ("address list --host nobody", 2, "unknown-host"),
    ("address show nobody", 2, "unknown-address"),
    ("address show 10.9.0.1", 2, "unknown-address"),
    ("address release nobody", 2, None),
    ("address release 10.9.0.1", 2, None),
    ("address allocate a", 2, "usage"),
    ("address allocate a --host nobody", 2, "unknown-host"),
    ("address allocate a --host n1 --network nothing", 2, "unknown-network"),
    ("address allocate '' --host n1", 2, "bad-name"),
    ("address allocate 'a\tb' --host n1", 2, "bad-name"),
    ("address allocate 10.9.0.200 --host n1", 2, "bad-name"),
    ("address allocate fd00::1 --host n1", 2, "bad-name"),
    ("address reserve 10.9.0.1/24", 2, "bad-prefix"),
    ("address reserve 10.9.0.1", 2, "bad-prefix"),
    ("address reserve x/24", 2, "bad-prefix"),
    ("address reserve 10.9.0.0/24", 2, None),
    ("address reserve 11.0.0.0/24", 2, None),
    ("address unreserve 10.9.0.0/29", 2, None),
    ("route list", 2, "usage"),
    ("route list --observer nobody", 2, "unknown-observer"),
    ("verify --tables /nowhere", 2, "unreadable-file"),
    ("topology export --format v1", 2, "usage"),
    ("network list --store nonsense", 2, "store-url"),
    ("network list --store etcd://127.0.0.1", 2, "store-unsupported"),
    ("network list --store sqlite:///", 2, "store-url"),
    ("network list --store ''", 2, "store-url"),
    ("network list --store sqlite:///usr/bin/env", 5, None),
    ("network list --store sqlite:///tmp", 5, None),
]


@pytest.fixture
def flat(romana: Romana) -> Romana:
    assert romana("topology", "apply", "-", stdin=FLAT).status == 0
    return romana


@pytest.mark.parametrize(("command", "status", "code"), CASES, ids=[case[0] for case in CASES])
def test_a_wrong_command_says_what_is_wrong(
    flat: Romana, command: str, status: int, code: str | None
) -> None:
    args = shlex.split(command)
    done = flat(*args)
    assert (done.status, done.out) == (status, ""), done.err
    assert done.err.startswith("Error: ")
    at = args.index("--") if "--" in args else len(args)
    done = flat(*args[:at], "-o", "json", *args[at:])
    assert done.status == status
    assert code in (None, done.error["code"])


HOSTS = [
    *((name, "192.168.0.9") for name in ("a/b", " ", "n9 ")),
    *(("n9", address) for address in ("0.0.0.0", "ff02::1")),
]


@pytest.mark.parametrize(("name", "address"), HOSTS)
def test_documents_refuse_the_hosts_that_the_command_line_refuses(
    romana: Romana, name: str, address: str
) -> None:
    text = FLAT.replace("{name: n1, address: 192.168.0.1}", f"{{name: '{name}', address: '{address}'}}")
    done = romana("topology", "validate", "-", stdin=text)
    assert (done.status, done.out) == (2, "")


def test_one_code_has_one_sentence_wherever_it_is_raised(flat: Romana) -> None:
    for unknown in (
        ["host show nobody", "host remove nobody", "host label nobody a=b", "address allocate a --host nobody"],
        ["network show nothing", "address allocate a --host n1 --network nothing", "block list --network nothing"],
        ["address show nobody", "address release nobody"],
        ["address show 10.9.0.9", "address release 10.9.0.9"],
    ):  # fmt: skip
        assert len({flat(*command.split()).err for command in unknown}) == 1


def test_a_network_is_not_reserved_as_a_whole_in_parts_either(flat: Romana) -> None:
    assert flat("address", "reserve", "10.9.0.0/25").status == 0
    done = flat("address", "reserve", "10.9.0.128/25", "-o", "json")
    assert (done.status, done.error["code"]) == (2, "whole-network")
    assert flat("address", "reserve", "10.9.0.128/26").status == 0


def test_near_names_are_offered(flat: Romana) -> None:
    assert "did you mean 'flat'?" in flat("network", "show", "flta").err
    assert "did you mean 'n2' or 'n1'?" in flat("host", "show", "n3").err


def test_every_problem_is_listed_at_once(flat: Romana) -> None:
    done = flat("host", "add", "n9", "--address", "1.2.3", "--address", "x,fd00::1", "-o", "json")
    assert len(done.error["problems"]) == 2


def test_arguments_that_are_no_text_are_refused(flat: Romana) -> None:
    for args in (("host", "show", "\udcff"), ("address", "allocate", "a\udc80", "--host", "n1")):
        done = flat(*args)
        assert done.status == 2
        assert done.err.endswith(" [usage]\n")


def test_a_store_is_made_by_the_first_write_and_by_nothing_else(romana: Romana, tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path}/typo/x/y.db"
    for command in ("host list", "topology show", "topology export", "verify", "host remove n1"):
        assert romana(*command.split(), "--store", url).status in (0, 2)
    assert [*tmp_path.iterdir()] == []
    assert romana("topology", "apply", "-", "--store", url, stdin=FLAT).status == 0
    assert romana("host", "list", "-o", "json", "--store", url).json
    done = romana("topology", "apply", "-", "--store", "sqlite:///proc/romana/store.db", stdin=FLAT)
    assert done.status == 5
    assert done.err.endswith(" [store-denied]\n")


def test_an_empty_store_is_empty(romana: Romana) -> None:
    for command in ("network list", "group list", "host list", "block list", "address list"):
        assert romana(*command.split(), "-o", "json").json == []
    assert romana("topology", "show", "-o", "json").json == {"networks": []}
    assert romana("verify").status == 0
