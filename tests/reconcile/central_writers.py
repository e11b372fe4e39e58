"""A program of several processes that allocate and release on one store, as many people with a command line.

    python central_writers.py PATH PROCESSES NAMES

Each prints a line after every allocation, `name host address…`, and after every release, `name - -`.
"""

from __future__ import annotations

import asyncio
import os
import sys

from romana.edges.sqlite import open_sqlite
from romana.model.errors import StaleError
from romana.model.host import HostName
from romana.plan.allocate import Request
from romana.reconcile import central


def say(*words: object) -> None:
    os.write(1, " ".join(map(str, words)).encode() + b"\n")  # one write: lines of several children do not mix


async def work(path: str, number: int, names: int) -> None:
    """Allocate names of one's own and try for one that everybody wants; release every third again."""
    store = open_sqlite(path)
    host = HostName(f"n{number % 3 + 1}")
    for count in range(names):
        for name in (f"p{number}-{count}", f"shared-{count}"):
            try:
                held = await central.allocate(store, Request(name, host))
            except StaleError as error:
                if error.code != "name-held":
                    raise
                continue
            say(name, host, *(holding.address for holding in held))
        if count % 3 == 0:
            await central.release(store, f"p{number}-{count}")
            say(f"p{number}-{count}", "-", "-")
    await store.close()


def main(path: str, processes: int, names: int) -> None:
    children = []
    for number in range(processes):
        child = os.fork()
        if child == 0:
            asyncio.run(work(path, number, names))
            os._exit(0)
        children.append(child)
    failed = [child for child in children if os.waitpid(child, 0)[1] != 0]
    sys.exit(f"{len(failed)} of {processes} failed" if failed else 0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
