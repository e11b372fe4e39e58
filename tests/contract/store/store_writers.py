"""A program that writes to one store from several processes and kills them at random moments.

    python store_writers.py PATH KILLS SEED

Each child prints a line after every acknowledged write: `revision key value`, or `revision - keys` for the end
of a lease. The children are forked, so that one that was killed is replaced within a millisecond.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
import time
from itertools import count

from romana.edges.sqlite import open_sqlite
from romana.model.errors import StaleError
from romana.ports.store import Store

WRITERS = 4


def value_of(name: str, number: int) -> bytes:
    """A value that shows whether all of it is there: as long as its own first number says."""
    size = number * 37 % 6000
    return f"{size} {name} {number} ".encode().ljust(size + 40, b".")


def say(*words: object) -> None:
    os.write(1, " ".join(map(str, words)).encode() + b"\n")  # one write: lines of several children do not mix


async def write(path: str, name: str, seed: int) -> None:
    """Change own records, fight for a common one, end leases, until killed."""
    dice = random.Random(seed)
    store = open_sqlite(path)
    for number in count():
        kind = dice.random()
        if kind < 0.1:
            await end_lease(store, name, number)
            continue
        key = "common" if kind < 0.4 else f"own/{name}/{dice.randrange(5)}"
        found = (await store.read(key)).records
        value = None if found and dice.random() < 0.2 else value_of(name, number)
        with contextlib.suppress(StaleError):
            revision = await store.swap(key, value, found[0].revision if found else 0)
            say(revision, key, "-" if value is None else number)


async def end_lease(store: Store, name: str, number: int) -> None:
    lease = await store.lease(1000)
    for end in "ab":
        key = f"pair/{name}/{number}/{end}"
        say(await store.swap(key, value_of(name, number), 0, lease=lease.id), key, number)
    await lease.revoke()


def fork(path: str, name: str, seed: int) -> int:
    child = os.fork()
    if child == 0:
        asyncio.run(write(path, name, seed))
    return child


def main(path: str, kills: int, seed: int) -> None:
    dice = random.Random(seed)
    children = [fork(path, f"w{n}", dice.random().__hash__()) for n in range(WRITERS)]
    for kill in range(kills):
        time.sleep(dice.uniform(0.0, 0.12))
        victim = dice.randrange(WRITERS)
        stop(children[victim])
        children[victim] = fork(path, f"k{kill}", seed + kill)
    for child in children:
        stop(child)


def stop(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL, f"a writer ended by itself: {status}"


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
