"""When passes run: pokes, periods, failures. In virtual time."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

import pytest

from romana.model.errors import ConfigError, PlanError, StaleError, TransientError
from romana.reconcile.loop import Pass, Reconciler
from romana.testing.time import VirtualClock, run_virtually


class Script:
    """A pass that does what the script says, and notes when it ran."""

    def __init__(self, *steps: Pass | Exception, busy: float = 0.0) -> None:
        self.steps, self.busy, self.ran = list(steps), busy, list[float]()

    async def __call__(self) -> Pass:
        self.ran.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.busy)
        step = self.steps.pop(0) if self.steps else Pass()
        if isinstance(step, Exception):
            raise step
        return step


def told(
    script: Script,
    until: float,
    *,
    pokes: tuple[float, ...] = (),
    period: float = 60.0,
    settle: float = 0.0,
    last_delay: float = 300.0,
) -> Reconciler:
    """Run the script's reconciler for that many virtual seconds, poking it at `pokes`."""

    async def story() -> Reconciler:
        reconciler = Reconciler(
            "test",
            script,
            clock=VirtualClock(),
            period=period,
            settle=settle,
            last_delay=last_delay,
            dice=random.Random(1),
        )
        loop = asyncio.get_running_loop()
        for at in pokes:
            loop.call_at(at, reconciler.poke)
        try:
            async with asyncio.timeout(until):
                await reconciler.run()
        except TimeoutError:
            pass
        return reconciler

    return run_virtually(story())


def failures(count: int, error: Callable[[], Exception]) -> tuple[Exception, ...]:
    return tuple(error() for _ in range(count))


def test_a_converged_reconciler_looks_once_a_period() -> None:
    script = Script()
    told(script, 200)
    assert script.ran == [0, 60, 120, 180]


def test_a_poke_is_answered_at_once_and_pokes_during_a_pass_count_as_one() -> None:
    script = Script(busy=1.0)
    told(script, 10, pokes=(5.0, 5.2, 5.4))
    assert script.ran == [0, 5, 6]


def test_a_burst_costs_one_pass() -> None:
    script = Script()
    told(script, 10, pokes=(5.0, 5.01, 5.02, 5.09), settle=0.1)
    assert script.ran == [0, pytest.approx(5.1)]


def test_a_pass_may_ask_for_the_next() -> None:
    script = Script(Pass(again=2.0), Pass(again=500.0))
    told(script, 70)
    assert script.ran == [0, 2, 62]


def test_failures_are_retried_with_doubling_delay_and_then_forgotten() -> None:
    script = Script(*failures(4, lambda: TransientError("no")))
    reconciler = told(script, 100)
    assert script.ran == [0, 1, 3, 7, 15, 75]
    assert reconciler.health.code == ""
    assert reconciler.health.succeeded_at == 75


def test_the_delay_is_bounded() -> None:
    script = Script(*failures(20, lambda: PlanError("no", code="group-full")))
    reconciler = told(script, 30, last_delay=4)
    assert script.ran == [0, 1, 3, 7, 11, 15, 19, 23, 27]
    assert (reconciler.health.code, reconciler.health.succeeded_at) == ("group-full", None)


def test_a_poke_cuts_the_delay_short() -> None:
    script = Script(*failures(1, lambda: TransientError("no")))
    told(script, 5, pokes=(0.5,))
    assert script.ran == [0, 0.5]


def test_bad_input_waits_for_its_change() -> None:
    script = Script(ConfigError("bad"), ConfigError("bad"))
    told(script, 50, pokes=(20.0,))
    assert script.ran == [0, 20]


def test_a_lost_swap_is_retried_soon_but_not_by_everybody_at_once() -> None:
    script = Script(*failures(3, lambda: StaleError("lost")))
    told(script, 50)
    waits = [b - a for a, b in zip(script.ran, script.ran[1:], strict=False)]
    assert len(waits) == 3
    assert all(0.01 <= wait <= 0.2 for wait in waits)
    assert len(set(waits)) == 3


def test_a_bug_ends_the_loop() -> None:
    with pytest.raises(ZeroDivisionError):
        told(Script(ZeroDivisionError()), 10)


def test_only_what_changes_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    script = Script(
        Pass(changes=2),
        *failures(3, lambda: TransientError("the store does not answer")),
        TransientError("the store is full"),
        Pass(),
        Pass(),
    )
    with caplog.at_level(logging.INFO):
        reconciler = told(script, 500)
    assert reconciler.health.changes == 2
    assert [record.getMessage() for record in caplog.records] == [
        "test failed: the store does not answer; tried again in 1 s",
        "test failed: the store is full; tried again in 8 s",
        "test recovered",
    ]
