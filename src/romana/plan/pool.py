"""Free space of one family while groups are being cut out of it.

`romana.net.space` answers one question about lists of prefixes; carving ten thousand groups asks ten
thousand in a row, so the pieces stand here by length, as integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush

from romana.net.prefix import Prefix


class Pool:
    """Free pieces, each as large as alignment allows when the pool is made."""

    def __init__(self, version: int, pieces: Iterable[Prefix]) -> None:
        self._version = version
        self._bits = 32 if version == 4 else 128
        self._free: dict[int, set[int]] = {}
        self._heaps: dict[int, list[int]] = {}
        for piece in pieces:
            self._free.setdefault(piece.length, set()).add(piece.first)
        for length, firsts in self._free.items():
            self._heaps[length] = [*firsts]
            heapify(self._heaps[length])

    def __iter__(self) -> Iterator[Prefix]:
        for length in sorted(self._free):
            for first in sorted(self._free[length]):
                yield Prefix.of(self._version, first, length)

    @property
    def size(self) -> int:
        """How many addresses are free."""
        return sum(len(firsts) << self._bits - length for length, firsts in self._free.items())

    def best_fit(self, length: int) -> Prefix | None:
        """Take the start of the smallest piece that has room, the lowest of equals."""
        return self._take_start(range(length, -1, -1), length)

    def bisection(self, length: int) -> Prefix | None:
        """Take the start of the largest piece, so that what is beside keeps room to grow."""
        return self._take_start(range(length + 1), length)

    def nearest(self, to: Prefix, length: int) -> Prefix | None:
        """Take the free prefix of that length whose start is closest to another's, the lower of equals."""
        found = min(
            (p for piece in self if piece.length <= length for p in _ends(piece, length)),
            key=lambda p: (abs(p.first - to.first), p.first),
            default=None,
        )
        return found if found is not None and self.take(found) else None

    def take(self, prefix: Prefix) -> bool:
        """Take exactly this prefix; False (and nothing taken) if not all of it is free."""
        for length in range(prefix.length, -1, -1):
            around = prefix.first >> self._bits - length << self._bits - length
            if around in self._free.get(length, ()):
                self._free[length].discard(around)
                self._put_rest(around, length, prefix)
                return True
        return False

    def _take_start(self, lengths: Iterable[int], length: int) -> Prefix | None:
        for wide in lengths:
            heap, free = self._heaps.get(wide), self._free.get(wide)
            while heap and free and heap[0] not in free:
                heappop(heap)  # taken by name meanwhile
            if heap and free:
                found = Prefix.of(self._version, heap[0], length)
                free.discard(heappop(heap))
                self._put_rest(found.first, wide, found)
                return found
        return None

    def _put_rest(self, first: int, length: int, taken: Prefix) -> None:
        """Put back what is left of a piece around the prefix taken from it."""
        while length < taken.length:
            length += 1
            half = 1 << self._bits - length
            other, first = (first, first + half) if taken.first & half else (first + half, first)
            self._free.setdefault(length, set()).add(other)
            heappush(self._heaps.setdefault(length, []), other)


def _ends(piece: Prefix, length: int) -> Iterator[Prefix]:
    """Yield the two ends of a piece: one of them is its position nearest to any prefix outside."""
    yield Prefix.of(piece.version, piece.first, length)
    yield Prefix.of(piece.version, piece.last, piece.bits).supernet(length)
