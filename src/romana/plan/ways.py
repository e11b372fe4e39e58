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
    around all stands the default route. Longest match decides before and after.
    """
    joined = _joined(ways)
    barriers = dict.fromkeys(stops, Way(RouteKind.DISCARD, ()))
    return {**_unlike_outer({**barriers, **joined}, default, barriers.keys() - joined.keys())}


def _joined(ways: dict[Prefix, Way]) -> dict[Prefix, Way]:
    """Join buddies, longest first. A parent that had a way of its own was hidden by its two halves."""
    found = dict(ways)
    by_length: dict[int, list[Prefix]] = defaultdict(list)
    for prefix in ways:
        by_length[prefix.length].append(prefix)
    for length in range(max(by_length, default=0), 0, -1):
        for prefix in by_length[length]:
            way = found.get(prefix)
            other = found.get(prefix.buddy()) if way and way.kind is RouteKind.GROUP else None
            if way and other and (other.kind, other.hops) == (way.kind, way.hops):
                del found[prefix], found[prefix.buddy()]
                found[prefix.parent()] = Way(
                    way.kind, way.hops, tuple(dict.fromkeys((*way.reasons, *other.reasons)))
                )
                by_length[length - 1].append(prefix.parent())
    return found


def _unlike_outer(
    ways: dict[Prefix, Way], default: tuple[DeviceName, ...], silent: Iterable[Prefix]
) -> dict[Prefix, Way]:
    """Leave out what the smallest prefix around it does already, and the silent ones."""
    hidden = set(silent)
    outer: list[Prefix] = []
    kept: dict[Prefix, Way] = {}
    for prefix in sorted(ways):
        while outer and prefix not in outer[-1]:
            outer.pop()
        around = ways[outer[-1]].hops if outer else default
        if prefix in hidden or ways[prefix].hops != around:
            outer.append(prefix)
        if prefix not in hidden and ways[prefix].hops != around:
            kept[prefix] = ways[prefix]
    return kept
