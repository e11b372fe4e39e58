"""Completion of names that the store knows. A store that does not answer offers nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click

from romana.apps.cli.session import snapshot
from romana.apps.cli.tree import branches
from romana.model.errors import RomanaError
from romana.model.snapshot import Snapshot
from romana.plan.observers import observers as planned

Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def _offer(names: Callable[[Snapshot], Iterable[str]]) -> Complete:
    def complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
        try:
            with ctx.scope(cleanup=False):
                known = names(snapshot())
        except RomanaError:
            return []
        return sorted({name for name in known if name.startswith(incomplete)})

    return complete


networks = _offer(lambda now: (network.name for network in now.layout.networks))
hosts = _offer(lambda now: now.hosts)
addresses = _offer(lambda now: (holding.name for _, holding in now.holdings()))
groups = _offer(
    lambda now: (
        branch.path
        for network in now.layout.networks
        for top in branches(now, network)
        for branch in top.walk()
    )
)
reservations = _offer(
    lambda now: (str(prefix) for prefixes in now.reservations.values() for prefix in prefixes)
)
observers = _offer(lambda now: (device.name for device in planned(now)))
