"""Tests that need root, namespaces or a daemon are skipped by name, and fail where CI says all must run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("fast", deadline=None, max_examples=25)
settings.register_profile("standard", deadline=None, max_examples=100)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))

os.environ["PATH"] = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/lib/frr"


def pytest_runtest_setup(item: pytest.Item) -> None:
    missing = []
    if item.get_closest_marker("root") and os.geteuid() != 0:
        missing.append("root")
    for mark in item.iter_markers("daemon"):
        missing += [name for name in mark.args if shutil.which(name) is None and not Path(name).exists()]
    if missing:
        sentence = f"needs {', '.join(missing)}"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{item.nodeid} {sentence}, and CI skips nothing")
        pytest.skip(sentence)
