"""Virtual time: an event loop whose clock jumps to the next timer when nothing else is to do.

A 300-second back-off is tested in a millisecond, and twice the same run gives twice the same order.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Jump(selectors.DefaultSelector):
    """Never sleeps: what would have been waited for is added to the clock."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:  # no timer is set: only something outside can go on
            return super().select(None)
        self.now += max(timeout, 0.0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its `time()` starts at 0 and costs nothing to pass."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.now


class VirtualClock:
    """A `Clock` that shows the running loop's time. `wall` is `skew` seconds ahead of it."""

    def __init__(self, skew: float = 1_700_000_000.0) -> None:
        self.skew = skew

    def wall(self) -> float:
        return self.skew + self.elapsed()

    def elapsed(self) -> float:
        return asyncio.get_running_loop().time()


def run_virtually(story: Coroutine[Any, Any, T]) -> T:
    """Return what `story` returns, run to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(story)
