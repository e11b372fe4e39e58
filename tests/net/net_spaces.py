"""Prefixes to draw from: a space of 16 addresses per family for brute force, and anywhere."""

from __future__ import annotations

from hypothesis import strategies as st

from romana.net.prefix import Prefix

SMALL = {4: Prefix.parse("10.0.0.240/28"), 6: Prefix.parse("fd00::fff0/124")}


def inside(version: int, depth: int = 4) -> st.SearchStrategy[Prefix]:
    """Prefixes inside a space of 16 addresses, all lengths."""
    space = SMALL[version]

    def at(deeper: int, place: int) -> Prefix:
        return [*space.split(space.length + deeper)][place % (1 << deeper)]

    return st.builds(at, st.integers(0, depth), st.integers(0, 15))


anywhere = st.one_of(
    st.builds(
        lambda length, value: Prefix.of(4, value >> 32 - length << 32 - length, length),
        st.integers(0, 32),
        st.integers(0, 2**32 - 1),
    ),
    st.builds(
        lambda length, value: Prefix.of(6, value >> 128 - length << 128 - length, length),
        st.integers(0, 128),
        st.integers(0, 2**128 - 1),
    ),
)


def addresses_of(prefixes):
    return {(p.version, value) for p in prefixes for value in range(p.first, p.last + 1)}


def shortest(prefixes):
    """The fewest prefixes by definition: every maximal prefix all of whose addresses are covered."""
    covered = addresses_of(prefixes)
    whole = [
        p
        for space in SMALL.values()
        for deeper in range(5)
        for p in space.split(space.length + deeper)
        if addresses_of([p]) <= covered
    ]
    return sorted(p for p in whole if not any(p != q and p in q for q in whole))
