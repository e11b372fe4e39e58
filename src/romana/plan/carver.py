"""One pass over the tree for one family: who keeps which prefix, who gets a new one, who has to grow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from romana.model.errors import Problem
from romana.model.layout import Carving
from romana.model.topology import Group, GroupPath, Network
from romana.net import space
from romana.net.aggregate import aggregate
from romana.net.prefix import Prefix
from romana.plan.pool import Pool
from romana.plan.shares import child_path, hinted, least, unit, weights

SHOWN = 3
"""Groups that a sentence names."""


@dataclass(slots=True, eq=False)
class Share:
    """A group while it is being carved."""

    path: GroupPath
    group: Group
    parent: Share | None
    prefixes: list[Prefix]
    pool: Pool
    """What of it no group below has."""
    pinned: bool = False
    length: int = 0
    """Wanted of a new prefix."""


class Carver:
    """Carves one family of a network. Problems are collected; a group that has one is not descended into."""

    def __init__(self, network: Network, root: Group, version: int, existing: Carving) -> None:
        self.network, self.version = network, version
        self.shares: dict[GroupPath, Share] = {}
        self.problems: list[Problem] = []
        self._bits = 32 if version == 4 else 128
        self._existing = existing
        self._least = least(network, root, version)
        top = [p for p in network.prefixes if p.version == version]
        self._root = Share(GroupPath(""), root, None, top, Pool(version, space.free(top, ())))

    def run(self) -> None:
        """Fill `shares` and `problems`."""
        if not self._root.group.groups:
            self.shares[self._root.path] = self._root
        self._divide(self._root, None)

    def grow(self, path: GroupPath) -> bool:
        """Double what the group has, False if neither its parent nor those above have room."""
        share = self.shares.get(path)
        return share is not None and self._grow(share, 0)

    def pinned(self, path: GroupPath) -> bool:
        """Whether the document says which prefixes the group has."""
        return path in self.shares and self.shares[path].pinned

    def _divide(self, share: Share, mask_above: int | None) -> None:
        """Give the groups below a share their prefixes, all of one level before any of the next."""
        group = share.group
        own = group.host_mask if self.version == 4 else group.host_mask6
        mask = mask_above if own is None else own
        if not group.groups:
            self._check_leaf(share, mask)
            return
        children = [self._child(share, child) for child in group.groups]
        self._keep(share, children)
        pending = [child for child in children if not child.prefixes and not child.pinned]
        if len(children) == 1:
            self._give_all(share, children[0])
        elif len(pending) == sum(not child.pinned for child in children):
            self._divide_afresh(share, pending)
        else:
            self._add(share, children, pending)
        for child in children:
            if child.prefixes:
                if child not in pending:
                    self._widen(child)
                child.pool = Pool(self.version, space.free(child.prefixes, ()))
                self._divide(child, mask)

    def _child(self, share: Share, group: Group) -> Share:
        path = child_path(share.path, group)
        pinned = any(p.version == self.version for p in group.prefixes)
        child = self.shares[path] = Share(path, group, share, [], Pool(self.version, ()), pinned)
        return child

    def _keep(self, share: Share, children: Sequence[Share]) -> None:
        """Give pinned groups what the document says, then the others what they have had.

        A prefix that is no longer inside the parent, or that a pin takes, is not kept: whether that would
        strand anything is for `changes` to say.
        """
        for child in children:
            for prefix in child.group.prefixes:
                if prefix.version == self.version:
                    self._pin(share, child, prefix)
        for child in children:
            if not child.pinned:
                had = [p for p in self._existing.get(child.path, ()) if p.version == self.version]
                child.prefixes = [p for p in had if share.pool.take(p)]

    def _pin(self, share: Share, child: Share, prefix: Prefix) -> None:
        if share.pool.take(prefix):
            child.prefixes.append(prefix)
        elif any(prefix in p for p in share.prefixes):
            self._problem(child, f"its pinned prefix {prefix} overlaps that of a group beside it")
        else:
            where = ", ".join(map(str, share.prefixes))
            self._problem(
                child, f"its pinned prefix {prefix} is outside {where}, which is what it can be cut from"
            )

    def _give_all(self, share: Share, child: Share) -> None:
        """A group without siblings has what its parent has: all of it at first, later each prefix that joins."""
        if not child.pinned:
            child.prefixes += [p for p in share.prefixes if share.pool.take(p)]
            child.prefixes.sort()

    def _divide_afresh(self, share: Share, pending: list[Share]) -> None:
        """Cut what the pins leave into shares, as large as all of them can be at once.

        Without hints they are equal, whatever the groups below would need: so did v2, and so people expect.
        """
        groups = [child.group for child in pending]
        sizes, equal = weights(groups), not hinted(groups)
        each = unit(sizes, share.pool.size)
        widest = min((p.length for p in share.pool), default=0)
        while each and pending:
            self._want(pending, sizes, each, widest, plain=equal)
            if pending[0].length > self.network.block_length(self.version):
                break
            trial = Pool(self.version, share.pool)
            placed = [
                (c, self._around_pins(c, trial) or trial.best_fit(c.length)) for c in self._in_order(pending)
            ]
            if all(prefix is not None for _, prefix in placed):
                for child, prefix in placed:
                    child.prefixes = [prefix] if prefix else []
                share.pool = trial
                return
            each //= 2
        if pending:
            self._no_share(share, pending)

    def _want(
        self,
        children: Sequence[Share],
        sizes: Sequence[int],
        each: int,
        widest: int = 0,
        *,
        plain: bool = False,
    ) -> None:
        """Note the length that each should get: its share, at most a whole prefix, and unless `plain` never less
        than it needs."""
        for child, size in zip(children, sizes, strict=True):
            length = max(widest, self._bits + 1 - (size * each).bit_length())
            child.length = length if plain else min(length, self._least[child.path])

    def _in_order(self, children: Sequence[Share]) -> list[Share]:
        """Groups that must be in a certain place first, then the biggest."""
        return sorted(children, key=lambda c: (not self._pins_below(c), c.length))

    def _place(self, child: Share, pool: Pool) -> Prefix | None:
        return self._around_pins(child, pool) or pool.bisection(child.length)

    def _around_pins(self, child: Share, pool: Pool) -> Prefix | None:
        """Take a prefix that holds what the document pins further down, of the wanted length or the next larger."""
        pins = self._pins_below(child)
        for length in range(min((child.length, *(p.length for p in pins))), -1, -1) if pins else ():
            around = pins[0].supernet(length)
            if all(p in around for p in pins) and pool.take(around):
                return around
        return None

    def _pins_below(self, child: Share) -> list[Prefix]:
        found: list[Prefix] = []
        stack = [*child.group.groups]
        while stack:
            group = stack.pop()
            found += [p for p in group.prefixes if p.version == self.version]
            stack += group.groups
        return sorted(found)

    def _add(self, share: Share, children: Sequence[Share], pending: Sequence[Share]) -> None:
        """Find room for groups that join others: a share like theirs, if need be by growing, else a smaller one."""
        self._want_like_siblings(share, children)
        for child in self._in_order(pending):
            found = self._place(child, share.pool)
            while found is None and self._grow(share, child.length):
                self._want_like_siblings(share, children)
                found = self._place(child, share.pool)
            while found is None and child.length < self._least[child.path]:
                child.length += 1
                found = self._place(child, share.pool)
            if found is None:
                self._no_room(share, child, children)
            else:
                child.prefixes = [found]

    def _want_like_siblings(self, share: Share, children: Sequence[Share]) -> None:
        sizes = weights([child.group for child in children])
        self._want(children, sizes, unit(sizes, sum(p.size for p in share.prefixes)) or 1)

    def _widen(self, child: Share) -> None:
        """Let a group that keeps its prefix grow to what the document now expects of it."""
        needed = 1 << self._bits - self._least[child.path]
        while not child.pinned and sum(p.size for p in child.prefixes) < needed:
            if not self._grow(child, self._bits):
                self._problem(
                    child, f"needs a /{self._least[child.path]} and has {_list(child)} without room to grow"
                )
                return

    def _grow(self, share: Share, longest: int) -> bool:
        """Give a group its buddy, else the nearest free prefix as large as its largest, else a smaller one.

        Its parent grows before a prefix smaller than that is taken; `longest` is the smallest of use.
        """
        parent = share.parent
        if parent is None or share.pinned or not share.prefixes:
            return False
        largest = min(share.prefixes, key=lambda p: (p.length, p.key))
        found = self._beside(parent, largest)
        while found is None and self._grow(parent, largest.length):
            found = self._beside(parent, largest)
        for length in range(largest.length + 1, longest + 1):
            found = found or parent.pool.nearest(largest, length)
        if found is None:
            return False
        share.prefixes = aggregate([*share.prefixes, found])
        share.pool = Pool(self.version, space.free([*share.pool, found], ()))
        return True

    @staticmethod
    def _beside(parent: Share, largest: Prefix) -> Prefix | None:
        if largest.length and parent.pool.take(buddy := largest.buddy()):
            return buddy
        return parent.pool.nearest(largest, largest.length)

    def _check_leaf(self, share: Share, mask: int | None) -> None:
        block = self.network.block_length(self.version)
        if all(p.length > block for p in share.prefixes):
            self._problem(share, f"its prefix {_list(share)} is smaller than a /{block} block")
        elif mask is not None and mask > block:
            self._problem(share, f"its hosts would get a /{mask} each, smaller than a /{block} block")
        elif mask is not None and all(p.length > mask for p in share.prefixes):
            self._problem(share, f"its hosts would get a /{mask} each, larger than its prefix {_list(share)}")

    def _no_share(self, share: Share, pending: Sequence[Share]) -> None:
        block = self.network.block_length(self.version)
        free = Pool(self.version, share.pool)
        count = f"{len(pending)} groups" if len(pending) > 1 else f"group {pending[0].group.name}"
        length = self._bits + 1 - free.size.bit_length() + (len(pending) - 1).bit_length()
        if length > block:
            what = f"{count} share {_list(share)}: each would get a /{length}, smaller than a /{block} block"
        else:
            together = sum(1 << self._bits - self._least[c.path] for c in pending)
            what = f"{count} need {together} addresses in aligned prefixes, {_list(share)} has {free.size} to divide"
        self._problem(share, what)

    def _no_room(self, share: Share, child: Share, children: Sequence[Share]) -> None:
        where = f"group {share.path}" if share.path else "the network"
        held = "all of it" if not share.pool.size else f"all but {share.pool.size} addresses of it"
        holders = _holding([c.group.name for c in children if c.prefixes])
        self._problem(
            child,
            f"{where} ({_list(share)}) has no /{self._least[child.path]} left for it: {holders} {held}; "
            "pin `prefixes` for the new group, or add a prefix to the network",
        )

    def _problem(self, share: Share, what: str) -> None:
        self.problems.append(Problem(share.path or self.network.name, what))


def _list(share: Share) -> str:
    return ", ".join(map(str, share.prefixes)) or "nothing"


def _holding(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    return f"{shown} {'holds' if len(names) == 1 else 'hold'}"
