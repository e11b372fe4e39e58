"""Prefixes that are never handed out, reserved on the command line: one record for each network.

A topology that is put in force leaves them alone (v2 lost them there).
"""

from __future__ import annotations

from collections.abc import Iterable

from romana.model.errors import ConfigError, PlanError, Problem
from romana.model.layout import CarvedNetwork, NetworkId
from romana.model.snapshot import Snapshot
from romana.net.aggregate import aggregate
from romana.net.prefix import Prefix
from romana.ports.store import Store
from romana.reconcile.central_blocks import blocks_of
from romana.reconcile.central_names import agent_writes
from romana.reconcile.central_swaps import Means, Seen, fence, retried, see
from romana.wire.records import encode_reservations, reservations_key

SHOWN = 5
"""Addresses that a sentence names; the error's problems hold them all."""


async def reserve(store: Store, prefix: Prefix, *, means: Means | None = None) -> None:
    """Reserve the prefix. Inside an existing reservation nothing changes; smaller ones inside it are replaced.

    ConfigError `outside-networks`, `whole-network`; PlanError `addresses-in-use` with the list. An agent
    that is just handing out one of the addresses may be first; the next look at the network shows it.
    """
    means = means or Means()

    async def put() -> bool:
        seen = await see(store)
        carved = _network(seen.snapshot, prefix)
        network = carved.id
        if any(prefix in reserved for reserved in seen.snapshot.reserved(carved)):
            return False
        _refuse_whole(carved, (*seen.snapshot.reserved(carved), prefix))
        _refuse_held(seen.snapshot, prefix)
        await _put(store, seen, network, (*_outside(seen.snapshot, network, prefix), prefix))
        return True

    async def confirm() -> None:
        """Whoever decided before the swap and writes after this loses; who wrote in between was first."""
        seen = await see(store)
        try:
            _refuse_held(seen.snapshot, prefix)
        except PlanError:
            network = _network(seen.snapshot, prefix).id
            await _put(store, seen, network, _outside(seen.snapshot, network, prefix))
            raise
        await fence(
            store,
            seen,
            [
                block
                for block in blocks_of(seen.snapshot)
                if block.prefix.overlaps(prefix) and not agent_writes(seen.snapshot, block)
            ],
        )

    if await retried(means, put):
        await retried(means, confirm)


async def unreserve(store: Store, prefix: Prefix, *, means: Means | None = None) -> None:
    """Give back exactly this reservation. ConfigError `unknown-reservation`, `reserved-in-document`."""

    async def attempt() -> None:
        seen = await see(store)
        network = next((n for n, ours in seen.snapshot.reservations.items() if prefix in ours), None)
        if network is None:
            raise _unknown(seen.snapshot, prefix)
        left = tuple(r for r in seen.snapshot.reservations[network] if r != prefix)
        await _put(store, seen, network, left)

    await retried(means or Means(), attempt)


async def _put(store: Store, seen: Seen, network: NetworkId, prefixes: Iterable[Prefix]) -> None:
    key = reservations_key(network)
    value = tuple(sorted(prefixes))
    await store.swap(key, encode_reservations(value) if value else None, seen.revision(key))


def _outside(snapshot: Snapshot, network: NetworkId, prefix: Prefix) -> tuple[Prefix, ...]:
    """Return what is reserved on the command line outside the prefix."""
    return tuple(r for r in snapshot.reservations.get(network, ()) if r not in prefix)


def _network(snapshot: Snapshot, prefix: Prefix) -> CarvedNetwork:
    """Return the network that the prefix is a part of."""
    for network in snapshot.layout.networks:
        _refuse_whole(network, [prefix])
        if any(prefix in whole for whole in network.spec.prefixes):
            return network
    known = ", ".join(str(p) for n in snapshot.layout.networks for p in n.spec.prefixes)
    raise ConfigError(
        f"{prefix} lies in no network; there {'are ' + known if known else 'is none yet'}",
        code="outside-networks",
    )


def _refuse_whole(network: CarvedNetwork, reserved: Iterable[Prefix]) -> None:
    """Refuse what would leave nothing of a prefix, at once or together with what is reserved already."""
    together = aggregate(reserved)
    for whole in network.spec.prefixes:
        if any(whole in prefix for prefix in together):
            raise ConfigError(
                f"nothing would be left of {whole}, a prefix of network {network.name}; reserve less of it, "
                "or remove it from the document",
                code="whole-network",
            )


def _refuse_held(snapshot: Snapshot, prefix: Prefix) -> None:
    held = [(block.owner.host, h) for block, h in snapshot.holdings() if h.address in prefix]
    if held:
        shown = ", ".join(f"{h.address} ({h.name})" for _, h in held[:SHOWN])
        more = f" and {len(held) - SHOWN} more" if len(held) > SHOWN else ""
        raise PlanError(
            f"{prefix} cannot be reserved, addresses in it are in use: {shown}{more}",
            code="addresses-in-use",
            problems=[Problem(str(h.address), f"held by {h.name} on host {host}") for host, h in held],
        )


def _unknown(snapshot: Snapshot, prefix: Prefix) -> ConfigError:
    for network in snapshot.layout.networks:
        if prefix in network.spec.reserved:
            return ConfigError(
                f"{prefix} is reserved in the topology document, network {network.name}; remove it there and apply "
                "the document",
                code="reserved-in-document",
            )
    ours = [str(p) for reserved in snapshot.reservations.values() for p in reserved]
    return ConfigError(
        f"{prefix} is not reserved; write the prefix exactly as it was reserved"
        + (f": {', '.join(ours)}" if ours else " (nothing is)"),
        code="unknown-reservation",
    )
