"""Which address a request gets, or which claim it needs first.

Before: `claim` has given the owner its blocks. After: the writer journals or swaps the blocks returned here.
Nothing here waits or remembers: the caller claims what `NeedBlock` names and asks again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from romana.model.block import Block, Holding, Owner
from romana.model.errors import ConfigError, PlanError, Problem
from romana.model.host import Host, HostName, HostState
from romana.model.layout import CarvedNetwork, Layout, NetworkId
from romana.model.snapshot import Snapshot
from romana.model.topology import ROOT, BlockOwner
from romana.model.unknown import unknown
from romana.net.prefix import Address, Prefix
from romana.plan.place import misplaced

STEP = 1 << 8
"""From one address to the next in packed keys."""


@dataclass(frozen=True, slots=True)
class Request:
    """Who wants addresses. `network` by name; None: the tenant's networks in order."""

    name: str
    host: HostName
    tenant: str = ""
    segment: str = ""
    network: str | None = None


@dataclass(frozen=True, slots=True)
class Granted:
    """The answer: one address of each family of one network, IPv4 first."""

    holdings: tuple[Holding, ...]
    blocks: tuple[Block, ...] = ()
    """What changed and must be written before the answer is given; empty where it was held already."""
    early: tuple[Block, ...] = ()
    """Blocks used before `usable_after`, because there was nothing else: to be counted."""

    @property
    def fresh(self) -> bool:
        return bool(self.blocks)


@dataclass(frozen=True, slots=True)
class NeedBlock:
    """No own block has room: claim one like this, or add (network.id, version) to `full` and ask again."""

    network: CarvedNetwork
    version: int
    owner: Owner


class View(Protocol):
    """The part of a snapshot that allocation looks at."""

    @property
    def layout(self) -> Layout: ...
    @property
    def hosts(self) -> Mapping[HostName, Host]: ...
    def reserved(self, network: CarvedNetwork) -> tuple[Prefix, ...]:
        """What is never handed out."""


def networks_for(layout: Layout, tenant: str, asked: str | None = None) -> tuple[CarvedNetwork, ...]:
    """Return the networks a tenant may use: those that name it, then those for everybody, in document order.

    With `asked`, that one alone. Networks being drained are left out. ConfigError `unknown-network`;
    PlanError `no-network`, and `draining` where there are no others.
    """
    if asked is not None and layout.named(asked) is None:
        raise unknown("network", asked, (n.name for n in layout.networks), code="unknown-network")
    meant = [n for n in layout.networks if asked in (None, n.name)]
    own = [n for n in meant if tenant in n.spec.tenants]
    allowed = (*own, *(n for n in meant if not n.spec.tenants))
    found = tuple(n for n in allowed if ROOT not in n.draining)
    if allowed and not found:
        names = ", ".join(n.name for n in allowed)
        raise PlanError(f"network {names} is being emptied and gives no new addresses", code="draining")
    if not found:
        which = f"tenant {tenant!r}" if tenant else "a request without tenant"
        where = f"network {asked} is not open to" if asked is not None else "no network is open to"
        raise PlanError(f"{where} {which}", code="no-network")
    return found


def owner_of(network: CarvedNetwork, request: Request) -> Owner:
    """Return who owns the blocks that the request is served from."""
    match network.spec.owner:
        case BlockOwner.HOST:
            return Owner(request.host)
        case BlockOwner.TENANT:
            return Owner(request.host, request.tenant)
        case BlockOwner.SEGMENT:
            return Owner(request.host, request.tenant, request.segment)


def allocate(
    view: View,
    own: Sequence[Block],
    request: Request,
    *,
    now: float,
    full: Collection[tuple[NetworkId, int]] = (),
) -> Granted | NeedBlock:
    """Return one address of each family for the request, or the block to claim first.

    `own` are the host's blocks. What holds a block back is tried in this order: own blocks with room,
    own emptied blocks, a new block, the next network; inside a block the lowest free address that is neither
    reserved nor resting. A name that holds addresses in `own` gets them again. `full` says for which
    families of which networks a claim has failed. Cost: linear in the host's addresses.

    ConfigError `unknown-host`, `unknown-network`; PlanError `no-network`, `draining`, `not-in-network`,
    `no-free-address`.
    """
    host = view.hosts.get(request.host)
    if host is None:
        raise unknown("host", request.host, view.hosts, code="unknown-host")
    if held := [h for b in own for h in b.holdings.values() if h.name == request.name]:
        return Granted(tuple(sorted(held, key=lambda h: h.address.key)))
    problems = []
    for network in networks_for(view.layout, request.tenant, request.network):
        if network.id not in host.groups:
            problems.append(Problem(network.name, f"host {host.name} is in no group of it"))
            continue
        answer = _from_network(view, network, own, request, host, now, full)
        if not isinstance(answer, Problem):
            return answer
        problems.append(answer)
    raise _nothing(request, host, problems)


def has_room(block: Block, reserved: Sequence[Prefix], delay: float, now: float) -> bool:
    """Return whether the block has an address to hand out: neither held, nor reserved, nor resting."""
    return not block.closed and _lowest(block, reserved, delay, now) is not None


def release(block: Block, address: Address, *, now: float) -> Block:
    """Return the block without the holding; the address rests from `now` on. ConfigError `not-held`."""
    if address not in block.holdings:
        raise ConfigError(f"nobody holds {address} in block {block.prefix}", code="not-held")
    holdings = {a: h for a, h in block.holdings.items() if a != address}
    return replace(block, holdings=holdings, resting={**block.resting, address: now})


def find_holding(snapshot: Snapshot, wanted: str | Address) -> tuple[tuple[Block, Holding], ...]:
    """Return what is held under that name, or at that address, with its blocks; IPv4 first."""
    found = [
        (block, holding)
        for block, holding in snapshot.holdings()
        if (holding.name == wanted if isinstance(wanted, str) else holding.address == wanted)
    ]
    return tuple(sorted(found, key=lambda pair: pair[1].address.key))


def _from_network(
    view: View,
    network: CarvedNetwork,
    own: Sequence[Block],
    request: Request,
    host: Host,
    now: float,
    full: Collection[tuple[NetworkId, int]],
) -> Granted | NeedBlock | Problem:
    """Answer from one network; a Problem says why it has nothing, so that the next one is asked."""
    group = host.groups[network.id]
    if group in network.draining:
        return Problem(network.name, f"group {group} is being emptied")
    owner = owner_of(network, request)
    reserved = view.reserved(network)
    chosen: list[tuple[Block, Address]] = []
    for version in network.spec.versions:
        mine = [
            b for b in own if b.network == network.id and b.owner == owner and b.prefix.version == version
        ]
        mine = sorted((b for b in mine if not b.closed), key=lambda b: (not b.holdings, b.prefix.key))
        found = _first([b for b in mine if b.usable_after <= now], reserved, network.spec.reuse_delay, now)
        if found is None:
            reason = _unclaimable(network, host, version, full, reserved)
            if reason is None:
                return NeedBlock(network, version, owner)
            found = _first([b for b in mine if b.usable_after > now], reserved, network.spec.reuse_delay, now)
            if found is None:
                return Problem(network.name, reason)
        chosen.append(found)
    return _grant(chosen, request, network.spec.reuse_delay, now)


def _unclaimable(
    network: CarvedNetwork,
    host: Host,
    version: int,
    full: Collection[tuple[NetworkId, int]],
    reserved: Sequence[Prefix],
) -> str | None:
    """Why no claim can help, None if one should be tried."""
    if (network.id, version) in full:
        path = host.groups[network.id]
        where = f"group {path}" if path else "it"
        inside = [str(r) for r in reserved if any(r.overlaps(p) for p in network.carving.get(path, ()))]
        why = f" ({', '.join(inside)} reserved)" if inside else ""
        grow = f"; romana group grow {network.name} {path!r} gives it more" if path else ""
        return f"{where} has no IPv{version} block left{why} and the host's own have no free address{grow}"
    if host.state in (HostState.DRAINING, HostState.LEFT):
        return f"host {host.name} is {host.state}"
    if host.state is HostState.MISPLACED and (reasons := misplaced(host, network)):
        return f"host {host.name} is misplaced: {'; '.join(reasons)}"
    return None


def _grant(chosen: Sequence[tuple[Block, Address]], request: Request, delay: float, now: float) -> Granted:
    holdings, blocks = [], []
    for block, address in chosen:
        holding = Holding(address, request.name, request.tenant, request.segment)
        resting = {a: t for a, t in block.resting.items() if abs(now - t) < delay}
        holdings.append(holding)
        blocks.append(replace(block, holdings={**block.holdings, address: holding}, resting=resting))
    early = tuple(b for b in blocks if b.usable_after > now)
    return Granted(tuple(holdings), tuple(blocks), early)


def _first(
    blocks: Sequence[Block], reserved: Sequence[Prefix], delay: float, now: float
) -> tuple[Block, Address] | None:
    for block in blocks:
        key = _lowest(block, reserved, delay, now)
        if key is not None:
            return block, Address(key)
    return None


def _lowest(block: Block, reserved: Sequence[Prefix], delay: float, now: float) -> int | None:
    """Return the packed key of the lowest address that may be handed out.

    Works on integers: a block of 64 costs some microseconds. An address rests while the writer's clock
    is within `delay` of its release, on either side: a clock set back does not make it rest for years.
    """
    bits = block.prefix.bits
    key = block.prefix.address(0).key
    end = key + (block.prefix.size << 8)
    taken = {a.key for a in block.holdings}
    taken.update(a.key for a, t in block.resting.items() if abs(now - t) < delay)
    gaps = [
        (p.address(0).key, p.address(0).key + (1 << bits - p.length + 8))
        for p in reserved
        if p.overlaps(block.prefix)
    ]
    gaps.sort()
    for low, high in gaps:
        while key < low and key in taken:
            key += STEP
        if key < low:
            return key
        key = max(key, high)
    while key in taken:
        key += STEP
    return key if key < end else None


def _nothing(request: Request, host: Host, problems: Sequence[Problem]) -> PlanError:
    outside = all(p.what.endswith("in no group of it") for p in problems)
    where = f"network {request.network}" if request.network is not None else "any network it may use"
    if outside:
        what = f"host {host.name} is in no group of {where}"
        return PlanError(what, code="not-in-network", problems=problems)
    reasons = "; ".join(map(str, problems))
    return PlanError(
        f"no free address for {request.name} on host {host.name}: {reasons}",
        code="no-free-address",
        problems=problems,
    )
