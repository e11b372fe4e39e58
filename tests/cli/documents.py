"""Documents that the stories are told with."""

RACKS = """\
networks:
  - name: pods
    cidr: 10.112.0.0/16
    block_mask: 28
    reuse_delay: 0s
topologies:
  - networks: [pods]
    map:
      - name: rack-1
        assignment: {rack: r1}
        routers: [{name: tor-1, address: 192.168.1.254, asn: 65101}]
      - name: rack-2
        assignment: {rack: r2}
        routers: [{name: tor-2, address: 192.168.2.254, asn: 65102}]
devices:
  - {name: spine-1, kind: spine, asn: 64600}
links: [[tor-1, spine-1], [tor-2, spine-1]]
"""

FLAT = """\
networks:
  - {name: flat, cidr: 10.9.0.0/24, block_mask: 29}
topologies:
  - networks: [flat]
    map:
      - name: all
        hosts:
          - {name: n1, address: 192.168.0.1}
          - {name: n2, address: 192.168.0.2}
"""

DUAL = """\
networks:
  - {name: both, cidrs: [10.8.0.0/24, "fd00:8::/112"], block_mask: 28}
topologies:
  - {networks: [both], map: [{name: all}]}
"""

V2 = """\
# the second version's documents are JSON with comments
{
  "networks": [
    {"name": "net1", "cidr": "10.0.0.0/16", "block_mask": 30},
    {"name": "vip", "cidr": "10.1.0.0/24", "tenants": ["web"]}
  ],
  "topologies": [
    {"networks": ["net1", "vip"],
     "map": [{"routing": "test", "groups": [{"name": "h1", "ip": "172.17.0.1"}, {"name": "h2", "ip": "172.17.0.2"}]}]}
  ]
}
"""
