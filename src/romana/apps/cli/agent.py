"""`romana agent`: the program that every node runs."""

from __future__ import annotations

import os

import click

from romana.apps.agent.settings import CONFIG_VARIABLE, OPTIONS, Option, read
from romana.apps.cli.framework import Command, settings


def _flag(option: Option) -> click.Option:
    default = f" Default: {option.default}." if option.default else ""
    return click.Option(
        [option.flag, option.name],
        metavar=option.metavar,
        help=f"{option.help}{default} Environment: {option.variable}.",
    )


@click.command("agent", cls=Command)
@click.option("--config", metavar="FILE", help=f"Settings as TOML or YAML. Environment: {CONFIG_VARIABLE}.")
@click.pass_context
def agent(ctx: click.Context, /, **flags: str | None) -> None:
    """Run the node agent: it programs this node's routes and serves its CNI plugin.

    Every setting may stand on the command line, in the environment or in the configuration file; the
    first of these that has it counts. Logs are JSON lines on stderr.

    \b
        romana agent --node node-1 --store sqlite:///var/lib/romana/store.db
        ROMANA_NODE=node-1 romana agent --config /etc/romana/agent.yaml
    """
    chosen = read({**flags, "store": settings().store_given}, os.environ)
    from romana.apps.agent.main import run

    ctx.exit(run(chosen))


agent.params[1:1] = [_flag(option) for option in OPTIONS if option.name != "store"]
