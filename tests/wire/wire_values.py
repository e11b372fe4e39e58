"""Strategies for values of the model, as wild as their types allow."""

from __future__ import annotations

from hypothesis import strategies as st

from romana.model.block import Block, Claim, Extent, Holding, Owner, Writer
from romana.model.host import AgentMark, Host, HostName, HostState
from romana.model.layout import CarvedNetwork, Layout, NetworkId
from romana.model.topology import (
    Announce,
    BlockOwner,
    Device,
    Document,
    Group,
    GroupPath,
    ListedHost,
    Network,
    Placement,
    Protocol,
    Router,
    Topology,
    Vlan,
)
from romana.net.prefix import Address, Prefix

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
seconds = st.floats(min_value=0, allow_nan=False, allow_infinity=False)
labels = st.dictionaries(texts, texts, max_size=3)
network_ids = st.text("abcdef0123456789", min_size=1, max_size=8).map(NetworkId)


@st.composite
def prefixes(draw: st.DrawFn, shortest: int = 0) -> Prefix:
    version = draw(st.sampled_from([4, 6]))
    bits = 32 if version == 4 else 128
    length = draw(st.integers(shortest, bits))
    value = draw(st.integers(0, (1 << bits) - 1))
    return Prefix.of(version, value >> bits - length << bits - length, length)


addresses = prefixes().map(lambda p: p.address(0))
paths = st.lists(names, max_size=3).map("/".join).map(GroupPath)
some = {"max_size": 3}


def offsets(prefix: Prefix) -> st.SearchStrategy[Address]:
    return st.integers(0, prefix.size - 1).map(prefix.address)


owners = st.builds(Owner, names.map(HostName), texts, texts)


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    prefix = draw(prefixes())
    held = draw(st.lists(offsets(prefix), max_size=5, unique=True))
    return Block(
        draw(network_ids),
        prefix,
        draw(paths),
        draw(owners),
        draw(st.sampled_from(Writer)),
        draw(st.integers(0, 2**53)),
        {a: Holding(a, draw(names), draw(texts), draw(texts)) for a in held},
        draw(st.dictionaries(offsets(prefix), seconds, max_size=3)),
        draw(seconds),
        draw(st.booleans()),
    )


@st.composite
def extents(draw: st.DrawFn) -> Extent:
    prefix = draw(prefixes())
    inside = offsets(prefix).map(lambda a: a.prefix)
    claim = st.builds(Claim, inside, st.none() | owners, st.sampled_from(Writer), st.integers(0, 2**53))
    return Extent(
        draw(network_ids),
        prefix,
        draw(paths),
        draw(st.booleans()),
        draw(st.none() | names.map(HostName)),
        tuple(draw(st.lists(claim, max_size=4))),
        draw(st.integers(0, 2**53)),
    )


hosts = st.builds(
    Host,
    names.map(HostName),
    st.lists(addresses, **some).map(tuple),
    labels,
    st.dictionaries(network_ids, paths, max_size=2),
    st.sampled_from(HostState),
    st.booleans(),
    st.none() | st.builds(AgentMark, texts, texts),
)
networks = st.builds(
    Network,
    names,
    st.lists(prefixes(), **some).map(tuple),
    st.integers(0, 32),
    st.integers(0, 128),
    st.sampled_from(BlockOwner),
    st.sampled_from(Placement),
    seconds,
    st.lists(texts, **some).map(tuple),
    st.lists(prefixes(), **some).map(tuple),
    st.none() | st.builds(Vlan, st.integers(1, 4094), st.none() | addresses),
)
maybe = st.none() | st.integers(0, 128)
routers = st.builds(
    Router, names, st.none() | addresses, st.none() | addresses, maybe, st.sampled_from(Protocol)
)
listed_hosts = st.builds(
    ListedHost,
    names,
    st.lists(addresses, **some).map(tuple),
    labels,
    st.dictionaries(names, addresses, max_size=2),
)


def _group(below: st.SearchStrategy[tuple[Group, ...]]) -> st.SearchStrategy[Group]:
    return st.builds(
        Group,
        names,
        labels,
        below,
        st.lists(listed_hosts, max_size=2).map(tuple),
        st.lists(prefixes(), max_size=2).map(tuple),
        maybe,
        maybe,
        maybe,
        maybe,
        st.none() | st.booleans(),
        st.lists(routers, max_size=2).map(tuple),
        st.none() | st.sampled_from(Announce),
        texts,
        st.booleans(),
    )


groups = st.recursive(
    _group(st.just(())), lambda inner: _group(st.lists(inner, max_size=3).map(tuple)), max_leaves=4
)
documents = st.builds(
    Document,
    st.lists(networks, max_size=2).map(tuple),
    st.lists(st.builds(Topology, st.lists(names, **some).map(tuple), groups), max_size=2).map(tuple),
    st.lists(
        st.builds(
            Device, names, texts, st.none() | addresses, st.none() | addresses, maybe, st.none() | paths
        ),
        max_size=2,
    ).map(tuple),
    st.lists(st.tuples(names, names), **some).map(tuple),
    st.dictionaries(texts, st.integers(0, 2**53), max_size=2),
)


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    document = draw(documents)
    trees = [t.root for t in document.topologies]
    carved = st.builds(
        CarvedNetwork,
        network_ids,
        networks | st.sampled_from(document.networks) if document.networks else networks,
        st.none() | groups | st.sampled_from(trees) if trees else st.none() | groups,
        st.dictionaries(paths, st.lists(prefixes(), **some).map(tuple), max_size=3),
        st.frozensets(paths, max_size=2),
    )
    return Layout(document, tuple(draw(st.lists(carved, max_size=2))))
