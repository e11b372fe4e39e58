"""This machine's clocks and the identity of its boot."""

from __future__ import annotations

import time
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class MachineClock:
    """The `Clock` that programs pass; simulations pass their own."""

    def wall(self) -> float:
        return time.time()

    def elapsed(self) -> float:
        """Counts while the machine is suspended, as CLOCK_MONOTONIC does not (clock_gettime(2))."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """Return the id that the kernel drew when it started (random(4))."""
    return BOOT_ID.read_text().strip()
