"""Names of labs, and errors on their way to a client."""

from __future__ import annotations

import os

import pytest

from romana.apps.cli import lab_client
from romana.lab import messages
from romana.model.errors import ConfigError, FaultError, Problem, RomanaError, StaleError, TransientError
from romana.ports.store import SwapLost


def test_a_name_belongs_to_one_lab_until_it_ends() -> None:
    name = f"test-{os.getpid()}"
    with messages.listener(name):
        assert name in lab_client.running()
        with pytest.raises(StaleError, match="runs already") as caught:
            messages.listener(name)
        assert caught.value.code == "lab-exists"
    assert name not in lab_client.running()
    messages.listener(name).close()


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "a b", "ü", "x" * 51, "a\0b"])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        messages.listener(name)
    assert caught.value.code == "lab-name"


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("no such pod", code="lab-unknown", problems=[Problem("pod-9", "unknown")]),
        FaultError("2 pairs", code="lab-unreachable"),
        TransientError("bgpd is silent"),
        StaleError("taken", code="lab-pod-exists"),
    ],
)
def test_an_error_arrives_as_it_was_raised(error: RomanaError) -> None:
    with pytest.raises(type(error)) as caught:
        lab_client._result(messages.failure(error))
    got = caught.value
    assert (got.code, got.message, got.problems) == (error.code, error.message, error.problems)


def test_an_error_of_a_subclass_arrives_as_its_class() -> None:
    with pytest.raises(StaleError) as caught:
        lab_client._result(messages.failure(SwapLost("layout", 1, 2)))
    assert caught.value.code == "swap-lost"


def test_which_lab_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    def codes(labs: list[str], name: str | None) -> str:
        monkeypatch.setattr(lab_client, "running", lambda: labs)
        try:
            return lab_client.chosen(name)
        except ConfigError as error:
            return error.code

    assert codes([], None) == "no-lab"
    assert codes(["a"], None) == "a"
    assert codes(["a", "b"], None) == "which-lab"
    assert codes(["a", "b"], "b") == "b"
    assert codes(["a", "b"], "c") == "no-lab"
