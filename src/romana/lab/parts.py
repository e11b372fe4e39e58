"""What a document says about the data centre, sorted for `wiring`, with everything that forbids building it.

Pure. A host that several topologies list is one machine: its addresses and routers are merged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

from romana.lab.blueprint import Served
from romana.model.errors import Problem
from romana.model.topology import Announce, Document, ListedHost, Protocol, Router, Site, sites
from romana.net.prefix import Address, Prefix

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
"""Names become names of namespaces, directories and FRR instances."""
_FIRST_ASN: Final = {True: 65101, False: 64600}
"""Given to routers (True) and other devices (False) that name none."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """A device that FRR will run on."""

    asn: int
    label: str
    address: Address | None
    serves: tuple[Served, ...]


@dataclass
class Parts:
    hosts: dict[str, ListedHost] = field(default_factory=dict)
    routers: dict[str, Router] = field(default_factory=dict)
    speakers: dict[str, Speaker] = field(default_factory=dict)
    """Devices of the document first, then the groups' routers."""
    routed: dict[str, list[Router]] = field(default_factory=dict)
    """Host to the routers it has a port of its own on."""
    segments: dict[str, tuple[list[Router], list[ListedHost]]] = field(default_factory=dict)
    """Switch to what is plugged into it."""
    links: list[tuple[str, str]] = field(default_factory=list)
    planned: list[Prefix] = field(default_factory=list)
    addresses: list[Address] = field(default_factory=list)
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def versions(self) -> set[int]:
        """The families that the networks have."""
        return {prefix.version for prefix in self.planned}

    def is_router(self, name: str) -> bool:
        return name in self.speakers or name in self.segments


def collect(document: Document) -> Parts:
    """Return the document's parts; `problems` is empty where a lab can be built of them."""
    parts = Parts(planned=[p for n in document.networks for p in n.prefixes])
    leaves = [s for t in document.topologies for s in sites(t.root) if s.leaf]
    _hosts(parts, leaves)
    _routers(parts, document)
    for site in leaves:
        _attach(parts, site)
    _links(parts, document)
    parts.addresses = [a for h in parts.hosts.values() for a in h.addresses]
    parts.addresses += [a for r in parts.routers.values() for a in (r.address, r.address6) if a is not None]
    parts.problems = tuple(_problems(parts, document, leaves))
    parts.warnings = tuple(_warnings(parts))
    return parts


def _hosts(parts: Parts, leaves: Iterable[Site]) -> None:
    for site in leaves:
        for host in site.group.hosts:
            known = parts.hosts.get(host.name, host)
            merged = (*known.addresses, *(a for a in host.addresses if a not in known.addresses))
            parts.hosts[host.name] = ListedHost(
                host.name, merged, {**known.labels, **host.labels}, {**known.links, **host.links}
            )


def _routers(parts: Parts, document: Document) -> None:
    """Collect the speakers. A router serves the groups that name it, not those that inherit it."""
    serves: dict[str, list[Served]] = {}
    for topology in document.topologies:
        for site in sites(topology.root):
            own = {r.name for r in site.group.routers}
            served = [Served(network, site.path, len(own) > 1) for network in topology.networks]
            for router in site.routers:
                parts.routers.setdefault(router.name, router)
                if router.name in own:
                    serves.setdefault(router.name, []).extend(served)
            for device in (d for d in document.devices if d.serves == site.path):
                serves.setdefault(device.name, []).extend(served)
    named = {r.asn for r in parts.routers.values()} | {d.asn for d in document.devices}
    for device in document.devices:
        asn = device.asn or _FIRST_ASN[False]
        groups = tuple(serves.get(device.name, ()))
        parts.speakers[device.name] = Speaker(asn, device.kind, device.address, groups)
    free = (n for n in range(_FIRST_ASN[True], 1 << 32) if n not in named)
    for router in parts.routers.values():
        groups = tuple(serves.get(router.name, ()))
        parts.speakers[router.name] = Speaker(router.asn or next(free), "tor", router.address, groups)


def _attach(parts: Parts, site: Site) -> None:
    """Decide how each host of the site is connected: routed ports, or a switch that the site shares."""
    hosts = [parts.hosts[h.name] for h in site.group.hosts if parts.hosts[h.name].addresses]
    for host in hosts:
        routed = parts.routed.setdefault(host.name, [])
        if not site.shares_link:
            routed += [r for r in site.routers if r not in routed]
    if site.shares_link and hosts:
        name = _free_name(parts, f"switch-{site.path.replace('/', '-')}" if site.routers else "switch")
        routers, members = parts.segments.setdefault(name, ([], []))
        routers += [r for r in site.routers if r not in routers]
        members += [h for h in hosts if h not in members]


def _free_name(parts: Parts, name: str) -> str:
    while name in parts.hosts or name in parts.speakers:
        name += "-"
    return name


def _links(parts: Parts, document: Document) -> None:
    for a, b in document.links:
        if a in parts.speakers and b in parts.speakers:
            parts.links.append((a, b))


def _problems(parts: Parts, document: Document, leaves: Iterable[Site]) -> Iterator[Problem]:
    if not any(host.addresses for host in parts.hosts.values()):
        yield Problem("topologies", "no group lists a host with an address; a lab needs at least one")
    for name in (*parts.hosts, *parts.speakers):
        if not _NAME.fullmatch(name):
            yield Problem(
                name, "a device of a lab needs a name of letters, digits, '.', '_' and '-', 63 at most"
            )
    for name in (n for n in parts.hosts if n in parts.speakers):
        yield Problem(name, "is a host and a router at once; give one of them another name")
    for name, host in parts.hosts.items():
        if not host.addresses:
            yield Problem(name, "has no address; a lab needs one for every host")
    yield from _link_problems(parts, document)
    yield from _site_problems(leaves)


def _link_problems(parts: Parts, document: Document) -> Iterator[Problem]:
    known = [*parts.speakers, *parts.hosts]
    seen: set[frozenset[str]] = set()
    for index, link in enumerate(document.links):
        where = f"links[{index}]"
        for name in (n for n in link if n not in known):
            near = get_close_matches(name, known, 1)
            yield Problem(
                where, f"no router or device is called {name!r}" + (f"; {near[0]!r} is" if near else "")
            )
        if link[0] == link[1]:
            yield Problem(where, f"joins {link[0]!r} to itself")
        elif frozenset(link) in seen:
            yield Problem(where, f"joins {link[0]!r} and {link[1]!r} a second time")
        seen.add(frozenset(link))
        for name in (n for n in link if n in parts.hosts):
            others = {r.name for r in parts.routed.get(name, ())}
            if not others.intersection(link):
                yield Problem(
                    where, f"{name!r} is a host; it is cabled to the routers of its group by itself"
                )


def _site_problems(leaves: Iterable[Site]) -> Iterator[Problem]:
    for site in leaves:
        if not (site.group.hosts and site.routers):
            continue
        where = site.path or "topologies"
        if site.announce in (Announce.NONE, Announce.GROUP):
            yield Problem(
                where, f"announce: {site.announce} needs routers that a lab does not have yet; use host"
            )
        for router in site.routers:
            if router.protocol is not Protocol.BGP:
                yield Problem(
                    where, f"router {router.name!r} speaks {router.protocol}; a lab speaks bgp only"
                )
            yield from _family_problems(where, router, site.group.hosts)


def _family_problems(where: str, router: Router, hosts: Iterable[ListedHost]) -> Iterator[Problem]:
    own = {a.version for a in (router.address, router.address6) if a is not None}
    if not own:
        yield Problem(where, f"router {router.name!r} has no address; its hosts speak BGP to it")
        return
    for host in hosts:
        if host.addresses and not own.intersection(a.version for a in host.addresses):
            yield Problem(
                where, f"{host.name!r} and its router {router.name!r} have no address of one family"
            )


def _warnings(parts: Parts) -> Iterator[str]:
    linked = {name for link in parts.links for name in link}
    for name in parts.speakers:
        plugged = any(name in {r.name for r in routers} for routers, _ in parts.segments.values())
        cabled = any(name in {r.name for r in routers} for routers in parts.routed.values())
        if name not in linked and not (name in parts.routers and (plugged or cabled)):
            yield f"no link leads to {name}"
    for version in sorted(parts.versions):
        without = [h.name for h in parts.hosts.values() if version not in {a.version for a in h.addresses}]
        if without:
            yield f"pods have IPv{version} addresses that nothing routes to on hosts without one: {', '.join(without)}"
    racks = {r.name for routers in parts.routed.values() for r in routers}
    if any(routers == [] for routers, _ in parts.segments.values()) and racks:
        yield "some hosts have routers and some have none: no cable joins the two kinds"
