"""A strategy for sound documents: everything the model can say that a document may say."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from romana.model.names import host_address_fault, host_name_fault
from romana.model.topology import (
    Announce,
    BlockOwner,
    Device,
    Document,
    Group,
    ListedHost,
    Network,
    Placement,
    Protocol,
    Router,
    Topology,
    Vlan,
)
from romana.net.prefix import Address, Prefix

printable = st.characters(max_codepoint=0x2FFF).filter(str.isprintable) | st.sampled_from(" é\U0001f600")
texts = st.text(printable, max_size=3) | st.sampled_from(
    [
        "on",
        "null",
        "~",
        "012",
        "1:20",
        "<<",
        "=",
        "a: b",
        "#c",
        "- d",
        "{",
        "'",
        '"',
        "!x",
        "&y",
        "*z",
        "%",
        "@",
        "  ",
    ]
)
filled = texts.filter(bool)
names = filled.filter(lambda text: "/" not in text)
labels = st.dictionaries(filled, texts, max_size=2)
routing = texts
asns = st.none() | st.integers(1, 2**32 - 2)


def addresses(version: int) -> st.SearchStrategy[Address]:
    return st.integers(0, 2 ** (32 if version == 4 else 128) - 1).map(
        lambda value: Address.of(version, value)
    )


def maybe(strategy: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | strategy


@st.composite
def networks(draw: st.DrawFn, number: int, name: str) -> Network:
    """Number i is cut from 10.i.0.0/16 and fd00:i::/32, so that no two overlap."""
    four = [Prefix.of(4, 10 << 24 | number << 16 | part << 13, 19) for part in range(3)]
    six = [Prefix.of(6, 0xFD00 << 112 | number << 96, 48)]
    prefixes = draw(st.lists(st.sampled_from(four + six), min_size=1, max_size=4, unique=True).map(tuple))
    has4, has6 = any(p.version == 4 for p in prefixes), any(p.version == 6 for p in prefixes)
    reserved = draw(
        st.lists(st.sampled_from(prefixes).map(lambda p: p.address(3).prefix), max_size=2).map(tuple)
    )
    return Network(
        name,
        prefixes,
        draw(st.integers(26, 32)) if has4 else 26,
        draw(st.integers(120, 128)) if has6 else 122,
        draw(st.sampled_from(BlockOwner)),
        draw(st.sampled_from(Placement)),
        draw(st.integers(0, 10**6).map(float) | st.floats(0, 10**6)),
        draw(st.lists(st.text("aZ0_-", max_size=3), max_size=3, unique=True).map(tuple)),
        reserved,
        draw(maybe(st.builds(Vlan, st.integers(1, 4094), maybe(addresses(4))))),
    )


usable = (addresses(4) | addresses(6)).filter(lambda address: not host_address_fault(address))


@st.composite
def hosts(draw: st.DrawFn, name: str) -> ListedHost:
    own = draw(st.lists(usable, min_size=1, max_size=3, unique=True))
    links = dict(zip(draw(st.lists(filled, min_size=3, max_size=3, unique=True)), own, strict=False))
    by_link = draw(st.booleans())
    return ListedHost(name, tuple(own), draw(labels), links if by_link else {})


class Names:
    """Draws names that no other host, router or device has."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw, self.used = draw, set()

    def fresh(self) -> str:
        name = self.draw(names.filter(lambda name: name not in self.used and not host_name_fault(name)))
        self.used.add(name)
        return name


def _groups(draw: st.DrawFn, unique: Names, depth: int, mask: int | None) -> Group:
    kind = (
        draw(st.sampled_from(["groups", "hosts", "empty"]))
        if depth
        else draw(st.sampled_from(["hosts", "empty"]))
    )
    children: list[Group] = []
    for position in range(1, draw(st.integers(1, 3)) + 1 if kind == "groups" else 0):
        named = draw(st.booleans())
        taken = {c.name for c in children}
        name = draw(names.filter(lambda n, taken=taken: n not in taken)) if named else str(position)
        if name in taken:
            continue
        child = _groups(draw, unique, depth - 1, mask)
        size = draw(st.sampled_from(["none", "weight", "hosts"]))
        children.append(
            replace(
                child,
                name=name,
                named=named or str(len(children) + 1) != name,
                weight=draw(st.integers(1, 4)) if size == "weight" else None,
                hosts_expected=draw(st.integers(1, 2)) if size == "hosts" else None,
            )
        )
    routers = [
        Router(
            unique.fresh(),
            draw(maybe(addresses(4))),
            draw(maybe(addresses(6))),
            draw(asns),
            draw(st.sampled_from(Protocol)),
        )
        for _ in range(draw(st.integers(0, 2)))
    ]
    return Group(
        "",
        draw(labels),
        tuple(children),
        tuple(draw(hosts(unique.fresh())) for _ in range(draw(st.integers(1, 2)) if kind == "hosts" else 0)),
        host_mask=draw(st.sampled_from([None, mask])),
        on_link=draw(maybe(st.booleans())),
        routers=tuple(routers),
        announce=draw(maybe(st.sampled_from(Announce))),
        routing=draw(routing),
    )


@st.composite
def documents(draw: st.DrawFn) -> Document:
    own = [
        draw(networks(i, name))
        for i, name in enumerate(draw(st.lists(filled, min_size=0, max_size=3, unique=True)))
    ]
    unique = Names(draw)
    topologies = []
    for network in own:
        if draw(st.booleans()):
            mask = 26 if 4 in network.versions else None
            topologies.append(Topology((network.name,), _groups(draw, unique, 2, mask)))
    paths = [group.name for t in topologies for group in t.root.groups]
    devices = [
        Device(
            unique.fresh(),
            draw(filled),
            draw(maybe(addresses(4))),
            draw(maybe(addresses(6))),
            draw(asns),
            draw(st.sampled_from([None, "", *paths])),
        )
        for _ in range(draw(st.integers(0, 2)))
    ]
    known = sorted(unique.used)
    pairs = (
        st.lists(st.sampled_from(known), min_size=2, max_size=2, unique=True).map(tuple)
        if len(known) > 1
        else None
    )
    return Document(
        tuple(own),
        tuple(topologies),
        tuple(devices),
        tuple(draw(st.lists(pairs, max_size=3))) if pairs is not None else (),
        draw(st.dictionaries(filled, st.integers(1, 1000), max_size=2)),
    )
