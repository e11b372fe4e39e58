"""Puts the plugin where container runtimes look for it: in C where a compiler is, else in Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal

from romana.model.errors import ConfigError, RefusedError
from romana.wire.cni_result import PLUGIN

Shim = Literal["c-static", "c", "python"]
_FLAGS: Final[dict[Shim, tuple[str, ...]]] = {"c-static": ("-O2", "-static"), "c": ("-O2",)}
_COMPILERS: Final = ("cc", "gcc", "clang")
_SHEBANG: Final = "/usr/bin/python3"

_PACK: Final = """
import marshal, sys
from _frozen_importlib_external import MAGIC_NUMBER
source = sys.stdin.read()
code = marshal.dumps(compile(source, "romana-cni", "exec", optimize=2))
print(source.splitlines()[0])
print("# Made by `romana cni install`: the source stands at the end, its compiled form before it.")
print("from _frozen_importlib_external import MAGIC_NUMBER")
print("from marshal import loads")
print("if MAGIC_NUMBER == %r:\\n    exec(loads(%r))" % (MAGIC_NUMBER, code))
print("exec(%r)" % source)
"""
"""Run by the interpreter that will run the shim. A script is compiled at every start, which is a tenth
of what the shim costs; the source serves where the interpreter has changed since."""


def install(directory: Path, *, prefer: Literal["c", "python"] | None = None) -> Shim:
    """Write `romana-cni` into `directory` and return which shim it is.

    A file that is there is replaced in one step, even while it runs. A compiled shim is tried before
    it is used; without `prefer`, the Python one stands in where none can be made. ConfigError
    (`no-compiler`) where C was preferred and cannot be had; RefusedError where the directory cannot
    be written.
    """
    temporary = directory / f".{PLUGIN}.{os.getpid()}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        try:
            made = _make(temporary, prefer)
            temporary.chmod(0o755)
            temporary.rename(directory / PLUGIN)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise RefusedError(
            f"cannot install into {directory}: {error.strerror}", code="install-refused"
        ) from error
    return made


def _make(target: Path, prefer: str | None) -> Shim:
    if prefer != "python":
        compiler = next(filter(None, map(shutil.which, _COMPILERS)), None)
        for shim, flags in _FLAGS.items():
            if compiler and _compiled(compiler, flags, target):
                return shim
        if prefer == "c":
            raise ConfigError(
                f"no C compiler makes the plugin ({', '.join(_COMPILERS)} tried); install gcc and libc6-dev,"
                " or take the Python one",
                code="no-compiler",
            )
    target.write_text(_python())
    return "python"


def _compiled(compiler: str, flags: tuple[str, ...], target: Path) -> bool:
    """Whether the compiler made a program that runs here: it must answer VERSION."""
    made = subprocess.run(
        [compiler, *flags, "-x", "c", "-", "-o", str(target)],
        input=_source("romana-cni.c"),
        text=True,
        capture_output=True,
        check=False,
    )
    if made.returncode:
        return False
    try:
        answer = subprocess.run(
            [str(target)], env={"CNI_COMMAND": "VERSION"}, capture_output=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return b"supportedVersions" in answer.stdout


def _python() -> str:
    """Return the Python shim for an interpreter that is there, compiled where that one can do it."""
    interpreter = _SHEBANG if Path(_SHEBANG).exists() else sys.executable
    source = _source("romana-cni.py").replace(_SHEBANG, interpreter, 1)
    packed = subprocess.run(
        [interpreter, "-IS", "-c", _PACK], input=source, text=True, capture_output=True, check=False
    )
    return source if packed.returncode else packed.stdout


def _source(name: str) -> str:
    return files("romana.apps.cni").joinpath(name).read_text()
