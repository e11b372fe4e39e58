"""Rows C1 to C12: how a plugin is called, and what it says of a wrong call. Through both shims."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from cni_node import ANNOTATIONS, Node
from hypothesis import given
from hypothesis import strategies as st

from romana.ports.addresses import EndpointKey
from romana.wire.cni import parse
from romana.wire.cni_call import VERSIONS, CallError

COMMANDS = ("ADD", "CHECK", "DEL", "GC", "STATUS", "VERSION")
OLD, NEW = "1.0.0", "1.1.0"


async def test_c1_everything_by_environment_and_stdin_result_on_stdout(node: Node) -> None:
    done = await node.call("ADD")
    assert (done.status, done.stderr) == (0, b"")
    assert done.json["cniVersion"] == "1.1.0"


async def test_c2_the_error_object_is_on_stdout(node: Node) -> None:
    done = await node.call("ADD", netns="/run/netns/gone")
    assert done.status == 1
    assert done.json == {
        "cniVersion": "1.1.0",
        "code": 8,
        "msg": "there is no network namespace /run/netns/gone",
        "details": "netns-gone",
    }
    assert done.stderr == b""


async def test_c3_unknown_command(node: Node) -> None:
    assert (await node.call("JUMP")).code == 4


async def test_c3_empty_command_says_what_it_is(node: Node) -> None:
    for done in (await node.call(""), await node.call("", without=["CNI_COMMAND"])):
        assert (done.status, done.stdout) == (0, b"")
        assert done.stderr.decode().splitlines() == [
            "CNI plugin romana-cni",
            "CNI protocol versions supported: 0.3.1, 0.4.0, 1.0.0, 1.1.0",
        ]


REQUIRED = {
    "ADD": ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"),
    "CHECK": ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"),
    "DEL": ("CNI_CONTAINERID", "CNI_IFNAME", "CNI_PATH"),
    "STATUS": ("CNI_PATH",),
    "GC": ("CNI_PATH",),
    "VERSION": (),
}


@pytest.mark.parametrize("command", COMMANDS)
async def test_c4_each_missing_variable_is_named(node: Node, command: str) -> None:
    every = ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH")
    done = await node.call(command, without=every)
    if not REQUIRED[command]:
        assert done.status == 0
        return
    assert done.code == 4
    assert [name for name in every if name in done.json["msg"]] == list(REQUIRED[command])


def environment(**changes: str) -> dict[str, str]:
    base = {
        "CNI_COMMAND": "ADD",
        "CNI_CONTAINERID": "c1",
        "CNI_NETNS": "/n",
        "CNI_IFNAME": "eth0",
        "CNI_PATH": "/p",
    }
    return {**base, **changes}


def config(**changes: Any) -> bytes:
    base = {"cniVersion": NEW, "name": "romana", "type": "romana-cni"}
    return json.dumps({k: v for k, v in {**base, **changes}.items() if v is not None}).encode()


def number(environment: dict[str, str], stdin: bytes) -> int:
    try:
        parse(environment, stdin)
    except CallError as error:
        return error.number
    return 0


@pytest.mark.parametrize(("command", "variable"), [(c, v) for c in COMMANDS for v in REQUIRED[c]])
def test_c4_one_missing_variable_is_enough(command: str, variable: str) -> None:
    env = environment(CNI_COMMAND=command)
    del env[variable]
    with pytest.raises(CallError, match=variable) as error:
        parse(env, config())
    assert error.value.number == 4


@given(st.text(min_size=1, max_size=20).filter(lambda s: "\0" not in s))
def test_c5_container_ids(text: str) -> None:
    good = text.isascii() and text[0].isalnum() and all(c.isalnum() or c in "_.-" for c in text)
    assert number(environment(CNI_CONTAINERID=text), config()) == (0 if good else 4)


@given(st.text(min_size=1, max_size=20).filter(lambda s: "\0" not in s))
def test_c5_interface_names(text: str) -> None:
    wrong = any(c in "/:%" or c.isspace() for c in text)
    good = len(text.encode()) <= 15 and text not in (".", "..") and not wrong
    assert number(environment(CNI_IFNAME=text), config()) == (0 if good else 4)


@given(st.text(max_size=20))
def test_c5_network_names(text: str) -> None:
    good = bool(text) and text.isascii() and text[0].isalnum()
    good = good and all(c.isalnum() or c in "_.-" for c in text)
    assert number(environment(), config(name=text)) == (0 if good else 7)


RUNTIME_ARGS = (
    "K8S_POD_INFRA_CONTAINER_ID=c1;K8S_POD_UID=u-1;IgnoreUnknown=1;K8S_POD_NAMESPACE=web;K8S_POD_NAME=shop-0"
)


async def test_c6_arguments_of_kubernetes_become_tenant_and_label(node: Node) -> None:
    await node.add(env={"CNI_ARGS": f"{RUNTIME_ARGS};SOMETHING=else;"})
    [request] = node.addresses.requests
    assert (request.tenant, request.segment, request.network) == ("web", "", None)
    assert (request.label, request.key) == ("web/shop-0", EndpointKey("c1", "eth0"))


@pytest.mark.parametrize(
    ("args", "expected"), [("", 0), ("A=", 0), ("A=b=c", 0), (";;", 0), ("A", 4), ("A=1;B", 4)]
)
def test_c6_shapes_of_arguments(args: str, expected: int) -> None:
    assert number(environment(CNI_ARGS=args), config()) == expected
    assert number(environment(CNI_ARGS=args, CNI_COMMAND="DEL"), config()) == 0


async def test_c7_trace_context_is_passed_and_never_fails(node: Node) -> None:
    trace = {
        "TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "TRACESTATE": "",
        "BAGGAGE": "x",
    }
    assert (await node.call("ADD", env=trace)).status == 0
    assert (await node.call("DEL", env={"TRACEPARENT": "\x7f;=;"})).status == 0
    call = parse(environment(**trace), config())
    assert call.trace == {k: v for k, v in trace.items() if v}


@pytest.mark.parametrize(("override", "code"), [("", 8), ("0", 8), ("1", 0), ("true", 0), ("TRUE", 0)])
async def test_c8_the_nodes_own_namespace(node: Node, override: str, code: int) -> None:
    own = f"/proc/{os.getpid()}/ns/net"
    node.plumber.namespaces.add(own)
    done = await node.call("ADD", netns=own, env={"CNI_NETNS_OVERRIDE": override})
    assert done.code == code
    assert bool(node.addresses.holders) is (code == 0)


CONFIGS = [
    ("empty", b"", 6),
    ("truncated", b'{"cniVersion": "1.1.0", "na', 6),
    ("not an object", b"[]", 6),
    ("not text", b"\xff\xfe", 6),
    ("no name", config(name=None), 7),
    ("empty name", config(name=""), 7),
    ("name of another type", config(name=5), 7),
    ("no version", config(cniVersion=None), 1),
    ("old version", config(cniVersion="0.2.0"), 1),
    ("newer version", config(cniVersion="2.0.0"), 1),
    ("another's ipam", config(ipam={"type": "host-local"}), 2),
    ("empty ipam", config(ipam={}), 0),
    ("capability of another", config(runtimeConfig={"portMappings": [{"hostPort": 80}]}), 2),
    ("that capability, unused", config(runtimeConfig={"portMappings": [], "bandwidth": {}}), 0),
    ("annotations of another type", config(runtimeConfig={ANNOTATIONS: [1]}), 7),
    ("prevResult null", config(prevResult=None, cniVersion=NEW), 0),
]


@pytest.mark.parametrize(("stdin", "code"), [c[1:] for c in CONFIGS], ids=[c[0] for c in CONFIGS])
async def test_c9_wrong_configurations(node: Node, stdin: bytes, code: int) -> None:
    assert (await node.call("ADD", stdin=stdin)).code == code
    assert bool(node.addresses.holders) is (code == 0)


async def test_c9_details_name_both_sides(node: Node) -> None:
    version = (await node.call("ADD", config={"cniVersion": "9.9.9"})).json
    assert "9.9.9" in version["details"]
    assert all(known in version["details"] for known in VERSIONS)
    field = (await node.call("ADD", config={"ipam": {"type": "host-local"}})).json
    assert field["details"] == 'ipam: {"type": "host-local"}'


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("command", COMMANDS)
def test_c10_which_command_in_which_version(command: str, version: str) -> None:
    since = {"CHECK": "0.4.0", "GC": "1.1.0", "STATUS": "1.1.0"}.get(command, "0.3.1")
    expected = 0 if VERSIONS.index(version) >= VERSIONS.index(since) else 1
    assert number(environment(CNI_COMMAND=command), config(cniVersion=version)) == expected


@pytest.mark.parametrize("version", ["0.1.0", "0.2.0", "0.3.0", "1.2.0", "", "x"])
def test_c10_other_versions_are_refused(version: str) -> None:
    assert number(environment(), config(cniVersion=version)) == 1


async def test_c11_unknown_and_reserved_keys_are_the_runtimes_business(node: Node) -> None:
    more = {
        "cni.dev/something": {"a": 1},
        "args": {"cni": {"labels": []}},
        "capabilities": {"portMappings": True},
        "mine": [1, 2],
        "runtimeConfig": {"unheard-of": {"x": 1}},
        "disableCheck": "true",
    }
    before = {"cniVersion": NEW, "interfaces": [], "theirs": {"deep": [1, {"a": None}]}}
    result = await node.add(config={**more, "prevResult": before})
    assert result["theirs"] == before["theirs"]


async def test_c12_annotations_choose_network_and_segment(node: Node) -> None:
    annotations = {"romana.io/network": "storage", "romana.io/segment": "db", "other": "x"}
    await node.add(config={"runtimeConfig": {ANNOTATIONS: annotations}})
    fixed = {"network": "fixed", "tenant": "ops"}
    await node.add(
        "c2", netns="/run/netns/other", config={"runtimeConfig": {ANNOTATIONS: annotations}, **fixed}
    )
    first, second = node.addresses.requests
    assert (first.network, first.segment, first.tenant) == ("storage", "db", "")
    assert (second.network, second.segment, second.tenant) == ("fixed", "db", "ops")


def test_c12_the_installed_list_declares_what_is_understood(tmp_path: Path) -> None:
    from romana.apps.cni.conflist import write_conflist

    written = json.loads(write_conflist(tmp_path).read_text())
    assert written["plugins"] == [{"type": "romana-cni", "capabilities": {ANNOTATIONS: True}}]
