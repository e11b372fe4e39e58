"""Whether this node could hand out one more address of a network, found out without handing it out.

The node's own blocks come first, then what the plan says to a claim on the present snapshot.
"""

from __future__ import annotations

from romana.model.block import Owner, Writer
from romana.model.errors import PlanError
from romana.model.host import Host
from romana.model.layout import CarvedNetwork, NetworkId
from romana.model.snapshot import Snapshot
from romana.model.topology import ROOT
from romana.plan.allocate import has_room
from romana.plan.claim import claim
from romana.ports.clock import Clock
from romana.reconcile.ledger import Ledger
from romana.reconcile.view import StoreView


class Room:
    """Says what stands in the way of new addresses. Changes nothing, waits for nobody."""

    def __init__(self, view: StoreView, ledger: Ledger, clock: Clock) -> None:
        self._view, self._ledger, self._clock = view, ledger, clock
        self._asked: tuple[Snapshot, dict[tuple[NetworkId, int], str]] | None = None
        """What the plan answered to claims, and on which snapshot: readiness is asked for all the time."""

    def obstacle(self, network: CarvedNetwork, host: Host) -> str:
        """Return why the host has no new address of the network, "" if it has one, or could claim a block."""
        group = host.groups[network.id]
        if ROOT in network.draining or group in network.draining:
            what = f"group {group} of network {network.name}" if group else f"network {network.name}"
            return f"{what} is being emptied and gives no new addresses"
        for version in network.spec.versions:
            if self._in_blocks(network, version):
                continue
            if reason := self._unclaimable(network, host, version) or self._unheard():
                return (
                    f"no IPv{version} address of network {network.name} is free here, nor a block: {reason}"
                )
        return ""

    def _in_blocks(self, network: CarvedNetwork, version: int) -> bool:
        reserved, now = self._view.snapshot.reserved(network), self._clock.wall()
        return any(
            has_room(block, reserved, network.spec.reuse_delay, now)
            for block in self._ledger.usable()
            if block.network == network.id and block.prefix.version == version
        )

    def _unclaimable(self, network: CarvedNetwork, host: Host, version: int) -> str:
        snapshot = self._view.snapshot
        if self._asked is None or self._asked[0] is not snapshot:
            self._asked = snapshot, {}
        answers, key = self._asked[1], (network.id, version)
        if key not in answers:
            try:
                claim(snapshot, network, Owner(host.name), version, Writer.AGENT)
            except PlanError as error:
                answers[key] = str(error)
            else:
                answers[key] = ""
        return answers[key]

    def _unheard(self) -> str:
        """Why a claim that the plan allows would not get through."""
        return "" if self._view.connected else "the store does not answer"
