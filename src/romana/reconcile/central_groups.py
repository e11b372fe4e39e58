"""Groups that are given more space. Before: `plan.changes.plan_growth` says where it comes from."""

from __future__ import annotations

from dataclasses import dataclass

from romana.model.topology import GroupPath
from romana.net.prefix import Prefix
from romana.plan.changes import plan_growth
from romana.ports.store import Store
from romana.reconcile.central_documents import put_layout
from romana.reconcile.central_swaps import Means, retried, see


@dataclass(frozen=True, slots=True)
class Grown:
    """A group and what it had and has, lowest first."""

    network: str
    path: GroupPath
    before: tuple[Prefix, ...]
    after: tuple[Prefix, ...]


async def grow_group(
    store: Store, network_name: str, path: str, *, dry_run: bool = False, means: Means | None = None
) -> Grown:
    """Return the group with its space doubled: its largest prefix's buddy, else the nearest free prefix.

    With `dry_run` nothing is written. ConfigError `unknown-network`, `unknown-group`; PlanError `no-room`,
    `draining`.
    """
    group = GroupPath(path)

    async def attempt() -> Grown:
        seen = await see(store)
        planned = plan_growth(seen.snapshot, network_name, group)
        if not dry_run:
            await put_layout(store, seen, planned)
        before, after = (layout.named(network_name) for layout in (seen.snapshot.layout, planned.layout))
        assert before is not None
        assert after is not None
        return Grown(network_name, group, before.carving[group], after.carving[group])

    return await retried(means or Means(), attempt)
