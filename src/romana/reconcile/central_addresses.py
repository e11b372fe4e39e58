"""Allocating and releasing addresses as the central writer, for hosts without a running agent.

    look ─► name free? ─► decide ─┬─ needs a block: claim it, look again
                                  └─ guard swapped ─► mirrors swapped ─► answer

Every arrow may be the last one. A claimed block stays empty and is used next time; a guard without
addresses held is ended by the next caller (`central_names`); a mirror is written whole or not at all.
"""

from __future__ import annotations

from dataclasses import replace

from romana.model.block import Block, Holding
from romana.model.errors import ConfigError, PlanError, RomanaError, TransientError
from romana.model.host import HostName, HostState
from romana.model.layout import NetworkId
from romana.model.names import check_holder
from romana.model.snapshot import BlockKey, Snapshot
from romana.model.unknown import unheld
from romana.net.prefix import Address, PrefixError
from romana.plan import allocate as plan
from romana.plan.allocate import find_holding
from romana.plan.rehost import moved
from romana.ports.store import Store
from romana.reconcile.central_blocks import finish_yields, give_back, move_host, own_blocks, take_block
from romana.reconcile.central_names import Held, Turn, agent_writes, guard_of
from romana.reconcile.central_requests import allocate_by_agent, release_by_agent
from romana.reconcile.central_swaps import Means, Seen, put_block, retried, see
from romana.wire.records import NameGuard, name_key


async def allocate(store: Store, request: plan.Request, *, means: Means | None = None) -> tuple[Holding, ...]:
    """Return the addresses that the request's name holds from now on, one of each family of its network.

    On a host whose agent runs, the agent carries it out. StaleError `name-held`; ConfigError `bad-name`,
    `unknown-host`, `unknown-network`; PlanError `no-network`, `not-in-network`, `no-free-address`, `draining`.
    TransientError leaves open whether it was done: asked again, `name-held` tells.
    """
    means = means or Means()
    check_holder(request.name)
    seen = await see(store)
    host = seen.snapshot.hosts.get(request.host)
    if host is not None and host.agent is not None:
        return await allocate_by_agent(store, request, means)
    return await _Allocation(store, request, means).carry_out()


class _Allocation:
    def __init__(self, store: Store, request: plan.Request, means: Means) -> None:
        self._store, self._request, self._means = store, request, means
        self._turn = Turn(request.name)
        self._full: set[tuple[NetworkId, int]] = set()
        self._taken: set[BlockKey] = set()

    async def carry_out(self) -> tuple[Holding, ...]:
        try:
            return await retried(self._means, self._attempt)
        except TransientError:
            raise
        except RomanaError:
            await self._turn.give_up(self._store, self._means)
            if self._taken:
                await give_back(self._store, self._taken)
            raise

    async def _attempt(self) -> tuple[Holding, ...]:
        """Go on from what is there. Where one family is held since an attempt that lost the other's swap, it stays."""
        while True:
            seen = await see(self._store)
            await self._turn.settle(self._store, seen, self._means)
            if await self._moved(seen):
                continue
            decided = self._decide(seen)
            if isinstance(decided, plan.NeedBlock):
                await self._claim(seen, decided)
                continue
            kept = find_holding(seen.snapshot, self._request.name)
            if all(block.network == decided.blocks[0].network for block, _ in kept):
                return await self._write(seen, decided, [holding for _, holding in kept])
            await self._turn.start_again(self._store, seen, self._means)

    def _decide(self, seen: Seen) -> plan.Granted | plan.NeedBlock:
        """Decide as if the name held nothing yet."""
        host = seen.snapshot.hosts.get(self._request.host)
        if host is not None and host.state in (HostState.DRAINING, HostState.LEFT):
            raise PlanError(f"host {host.name} is {host.state} and gets no new addresses", code="draining")
        own = [self._without(block) for block in own_blocks(seen.snapshot, self._request.host)]
        return plan.allocate(seen.snapshot, own, self._request, now=self._means.wall(), full=self._full)

    def _without(self, block: Block) -> Block:
        others = {a: h for a, h in block.holdings.items() if h.name != self._request.name}
        return replace(block, holdings=others) if len(others) < len(block.holdings) else block

    async def _moved(self, seen: Seen) -> bool:
        """Record a host elsewhere that has no group, or is misplaced and empty, where a group fits it now."""
        host = seen.snapshot.hosts.get(self._request.host)
        if host is None or host.state not in (HostState.MISPLACED, HostState.JOINING):
            return False
        better = next((h for h in moved(seen.snapshot) if h.name == host.name), None)
        if better is None:
            return False
        await move_host(self._store, seen, better)
        return True

    async def _claim(self, seen: Seen, need: plan.NeedBlock) -> None:
        if await finish_yields(self._store, seen):
            return
        try:
            self._taken.add(await take_block(self._store, seen, need))
        except PlanError:
            self._full.add((need.network.id, need.version))

    async def _write(self, seen: Seen, granted: plan.Granted, kept: list[Holding]) -> tuple[Holding, ...]:
        """Swap the guard, then the mirrors of the families that are not `kept`."""
        done = {holding.address.version for holding in kept}
        holdings = (*kept, *(h for h in granted.holdings if h.address.version not in done))
        holdings = tuple(sorted(holdings, key=lambda holding: holding.address.key))
        guard = NameGuard(self._request.host, tuple(holding.address for holding in holdings))
        await self._turn.guard(self._store, seen, guard)
        for block in granted.blocks:
            if block.prefix.version not in done:
                await put_block(self._store, seen, block)
        return holdings


async def release(store: Store, name_or_ip: str, *, means: Means | None = None) -> tuple[Holding, ...]:
    """Return what was released: all that the name holds, or all that the holder of the address holds.

    Addresses in a running agent's blocks are released by the agent. ConfigError `unknown-address`.
    """
    means = means or Means()
    turn = Turn(_name(await see(store), name_or_ip))
    gone: dict[Address, Holding] = {}

    async def take() -> None:
        seen = await see(store)
        if gone and not turn.still_ending(seen):
            return
        held = find_holding(seen.snapshot, turn.name)
        gone.update((holding.address, holding) for _, holding in held)
        await turn.take_back(store, seen, means)
        for host in _agents(seen, turn.name, held):
            gone.update((h.address, h) for h in await release_by_agent(store, host, turn.name, means))
        await turn.drop_guard(store)

    async def give_up_blocks() -> None:
        await finish_yields(store, await see(store))

    await retried(means, take)
    await retried(means, give_up_blocks)
    if not gone:
        raise _unheld((await see(store)).snapshot, name_or_ip)
    return tuple(sorted(gone.values(), key=lambda holding: holding.address.key))


def _agents(seen: Seen, name: str, held: Held) -> set[HostName]:
    """Return the hosts whose agents hold the name, by their mirrors or by the guard."""
    guard = guard_of(seen, name)
    hosts = {block.owner.host for block, _ in held if agent_writes(seen.snapshot, block)}
    if guard is not None and not guard.addresses:
        hosts.add(guard.host)
    known = seen.snapshot.hosts
    return {host for host in hosts if host in known and known[host].agent is not None}


def _name(seen: Seen, name_or_ip: str) -> str:
    """Return the name that is meant. An address stands for its holder, unless somebody bears it as a name."""
    if name_key(name_or_ip) in seen.raw or find_holding(seen.snapshot, name_or_ip):
        return name_or_ip
    try:
        held = find_holding(seen.snapshot, Address.parse(name_or_ip))
    except PrefixError:
        held = ()
    if not held:
        raise _unheld(seen.snapshot, name_or_ip)
    return held[0][1].name


def _unheld(snapshot: Snapshot, name_or_ip: str) -> ConfigError:
    return unheld(name_or_ip, sorted({holding.name for _, holding in snapshot.holdings()}))
