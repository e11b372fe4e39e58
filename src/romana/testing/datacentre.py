"""A data centre in memory: the decisions of `plan`, carried out on a snapshot at once and in order.

No store, no agents, no time: for tests of decisions, and for tests that need a network with hosts and
addresses in it. What a real writer does in several swaps is done here in one go.

    dc = DataCentre()
    dc.apply(document)
    dc.join("node-1", "192.168.0.1", rack="a")
    dc.allocate("pod-1", "node-1")
"""

from __future__ import annotations

from dataclasses import replace

from romana.model.block import Block, Extent, Holding, Writer
from romana.model.errors import PlanError
from romana.model.host import Host, HostName
from romana.model.layout import Layout, NetworkId
from romana.model.snapshot import BlockKey, Snapshot
from romana.model.topology import Document, Placement
from romana.net.prefix import Address, Prefix
from romana.plan.allocate import NeedBlock, Request, allocate, find_holding, release
from romana.plan.changes import TopologyPlan, plan_document
from romana.plan.claim import claim, first_block, yield_block
from romana.plan.place import join, resolve_hosts
from romana.plan.rehost import left_behind, moved


class DataCentre:
    """The records of a store as values. `now` is the clock of every writer."""

    def __init__(self) -> None:
        self.layout = Layout()
        self.records: dict[HostName, Host] = {}
        self.extents: dict[BlockKey, Extent] = {}
        self.mirrors: dict[BlockKey, Block] = {}
        self.reservations: dict[NetworkId, tuple[Prefix, ...]] = {}
        self.now = 1000.0
        self._snapshot: Snapshot | None = None

    @property
    def snapshot(self) -> Snapshot:
        """Everything as one consistent read would show it."""
        if self._snapshot is None:
            self._snapshot = Snapshot(
                layout=self.layout,
                hosts=resolve_hosts(self.layout, self.records),
                extents=dict(sorted(self.extents.items())),
                mirrors=dict(self.mirrors),
                reservations=dict(self.reservations),
            )
        return self._snapshot

    def apply(self, document: Document, *, drain: bool = False) -> TopologyPlan:
        """Put a document in force. PlanError `would-strand`, ConfigError `uncarvable`: nothing is changed."""
        plan = plan_document(self.snapshot, document, drain=drain)
        plan.require()
        if plan.prelude is not None:
            self.layout, self._snapshot = plan.prelude, None
            return replace(self.apply(document, drain=drain), changes=plan.changes)
        for block in plan.closes:
            self.put(block)
        for extent in plan.extents:
            self.put_extent(extent)
        self.layout = plan.layout
        self._snapshot = None
        for host in plan.hosts:
            self.put_host(host)
        for name in plan.removed_hosts:
            self.records.pop(name, None)
        self.move()
        return plan

    def join(self, name: str, *addresses: str, labels: dict[str, str] | None = None, **more: str) -> Host:
        """Add a host. Errors as `plan.place.join`."""
        host = join(self.snapshot, name, [*map(Address.parse, addresses)], {**(labels or {}), **more})
        self.put_host(host)
        return host

    def leave(self, name: str) -> None:
        """Remove an added host that holds no addresses: its blocks are yielded, its record deleted."""
        for block in [*self.snapshot.blocks(host=HostName(name))]:
            if block.holdings:
                raise PlanError(f"host {name} holds addresses in {block.prefix}", code="would-strand")
            self.yield_(block)
        self.records.pop(HostName(name), None)
        self._snapshot = None

    def relabel(self, name: str, labels: dict[str, str]) -> None:
        self.put_host(replace(self.snapshot.hosts[HostName(name)], labels=labels))

    def move(self) -> None:
        """Record hosts where they should be now."""
        for host in moved(self.snapshot):
            for _, _, block in [*left_behind(self.snapshot, host)]:
                self.yield_(block)
            self.put_host(host)

    def allocate(
        self,
        name: str,
        host: str,
        *,
        tenant: str = "",
        segment: str = "",
        network: str | None = None,
        writer: Writer = Writer.CENTRAL,
    ) -> tuple[Holding, ...]:
        """Allocate, claiming what it takes. Errors as `plan.allocate`."""
        request = Request(name, HostName(host), tenant, segment, network)
        full: set[tuple[NetworkId, int]] = set()
        while True:
            own = [b for b in self.snapshot.blocks(host=request.host) if b.writer is writer]
            answer = allocate(self.snapshot, own, request, now=self.now, full=full)
            if not isinstance(answer, NeedBlock):
                for block in answer.blocks:
                    self.put(block)
                return answer.holdings
            try:
                extent, new = claim(self.snapshot, answer.network, answer.owner, answer.version, writer)
            except PlanError as error:
                if error.code != "group-full":
                    raise
                full.add((answer.network.id, answer.version))
            else:
                block = first_block(self.snapshot, extent, new)
                self.put_extent(extent)
                self.put(block)

    def release(self, name: str) -> None:
        """Release what a name holds; an emptied block is yielded where its network is packed."""
        for block, holding in find_holding(self.snapshot, name):
            left = release(block, holding.address, now=self.now)
            self.put(left)
            network = self.layout.by_id(block.network)
            if not left.holdings and network is not None and network.spec.placement is Placement.PACKED:
                self.yield_(left)

    def yield_(self, block: Block) -> None:
        """Give a block back: closed in its record first, then without owner in its extent."""
        extent = next(
            e
            for e, c in self.snapshot.claims(block.network)
            if c.prefix == block.prefix and c.owner == block.owner
        )
        self.put(replace(block, closed=True))
        self.put_extent(yield_block(extent, block.prefix))

    def reserve(self, network: str, *prefixes: Prefix) -> None:
        """Reserve prefixes of a network by name, and no others."""
        known = self.layout.named(network)
        assert known is not None
        self.reservations[known.id] = prefixes
        self._snapshot = None

    def put(self, block: Block) -> None:
        self.mirrors[block.network, block.prefix] = block
        self._snapshot = None

    def put_extent(self, extent: Extent) -> None:
        self.extents[extent.network, extent.prefix] = extent
        self._snapshot = None

    def put_host(self, host: Host) -> None:
        self.records[host.name] = host
        self._snapshot = None
