"""Framing: what is packed comes out again, and nothing that a socket might return upsets the reader."""

from __future__ import annotations

import errno
import struct

from hypothesis import given
from hypothesis import strategies as st

from romana.edges.netlink import wiring
from romana.edges.netlink.errors import translated, words
from romana.edges.netlink.message import (
    Failure,
    attribute,
    attributes,
    failure,
    frame,
    messages,
    nested,
    number,
    text,
    u32,
)
from romana.model.errors import RefusedError, TransientError
from romana.net.prefix import Address
from romana.ports.kernel import Endpoint, host_interface

values = st.dictionaries(st.integers(1, 0x3FFF), st.binary(max_size=40), max_size=8)


@given(values)
def test_attributes_come_back(told: dict[int, bytes]) -> None:
    packed = b"".join(attribute(kind, value) for kind, value in told.items())
    assert len(packed) % 4 == 0
    assert attributes(packed) == told
    assert attributes(nested(7, packed))[7] == packed


@given(st.lists(st.tuples(st.integers(16, 120), st.binary(max_size=60)), max_size=6))
def test_messages_come_back(sent: list[tuple[int, bytes]]) -> None:
    padded = [(kind, payload + bytes(-len(payload) % 4)) for kind, payload in sent]
    buffer = b"".join(frame(kind, 0, n, payload) for n, (kind, payload) in enumerate(padded))
    assert [(kind, n, payload) for kind, _, n, payload in messages(buffer)] == [
        (kind, n, payload) for n, (kind, payload) in enumerate(padded)
    ]


@given(st.binary(max_size=200))
def test_garbage_is_read_to_its_end(garbage: bytes) -> None:
    attributes(garbage)
    for *_, payload in messages(garbage):
        attributes(payload)


@given(st.integers(0, 2**32 - 1))
def test_numbers(value: int) -> None:
    assert number(attributes(u32(5, value))[5]) == value


def test_strings_are_terminated() -> None:
    assert attributes(text(3, "eth0"))[3] == b"eth0\0"


def test_an_acknowledgement_is_no_failure() -> None:
    assert failure(0, struct.pack("=i", 0) + bytes(16), 0) is None


def test_a_failure_with_the_kernels_words() -> None:
    words_ = attribute(1, b"Nexthop has invalid gateway\0")
    capped = struct.pack("=iIHHII", -errno.ENETUNREACH, 60, 24, 0, 7, 0) + words_
    assert failure(3, capped, 0x100) == Failure(3, errno.ENETUNREACH, "Nexthop has invalid gateway")
    echoed = struct.pack("=iIHHII", -errno.ENETUNREACH, 20, 24, 0, 7, 0) + b"abcd" + words_
    assert failure(3, echoed, 0) == Failure(3, errno.ENETUNREACH, "Nexthop has invalid gateway")


def test_errors_are_sorted_by_what_can_be_done() -> None:
    busy = translated(Failure(0, errno.EBUSY), "do it")
    assert isinstance(busy, TransientError)
    assert busy.code == "kernel-busy"
    refused = translated(Failure(0, errno.EPERM, "no"), "do it")
    assert isinstance(refused, RefusedError)
    assert str(refused) == (
        "the kernel did not do it: Operation not permitted (EPERM): no; CAP_NET_ADMIN is needed"
    )
    assert words(Failure(0, 9999)).endswith("(9999)")


@given(st.text(min_size=1, max_size=80), st.text(min_size=1, max_size=15))
def test_the_outer_name_fits_and_is_the_same_each_time(container: str, interface: str) -> None:
    name = host_interface(container, interface)
    assert len(name) == 15
    assert name == host_interface(container, interface)
    endpoint = Endpoint(container, interface, "/n", name, ())
    mac = wiring.inner_mac(endpoint)
    assert (mac[0] & 3, len(mac)) == (2, 6)
    assert mac != wiring.OUTER_MAC
    assert len(wiring.alias(endpoint).encode()) < 256


def test_link_local_addresses_follow_the_mac() -> None:
    mac = bytes.fromhex("020102030405")
    assert wiring.link_local(mac) == Address.parse("fe80::1:2ff:fe03:405")
