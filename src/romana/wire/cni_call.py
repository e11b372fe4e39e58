"""The vocabulary of CNI: commands, error numbers, and a call as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Final

from romana.model.errors import ConfigError

VERSIONS: Final = ("0.3.1", "0.4.0", "1.0.0", "1.1.0")
"""What we speak, oldest first."""
ANNOTATIONS: Final = "io.kubernetes.cri.pod-annotations"
"""The one capability that we declare: runtimes that know it send a pod's annotations along."""


class Command(StrEnum):
    ADD = "ADD"
    DEL = "DEL"
    CHECK = "CHECK"
    STATUS = "STATUS"
    GC = "GC"
    VERSION = "VERSION"


class Number(IntEnum):
    """Error codes of the specification, and from 100 on ours."""

    VERSION = 1
    FIELD = 2
    ENVIRONMENT = 4
    DECODE = 6
    CONFIG = 7
    NAMESPACE = 8
    AGAIN = 11
    UNAVAILABLE = 50
    IMPOSSIBLE = 100
    CHECK = 101
    EXISTS = 102
    INCOMPLETE = 103
    REFUSED = 104
    INTERNAL = 999


class CallError(ConfigError):
    """The call breaks a rule of CNI."""

    code = "cni-call"

    def __init__(self, number: Number, message: str, details: str = "") -> None:
        super().__init__(message)
        self.number, self.details = number, details


@dataclass(frozen=True, slots=True)
class Call:
    """What the runtime asks. What a command does not carry is empty."""

    command: Command
    version: str
    network: str = ""
    """Name of the CNI network, that is of the configuration list."""
    container: str = ""
    interface: str = ""
    netns: str = ""
    tenant: str = ""
    segment: str = ""
    asked: str | None = None
    """The network of ours that the configuration or the pod names."""
    label: str = ""
    """namespace/pod, for people."""
    mtu: int = 0
    previous: bytes | None = None
    """prevResult as it came."""
    valid: frozenset[tuple[str, str]] | None = None
    """GC: container and interface of all that live; None where the runtime did not say."""
    own_namespace: bool = False
    """CNI_NETNS_OVERRIDE: plumbing in the node's own namespace is meant."""
    trace: Mapping[str, str] = field(default_factory=dict)
    """W3C trace context, where the runtime has one."""
