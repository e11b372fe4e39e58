"""Who is next on the shortest way: routers and devices as the document links them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from romana.model.route import DeviceName


class Roads:
    """The graph of routers and devices, for shortest ways to any one of several.

    Without a link between any two of them, every router is taken to be linked to every device; where
    there are no devices either, to every other router.
    """

    def __init__(
        self,
        routers: Iterable[DeviceName],
        devices: Iterable[DeviceName],
        links: Iterable[tuple[str, str]],
        outermost: Iterable[DeviceName],
    ) -> None:
        """`outermost`: the routers that stand at the top where there are no devices."""
        lower, upper = frozenset(routers), frozenset(devices)
        self.tops = upper or frozenset(outermost)
        """Where the default routes end: nobody stands above."""
        known = {str(name): name for name in lower | upper}
        pairs = [(known[a], known[b]) for a, b in links if a in known and b in known and a != b]
        self._meshed = not pairs and not upper
        if not pairs:
            pairs = [(router, device) for router in lower for device in upper]
        self._linked: dict[DeviceName, set[DeviceName]] = {name: set() for name in known.values()}
        for a, b in pairs:
            self._linked[a].add(b)
            self._linked[b].add(a)
        self._distances: dict[frozenset[DeviceName], dict[DeviceName, int]] = {}

    def towards(self, start: DeviceName, ends: Collection[DeviceName]) -> tuple[DeviceName, ...]:
        """Return the neighbours of `start` that are nearest to any of `ends`, by name.

        Empty where none can be reached, and where `start` is one of them. Every step comes one link
        nearer, so whoever follows does not loop.
        """
        if self._meshed:
            return () if start in ends else tuple(sorted(ends))
        distances = self._distances_to(frozenset(ends))
        mine = distances.get(start, 0)
        return tuple(sorted(n for n in self._linked[start] if distances.get(n, mine) < mine))

    def up(self, start: DeviceName) -> tuple[DeviceName, ...]:
        """Return the neighbours towards the top; none for the topmost themselves."""
        return self.towards(start, self.tops)

    def _distances_to(self, ends: frozenset[DeviceName]) -> dict[DeviceName, int]:
        known = self._distances.get(ends)
        if known is None:
            known = self._distances[ends] = dict.fromkeys(ends, 0)
            edge = [*ends]
            for name in edge:
                for neighbour in self._linked.get(name, ()):
                    if neighbour not in known:
                        known[neighbour] = known[name] + 1
                        edge.append(neighbour)
        return known
