"""`romana address`: what pods and machines are reached by."""

from __future__ import annotations

import click

from romana.apps.cli import arguments, suggest, views
from romana.apps.cli.framework import Group
from romana.apps.cli.lookup import find_host, find_network
from romana.apps.cli.output import columns, fields, show
from romana.apps.cli.session import on_store, snapshot
from romana.model.host import HostName
from romana.model.snapshot import Snapshot
from romana.model.unknown import unheld
from romana.plan.allocate import Request
from romana.reconcile import central


@click.group(cls=Group)
def address() -> None:
    """Allocate, release, list, show and reserve addresses.

    \b
        romana address allocate web-1 --host node-1
    """


@address.command("allocate")
@click.argument("name")
@click.option(
    "--host",
    metavar="NAME",
    shell_complete=suggest.hosts,
    required=True,
    help="The host that the address will live on.",
)
@click.option("--tenant", metavar="NAME", default="", help="Who it is for: decides the networks it may use.")
@click.option("--segment", metavar="NAME", default="", help="A part of the tenant.")
@click.option(
    "--network",
    metavar="NAME",
    shell_complete=suggest.networks,
    help="Only from this network; else the tenant's, in order.",
)
def allocate(name: str, host: str, tenant: str, segment: str, network: str | None) -> None:
    """Allocate an address, of both families where the network has both, to NAME on a host.

    On a host whose agent runs, the agent carries it out.

    \b
        romana address allocate web-1 --host node-1
        romana address allocate web-1 --host node-1 --tenant shop --segment front --network pods
        romana address allocate web-1 --host node-1 -o json | jq -r .address
    """
    request = Request(name=name, host=HostName(host), tenant=tenant, segment=segment, network=network)
    on_store(lambda store: central.allocate(store, request))
    _show(snapshot(), name)


@address.command("release")
@click.argument("name_or_ip", metavar="NAME|IP", shell_complete=suggest.addresses)
def release(name_or_ip: str) -> None:
    """Release what NAME holds, or the address IP with all that its name holds.

    What a pod uses is refused while its interface is there; stop the pod instead.

    \b
        romana address release web-1
        romana address release 10.112.0.3
    """
    before = snapshot()
    gone = on_store(lambda store: central.release(store, name_or_ip))
    item = next((held for held in views.held(before) if held.name == gone[0].name), None) if gone else None
    if item is None:  # its agent had not told the store yet
        addresses = [str(holding.address) for holding in gone]
        show({"name": name_or_ip, "addresses": addresses}, lambda: f"{name_or_ip} released")
    else:
        known = item
        show(views.address(before, known), lambda: f"{_addresses(known)} of {known.name} released")


@address.command("list")
@click.option("--host", metavar="NAME", shell_complete=suggest.hosts, help="Only those on this host.")
@click.option(
    "--network", metavar="NAME", shell_complete=suggest.networks, help="Only those of this network."
)
@click.option("--tenant", metavar="NAME", help="Only those of this tenant.")
def list_(host: str | None, network: str | None, tenant: str | None) -> None:
    """List who holds which address, one line per name, by network and address.

    \b
        romana address list
        romana address list --host node-1 -o json | jq -r '.[].address'
    """
    now = snapshot()
    wanted = None if network is None else find_network(now, network).id
    if host is not None:
        find_host(now, host)
    found = [
        item
        for item in views.held(now)
        if wanted in (None, item.block.network)
        and host in (None, item.block.owner.host)
        and tenant in (None, item.holding.tenant)
    ]
    show([views.address(now, item) for item in found], lambda: _table(now, found))


@address.command("show")
@click.argument("name_or_ip", metavar="NAME|IP", shell_complete=suggest.addresses)
def show_(name_or_ip: str) -> None:
    """Show who holds an address, or what a name holds.

    \b
        romana address show web-1
        romana address show 10.112.0.3
    """
    _show(snapshot(), name_or_ip)


@address.command("reserve")
@click.argument("prefix")
def reserve(prefix: str) -> None:
    """Reserve a prefix of a network: no address of it is handed out. Addresses in use refuse it.

    \b
        romana address reserve 10.112.0.0/28
    """
    wanted = arguments.prefix(prefix)
    on_store(lambda store: central.reserve(store, wanted))
    show({"prefix": str(wanted)}, lambda: f"{wanted} reserved")


@address.command("unreserve")
@click.argument("prefix", shell_complete=suggest.reservations)
def unreserve(prefix: str) -> None:
    """Give a reserved prefix back; write it exactly as it was reserved.

    \b
        romana address unreserve 10.112.0.0/28
    """
    wanted = arguments.prefix(prefix)
    on_store(lambda store: central.unreserve(store, wanted))
    show({"prefix": str(wanted)}, lambda: f"{wanted} no longer reserved")


def _find(now: Snapshot, name_or_ip: str) -> views.Held:
    """Return what the name holds, else who holds the address, as `release` does. ConfigError `unknown-address`."""
    items = [*views.held(now)]
    named = (item for item in items if item.name == name_or_ip)
    wanted = arguments.address(name_or_ip)
    holders = (item for item in items if wanted in [holding.address for _, holding in item.parts])
    item = next(named, None) or next(holders, None)
    if item is None:
        raise unheld(name_or_ip, sorted({item.name for item in items}))
    return item


def _show(now: Snapshot, name_or_ip: str) -> None:
    item = _find(now, name_or_ip)
    view = views.address(now, item)
    show(
        view,
        lambda: fields(
            (
                ("name", item.name),
                ("address", _addresses(item)),
                ("host", view["host"]),
                ("tenant", view["tenant"]),
                ("segment", view["segment"]),
                ("network", view["network"]),
                ("block", " ".join(str(block.prefix) for block, _ in item.parts)),
                ("group", view["group"]),
            )
        ),
    )


def _table(now: Snapshot, found: list[views.Held]) -> str:
    headers = ("NAME", "ADDRESS", "HOST", "TENANT", "SEGMENT", "NETWORK", "BLOCK", "GROUP")
    rows = ((item, views.address(now, item)) for item in found)
    return columns(
        headers,
        (
            (
                item.name,
                _addresses(item),
                *(view[key] for key in ("host", "tenant", "segment", "network", "block", "group")),
            )
            for item, view in rows
        ),
    )


def _addresses(item: views.Held) -> str:
    return " ".join(str(holding.address) for _, holding in item.parts)
