"""Starting programs inside devices, keeping them alive, and reading what they said.

What dies by itself is started again a second later, as an init system would; until then it is `down`. Nothing here
stops a program that works: all end with the lab's process namespace.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from romana.lab.contain import within
from romana.model.errors import TransientError

ROOT: Final = Path("/run/romana-lab")
"""Everything the lab writes: the store, a directory for each node, logs."""
LOGS: Final = ROOT / "logs"
AGAIN: Final = 1.0
"""Seconds before a program that died is started again."""
PATIENCE: Final = 20.0
"""Seconds that a program may take to get ready on a busy machine; 1 is usual."""
_POLL: Final = 0.01


@dataclass
class Program:
    device: str
    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    signs: Sequence[Path] = ()
    """Files that it makes when it is ready; those of an earlier life are removed first."""
    after: Callable[[], Awaitable[None]] | None = None
    """Run when ready, after every start."""
    starts: int = 0

    @property
    def log(self) -> Path:
        return LOGS / self.device / f"{self.name}.log"


class Programs:
    """The programs of one lab."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks
        self.down: set[tuple[str, str]] = set()
        """Device and name of every program that ended by itself and is not ready again."""

    async def start(self, program: Program) -> None:
        """Start the program and return when it is ready. TransientError quotes its log if it never is."""
        process = await self._start(program)
        self._tasks.create_task(self._keep(program, process))

    async def _start(self, program: Program) -> subprocess.Popen[bytes]:
        program.starts += 1
        for sign in program.signs:
            sign.unlink(missing_ok=True)
        process = spawn(program)
        deadline = time.monotonic() + PATIENCE
        while not all(sign.exists() for sign in program.signs):
            if process.poll() is not None or time.monotonic() > deadline:
                failure = _failure(program, process)
                process.kill()
                process.wait()
                raise TransientError(failure, code="lab-program")
            await asyncio.sleep(_POLL)
        if program.after:
            await program.after()
        return process

    async def _keep(self, program: Program, process: subprocess.Popen[bytes]) -> None:
        while True:
            await ended(process)
            self.down.add((program.device, program.name))
            process = await self._start_again(program)
            self.down.discard((program.device, program.name))

    async def _start_again(self, program: Program) -> subprocess.Popen[bytes]:
        while True:
            await asyncio.sleep(AGAIN)
            try:
                return await self._start(program)
            except TransientError:
                continue  # its log says why; the lab's state stays `degraded`


def spawn(program: Program) -> subprocess.Popen[bytes]:
    """Start the program in its device's network, its output appended to its log."""
    program.log.parent.mkdir(parents=True, exist_ok=True)
    with program.log.open("ab") as log, within(program.device):
        return subprocess.Popen(
            program.argv,
            env={**inherited(), **program.env},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
        )


def inherited() -> dict[str, str]:
    """Return the environment without settings of Romana: those of the lab's owner are not the lab's."""
    return {key: value for key, value in os.environ.items() if not key.startswith("ROMANA_")}


async def ended(process: subprocess.Popen[bytes]) -> int:
    """Wait for a program without polling: its pidfd becomes readable when it ends (pidfd_open(2))."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    descriptor = os.pidfd_open(process.pid)
    loop.add_reader(descriptor, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return process.wait()


async def output(argv: Sequence[str], *, stdin: bytes = b"") -> bytes:
    """Return what a short program of the lab prints. TransientError with its words if it fails."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        env=inherited(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(stdin)
    if process.returncode:
        said = (err.strip() or out.strip()).decode(errors="replace")
        raise TransientError(
            f"{Path(argv[0]).name} failed ({process.returncode}): {said}", code="lab-program"
        )
    return out


def _failure(program: Program, process: subprocess.Popen[bytes]) -> str:
    status = process.poll()
    what = f"was not ready after {PATIENCE:.0f} s" if status is None else f"ended with status {status}"
    last = program.log.read_text(errors="replace").strip().splitlines()[-3:]
    return f"{program.name} on {program.device} {what}" + (f"; it said: {' / '.join(last)}" if last else "")
