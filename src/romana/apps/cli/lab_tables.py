"""What a lab answers, as tables for people."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from romana.apps.cli.output import columns, counted

Answer = Mapping[str, Any]


def summary(status: Answer) -> str:
    """Return `leaf-spine: running, 2 spines, 3 tors, 9 nodes, 18 pods`."""
    kinds = Counter(device["kind"] for device in status["devices"])
    plural = {"switch": "switches"}
    parts = [counted(number, kind, plural.get(kind, "")) for kind, number in kinds.items()]
    return f"{status['name']}: {', '.join([status['state'], *parts, counted(len(status['pods']), 'pod')])}"


def devices(status: Answer) -> str:
    on: defaultdict[str, list[str]] = defaultdict(list)
    for pod in status["pods"]:
        on[pod["node"]].append(f"{pod['name']} {' '.join(pod['addresses'])}")
    return columns(
        ("DEVICE", "KIND", "PODS"),
        ((d["name"], d["kind"], ", ".join(on[d["name"]])) for d in status["devices"]),
    )


def pods(found: Sequence[Answer]) -> str:
    return columns(
        ("POD", "NODE", "ADDRESSES"), ((p["name"], p["node"], " ".join(p["addresses"])) for p in found)
    )


def routes(found: Iterable[Answer]) -> str:
    """Draw the kernel's tables; what forwards no planned address (kind `foreign`) too."""
    rows = [
        (table["device"], route["prefix"], _of(route, "via"), _of(route, "dev"), route["kind"])
        for table in found
        for route in table["routes"]
    ]
    return columns(("DEVICE", "PREFIX", "VIA", "DEV", "KIND"), rows)


def _of(route: Answer, key: str) -> str:
    """Return that part of every next hop."""
    return " ".join(hop[key] for hop in route.get("hops") or [route] if hop.get(key))


def matrix(failed: Sequence[Answer]) -> str:
    """Draw who does not reach whom: `.` reaches, `4` or `6` not by that family, `x` by neither.

    Columns are numbered like rows; pods that reach everybody and are reached by all are left out.
    """
    marks: dict[tuple[str, str], str] = {}
    for pair in failed:
        ends, family = (pair["source"], pair["target"]), "6" if ":" in pair["address"] else "4"
        marks[ends] = "x" if marks.get(ends, family) != family else family
    names = sorted({name for ends in marks for name in ends}, key=_natural)
    rows = [
        (name, str(row), *(" " if name == far else marks.get((name, far), ".") for far in names))
        for row, name in enumerate(names, 1)
    ]
    return columns(("FROM", "TO", *(str(column) for column in range(1, len(names) + 1))), rows)


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key by which pod-2 comes before pod-10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
