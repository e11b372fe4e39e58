"""What cannot become a lab, and the machine on which none can: every reason at once, before anything is made."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from lab_documents import planned, scenario
from lab_harness import LabUser

from romana.lab import needs
from romana.lab.wiring import blueprint
from romana.model.errors import RefusedError

NETWORK = "networks: [{name: p, cidr: 10.0.0.0/8}]\n"
ONE_HOST = NETWORK + "topologies: [{networks: [p], map: [{hosts: [{name: a, addresses: [192.168.0.1]}]}]}]\n"


def test_everything_missing_in_one_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(Path, "exists", lambda _: False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(RefusedError) as caught:
        needs.check(blueprint(scenario("leaf-spine")))
    error = caught.value
    assert error.code == "lab-missing"
    assert error.message == "a lab cannot run here; install with: apt-get install bird2 frr iproute2"
    missing = [problem.where for problem in error.problems]
    assert missing == ["ip", "/usr/lib/frr/zebra", "/usr/lib/frr/bgpd", "vtysh", "bird", "root"]


def test_a_flat_lab_needs_no_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None if program in ("bird", "vtysh") else program)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(RefusedError) as caught:
        needs.check(blueprint(scenario("flat")))
    assert [problem.where for problem in caught.value.problems] == ["root"]


@pytest.mark.root
def test_the_kernel_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    needs.check(planned(ONE_HOST))
    monkeypatch.setattr(needs, "_works", lambda _: False)
    with pytest.raises(RefusedError, match="a lab cannot run here") as caught:
        needs.check(blueprint(scenario("flat")))
    assert "CAP_SYS_ADMIN" in str(caught.value.problems[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("", "", "networks"),
        (NETWORK, "lab-document", "no group lists a host with an address"),
        (ONE_HOST + "links: [[a, b], [c, c]]\n", "", "links[0]"),
        ("networks: [", "", ""),
    ],
)
def test_documents_that_describe_none(text: str, code: str, said: str) -> None:
    user = LabUser(f"bad-{os.getpid()}")
    done = user.run("lab", "up", "-", stdin=text)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert f"[{code}" in done.stderr
    assert "Traceback" not in done.stderr
    assert user.traces() == []


@pytest.mark.slow
def test_a_file_that_is_not_there_names_the_scenarios() -> None:
    done = LabUser("none").run("lab", "up", "no-such-file.yaml")
    assert (done.returncode, "flat, leaf-spine" in done.stderr) == (2, True), done.stderr
