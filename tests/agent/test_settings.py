"""The agent's settings: which source wins, and every mistake at once."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

import pytest

from romana.apps.agent.settings import OPTIONS, Settings, read
from romana.model.errors import ConfigError


def test_defaults() -> None:
    assert read({}, {}) == Settings(
        socket.gethostname(),
        "sqlite:///var/lib/romana/store.db",
        Path("/var/lib/romana"),
        Path("/run/romana"),
        Path("/etc/cni/net.d"),
        "1.1.0",
        ("127.0.0.1", 9605),
        logging.INFO,
    )


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".yaml", "node: from-file\nstore: 'sqlite:///file'\nrun-dir: /file\n"),
        (".toml", "node = 'from-file'\nstore = 'sqlite:///file'\nrun_dir = '/file'\n"),
    ],
)
def test_a_flag_beats_the_environment_and_that_beats_the_file(tmp_path: Path, suffix: str, text: str) -> None:
    file = tmp_path / f"agent{suffix}"
    file.write_text(text)
    flags = {"node": "from-flag", "store": None, "config": str(file)}
    environ = {"ROMANA_NODE": "from-env", "ROMANA_STORE": "sqlite:///env"}
    settings = read(flags, environ)
    assert (settings.node, settings.store, settings.run_dir) == (
        "from-flag",
        "sqlite:///env",
        Path("/file"),
    )
    assert read({}, {"ROMANA_CONFIG": str(file)}).node == "from-file"


def test_empty_means_nowhere() -> None:
    settings = read({"http": "", "cni_conf_dir": ""}, {})
    assert (settings.http, settings.cni_conf_dir) == (None, None)


@pytest.mark.parametrize(
    ("text", "endpoint"), [("[::1]:80", ("::1", 80)), ("0.0.0.0:9605", ("0.0.0.0", 9605)), (":1", ("", 1))]
)
def test_where_to_serve(text: str, endpoint: tuple[str, int]) -> None:
    assert read({"http": text}, {}).http == endpoint


def test_every_mistake_is_told_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text("nod: n1\nhttp: 9605\nquite_unlike: x\n")
    with pytest.raises(ConfigError) as error:
        read(
            {"log_level": "loud", "store": "", "cni_version": "1.2.0", "config": str(file)},
            {"ROMANA_HTTP": "here"},
        )
    assert error.value.code == "bad-settings"
    told = [str(problem).replace(str(file), "FILE") for problem in error.value.problems]
    assert told == [
        "FILE: there is no setting nod; did you mean node?",
        "FILE: http: is a text, not 9605; put it in quotes",
        "FILE: there is no setting quite_unlike; known: "
        + ", ".join(sorted(option.name for option in OPTIONS)),
        "--store: must not be empty",
        "--cni-version: is one of 1.1.0, 1.0.0, not '1.2.0'",
        "--log-level: is one of debug, info, warning, error, not 'loud'",
        "ROMANA_HTTP: is HOST:PORT, such as 127.0.0.1:9605 or [::1]:9605, not 'here'",
    ]


@pytest.mark.parametrize("text", ["- a\n- list\n", "node: [unclosed\n", "just words"])
def test_a_file_that_is_no_table_is_told_in_one_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        read({"config": str(file)}, {})
    assert len(error.value.problems) == 1
    assert "\n" not in str(error.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        read({"config": str(tmp_path / "none.toml")}, {})
    assert "cannot be read" in str(error.value.problems[0])
