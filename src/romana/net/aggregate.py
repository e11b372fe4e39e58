"""Exact aggregation: the fewest prefixes that cover exactly the same addresses.

One pass over sorted integers with a stack. In the packed form (`net.prefix`) a prefix lies inside
the last one taken if it sorts before that one's end, two buddies differ in one bit, and their
parent is the lower one minus one (the length is the lowest byte, and the lower buddy has the first
address of both).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from romana.net.prefix import FAMILY, Prefix

_STEPS: Final = {bits: [256 << bits - length for length in range(bits + 1)] for bits in (32, 128)}
"""By family and length: how far the next prefix of that length is away in the packed form."""


def aggregate(prefixes: Iterable[Prefix]) -> list[Prefix]:
    """Return the shortest list of prefixes that covers the same addresses, in ascending order.

        10.0.0.0/25, 10.0.0.128/25, 10.0.0.7/32  →  10.0.0.0/24
        10.0.1.0/24, 10.0.2.0/24                 →  the same two: no prefix holds both and nothing else

    Both families may stand together. Cost: a sort.
    """
    return [*map(Prefix, aggregate_keys([prefix.key for prefix in prefixes]))]


def aggregate_keys(keys: Iterable[int]) -> list[int]:
    """Do the same on packed prefixes: no values are made on the way."""
    ordered = sorted(keys)
    border = bisect_left(ordered, FAMILY)
    if not border or border == len(ordered):
        return _merged(ordered, _STEPS[128 if ordered and not border else 32])
    return _merged(ordered[:border], _STEPS[32]) + _merged(ordered[border:], _STEPS[128])


def _merged(ordered: list[int], steps: list[int]) -> list[int]:
    """Return the aggregate of one family's keys in ascending order."""
    stack = [-1]  # nobody's buddy, so that the inner loop needs no test for an empty stack
    end = -1
    for key in ordered:
        if key < end:
            continue
        step = steps[key & 255]
        end = (key & -256) + step
        while key & step and stack[-1] == key ^ step:
            key = stack.pop() - 1  # noqa: PLW2901  the parent takes its children's place
            step <<= 1
        stack.append(key)
    del stack[0]
    return stack
