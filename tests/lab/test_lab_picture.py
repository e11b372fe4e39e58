"""The picture is well-formed SVG, shows everything once, and puts nothing outside its frame."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from lab_documents import DUAL_HOMED, layout, scenario, written

from romana.lab.blueprint import Kind
from romana.lab.picture import picture
from romana.lab.wiring import blueprint
from romana.model.snapshot import Snapshot
from romana.model.topology import Document

SVG = "{http://www.w3.org/2000/svg}"


def drawn(document: Document, **more: object) -> ET.Element:
    text = picture(blueprint(document), Snapshot(layout=layout(document)), **{"title": "a & b", **more})  # type: ignore[arg-type]
    return ET.fromstring(text)


@pytest.mark.parametrize("name", ["flat", "leaf-spine", "dual-homed"])
def test_every_device_group_and_cable_is_drawn(name: str) -> None:
    document = written(DUAL_HOMED) if name == "dual-homed" else scenario(name)
    plan, root = blueprint(document), drawn(document)
    texts = [element.text or "" for element in root.iter(f"{SVG}text")]
    for device in plan.devices:
        assert sum(text == device.name or text[:-1] == device.name[:16] for text in texts) == 1, device.name
    for network in layout(document).networks:
        for prefixes in network.carving.values():
            assert "  ".join(map(str, prefixes)) in " ".join(texts)
    assert sum("93a3b5" in path.get("stroke", "") for path in root.iter(f"{SVG}path")) == len(plan.cables)


def test_nothing_lies_outside_the_frame() -> None:
    root = drawn(written(DUAL_HOMED))
    width, height = float(root.get("width", "0")), float(root.get("height", "0"))
    for box in root.iter(f"{SVG}rect"):
        x, y = float(box.get("x", "0")), float(box.get("y", "0"))
        assert 0 <= x <= x + float(box.get("width", "0")) <= width
        assert 0 <= y <= y + float(box.get("height", "0")) <= height


def test_pods_are_dots_and_many_are_a_number() -> None:
    document = scenario("flat")
    root = drawn(document, pods={"node-1": 3, "node-2": 9, "node-3": 40})
    assert len([*root.iter(f"{SVG}circle")]) == 12
    assert "40 pods" in [element.text for element in root.iter(f"{SVG}text")]


def test_free_space_and_notes_are_said() -> None:
    root = drawn(scenario("leaf-spine"), notes={"spine-1": "3 routes"})
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert "10.112.0.0/12  (free: 10.124.0.0/14)" in texts
    assert "3 routes" in texts
    assert "AS 64600" in texts


def test_routers_stand_above_what_they_serve() -> None:
    document = written(DUAL_HOMED)
    plan, root = blueprint(document), drawn(document)
    heights = {element.text: float(element.get("y", "0")) for element in root.iter(f"{SVG}text")}
    for cable in plan.cables:
        upper, lower = (port.device for port in cable.ports)
        kinds = {plan.by_name[upper].kind, plan.by_name[lower].kind}
        if upper in heights and lower in heights and Kind.SWITCH not in kinds:
            assert heights[upper] <= heights[lower], cable.name
