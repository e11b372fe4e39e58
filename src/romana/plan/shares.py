"""How large a part of its parent every group should get.

    weight          decides where any sibling has one; the others count 1
    hosts_expected  decides else; a group without counts as its own groups together, else as the mean
    neither         all siblings count the same

Every share is rounded up to a power of two of one unit, and the unit is the largest with which all fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from romana.model.topology import Group, GroupPath, Network


def weights(groups: Sequence[Group]) -> list[int]:
    """Return the share of each sibling in units, a power of two each."""
    if any(group.weight is not None for group in groups):
        return [_power(group.weight or 1) for group in groups]
    expected = [expected_hosts(group) for group in groups]
    known = [hosts for hosts in expected if hosts is not None]
    mean = -(-sum(known) // len(known)) if known else 1
    return [_power(mean if hosts is None else hosts) for hosts in expected]


def hinted(groups: Sequence[Group]) -> bool:
    """Whether the document says anything of how large siblings should be."""
    return any(group.weight is not None or expected_hosts(group) is not None for group in groups)


def expected_hosts(group: Group) -> int | None:
    """Return how many hosts the document expects in the group, its own word before that of the groups below."""
    if group.hosts_expected is not None:
        return group.hosts_expected
    below = [hosts for child in group.groups if (hosts := expected_hosts(child)) is not None]
    return sum(below) if below else None


def unit(sizes: Sequence[int], space: int) -> int:
    """Return the largest power of two with which shares of these sizes can fit into that many addresses."""
    total = sum(sizes)
    return 1 << (space // total).bit_length() - 1 if total and space >= total else 0


def least(network: Network, root: Group, version: int) -> dict[GroupPath, int]:
    """Return the longest prefix length with which each group can do its work.

    A leaf holds a block, and with `hosts_expected` a prefix (`host_mask`) or else a block for each host; a group
    of groups holds all of theirs. Lengths below 0 mean that no prefix suffices.
    """
    return dict(_least(network, root, GroupPath(""), None, version))


def _least(
    network: Network, group: Group, path: GroupPath, host_mask: int | None, version: int
) -> Iterator[tuple[GroupPath, int]]:
    own = group.host_mask if version == 4 else group.host_mask6
    mask = host_mask if own is None else own
    bits = 32 if version == 4 else 128
    unit_length = network.block_length(version) if mask is None else min(mask, network.block_length(version))
    hosts = group.hosts_expected or 1
    size = _power(hosts) << bits - unit_length if not group.groups or group.hosts_expected else 0
    below = 0
    for child in group.groups:
        deeper: Mapping[GroupPath, int] = dict(_least(network, child, child_path(path, child), mask, version))
        yield from deeper.items()
        below += 1 << bits - deeper[child_path(path, child)]
    yield path, bits + 1 - _power(max(size, below)).bit_length()


def child_path(path: GroupPath, child: Group) -> GroupPath:
    return GroupPath(f"{path}/{child.name}" if path else child.name)


def _power(number: int) -> int:
    """The smallest power of two that is at least `number`, and 1 for nothing."""
    return 1 << (number - 1).bit_length() if number > 1 else 1
