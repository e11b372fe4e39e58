"""bird.conf: golden texts, BIRD's own parser, and the conversation on its control socket."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from romana.edges import bird
from romana.edges.bird import BirdSpeaker, configure, render
from romana.model.errors import RefusedError, TransientError
from romana.model.speaker import Accepted, Asn, Session, Speaking
from romana.net.prefix import Address, Prefix

GOLDEN = Path(__file__).parent / "golden"
PODS = Prefix.parse("10.112.0.0/12")
PODS6 = Prefix.parse("fd00:112::/48")


def session(router: str, local: str, remote: str, asn: int | None, *announced: str) -> Session:
    pods, longest = (PODS, 16) if "." in remote else (PODS6, 56)
    return Session(
        router,
        Address.parse(local),
        Address.parse(remote),
        None if asn is None else Asn(asn),
        tuple(map(Prefix.parse, announced)),
        (Accepted(pods, longest),),
    )


ONE = Speaking(
    "n1", Address.parse("172.20.0.1"), (session("tor-1", "172.20.0.1", "172.20.0.0", 65101, "10.112.1.0/24"),)
)
DUAL = Speaking(
    "n1",
    Address.parse("172.20.0.1"),
    (
        session("tor-1a", "172.20.0.1", "172.20.0.254", 65101, "10.112.1.0/24", "10.113.0.0/26"),
        session("tor-1b", "172.20.0.1", "172.20.0.253", 65102, "10.112.1.0/24", "10.113.0.0/26"),
        session("tor-1a", "fd00:1::10", "fd00:1::1", None, "fd00:112::/64"),
    ),
)
FRESH = Speaking(
    "n1",
    Address.parse("10.0.0.7"),
    (session("tor-1", "fd00:1::10", "fd00:1::1", 4_200_000_000),),
)
PLANS = {"one": ONE, "dual": DUAL, "fresh-ipv6": FRESH}


def names(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


@pytest.mark.parametrize("name", PLANS)
def test_the_text_is_the_golden_one(name: str) -> None:
    assert render(PLANS[name]) == (GOLDEN / f"bird-{name}.conf").read_text()


@pytest.mark.daemon("bird")
@pytest.mark.parametrize("name", PLANS)
def test_birds_own_parser_takes_it(name: str) -> None:
    told = subprocess.run(
        ["bird", "-p", "-c", GOLDEN / f"bird-{name}.conf"], capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stdout + told.stderr) == (0, "")


def test_nothing_a_person_wrote_gets_into_it() -> None:
    hostile = 'r"; }\nprotocol static evil { ipv4; route 0.0.0.0/0 blackhole; }\n#'
    plan = replace(ONE, node=hostile, sessions=(replace(ONE.sessions[0], router=hostile),))
    assert render(plan) == render(ONE)


async def test_the_file_changes_only_when_the_plan_does(tmp_path: Path) -> None:
    speaker = BirdSpeaker(tmp_path)
    assert await speaker.apply(None) is False
    assert names(tmp_path) == [], "a node without routers has no file"
    assert await speaker.apply(ONE) is True
    before = (tmp_path / "bird.conf").stat()
    assert await speaker.apply(ONE) is False
    assert (tmp_path / "bird.conf").stat() == before
    assert await speaker.apply(DUAL) is True
    assert await speaker.apply(None) is True
    assert "bgp" not in (tmp_path / "bird.conf").read_text()
    assert await speaker.apply(None) is False
    assert names(tmp_path) == ["bird.conf"]


@pytest.mark.daemon("bird")
async def test_what_the_parser_refuses_is_not_put_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaker = BirdSpeaker(tmp_path)
    await speaker.apply(ONE)
    monkeypatch.setattr(bird, "render", lambda _: "protocol bgp { nonsense\n")
    with pytest.raises(RefusedError, match="syntax error") as refused:
        await speaker.apply(DUAL)
    assert refused.value.code == "speaker-config"
    assert (tmp_path / "bird.conf").read_text() == render(ONE)


async def test_without_the_program_the_daemon_judges_alone(tmp_path: Path) -> None:
    assert await BirdSpeaker(tmp_path, program="no-such-bird").apply(ONE)
    assert (tmp_path / "bird.conf").read_text() == render(ONE)


@asynccontextmanager
async def daemon(path: Path, *answers: str) -> AsyncIterator[list[str]]:
    """A control socket that says the scripted things; yields what it was told."""
    told: list[str] = []
    script = list(answers)

    finished = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"0001 BIRD 2.0.12 ready.\n")
        while line := await reader.readline():
            told.append(line.decode().strip())
            if not script:
                break
            writer.write(script.pop(0).encode())
        writer.close()
        await writer.wait_closed()
        finished.set()

    async with await asyncio.start_unix_server(talk, path):
        yield told
        await finished.wait()


@pytest.mark.parametrize(
    "answer",
    [
        "0002-Reading configuration from bird.conf\n0003 Reconfigured\n",
        "0002-Reading configuration from bird.conf\n0004 Reconfiguration in progress\n",
        "0018 Reconfiguration confirmed\n",
    ],
)
async def test_a_running_daemon_is_told_once(tmp_path: Path, answer: str) -> None:
    async with daemon(tmp_path / "bird.ctl", answer) as told:
        speaker = BirdSpeaker(tmp_path)
        assert await speaker.apply(ONE)
        assert not await speaker.apply(ONE)
    assert told == ["configure"]


async def test_its_refusal_names_the_line(tmp_path: Path) -> None:
    answer = "0002-Reading configuration\n8002 /run/romana/bird.conf:7:3 syntax error\n"
    async with daemon(tmp_path / "bird.ctl", answer):
        with pytest.raises(RefusedError, match="7:3 syntax error") as refused:
            await configure(tmp_path / "bird.ctl")
    assert refused.value.code == "speaker-config"


async def test_a_daemon_that_did_not_hear_it_is_told_again(tmp_path: Path) -> None:
    control = tmp_path / "bird.ctl"
    speaker = BirdSpeaker(tmp_path)
    async with daemon(control):  # hangs up without an answer
        with pytest.raises(TransientError) as silent:
            await speaker.apply(ONE)
    assert silent.value.code == "speaker-silent"
    control.unlink(missing_ok=True)
    async with daemon(control, "0003 Reconfigured\n") as told:
        assert not await speaker.apply(ONE), "the file is as it should be"
    assert told == ["configure"]


async def test_a_new_agent_tells_the_daemon_what_the_old_one_may_not_have(tmp_path: Path) -> None:
    await BirdSpeaker(tmp_path).apply(ONE)
    async with daemon(tmp_path / "bird.ctl", "0003 Reconfigured\n") as told:
        assert not await BirdSpeaker(tmp_path).apply(ONE)
    assert told == ["configure"]
