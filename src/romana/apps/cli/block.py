"""`romana block`: the unit of addresses that a host owns."""

from __future__ import annotations

import click

from romana.apps.cli import suggest, views
from romana.apps.cli.framework import Group
from romana.apps.cli.lookup import find_group, find_host, find_network
from romana.apps.cli.output import columns, show
from romana.apps.cli.session import snapshot
from romana.apps.cli.tree import within
from romana.model.topology import GroupPath


@click.group(cls=Group)
def block() -> None:
    """List blocks: the prefixes that hosts own and hand addresses out of.

    \b
        romana block list
    """


@block.command("list")
@click.option("--host", metavar="NAME", shell_complete=suggest.hosts, help="Only the blocks of this host.")
@click.option(
    "--network", metavar="NAME", shell_complete=suggest.networks, help="Only the blocks of this network."
)
@click.option(
    "--group", metavar="PATH", shell_complete=suggest.groups, help="Only the blocks in this group or below."
)
def list_(host: str | None, network: str | None, group: str | None) -> None:
    """List blocks by network and address. An emptied block that nobody owns has no host.

    \b
        romana block list
        romana block list --host node-1 --network pods
        romana block list --group zone-a -o json
    """
    now = snapshot()
    wanted = None if network is None else find_network(now, network).id
    if host is not None:
        find_host(now, host)
    if group is not None:
        find_group(now, group, network)
    order = {item.id: place for place, item in enumerate(now.layout.networks)}
    found = [
        (extent, claim)
        for extent, claim in now.claims(wanted)
        if (host is None or (claim.owner is not None and claim.owner.host == host))
        and (group is None or within(now.group_of(extent, claim), GroupPath(group)))
    ]
    found.sort(key=lambda pair: (order.get(pair[0].network, len(order)), pair[1].prefix))
    rows = [views.block(now, *pair) for pair in found]
    show(rows, lambda: _table(rows))


def _table(rows: list[views.View]) -> str:
    headers = ("PREFIX", "NETWORK", "GROUP", "HOST", "TENANT", "SEGMENT", "ALLOCATED")
    return columns(
        headers,
        (
            (
                row["prefix"],
                row["network"],
                row["group"],
                row["host"],
                row["tenant"],
                row["segment"],
                f"{row['allocated']}/{row['size']}",
            )
            for row in rows
        ),
    )
