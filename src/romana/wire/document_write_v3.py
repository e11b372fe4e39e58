"""Documents back to text: v3 YAML, which says everything and reads back equal."""

from __future__ import annotations

from typing import Any, Final

from romana.model.topology import (
    BlockOwner,
    Device,
    Document,
    Group,
    ListedHost,
    Network,
    Placement,
    Protocol,
    Router,
)
from romana.wire.document_networks import default_mask

Mapped = dict[str, Any]
"""Plain values for a YAML or JSON writer."""
WIDTH: Final = 110


class Flow(dict[str, Any]):
    """A mapping written on one line: `{name: spine-1, asn: 64600}`."""


class FlowList(list[Any]):
    """A list written on one line."""


def write_v3(document: Document) -> str:
    """Return YAML that reads back as an equal document. What is at its default is left out."""
    import yaml

    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
            return True

    Dumper.add_representer(
        Flow, lambda d, v: d.represent_mapping("tag:yaml.org,2002:map", v.items(), flow_style=True)
    )
    Dumper.add_representer(
        FlowList, lambda d, v: d.represent_sequence("tag:yaml.org,2002:seq", v, flow_style=True)
    )
    text: str = yaml.dump(
        _v3(document),
        Dumper=Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=WIDTH,
        default_flow_style=False,
    )
    return text


def _v3(document: Document) -> Mapped:
    return {
        "networks": [_network(network) for network in document.networks],
        "topologies": [
            {"networks": FlowList(t.networks), **_inherited(t.root), "map": _members(t.root)}
            for t in document.topologies
        ],
        **_set("devices", [_device(device) for device in document.devices]),
        **_set("links", [FlowList(link) for link in document.links]),
        **_set("budgets", Flow(document.budgets)),
    }


def _set(key: str, value: Any, default: Any = None) -> Mapped:
    """Return the key with its value, nothing where that is empty or the default."""
    absent = value is None or value == default or (default is None and value in ("", [], {}))
    return {} if absent else {key: value}


def _network(network: Network) -> Mapped:
    own = network.prefixes
    cidrs = [str(prefix) for prefix in own]
    return {
        "name": network.name,
        **({"cidr": cidrs[0]} if len(cidrs) == 1 else {"cidrs": FlowList(cidrs)}),
        **_set("block_mask", network.block_mask, default_mask(3, 4, own)),
        **_set("block_mask6", network.block_mask6, default_mask(3, 6, own)),
        **_set("owner", str(network.owner), str(BlockOwner.HOST)),
        **_set("placement", str(network.placement), str(Placement.SPREAD)),
        **_set("reuse_delay", _span(network.reuse_delay), "30s"),
        **_set("tenants", FlowList(network.tenants)),
        **_set("reserved", FlowList(str(prefix) for prefix in network.reserved)),
        **_set("vlan", _vlan(network)),
    }


def _span(seconds: float) -> str:
    return f"{int(seconds)}s" if seconds == int(seconds) else f"{seconds!r}s"


def _vlan(network: Network) -> Mapped | None:
    vlan = network.vlan
    return None if vlan is None else Flow(id=vlan.id, **_set("gateway", _text(vlan.gateway)))


def _inherited(group: Group) -> Mapped:
    routers = [_router(router) for router in group.routers]
    return {
        **_set("assignment", Flow(group.assignment)),
        **_set("host_mask", group.host_mask),
        **_set("host_mask6", group.host_mask6),
        **_set("on_link", group.on_link),
        **({"router": routers[0]} if len(routers) == 1 else _set("routers", routers)),
        **_set("announce", group.announce and str(group.announce)),
        **_set("routing", group.routing),
    }


def _members(group: Group) -> list[Mapped]:
    return [_group(g) for g in group.groups] or [_host(h) for h in group.hosts]


def _group(group: Group) -> Mapped:
    """An unnamed group that says nothing at all is an empty mapping."""
    return {
        **({"name": group.name} if group.named else {}),
        **_set("prefixes", FlowList(str(prefix) for prefix in group.prefixes)),
        **_set("hosts_expected", group.hosts_expected),
        **_set("weight", group.weight),
        **_inherited(group),
        **_set("groups" if group.groups else "hosts", _members(group)),
    }


def _host(host: ListedHost) -> Mapped:
    addresses = [str(address) for address in host.addresses]
    links = {link: str(address) for link, address in host.links.items()}
    single = len(addresses) == 1 and not links
    return Flow(
        name=host.name,
        **({"address": addresses[0]} if single else {"addresses": links or addresses}),
        **_set("labels", dict(host.labels)),
        **_set("joined", host.joined, False),
    )


def _router(router: Router) -> Mapped:
    return Flow(
        name=router.name,
        **_set("address", _text(router.address)),
        **_set("address6", _text(router.address6)),
        **_set("asn", router.asn),
        **_set("protocol", str(router.protocol), str(Protocol.BGP)),
    )


def _device(device: Device) -> Mapped:
    return Flow(
        name=device.name,
        **_set("kind", device.kind, "spine"),
        **_set("address", _text(device.address)),
        **_set("address6", _text(device.address6)),
        **_set("asn", device.asn),
        **({} if device.serves is None else {"serves": device.serves}),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
