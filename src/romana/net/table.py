"""Longest match in an immutable table.

The prefixes are flattened to intervals that do not overlap, each with its answer worked out, so that
a lookup is one bisection of a list of integers. For IPv4 the leading bits of the address say between
which places to bisect: fewer integers are touched, and in a large table most of the time is spent
waiting for memory.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from romana.net.prefix import FAMILY, Address, Prefix

T = TypeVar("T")


class LookupTable(Generic[T]):
    """Prefixes of both families, each with a value. A prefix given twice has the last value.

    Cost: building is a sort and one pass (10^5 prefixes: about 0.3 s); a lookup is a bisection.
    """

    __slots__ = ("_answers", "_border", "_items", "_places", "_shift", "_starts")

    def __init__(self, items: Iterable[tuple[Prefix, T]]) -> None:
        last = {prefix.key: (prefix, value) for prefix, value in items}
        self._items = [last[key] for key in sorted(last)]
        self._starts, self._answers = _flatten(self._items)
        self._border = bisect_left(self._starts, FAMILY)
        leading = min(self._border.bit_length(), 16)
        self._shift = 40 - leading
        self._places = [bisect_left(self._starts, n << self._shift) for n in range((1 << leading) + 1)]

    def lookup(self, address: Address) -> tuple[Prefix, T] | None:
        """Return the longest prefix that holds `address`, with its value; None if none does."""
        key = address.key  # as in lookup_key, written out: a call would cost a third as much again
        if key < FAMILY:
            places, leading = self._places, key >> self._shift
            return self._answers[bisect_right(self._starts, key, places[leading], places[leading + 1]) - 1]
        return self._answers[bisect_right(self._starts, key, self._border) - 1]

    def lookup_key(self, key: int) -> tuple[Prefix, T] | None:
        """Do the same for `Address.key`: for loops that never make the value."""
        if key < FAMILY:
            places, leading = self._places, key >> self._shift
            return self._answers[bisect_right(self._starts, key, places[leading], places[leading + 1]) - 1]
        return self._answers[bisect_right(self._starts, key, self._border) - 1]

    def intervals(self) -> Iterator[tuple[int, tuple[Prefix, T] | None]]:
        """Yield where each run of equal answers starts (an address key without its lowest byte), ascending.

        The first starts below every address, one starts where IPv4 ends if its last address is covered;
        neighbours may have the same answer.
        """
        return zip(self._starts, self._answers, strict=True)

    def __iter__(self) -> Iterator[tuple[Prefix, T]]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


def _flatten(
    items: list[tuple[Prefix, T]],
) -> tuple[list[int], list[tuple[Prefix, T] | None]]:
    """Return where intervals start and what holds there, for items sorted by prefix.

    The stack holds the prefixes that are open at this point with their ends, innermost last:

        ├──────── /8 ────────┤
            ├─ /16 ─┤                starts   0  /8  /16  /8  end
              ├/24┤                  … one more interval where each begins and ends
    """
    starts: list[int] = [-1]
    answers: list[tuple[Prefix, T] | None] = [None]
    open_: list[tuple[int, tuple[Prefix, T]]] = []
    for item in items:
        start = item[0].key & -256
        while open_ and open_[-1][0] <= start:
            _resume(starts, answers, open_)
        if starts[-1] == start:
            answers[-1] = item
        else:
            starts.append(start)
            answers.append(item)
        open_.append((start + (item[0].size << 8), item))
    while open_:
        _resume(starts, answers, open_)
    return starts, answers


def _resume(
    starts: list[int],
    answers: list[tuple[Prefix, T] | None],
    open_: list[tuple[int, tuple[Prefix, T]]],
) -> None:
    """Close the innermost prefix: from its end on, what it lies in holds again."""
    end, _ = open_.pop()
    outer = open_[-1][1] if open_ else None
    if starts[-1] == end:
        answers[-1] = outer
    else:
        starts.append(end)
        answers.append(outer)
