"""Whatever a runtime sends, the reader returns a call or an error of CNI, and what we print is JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from romana.net.prefix import Address
from romana.wire.cni import parse, variables
from romana.wire.cni_call import VERSIONS, Call, CallError, Command
from romana.wire.cni_result import Attachment, failure, passed_on, result

KEYS = [
    "cniVersion",
    "name",
    "type",
    "ipam",
    "mtu",
    "network",
    "tenant",
    "segment",
    "runtimeConfig",
    "prevResult",
    "cni.dev/valid-attachments",
    "cni.dev/attachments",
]
leaves = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8)
anything = st.recursive(
    leaves | st.sampled_from(["1.1.0", "1.0.0", "romana", "eth0", "10.1.0.1/32"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "interfaces",
                    "ips",
                    "routes",
                    "dns",
                    "interface",
                    "address",
                    "name",
                    "sandbox",
                    "containerID",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from(KEYS), anything, max_size=6)
MADE = Attachment(
    "rom0",
    "ee:ee:ee:ee:ee:ee",
    "02:00:00:00:00:01",
    1500,
    (Address.parse("10.1.0.1"),),
    (Address.parse("169.254.1.1"),),
)
ENVIRONMENT = {"CNI_CONTAINERID": "c1", "CNI_NETNS": "/n", "CNI_IFNAME": "eth0", "CNI_PATH": "/p"}


def understood(environment: dict[str, str], stdin: bytes) -> Call | None:
    try:
        call = parse(environment, stdin)
        passed_on(call)
    except CallError as error:
        refused = error
    else:
        return call
    assert json.loads(failure("1.1.0", refused))["code"] == refused.number
    return None


@given(st.sampled_from(list(Command)), objects)
def test_any_object_is_read_or_refused(command: Command, config: dict[str, Any]) -> None:
    base = {"cniVersion": "1.1.0", "name": "romana"}
    stdin = json.dumps({**base, **config}).encode()
    call = understood({**ENVIRONMENT, "CNI_COMMAND": command}, stdin)
    if call is not None and command is Command.ADD:
        printed = json.loads(result(call, MADE))
        assert printed["cniVersion"] == call.version
        assert printed["ips"][-1]["address"] == "10.1.0.1/32"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(stdin: bytes) -> None:
    understood({**ENVIRONMENT, "CNI_COMMAND": "ADD"}, stdin)
    try:
        told = variables(stdin)
    except CallError:
        told = {}
    understood(told, stdin)


@given(
    st.dictionaries(
        st.text(min_size=1).filter(lambda s: not set(s) & {"=", "\0"}),
        st.text().filter(lambda s: "\0" not in s),
    )
)
def test_variables_come_through(told: dict[str, str]) -> None:
    head = b"\0".join(f"{name}={value}".encode() for name, value in told.items())
    assert variables(head) == told


def test_a_value_that_is_not_text() -> None:
    with pytest.raises(CallError, match="CNI_NETNS is not UTF-8 text") as error:
        variables(b"CNI_COMMAND=ADD\0CNI_NETNS=/run/\xff")
    assert error.value.number == 4


@pytest.mark.parametrize(
    "stdin", [b'{"name": "\\ud800"}', b'{"name": "\xed\xa0\x80"}', b"\xef\xbb\xbf{}", b"[" * 5000]
)
def test_odd_json(stdin: bytes) -> None:
    assert understood({**ENVIRONMENT, "CNI_COMMAND": "ADD"}, stdin) is None


NESTS = {"lists": (b"[", b"]"), "objects": (b'{"a":', b"}")}
PLACES = {
    "unknown": b'"theirs":%s',
    "previous": b'"prevResult":%s',
    "inside previous": b'"prevResult":{"dns":{"a":%s}}',
    "ipam": b'"ipam":%s',
    "annotations": b'"runtimeConfig":{"io.kubernetes.cri.pod-annotations":%s}',
    "an annotation": b'"runtimeConfig":{"io.kubernetes.cri.pod-annotations":{"a":%s}}',
    "the mtu": b'"mtu":%s',
}


@pytest.mark.parametrize("nest", NESTS)
@pytest.mark.parametrize("place", PLACES)
def test_nesting_of_any_depth_is_read_or_refused(place: str, nest: str) -> None:
    """Around the interpreter's limit, where one decoder still passes what the next does not."""
    start, end = NESTS[nest]
    limit = sys.getrecursionlimit()
    for depth in (3, *range(limit - 150, limit + 20, 3)):
        stdin = b'{"cniVersion":"1.1.0","name":"n",%s}' % (
            PLACES[place] % (start * depth + b"1" + end * depth)
        )
        call = understood({**ENVIRONMENT, "CNI_COMMAND": "ADD"}, stdin)
        if call is not None:
            assert result(call, MADE).endswith(b"}")


@pytest.mark.parametrize("place", [place for place in PLACES if place != "the mtu"])
def test_nesting_beyond_the_limit_is_a_decoding_failure(place: str) -> None:
    stdin = b'{"cniVersion":"1.1.0","name":"n",%s}' % (PLACES[place] % (b"[" * 60_000 + b"]" * 60_000))
    with pytest.raises(CallError, match="nested too deeply") as error:
        parse({**ENVIRONMENT, "CNI_COMMAND": "DEL"}, stdin)
    assert error.value.number == 6


@pytest.mark.parametrize("interface", ["eth%d", "%", "%%", "a%sb"])
def test_the_kernels_templates_are_no_names(interface: str) -> None:
    with pytest.raises(CallError, match="CNI_IFNAME") as error:
        parse({**ENVIRONMENT, "CNI_COMMAND": "ADD", "CNI_IFNAME": interface}, b'{"cniVersion":"1.1.0"}')
    assert error.value.number == 4


@pytest.mark.parametrize(
    ("mtu", "good"), [(0, True), (1400, True), (65535, True), (-1, False), (65536, False), ("9", False)]
)
def test_the_mtu_of_the_configuration(mtu: object, good: bool) -> None:
    config = json.dumps({"cniVersion": VERSIONS[0], "name": "n", "mtu": mtu}).encode()
    assert (understood({**ENVIRONMENT, "CNI_COMMAND": "ADD"}, config) is not None) is good
