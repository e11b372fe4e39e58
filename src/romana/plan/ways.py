"""The fewest routes that send every address where the given ones do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from romana.model.route import DeviceName, RouteKind
from romana.net.prefix import Prefix


@dataclass(frozen=True, slots=True)
class Way:
    """Where one prefix goes: any of `hops`."""

    kind: RouteKind
    hops: tuple[DeviceName, ...]
    reasons: tuple[str, ...] = ()


def fewest(
    ways: dict[Prefix, Way], stops: Iterable[Prefix], default: tuple[DeviceName, ...]
) -> dict[Prefix, Way]:
    """Return fewer routes with the same forwarding.

    Buddies that go the same way become their parent: exact, no address is added. A way inside another
    that goes the same way is left out, unless one of `stops` (prefixes that end here) lies between them;
    around all stands the default route. Longest match decides before and after; a way to the very prefix
    of a stop stands in for it.
    """
    ends = frozenset(stops)
    return _unlike_outer(_joined(ways, ends), ends, default)


def _joined(ways: dict[Prefix, Way], stops: frozenset[Prefix]) -> dict[Prefix, Way]:
    """Join buddies, longest first. A parent that had a way of its own was hidden by its two halves.

    A way that stands in for a stop of the same prefix stays: without it the stop would be the longest match.
    """
    found = dict(ways)
    by_length: dict[int, list[Prefix]] = defaultdict(list)
    for prefix in ways:
        by_length[prefix.length].append(prefix)
    for length in range(max(by_length, default=0), 0, -1):
        for prefix in by_length[length]:
            buddy = prefix.buddy()
            way, other = found.get(prefix), found.get(buddy)
            if way is None or other is None or prefix in stops or buddy in stops:
                continue
            if way.kind is RouteKind.GROUP and (other.kind, other.hops) == (way.kind, way.hops):
                del found[prefix], found[buddy]
                found[prefix.parent()] = Way(
                    way.kind, way.hops, tuple(dict.fromkeys((*way.reasons, *other.reasons)))
                )
                by_length[length - 1].append(prefix.parent())
    return found


def _unlike_outer(
    ways: dict[Prefix, Way], stops: frozenset[Prefix], default: tuple[DeviceName, ...]
) -> dict[Prefix, Way]:
    """Leave out the ways that the smallest prefix around them goes already."""
    kept: dict[Prefix, Way] = {}
    outer: list[Prefix] = []
    for prefix in sorted(ways.keys() | stops):
        while outer and prefix not in outer[-1]:
            outer.pop()
        around = default if not outer else kept[outer[-1]].hops if outer[-1] in kept else ()
        if prefix in stops or ways[prefix].hops != around:
            outer.append(prefix)
            if prefix in ways:
                kept[prefix] = ways[prefix]
    return kept
