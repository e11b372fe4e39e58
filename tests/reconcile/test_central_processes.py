"""Eight programs on one file: no address twice, no name twice, everybody was told the truth."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import central_writers
import pytest
from central_world import SPREAD, add, apply, held

from romana.edges.sqlite import open_sqlite
from romana.reconcile import central
from romana.testing.invariants import require

PROCESSES, NAMES = 8, 12


@pytest.mark.slow
async def test_eight_programs_allocate_and_release(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = open_sqlite(path)
    await apply(store, SPREAD)
    for number in (1, 2, 3):
        await add(store, f"n{number}", f"192.168.0.{number}", "r1")
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        central_writers.__file__,
        *(path, str(PROCESSES), str(NAMES)),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await program.communicate()
    assert program.returncode == 0
    now = await central.read_snapshot(store)
    await store.close()
    require(now)
    told: dict[str, list[str]] = {}
    for name, _, *addresses in map(str.split, said.decode().splitlines()):
        assert addresses == ["-"] or name not in told, f"{name} was given twice"
        told[name] = addresses
    assert held(now) == {name: addresses for name, addresses in told.items() if addresses != ["-"]}
    assert len([name for name in told if name.startswith("shared")]) == NAMES
    assert len([name for name in told if name.startswith("p")]) == PROCESSES * NAMES
