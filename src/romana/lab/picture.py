"""The data centre as an SVG picture: devices and cables above, the tree of prefixes that follows them below.

    spines           one row for each level of routers
    ToRs
    nodes            in a box for each rack, with the prefix of each, a dot for every pod
    ├─ rack ─┤       the tree, from the leaves down to the network: what a device above announces
    ├─ network ──┤   is the bracket below it

Pure: text out. The renderer needs no library, and the picture no font that a browser does not have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

from romana.lab.blueprint import Blueprint, Device, Kind
from romana.model.host import HostName
from romana.model.layout import CarvedNetwork
from romana.model.snapshot import Snapshot
from romana.model.topology import GroupPath, Site, sites
from romana.net.aggregate import aggregate
from romana.net.prefix import Prefix
from romana.net.space import free
from romana.plan.claim import host_prefix

NODE_W: Final = 112
NODE_H: Final = 64
ROUTER_W: Final = 132
ROUTER_H: Final = 44
GAP: Final = 12
RACK_GAP: Final = 26
ROW: Final = 92
MARGIN: Final = 32
BRACKET: Final = 46
_DOTS: Final = 8
"""Dots in a row of a node; more pods than two rows hold are a number."""
_INK: Final = "#1d2b3a"
_FILL: Final = {Kind.SPINE: "#1f4e79", Kind.TOR: "#2f7d6d", Kind.SWITCH: "#6b7785", Kind.NODE: "#ffffff"}
_STYLE: Final = (
    "text{font-family:system-ui,'Segoe UI',Helvetica,Arial,sans-serif;fill:" + _INK + "}"
    ".p{font-family:ui-monospace,'DejaVu Sans Mono',Menlo,monospace}"
)
_LONGEST: Final = 17
"""Characters of a name that fit into a box."""


@dataclass
class _Drawing:
    plan: Blueprint
    snapshot: Snapshot
    pods: Mapping[str, int]
    notes: Mapping[str, str]
    place: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Centre of each device."""
    spans: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Left and right edge of each leaf group, by path."""
    parts: list[str] = field(default_factory=list)


def picture(
    plan: Blueprint,
    snapshot: Snapshot,
    *,
    title: str,
    pods: Mapping[str, int] | None = None,
    notes: Mapping[str, str] | None = None,
) -> str:
    """Return the picture as SVG. `pods` counts those of each node; `notes` is a line under a router."""
    drawing = _Drawing(plan, snapshot, pods or {}, notes or {})
    rows = sorted({_level(d) for d in plan.devices if d.kind is not Kind.NODE}, reverse=True)
    floor = MARGIN + 56 + ROW * len(rows)
    width = max(_place_nodes(drawing, floor), 560.0)
    for row, level in reversed([*enumerate(rows)]):
        _place_row(drawing, level, MARGIN + 56 + ROW * row, width)
    height = _brackets(drawing, floor + NODE_H + 40)
    width = max(width, *(x + ROUTER_W / 2 + MARGIN for x, _ in drawing.place.values()))
    cables = [*_cables(drawing)]
    boxes = [box for device in plan.devices for box in _box(drawing, device)]
    size = f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}"'
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f'<rect width="{width:g}" height="{height:g}" fill="#fbfcfd"/>',
        _text(MARGIN, MARGIN + 8, title, size=20, anchor="start", weight=600),
    ]
    return "\n".join([*head, *drawing.parts, *cables, *boxes, "</svg>"]) + "\n"


def _level(device: Device) -> float:
    """Return the row of a device: a segment is drawn between its hosts and its routers."""
    return 0.5 if device.kind is Kind.SWITCH else device.level


def _leaves(drawing: _Drawing) -> list[tuple[CarvedNetwork, Site, list[Device]]]:
    """Return the leaf groups of every tree with the nodes in them; a host in several trees stands once."""
    found, seen = [], set[str]()
    for network in drawing.snapshot.layout.networks:
        for site in sites(network.root) if network.root else ():
            names = [
                h.name for h in site.group.hosts if h.name in drawing.plan.by_name and h.name not in seen
            ]
            seen.update(names)
            if site.leaf and names:
                found.append((network, site, [drawing.plan.by_name[name] for name in names]))
    return found


def _place_nodes(drawing: _Drawing, y: float) -> float:
    """Place every rack and its nodes from left to right, and return the width of the picture."""
    x = float(MARGIN)
    for network, site, nodes in _leaves(drawing):
        inner = max(len(nodes) * (NODE_W + GAP) - GAP, 200)
        left, right = x, x + inner + 2 * GAP
        start = left + GAP + (inner - (len(nodes) * (NODE_W + GAP) - GAP)) / 2
        for index, node in enumerate(nodes):
            drawing.place[node.name] = (start + index * (NODE_W + GAP) + NODE_W / 2, y + NODE_H / 2)
        drawing.spans[f"{network.id}/{site.path}"] = (left, right)
        drawing.parts.append(_rect(left, y - GAP, right - left, NODE_H + 2 * GAP, "#edf2f7", "#d5dde6"))
        x = right + RACK_GAP
    return x - RACK_GAP + MARGIN


def _place_row(drawing: _Drawing, level: float, y: float, width: float) -> None:
    """Place the routers of one level above what they are cabled to; those with the same view share its width."""
    around: dict[tuple[str, ...], list[str]] = {}
    for device in (d for d in drawing.plan.devices if _level(d) == level and d.kind is not Kind.NODE):
        far = {port.device for _, port in drawing.plan.ports_of(device.name)}
        around.setdefault(tuple(sorted(far & drawing.place.keys())), []).append(device.name)
    for below, names in around.items():
        xs = [drawing.place[n][0] for n in below] or [MARGIN, width - MARGIN]
        for index, name in enumerate(names, 1):
            x = min(xs) + (max(xs) - min(xs)) * index / (len(names) + 1)
            drawing.place[name] = (x, y + ROUTER_H / 2)
    _part_overlapping(drawing, sorted(n for names in around.values() for n in names))


def _part_overlapping(drawing: _Drawing, names: Iterable[str]) -> None:
    right = float("-inf")
    for name in sorted(names, key=lambda n: drawing.place[n][0]):
        x, y = drawing.place[name]
        x = max(x, right + ROUTER_W + GAP)
        drawing.place[name], right = (x, y), x


def _cables(drawing: _Drawing) -> Iterator[str]:
    for cable in drawing.plan.cables:
        ends = [drawing.place.get(port.device) for port in cable.ports]
        if ends[0] and ends[1]:
            (x1, y1), (x2, y2) = ends[0], ends[1]
            yield f'<path d="M{x1:g} {y1:g}L{x2:g} {y2:g}" stroke="#93a3b5" stroke-width="1.6" fill="none"/>'


def _box(drawing: _Drawing, device: Device) -> Iterator[str]:
    if device.name not in drawing.place:
        return
    x, y = drawing.place[device.name]
    if device.kind is Kind.NODE:
        yield _rect(x - NODE_W / 2, y - NODE_H / 2, NODE_W, NODE_H, "#ffffff", "#9fb3c8")
        yield _text(x, y - 15, _short(device.name), size=13, weight=600)
        yield _text(x, y + 2, _held(drawing, device.name), size=10.5, code=True)
        yield from _dots(x, y + 16, drawing.pods.get(device.name, 0))
        return
    yield _rect(
        x - ROUTER_W / 2, y - ROUTER_H / 2, ROUTER_W, ROUTER_H, _FILL[device.kind], _FILL[device.kind]
    )
    note = drawing.notes.get(device.name) or (f"AS {device.asn}" if device.routes else "layer 2")
    yield _text(x, y - 3, _short(device.name), size=13, weight=600, ink="#ffffff")
    yield _text(x, y + 13, note, size=10.5, ink="#dfe9f2")


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def _dots(x: float, y: float, count: int) -> Iterator[str]:
    if count > 2 * _DOTS:
        yield _text(x, y + 6, f"{count} pods", size=10.5)
        return
    for index in range(count):
        row, column = divmod(index, _DOTS)
        left = x - (min(count - row * _DOTS, _DOTS) - 1) * 5.5
        yield f'<circle cx="{left + column * 11:g}" cy="{y + row * 10:g}" r="3.6" fill="#e07a2f"/>'


def _held(drawing: _Drawing, name: str) -> str:
    """Return what the node answers for: its own prefix, else its blocks."""
    held: list[Prefix] = []
    for network in drawing.snapshot.layout.networks:
        claims = [c for _, c in drawing.snapshot.claims(network.id) if c.owner and c.owner.host == name]
        for version in network.spec.versions:
            own = host_prefix(drawing.snapshot, network, HostName(name), version)
            blocks = (claim.prefix for claim in claims if claim.prefix.version == version)
            held += [own] if own is not None else aggregate(blocks)
    return f"{held[0]}" + (f" +{len(held) - 1}" if len(held) > 1 else "") if held else ""


def _brackets(drawing: _Drawing, y: float) -> float:
    """Draw the tree of each network, leaves first, and return the height of the picture."""
    for network in drawing.snapshot.layout.networks:
        groups: dict[GroupPath, list[str]] = {}
        for path in (key.partition("/")[2] for key in drawing.spans if key.startswith(f"{network.id}/")):
            parts = path.split("/") if path else []
            for depth in range(len(parts), 0, -1):
                groups.setdefault(GroupPath("/".join(parts[:depth])), []).append(f"{network.id}/{path}")
        for depth in sorted({path.count("/") for path in groups}, reverse=True):
            for path in (p for p in groups if p.count("/") == depth):
                _bracket(drawing, y, groups[path], path.rpartition("/")[2], network.carving.get(path, ()))
            y += BRACKET
        spans = [key for key in drawing.spans if key.startswith(f"{network.id}/")]
        if spans:
            top = [p for path in groups if "/" not in path for p in network.carving.get(path, ())]
            unused = free(network.spec.prefixes, top) if top else []
            rest = f"  (free: {' '.join(map(str, unused))})" if unused else ""
            _bracket(drawing, y, spans, f"network {network.name}", network.spec.prefixes, rest)
            y += BRACKET
    return y + MARGIN / 2


def _bracket(
    drawing: _Drawing, y: float, keys: Sequence[str], name: str, prefixes: Iterable[Prefix], rest: str = ""
) -> None:
    left = min(drawing.spans[key][0] for key in keys)
    right = max(drawing.spans[key][1] for key in keys)
    drawing.parts.append(
        f'<path d="M{left:g} {y - 6:g}v6H{right:g}v-6" stroke="{_INK}" stroke-width="1.2" fill="none"/>'
    )
    middle = (left + right) / 2
    drawing.parts.append(_text(middle, y + 15, name, size=12, weight=600))
    drawing.parts.append(_text(middle, y + 29, "  ".join(map(str, prefixes)) + rest, size=11, code=True))


def _rect(x: float, y: float, width: float, height: float, fill: str, line: str) -> str:
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="7" fill="{fill}" '
        f'stroke="{line}"/>'
    )


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: float,
    anchor: str = "middle",
    weight: int = 400,
    code: bool = False,
    ink: str = "",
) -> str:
    kind = ' class="p"' if code else ""
    fill = f' style="fill:{ink}"' if ink else ""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" font-weight="{weight}" text-anchor="{anchor}"'
        f"{kind}{fill}>{escape(text)}</text>"
    )
