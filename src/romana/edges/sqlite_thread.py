"""One thread that owns a blocking object and runs calls on it in order, so that the event loop never waits.

`sqlite` keeps its connection here. While somebody listens, the thread asks every `POLL` seconds
whether the world changed and wakes the listeners; a call that changed it wakes them at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Final, Generic, Protocol, TypeVar

from romana.model.errors import TransientError

POLL: Final = 0.02
"""Seconds between two looks at what other processes did: 25 µs of work each (measured)."""


class Owned(Protocol):
    def changed(self) -> bool:
        """Whether listeners should look again. Cheap."""

    def close(self) -> None: ...


O = TypeVar("O", bound=Owned)  # noqa: E741
T = TypeVar("T")


class Ear:
    """Where one listener waits: set from the thread, awaited in the listener's loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.heard = asyncio.Event()

    def wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # that loop has ended, and its listener with it
            self._loop.call_soon_threadsafe(self.heard.set)


class OwnerThread(Generic[O]):
    """Runs calls one after the other on what `make` returned, in the thread that made it."""

    def __init__(self, make: Callable[[], O], name: str) -> None:
        """Start the thread and return once `make` has; its errors are raised here."""
        self.name = name
        self._calls: queue.SimpleQueue[Callable[[O], None] | None] = queue.SimpleQueue()
        self._ears: set[Ear] = set()
        self._closed = False
        made: Future[None] = Future()
        self._thread = threading.Thread(target=self._serve, args=(make, made), name=name, daemon=True)
        self._thread.start()
        made.result()

    async def run(self, call: Callable[[O], T]) -> T:
        """Return what `call` returns. A cancelled caller's call is dropped unless it has begun."""
        if self._closed:
            raise TransientError(f"{self.name} is closed", code="store-closed")
        done: Future[T] = Future()

        def carry_out(owned: O) -> None:
            if done.set_running_or_notify_cancel():
                try:
                    done.set_result(call(owned))
                except BaseException as error:  # noqa: BLE001 - handed to the caller, whatever it is
                    done.set_exception(error)

        self._calls.put(carry_out)
        return await asyncio.wrap_future(done)

    @contextlib.contextmanager
    def listening(self) -> Iterator[Ear]:
        """Give an ear that hears of every change from now on; it may hear of nothing, too."""
        ear = Ear()
        self._ears.add(ear)
        self._calls.put(lambda _: None)  # ends a wait without limit, so that polling begins
        try:
            yield ear
        finally:
            self._ears.discard(ear)

    async def close(self) -> None:
        """Finish the calls that were made, close what is owned, wake the listeners. Again: no effect."""
        if not self._closed:
            self._closed = True
            self._calls.put(None)
            await asyncio.to_thread(self._thread.join)

    def _serve(self, make: Callable[[], O], made: Future[None]) -> None:
        try:
            owned = make()
        except BaseException as error:  # noqa: BLE001 - raised in the constructor
            made.set_exception(error)
            return
        made.set_result(None)
        try:
            while self._next(owned):
                if self._ears and owned.changed():
                    self._wake()
        finally:
            owned.close()
            self._closed = True
            self._wake()

    def _next(self, owned: O) -> bool:
        """Carry out the next call, or give up waiting when it is time to poll. False when closed."""
        try:
            call = self._calls.get(timeout=POLL if self._ears else None)
        except queue.Empty:
            return True
        if call is None:
            return False
        call(owned)
        return True

    def _wake(self) -> None:
        for ear in tuple(self._ears):
            ear.wake()
