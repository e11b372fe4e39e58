"""`romana host`: the machines that hold blocks."""

from __future__ import annotations

import click

from romana.apps.cli import arguments, suggest, views
from romana.apps.cli.framework import Group
from romana.apps.cli.lookup import find_host
from romana.apps.cli.output import columns, counted, fields, labels, show, warn
from romana.apps.cli.session import on_store, snapshot
from romana.model.host import HostState
from romana.model.snapshot import Snapshot
from romana.plan.stranded import about_addresses
from romana.reconcile import central


@click.group(cls=Group)
def host() -> None:
    """Add, list, show, label and remove hosts.

    \b
        romana host add node-1 --address 192.168.1.1 --label rack=r1
    """


@host.command("add")
@click.argument("name")
@click.argument("more", nargs=-1, metavar="")
@click.option("--address", "texts", metavar="IP", multiple=True, required=True, help="May be repeated.")
@click.option("--label", "pairs", metavar="K=V", multiple=True, help="A label it bears. May be repeated.")
def add(name: str, more: tuple[str, ...], texts: tuple[str, ...], pairs: tuple[str, ...]) -> None:
    """Add a host: it joins every network that has a group its labels fit.

    Of several fitting groups it joins the one with the fewest hosts. The first address of a family is
    the one that routes to the host go by.

    \b
        romana host add node-1 --address 192.168.1.1
        romana host add node-2 --address 192.168.1.2 --address fd00::2 --label zone=a --label rack=r1
    """
    addresses = arguments.addresses((*texts, *more))
    bears = arguments.labels(pairs)
    added = on_store(lambda store: central.add_host(store, name, addresses, bears))
    now = snapshot()
    warn(about_addresses(now.layout, {added.name: added}))
    _show(now, name)


@host.command("list")
def list_() -> None:
    """List the hosts by name.

    \b
        romana host list
        romana host list -o json | jq -r '.[] | select(.state == "misplaced").name'
    """
    now = snapshot()
    rows = [views.host(now, item) for item in now.hosts.values()]
    headers = ("NAME", "ADDRESSES", "STATE", "GROUPS", "LABELS")
    show(rows, lambda: columns(headers, map(_row, rows)))


@host.command("show")
@click.argument("name", shell_complete=suggest.hosts)
def show_(name: str) -> None:
    """Show one host: addresses, labels, the group it is in in every network, its blocks.

    \b
        romana host show node-1
    """
    _show(snapshot(), name)


@host.command("label")
@click.argument("name", shell_complete=suggest.hosts)
@click.argument("changes", nargs=-1, required=True, metavar="K=V|K-...")
def label(name: str, changes: tuple[str, ...]) -> None:
    """Set labels (K=V) and remove labels (K-) of a host.

    A host whose labels no longer fit its group is misplaced: it keeps what it has and gets no new
    blocks until it fits again, or is empty and moves.

    \b
        romana host label node-1 rack=r2
        romana host label node-1 zone=b old-label-
    """
    wanted = arguments.label_changes(changes)
    on_store(lambda store: central.label_host(store, name, wanted))
    now = snapshot()
    if find_host(now, name).state == HostState.MISPLACED:
        warn(
            [f"the labels of host {name!r} no longer fit its group; it keeps its blocks and gets no new ones"]
        )
    _show(now, name)


@host.command("remove")
@click.argument("name", shell_complete=suggest.hosts)
@click.option("--release", is_flag=True, help="Release the addresses it still holds.")
def remove(name: str, release: bool) -> None:
    """Remove a host that was added, or that the document no longer lists.

    One that holds addresses stays, unless --release gives them up.

    \b
        romana host remove node-1
        romana host remove node-1 --release
    """
    before = snapshot()
    view = views.host(before, find_host(before, name))
    on_store(lambda store: central.remove_host(store, name, release=release))
    show(view, lambda: f"host {name} removed")


def _show(now: Snapshot, name: str) -> None:
    item = find_host(now, name)
    view = views.host(now, item)
    blocks = [*now.blocks(host=item.name)]
    held = sum(len(block.holdings) for block in blocks)
    show(
        view,
        lambda: fields(
            (
                ("name", item.name),
                ("addresses", " ".join(view["addresses"])),
                ("labels", labels(item.labels) or "none"),
                ("groups", _groups(view) or "none"),
                ("state", view["state"]),
                ("written", "in the document" if item.listed else "by host add"),
                ("blocks", f"{len(blocks)} with {counted(held, 'address', 'addresses')}"),
            )
        ),
    )


def _row(view: views.View) -> tuple[str, ...]:
    addresses = " ".join(view["addresses"])
    return view["name"], addresses, view["state"], _groups(view), labels(view["labels"])


def _groups(view: views.View) -> str:
    """Return `pods:zone-a/rack-1`, for every network; the network alone where it is not divided."""
    return " ".join(f"{network}:{path}" if path else network for network, path in view["groups"].items())
