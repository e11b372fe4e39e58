"""`python -m romana.lab.demo`: the data centre `leaf-spine` built, used, broken, healed and proved, in a minute.

It is a script of `romana` commands, each shown as a user would type it. Every promise is checked on the spot: the
exit status is 1 if one was not kept, and nothing stays behind, also after Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from itertools import chain, count
from pathlib import Path
from typing import Any, Final

from romana.lab.demo_shell import Shell
from romana.model.errors import RomanaError

PODS: Final = 18
MORE: Final = 50
QUIET: Final = 10.0
"""Seconds that the routers have to come to rest before their route changes are counted."""
RECOVERY: Final = 30.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m romana.lab.demo", description=__doc__)
    parser.add_argument("--picture", default="romana-demo.svg", help="where the drawing is written")
    options = parser.parse_args()
    try:
        return _run(Path(options.picture))
    except KeyboardInterrupt:
        Shell("").say("\ninterrupted; nothing stays behind")
        return 130


def _run(picture: Path) -> int:
    began = time.monotonic()
    shell = Shell(_free_name())
    try:
        _demo(shell, picture)
    except RomanaError as error:
        shell.promise(False, str(error))
    finally:
        shell.quietly("lab", "down", "--name", shell.lab)
    verdict = "Every promise was kept" if shell.kept else "NOT every promise was kept"
    shell.say(f"\n{verdict}; it took {time.monotonic() - began:.0f} s.")
    return 0 if shell.kept else 1


def _free_name() -> str:
    """Return `demo`, or the first `demo-N` that is no other lab's."""
    taken = {lab["name"] for lab in Shell("").ask("lab", "list")}
    return next(name for name in chain(["demo"], (f"demo-{n}" for n in count(2))) if name not in taken)


def _demo(shell: Shell, picture: Path) -> None:
    _build(shell)
    _start_pods(shell)
    _show_tables(shell)
    _start_more(shell)
    _cut_and_heal(shell)
    _prove(shell)
    _draw(shell, picture)


def _build(shell: Shell) -> None:
    shell.title("A data centre: 2 spines and 3 ToRs (FRR), 9 nodes (the agent and BIRD)")
    shell.run("lab", "up", "leaf-spine", "--name", shell.lab, "--pods", "0")
    shell.title("Its prefixes follow its cables: one for each rack, and in it one for each node")
    shell.at_its_store()
    shell.run("topology", "show")
    shell.run("route", "list", "--observer", "tor-1")


def _start_pods(shell: Shell) -> None:
    shell.title(f"{PODS} pods, started through the CNI plugin")
    shell.run("lab", "pod", "add", "--count", str(PODS))
    shell.run("lab", "ping", "--wait", f"{RECOVERY:g}")


def _show_tables(shell: Shell) -> None:
    shell.title("What each kind of device holds in its kernel (of the pods' network)")
    for device in ("spine-1", "tor-1", "node-1"):
        shell.command("lab", "routes", device)
        shell.say(_drawn(_planned(shell, device)))
    for spine in ("spine-1", "spine-2"):
        kinds = Counter(route["kind"] for route in _planned(shell, spine))
        shell.promise(
            kinds == {"group": 3, "discard": 1},
            f"{spine} holds {kinds['group']} routes for {PODS} pods, and the discard of what nobody owns",
        )


def _start_more(shell: Shell) -> None:
    shell.title(f"{MORE} more pods: what do the routers notice?")
    before = _at_rest(shell)
    shell.run("lab", "pod", "add", "--count", str(MORE), tail=3)
    answer = shell.ask("lab", "ping", "--wait", "5")
    time.sleep(1)  # an update would be on its way for 50 ms
    after = _counters(shell)
    shell.run("lab", "counters")
    shell.promise(not answer["failed"], f"all {answer['pairs']} pairs of {PODS + MORE} pods reach each other")
    noticed = {device for device, now in after.items() if now != before[device]}
    shell.promise(
        not noticed,
        f"no route changed and no BGP update was sent on the {len(after)} routers"
        + (f", but on {', '.join(sorted(noticed))}" if noticed else ""),
    )


def _cut_and_heal(shell: Shell) -> None:
    shell.title("A cable breaks: node-1 is cut off")
    spines = {name: now for name, now in _at_rest(shell).items() if name.startswith("spine")}
    lost = next(r["prefix"] for r in _planned(shell, "tor-1") if _leads_to(r, "node-1"))
    shell.run("lab", "fail", "node-1")
    took = _until(lambda: not any(_leads_to(r, "node-1") for r in _planned(shell, "tor-1")))
    shell.promise(took is not None, f"tor-1 withdrew {lost} in {took or 0:.1f} s")
    names = {pod["name"] for pod in shell.ask("lab", "status")["pods"] if pod["node"] == "node-1"}
    failed = shell.ask("lab", "ping")["failed"]
    strangers = [f for f in failed if not names & {f["source"], f["target"]}]
    shell.promise(bool(failed) and not strangers, "only the pods of node-1 are out of reach")
    noticed = {name for name, now in _counters(shell).items() if spines.get(name, now) != now}
    shell.promise(not noticed, "the spines saw nothing of it: their route is the rack's")
    shell.run("lab", "heal", "node-1")
    took = _until(lambda: not shell.ask("lab", "ping", "--wait", "0.5")["failed"])
    shell.promise(took is not None, f"all pods reach each other again after {took or 0:.1f} s")
    back = any(_leads_to(r, "node-1") and r["prefix"] == lost for r in _planned(shell, "tor-1"))
    shell.promise(back, f"tor-1 has {lost} back")


def _prove(shell: Shell) -> None:
    shell.title("Proof, on the kernel's tables of all 14 devices")
    shell.command("lab", "routes", "-o", "json", "|", "romana", "verify", "--tables", "-")
    status, text = shell.piped(("lab", "routes", "-o", "json"), ("verify", "--tables", "-"))
    shell.say(text)
    shell.promise(
        status == 0, "every address is delivered from everywhere, what nobody owns is discarded, no loop"
    )


def _draw(shell: Shell, path: Path) -> None:
    path.write_text(shell.output("lab", "picture"))
    shell.say(f"\nThe data centre is drawn in {path}")


def _at_rest(shell: Shell) -> dict[str, Any]:
    """Return the counters once they have stood still for a second."""
    counted = _counters(shell)
    deadline = time.monotonic() + QUIET
    while time.monotonic() < deadline:
        time.sleep(1)
        again = _counters(shell)
        if again == counted:
            break
        counted = again
    return counted


def _counters(shell: Shell) -> dict[str, Any]:
    return {row["device"]: row for row in shell.ask("lab", "counters")}


def _planned(shell: Shell, device: str) -> list[dict[str, Any]]:
    """Return the device's routes that the pods' network is about: not the fabric's own cables."""
    return [
        r for table in shell.ask("lab", "routes", device) for r in table["routes"] if r["kind"] != "foreign"
    ]


def _devices(route: dict[str, Any]) -> list[str]:
    """Return the devices behind the route's next hops."""
    return [hop["device"] for hop in route.get("hops") or [route] if hop.get("device")]


def _leads_to(route: dict[str, Any], device: str) -> bool:
    return device in _devices(route)


def _drawn(routes: list[dict[str, Any]]) -> str:
    rows = [(r["prefix"], r["kind"], " and ".join(_devices(r))) for r in routes]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(f"  {p:<{widths[0]}}  {k:<{widths[1]}}  {h}".rstrip() for p, k, h in rows)


def _until(met: Callable[[], bool]) -> float | None:
    """Return after how many seconds it was so, None if it was not in time."""
    began = time.monotonic()
    while time.monotonic() - began < RECOVERY:
        if met():
            return time.monotonic() - began
        time.sleep(0.05)
    return None


if __name__ == "__main__":
    sys.exit(main())
