"""This node's own record in the store: its agent's mark, and a group in every network that has one for it.

One pass of the reconciler "membership". The mark is registered by compare-and-swap:

    no mark                         ours is put there
    ours                            nothing to do
    another journal, same boot      that journal is gone, for its machine is this one: its blocks are taken
                                    over from their mirrors (`rebuild`)
    another journal, another boot   it may be alive elsewhere: ours gets fresh blocks, the old ones wait

Once registered, an agent that finds another's mark does not fight for the name: it allocates nothing more.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from romana.model.errors import ConfigError, RefusedError
from romana.model.host import AgentMark, Host
from romana.plan.place import missing_groups
from romana.ports.store import Store
from romana.reconcile.loop import Pass
from romana.reconcile.rebuild import Rebuild
from romana.reconcile.view import StoreView
from romana.wire.records import encode_host, host_key

log = logging.getLogger(__name__)


class Membership:
    """Keeps the record right. Raises StaleError when somebody else wrote it meanwhile: look again."""

    def __init__(self, store: Store, view: StoreView, mark: AgentMark, rebuild: Rebuild) -> None:
        self._store, self._view, self._mark, self._rebuild = store, view, mark, rebuild
        self.joined = False
        """Whether the store has had our mark since the start."""
        self.replaced: RefusedError | None = None
        """Why this agent may not allocate any more."""

    async def once(self) -> Pass:
        """Register. ConfigError `unknown-host` if neither document nor operator knows this host."""
        if not self._view.complete:
            return Pass()
        host = self.known()
        record = self._wanted(host)
        if host.agent is not None and host.agent.incarnation != self._mark.incarnation and self.joined:
            raise self._give_way()
        if host.agent is not None and not self.joined and self._continues(host.agent):
            await self._rebuild.run()
        if host.agent == self._mark and record == host:
            self.joined = True
            return Pass()
        key, value = host_key(host.name), encode_host(record)
        revision = await self._store.swap(key, value, self._view.revision_of(key))
        self._view.written(key, value, revision)
        self.joined = True
        log.info("registered the agent of host %s", host.name, extra={"event": "join", "revision": revision})
        return Pass(changes=1)

    def _continues(self, before: AgentMark) -> bool:
        """Whether the agent before had this journal, if perhaps a later state of it, or ran in this boot."""
        return before.incarnation == self._mark.incarnation or before.boot_id == self._mark.boot_id

    def _give_way(self) -> RefusedError:
        self.replaced = RefusedError(
            f"another agent registered as host {self._view.node}; this one allocates nothing more: stop one of them",
            code="agent-replaced",
        )
        return self.replaced

    def known(self) -> Host:
        """Return this host as the store knows it. ConfigError `unknown-host`."""
        node = self._view.node
        host = self._view.snapshot.hosts.get(node)
        if host is None:
            raise ConfigError(
                f"host {node} is in no document and was not added; romana host add {node} --address …",
                code="unknown-host",
            )
        return host

    def _wanted(self, host: Host) -> Host:
        snapshot = self._view.snapshot
        more = missing_groups(snapshot.layout, snapshot.hosts, host)
        return replace(host, agent=self._mark, groups={**host.groups, **more})
