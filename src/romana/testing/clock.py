"""A clock that stands still until it is told to move: time as a parameter of tests and simulations."""

from __future__ import annotations

from collections.abc import Callable


class ManualClock:
    """A `ports.clock.Clock`. `advance` moves both hands; `jump` moves the wall's alone, as NTP does."""

    def __init__(self, wall: float = 1_700_000_000.0, elapsed: float = 0.0) -> None:
        self._wall, self._elapsed = wall, elapsed
        self._moved: list[Callable[[], None]] = []

    def wall(self) -> float:
        return self._wall

    def elapsed(self) -> float:
        return self._elapsed

    def advance(self, seconds: float) -> None:
        """Let time pass, then tell those who asked."""
        self._wall += seconds
        self._elapsed += seconds
        for tell in tuple(self._moved):
            tell()

    def jump(self, seconds: float) -> None:
        self._wall += seconds

    def on_advance(self, tell: Callable[[], None]) -> None:
        """Call `tell` whenever time has passed."""
        self._moved.append(tell)

    async def sleep(self, seconds: float) -> None:
        """Let that much time pass at once: what a single task that sleeps sees."""
        self.advance(seconds)
