"""The invariants of the design as assertions, for simulations and tests after every step.

1 2 3   `require`            of a snapshot                      plan.invariants
4       `require_delivered`  planned tables walked together         plan.fib, plan.prove
8       `require_converged`  the document in force changes nothing
9       `elsewhere`          what a pod inside existing blocks may touch
"""

from __future__ import annotations

from collections.abc import Mapping

from romana.model.host import HostName
from romana.model.layout import NetworkId
from romana.model.snapshot import Snapshot
from romana.net.prefix import Prefix
from romana.plan.changes import plan_document
from romana.plan.fib import fibs
from romana.plan.invariants import check
from romana.plan.prove import prove
from romana.plan.rehost import moved


def require(snapshot: Snapshot) -> None:
    """Assert invariants 1 to 3, with every violation in the message."""
    problems = check(snapshot)
    assert not problems, "\n".join(map(str, problems))


def require_delivered(snapshot: Snapshot) -> None:
    """Assert that planned tables bring every held address to its host and end everything else (4)."""
    found = prove(fibs(snapshot), snapshot)
    assert not found, "\n".join(map(str, found))


def require_converged(snapshot: Snapshot) -> None:
    """Assert that putting the same document in force once more would write nothing (8)."""
    plan = plan_document(snapshot, snapshot.layout.document)
    assert not plan.refusals, plan.refusals
    assert not plan.writes, "\n".join(map(str, (*plan.changes, *plan.extents, *plan.closes, *plan.hosts)))
    assert not moved(snapshot), moved(snapshot)


def elsewhere(snapshot: Snapshot, host: HostName) -> Mapping[tuple[NetworkId, Prefix], object]:
    """Return what others see of the network: everything but the records of this host's blocks (9).

    Equal before and after a pod that started or ended inside existing blocks.
    """
    seen: dict[tuple[NetworkId, Prefix], object] = dict(snapshot.extents)
    for block in snapshot.blocks():
        if block.owner.host != host:
            seen[block.network, block.prefix] = block, snapshot.extents.get((block.network, block.prefix))
    return seen
