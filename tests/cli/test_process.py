"""The program as a process: how it starts, and how it ends when its surroundings do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from documents import FLAT

pytestmark = pytest.mark.slow
ROMANA = str(Path(sys.executable).parent / "romana")


def _shell(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script; `$0` is the program."""
    found = {"PATH": "/usr/bin:/bin", **environment}
    return subprocess.run(
        ["bash", "-c", script, ROMANA], capture_output=True, text=True, errors="replace", env=found
    )


def test_bash_completes_and_help_starts_quickly() -> None:
    script = (
        'source <("$0" completion bash); COMP_WORDS=("$0" ver); COMP_CWORD=1; '
        '_romana_completion "$0"; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", script, ROMANA], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "verify"
    started = time.perf_counter()
    subprocess.run([ROMANA, "--help"], stdout=subprocess.DEVNULL, check=True)
    print(f"romana --help: {1000 * (time.perf_counter() - started):.0f} ms")


def test_help_imports_no_more_than_click() -> None:
    code = "import sys, romana.apps.cli.main as m; m.main(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert "click" in loaded
    heavy = {"asyncio", "msgspec", "yaml", "rich", "sqlite3", "jinja2", "prometheus_client", "dataclasses"}
    assert loaded & heavy == set()
    ours = {name for name in loaded if name.startswith("romana.")}
    assert ours == {"romana.apps", "romana.apps.cli", "romana.apps.cli.framework", "romana.apps.cli.main"}


def test_a_closed_pipe_and_a_full_disk_are_no_bugs() -> None:
    done = subprocess.run(
        ["bash", "-c", '"$0" --help | true; echo ${PIPESTATUS[0]}', ROMANA], capture_output=True
    )
    assert done.stdout.decode().strip() in ("0", "141")
    assert done.stderr == b""
    if (device := Path("/dev/full")).exists():
        with device.open("wb") as full:
            buffered = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
            done = subprocess.run([ROMANA, "--help"], stdout=full, stderr=subprocess.PIPE, env=buffered)
        assert done.returncode == 5
        assert done.stderr.decode() == "Error: the system refused: No space left on device [system-error]\n"


def test_closed_standard_streams_are_no_bugs() -> None:
    assert _shell('"$0" --help >&-').returncode == 0
    done = _shell('"$0" topology validate - <&-')
    assert done.returncode == 2
    assert done.stderr == "Error: cannot read stdin: it is closed [unreadable-file]\n"
    assert _shell('"$0" nonsense 2>&-').returncode == 2


def test_an_interrupt_ends_it_without_a_word() -> None:
    waiting = subprocess.Popen(
        [ROMANA, "topology", "validate", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert waiting.stdin is not None
    waiting.stdin.write(b"#" * (1 << 20))  # more than a pipe holds: it returns once the program reads
    waiting.stdin.flush()
    waiting.send_signal(signal.SIGINT)
    out, err = waiting.communicate(timeout=20)
    assert (waiting.returncode, out, err) == (130, b"", b"")


def test_a_terminal_of_another_encoding_gets_every_name(tmp_path: Path) -> None:
    path = tmp_path / "dc.yaml"
    path.write_text(FLAT.replace("name: all", "name: 机架 ü"))
    for encoding in ("ascii", "latin-1", "utf-8"):
        done = _shell(
            f'"$0" topology apply {path} && "$0" topology show && "$0" group list',
            ROMANA_STORE=f"sqlite://{tmp_path}/{encoding}.db",
            PYTHONIOENCODING=encoding,
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_settings_of_the_agent_are_checked_before_it_starts(tmp_path: Path) -> None:
    done = _shell('"$0" agent --http nonsense -o json', ROMANA_LOG_LEVEL="loud")
    assert done.returncode == 2
    assert '"code": "bad-settings"' in done.stderr
    assert "--http" in done.stderr
    assert "ROMANA_LOG_LEVEL" in done.stderr
    done = _shell(f'"$0" agent --config {tmp_path}/none.yaml')
    assert done.returncode == 2
    assert done.stderr.startswith("Error: ")


def test_the_plugin_is_installed(tmp_path: Path) -> None:
    done = _shell(f'"$0" cni install {tmp_path}/bin --prefer python')
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{tmp_path}/bin/romana-cni installed, in Python\n"
    assert (tmp_path / "bin" / "romana-cni").stat().st_mode & 0o111
