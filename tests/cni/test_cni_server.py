"""The socket itself: who may connect, what a wrong client gets, how it starts and ends."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from cni_node import MemoryAddresses, serving

from romana.apps.agent import cni
from romana.apps.agent.cni import serve_cni
from romana.model.errors import ConfigError, RefusedError
from romana.testing.kernel import FakePlumber

SHIM = Path("/nowhere")
STATUS = b'CNI_COMMAND=STATUS\0CNI_PATH=/x\0\0{"cniVersion": "1.1.0", "name": "romana"}'


async def ask(path: Path, call: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(call)
    writer.write_eof()
    try:
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_only_the_owner_may_connect(tmp_path: Path) -> None:
    async with serving(SHIM, tmp_path / "run") as node:
        assert node.socket.stat().st_mode & 0o777 == 0o600
        assert [p.name for p in node.socket.parent.iterdir()] == ["agent.sock"]


async def test_an_answer_says_how_long_it_is(tmp_path: Path) -> None:
    async with serving(SHIM, tmp_path) as node:
        assert await ask(node.socket, STATUS) == b"0 0\n"
        head, _, body = (await ask(node.socket, b"CNI_COMMAND=JUMP\0\0")).partition(b"\n")
        assert head == b"1 %d" % len(body)


@pytest.mark.parametrize("call", [b"", b"\0", b"\0\0", b"nonsense", b"\xff\0\0\xff", b"A\0=\0=b\0\0{}"])
async def test_nonsense_is_answered(tmp_path: Path, call: bytes) -> None:
    async with serving(SHIM, tmp_path) as node:
        assert (await ask(node.socket, call)).startswith(b"1 ")
        assert await ask(node.socket, STATUS) == b"0 0\n"


async def test_a_client_that_leaves_or_sends_without_end(tmp_path: Path) -> None:
    async with serving(SHIM, tmp_path) as node:
        for call in (b"", b"CNI_COMMAND", b"x" * 2_000_000):
            reader, writer = await asyncio.open_unix_connection(node.socket)
            writer.write(call)
            if len(call) > 1_000_000:
                with pytest.raises(OSError, match=r"Broken pipe|reset"):
                    await reader.read()
            writer.transport.abort()
        assert await ask(node.socket, STATUS) == b"0 0\n"


async def test_a_client_that_says_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cni, "_PATIENCE", 0.01)
    async with serving(SHIM, tmp_path) as node:
        reader, writer = await asyncio.open_unix_connection(node.socket)
        assert await reader.read() == b""
        writer.close()


async def test_the_end_waits_for_calls_and_not_for_idle_clients(tmp_path: Path) -> None:
    addresses = MemoryAddresses(gate=asyncio.Event())
    add = b"CNI_COMMAND=ADD\0CNI_PATH=/x\0CNI_CONTAINERID=c1\0CNI_IFNAME=eth0\0CNI_NETNS=/run/netns/pod\0\0"
    async with asyncio.timeout(5):
        async with serving(SHIM, tmp_path, addresses=addresses) as node:
            _, idle = await asyncio.open_unix_connection(node.socket)
            under_way = asyncio.create_task(ask(node.socket, add + STATUS.partition(b"\0\0")[2]))
            await addresses.asked.wait()
            asyncio.get_running_loop().call_later(0.02, addresses.gate.set)
        assert (await under_way).startswith(b"0 ")
        idle.close()


async def test_a_bug_ends_the_server_instead_of_becoming_an_answer(tmp_path: Path) -> None:
    class Broken(MemoryAddresses):
        def obstacles(self) -> list[str]:
            raise ZeroDivisionError("a bug")

    async def serve() -> None:
        async with serving(SHIM, tmp_path, addresses=Broken()) as node:
            assert await ask(node.socket, STATUS) == b""
            await asyncio.sleep(5)

    with pytest.raises(ExceptionGroup) as group:
        await serve()
    assert isinstance(group.value.exceptions[0], ZeroDivisionError)


async def test_a_dead_agents_socket_is_replaced_and_another_file_is_too(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with serve_cni(path, MemoryAddresses(), FakePlumber()):
        assert await ask(path, STATUS) == b"0 0\n"


async def test_paths_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, kind, code in (
        (tmp_path / "file" / "agent.sock", RefusedError, "socket-refused"),
        (tmp_path / ("x" * 120), ConfigError, "socket-path"),
    ):
        with pytest.raises(kind) as error:
            async with serve_cni(path, MemoryAddresses(), FakePlumber()):
                pass
        assert error.value.code == code
