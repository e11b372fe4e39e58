"""CNI calls: environment and standard input in, a typed call or an error with CNI's number out.

The rules are those of the CNI specification 1.1.0 and, where it is vague, of the reference library
and its `skel`, which runtimes were written against. `wire.cni_call` holds the values,
`wire.cni_result` writes the answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Final

import msgspec

from romana.wire.cni_call import ANNOTATIONS, VERSIONS, Call, CallError, Command, Number

_UNSAID: Final = "0.1.0"
"""A configuration without cniVersion is of the oldest dialect (libcni), which we do not speak."""
_ENDPOINT: Final = ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH")
_REQUIRED: Final = {
    Command.ADD: _ENDPOINT,
    Command.CHECK: _ENDPOINT,
    Command.DEL: ("CNI_CONTAINERID", "CNI_IFNAME", "CNI_PATH"),  # the namespace may be gone
    Command.STATUS: ("CNI_PATH",),
    Command.GC: ("CNI_PATH",),
    Command.VERSION: (),
}
_SINCE: Final = {Command.CHECK: "0.4.0", Command.STATUS: "1.1.0", Command.GC: "1.1.0"}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
_INTERFACE: Final = re.compile(r"(?!\.{1,2}\Z)[^/:%\s]+\Z")
"""What dev_valid_name (net/core/dev.c) takes; `%` too is refused: the kernel makes eth0 of `eth%d`."""
_INTERFACE_BYTES: Final = 15
_TRACE: Final = ("TRACEPARENT", "TRACESTATE", "BAGGAGE")
_NOTHING: Final = (None, b"{}", b"[]", b'""')
_NOT_OURS: Final = ("portMappings", "bandwidth", "ips", "mac")


class _Attachment(msgspec.Struct, frozen=True, kw_only=True):
    container: str = msgspec.field(name="containerID")
    interface: str = msgspec.field(name="ifname")


class _Config(msgspec.Struct, frozen=True, kw_only=True):
    """Standard input: the runtime's object, so unknown keys are its own business."""

    version: str = msgspec.field(name="cniVersion", default=_UNSAID)
    name: str = ""
    network: str = ""
    tenant: str = ""
    segment: str = ""
    mtu: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    ipam: msgspec.Raw = msgspec.Raw()
    runtime: dict[str, msgspec.Raw] = msgspec.field(name="runtimeConfig", default_factory=dict)
    previous: msgspec.Raw = msgspec.field(name="prevResult", default=msgspec.Raw())
    valid: list[_Attachment] | None = msgspec.field(name="cni.dev/valid-attachments", default=None)
    attachments: list[_Attachment] | None = msgspec.field(name="cni.dev/attachments", default=None)
    """What libcni called `valid` at first, and still sends beside it."""


_config: Final = msgspec.json.Decoder(_Config)
_strings: Final = msgspec.json.Decoder(dict[str, str])


def variables(head: bytes) -> dict[str, str]:
    """Read `NAME=value` items separated by NUL. CallError for a value that is not UTF-8."""
    found = {}
    for item in head.split(b"\0"):
        name, equals, value = item.partition(b"=")
        try:
            if equals:
                found[name.decode()] = value.decode()
        except UnicodeDecodeError as error:
            raise CallError(
                Number.ENVIRONMENT, f"{name.decode(errors='replace')} is not UTF-8 text: {error.reason}"
            ) from error
    return found


def parse(environment: Mapping[str, str], stdin: bytes) -> Call:
    """Return the call. CallError says which rule it breaks."""
    command = _command(environment)
    if command is Command.VERSION:
        return Call(command, VERSIONS[-1])
    container, interface = _endpoint(command, environment)
    config = _decode(stdin)
    _speaks(command, config.version)
    if not _NAME.match(config.name):
        what = f"the network's name {config.name!r} is not" if config.name else "the network has no name;"
        raise CallError(Number.CONFIG, f"{what} letters, digits, '_', '.', '-', the first a letter or digit")
    call = Call(
        command,
        config.version,
        config.name,
        container,
        interface,
        environment.get("CNI_NETNS", ""),
        mtu=config.mtu,
        previous=_given(config.previous),
        valid=_valid(config),
        own_namespace=environment.get("CNI_NETNS_OVERRIDE", "").lower() in ("1", "true"),
        trace={key: environment[key] for key in _TRACE if environment.get(key)},
    )
    return _with_pod(call, config, environment) if command is Command.ADD else call


def _command(environment: Mapping[str, str]) -> Command:
    name = environment.get("CNI_COMMAND", "")
    if not name:
        raise CallError(Number.ENVIRONMENT, "the environment lacks CNI_COMMAND")
    try:
        return Command(name)
    except ValueError:
        known = ", ".join(Command)
        raise CallError(Number.ENVIRONMENT, f"CNI_COMMAND is {name!r}; known are {known}") from None


def _endpoint(command: Command, environment: Mapping[str, str]) -> tuple[str, str]:
    """Return container and interface, both valid where the command has them."""
    missing = [key for key in _REQUIRED[command] if not environment.get(key)]
    if missing:
        raise CallError(Number.ENVIRONMENT, f"the environment lacks {', '.join(missing)} for {command}")
    if command in (Command.STATUS, Command.GC):
        return "", ""
    container, interface = environment["CNI_CONTAINERID"], environment["CNI_IFNAME"]
    if not _NAME.match(container):
        raise CallError(
            Number.ENVIRONMENT,
            f"CNI_CONTAINERID {container!r} is not letters, digits, '_', '.', '-', the first a letter or digit",
        )
    if len(interface.encode()) > _INTERFACE_BYTES or not _INTERFACE.match(interface):
        raise CallError(
            Number.ENVIRONMENT,
            f"CNI_IFNAME {interface!r} is not at most {_INTERFACE_BYTES} bytes without '/', ':', '%' and space",
        )
    return container, interface


def _decode(stdin: bytes) -> _Config:
    try:
        return _config.decode(stdin)
    except msgspec.ValidationError as error:
        number = Number.CONFIG if " - at `$" in str(error) else Number.DECODE
        raise CallError(number, f"the network configuration is wrong: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CallError(Number.DECODE, f"standard input is not a JSON object: {error}") from error
    except RecursionError as error:  # msgspec stops at the interpreter's limit, also in keys it skips
        raise CallError(Number.DECODE, "standard input is JSON nested too deeply; flatten it") from error


def _speaks(command: Command, version: str) -> None:
    if version not in VERSIONS:
        raise CallError(
            Number.VERSION,
            "incompatible CNI versions",
            f"config is {version!r}, plugin supports {list(VERSIONS)}",
        )
    since = _SINCE.get(command, VERSIONS[0])
    if VERSIONS.index(version) < VERSIONS.index(since):
        raise CallError(
            Number.VERSION,
            f"{command} exists since CNI {since}",
            f"config is {version!r}, {command} needs {since!r}",
        )


def _with_pod(call: Call, config: _Config, environment: Mapping[str, str]) -> Call:
    """Add what ADD alone needs: who the pod is, and what it asks for. The configuration goes first."""
    _refuse_foreign(config)
    args = _arguments(environment.get("CNI_ARGS", ""))
    pod = _annotations(config)
    namespace, name = args.get("K8S_POD_NAMESPACE", ""), args.get("K8S_POD_NAME", "")
    return replace(
        call,
        tenant=config.tenant or namespace,
        segment=config.segment or pod.get("romana.io/segment", ""),
        asked=config.network or pod.get("romana.io/network") or None,
        label=f"{namespace}/{name}" if name else "",
    )


def _refuse_foreign(config: _Config) -> None:
    """Refuse what somebody expects us to do and we would silently not do."""
    ipam = _given(config.ipam)
    if ipam not in _NOTHING:
        raise CallError(
            Number.FIELD, "Romana gives the addresses itself; remove `ipam`", f"ipam: {_shown(ipam)}"
        )
    for key in _NOT_OURS:
        value = _given(config.runtime.get(key, msgspec.Raw()))
        if value not in _NOTHING:
            raise CallError(
                Number.FIELD,
                f"Romana does not do {key}; declare that capability on the plugin that does",
                f"runtimeConfig.{key}: {_shown(value)}",
            )


def _arguments(text: str) -> dict[str, str]:
    """Read `KEY=VALUE;KEY=VALUE`. Keys we do not know are for others (IgnoreUnknown or not)."""
    args = {}
    for pair in filter(None, text.split(";")):
        key, equals, value = pair.partition("=")
        if not equals:
            raise CallError(Number.ENVIRONMENT, f"CNI_ARGS: {pair!r} is not KEY=VALUE")
        args[key] = value
    return args


def _annotations(config: _Config) -> dict[str, str]:
    raw = _given(config.runtime.get(ANNOTATIONS, msgspec.Raw()))
    try:
        return _strings.decode(raw) if raw else {}
    except msgspec.DecodeError as error:
        raise CallError(Number.CONFIG, f"runtimeConfig.{ANNOTATIONS} is wrong: {error}") from error
    except RecursionError as error:
        raise CallError(Number.DECODE, f"runtimeConfig.{ANNOTATIONS} is nested too deeply") from error


def _valid(config: _Config) -> frozenset[tuple[str, str]] | None:
    given = config.attachments if config.valid is None else config.valid
    return None if given is None else frozenset((a.container, a.interface) for a in given)


def _shown(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")


def _given(raw: msgspec.Raw) -> bytes | None:
    """Return the JSON of an optional key; null is as good as absent."""
    value = bytes(raw)
    return None if value in (b"", b"null") else value
