"""Which block an owner gets next, and what the extent that lists it becomes.

Before: `place` has given the host its group. After: the caller swaps the extent, and `allocate` hands out
addresses of the block. Where a block goes inside the group is `ground`'s business.
"""

from __future__ import annotations

from dataclasses import replace

from romana.model.block import Block, Claim, Extent, Owner, Writer
from romana.model.errors import PlanError, StaleError
from romana.model.host import Host, HostName, HostState
from romana.model.layout import CarvedNetwork
from romana.model.snapshot import Snapshot
from romana.model.topology import Placement, Site
from romana.model.unknown import unknown
from romana.net.prefix import Prefix
from romana.plan.ground import Ground, ground_of, host_ground, own_extents
from romana.plan.place import misplaced, site_of


def claim(
    snapshot: Snapshot, network: CarvedNetwork, owner: Owner, version: int, writer: Writer
) -> tuple[Extent, Claim]:
    """Return the extent with one more block of that family for `owner`, to be swapped, and its claim.

    The block lies in the host's own prefix where the group gives hosts prefixes (`host_mask`), else in the
    group's: under `packed` the lowest that nobody holds, under `spread` the buddy of what the host has, or
    the bisection point of the free space for its first. Never in another group's. An extent that is not
    in the snapshot does not exist yet. ConfigError `unknown-host`; PlanError `not-in-network`, `misplaced`,
    `draining`, `group-full`.
    """
    host, site = _claimant(snapshot, network, owner.host)
    ground = host_ground(snapshot, network, site, version, host.name)
    if ground is None:
        ground = ground_of(snapshot, network, site, version, host.name)
    if network.spec.placement is Placement.PACKED or ground.host is not None:
        block = ground.lowest()
    else:
        block = ground.beside(_owned(snapshot, network, host.name, version))
    if block is None:
        raise _full(network, site, ground, version)
    extent = ground.extent_of(block)
    new = Claim(block, owner, writer, extent.epoch + 1)
    kept = [c for c in extent.blocks if not c.prefix.overlaps(block)]
    blocks = tuple(sorted([*kept, new], key=lambda c: c.prefix.key))
    return replace(extent, blocks=blocks, epoch=new.epoch), new


def yield_block(extent: Extent, prefix: Prefix) -> Extent:
    """Return the extent with that block yielded: still listed, owned by nobody, under a new epoch.

    StaleError `not-owned` if nobody owns it there.
    """
    found = next((c for c in extent.blocks if c.prefix == prefix), None)
    if found is None or found.owner is None:
        raise StaleError(f"block {prefix} of {extent.prefix} has no owner to yield it", code="not-owned")
    gone = replace(found, owner=None, epoch=extent.epoch + 1)
    blocks = tuple(gone if c is found else c for c in extent.blocks)
    return replace(extent, blocks=blocks, epoch=gone.epoch)


def host_prefix(snapshot: Snapshot, network: CarvedNetwork, host: HostName, version: int) -> Prefix | None:
    """Return the prefix that is the host's own, None as long as it has none (see `take_host_prefix`)."""
    extents = own_extents(snapshot, network, host, version)
    return extents[0].prefix if extents else None


def take_host_prefix(
    snapshot: Snapshot, network: CarvedNetwork, host: HostName, version: int
) -> Extent | None:
    """Return the extent to swap so that the host has its own prefix before its first block.

    None if it has one, or hosts of its group get none. Errors as `claim`.
    """
    _, site = _claimant(snapshot, network, host)
    if site.host_length(version) is None or own_extents(snapshot, network, host, version):
        return None
    ground = host_ground(snapshot, network, site, version, host)
    return ground.pieces[0].extent if ground else None


def first_block(snapshot: Snapshot, extent: Extent, claim: Claim, *, usable_after: float = 0.0) -> Block:
    """Return the empty block that a claim just made starts as.

    Addresses that rest from an earlier owner go on resting.
    """
    assert claim.owner is not None
    before = snapshot.mirrors.get((extent.network, claim.prefix))
    return Block(
        extent.network,
        claim.prefix,
        extent.group,
        claim.owner,
        claim.writer,
        claim.epoch,
        resting=before.resting if before else {},
        usable_after=usable_after,
    )


def may_claim(snapshot: Snapshot, network: CarvedNetwork, host: HostName) -> PlanError | None:
    """Return why the host gets no new blocks of the network, None if it does."""
    try:
        _claimant(snapshot, network, host)
    except PlanError as error:
        return error
    return None


def _claimant(snapshot: Snapshot, network: CarvedNetwork, name: HostName) -> tuple[Host, Site]:
    host = snapshot.hosts.get(name)
    if host is None:
        raise unknown("host", name, snapshot.hosts, code="unknown-host")
    path = host.groups.get(network.id)
    site = site_of(network, path) if path is not None else None
    if path is None or site is None:
        raise PlanError(f"host {name} is in no group of network {network.name}", code="not-in-network")
    if host.state in (HostState.DRAINING, HostState.LEFT):
        raise PlanError(f"host {name} is {host.state} and gets no new blocks", code="draining")
    if path in network.draining or "" in network.draining:
        raise PlanError(f"{_place(network, site)} is being emptied and gives no new blocks", code="draining")
    if reasons := misplaced(host, network, site):
        what = f"host {name} no longer fits {_place(network, site)} and gets no new blocks there"
        raise PlanError(f"{what}: {'; '.join(reasons)}", code="misplaced")
    return host, site


def _owned(snapshot: Snapshot, network: CarvedNetwork, host: HostName, version: int) -> list[Prefix]:
    return [
        c.prefix
        for _, c in snapshot.claims(network.id)
        if c.owner is not None and c.owner.host == host and c.prefix.version == version
    ]


def _full(network: CarvedNetwork, site: Site, ground: Ground, version: int) -> PlanError:
    where = _place(network, site)
    if ground.host is not None:
        own = ", ".join(str(p.prefix) for p in ground.pieces)
        where = f"{own}, host {ground.host}'s own prefix in {where},"
    else:
        prefixes = [str(p) for p in network.carving.get(site.path, ()) if p.version == version]
        where = f"{where} ({', '.join(prefixes) or f'without IPv{version} prefix'})"
    return PlanError(
        f"{where} has no free /{ground.length} block left: yield blocks, or give the group more space",
        code="group-full",
    )


def _place(network: CarvedNetwork, site: Site) -> str:
    return f"group {site.path} of network {network.name}" if site.path else f"network {network.name}"
