"""From a blueprint to `ip` commands and kernel settings.

`commands` is pure and golden-tested; `build` carries them out: one `ip -batch` for the namespaces and cables, one for
each device, which is ten times faster than a process for each command.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from romana.lab.blueprint import Blueprint, Cable, Device, Kind, Port
from romana.lab.contain import within
from romana.model.errors import TransientError
from romana.net.prefix import Prefix

LAST: Final = 254 << 24
"""Metric of a discard. Any route to the same prefix goes before it, also in zebra, which reads the distance of a
kernel route from the upper byte (zebra/rt_netlink.c)."""
_EVERYWHERE: Final = {
    "ipv6/conf/all/accept_dad": "0",  # addresses are usable at once; duplicates cannot be
    "ipv6/conf/default/accept_dad": "0",
    "ipv6/conf/all/keep_addr_on_down": "1",  # a cut cable keeps its IPv6 addresses, as IPv4 does
    "ipv6/conf/default/keep_addr_on_down": "1",
}
_ROUTER: Final = {
    "ipv4/ip_forward": "1",
    "ipv6/conf/all/forwarding": "1",
    "ipv4/conf/all/rp_filter": "0",  # several equal paths: answers may come back another way
    "ipv4/conf/default/rp_filter": "0",
    "ipv4/fib_multipath_hash_policy": "1",  # flows, not only pairs of addresses, spread over the spines
    "ipv6/fib_multipath_hash_policy": "1",
}
_SETTINGS: Final = {
    Kind.SPINE: _EVERYWHERE | _ROUTER,
    Kind.TOR: _EVERYWHERE | _ROUTER,
    Kind.SWITCH: _EVERYWHERE,
    Kind.NODE: _EVERYWHERE,  # forwarding is the agent's to switch on
}


async def build(plan: Blueprint, discards: Iterable[Prefix]) -> None:
    """Make every namespace, cable, address and discard of the plan. TransientError names what `ip` refused."""
    await batch([f"netns add {device.name}" for device in plan.devices])
    await batch([_cable(cable) for cable in plan.cables])
    for device in plan.devices:
        settle(device)
    lines = {device.name: commands(plan, device, discards) for device in plan.devices}
    await asyncio.gather(*(batch(wanted, name) for name, wanted in lines.items()))


def _cable(cable: Cable) -> str:
    a, b = cable.ports
    return f"link add name {a.name} netns {a.device} type veth peer name {b.name} netns {b.device}"


def commands(plan: Blueprint, device: Device, discards: Iterable[Prefix] = ()) -> list[str]:
    """Return what `ip -batch` runs inside the device. Topmost devices discard what nobody below owns."""
    lines = ["link set lo up"]
    if device.kind is Kind.SPINE:
        lines.append(f"address add {device.router_id}/32 dev lo")
    if device.kind is Kind.SWITCH:
        lines += ["link add name br0 type bridge", "link set br0 up"]
    for near, far in plan.ports_of(device.name):
        if device.kind is Kind.SWITCH:
            lines.append(f"link set dev {near.name} master br0")
        lines += [f"address add {wired} dev {near.name}" for wired in near.addresses]
        lines.append(f"link set dev {near.name} up")
        lines += [f"route add {p} dev {near.name} scope link" for p in _neighbours_apart(plan, near, far)]
    if plan.topmost(device):
        lines += [f"route add blackhole {prefix} protocol static metric {LAST}" for prefix in discards]
    return lines


def _neighbours_apart(plan: Blueprint, near: Port, far: Port) -> list[Prefix]:
    """Return who is on a shared segment though no subnet says so, because the addresses lie too far apart."""
    if plan.by_name[far.device].kind is not Kind.SWITCH:
        return []
    mine = {w.address.version for w in near.addresses if w.length == w.address.bits}
    others = (port.addresses for _, port in plan.ports_of(far.device) if port.device != near.device)
    return [w.address.prefix for wired in others for w in wired if w.address.version in mine]


def settle(device: Device) -> None:
    """Write the kernel settings of a device."""
    with within(device.name):
        for key, value in _SETTINGS[device.kind].items():
            Path("/proc/sys/net", key).write_text(value)


async def batch(lines: Sequence[str], namespace: str | None = None) -> None:
    """Run `ip` commands at once, inside a device if one is named."""
    inside = ["-n", namespace] if namespace else []
    process = await asyncio.create_subprocess_exec(
        "ip",
        *inside,
        "-batch",
        "-",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate("\n".join(lines).encode() + b"\n")
    if process.returncode:
        raise TransientError(
            f"ip refused a command{' in ' + namespace if namespace else ''}: {said.decode().strip()}",
            code="lab-build",
        )


def carrier(plan: Blueprint, cable: Cable, up: bool) -> tuple[str, list[str]]:
    """Return the device and the commands that plug a cable in or pull it out.

    One end is switched, and the other sees that its carrier is gone. Not the router's end of a routed port: there
    the kernel would forget an IPv6 address that the router has on other ports too.
    """
    end = cable.upper if plan.by_name[cable.upper.device].kind is Kind.SWITCH else cable.lower
    return end.device, [f"link set dev {end.name} {'up' if up else 'down'}"]
