"""Trees of groups as a part of records: the shapes, and the way there and back."""

from __future__ import annotations

import msgspec

from romana.model.topology import Announce, Group, ListedHost, Protocol, Router
from romana.net.prefix import Address, Prefix
from romana.wire.records_codec import Shape


class RouterShape(Shape, frozen=True, kw_only=True):
    name: str
    address: str | None = None
    address6: str | None = None
    asn: int | None = None
    protocol: Protocol = Protocol.BGP


class HostShape(Shape, frozen=True, kw_only=True):
    name: str
    addresses: list[str]
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    links: dict[str, str] = msgspec.field(default_factory=dict)


class GroupShape(Shape, frozen=True, kw_only=True):
    name: str
    named: bool = True
    assignment: dict[str, str] = msgspec.field(default_factory=dict)
    groups: list[GroupShape] = msgspec.field(default_factory=list)
    hosts: list[HostShape] = msgspec.field(default_factory=list)
    prefixes: list[str] = msgspec.field(default_factory=list)
    hosts_expected: int | None = None
    weight: int | None = None
    host_mask: int | None = None
    host_mask6: int | None = None
    on_link: bool | None = None
    routers: list[RouterShape] = msgspec.field(default_factory=list)
    announce: Announce | None = None
    routing: str = ""


def group_shape(group: Group) -> GroupShape:
    return GroupShape(
        name=group.name,
        named=group.named,
        assignment=dict(group.assignment),
        groups=[group_shape(g) for g in group.groups],
        hosts=[_host(h) for h in group.hosts],
        prefixes=texts(group.prefixes),
        hosts_expected=group.hosts_expected,
        weight=group.weight,
        host_mask=group.host_mask,
        host_mask6=group.host_mask6,
        on_link=group.on_link,
        routers=[_router(r) for r in group.routers],
        announce=group.announce,
        routing=group.routing,
    )


def to_group(shape: GroupShape) -> Group:
    return Group(
        name=shape.name,
        assignment=shape.assignment,
        groups=tuple(map(to_group, shape.groups)),
        hosts=tuple(map(_to_host, shape.hosts)),
        prefixes=prefixes_of(shape.prefixes),
        hosts_expected=shape.hosts_expected,
        weight=shape.weight,
        host_mask=shape.host_mask,
        host_mask6=shape.host_mask6,
        on_link=shape.on_link,
        routers=tuple(map(_to_router, shape.routers)),
        announce=shape.announce,
        routing=shape.routing,
        named=shape.named,
    )


def _host(host: ListedHost) -> HostShape:
    return HostShape(
        name=host.name,
        addresses=[str(a) for a in host.addresses],
        labels=dict(host.labels),
        links={link: str(a) for link, a in host.links.items()},
    )


def _to_host(shape: HostShape) -> ListedHost:
    return ListedHost(
        shape.name,
        tuple(map(Address.parse, shape.addresses)),
        shape.labels,
        {link: Address.parse(a) for link, a in shape.links.items()},
    )


def _router(router: Router) -> RouterShape:
    return RouterShape(
        name=router.name,
        address=text(router.address),
        address6=text(router.address6),
        asn=router.asn,
        protocol=router.protocol,
    )


def _to_router(shape: RouterShape) -> Router:
    return Router(
        shape.name, address_of(shape.address), address_of(shape.address6), shape.asn, shape.protocol
    )


def texts(prefixes: tuple[Prefix, ...]) -> list[str]:
    return [str(prefix) for prefix in prefixes]


def prefixes_of(written: list[str]) -> tuple[Prefix, ...]:
    return tuple(map(Prefix.parse, written))


def text(address: Address | None) -> str | None:
    return None if address is None else str(address)


def address_of(written: str | None) -> Address | None:
    return None if written is None else Address.parse(written)
