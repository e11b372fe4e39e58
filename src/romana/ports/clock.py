"""Time as a parameter: programs pass the machine's clock, simulations their own."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    def wall(self) -> float:
        """Seconds since 1970, as this machine believes. Never compared with another machine's."""

    def elapsed(self) -> float:
        """Seconds on a clock that only goes forward and counts suspension (CLOCK_BOOTTIME)."""
