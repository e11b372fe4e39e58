"""The shims where the agent is dead, slow, or ends in the middle; large and odd input. Both, alike."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cni_node import MemoryAddresses, Node, Outcome

from romana.testing.kernel import FakePlumber

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
NO_AGENT = {"ADD": 11, "DEL": 11, "CHECK": 11, "GC": 11, "STATUS": 50}


@pytest.fixture
def lone(shim: Path, tmp_path: Path) -> Node:
    """A runtime without agent."""
    return Node(shim, tmp_path / "agent.sock", MemoryAddresses(), FakePlumber(), patience=5)


@asynccontextmanager
async def agent(path: Path, answer: Answer) -> AsyncIterator[None]:
    """An agent that behaves as told."""

    busy = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        busy.append(asyncio.current_task())
        try:
            await answer(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_unix_server(handle, path)
    try:
        yield
    finally:
        server.close()
        await asyncio.wait([task for task in busy if task])


def no_answer(done: Outcome, command: str, reason: str) -> None:
    assert done.status == 1
    assert done.json["code"] == NO_AGENT[command]
    assert "the Romana agent does not answer at" in done.json["msg"]
    assert done.json["details"] == reason


@pytest.mark.parametrize("command", NO_AGENT)
async def test_no_socket(lone: Node, command: str) -> None:
    done = await lone.call(command)
    no_answer(done, command, "No such file or directory")
    assert str(lone.socket)[:120] in done.json["msg"]


@pytest.mark.parametrize("command", NO_AGENT)
async def test_a_dead_agents_socket(lone: Node, command: str) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(lone.socket))
    no_answer(await lone.call(command), command, "Connection refused")


async def test_a_path_that_is_too_long_or_odd(lone: Node) -> None:
    long = await lone.call("ADD", env={"ROMANA_SOCKET": "/" + "x" * 200})
    no_answer(long, "ADD", "AF_UNIX path too long")
    odd = await lone.call("ADD", env={"ROMANA_SOCKET": '/a"b\\c\nd'})
    assert odd.json["msg"] == "the Romana agent does not answer at /a?b?c?d"


@pytest.mark.parametrize(
    "patience",
    ["9223372036854775807", "9223372036854775808", "9" * 20, "9" * 5000, "0" * 30 + "7", "0", "", "x"],
)
async def test_a_patience_of_any_length(node: Node, patience: str) -> None:
    done = await node.call("STATUS", env={"ROMANA_TIMEOUT": patience})
    assert (done.status, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.slow
async def test_a_slow_agent(lone: Node) -> None:
    lone.patience = 1

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()
        await asyncio.sleep(1.5)

    async with agent(lone.socket, silent):
        for command in ("ADD", "STATUS"):
            no_answer(await lone.call(command), command, "no answer within 1 s")


@pytest.mark.parametrize(
    "start", [b"", b"0", b"0 10", b"0 10\n", b"0 10\n{}", b"0 1\n{}", b"x 2\n{}", b"\n\n\n"]
)
async def test_an_agent_that_ends_in_the_middle(lone: Node, start: bytes) -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.write(start)

    async with agent(lone.socket, half):
        for command in ("ADD", "DEL"):
            no_answer(await lone.call(command), command, "it ended in the middle of the call")


async def test_an_agent_that_goes_away_while_the_call_is_sent(lone: Node) -> None:
    async def leave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with agent(lone.socket, leave):
        done = await lone.call("ADD", stdin=b" " * 900_000)
    assert (done.status, done.code) == (1, 11)


async def test_an_answer_in_pieces(lone: Node) -> None:
    body = json.dumps({"interfaces": ["x" * 100] * 20}).encode()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        for byte in b"0 %d\n" % len(body):
            writer.write(bytes([byte]))
            await writer.drain()
        for n in range(0, len(body), 100):
            writer.write(body[n : n + 100])
            await asyncio.sleep(0)

    async with agent(lone.socket, drip):
        done = await lone.call("ADD")
    assert (done.status, done.stdout, done.stderr) == (0, body, b"")


async def test_what_is_sent(lone: Node) -> None:
    got: list[bytes] = []

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.read())
        writer.write(b"3 2\n{}")

    async with agent(lone.socket, keep):
        done = await lone.call("ADD", stdin=b"a\0\0b", env={"TRACEPARENT": "00-1-2-01", "CNI_ODD": "a=b\n"})
    assert (done.status, done.stdout) == (3, b"{}")
    head, _, stdin = got[0].partition(b"\0\0")
    assert stdin == b"a\0\0b"
    assert {item.partition(b"=")[0] for item in head.split(b"\0")} == {
        b"CNI_COMMAND",
        b"CNI_CONTAINERID",
        b"CNI_NETNS",
        b"CNI_IFNAME",
        b"CNI_PATH",
        b"CNI_ODD",
        b"TRACEPARENT",
    }
    assert b"CNI_ODD=a=b\n" in head


@pytest.mark.parametrize(("size", "code"), [(1 << 20, 6), ((1 << 20) + 1, 6)])
async def test_a_megabyte_of_input(node: Node, size: int, code: int) -> None:
    """Neither is JSON: the one is judged by the agent, the other by the shim."""
    done = await node.call("ADD", stdin=b"x" * size)
    assert done.code == code
    assert ("standard input is longer than 1048576 bytes" in done.json["msg"]) is (size > 1 << 20)


async def test_a_megabyte_that_is_a_configuration(node: Node) -> None:
    before = {"cniVersion": "1.1.0", "theirs": "x" * 1_000_000}
    assert (await node.add(config={"prevResult": before}))["theirs"] == before["theirs"]


async def test_an_environment_without_bounds(node: Node) -> None:
    assert (await node.call("ADD", env={"CNI_ARGS": f"A={'x' * 60_000}"})).status == 0
    done = await node.call("ADD", env={"CNI_ARGS": f"A={'x' * 66_000}"})
    assert (done.code, done.json["msg"]) == (4, "the environment is longer than 65536 bytes")


async def test_no_standard_input(node: Node) -> None:
    process = await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        f"CNI_COMMAND=STATUS CNI_PATH=/x ROMANA_SOCKET={node.socket} {node.shim} <&-",
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert (process.returncode, json.loads(out)["code"]) == (1, 5)
