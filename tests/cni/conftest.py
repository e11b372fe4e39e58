"""Both shims, and a node whose agent answers them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cni_node import Node, serving

from romana.apps.cni.install import install


@pytest.fixture(scope="session")
def shims(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Installed plugins by kind, those that this machine can make."""
    made = {}
    for kind in ("c", "python"):
        if kind == "python" or shutil.which("cc"):
            directory = tmp_path_factory.mktemp(kind)
            install(directory, prefer=kind)
            made[kind] = directory / "romana-cni"
    return made


@pytest.fixture(params=["c", "python"])
def shim(request: pytest.FixtureRequest, shims: dict[str, Path]) -> Path:
    if request.param not in shims:
        pytest.skip("needs cc")
    return shims[request.param]


@pytest.fixture
async def node(shim: Path, tmp_path: Path) -> AsyncIterator[Node]:
    """A node with both families and a plumber that only remembers."""
    ready: asyncio.Future[Node] = asyncio.get_running_loop().create_future()
    done = asyncio.Event()

    async def serve() -> None:
        async with serving(shim, tmp_path) as made:
            ready.set_result(made)
            await done.wait()

    task = asyncio.create_task(serve())
    yield await ready
    done.set()
    await task
