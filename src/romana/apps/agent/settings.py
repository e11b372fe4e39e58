"""The agent's settings: a flag, else the environment, else the configuration file, else the default."""

from __future__ import annotations

import difflib
import logging
import socket
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from romana.model.errors import ConfigError, Problem


@dataclass(frozen=True, slots=True)
class Option:
    """One setting. `name` is its key in the file; the flag and the variable follow from it."""

    name: str
    help: str
    default: str
    metavar: str = "TEXT"

    @property
    def flag(self) -> str:
        return f"--{self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        return f"ROMANA_{self.name.upper()}"


OPTIONS: Final = (
    Option("node", "This host's name in the topology; the machine's own name if not given.", "", "NAME"),
    Option("store", "The store.", "sqlite:///var/lib/romana/store.db", "URL"),
    Option("state_dir", "Where the journal lives; must survive a restart.", "/var/lib/romana", "DIR"),
    Option("run_dir", "Where the socket and BIRD's files live.", "/run/romana", "DIR"),
    Option(
        "cni_conf_dir", "Where the CNI configuration is written; empty: nowhere.", "/etc/cni/net.d", "DIR"
    ),
    Option("cni_version", "Version of that configuration; 1.0.0 for containerd 1.x.", "1.1.0", "VERSION"),
    Option("http", "Where metrics and health are served; empty: nowhere.", "127.0.0.1:9605", "HOST:PORT"),
    Option("log_level", "debug, info, warning or error.", "info", "LEVEL"),
)
CNI_VERSIONS: Final = ("1.1.0", "1.0.0")
LEVELS: Final = ("debug", "info", "warning", "error")
CONFIG_VARIABLE: Final = "ROMANA_CONFIG"


@dataclass(frozen=True, slots=True)
class Settings:
    node: str
    store: str
    state_dir: Path
    run_dir: Path
    cni_conf_dir: Path | None
    """None: the CNI configuration is somebody else's business."""
    cni_version: str
    http: tuple[str, int] | None
    """None: metrics and health are not served."""
    log_level: int


def read(flags: Mapping[str, str | None], environ: Mapping[str, str]) -> Settings:
    """Return the settings. `flags` by option name; None was not given; `config` names the file.

    ConfigError `bad-settings` lists every problem with the place it comes from.
    """
    path = flags.get("config") or environ.get(CONFIG_VARIABLE)
    problems: list[Problem] = []
    file = _file(Path(path), problems) if path else {}
    found: dict[str, tuple[str, str]] = {}
    for option in OPTIONS:
        flag, variable = flags.get(option.name), environ.get(option.variable)
        if flag is not None:
            found[option.name] = (flag, option.flag)
        elif variable is not None:
            found[option.name] = (variable, option.variable)
        elif option.name in file:
            found[option.name] = (file[option.name], f"{path}: {option.name}")
        else:
            found[option.name] = (option.default, option.flag)
    problems += _problems(found)
    if problems:
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise ConfigError(f"the agent's settings have {count}", code="bad-settings", problems=problems)
    value = {name: text for name, (text, _) in found.items()}
    return Settings(
        value["node"] or socket.gethostname(),
        value["store"],
        Path(value["state_dir"]),
        Path(value["run_dir"]),
        Path(value["cni_conf_dir"]) if value["cni_conf_dir"] else None,
        value["cni_version"],
        _endpoint(value["http"]) if value["http"] else None,
        getattr(logging, value["log_level"].upper()),
    )


def _problems(found: Mapping[str, tuple[str, str]]) -> Iterator[Problem]:
    for name in ("store", "state_dir", "run_dir"):
        text, where = found[name]
        if not text:
            yield Problem(where, "must not be empty")
    for name, choice in (("cni_version", CNI_VERSIONS), ("log_level", LEVELS)):
        text, where = found[name]
        if text not in choice:
            yield Problem(where, f"is one of {', '.join(choice)}, not {text!r}")
    text, where = found["http"]
    if text and _endpoint(text) is None:
        yield Problem(where, f"is HOST:PORT, such as 127.0.0.1:9605 or [::1]:9605, not {text!r}")


def _endpoint(text: str) -> tuple[str, int] | None:
    host, colon, port = text.rpartition(":")
    if not (colon and port.isascii() and port.isdigit() and int(port) < 1 << 16):
        return None
    return host.removeprefix("[").removesuffix("]"), int(port)


def _file(path: Path, problems: list[Problem]) -> dict[str, str]:
    """Return the file's entries: TOML if it is called so, else YAML. Problems are added to the list."""
    try:
        text = path.read_text()
        content = tomllib.loads(text) if path.suffix == ".toml" else _yaml(text)
    except (OSError, ValueError) as error:
        problems.append(Problem(str(path), f"cannot be read: {error}"))
        return {}
    if not isinstance(content, dict):
        problems.append(Problem(str(path), "holds one setting a line, such as `node: n1`"))
        return {}
    known = {option.name for option in OPTIONS}
    entries = {}
    for key, entry in content.items():
        name = str(key).replace("-", "_")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(sorted(known))}"
            problems.append(Problem(str(path), f"there is no setting {key}{meant}"))
        elif not isinstance(entry, str):
            problems.append(Problem(f"{path}: {key}", f"is a text, not {entry!r}; put it in quotes"))
        else:
            entries[name] = entry
    return entries


def _yaml(text: str) -> object:
    import yaml  # 20 ms, for those who have such a file

    try:
        return yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
