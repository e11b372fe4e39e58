"""Documents that the lab's tests share."""

from __future__ import annotations

from importlib.resources import files

from romana.lab.blueprint import Blueprint
from romana.lab.wiring import blueprint
from romana.model.layout import CarvedNetwork, Layout, NetworkId
from romana.model.topology import Document
from romana.plan.carve import carve
from romana.wire.document import read


def scenario(name: str) -> Document:
    return read(files("romana.lab").joinpath("scenarios", f"{name}.yaml").read_bytes()).document


def written(text: str) -> Document:
    return read(text.encode()).document


def layout(document: Document) -> Layout:
    """Carve as `topology apply` does, with each network's name as its id."""
    networks = []
    for network in document.networks:
        root = document.root_of(network.name)
        networks.append(
            CarvedNetwork(NetworkId(network.name), network, root, carve(network, root) if root else {})
        )
    return Layout(document, tuple(networks))


def planned(text: str) -> Blueprint:
    return blueprint(written(text))


DUAL_HOMED = """
networks:
  - {name: pods, cidrs: [10.112.0.0/12, "fd00:112::/40"], block_mask: 28}
topologies:
  - networks: [pods]
    map:
      - name: zone-a
        routers: [{name: zone-router, address: 192.168.9.1, address6: "fd00:9::1", asn: 65200}]
        groups:
          - name: rack-1
            host_mask: 24
            routers:
              - {name: tor-1a, address: 192.168.1.1, address6: "fd00:1::1", asn: 65101}
              - {name: tor-1b, address: 192.168.1.2, address6: "fd00:1::2"}
            hosts:
              - {name: node-1, addresses: [192.168.1.11, "fd00:1::11"]}
              - {name: node-2, addresses: [192.168.1.12, "fd00:1::12"]}
          - name: rack-2
            on_link: true
            routers: [{name: tor-2, address: 192.168.2.1, address6: "fd00:2::1", asn: 65101}]
            hosts:
              - {name: node-3, addresses: [192.168.2.11, "fd00:2::11"]}
              - {name: node-4, addresses: [192.168.2.12, "fd00:2::12"]}
devices:
  - {name: border, kind: border}
links:
  - [tor-1a, zone-router]
  - [tor-1b, zone-router]
  - [tor-1a, tor-1b]
  - [tor-2, zone-router]
  - [zone-router, border]
"""
"""Everything at once: two families, two ToRs on a rack, a rack on a shared segment, three levels of routers."""
