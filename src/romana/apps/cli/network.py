"""`romana network`: the address spaces."""

from __future__ import annotations

import click

from romana.apps.cli import suggest, views
from romana.apps.cli.framework import Group
from romana.apps.cli.lookup import find_network
from romana.apps.cli.output import columns, fields, show
from romana.apps.cli.session import snapshot
from romana.apps.cli.tree import network_fill


@click.group(cls=Group)
def network() -> None:
    """List and show networks: named address spaces that a topology divides.

    \b
        romana network list
    """


@network.command("list")
def list_() -> None:
    """List the networks in document order, those being drained last.

    \b
        romana network list
        romana network list -o json | jq -r '.[].name'
    """
    now = snapshot()
    rows = [views.network(now, item) for item in now.layout.networks]

    def draw() -> str:
        headers = ("NAME", "PREFIXES", "OWNER", "PLACEMENT", "HOSTS", "BLOCKS", "ADDRESSES", "STATE")
        return columns(
            headers,
            (
                (
                    row["name"],
                    " ".join(row["prefixes"]),
                    row["owner"],
                    row["placement"],
                    str(row["hosts"]),
                    str(row["blocks"]),
                    str(network_fill(now, item)),
                    row["state"],
                )
                for item, row in zip(now.layout.networks, rows, strict=True)
            ),
        )

    show(rows, draw)


@network.command("show")
@click.argument("name", shell_complete=suggest.networks)
def show_(name: str) -> None:
    """Show one network: prefixes, block length, who may use it, what is reserved, how full it is.

    \b
        romana network show pods
    """
    now = snapshot()
    item = find_network(now, name)
    view = views.network(now, item)

    def draw() -> str:
        spec = item.spec
        masks = " ".join(f"/{spec.block_length(version)}" for version in spec.versions)
        return fields(
            (
                ("name", item.name),
                ("prefixes", " ".join(view["prefixes"])),
                ("blocks of", masks),
                ("owner", view["owner"]),
                ("placement", view["placement"]),
                ("reuse delay", f"{spec.reuse_delay:g} s"),
                ("tenants", " ".join(spec.tenants) or "everybody"),
                ("reserved", " ".join(view["reserved"]) or "nothing"),
                ("hosts", str(view["hosts"])),
                ("blocks", str(view["blocks"])),
                ("addresses", str(network_fill(now, item))),
                ("state", view["state"]),
            )
        )

    show(view, draw)
