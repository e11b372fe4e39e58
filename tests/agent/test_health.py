"""What the agent shows of itself: JSON lines, metrics, health and readiness."""

from __future__ import annotations

import asyncio
import json
import logging
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from romana.apps.agent.health import Health
from romana.apps.agent.logs import JsonLines
from romana.apps.agent.status import Row, Space, Status
from romana.model.errors import RefusedError

GOOD = Status(
    unready=(),
    connected=True,
    behind=2,
    unsettled=0,
    lost=0,
    allocations=7,
    releases=3,
    refusals=1,
    early_uses=4,
    spaces=(Space("pods", 2, 5, 1, 10),),
    reconcilers=(Row("routes", 9, 1.5, "", ""), Row("speaker", 0, None, "speaker-config", "no")),
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("romana.apps.agent.health.POLL", 0.005)


@contextmanager
def served(status: Status) -> Iterator[tuple[Health, str]]:
    health = Health(lambda: status, asyncio.get_running_loop())
    port = health.start("127.0.0.1", 0)
    try:
        yield health, f"http://127.0.0.1:{port}"
    finally:
        health.stop()


async def get(url: str) -> tuple[int, str]:
    def fetch() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    return await asyncio.to_thread(fetch)


async def test_metrics_are_what_the_status_says() -> None:
    with served(GOOD) as (health, url):
        health.journal.committed(0.003, 5)
        health.cni.observe("ADD", "total", 0.002)
        code, text = await get(f"{url}/metrics")
    assert code == 200
    samples = {
        (s.name, *sorted(s.labels.items())): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }
    expected = {
        ("romana_agent_ready",): 1,
        ("romana_agent_store_connected",): 1,
        ("romana_agent_mirror_blocks_behind",): 2,
        ("romana_agent_allocations_total",): 7,
        ("romana_agent_early_use_total",): 4,
        ("romana_agent_blocks", ("network", "pods")): 2,
        ("romana_agent_addresses", ("network", "pods"), ("state", "free")): 10,
        ("romana_agent_addresses", ("network", "pods"), ("state", "held")): 5,
        ("romana_agent_reconciler_age_seconds", ("name", "routes")): 1.5,
        ("romana_agent_reconciler_changes_total", ("name", "routes")): 9,
        ("romana_agent_reconciler_error", ("code", "speaker-config"), ("name", "speaker")): 1,
        ("romana_agent_journal_commit_seconds_count",): 1,
        ("romana_agent_journal_writes_total",): 5,
        ("romana_agent_cni_seconds_count", ("command", "ADD"), ("phase", "total")): 1,
    }
    assert {key: samples.get(key) for key in expected} == expected


async def test_ready_and_healthy_are_two_things() -> None:
    with served(GOOD) as (_, url):
        assert await get(f"{url}/readyz") == (200, "ok\n")
        assert await get(f"{url}/healthz") == (200, "ok\n")
        assert (await get(f"{url}/"))[0] == 404
    with served(replace(GOOD, unready=("the group is full", "so is the other"))) as (_, url):
        assert await get(f"{url}/readyz") == (503, "the group is full\nso is the other\n")
        assert (await get(f"{url}/healthz"))[0] == 200


async def test_a_loop_that_hangs_is_ill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("romana.apps.agent.health.PATIENCE", 0.05)
    stuck = asyncio.new_event_loop()  # never runs
    health = Health(lambda: GOOD, stuck)
    port = health.start("127.0.0.1", 0)
    try:
        assert (await get(f"http://127.0.0.1:{port}/healthz"))[0] == 503
        assert (await get(f"http://127.0.0.1:{port}/readyz"))[0] == 503
        assert (await get(f"http://127.0.0.1:{port}/metrics"))[0] == 200
    finally:
        health.stop()
        stuck.close()


async def test_a_taken_port_is_told_in_one_sentence() -> None:
    with served(GOOD) as (_, url):
        other = Health(lambda: GOOD, asyncio.get_running_loop())
        with pytest.raises(RefusedError, match="Address already in use; --http") as refused:
            other.start("127.0.0.1", int(url.rpartition(":")[2]))
    assert refused.value.code == "http-refused"


@pytest.mark.parametrize(("host", "url"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
async def test_no_name_is_looked_up(monkeypatch: pytest.MonkeyPatch, host: str, url: str) -> None:
    def ask(*_: object) -> str:
        raise AssertionError("a name was looked up")

    for call in ("getfqdn", "gethostbyaddr", "getnameinfo"):
        monkeypatch.setattr(f"socket.{call}", ask)
    health = Health(lambda: GOOD, asyncio.get_running_loop())
    port = health.start(host, 0)
    try:
        assert port > 0
        assert await get(f"http://{url}:{port}/healthz") == (200, "ok\n")
    finally:
        health.stop()


def test_a_log_line_is_one_json_object_with_its_fields() -> None:
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "claimed %s", ("10.1.0.0/29",), None)
    record.event, record.prefix, record.unrelated = "claim", "10.1.0.0/29", "left out"
    line = json.loads(JsonLines("n1").format(record))
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "message": "claimed 10.1.0.0/29",
        "node": "n1",
        "event": "claim",
        "prefix": "10.1.0.0/29",
    }


def test_a_traceback_stays_on_one_line() -> None:
    try:
        raise ZeroDivisionError("on\ntwo lines")
    except ZeroDivisionError as error:
        info = (type(error), error, error.__traceback__)
        record = logging.LogRecord("x", logging.CRITICAL, "x.py", 1, "ended by a bug", (), info)
    text = JsonLines("n1").format(record)
    assert "\n" not in text
    assert "ZeroDivisionError" in json.loads(text)["traceback"]
