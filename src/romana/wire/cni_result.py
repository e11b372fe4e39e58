"""What a CNI plugin prints: results in each dialect, errors, versions; and what CHECK reads back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from romana.model.errors import ConfigError, PlanError, RefusedError, RomanaError
from romana.net.prefix import Address, PrefixError
from romana.wire.cni_call import ANNOTATIONS, VERSIONS, Call, CallError, Number

EVERYTHING: Final = {4: "0.0.0.0/0", 6: "::/0"}
PLUGIN: Final = "romana-cni"
"""Name of the plugin's file, which is its `type` in a configuration."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """What ADD made."""

    host_interface: str
    host_mac: str
    mac: str
    mtu: int
    addresses: Sequence[Address]
    gateways: Sequence[Address]
    """One of each family."""


class _Result(msgspec.Struct, frozen=True):
    """The parts of a result that we add to. The rest passes as it is."""

    interfaces: list[dict[str, Any]] | None = None
    ips: list[dict[str, Any]] | None = None
    routes: list[dict[str, Any]] | None = None
    dns: dict[str, Any] | None = None


def result(call: Call, made: Attachment) -> bytes:
    """Return the result of ADD in the dialect of the call, after what earlier plugins had returned."""
    before = _previous(call)
    interfaces = (before.get("interfaces") or []) + _interfaces(call, made)
    ips = (before.get("ips") or []) + _ips(call, made, len(interfaces) - 1)
    routes = (before.get("routes") or []) + [
        {"dst": EVERYTHING[g.version], "gw": str(g)} for g in made.gateways
    ]
    ours = {"cniVersion": call.version, "interfaces": interfaces, "ips": ips, "routes": routes}
    return msgspec.json.encode({**before, **ours, "dns": before.get("dns") or {}})


def passed_on(call: Call) -> list[tuple[str, Address]] | None:
    """Return interface and address of each inner address in prevResult; None if there is none.

    CallError if it is not a result.
    """
    before = _previous(call)
    if not before:
        return None
    try:
        found = []
        interfaces = before.get("interfaces") or []
        for ip in before.get("ips") or []:
            if ip.get("interface") is None:
                continue
            interface = interfaces[ip["interface"]]
            if interface.get("sandbox"):
                found.append((interface["name"], Address.parse(ip["address"].partition("/")[0])))
        return found
    except (LookupError, TypeError, AttributeError, PrefixError) as error:
        raise CallError(Number.CONFIG, f"prevResult is not a CNI result: {error!r}") from error


def failure(version: str, error: RomanaError) -> bytes:
    """Return the error object: number, sentence, and our own code as details."""
    details = error.details if isinstance(error, CallError) else error.code
    return refusal(version, number(error), str(error), details)


def refusal(version: str, code: int, message: str, details: str = "") -> bytes:
    told = {"cniVersion": version, "code": int(code), "msg": message}
    return msgspec.json.encode({**told, "details": details} if details else told)


def number(error: RomanaError) -> Number:
    """Return CNI's number for an error of ours: 11 where the runtime should try again."""
    if isinstance(error, CallError):
        return error.number
    special = {"netns-gone": Number.NAMESPACE, "interface-exists": Number.EXISTS}
    if error.code in special:
        return special[error.code]
    if isinstance(error, PlanError):
        return Number.IMPOSSIBLE
    if isinstance(error, ConfigError):
        return Number.CONFIG
    return Number.REFUSED if isinstance(error, RefusedError) else Number.AGAIN


def versions() -> bytes:
    """Return the answer to VERSION."""
    return msgspec.json.encode({"cniVersion": VERSIONS[-1], "supportedVersions": VERSIONS})


def configuration(name: str, version: str) -> bytes:
    """Return a configuration list with our plugin alone, for the directory that runtimes read.

    ConfigError for a version we do not speak.
    """
    if version not in VERSIONS:
        raise ConfigError(f"CNI {version!r} is not one of {', '.join(VERSIONS)}", code="cni-version")
    plugin = {"type": PLUGIN, "capabilities": {ANNOTATIONS: True}}
    text = msgspec.json.encode({"cniVersion": version, "name": name, "plugins": [plugin]})
    return msgspec.json.format(text, indent=2) + b"\n"


def _previous(call: Call) -> dict[str, Any]:
    if call.previous is None:
        return {}
    try:
        msgspec.json.decode(call.previous, type=_Result)
        return msgspec.json.decode(call.previous, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise CallError(Number.CONFIG, f"prevResult is not a CNI result: {error}") from error
    except RecursionError as error:  # the stack here is deeper than where the whole was read
        raise CallError(Number.DECODE, "prevResult is nested too deeply; flatten it") from error


def _interfaces(call: Call, made: Attachment) -> list[dict[str, object]]:
    """The outer end, then the inner one. `mtu` came with 1.1.0."""
    mtu = {"mtu": made.mtu} if call.version == "1.1.0" else {}
    return [
        {"name": made.host_interface, "mac": made.host_mac, **mtu},
        {"name": call.interface, "mac": made.mac, **mtu, "sandbox": call.netns},
    ]


def _ips(call: Call, made: Attachment, interface: int) -> list[dict[str, object]]:
    """Before 1.0.0 each address names its family."""
    gateways = {g.version: str(g) for g in made.gateways}
    old = call.version in ("0.3.1", "0.4.0")
    return [
        {
            **({"version": str(a.version)} if old else {}),
            "address": str(a.prefix),
            "gateway": gateways[a.version],
            "interface": interface,
        }
        for a in made.addresses
    ]
