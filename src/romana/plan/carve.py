"""The prefixes of every group: how a network is cut along the operator's tree.

    10.0.0.0/8      zone-a  0···    10.0.0.0/9        rack-a  00··    10.0.0.0/10
                                                      rack-b  01··    10.64.0.0/10
                    zone-b  1···    10.128.0.0/9      rack-c  100·    10.128.0.0/11
                                                      rack-d  101·    10.160.0.0/11
                                                      rack-e  110·    10.192.0.0/11
                                                      (free)  111·    10.224.0.0/11

A group gets *one* prefix of each family, so that it needs one route: with several prefixes of one family,
each share comes out of one of them. Only a group without siblings gets all that its parent has. Before:
`wire.document` has read the tree. After: `claim` cuts a leaf's prefixes into blocks.
"""

from __future__ import annotations

from romana.model.errors import ConfigError, PlanError, Problem
from romana.model.layout import Carving
from romana.model.topology import Group, GroupPath, Network, sites
from romana.plan.carver import Carver

SHOWN = 5
"""Problems that the sentence holds; the error lists them all."""


def carve(network: Network, root: Group, existing: Carving | None = None) -> Carving:
    """Return the prefixes of every group on every level, lowest first.

    What `existing` holds stays, as long as the document allows it. In an unused tree siblings get equal shares in
    document order, with hints the biggest first; what is left over stays free. A group that joins others goes to the
    bisection point of the largest free piece; if its parent has no room, the parent grows. ConfigError
    `uncarvable` lists every group that cannot have what it needs. Cost: n log n.
    """
    carvers = _run(network, root, existing or {})
    problems = [problem for carver in carvers for problem in carver.problems]
    if problems:
        raise ConfigError(_sentence(network, problems), code="uncarvable", problems=problems)
    return _carving(root, carvers)


def grow(network: Network, root: Group, carving: Carving, path: GroupPath, version: int) -> Carving:
    """Return the carving with the group's space doubled: its largest prefix and its buddy, else the nearest.

    Groups above grow first where they have no room. PlanError `no-room` if the network has none.
    """
    carvers = _run(network, root, carving)
    for carver in carvers:
        if carver.version == version and not carver.grow(path):
            what = f"group {path} of network {network.name} cannot grow"
            why = f"no free IPv{version} prefix is left beside it; add one to the network"
            if carver.pinned(path):
                why = f"the document pins its IPv{version} prefixes; add one there"
            raise PlanError(f"{what}: {why}", code="no-room")
    return _carving(root, carvers)


def _run(network: Network, root: Group, existing: Carving) -> list[Carver]:
    carvers = [Carver(network, root, version, existing) for version in network.versions]
    for carver in carvers:
        carver.run()
    return carvers


def _carving(root: Group, carvers: list[Carver]) -> Carving:
    return {
        site.path: tuple(sorted(p for carver in carvers for p in carver.shares[site.path].prefixes))
        for site in sites(root)
    }


def _sentence(network: Network, problems: list[Problem]) -> str:
    more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return f"network {network.name} cannot be divided: {'; '.join(map(str, problems[:SHOWN]))}{more}"
