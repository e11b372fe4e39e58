"""Verification: of what the store plans, and of tables that somebody read from devices."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from cli_harness import Romana
from documents import RACKS

from romana.edges.open import open_store
from romana.plan.fib import fibs
from romana.reconcile.central import read_snapshot
from romana.wire.tables import write_tables


@pytest.fixture
def racks(romana: Romana) -> Romana:
    assert romana("topology", "apply", "-", stdin=RACKS).status == 0
    for number in (1, 2):
        where = ("--address", f"192.168.{number}.1", "--label", f"rack=r{number}")
        assert romana("host", "add", f"node-{number}", *where).status == 0
        assert romana("address", "allocate", f"pod-{number}", "--host", f"node-{number}").status == 0
    return romana


def _tables(store: str) -> list[dict[str, Any]]:
    async def read() -> bytes:
        opened = open_store(store)
        try:
            return write_tables(fibs(await read_snapshot(opened)).values())
        finally:
            await opened.close()

    tables = json.loads(asyncio.run(read()))
    assert isinstance(tables, list)
    return tables


def test_the_plan_is_proved_in_one_line(racks: Romana) -> None:
    done = racks("verify")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("5 devices, ")
    assert done.out.endswith(
        " 2 addresses: every held address is delivered, every unowned one is discarded, nothing loops\n"
    )
    counts = racks("verify", "-o", "json").json
    assert list(counts) == ["devices", "routes", "prefixes", "addresses"]
    assert (counts["devices"], counts["addresses"]) == (5, 2)


def test_the_tables_of_devices_are_judged(racks: Romana, store: str, tmp_path: Path) -> None:
    path = tmp_path / "tables.json"
    tables = _tables(store)
    path.write_text(json.dumps(tables))
    assert racks("verify", "--tables", str(path)).out == racks("verify").out
    (spine,) = (table for table in tables if table["device"] == "spine-1")
    groups = [route for route in spine["routes"] if route["kind"] == "group"]
    assert [route["device"] for route in groups] == ["tor-1", "tor-2"]
    spine["routes"].remove(groups[1])
    done = racks("verify", "--tables", "-", stdin=json.dumps(tables))
    assert (done.status, done.out) == (6, "")
    first, *paths = done.err.splitlines()
    assert first.startswith("Error: ")
    assert first.endswith("[fault-found]")
    assert any("spine-1" in line and "node-2" in line for line in paths)
    error = racks("verify", "--tables", "-", "-o", "json", stdin=json.dumps(tables)).error
    assert error["code"] == "fault-found"
    assert len(error["problems"]) == len(paths)


def test_a_loop_is_a_fault(racks: Romana, store: str) -> None:
    tables = _tables(store)
    for table in tables:
        if table["device"].startswith("tor"):
            table["routes"] = [route for route in table["routes"] if route["kind"] != "discard"]
    done = racks("verify", "--tables", "-", stdin=json.dumps(tables))
    assert done.status == 6
    assert "loop" in done.err


@pytest.mark.parametrize(
    "text", ["", "{}", "[{}]", '[{"device": "a", "routes": [{"prefix": "x", "kind": "y"}]}]', b"\xff"]
)
def test_what_are_no_tables_is_refused(racks: Romana, text: str | bytes) -> None:
    done = racks("verify", "--tables", "-", "-o", "json", stdin=text)
    assert (done.status, done.out) == (2, "")
    assert done.error["code"] == "bad-tables"


def test_a_table_has_the_fixed_keys(racks: Romana) -> None:
    routes = racks("route", "list", "--observer", "spine-1", "-o", "json").json
    assert [route["kind"] for route in routes] == ["discard", "group", "group"]
    assert routes[1] == {"prefix": "10.112.0.0/17", "via": "192.168.1.254", "dev": None, "kind": "group"}
    assert routes[0] == {"prefix": "10.112.0.0/16", "via": None, "dev": None, "kind": "discard"}


def test_tables_of_another_store_are_not_judged(racks: Romana, store: str) -> None:
    """They would be found sound: nobody in this store holds an address that they could miss."""
    route = {"prefix": "10.112.0.0/16", "kind": "discard"}
    strangers = [{"device": f"leaf-{n}", "routes": [route]} for n in range(7)]
    done = racks("verify", "--tables", "-", stdin=json.dumps([*_tables(store), *strangers]))
    assert (done.status, done.out) == (2, "")
    head, *problems = done.err.splitlines()
    assert head == (
        f"Error: the store {store} does not know 7 devices of the tables: leaf-0, leaf-1, leaf-2, leaf-3, leaf-4 "
        'and 2 more; for the tables of a lab, point romana at its store: eval "$(romana lab env)" [bad-tables]'
    )
    assert problems[0] == "  leaf-0: no host, router or device of the layout"
    assert (
        len(racks("verify", "--tables", "-", "-o", "json", stdin=json.dumps(strangers)).error["problems"])
        == 7
    )


def test_a_stranger_without_routes_is_nobody(racks: Romana, store: str) -> None:
    switch = {"device": "switch", "routes": []}
    done = racks("verify", "--tables", "-", stdin=json.dumps([*_tables(store), switch]))
    assert (done.status, done.out) == (0, racks("verify").out)
    alone = racks("verify", "--tables", "-", "-o", "json", stdin=json.dumps([switch]))
    assert (alone.status, alone.error["code"]) == (2, "bad-tables")


def test_an_empty_store_has_nothing_to_verify(romana: Romana, store: str) -> None:
    done = romana("verify")
    assert (done.status, done.out) == (0, "nothing to verify: the store holds no topology\n")
    tables = [{"device": "node-1", "routes": [{"prefix": "10.112.0.0/16", "kind": "discard"}]}]
    error = romana("verify", "--tables", "-", "-o", "json", stdin=json.dumps(tables))
    assert (error.status, error.error["code"]) == (2, "bad-tables")
    assert f"{store} holds no topology" in error.error["message"]
    assert 'eval "$(romana lab env)"' in error.error["message"]


def test_a_device_over_its_budget_is_a_fault(romana: Romana, store: str) -> None:
    done = romana("topology", "apply", "-", stdin=f"{RACKS}budgets: {{spine: 1}}\n")
    sentence = "spine-1: holds 3 routes of our networks, the budget of a spine is 1"
    assert (done.status, done.err) == (0, f"Warning: {sentence}\n")
    for args, stdin in ((), ""), (("--tables", "-"), json.dumps(_tables(store))):
        done = romana("verify", *args, stdin=stdin)
        assert (done.status, done.out) == (6, "")
        assert done.err.splitlines()[1:] == [f"  {sentence}"]
    assert romana("verify", "-o", "json").error["problems"] == [
        {"where": "spine-1", "what": sentence.removeprefix("spine-1: ")}
    ]
