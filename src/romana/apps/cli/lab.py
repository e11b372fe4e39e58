"""`romana lab`: a data centre of network namespaces on this machine. A client: the lab is `python -m romana.lab`."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from romana.apps.cli import lab_client as client
from romana.apps.cli import lab_tables as tables
from romana.apps.cli.framework import Command, Group
from romana.apps.cli.lab_pod import pod
from romana.apps.cli.output import columns, counted, show, warn
from romana.model.errors import FaultError

F = TypeVar("F", bound=Callable[..., Any])


def named(function: F) -> F:
    """Give the command `--name`."""
    text = "The lab, where several run. Environment: ROMANA_LAB."
    return click.option("--name", metavar="LAB", envvar="ROMANA_LAB", help=text)(function)


@click.group(cls=Group)
def lab() -> None:
    """Build a data centre of network namespaces on this machine: real routers, agents and pods.

    It needs root, and vanishes without a trace.

    \b
        romana lab up leaf-spine
        romana lab ping
        romana lab exec spine-1 -- ip route
        romana lab down
    """


@lab.command("up", cls=Command, store=False)
@click.argument("file", metavar="FILE|SCENARIO")
@click.option("--pods", type=click.IntRange(0, 250), default=2, show_default=True, help="Pods on every node.")
@named
def up(file: str, pods: int, name: str | None) -> None:
    """Build the data centre of a topology document or a built-in scenario.

    It is up when every pod reaches every other one. Its progress goes to stderr.

    \b
        romana lab up leaf-spine
        romana lab up dc.yaml --name trial --pods 1
    """
    title = name or ("lab" if file == "-" else Path(file).stem)
    began = time.monotonic()
    status = client.start(["--name", title, "--pods", str(pods), file], _report)
    took = time.monotonic() - began
    show(status, lambda: f"{tables.summary(status)}, up in {took:.1f} s")


def _report(message: Any) -> None:
    if "warning" in message:
        warn([message["warning"]])
    else:
        click.echo(f"{message['seconds']:6.1f} s  {message['progress']}", err=True)


@lab.command("scenarios", cls=Command, store=False)
def scenarios() -> None:
    """List the built-in scenarios.

    \b
        romana lab scenarios
    """
    import json

    found = json.loads(subprocess.check_output(client.program("--scenarios")))
    show(found, lambda: columns(("SCENARIO", "ABOUT"), ((s["name"], s["about"]) for s in found)))


@lab.command("list", cls=Command, store=False)
def list_() -> None:
    """List the labs that run on this machine.

    \b
        romana lab list
    """
    found = [client.ask(name, "status") for name in client.running()]
    rows = [(s["name"], s["state"], str(len(s["devices"])), str(len(s["pods"]))) for s in found]
    data = [{"name": s["name"], "state": s["state"]} for s in found]
    show(data, lambda: columns(("NAME", "STATE", "DEVICES", "PODS"), rows))


@lab.command("status", cls=Command, store=False)
@named
def status(name: str | None) -> None:
    """Show a lab: its devices and pods. `degraded` while a link is cut or a program is dead.

    \b
        romana lab status
        romana lab status -o json | jq -r '.pods[].addresses[]'
    """
    found = client.ask(name, "status")
    show(found, lambda: f"{tables.summary(found)}\n{tables.devices(found)}")


@lab.command("links", cls=Command, store=False)
@named
def links(name: str | None) -> None:
    """List the links by the names that `fail` and `heal` take.

    \b
        romana lab links
    """
    found = client.ask(name, "links")
    show(found, lambda: columns(("LINK", "STATE"), ((link["name"], link["state"]) for link in found)))


@lab.command("ping", cls=Command, store=False)
@click.argument("pods", nargs=-1, metavar="[POD]...")
@click.option("--wait", type=float, default=1.0, show_default=True, help="Seconds for the answers.")
@named
def ping(pods: tuple[str, ...], wait: float, name: str | None) -> None:
    """Let every pod ping every other one, both families. Exit status 6 and a matrix if one does not answer.

    \b
        romana lab ping
        romana lab ping pod-1 pod-7
    """
    found = client.ask(name, "ping", pods=pods, patience=wait)
    failed = found["failed"]
    if not failed:
        show(found, lambda: f"all {counted(found['pairs'], 'pair')} of pods reach each other")
        return
    show(found, lambda: tables.matrix(failed))
    raise FaultError(
        f"{len(failed)} of {counted(found['pairs'], 'pair')} of pods do not reach each other",
        code="lab-unreachable",
    )


@lab.command("routes", cls=Command, store=False)
@click.argument("devices", nargs=-1, metavar="[DEVICE]...")
@named
def routes(devices: tuple[str, ...], name: str | None) -> None:
    """Show the routes that the kernels of the devices hold, of all by default.

    \b
        romana lab routes spine-1
        eval "$(romana lab env)"
        romana lab routes -o json | romana verify --tables -
    """
    found = client.ask(name, "tables", devices=devices)
    show(found, lambda: tables.routes(found))


@lab.command("counters", cls=Command, store=False)
@named
def counters(name: str | None) -> None:
    """Show how often routes changed on each router, and the BGP updates it exchanged, since the lab is up.

    \b
        romana lab counters
    """
    found = client.ask(name, "counters")
    headers = ("DEVICE", "ROUTE CHANGES", "UPDATES RECEIVED", "UPDATES SENT")
    show(found, lambda: columns(headers, ([str(v) for v in row.values()] for row in found)))


@lab.command("picture", cls=Command, store=False)
@named
def picture(name: str | None) -> None:
    """Print the lab as an SVG picture: devices, cables, pods, and the tree of prefixes.

    \b
        romana lab picture > dc.svg
    """
    svg = client.ask(name, "picture")
    show({"svg": svg}, svg.rstrip)


@lab.command("exec", cls=Command, store=False, context_settings={"allow_interspersed_args": False})
@named
@click.argument("device", metavar="NODE")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD...")
def exec_(device: str, command: tuple[str, ...], name: str | None) -> None:
    """Run a command inside a node, router or pod. On a node `romana` finds its agent and store.

    \b
        romana lab exec node-1 -- sh -c 'birdc -s $ROMANA_RUN_DIR/bird.ctl show protocols'
        romana lab exec tor-1 -- vtysh -N tor-1 -c 'show bgp summary'
        romana lab exec pod-1 -- sh
    """
    client.execute(name, device, command[1:] if command[0] == "--" else command)


@lab.command("fail", cls=Command, store=False)
@click.argument("names", nargs=-1, required=True, metavar="LINK|NODE|DEVICE...")
@named
def fail(names: tuple[str, ...], name: str | None) -> None:
    """Cut a link, or all links of a node or device.

    \b
        romana lab fail node-1:tor-1
        romana lab fail spine-2
    """
    _carrier(names, name, up=False)


@lab.command("heal", cls=Command, store=False)
@click.argument("names", nargs=-1, required=True, metavar="LINK|NODE|DEVICE...")
@named
def heal(names: tuple[str, ...], name: str | None) -> None:
    """Plug what was cut in again. Everything recovers by itself.

    \b
        romana lab heal node-1
    """
    _carrier(names, name, up=True)


def _carrier(names: tuple[str, ...], name: str | None, *, up: bool) -> None:
    changed = client.ask(name, "carrier", names=names, up=up)
    verb = "healed" if up else "cut"
    show(changed, lambda: "\n".join(f"{verb} {link}" for link in changed) or f"nothing to be {verb}")


@lab.command("logs", cls=Command, store=False)
@click.argument("device")
@named
def logs(device: str, name: str | None) -> None:
    """Print what the programs of a device have logged.

    \b
        romana lab logs node-1
    """
    found = client.ask(name, "logs", device=device)
    show(found, lambda: "\n".join(f"==> {log['program']} <==\n{log['text']}" for log in found).rstrip())


@lab.command("env", cls=Command, store=False)
@named
def env(name: str | None) -> None:
    """Print what points `romana` at the store of a lab, for a shell to evaluate.

    \b
        eval "$(romana lab env)"
        romana topology show
    """
    title = client.chosen(name)
    found = {"ROMANA_LAB": title, "ROMANA_STORE": client.ask(title, "where")["store"]}
    show(found, lambda: "\n".join(f"export {key}={shlex.quote(value)}" for key, value in found.items()))


lab.add_command(pod)


@lab.command("down", cls=Command, store=False)
@click.option("--all", "every", is_flag=True, help="End every lab of this machine.")
@named
def down(every: bool, name: str | None) -> None:
    """End a lab. Nothing of it stays behind.

    \b
        romana lab down
    """
    ended = [client.down(lab) for lab in (client.running() if every else [name])]
    show([{"name": lab} for lab in ended], lambda: "\n".join(f"{lab} is down" for lab in ended))
