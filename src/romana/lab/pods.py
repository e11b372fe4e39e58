"""Pods: a network namespace each, connected by the real CNI plugin as a container runtime would.

The configuration is what the node's agent wrote, the order of calls the specification's (CNI 1.1.0, section 3).
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import socket
import struct
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from romana.lab.build import batch
from romana.lab.contain import NETNS, within
from romana.lab.nodes import PLUGINS, conflist, environment
from romana.model.errors import TransientError
from romana.net.prefix import Address

INTERFACE: Final = "eth0"
_SIOCSIFFLAGS: Final = 0x8914  # bits/ioctls.h
_IFF_UP: Final = 1


@dataclass
class Pod:
    name: str
    """Also of its namespace, and its container id: `romana address list` shows it."""
    node: str
    addresses: tuple[Address, ...] = ()
    host_interface: str = ""
    """The outer end of its veth, as the plugin said."""


async def add_pods(pods: Sequence[Pod]) -> list[TransientError]:
    """Make the pods' namespaces and ADD each, in order on a node, all nodes at once; fill in what was answered.

    Returns the errors of those that failed, of which nothing is left; they have no address.
    """
    await batch([f"netns add {pod.name}" for pod in pods])
    for pod in pods:
        _loopback_up(pod.name)
    nodes = dict.fromkeys(pod.node for pod in pods)
    chains = (_in_order([pod for pod in pods if pod.node == node]) for node in nodes)
    failures = [failure for failed in await asyncio.gather(*chains) for failure in failed]
    gone = [f"netns delete {pod.name}" for pod in pods if not pod.addresses]
    if gone:
        await batch(gone)
    return failures


async def remove_pod(pod: Pod) -> None:
    """DEL the pod and remove its namespace."""
    await _call("DEL", pod)
    await batch([f"netns delete {pod.name}"])


async def _in_order(pods: Sequence[Pod]) -> list[TransientError]:
    return [failure for pod in pods if (failure := await _add(pod)) is not None]


async def _add(pod: Pod) -> TransientError | None:
    try:
        result = await _call("ADD", pod)
    except TransientError as error:
        try:
            await _call("DEL", pod)  # section 3: a runtime undoes an ADD that failed
        except TransientError:
            pass  # the ADD's own error is the one to show
        return error
    pod.addresses = tuple(Address.parse(ip["address"].partition("/")[0]) for ip in result["ips"])
    pod.host_interface = next((i["name"] for i in result["interfaces"] if not i.get("sandbox")), "")
    return None


async def _call(command: str, pod: Pod) -> Any:
    """Run every plugin of the list, backwards for DEL, and return the last result."""
    written = conflist(pod.node)
    if not written.exists():
        raise TransientError(f"the agent of {pod.node} is not ready: it has written no CNI configuration")
    chosen = json.loads(written.read_text())
    result: Any = None
    for plugin in chosen["plugins"][:: -1 if command == "DEL" else 1]:
        config = {**plugin, "cniVersion": chosen["cniVersion"], "name": chosen["name"]}
        if result is not None:
            config["prevResult"] = result
        result = await asyncio.to_thread(_run, plugin["type"], command, pod, json.dumps(config).encode())
    return result


def _run(plugin: str, command: str, pod: Pod, config: bytes) -> Any:
    """Run the plugin in the node's network, as the runtime of that node. TransientError in the plugin's words."""
    with within(pod.node):
        process = subprocess.Popen(
            [str(PLUGINS / plugin)],
            env=_arguments(command, pod),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    out, err = process.communicate(config)
    answer = json.loads(out) if out.strip() else None
    if process.returncode == 0:
        return answer
    said = " ".join((answer["msg"], answer.get("details", ""))) if answer else err.decode(errors="replace")
    raise TransientError(f"CNI {command} of {pod.name} on {pod.node}: {said.strip()}", code="lab-cni")


def _arguments(command: str, pod: Pod) -> Mapping[str, str]:
    return environment(pod.node) | {
        "CNI_COMMAND": command,
        "CNI_CONTAINERID": pod.name,
        "CNI_NETNS": str(NETNS / pod.name),
        "CNI_IFNAME": INTERFACE,
        "CNI_PATH": str(PLUGINS),
        "CNI_ARGS": f"IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME={pod.name}",
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    }


def _loopback_up(namespace: str) -> None:
    """Switch `lo` on, which a runtime's loopback plugin does (netdevice(7))."""
    with within(namespace), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anything:
        fcntl.ioctl(anything, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP))
