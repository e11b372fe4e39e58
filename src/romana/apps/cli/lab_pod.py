"""`romana lab pod`: pods of a lab, started and stopped through the real CNI plugin."""

from __future__ import annotations

import click

from romana.apps.cli import lab_client as client
from romana.apps.cli import lab_tables as tables
from romana.apps.cli.framework import Command, Group
from romana.apps.cli.output import show

_NAME = click.option(
    "--name", metavar="LAB", envvar="ROMANA_LAB", help="The lab, where several run. Environment: ROMANA_LAB."
)


@click.group(cls=Group)
def pod() -> None:
    """Start, list and stop pods of a lab.

    \b
        romana lab pod add --node node-1
    """


@pod.command("add", cls=Command, store=False)
@click.argument("pods", nargs=-1, metavar="[POD]...")
@click.option("--node", metavar="NODE", help="Where; default: the nodes with the fewest pods.")
@click.option("--count", type=click.IntRange(1, 1000), help="How many; default: as many as are named, or 1.")
@_NAME
def add(pods: tuple[str, ...], node: str | None, count: int | None, name: str | None) -> None:
    """Start pods and print them. Those without a name get the lowest free `pod-N`.

    \b
        romana lab pod add
        romana lab pod add web db --node node-3
        romana lab pod add --count 50
    """
    found = client.ask(name, "pod-add", pods=pods, node=node, count=count)
    show(found, lambda: tables.pods(found))


@pod.command("list", cls=Command, store=False)
@_NAME
def list_(name: str | None) -> None:
    """List the pods with their nodes and addresses.

    \b
        romana lab pod list
    """
    found = client.ask(name, "status")["pods"]
    show(found, lambda: tables.pods(found))


@pod.command("remove", cls=Command, store=False)
@click.argument("pods", nargs=-1, required=True, metavar="POD...")
@_NAME
def remove(pods: tuple[str, ...], name: str | None) -> None:
    """Stop pods; their addresses are released.

    \b
        romana lab pod remove pod-1 pod-2
    """
    client.ask(name, "pod-remove", pods=pods)
    show([{"name": pod} for pod in pods], lambda: "\n".join(f"removed {pod}" for pod in pods))
