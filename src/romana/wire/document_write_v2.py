"""Documents back to text: v2 JSON, which says what v2 knew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from romana.model.errors import ConfigError, Problem
from romana.model.topology import BlockOwner, Document, Group, ListedHost, Network, Placement, sites


def write_v2(document: Document) -> str:
    """Return JSON that v2 could have read, and that means the same addresses to us.

    ConfigError `not-v2` lists what v2 cannot say and what would change addresses. What it did not know
    and what changes none is left out: `left_out` lists it.
    """
    problems = [*_impossible(document)]
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise ConfigError(
            f"a v2 document cannot say this, and addresses would change: {problems[0]}{more}; export as v3",
            code="not-v2",
            problems=problems,
        )
    return json.dumps(_document(document), indent=2, ensure_ascii=False) + "\n"


def left_out(document: Document) -> tuple[Problem, ...]:
    """Return what `write_v2` leaves out, since v2 did not know it; no address depends on it."""
    return tuple(_left_out(document))


def _impossible(document: Document) -> Iterator[Problem]:
    for network in document.networks:
        if len(network.prefixes) != 1:
            yield Problem(f"network {network.name}", f"has {len(network.prefixes)} prefixes")
        elif network.versions != (4,):
            yield Problem(f"network {network.name}", "is IPv6")
    for topology in document.topologies:
        for site in sites(topology.root):
            for key, value in (
                ("prefixes", site.group.prefixes),
                ("hosts_expected", site.group.hosts_expected),
                ("weight", site.group.weight),
            ):
                if value:
                    yield Problem(f"group {site.path}", f"has {key}")


def _left_out(document: Document) -> Iterator[Problem]:
    for network in document.networks:
        where = f"network {network.name}"
        if network.owner != BlockOwner.SEGMENT:
            yield Problem(where, f"owner {network.owner} is left out; v2 means segment")
        if network.placement != Placement.PACKED:
            yield Problem(where, f"placement {network.placement} is left out; v2 means packed")
        if network.reuse_delay:
            yield Problem(where, f"reuse_delay {network.reuse_delay:g}s is left out; v2 has no delay")
        yield from _unknown(network, where, "reserved", "vlan")
    for number, topology in enumerate(document.topologies):
        root = topology.root
        where = f"topologies[{number}]"
        yield from _unknown(root, where, *_OF_GROUPS, "assignment", "routing")
        yield from _of_hosts(root)
        for site in sites(root):
            if site.group is not root:
                yield from _unknown(site.group, f"group {site.path}", *_OF_GROUPS)
                yield from _of_hosts(site.group)
    yield from _unknown(document, "", "devices", "links", "budgets")


_OF_GROUPS: Final = ("host_mask", "host_mask6", "on_link", "routers", "announce")


def _unknown(part: object, where: str, *keys: str) -> Iterator[Problem]:
    for key in keys:
        if getattr(part, key) not in (None, (), "") and getattr(part, key) != {}:
            yield Problem(where, f"{key} is left out; v2 does not know it here")


def _of_hosts(group: Group) -> Iterator[Problem]:
    for host in group.hosts:
        if host.joined:
            yield Problem(f"host {host.name}", "joined is left out; v2 lists every host")
        if len(host.addresses) > 1 or host.links:
            yield Problem(
                f"host {host.name}", f"of its addresses only {_main(host)} is written; v2 knows one"
            )


def _main(host: ListedHost) -> str:
    """The address that v2 would route by: the first IPv4 one, if there is any."""
    return str(next((a for a in host.addresses if a.version == 4), host.addresses[0]))


def _document(document: Document) -> dict[str, Any]:
    return {
        "networks": [_network(network) for network in document.networks],
        "topologies": [{"networks": list(t.networks), "map": _members(t.root)} for t in document.topologies],
    }


def _network(network: Network) -> dict[str, Any]:
    written: dict[str, Any] = {
        "name": network.name,
        "cidr": str(network.prefixes[0]),
        "block_mask": network.block_mask,
    }
    return written | ({"tenants": list(network.tenants)} if network.tenants else {})


def _members(group: Group) -> list[dict[str, Any]]:
    return [_group(g) for g in group.groups] or [_host(h) for h in group.hosts]


def _group(group: Group) -> dict[str, Any]:
    written: dict[str, Any] = {"name": group.name} if group.named else {}
    if group.assignment:
        written["assignment"] = dict(group.assignment)
    if group.routing:
        written["routing"] = group.routing
    return written | {"groups": _members(group)}


def _host(host: ListedHost) -> dict[str, Any]:
    """v2's own export writes a host's labels as `assignment`."""
    written: dict[str, Any] = {"name": host.name, "ip": _main(host)}
    return written | ({"assignment": dict(host.labels)} if host.labels else {})
