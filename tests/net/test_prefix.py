"""Values and parsers, against `ipaddress` and a list of spellings that must be refused."""

from __future__ import annotations

import copy
import ipaddress
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from romana.net.prefix import Address, Prefix, PrefixError

networks = st.one_of(
    st.builds(
        lambda value, length: ipaddress.ip_network((value, length), strict=False),
        st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address).map(str),
        st.integers(0, 32),
    ),
    st.builds(
        lambda value, length: ipaddress.ip_network((value, length), strict=False),
        st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address).map(str),
        st.integers(0, 128),
    ),
)
addresses = st.one_of(
    st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address),
    st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address),
)

REFUSED = [
    "",
    " ",
    "/",
    "/24",
    "10.0.0.0/",
    "10.0.0.0/0.0.0.255",  # ipaddress reads a host mask
    "10.0.0.0/255.255.255.0",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/+8",
    "10.0.0.0/08",
    "10.0.0.0/ 8",
    "10.0.0.0/8 ",
    " 10.0.0.0/8",
    "10.0.0.0/8\n",
    "10.0.0.0/8/8",
    "10.0.0.0/²",
    "10.0.0.0/٨",  # an Arabic-Indic eight: str.isdigit() says yes
    "10.0.0.0/1_6",
    "10.0.0.0/99999999999999999999",
    "010.0.0.0/8",
    "10.0.0.00/8",
    "10.0.0/8",
    "10.0.0.0.0/8",
    "10/8",
    "10..0.0/8",
    "10.0.0.256/32",
    "10.0.0.-1/32",
    "+10.0.0.0/8",
    "1٠.0.0.0/8",
    "10.0.0.0x/8",
    "0x0a.0.0.0/8",
    "167772160/8",
    "fe80::%eth0/64",
    "fe80::1%1/128",
    "fd00::1::/64",
    "fd00:/64",
    "fd00::/129",
    "fd00::g/64",
    "[fd00::]/64",
    "fd00::/ffff::",
    "::ffff:010.0.0.1/128",
    "ten",
]


@pytest.mark.parametrize("text", REFUSED)
def test_refuses(text):
    with pytest.raises(PrefixError):
        Prefix.parse(text)
    with pytest.raises(PrefixError):
        Address.parse(text)


@pytest.mark.parametrize("text", ["10.0.0.1", "fd00::1"])
def test_a_prefix_needs_its_length_and_an_address_has_none(text):
    with pytest.raises(PrefixError, match=f"write {text}/(32|128)"):
        Prefix.parse(text)
    with pytest.raises(PrefixError):
        Address.parse(f"{text}/32")


@pytest.mark.parametrize(
    ("text", "right"),
    [("10.1.2.3/8", "10.0.0.0/8"), ("fd00::1/64", "fd00::/64"), ("128.0.0.0/0", "0.0.0.0/0")],
)
def test_host_bits_are_refused_with_the_right_prefix_and_cleared_on_request(text, right):
    with pytest.raises(PrefixError, match=f"the prefix is {right}$"):
        Prefix.parse(text)
    assert str(Prefix.tolerant(text)) == right


@pytest.mark.parametrize(
    ("text", "meant"),
    [(" 10.0.0.1 ", "10.0.0.1/32"), ("fd00::1", "fd00::1/128"), ("10.9.9.9/12\n", "10.0.0.0/12")],
)
def test_tolerant(text, meant):
    assert str(Prefix.tolerant(text)) == meant


@pytest.mark.parametrize(
    "text", ["10.0.0.0/0.0.0.255", "fe80::1%eth0", "10.0.0.0/33", "010.0.0.1", "10.0.0.0/ 8", ""]
)
def test_tolerant_is_not_careless(text):
    with pytest.raises(PrefixError):
        Prefix.tolerant(text)


@given(networks)
def test_every_network_as_ipaddress_has_it(network):
    prefix = Prefix.parse(str(network))
    assert str(prefix) == str(network)
    assert prefix == Prefix.parse(network.exploded)
    assert (prefix.version, prefix.length, prefix.size) == (
        network.version,
        network.prefixlen,
        network.num_addresses,
    )
    assert (prefix.first, prefix.last) == (int(network[0]), int(network[-1]))
    assert prefix.bits == network.max_prefixlen
    if network.prefixlen:
        assert str(prefix.parent()) == str(network.supernet())
        assert {*prefix.parent().halves()} == {prefix, prefix.buddy()}


@given(addresses)
def test_every_address_as_ipaddress_has_it(address):
    ours = Address.parse(str(address))
    assert str(ours) == str(address)
    assert (ours.version, ours.value, ours.bits) == (address.version, int(address), address.max_prefixlen)
    assert str(ours.prefix) == f"{address}/{address.max_prefixlen}"
    assert ours in ours.prefix


@given(networks, networks)
def test_containment_and_order(one, other):
    a, b = Prefix.parse(str(one)), Prefix.parse(str(other))
    same = one.version == other.version
    assert (b in a) == (same and other.subnet_of(one))
    assert a.overlaps(b) == (same and one.overlaps(other))
    assert (a < b) == (
        (one.version, int(one[0]), one.prefixlen) < (other.version, int(other[0]), other.prefixlen)
    )
    assert (a == b) == (one == other)


@given(networks, addresses)
def test_addresses_inside(network, address):
    prefix = Prefix.parse(str(network))
    assert (Address.parse(str(address)) in prefix) == (
        address.version == network.version and address in network
    )
    assert prefix.address(0) in prefix
    assert prefix.address(prefix.size - 1) in prefix


@given(networks, st.integers(0, 6))
def test_split(network, deeper):
    prefix = Prefix.parse(str(network))
    length = min(prefix.length + deeper, prefix.bits)
    assert [*map(str, prefix.split(length))] == [*map(str, network.subnets(new_prefix=length))]
    assert all(part.supernet(prefix.length) == prefix for part in prefix.split(length))


def test_impossible_arithmetic_is_refused():
    with pytest.raises(PrefixError):
        Prefix.parse("0.0.0.0/0").parent()
    with pytest.raises(PrefixError):
        Prefix.parse("10.0.0.0/8").supernet(9)
    with pytest.raises(PrefixError):
        Prefix.parse("10.0.0.0/8").split(7)
    with pytest.raises(PrefixError):
        Prefix.parse("10.0.0.0/32").halves()
    with pytest.raises(PrefixError):
        Prefix.of(4, 0, 33)


@given(networks)
def test_values_are_immutable_hashable_and_travel(network):
    prefix = Prefix.parse(str(network))
    with pytest.raises(AttributeError, match="immutable"):
        prefix.key = 0
    assert len({prefix, Prefix.parse(str(network)), prefix.address(0)}) == 2, "an address is no prefix"
    assert pickle.loads(pickle.dumps(prefix)) == copy.deepcopy(prefix) == prefix
    assert repr(prefix) == f"Prefix('{network}')"
