"""The configuration list by which container runtimes find the plugin."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from romana.model.errors import RefusedError
from romana.wire.cni_result import configuration

FILE: Final = "10-romana.conflist"


def write_conflist(directory: Path, *, network: str = "romana", version: str = "1.1.0") -> Path:
    """Write the list, whole or not at all, and return its path. Written last, when the agent serves.

    `version` is 1.0.0 where containerd 1.x reads it: that loads a list of 1.1.0 and then refuses
    every result. An unchanged file is not touched, so a runtime that watches sees no change.
    """
    path = directory / FILE
    text = configuration(network, version)
    temporary = directory / f".{FILE}.{os.getpid()}"
    try:
        if path.exists() and path.read_bytes() == text:
            return path
        directory.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(text)
        temporary.chmod(0o644)
        temporary.rename(path)
    except OSError as error:
        raise RefusedError(
            f"cannot write {path}: {error.strerror}; name another directory, or none", code="conflist-refused"
        ) from error
    return path
