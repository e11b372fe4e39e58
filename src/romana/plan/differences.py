"""What is different under a new layout, in words and as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

from romana.model.host import Host, HostName
from romana.model.layout import CarvedNetwork, Layout, NetworkId
from romana.model.snapshot import Snapshot
from romana.model.topology import ROOT, Device, Group, GroupPath, Network, sites
from romana.net.prefix import Prefix

Homes = Mapping[NetworkId, GroupPath]
"""The group that a host lives in, for every network it is in."""
Links = tuple[tuple[str, str], ...]


class ChangeKind(StrEnum):
    ADD = "add"
    REMOVE = "remove"
    RENAME = "rename"
    DRAIN = "drain"
    """No new addresses; removed when it is empty."""
    GROW = "grow"
    """It keeps what it has and gets more."""
    MOVE = "move"
    JOIN = "join"
    """A host that is known gets a group in a network where it had none."""
    LEAVE = "leave"
    CHANGE = "change"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference."""

    kind: ChangeKind
    subject: str
    """`network`, `group`, `host`, `device`, `link`, `budget`."""
    name: str
    """A group's is `network: path`."""
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        what = f"{self.kind} {self.subject} {self.name}".rstrip()
        if self.before and self.after:
            return f"{what}: {self.before} → {self.after}"
        return f"{what}: {self.before or self.after}" if self.before or self.after else what


def differences(snapshot: Snapshot, layout: Layout, hosts: Mapping[HostName, Host]) -> tuple[Change, ...]:
    """Return what a new layout changes: networks, their groups, hosts, then the rest of the document."""
    return (
        *_of_networks(snapshot.layout, layout),
        *_of_hosts(snapshot, layout, hosts),
        *_of_rest(snapshot, layout),
    )


def _of_networks(before: Layout, after: Layout) -> Iterator[Change]:
    for old in before.networks:
        if after.by_id(old.id) is None:
            yield Change(ChangeKind.REMOVE, "network", old.name, before=_list(old.spec.prefixes))
    for new in after.networks:
        known = before.by_id(new.id)
        if known is None:
            yield Change(ChangeKind.ADD, "network", new.name, after=_list(new.spec.prefixes))
            known = CarvedNetwork(new.id, new.spec, None)
        elif known.name != new.name:
            yield Change(ChangeKind.RENAME, "network", new.name, before=known.name, after=new.name)
        if ROOT in new.draining - known.draining:
            yield Change(ChangeKind.DRAIN, "network", new.name)
            continue
        yield from _of_spec(known.spec, new.spec)
        yield from _of_groups(known, new)


def _of_spec(old: Network, new: Network) -> Iterator[Change]:
    for item in fields(Network):
        before, after = getattr(old, item.name), getattr(new, item.name)
        if before != after and item.name != "name":
            yield Change(ChangeKind.CHANGE, "network", f"{new.name} {item.name}", _text(before), _text(after))


def _of_groups(old: CarvedNetwork, new: CarvedNetwork) -> Iterator[Change]:
    trees = _tree(old.root), _tree(new.root)
    for path in old.carving:
        if path not in new.carving:
            yield Change(ChangeKind.REMOVE, "group", _at(new, path), before=_list(old.carving[path]))
    for path, prefixes in new.carving.items():
        where, had = _at(new, path), old.carving.get(path)
        if had is None:
            yield Change(ChangeKind.ADD, "group", where, after=_list(prefixes))
            continue
        if had != prefixes:
            grows = all(any(p in q for q in prefixes) for p in had)
            yield Change(
                ChangeKind.GROW if grows else ChangeKind.MOVE, "group", where, _list(had), _list(prefixes)
            )
        if path in new.draining - old.draining:
            yield Change(ChangeKind.DRAIN, "group", where)
        elif path in old.draining - new.draining:
            yield Change(ChangeKind.CHANGE, "group", where, "draining", "in use")
        yield from _of_group(where, trees[0].get(path), trees[1].get(path))


def _of_group(where: str, old: Group | None, new: Group | None) -> Iterator[Change]:
    if old is None or new is None:
        return
    for item in fields(Group):
        before, after = getattr(old, item.name), getattr(new, item.name)
        if before != after and item.name not in ("name", "named", "groups", "hosts", "prefixes"):
            yield Change(ChangeKind.CHANGE, "group", f"{where} {item.name}", _text(before), _text(after))


def _of_hosts(snapshot: Snapshot, layout: Layout, hosts: Mapping[HostName, Host]) -> Iterator[Change]:
    for name, old in snapshot.hosts.items():
        if name not in hosts:
            yield Change(ChangeKind.REMOVE, "host", name, before=_homes(snapshot.layout, old.groups))
    for name, new in hosts.items():
        known = snapshot.hosts.get(name)
        if known is None:
            yield Change(ChangeKind.ADD, "host", name, after=_homes(layout, new.groups))
            continue
        yield from _of_homes(snapshot.layout, layout, known, new)
        if known.listed != new.listed:
            yield Change(ChangeKind.CHANGE, "host", name, _origin(known), _origin(new))
        for what in ("addresses", "labels", "state"):
            before, after = getattr(known, what), getattr(new, what)
            if before != after:
                yield Change(ChangeKind.CHANGE, "host", f"{name} {what}", _text(before), _text(after))


def _of_homes(before: Layout, after: Layout, old: Host, new: Host) -> Iterator[Change]:
    stays = old.groups.keys() & new.groups.keys()
    lost, was = _split(old.groups, stays)
    gained, now = _split(new.groups, stays)
    if lost:
        yield Change(ChangeKind.LEAVE, "host", new.name, before=_homes(before, lost))
    if was != now:
        yield Change(ChangeKind.MOVE, "host", new.name, _homes(before, was), _homes(after, now))
    if gained:
        yield Change(ChangeKind.JOIN, "host", new.name, after=_homes(after, gained))


def _split(groups: Homes, stays: Collection[NetworkId]) -> tuple[Homes, Homes]:
    """Return the groups in networks that the host is in only now or only then, and those in the others."""
    return (
        {n: path for n, path in groups.items() if n not in stays},
        {n: path for n, path in groups.items() if n in stays},
    )


def _origin(host: Host) -> str:
    return "listed in the document" if host.listed else "joined"


def _of_rest(snapshot: Snapshot, layout: Layout) -> Iterator[Change]:
    old, new = snapshot.layout.document, layout.document
    yield from _of_devices(old.devices, new.devices)
    yield from _of_links(old.links, new.links)
    for kind in dict.fromkeys((*old.budgets, *new.budgets)):
        before, after = (str(budgets.get(kind, "")) for budgets in (old.budgets, new.budgets))
        if before != after:
            change = ChangeKind.CHANGE if before and after else ChangeKind.ADD if after else ChangeKind.REMOVE
            yield Change(change, "budget", kind, before, after)


def _of_devices(old: tuple[Device, ...], new: tuple[Device, ...]) -> Iterator[Change]:
    before, after = ({device.name: device for device in devices} for devices in (old, new))
    for name in before:
        if name not in after:
            yield Change(ChangeKind.REMOVE, "device", name)
    for name, device in after.items():
        if name not in before:
            yield Change(ChangeKind.ADD, "device", name)
            continue
        for item in fields(Device):
            was, now = getattr(before[name], item.name), getattr(device, item.name)
            if was != now:
                yield Change(ChangeKind.CHANGE, "device", f"{name} {item.name}", _text(was), _text(now))
    if [*before] != [*after] and before.keys() == after.keys():
        yield Change(ChangeKind.CHANGE, "devices", "order")


def _of_links(old: Links, new: Links) -> Iterator[Change]:
    """Two devices may share several links; which end is written first means nothing."""
    before, after = (Counter((min(link), max(link)) for link in links) for links in (old, new))
    for kind, links, others in ((ChangeKind.REMOVE, old, after), (ChangeKind.ADD, new, before)):
        left = Counter(others)
        for link in links:
            ends = (min(link), max(link))
            left[ends] -= 1
            if left[ends] < 0:
                yield Change(kind, "link", " – ".join(link))
    if old != new and before == after:
        yield Change(ChangeKind.CHANGE, "links", "order")


def _tree(root: Group | None) -> dict[GroupPath, Group]:
    return {site.path: site.group for site in sites(root)} if root else {}


def _at(network: CarvedNetwork, path: GroupPath) -> str:
    return f"{network.name}: {path}" if path else network.name


def _homes(layout: Layout, groups: Homes) -> str:
    names = {n.id: n.name for n in layout.networks}
    return (
        ", ".join(f"{names.get(n, n)}: {path}".removesuffix(": ") for n, path in groups.items()) or "no group"
    )


def _list(prefixes: Iterable[Prefix]) -> str:
    return ", ".join(map(str, prefixes))


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k}={v}" for k, v in value.items()) or "none"
    if isinstance(value, tuple):
        return ", ".join(str(getattr(v, "name", v)) for v in value) or "none"
    return "none" if value is None or value == "" else str(value)
