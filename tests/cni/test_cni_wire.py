"""Whatever a runtime sends, the reader returns a call or an error of CNI, and what we print is JSON."""

from __future__ import annotations

import json
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


@pytest.mark.parametrize(
    ("mtu", "good"), [(0, True), (1400, True), (65535, True), (-1, False), (65536, False), ("9", False)]
)
def test_the_mtu_of_the_configuration(mtu: object, good: bool) -> None:
    config = json.dumps({"cniVersion": VERSIONS[0], "name": "n", "mtu": mtu}).encode()
    assert (understood({**ENVIRONMENT, "CNI_COMMAND": "ADD"}, config) is not None) is good
