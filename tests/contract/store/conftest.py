"""Every test with a `backend` runs on every store there is."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from store_harness import BACKENDS, Backend

from romana.ports.store import Store

MEMORY = Path("/dev/shm")


@pytest.fixture
def quick_path() -> Iterator[Path]:
    """A directory whose disk syncs cost nothing, where there is one."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture(params=BACKENDS)
async def backend(request: pytest.FixtureRequest, quick_path: Path) -> AsyncIterator[Backend]:
    made = BACKENDS[request.param](quick_path)
    yield made
    await made.close()


@pytest.fixture
def store(backend: Backend) -> Store:
    return backend.client()


@pytest.fixture
def other(backend: Backend) -> Store:
    """Another program's client of the same store."""
    return backend.client()
