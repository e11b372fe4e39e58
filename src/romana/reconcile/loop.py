"""When a pass runs: the only place that waits.

A reconciler compares the whole desired state with the whole actual state, so an event is only a
reason to look: `poke` it, and pokes that arrive while it looks count as one.

    poke ─► settle ─► one pass ─► done: wait for a poke, the pass's own wish, or the period
               ▲                  failed: wait for a poke or the delay, 1 s doubling to 300 s
               └── jitter 10–200 ms ── lost a compare-and-swap
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from romana.model.errors import ConfigError, RomanaError, StaleError
from romana.ports.clock import Clock

log = logging.getLogger(__name__)

FIRST_DELAY: Final = 1.0
LAST_DELAY: Final = 300.0
JITTER: Final = (0.01, 0.2)
"""Seconds to wait after a lost swap: many hosts share one record."""


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass did."""

    changes: int = 0
    """0: converged."""
    again: float | None = None
    """Look again after this many seconds even if nothing pokes."""


@dataclass(slots=True)
class Health:
    """How a reconciler fares: its row in metrics and status."""

    changes: int = 0
    succeeded_at: float | None = None
    """On the clock that only goes forward; None: never yet."""
    code: str = ""
    """Of the last pass's error; "" if it went well."""
    message: str = ""


class Reconciler:
    """Calls `once` for ever, never twice at a time.

    Errors of ours are logged when they change and retried; bugs (anything else) are not caught:
    they end the process, and the supervisor restarts it.
    """

    def __init__(
        self,
        name: str,
        once: Callable[[], Awaitable[Pass]],
        *,
        clock: Clock,
        period: float = 60.0,
        settle: float = 0.0,
        last_delay: float = LAST_DELAY,
        dice: random.Random | None = None,
    ) -> None:
        """`settle`: seconds to wait after a poke, so that a burst costs one pass."""
        self.name, self.health, self.once = name, Health(), once
        self._clock = clock
        self._period, self._settle, self._last_delay = period, settle, last_delay
        self._dice = dice or random.Random()  # noqa: S311 — jitter, not a secret
        self._poked = asyncio.Event()

    def poke(self) -> None:
        """Ask for a pass."""
        self._poked.set()

    async def run(self) -> None:
        delay = 0.0
        while True:
            self._poked.clear()
            wait, delay = await self._attempt(delay)
            try:
                async with asyncio.timeout(wait):
                    await self._poked.wait()
            except TimeoutError:
                continue
            if self._settle:
                await asyncio.sleep(self._settle)

    async def look(self) -> Pass:
        """Make one pass now, and note that it went well. RomanaError if it did not."""
        done = await self.once()
        self._succeeded(done)
        return done

    async def _attempt(self, delay: float) -> tuple[float, float]:
        """Make one pass; return how long to wait for a poke, and the delay if the next one fails too."""
        try:
            done = await self.look()
        except StaleError:
            self._poked.set()
            await asyncio.sleep(self._dice.uniform(*JITTER))
            return self._period, delay
        except ConfigError as error:
            self._failed(error, None)
            return self._period, 0.0  # only a change of the input helps, and that pokes
        except RomanaError as error:
            delay = min(max(FIRST_DELAY, delay * 2), self._last_delay)
            self._failed(error, delay)
            return delay, delay
        return self._period if done.again is None else min(done.again, self._period), 0.0

    def _failed(self, error: RomanaError, delay: float | None) -> None:
        health = self.health
        if (error.code, str(error)) != (health.code, health.message):
            again = "" if delay is None else f"; tried again in {delay:g} s"
            log.warning("%s failed: %s%s", self.name, error, again, extra={"code": error.code})
        health.code, health.message = error.code, str(error)

    def _succeeded(self, done: Pass) -> None:
        health = self.health
        if health.code:
            log.info("%s recovered", self.name, extra={"event": "recovered", "code": health.code})
        health.code = health.message = ""
        health.changes += done.changes
        health.succeeded_at = self._clock.elapsed()
