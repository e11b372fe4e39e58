"""What putting a document in force would change, and whether it may.

    match        which network of the document is which of the layout           plan.succession
    carve        what exists stays; what must be emptied first is kept, closed  plan.succession
    hosts        listed ones as the document says, added ones where they fit    plan.rehost
    extents      regrouped, opened, closed; idle blocks of no use yielded       plan.regroup
    refusals     every live address that would be stranded                      plan.stranded
    changes      what is different, for people                                  plan.differences
    budgets      devices that would hold too many routes, for people            plan.budgets

The caller swaps, in this order and at the revisions of the snapshot: `closes`, `extents`, the layout, the
hosts. A crash in between is harmless: closed extents and yielded blocks hold nothing live, and the same
document applied again does the rest. Where there is a `prelude`, it is swapped alone before all that, and the
plan made again from a fresh read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from romana.model.block import Block, Extent
from romana.model.errors import ConfigError, PlanError, Problem, RomanaError
from romana.model.host import Host, HostName
from romana.model.layout import Layout
from romana.model.snapshot import Snapshot
from romana.model.topology import ROOT, Document, GroupPath
from romana.model.unknown import unknown
from romana.plan.budgets import planned_excess
from romana.plan.carve import carve, grow
from romana.plan.differences import Change, differences
from romana.plan.joined import part
from romana.plan.place import device_names
from romana.plan.regroup import regroup
from romana.plan.rehost import rehost
from romana.plan.stranded import stranded, warnings
from romana.plan.succession import closing, succeed
from romana.plan.usage import Usage

SHOWN = 3
"""Problems that a sentence holds; the error lists them all."""


@dataclass(frozen=True, slots=True)
class TopologyPlan:
    """Everything an apply writes, and what it tells people first."""

    layout: Layout
    changes: tuple[Change, ...] = ()
    extents: tuple[Extent, ...] = ()
    """To be swapped before the layout; one that is not in the snapshot is to be made."""
    closes: tuple[Block, ...] = ()
    """Idle blocks of the central writer, to be swapped closed before their extents yield them."""
    hosts: tuple[Host, ...] = ()
    """Records to be swapped after the layout."""
    removed_hosts: tuple[HostName, ...] = ()
    """Records to be deleted after the layout, where there are any."""
    prelude: Layout | None = None
    """The layout in force with what is to be removed closed: nobody can begin to use it meanwhile."""
    refusals: tuple[Problem, ...] = ()
    """What forbids it: every live address that would be stranded."""
    warnings: tuple[Problem, ...] = ()

    @property
    def writes(self) -> bool:
        """Whether anything at all is to be written."""
        return bool(self.changes or self.extents or self.closes or self.hosts or self.removed_hosts)

    def require(self) -> None:
        """Raise PlanError `would-strand` where it is refused."""
        if self.refusals:
            raise PlanError(_refused(self.refusals), code="would-strand", problems=self.refusals)


def plan_document(snapshot: Snapshot, document: Document, *, drain: bool = False) -> TopologyPlan:
    """Return what putting `document` in force would write; never a change to a live address.

    A network is known by its prefixes, then by its name; a group by its path. What is missing from the
    document and holds live addresses is refused, with `drain` kept closed until it is empty; where only agents
    still own blocks, it is kept closed in any case, because their word comes late. Applying the document
    again takes away what has become empty. ConfigError `uncarvable` where the prefixes do not suffice; PlanError
    `no-room` where they would, if nothing had been cut from them yet.
    """
    _refuse_names_of_hosts(snapshot, document)
    document, joined = part(document)
    usage = Usage.of(snapshot)
    succession = succeed(snapshot, document, usage, drain=drain)
    layout = succession.layout
    hosts = rehost(snapshot, layout, usage, joined)
    refusals = (*succession.in_the_way, *stranded(snapshot, layout, hosts.after))
    if succession.uncarvable and not refusals:
        raise _uncarvable(document, succession.uncarvable)
    moves = regroup(snapshot, layout, hosts.after)
    extents = {**snapshot.extents, **{(e.network, e.prefix): e for e in moves.extents}}
    after = replace(snapshot, layout=layout, hosts=hosts.after, extents=extents)
    refused = (*refusals, *succession.uncarvable)
    return TopologyPlan(
        layout=layout,
        changes=differences(snapshot, layout, hosts.after),
        extents=moves.extents,
        closes=moves.closes,
        hosts=hosts.records,
        removed_hosts=hosts.removed,
        prelude=closing(snapshot.layout, layout),
        refusals=refused,
        warnings=(
            *warnings(snapshot, layout, hosts.after),
            *(() if refused else planned_excess(after)),
        ),
    )


def plan_growth(snapshot: Snapshot, name: str, path: GroupPath) -> TopologyPlan:
    """Return what doubling a group's space would write, in every family that has room for it.

    ConfigError `unknown-network`, `unknown-group`; PlanError `draining`, and `no-room` where no family has any.
    """
    network = snapshot.layout.named(name)
    if network is None:
        raise unknown("network", name, (n.name for n in snapshot.layout.networks), code="unknown-network")
    if network.root is None or path not in network.carving:
        raise unknown("group", path, network.carving, code="unknown-group")
    if network.draining & {ROOT, path}:
        raise PlanError(f"group {path} of network {name} is being emptied", code="draining")
    carving, refused = network.carving, []
    for version in network.spec.versions:
        try:
            carving = grow(network.spec, network.root, carving, path, version)
        except PlanError as error:
            refused.append(error)
    if len(refused) == len(network.spec.versions):
        raise refused[0]
    grown = replace(network, carving=carving)
    networks = tuple(grown if n is network else n for n in snapshot.layout.networks)
    layout = replace(snapshot.layout, networks=networks)
    moves = regroup(snapshot, layout, snapshot.hosts)
    changes = differences(snapshot, layout, snapshot.hosts)
    return TopologyPlan(layout, changes, moves.extents, moves.closes)


def _refuse_names_of_hosts(snapshot: Snapshot, document: Document) -> None:
    """Hosts that joined share the name space of the document, or their export could not be applied again."""
    before = device_names(snapshot.layout.document)
    problems = [
        Problem(repr(name), f"the {kind} is called like a host that joined; name one differently")
        for name, kind in device_names(document).items()
        if name not in before and (host := snapshot.hosts.get(HostName(name))) and not host.listed
    ]
    if problems:
        raise ConfigError(_first(problems), code="bad-document", problems=problems)


def _refused(refusals: Sequence[Problem]) -> str:
    return f"the document would strand live addresses: {_first(refusals)}"


def _uncarvable(document: Document, problems: tuple[Problem, ...]) -> RomanaError:
    """Return whether the document is at fault, or what is in force already and stays as it is."""
    try:
        for network in document.networks:
            if (root := document.root_of(network.name)) is not None:
                carve(network, root)
    except ConfigError:
        what = f"the networks cannot be divided so: {_first(problems)}"
        return ConfigError(what, code="uncarvable", problems=problems)
    what = f"groups that are there keep their prefixes, and that leaves no room: {_first(problems)}"
    return PlanError(what, code="no-room", problems=problems)


def _first(problems: Sequence[Problem]) -> str:
    more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return "; ".join(map(str, problems[:SHOWN])) + more
