"""Tables as JSON: what devices hold or should hold, for scripts and for `romana verify --tables`.

    [{"device": "node-1",
      "routes": [{"prefix": "10.0.0.0/24", "via": "192.0.2.1", "dev": null, "kind": "host", "device": "node-2"}]}]

`via`, `dev` and `device` are those of the first next hop; a route with several has all of them in `hops`.
`metric` and `because` stand only where there is something to say.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from romana.model.errors import ConfigError, Problem
from romana.model.route import DeviceName, Hop, Route, RouteKind, Table
from romana.net.prefix import Address, Prefix, PrefixError


class HopRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    via: str | None = None
    dev: str | None = None
    device: str | None = None


class RouteRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A route as written. The five keys that are always there come first."""

    prefix: str
    via: str | None = None
    dev: str | None = None
    kind: str
    device: str | None = None
    hops: list[HopRecord] | msgspec.UnsetType = msgspec.UNSET
    metric: int | msgspec.UnsetType = msgspec.UNSET
    because: str | msgspec.UnsetType = msgspec.UNSET


class TableRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    device: str
    routes: list[RouteRecord]


def write_tables(tables: Iterable[Table]) -> bytes:
    """Return the tables as one JSON array."""
    return msgspec.json.encode(
        [TableRecord(device=t.device, routes=[*map(_written, t.routes)]) for t in tables]
    )


def write_routes(routes: Iterable[Route]) -> bytes:
    """Return the routes of one table as a JSON array, each as in `write_tables`."""
    return msgspec.json.encode([*map(_written, routes)])


def read_tables(text: bytes | str) -> dict[DeviceName, Table]:
    """Return the tables by device, in the order written.

    ConfigError `bad-tables` names the place where the text is not such an array; once its shape is right,
    it lists every prefix, address and kind that is none, and every device that stands there twice.
    """
    try:
        records = msgspec.json.decode(text, type=list[TableRecord])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the tables cannot be read: {error}", code="bad-tables") from error
    problems: list[Problem] = []
    tables: dict[DeviceName, Table] = {}
    for index, record in enumerate(records):
        if record.device in tables:
            problems.append(Problem(f"$[{index}].device", f"{record.device!r} stands here a second time"))
        routes = (_read(route, f"$[{index}].routes[{n}]", problems) for n, route in enumerate(record.routes))
        name = DeviceName(record.device)
        tables[name] = Table.of(name, [route for route in routes if route is not None])
    if problems:
        raise ConfigError("; ".join(map(str, problems)), code="bad-tables", problems=problems)
    return tables


def _written(route: Route) -> RouteRecord:
    hops = [HopRecord(via=str(h.via) if h.via else None, dev=h.dev, device=h.device) for h in route.hops]
    first = hops[0] if hops else HopRecord()
    return RouteRecord(
        prefix=str(route.prefix),
        via=first.via,
        dev=first.dev,
        kind=route.kind.value,
        device=first.device,
        hops=hops if len(hops) > 1 else msgspec.UNSET,
        metric=route.metric or msgspec.UNSET,
        because=route.because or msgspec.UNSET,
    )


def _read(record: RouteRecord, where: str, problems: list[Problem]) -> Route | None:
    """Return the route, or None with its problems added."""
    before = len(problems)
    if record.kind not in [*RouteKind]:
        problems.append(Problem(f"{where}.kind", f"{record.kind!r} is none of {', '.join(RouteKind)}"))
    try:
        prefix = Prefix.parse(record.prefix)
    except PrefixError as error:
        problems.append(Problem(f"{where}.prefix", str(error)))
    hops = tuple(_hop(hop, where, problems) for hop in _hops(record))
    if len(problems) > before:
        return None
    kind, metric, because = RouteKind(record.kind), record.metric or 0, record.because or ""
    if kind is RouteKind.DISCARD:
        hops = ()
    return Route(prefix, kind, hops, metric, because)


def _hops(record: RouteRecord) -> list[HopRecord]:
    if record.hops:
        return record.hops
    return [HopRecord(via=record.via, dev=record.dev, device=record.device)]


def _hop(record: HopRecord, where: str, problems: list[Problem]) -> Hop:
    via = None
    try:
        via = Address.parse(record.via) if record.via else None
    except PrefixError as error:
        problems.append(Problem(f"{where}.via", str(error)))
    return Hop(via, record.dev or None, DeviceName(record.device) if record.device else None)
