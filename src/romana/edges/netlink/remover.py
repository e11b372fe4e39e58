"""Removal of endpoints, many at once.

Deleting a veth waits for a grace period of the kernel (RCU), about 18 ms whoever does it. So what
is asked for while one deletion waits is deleted together by the next: each link is put into a group,
and the group is deleted by one request with one wait. It runs in a thread, with a channel of its own.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Sequence
from typing import Final

from romana.edges.netlink import link
from romana.edges.netlink.channel import Channel
from romana.edges.netlink.errors import translated
from romana.model.errors import RomanaError, TransientError

GROUP: Final = 0x726F6D
"""Link group of every outer end: our mark, set as the link is made (`ip link show group 7499629`)."""
_DOOMED: Final = GROUP + 1
_AT_ONCE: Final = 256


class Remover:
    def __init__(self) -> None:
        self._channel = Channel()
        self._turn = asyncio.Lock()
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []

    def close(self) -> None:
        self._channel.close()

    async def remove(self, name: str) -> None:
        """Delete the link if it is there and ours. Whoever gets the turn does it for all who wait."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((name, done))
        async with self._turn:
            if not done.done():
                batch, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
                await self._together(batch)
        await done

    async def _together(self, batch: list[tuple[str, asyncio.Future[None]]]) -> None:
        error: RomanaError | None = TransientError("the removal was interrupted")
        try:
            await asyncio.to_thread(self.now, [name for name, _ in batch])
            error = None
        except RomanaError as failed:
            error = failed
        finally:
            for _, done in batch:
                if not done.done():
                    _finish(done, error)

    def now(self, names: Sequence[str]) -> None:
        """Delete those of the links that exist and bear our mark, with one wait for all."""
        _, answers = self._channel.ask([link.by_name(name) for name in names])
        ours = [seen.name for seen in map(link.seen, answers) if seen.group in (GROUP, _DOOMED)]
        if not ours:
            return
        requests = [link.regroup(name, _DOOMED) for name in ours]
        for failure in self._channel.run([*requests, link.delete_group(_DOOMED)]):
            if failure.errno != errno.ENODEV:  # gone meanwhile, with its namespace
                raise translated(failure, f"delete {', '.join(ours)}")


def _finish(done: asyncio.Future[None], error: RomanaError | None) -> None:
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
