"""What this machine lacks for a lab: everything at once, with the command that installs it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from romana.lab import contain
from romana.lab.blueprint import Blueprint, Kind
from romana.lab.routers import DAEMONS
from romana.model.errors import Problem, RefusedError


def check(plan: Blueprint) -> None:
    """RefusedError with everything that is missing for this data centre; nothing is changed."""
    problems, packages = [], []
    for program, package, why in _programs(plan):
        if shutil.which(program) is None and not Path(program).exists():
            problems.append(Problem(program, f"not installed; {why}"))
            packages.append(package)
    if os.geteuid() != 0:
        problems.append(Problem("root", "namespaces need it; run the same command with sudo"))
    else:
        problems += [Problem("kernel", f"does not let us {what}") for what in _forbidden(plan)]
    if problems:
        install = f"; install with: apt-get install {' '.join(sorted(set(packages)))}" if packages else ""
        raise RefusedError(f"a lab cannot run here{install}", code="lab-missing", problems=problems)


def _programs(plan: Blueprint) -> Iterator[tuple[str, str, str]]:
    yield "ip", "iproute2", "it makes namespaces and cables"
    if any(device.routes for device in plan.devices):
        for daemon in (str(DAEMONS / "zebra"), str(DAEMONS / "bgpd"), "vtysh"):
            yield daemon, "frr", "routers and spines run FRR"
    if any(plan.speaks(device) for device in plan.of_kind(Kind.NODE)):
        yield "bird", "bird2", "nodes speak BGP to their routers with BIRD"


def _forbidden(plan: Blueprint) -> Iterator[str]:
    """Yield what the kernel refuses, each tried in a child process that ends at once."""
    if not _works(contain.unshare):
        yield "make namespaces (network, mount and process): give the container CAP_SYS_ADMIN"
        return
    if shutil.which("ip") is None:
        return
    if not _works(lambda: _makes("veth", "peer", "name", "probe-b")):
        yield "make veth pairs: load the module veth"
    if plan.of_kind(Kind.SWITCH) and not _works(lambda: _makes("bridge")):
        yield "make bridges: load the module bridge"


def _makes(*kind: str) -> None:
    contain.unshare()
    subprocess.run(["ip", "link", "add", "name", "probe-a", "type", *kind], check=True, capture_output=True)


def _works(attempt: Callable[[], None]) -> bool:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            attempt()
            status = 0
        except (OSError, subprocess.SubprocessError):
            pass
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0
