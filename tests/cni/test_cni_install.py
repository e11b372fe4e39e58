"""Installation of the plugin and of the configuration list: whole or not at all."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from romana.apps.cni import install as module
from romana.apps.cni.conflist import FILE, write_conflist
from romana.apps.cni.install import install
from romana.model.errors import ConfigError, RefusedError
from romana.wire.cni_call import VERSIONS

SOURCES = Path(module.__file__).parent


def answers(plugin: Path) -> bool:
    done = subprocess.run([plugin], env={"CNI_COMMAND": "VERSION"}, capture_output=True, check=True)
    return bool(json.loads(done.stdout)["supportedVersions"] == list(VERSIONS))


@pytest.mark.daemon("cc")
def test_c_where_a_compiler_is(tmp_path: Path) -> None:
    assert install(tmp_path / "new" / "bin") == "c-static"
    plugin = tmp_path / "new" / "bin" / "romana-cni"
    assert answers(plugin)
    assert plugin.stat().st_mode & 0o777 == 0o755
    assert plugin.read_bytes()[:4] == b"\x7fELF"


def compiler(directory: Path, script: str) -> str:
    """A `cc` that does what `script` says."""
    directory.mkdir()
    (directory / "cc").write_text(f"#!/bin/sh\n{script}\n")
    (directory / "cc").chmod(0o755)
    return str(directory)


@pytest.mark.daemon("gcc")
def test_dynamic_where_there_is_no_static_libc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = shutil.which("gcc")
    monkeypatch.setenv(
        "PATH",
        compiler(
            tmp_path / "cc", f'case "$*" in *-static*) exit 1;; esac; PATH=/usr/bin:/bin exec {real} "$@"'
        ),
    )
    assert install(tmp_path / "bin") == "c"
    assert answers(tmp_path / "bin" / "romana-cni")


@pytest.mark.parametrize(
    "script", ["exit 1", 'for last; do :; done; echo nonsense > "$last"; chmod +x "$last"']
)
def test_python_where_the_compiler_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setenv(
        "PATH", compiler(tmp_path / "cc", script.replace("echo", "/bin/echo").replace("chmod", "/bin/chmod"))
    )
    assert install(tmp_path / "bin") == "python"
    with pytest.raises(ConfigError, match="no C compiler makes the plugin") as error:
        install(tmp_path / "bin", prefer="c")
    assert error.value.code == "no-compiler"
    assert [path.name for path in (tmp_path / "bin").iterdir()] == ["romana-cni"]


def test_python_with_the_interpreter_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert install(tmp_path, prefer="python") == "python"
    assert (tmp_path / "romana-cni").read_text().splitlines()[0] == "#!/usr/bin/python3 -IS"
    monkeypatch.setattr(module, "_SHEBANG", "/usr/bin/python3-that-is-not")
    source = (SOURCES / "romana-cni.py").read_text().replace("/usr/bin/python3", module._SHEBANG)
    monkeypatch.setattr(module, "_source", lambda _: source)
    install(tmp_path, prefer="python")
    assert (tmp_path / "romana-cni").read_text().splitlines()[0] == f"#!{sys.executable} -IS"
    assert answers(tmp_path / "romana-cni")


def test_python_compiled_for_another_interpreter_serves_from_its_source(tmp_path: Path) -> None:
    install(tmp_path, prefer="python")
    plugin = tmp_path / "romana-cni"
    text = plugin.read_text()
    assert "exec(loads(b" in text
    plugin.write_text(re.sub(r"MAGIC_NUMBER == b'[^']*'", "MAGIC_NUMBER == b'other'", text))
    assert "b'other'" in plugin.read_text()
    assert answers(plugin)


def test_python_uncompiled_where_the_interpreter_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PACK", "raise SystemExit(1)")
    install(tmp_path, prefer="python")
    assert (tmp_path / "romana-cni").read_text() == (SOURCES / "romana-cni.py").read_text()
    assert answers(tmp_path / "romana-cni")


def test_a_running_plugin_is_replaced(tmp_path: Path) -> None:
    """Writing into it would be refused (text file busy); a rename is not."""
    shutil.copy("/bin/sleep", tmp_path / "romana-cni")
    running = subprocess.Popen([tmp_path / "romana-cni", "30"])
    try:
        install(tmp_path)
        assert answers(tmp_path / "romana-cni")
    finally:
        running.kill()
        running.wait()


def test_a_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RefusedError, match="cannot install into") as error:
        install(tmp_path / "file" / "bin", prefer="python")
    assert error.value.code == "install-refused"


def test_the_c_shim_stays_small() -> None:
    assert len((SOURCES / "romana-cni.c").read_text().splitlines()) < 120


def test_the_python_shim_imports_builtins_only() -> None:
    lines = (SOURCES / "romana-cni.py").read_text().splitlines()
    imports = {line.split()[1] for line in lines if line.startswith(("import ", "from "))}
    assert imports == {"_socket", "posix", "sys"}


def test_the_list_is_written_whole_and_only_when_it_changes(tmp_path: Path) -> None:
    path = write_conflist(tmp_path / "net.d")
    assert (path.name, path.stat().st_mode & 0o777) == (FILE, 0o644)
    assert json.loads(path.read_text()) == {
        "cniVersion": "1.1.0",
        "name": "romana",
        "plugins": [{"type": "romana-cni", "capabilities": {"io.kubernetes.cri.pod-annotations": True}}],
    }
    before = path.stat()
    write_conflist(tmp_path / "net.d")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    write_conflist(tmp_path / "net.d", version="1.0.0")
    assert json.loads(path.read_text())["cniVersion"] == "1.0.0"
    assert [p.name for p in path.parent.iterdir()] == [FILE]


def test_a_list_nobody_can_write_or_read(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RefusedError, match="cannot write") as refused:
        write_conflist(tmp_path / "file")
    assert refused.value.code == "conflist-refused"
    with pytest.raises(ConfigError) as wrong:
        write_conflist(tmp_path, version="2.0.0")
    assert wrong.value.code == "cni-version"
