"""The interface that leads out of the node, for what endpoints inherit from it."""

from __future__ import annotations

import time
from typing import Final

from romana.edges.netlink import inet, link
from romana.edges.netlink.channel import Channel
from romana.edges.netlink.remover import GROUP

DEFAULT_MTU: Final = 1500
_FRESH: Final = 1.0
"""Seconds. A burst of endpoints asks once; a changed uplink counts from the next second on."""


class Uplink:
    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._mtu = 0
        self._until = 0.0

    def mtu(self) -> int:
        """Return the MTU of the default route's interface, else the largest of those that are up.

        Endpoints themselves and the loopback do not count; a node with nothing else has 1500.
        """
        now = time.monotonic()
        if now >= self._until:
            self._mtu = self._by_default_route() or self._largest() or DEFAULT_MTU
            self._until = now + _FRESH
        return self._mtu

    def _by_default_route(self) -> int:
        for version in (4, 6):
            index = inet.default_link(self._channel, version)
            found = link.find(self._channel, link.by_index(index)) if index else None
            if found is not None and not found.loopback:
                return found.mtu
        return 0

    def _largest(self) -> int:
        links = link.every(self._channel)
        return max((s.mtu for s in links if s.up and not s.loopback and s.group != GROUP), default=0)
