"""Labs for tests: started through the command line, found again by a mark in the environment of their processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROMANA = (sys.executable, "-P", "-c", "import sys; from romana.apps.cli.main import main; sys.exit(main())")
PATIENCE = 40.0
"""Seconds for a lab to recover on a busy machine; a few are usual."""


@dataclass
class LabUser:
    """Somebody at a terminal with one lab."""

    name: str
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("ROMANA_")}
        self.env |= {"ROMANA_LAB": self.name, "LAB_TEST_MARK": self.mark}

    def run(
        self, *words: str, stdin: str | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `romana WORDS`."""
        return subprocess.run(
            [*ROMANA, *words],
            env=self.env,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=100,
            cwd=cwd,
            check=False,
        )

    def ask(self, *words: str) -> Any:
        """Return what `romana lab WORDS -o json` prints; exit status 6 is an answer too."""
        return self.ask_romana("lab", *words)

    def ask_romana(self, *words: str) -> Any:
        done = self.run(*words, "-o", "json")
        assert done.returncode in (0, 6), done.stderr
        return json.loads(done.stdout)

    @contextmanager
    def cut(self, *names: str) -> Iterator[list[str]]:
        """Cut links for the body's time, and wait until everything works again."""
        changed = self.ask("fail", *names)
        try:
            yield changed
        finally:
            self.ask("heal", *names)
            assert until(self.reach), "not everything recovered"

    def prove(self) -> str:
        """Prove the kernels' tables, and return what was proved."""
        tables = self.run("lab", "routes", "-o", "json").stdout
        done = self.run("verify", "--tables", "-", stdin=tables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def first_process(self) -> int:
        """Return the lab's first process, whose end is the end of all: its number stands in the store's path."""
        return int(self.env["ROMANA_STORE"].removeprefix("sqlite:///proc/").partition("/")[0])

    def up(self, file: str, *options: str) -> float:
        """Bring the lab up and return how long it took."""
        began = time.monotonic()
        done = self.run("lab", "up", file, *options)
        assert done.returncode == 0, done.stderr
        self.env["ROMANA_STORE"] = self.ask("env")["ROMANA_STORE"]
        return time.monotonic() - began

    def start(self, file: str) -> subprocess.Popen[str]:
        """Begin to bring the lab up, without waiting."""
        return subprocess.Popen(
            [*ROMANA, "lab", "up", file],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def reach(self) -> bool:
        return not self.ask("ping", "--wait", "1")["failed"]

    def routes(self, device: str, *kinds: str) -> list[dict[str, Any]]:
        """Return the device's routes of the given kinds, of all but the fabric's own by default."""
        (table,) = self.ask("routes", device)
        return [r for r in table["routes"] if r["kind"] in kinds or (not kinds and r["kind"] != "foreign")]

    def processes(self, *marks: str) -> list[int]:
        """Return every process that the lab started, directly or not; with `marks` in its environment, if any."""
        wanted = [f"{mark}\0".encode() for mark in (f"LAB_TEST_MARK={self.mark}", *marks)]
        found = []
        for entry in Path("/proc").iterdir():
            try:
                environ = (entry / "environ").read_bytes() if entry.name.isdigit() else b""
                if all(mark in environ for mark in wanted):
                    found.append(int(entry.name))
            except OSError:
                continue  # it ended while we looked
        return found

    def traces(self) -> list[str]:
        """Return everything of the lab that can be seen from outside."""
        sockets = Path("/proc/net/unix").read_text().splitlines()
        return [
            *(f"process {pid}" for pid in self.processes()),
            *(line for line in sockets if line.endswith(f"@romana-lab/{self.name}")),
        ]


def until(met: Callable[[], bool], patience: float = PATIENCE) -> bool:
    """Whether it became so in time."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if met():
            return True
        time.sleep(0.05)
    return met()


def outside() -> dict[str, list[str]]:
    """Return what labs might leave on the machine: files and mounts where they work."""
    places = ("/run/netns", "/run/romana-lab", "/var/tmp/frr", "/etc/frr", "/run/frr")
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    listing = {
        place: sorted(p.name for p in Path(place).iterdir()) if Path(place).is_dir() else ["-"]
        for place in places
    }
    return {**listing, "mounts": sorted(m for m in mounts if m.startswith(places))}


def command(pid: int) -> str:
    """Return the command line of a process, "" if it ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
    except OSError:
        return ""
