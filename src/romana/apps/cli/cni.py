"""`romana cni`: the plugin that container runtimes call."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from romana.apps.cli.framework import Command, Group
from romana.apps.cli.output import show

KINDS = {"c-static": "in C, static", "c": "in C", "python": "in Python"}


@click.group(cls=Group)
def cni() -> None:
    """Install the CNI plugin.

    \b
        romana cni install /opt/cni/bin
    """


@cni.command("install", cls=Command, store=False)
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--prefer",
    type=click.Choice(["c", "python"]),
    help="This one or none. Default: C where a compiler is, else Python.",
)
def install(directory: Path, prefer: Literal["c", "python"] | None) -> None:
    """Put the plugin romana-cni into DIRECTORY; one that is there is replaced in one step.

    \b
        romana cni install /opt/cni/bin
        romana cni install /opt/cni/bin --prefer python
    """
    from romana.apps.cni.install import install as put

    made = put(directory, prefer=prefer)
    path = directory / "romana-cni"
    show({"path": str(path), "kind": made}, lambda: f"{path} installed, {KINDS[made]}")
