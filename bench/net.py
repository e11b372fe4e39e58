"""`make bench`: prefixes, aggregation and lookups beside the libraries that people use for them.

Variants of one comparison take turns within every round, so that a busy moment hits all of them; the
numbers are medians over the rounds. Ratios are what counts: "aggregate, values: 6.1" says that the
peer took 6.1 times as long, in the median of the ratios of the rounds.
"""

from __future__ import annotations

import gc
import ipaddress
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable

import netaddr
import pytricia

from romana.net.aggregate import aggregate, aggregate_keys
from romana.net.prefix import FAMILY, Address, Prefix
from romana.net.table import LookupTable

COUNT = 100_000
ROUNDS = 7
Runs = dict[str, Callable[[], object]]


def keys(seed: int, version: int, low: int, high: int, top: int = 0) -> list[int]:
    """Random prefixes, packed; `top` fixes that many leading bits, which makes the set dense."""
    draw = random.Random(seed)
    bits, family = (32, 0) if version == 4 else (128, FAMILY)
    found = []
    for _ in range(COUNT):
        length = draw.randint(low, high)
        found.append(family | draw.getrandbits(length - top) << bits - length + 8 | length)
    return found


class Took:
    """Seconds of each variant, one entry a round; variants run in turn within a round."""

    def __init__(self, variants: Runs, rounds: int = ROUNDS) -> None:
        self.rounds: dict[str, list[float]] = {name: [] for name in variants}
        for _ in range(rounds):
            for name, run in variants.items():
                gc.collect()
                start = time.perf_counter()
                run()
                self.rounds[name].append(time.perf_counter() - start)

    def __getitem__(self, name: str) -> float:
        return statistics.median(self.rounds[name])

    def ratio(self, name: str, to: str) -> float:
        return statistics.median(a / b for a, b in zip(self.rounds[name], self.rounds[to], strict=True))


def compare_aggregation(
    title: str, packed: list[int], *, goal: str = ", goal %d"
) -> list[tuple[str, float, str]]:
    values = [Prefix(key) for key in packed]
    texts = [*map(str, values)]
    nets = [netaddr.IPNetwork(text) for text in texts]
    stdlib = [ipaddress.ip_network(text) for text in texts]
    merged = aggregate(values)
    assert [str(n) for n in netaddr.cidr_merge(nets)] == [*map(str, merged)]
    took = Took(
        {
            "packed": lambda: aggregate_keys(packed),
            "values": lambda: aggregate(values),
            "netaddr": lambda: netaddr.cidr_merge(nets),
            "ipaddress": lambda: [*ipaddress.collapse_addresses(stdlib)],
        }
    )
    head = f"aggregate {title} to {len(merged):,}"
    return [
        (
            f"{head}, packed ints",
            took["packed"],
            f"netaddr {took.ratio('netaddr', 'packed'):.1f} x{goal % 8 if goal else ''}",
        ),
        (
            f"{head}, values",
            took["values"],
            f"netaddr {took.ratio('netaddr', 'values'):.1f} x{goal % 5 if goal else ''}",
        ),
        ("  netaddr.cidr_merge", took["netaddr"], ""),
        (
            "  ipaddress.collapse_addresses",
            took["ipaddress"],
            f"{took.ratio('ipaddress', 'values'):.0f} x ours on values",
        ),
    ]


def compare_lookups() -> list[tuple[str, float, str]]:
    """Build both tables of 10^5 prefixes and look 10^5 random addresses up, the way a caller would."""
    packed = keys(5, 4, 12, 32)
    values = [Prefix(key) for key in packed]
    texts = [*map(str, values)]

    def ours() -> LookupTable[int]:
        return LookupTable(zip(values, packed, strict=True))

    def theirs() -> pytricia.PyTricia:
        trie = pytricia.PyTricia(32)
        for text, key in zip(texts, packed, strict=True):
            trie[text] = key
        return trie

    table, trie = ours(), theirs()
    draw = random.Random(6)
    numbers = [draw.getrandbits(32) for _ in range(COUNT)]
    addresses = [Address.of(4, number) for number in numbers]
    words = [*map(str, addresses)]
    lookup, lookup_key, get, parse = table.lookup, table.lookup_key, trie.get, Address.parse
    shifted = [address.key for address in addresses]
    found = (lookup(address) for address in addresses)
    assert [f and f[1] for f in found] == [get(word) for word in words]
    took = Took(
        {
            "value": lambda: [lookup(a) for a in addresses],
            "key": lambda: [lookup_key(k) for k in shifted],
            "text": lambda: [lookup(parse(w)) for w in words],
            "trie text": lambda: [get(w) for w in words],
            "trie int": lambda: [get(n) for n in numbers],
        }
    )
    built = Took({"ours": ours, "theirs": theirs}, 3)
    each = 1e6 / COUNT
    rows = [
        ("lookup, Address", took["value"], f"{took.ratio('value', 'trie text'):.2f} of pytricia, goal 1.50"),
        ("lookup, packed int", took["key"], f"{took.ratio('key', 'trie int'):.2f} of pytricia on integers"),
        ("lookup, text parsed first", took["text"], f"{took.ratio('text', 'trie text'):.2f} of pytricia"),
        ("  pytricia, text", took["trie text"], ""),
        ("  pytricia, integer", took["trie int"], ""),
    ]
    return [
        *((name, seconds, f"{seconds * each:.2f} us each; {note}" if note else f"{seconds * each:.2f} us each")
          for name, seconds, note in rows),
        ("build the table", built["ours"], "goal 1 s"),
        ("  pytricia", built["theirs"], ""),
    ]  # fmt: skip


def main() -> None:
    print(f"{platform.platform()}, {os.cpu_count()} cores, CPython {platform.python_version()}")
    print(
        f"10^5 prefixes and lookups; median of {ROUNDS} interleaved rounds; "
        f"netaddr {netaddr.__version__}, pytricia {getattr(pytricia, '__version__', '')}".rstrip()
    )
    rows = [
        *compare_aggregation("/12-/32", keys(1, 4, 12, 32)),
        *compare_aggregation("/16-/30", keys(2, 4, 16, 30)),
        *compare_aggregation("dense /20-/32 in a /8", keys(3, 4, 20, 32, top=8)),
        *compare_aggregation("IPv6 /48-/62", keys(4, 6, 48, 62), goal=""),
        *compare_lookups(),
    ]
    width = max(len(name) for name, _, _ in rows)
    for name, seconds, note in rows:
        print(f"{name:<{width}}  {seconds * 1e3:8.1f} ms  {note}".rstrip())


if __name__ == "__main__":
    sys.exit(main())
