"""What turns actual into desired: one comparison for everything we keep in sync."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Changes(Generic[T]):
    """Apply in field order: nothing is cut before its replacement is in place.

    Each part keeps the caller's order, so that equal plans compare equal.
    """

    add: tuple[T, ...] = ()
    replace: tuple[T, ...] = ()
    remove: tuple[T, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.add or self.replace or self.remove)

    def __len__(self) -> int:
        return len(self.add) + len(self.replace) + len(self.remove)


def diff(
    desired: Iterable[T],
    actual: Iterable[T],
    *,
    key: Callable[[T], Hashable],
    same: Callable[[T, T], bool] = lambda want, have: want == have,
) -> Changes[T]:
    """Return what to add, what to replace and what to remove.

    `key` names a thing; `same(want, have)` says whether what is there will do.

        >>> diff(["a1", "b1"], ["b2", "c1"], key=lambda s: s[0])
        Changes(add=('a1',), replace=('b1',), remove=('c1',))
    """
    want = {key(item): item for item in desired}
    have = {key(item): item for item in actual}
    return Changes(
        add=tuple(item for k, item in want.items() if k not in have),
        replace=tuple(item for k, item in want.items() if k in have and not same(item, have[k])),
        remove=tuple(item for k, item in have.items() if k not in want),
    )
