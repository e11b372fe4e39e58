"""The central writer: everything that people change in the store, one function for each wish.

    read snapshot ─► pure decision (`plan`) ─► one swap ─► lost? all of it again, after a jittered 10–200 ms

There is no transaction over several records, so each operation is an order of swaps in which any may be the
last one: the modules say why nothing is wrong then, and what the next call makes of it. A host whose agent
runs is the agent's: for it `allocate` and `release` are requests.
"""

from __future__ import annotations

from romana.reconcile.central_addresses import allocate, release
from romana.reconcile.central_documents import apply_document
from romana.reconcile.central_groups import Grown, grow_group
from romana.reconcile.central_hosts import add_host, label_host, remove_host
from romana.reconcile.central_reservations import reserve, unreserve
from romana.reconcile.central_swaps import Means, read_snapshot

__all__ = [
    "Grown",
    "Means",
    "add_host",
    "allocate",
    "apply_document",
    "grow_group",
    "label_host",
    "read_snapshot",
    "release",
    "remove_host",
    "reserve",
    "unreserve",
]
