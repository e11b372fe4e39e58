"""The node's allocator as the CNI server sees it: durable before it answers, same answer when asked twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from romana.model.block import Holding
from romana.net.prefix import Prefix


@dataclass(frozen=True, slots=True)
class EndpointKey:
    """What an allocation belongs to: a container's interface, never a pod's name."""

    container: str
    interface: str

    @property
    def name(self) -> str:
        return f"{self.container}/{self.interface}"


@dataclass(frozen=True, slots=True)
class EndpointRequest:
    key: EndpointKey
    netns: str
    tenant: str = ""
    segment: str = ""
    network: str | None = None
    """The network asked for by name; None: the tenant's, in order."""
    label: str = ""
    """`namespace/pod` where the runtime told; shown to people, never a key."""


@dataclass(frozen=True, slots=True)
class Granted:
    holdings: tuple[Holding, ...]
    """One address of each family of the network, IPv4 first."""
    fresh: bool
    """False where the endpoint held them already."""


class Addresses(Protocol):
    async def allocate(self, request: EndpointRequest) -> Granted:
        """Return the endpoint's addresses, journalled. PlanError (`no-free-address`, …) if there are none."""

    async def release(self, key: EndpointKey) -> bool:
        """Release what the endpoint holds, journalled; False if it held nothing."""

    async def held(self) -> Sequence[tuple[EndpointKey, tuple[Holding, ...]]]:
        """Return every endpoint that holds addresses here."""

    def obstacles(self) -> Sequence[str]:
        """Why an ADD would fail now, a sentence each; empty if one would succeed."""

    def own_prefixes(self) -> Sequence[Prefix]:
        """The prefixes of every network, which masquerading and routes inside pods must spare."""
