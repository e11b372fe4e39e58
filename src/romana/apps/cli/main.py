"""`romana`: the table of commands and the one place where errors become a sentence and an exit status.

Nothing but click is imported until a command runs: `romana --help` answers in a few dozen milliseconds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from romana.apps.cli.framework import Group, Lazy

COMMANDS = {
    "topology": Lazy(
        "romana.apps.cli.topology:topology", "Validate, plan, apply, show, export the topology."
    ),
    "network": Lazy("romana.apps.cli.network:network", "List and show networks."),
    "group": Lazy(
        "romana.apps.cli.group:group", "List, show and grow the groups that networks are cut along."
    ),
    "host": Lazy("romana.apps.cli.host:host", "Add, list, show, label and remove hosts."),
    "block": Lazy("romana.apps.cli.block:block", "List the blocks that hosts own."),
    "address": Lazy(
        "romana.apps.cli.address:address", "Allocate, release, list, show and reserve addresses."
    ),
    "route": Lazy("romana.apps.cli.route:route", "List the routes that a device should hold."),
    "verify": Lazy(
        "romana.apps.cli.verify:verify", "Prove that every address is delivered and nothing loops."
    ),
    "agent": Lazy("romana.apps.cli.agent:agent", "Run the node agent."),
    "cni": Lazy("romana.apps.cli.cni:cni", "Install the CNI plugin."),
    "lab": Lazy("romana.apps.cli.lab:lab", "Build a data centre of network namespaces on this machine."),
    "completion": Lazy("romana.apps.cli.completion:completion", "Print the completion script of a shell."),
}


@click.group(cls=Group, lazy=COMMANDS)
@click.version_option(package_name="romana", prog_name="romana", message="%(prog)s %(version)s")
def romana() -> None:
    """Address and route a data centre along its topology.

    \b
        romana topology apply dc.yaml
        romana host add node-1 --address 192.168.1.1 --label rack=r1
        romana address allocate web-1 --host node-1
        romana topology show

    Exit status: 0 done, 1 our bug, 2 the input must change, 3 impossible now, 4 conflict,
    5 something outside did not answer, 6 verification found a fault.
    """


def main(argv: Sequence[str] | None = None) -> int:
    """Run `romana` with these arguments (default: the process's) and return the exit status."""
    args = [*sys.argv[1:]] if argv is None else [*argv]
    if "_ROMANA_COMPLETE" in os.environ:
        from click.shell_completion import shell_complete

        return shell_complete(romana, {}, "romana", "_ROMANA_COMPLETE", os.environ["_ROMANA_COMPLETE"])
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a name never breaks on a terminal's encoding
    try:
        _require_text(args)
        with romana.make_context("romana", [*args]) as context:
            romana.invoke(context)
            click.echo(nl=False)  # flushes: a full disk or a closed pipe shows here, not at exit
        return 0
    except click.exceptions.Exit as done:
        return done.exit_code
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BrokenPipeError:
        _drop_output()
        return 141  # what a shell gives for SIGPIPE
    except Exception as error:  # noqa: BLE001  the top of the program
        from romana.apps.cli.errors import report

        if isinstance(error, OSError):
            _drop_output()
        return report(error, args)


def _require_text(args: Sequence[str]) -> None:
    """Refuse what is no UTF-8 before it gets into a name. UsageError."""
    for word in args:
        if not word.isascii() and any("\ud800" <= c <= "\udfff" for c in word):
            raise click.UsageError(f"{word!a} is not UTF-8 text")


def _drop_output() -> None:
    """Let what is still buffered go nowhere: it must not fail once more at exit, and change the status."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):
        pass  # standard output is no file, or closed
