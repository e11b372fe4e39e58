"""`romana topology`: the document that says which networks there are and how they are divided."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Literal

import click
import yaml

from romana.apps.cli import arguments, views
from romana.apps.cli.framework import Group, settings
from romana.apps.cli.output import columns, counted, labels, show, warn
from romana.apps.cli.session import on_store, snapshot
from romana.apps.cli.tree import Branch, branches, network_fill
from romana.model.errors import Problem
from romana.model.snapshot import Snapshot
from romana.model.topology import sites
from romana.plan.changes import TopologyPlan, plan_document
from romana.reconcile import central
from romana.wire.document import Read, left_out, read, with_hosts, write

DRAIN = "Empty networks and groups that are no longer in the document, instead of refusing."


@click.group(cls=Group)
def topology() -> None:
    """Validate, plan, apply, show and export the topology document.

    \b
        romana topology validate dc.yaml
        romana topology plan dc.yaml
        romana topology apply dc.yaml
    """


@topology.command("validate")
@click.argument("file")
def validate(file: str) -> None:
    """Check a document and list every problem with its place. Reads no store, changes nothing.

    \b
        romana topology validate dc.yaml
        generate-topology | romana topology validate -
    """
    document = _read(file).document
    view = {
        "valid": True,
        "networks": len(document.networks),
        "groups": sum(1 for t in document.topologies for site in sites(t.root) if site.path),
        "hosts": sum(len(site.group.hosts) for t in document.topologies for site in sites(t.root)),
    }
    show(
        view,
        lambda: (
            "valid: "
            + ", ".join(counted(int(view[f"{noun}s"]), noun) for noun in ("network", "group", "host"))
        ),
    )


@topology.command("plan")
@click.argument("file")
@click.option("--drain", is_flag=True, help=DRAIN)
def plan(file: str, drain: bool) -> None:
    """Print what applying a document would change. Changes nothing.

    \b
        romana topology plan dc.yaml
        romana topology plan dc.yaml --drain -o json
    """
    _plan(file, drain=drain)


@topology.command("apply")
@click.argument("file")
@click.option("--drain", is_flag=True, help=DRAIN)
@click.option("--dry-run", is_flag=True, help="Only print what would change, as plan does.")
def apply(file: str, drain: bool, dry_run: bool) -> None:
    """Put a document in force. Never asks, never moves an address that is in use.

    What would strand addresses in use is refused with their list. --drain starts to empty networks and
    groups instead; what a single host holds is to be released before the host is taken out.

    \b
        romana topology apply dc.yaml
        romana topology apply dc.yaml --drain
    """
    if dry_run:
        _plan(file, drain=drain)
        return
    text = _read(file)
    done = on_store(lambda store: central.apply_document(store, text.document, drain=drain))
    _show_plan(done, text)


@topology.command("show")
def show_() -> None:
    """Show the tree: the prefixes of every group, and how many hosts, blocks and addresses it holds.

    \b
        romana topology show
        romana topology show -o json | jq '.networks[].groups[].prefixes'
    """
    now = snapshot()
    show(views.topology(now), lambda: _tree(now))


@topology.command("export")
@click.option("--format", "form", type=click.Choice(["v2", "v3"]), default="v3", help="v2: JSON; v3: YAML.")
def export(form: Literal["v2", "v3"]) -> None:
    """Print the document in force with the hosts that joined. It can be applied again.

    With -o json the v3 document is written as JSON.

    \b
        romana topology export > dc.yaml
        romana topology export --format v2 > topology.json
    """
    now = snapshot()
    document = with_hosts(
        now.layout.document, {str(name): host for name, host in now.hosts.items()}, now.layout
    )
    text = write(document, form)
    if form == "v2":
        warn(left_out(document))
    elif settings().output == "json":
        text = json.dumps({"version": 3, **yaml.safe_load(text)}, indent=2, ensure_ascii=False)
    click.echo(text, nl=not text.endswith("\n"))


def _read(file: str) -> Read:
    """Return the document in the file; its warnings are printed."""
    text = read(arguments.read_input(file), name="stdin" if file == "-" else file)
    warn(text.warnings)
    return text


def _plan(file: str, *, drain: bool) -> None:
    text = _read(file)
    planned = plan_document(snapshot(), text.document, drain=drain)
    _show_plan(planned, text)
    planned.require()


def _show_plan(planned: TopologyPlan, text: Read) -> None:
    """Print the changes, and what the plan warns of beyond what the document alone gave reason for."""
    said = {_topic(problem) for problem in text.warnings}
    warn(problem for problem in planned.warnings if _topic(problem) not in said)
    changes = [
        {"kind": str(c.kind), "subject": c.subject, "name": c.name, "before": c.before, "after": c.after}
        for c in planned.changes
    ]
    refusals, warnings = (
        [{"where": problem.where, "what": problem.what} for problem in problems]
        for problems in (planned.refusals, planned.warnings)
    )
    show(
        {"changes": changes, "refusals": refusals, "warnings": warnings},
        lambda: "\n".join([*_refused(planned), *map(str, planned.changes)]) or "nothing changes",
    )


def _refused(planned: TopologyPlan) -> list[str]:
    """Return what stands above the changes of a plan that is refused: none of them will be made."""
    return ["refused; it would change:"] if planned.refusals else []


def _topic(warning: Problem) -> tuple[str, ...]:
    """Return what a warning is about: `no topology names`, `its address 10.0.0.1`."""
    return tuple(warning.what.split()[:3])


def _tree(now: Snapshot) -> str:
    rows: list[tuple[str, ...]] = []
    for item in now.layout.networks:
        tops = branches(now, item)
        hosts = sum(branch.host_count for branch in tops)
        fill = network_fill(now, item)
        prefixes = " ".join(map(str, item.spec.prefixes))
        rows.append((item.name, prefixes, str(hosts), str(fill.blocks), str(fill), ""))
        if not (len(tops) == 1 and tops[0].path == ""):
            rows += _below(tops, "")
    headers = ("NETWORK", "PREFIXES", "HOSTS", "BLOCKS", "ADDRESSES", "ASSIGNMENT")
    return columns(headers, rows)


def _below(tops: tuple[Branch, ...], indent: str) -> Iterator[tuple[str, ...]]:
    for branch in tops:
        last = branch is tops[-1]
        yield (
            f"{indent}{'└─' if last else '├─'} {branch.name}",
            " ".join(map(str, branch.prefixes)),
            str(branch.host_count),
            str(branch.fill.blocks),
            str(branch.fill),
            labels(branch.assignment) + (" (draining)" if branch.draining else ""),
        )
        yield from _below(branch.below, indent + ("   " if last else "│  "))
