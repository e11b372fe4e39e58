"""Free-space arithmetic: what is left of a space, and where in it the next piece goes.

Free space is a list of *pieces*: the fewest prefixes that cover it, so each is as large as alignment
allows. Carving takes the piece that fits best; spreading takes the start of the largest piece, which
is the middle of the widest gap, and grows by buddies from there:

        ├ a ┼───────────────────────────────┤     a at the start
        ├ a ┼───────────┼ b ┼───────────────┤     b in the middle, with half the space to grow into
        ├ a ┼───┼ c ┼───┼ b ┼───┼ d ┼───────┤     c and d in the middle of the halves
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from romana.net.aggregate import aggregate, aggregate_keys
from romana.net.prefix import FAMILY, Prefix

_BITS = (32, 128)


def subtract(within: Iterable[Prefix], taken: Iterable[Prefix]) -> list[Prefix]:
    """Return the fewest prefixes that cover what lies in `within` and not in `taken`, ascending.

    Both are taken as sets of addresses: overlaps do not matter, and a piece may span two prefixes of
    `within` that are buddies. Cost: two sorts and one pass.
    """
    gone = _spans(aggregate_keys([prefix.key for prefix in taken]))
    busy = next(gone, None)
    pieces: list[Prefix] = []
    for start, end in _spans(aggregate_keys([prefix.key for prefix in within])):
        while start < end:
            while busy and busy[1] <= start:
                busy = next(gone, None)
            stop = min(end, busy[0]) if busy else end
            pieces += _cover(start, stop)
            start = max(start, busy[1]) if busy and stop < end else end  # noqa: PLW2901
    return pieces


def free(within: Iterable[Prefix], taken: Iterable[Prefix]) -> list[Prefix]:
    """Return the free pieces of a space, each as large as alignment allows, ascending.

    within 10.0.0.0/24, taken 10.0.0.64/26   →   10.0.0.0/26, 10.0.0.128/25
    """
    return subtract(within, taken)


def lowest(pieces: Iterable[Prefix], length: int) -> Prefix | None:
    """Return the lowest free prefix of `length`. The pieces are ascending and of one family."""
    return next((_start(piece, length) for piece in pieces if piece.length <= length), None)


def best_fit(pieces: Iterable[Prefix], length: int) -> Prefix | None:
    """Return the start of the smallest piece that has room for `length`, the lowest of equals."""
    fitting = [piece for piece in pieces if piece.length <= length]
    return _start(min(fitting, key=lambda p: (-p.length, p.key)), length) if fitting else None


def largest(pieces: Iterable[Prefix]) -> Prefix | None:
    """Return the largest piece, the lowest of equals."""
    return min(pieces, key=lambda p: (p.length, p.key), default=None)


def bisect(within: Iterable[Prefix], taken: Iterable[Prefix], length: int) -> Prefix | None:
    """Return the position of `length` in the middle of the widest gap: the start of the largest free piece.

    None where no piece has room. Whoever is placed so can double by taking buddies until the piece is full.
    """
    piece = largest(free(within, taken))
    return _start(piece, length) if piece is not None and piece.length <= length else None


def beside(own: Iterable[Prefix], pieces: Sequence[Prefix], length: int) -> Prefix | None:
    """Return the free position of `length` that lets `own` aggregate best; None if no buddy is free.

    It is the start of the buddy of the smallest thing owned whose buddy is wholly free: taking it, and
    then its buddies in turn, doubles that thing and costs no route more.

        own .0/26              →  .64/26    (then .0/25)
        own .0/25, .128/26     →  .192/26   (then .0/24)
    """
    for owned in sorted(aggregate(own), key=lambda p: (-p.length, p.key)):
        if 0 < owned.length <= length:
            buddy = owned.buddy()
            if any(buddy in piece for piece in pieces):
                return _start(buddy, length)
    return None


def _start(piece: Prefix, length: int) -> Prefix:
    return Prefix.of(piece.version, piece.first, length)


def _spans(keys: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield first and end (exclusive) of packed prefixes, with the family above the address bits."""
    for key in keys:
        start = key >> 8
        yield start, start + (1 << _BITS[key >= FAMILY] - (key & 255))


def _cover(start: int, end: int) -> Iterator[Prefix]:
    """Yield the fewest prefixes from `start` to `end` (exclusive), both as in `_spans`."""
    family = start & FAMILY >> 8
    bits = _BITS[family > 0]
    while start < end:
        # As large as the alignment of its start and the rest of the span allow.
        low = start - family
        size = min(low & -low or 1 << bits, 1 << (end - start).bit_length() - 1)
        yield Prefix(start << 8 | bits - size.bit_length() + 1)
        start += size
