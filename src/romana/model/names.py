"""What hosts and holders of addresses may be called and may have, by whichever door they come in.

Documents say it with the place of the problem, the command line and agents through `check_host`; so
what one door lets in can be written out and go through the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from romana.model.errors import ConfigError, Problem
from romana.net.prefix import Address, Prefix, PrefixError

_NO_HOST: Final = {
    Prefix.parse("0.0.0.0/8"): "no host's but 'this host' (RFC 1122, 3.2.1.3)",
    Prefix.parse("224.0.0.0/4"): "a multicast address",
    Prefix.parse("255.255.255.255/32"): "the broadcast address",
    Prefix.parse("::/128"): "the unspecified address",
    Prefix.parse("ff00::/8"): "a multicast address",
}


def host_name_fault(name: str) -> str | None:
    """Return what is wrong with a host's name, None if nothing is."""
    if not name.strip():
        return "is empty"
    if not name.isprintable():
        return "holds characters that cannot be printed"
    if "/" in name:
        return "holds a /, which separates names in paths"
    return "begins or ends with a space" if name != name.strip() else None


def host_address_fault(address: Address) -> str | None:
    """Return why routes to a host cannot go by that address, None if they can."""
    what = next((what for prefix, what in _NO_HOST.items() if address in prefix), None)
    return f"is {what}" if what else None


def check_host(name: str, addresses: Sequence[Address]) -> None:
    """Refuse what cannot be a host, with every problem: ConfigError `bad-host`."""
    problems = [Problem(repr(name), f"a host's name {fault}")] if (fault := host_name_fault(name)) else []
    if not addresses:
        problems.append(Problem(repr(name), "a host has at least one address"))
    for address in dict.fromkeys(addresses):
        if fault := host_address_fault(address):
            problems.append(Problem(str(address), fault))
        if addresses.count(address) > 1:
            problems.append(Problem(str(address), "is given more than once"))
    if problems:
        raise ConfigError(f"this is no host: {problems[0]}", code="bad-host", problems=problems)


def check_holder(name: str) -> None:
    """Refuse a name that nothing can hold an address under: ConfigError `bad-name`."""
    if fault := _holder_fault(name):
        raise ConfigError(f"the name {name!r} {fault}", code="bad-name")


def _holder_fault(name: str) -> str | None:
    if not name.strip():
        return "is empty; say what the address is for"
    if not name.isprintable():
        return "holds characters that cannot be printed"
    try:
        Address.parse(name)
    except PrefixError:
        return None
    return "is an IP address; show and release could not tell which of the two is meant"
