"""A node of the lab: the real agent, and the real BIRD where the node has routers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from romana.lab.programs import ROOT, Program, Programs

STORE: Final = ROOT / "store.db"
STORE_URL: Final = f"sqlite://{STORE}"
PLUGINS: Final = ROOT / "cni-bin"


AGENT: Final = (sys.executable, "-P", "-m", "romana.apps.agent")
"""The real agent, told by its environment; `-P`: no module of the working directory is taken for one of ours."""
_MAIN: Final = "import sys; from romana.apps.cli.main import main; sys.exit(main())"


def romana(*words: str) -> list[str]:
    """Return the command line of `romana`, by the interpreter that runs the lab."""
    return [sys.executable, "-P", "-c", _MAIN, *words]


def place(node: str) -> Path:
    """Return the node's directory: what /run/romana, /var/lib/romana and /etc/cni/net.d are on a machine."""
    return ROOT / "nodes" / node


def environment(node: str) -> dict[str, str]:
    """Return the settings of the node's agent, which its command line tools follow as well."""
    here = place(node)
    return {
        "ROMANA_NODE": node,
        "ROMANA_STORE": STORE_URL,
        "ROMANA_STATE_DIR": str(here / "state"),
        "ROMANA_RUN_DIR": str(here / "run"),
        "ROMANA_CNI_CONF_DIR": str(here / "cni"),
        "ROMANA_SOCKET": str(here / "run" / "agent.sock"),
    }


def conflist(node: str) -> Path:
    """Return the CNI configuration that the node's agent writes when it is ready."""
    return place(node) / "cni" / "10-romana.conflist"


async def start_node(programs: Programs, node: str, *, speaks: bool) -> None:
    """Start the node's agent, and BIRD with what the agent writes for it."""
    for part in ("state", "run", "cni"):
        (place(node) / part).mkdir(parents=True, exist_ok=True)

    await programs.start(Program(node, "agent", AGENT, environment(node), signs=[conflist(node)]))
    if speaks:
        await _start_bird(programs, node)


async def _start_bird(programs: Programs, node: str) -> None:
    run = place(node) / "run"
    argv = ["bird", "-f", "-c", str(run / "bird.conf"), "-s", str(run / "bird.ctl")]

    argv += ["-P", str(run / "bird.pid")]
    await programs.start(Program(node, "bird", argv, signs=[run / "bird.ctl"]))
