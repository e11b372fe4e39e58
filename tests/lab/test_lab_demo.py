"""The demo keeps its promises in time, and cleans up when it is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lab_harness import LabUser, until

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.daemon("bird", "/usr/lib/frr/zebra", "/usr/lib/frr/bgpd"),
    pytest.mark.xdist_group("lab"),
]


def begin(user: LabUser, directory: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "romana.lab.demo"],
        env=user.env,
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_every_promise_is_kept(tmp_path: Path) -> None:
    user = LabUser(f"demo-test-{os.getpid()}")
    began = time.monotonic()
    demo = begin(user, tmp_path)
    text, _ = demo.communicate(timeout=110)
    assert demo.returncode == 0, text
    assert "✗" not in text
    assert text.count("✓") == 10, text
    assert time.monotonic() - began < 60
    assert (tmp_path / "romana-demo.svg").read_text().startswith("<svg")
    assert user.processes() == []


@pytest.mark.parametrize("moment", [2, 12])
def test_interrupted_it_leaves_nothing(tmp_path: Path, moment: int) -> None:
    """While the lab comes up there are few processes, later many; a terminal sends the signal to all in front."""
    user = LabUser(f"demo-test-{os.getpid()}")
    demo = begin(user, tmp_path)
    assert until(lambda: len(user.processes()) >= moment, 30)
    os.killpg(demo.pid, signal.SIGINT)
    text, _ = demo.communicate(timeout=30)
    assert demo.returncode == 130, text
    assert "Traceback" not in text
    assert until(lambda: user.processes() == [], 10)
