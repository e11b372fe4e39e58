"""Random data centres: flat or routed, one level or two, any connected graph of links, pods anywhere."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from romana.model.snapshot import Snapshot
from romana.model.topology import (
    Announce,
    Device,
    Document,
    Group,
    GroupPath,
    ListedHost,
    Network,
    Router,
    Topology,
    sites,
)
from romana.net.prefix import Address, Prefix
from romana.testing.datacentre import DataCentre

SPACES = {4: Prefix.parse("10.0.0.0/16"), 6: Prefix.parse("fd00::/48")}


def address(number: int, version: int) -> Address:
    return Address.of(version, (192 << 24 if version == 4 else 0xFD01 << 112) + number)


@st.composite
def snapshots(draw) -> Snapshot:
    """A snapshot in which every held address can be delivered, if the tables are right."""
    routed = draw(st.booleans())
    document = draw(documents(routed))
    dc = DataCentre()
    dc.apply(document)
    hosts = [*dc.snapshot.hosts]
    for number, host in enumerate(draw(st.lists(st.sampled_from(hosts), max_size=12)) if hosts else []):
        dc.allocate(f"pod-{number}", host)
    snapshot = dc.snapshot
    if routed and hosts and draw(st.booleans()):
        snapshot = moved(draw, snapshot)
    return snapshot


def moved(draw, snapshot: Snapshot) -> Snapshot:
    """Put one host elsewhere with everything it owns: its addresses become exceptions."""
    network = snapshot.layout.networks[0]
    host = snapshot.hosts[draw(st.sampled_from([*snapshot.hosts]))]
    leaf = draw(st.sampled_from([site.path for site in sites(network.root) if site.leaf]))
    groups = dict.fromkeys(host.groups, GroupPath(leaf))
    return replace(snapshot, hosts={**snapshot.hosts, host.name: replace(host, groups=groups)})


@st.composite
def documents(draw, routed: bool) -> Document:
    versions = draw(st.sampled_from([(4,), (6,), (4, 6)]))
    counter = iter(range(1, 1000))

    def addresses():
        number = next(counter)
        return tuple(address(number, version) for version in versions)

    def router():
        own = {a.version: a for a in addresses()}
        return Router(f"r{next(counter)}", own.get(4), own.get(6))

    def leaf(name: str, *, routers: bool) -> Group:
        return Group(
            name,
            hosts=tuple(ListedHost(f"h{next(counter)}", addresses()) for _ in range(draw(st.integers(0, 3)))),
            host_mask=draw(st.sampled_from([None, 26])),
            host_mask6=draw(st.sampled_from([None, 64])),
            on_link=draw(st.sampled_from([None, True])),
            announce=draw(st.sampled_from([None, Announce.GROUP])),
            routers=tuple(router() for _ in range(draw(st.integers(1, 2)))) if routers else (),
        )

    def zone(name: str) -> Group:
        """Routers of its own, of its racks, or both: below a zone with routers a rack may do without."""
        above = routed and draw(st.booleans())
        racks = tuple(
            leaf(f"rack-{n}", routers=routed and (not above or draw(st.booleans())))
            for n in range(draw(st.integers(1, 3)))
        )
        return Group(name, groups=racks, routers=(router(),) if above else ())

    groups = tuple(
        zone(f"zone-{n}") if draw(st.booleans()) else leaf(f"rack-{n}", routers=routed)
        for n in range(draw(st.integers(1, 3)))
    )
    network = Network("pods", tuple(SPACES[v] for v in versions), block_mask=29, block_mask6=125)
    devices = tuple(Device(f"d{n}") for n in range(draw(st.integers(0, 3)))) if routed else ()
    document = Document((network,), (Topology(("pods",), Group("", groups=groups)),), devices)
    return replace(document, links=draw(links(document)))


@st.composite
def links(draw, document: Document) -> tuple[tuple[str, str], ...]:
    """None at all, or a connected graph: a random tree and some links more."""
    routers = {r.name for t in document.topologies for s in sites(t.root) for r in s.routers}
    names = [*sorted(routers), *(d.name for d in document.devices)]
    if len(names) < 2 or draw(st.booleans()):
        return ()
    order = draw(st.permutations(names))
    tree = [(name, order[draw(st.integers(0, n))]) for n, name in enumerate(order[1:])]
    pairs = st.tuples(st.sampled_from(names), st.sampled_from(names))
    return (*tree, *draw(st.lists(pairs, max_size=4)))
