"""`romana group`: the places of the operator's tree."""

from __future__ import annotations

import click

from romana.apps.cli import suggest, views
from romana.apps.cli.framework import Group
from romana.apps.cli.lookup import find_group, find_network
from romana.apps.cli.output import columns, fields, labels, show
from romana.apps.cli.session import on_store, snapshot
from romana.apps.cli.tree import Branch, branches
from romana.model.errors import ConfigError
from romana.model.layout import CarvedNetwork
from romana.reconcile import central


@click.group(cls=Group)
def group() -> None:
    """List, show and grow groups: the places (zones, racks) that networks are cut along.

    \b
        romana group list
    """


@group.command("list")
@click.option(
    "--network", metavar="NAME", shell_complete=suggest.networks, help="Only the groups of this network."
)
def list_(network: str | None) -> None:
    """List the groups of every network, parents before the groups inside them.

    \b
        romana group list
        romana group list --network pods -o json
    """
    now = snapshot()
    chosen = now.layout.networks if network is None else (find_network(now, network),)
    found = [(item, branch) for item in chosen for top in branches(now, item) for branch in top.walk()]
    show([views.group(*pair) for pair in found], lambda: _table(found))


@group.command("show")
@click.argument("path", shell_complete=suggest.groups)
@click.option(
    "--network",
    metavar="NAME",
    shell_complete=suggest.networks,
    help="The network, where several have a group of this path.",
)
def show_(path: str, network: str | None) -> None:
    """Show one group by its path: prefixes, labels its hosts must bear, hosts, how full it is.

    \b
        romana group show zone-a/rack-1
        romana group show zone-a/rack-1 --network pods
    """
    found = find_group(snapshot(), path, network)
    if len(found) > 1:
        names = ", ".join(item.name for item, _ in found)
        raise ConfigError(
            f"several networks have a group {path!r}: {names}; name one with --network",
            code="ambiguous-group",
        )
    item, branch = found[0]
    show(views.group(item, branch), lambda: _card(item, branch))


@group.command("grow")
@click.argument("network", shell_complete=suggest.networks)
@click.argument("path", shell_complete=suggest.groups)
@click.option("--dry-run", is_flag=True, help="Only print what the group would have.")
def grow(network: str, path: str, dry_run: bool) -> None:
    """Double the space of a group that is full. What it has stays; what lies beside it comes first.

    A prefix that was added to a network belongs to no group until one grows.

    \b
        romana group grow pods zone-a/rack-1 --dry-run
        romana group grow pods zone-a/rack-1
    """
    grown = on_store(lambda store: central.grow_group(store, network, path, dry_run=dry_run))
    before, after = ([str(prefix) for prefix in prefixes] for prefixes in (grown.before, grown.after))
    show(
        {"network": grown.network, "path": grown.path, "before": before, "after": after},
        lambda: f"group {grown.path or grown.network}: {', '.join(before)} → {', '.join(after)}",
    )


def _table(found: list[tuple[CarvedNetwork, Branch]]) -> str:
    headers = ("NETWORK", "PATH", "PREFIXES", "HOSTS", "BLOCKS", "ADDRESSES", "ASSIGNMENT")
    return columns(
        headers,
        (
            (
                item.name,
                branch.path or '""',
                " ".join(map(str, branch.prefixes)),
                str(branch.host_count),
                str(branch.fill.blocks),
                str(branch.fill),
                labels(branch.assignment),
            )
            for item, branch in found
        ),
    )


def _card(item: CarvedNetwork, branch: Branch) -> str:
    return fields(
        (
            ("path", branch.path or '""'),
            ("network", item.name),
            ("prefixes", " ".join(map(str, branch.prefixes))),
            ("assignment", labels(branch.assignment) or "none: every host fits"),
            ("hosts", " ".join(branch.hosts) or ("in the groups below" if branch.below else "none")),
            ("groups", " ".join(below.name for below in branch.below) or "none"),
            ("blocks", str(branch.fill.blocks)),
            ("addresses", str(branch.fill)),
            ("state", "draining" if branch.draining else "ready"),
        )
    )
