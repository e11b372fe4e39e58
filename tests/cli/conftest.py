"""The program called in this process, with an empty store of its own."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from cli_harness import Ran, Romana

from romana.apps.cli.main import main


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite://{tmp_path}/store.db"
    monkeypatch.setenv("ROMANA_STORE", url)
    return url


@pytest.fixture
def romana(store: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Romana:
    """Run `romana` with these arguments; `stdin` is what `-` reads. Fails the test on exit status 1."""
    for name in ("ROMANA_DEBUG", "_ROMANA_COMPLETE", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def run(*args: str, stdin: bytes | str = b"") -> Ran:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
        capsys.readouterr()
        status = main(args)
        captured = capsys.readouterr()
        assert status != 1, captured.err
        assert "Traceback" not in captured.err
        return Ran(status, captured.out, captured.err)

    return run
