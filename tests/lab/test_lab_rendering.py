"""What the lab writes for `ip` and for FRR, compared with golden files.

`GOLDEN=rewrite pytest tests/lab/test_lab_rendering.py` rewrites them; the difference is reviewed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lab_documents import DUAL_HOMED, layout, scenario, written

from romana.lab.build import carrier, commands
from romana.lab.frr import config
from romana.lab.wiring import blueprint
from romana.model.topology import Document

GOLDEN = Path(__file__).with_name("golden")


def compare(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("GOLDEN") == "rewrite":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert text == path.read_text(), f"{path} differs; GOLDEN=rewrite rewrites it"


def document(name: str) -> Document:
    return written(DUAL_HOMED) if name == "dual-homed" else scenario(name)


@pytest.mark.parametrize(
    ("name", "device"),
    [
        ("leaf-spine", "spine-1"),
        ("leaf-spine", "tor-2"),
        ("dual-homed", "tor-1a"),
        ("dual-homed", "tor-2"),
        ("dual-homed", "zone-router"),
        ("dual-homed", "border"),
    ],
)
def test_router_configurations(name: str, device: str) -> None:
    plan = blueprint(document(name))
    compare(f"{name}/{device}.conf", config(plan, layout(document(name)), plan.by_name[device]))


@pytest.mark.parametrize("name", ["flat", "leaf-spine", "dual-homed"])
def test_commands(name: str) -> None:
    plan = blueprint(document(name))
    discards = [p for n in document(name).networks for p in n.prefixes]
    parts = [f"# {d.name}\n" + "\n".join(commands(plan, d, discards)) for d in plan.devices]
    compare(f"{name}/commands.txt", "\n\n".join(parts) + "\n")


@pytest.mark.parametrize(
    ("name", "cable", "device", "port"),
    [
        ("leaf-spine", "node-5:tor-2", "node-5", "eth0"),
        ("leaf-spine", "tor-2:spine-1", "tor-2", "spine-1"),
        ("flat", "node-2:switch", "switch", "node-2"),
    ],
)
def test_a_cable_is_never_cut_where_addresses_are_shared(
    name: str, cable: str, device: str, port: str
) -> None:
    plan = blueprint(scenario(name))
    found = next(c for c in plan.cables if c.name == cable)
    assert carrier(plan, found, up=False) == (device, [f"link set dev {port} down"])
    assert carrier(plan, found, up=True) == (device, [f"link set dev {port} up"])
