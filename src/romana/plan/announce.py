"""What a node tells its routers and what it believes of them.

A node announces what the plan gives to it alone: its host prefix, else its blocks aggregated. Its table
holds a discard for all of it (`fib`), so what the router sends here ends here. It peers with the routers
of its group only, once a family.
"""

from __future__ import annotations

from collections.abc import Iterator
from zlib import crc32

from romana.model.host import Host, HostName
from romana.model.layout import CarvedNetwork
from romana.model.snapshot import Snapshot
from romana.model.speaker import Accepted, Asn, Session, Speaking
from romana.model.topology import Announce, Protocol, Router, Site
from romana.net.aggregate import aggregate
from romana.net.prefix import Address, Prefix
from romana.plan.claim import host_prefix
from romana.plan.place import site_of


def speaking(snapshot: Snapshot, node: HostName) -> Speaking | None:
    """Return what the node's speaker should do; None where no router of its groups speaks BGP to it.

    `announce: group` needs elected nodes and is treated as `host`.
    """
    host = snapshot.hosts.get(node)
    if host is None:
        return None
    sessions: dict[tuple[Address, Address], Session] = {}
    for network, site in _homes(snapshot, host):
        for session in _sessions(snapshot, network, site, host):
            ends = (session.local, session.remote)
            sessions[ends] = _merged(sessions[ends], session) if ends in sessions else session
    if not sessions:
        return None
    return Speaking(node, _router_id(host), tuple(sessions.values()))


def announced(
    snapshot: Snapshot, network: CarvedNetwork, site: Site, node: HostName, version: int
) -> tuple[Prefix, ...]:
    """Return what the node answers for in a network, lowest first: never more than it owns."""
    if site.announce is Announce.NONE:
        return ()
    if site.announce is not Announce.BLOCKS:
        own = host_prefix(snapshot, network, node, version)
        if own is not None:
            return (own,)
    blocks = (
        claim.prefix
        for _, claim in snapshot.claims(network.id)
        if claim.owner is not None and claim.owner.host == node and claim.prefix.version == version
    )
    return tuple(aggregate(blocks))


def _homes(snapshot: Snapshot, host: Host) -> Iterator[tuple[CarvedNetwork, Site]]:
    for network in snapshot.layout.networks:
        path = host.groups.get(network.id)
        site = site_of(network, path) if path is not None else None
        if site is not None:
            yield network, site


def _sessions(snapshot: Snapshot, network: CarvedNetwork, site: Site, host: Host) -> Iterator[Session]:
    for router in site.routers:
        if router.protocol is not Protocol.BGP:
            continue
        for version in (4, 6):
            local, remote = host.address(version), _address(router, version)
            if local is None or remote is None:
                continue
            yield Session(
                router.name,
                local,
                remote,
                Asn(router.asn) if router.asn is not None else None,
                announced(snapshot, network, site, host.name, version),
                tuple(_accepted(network, version)),
            )


def _accepted(network: CarvedNetwork, version: int) -> Iterator[Accepted]:
    """Yield what a router may tell of the network: its prefixes and its groups', nothing longer."""
    groups = [p for prefixes in network.carving.values() for p in prefixes if p.version == version]
    for prefix in network.spec.prefixes:
        if prefix.version == version:
            inside = [p.length for p in groups if p in prefix]
            yield Accepted(prefix, max(inside, default=prefix.length))


def _merged(one: Session, other: Session) -> Session:
    """One session carries what several networks have to say."""
    return Session(
        one.router,
        one.local,
        one.remote,
        one.asn,
        tuple(aggregate((*one.announced, *other.announced))),
        (*one.accepted, *(a for a in other.accepted if a not in one.accepted)),
    )


def _address(router: Router, version: int) -> Address | None:
    return router.address if version == 4 else router.address6


def _router_id(host: Host) -> Address:
    """The node's IPv4 address; where it has none, a number from its name, the same at every start."""
    own = host.address(4)
    return own if own is not None else Address.of(4, crc32(host.name.encode()) or 1)
