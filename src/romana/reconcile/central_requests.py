"""Requests to a running agent, which alone writes its host's blocks.

    request swapped in ─► agent swaps its answer in ─► request deleted
                      └─ no answer in time: request deleted, then nobody carries it out

The deletion is a swap at the revision of the request, so agent and asker cannot both be first: either the
answer is there and is used, or the agent finds its answer refused and undoes what it did. The request
hangs on a lease, so that it does not outlive an asker that died.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from romana.model.block import Holding
from romana.model.errors import (
    ConfigError,
    FaultError,
    PlanError,
    RefusedError,
    RomanaError,
    StaleError,
    TransientError,
)
from romana.model.host import HostName
from romana.plan.allocate import Request
from romana.ports.store import Listing, Store, SwapLost
from romana.reconcile.central_names import Turn
from romana.reconcile.central_swaps import Means, retried, see, wait_for
from romana.wire.records import (
    Answer,
    Ask,
    AskKind,
    NameGuard,
    decode_ask,
    decode_block,
    encode_ask,
    request_key,
)

_KINDS: Final[Sequence[type[RomanaError]]] = (
    ConfigError,
    PlanError,
    StaleError,
    TransientError,
    RefusedError,
    FaultError,
)
_MARGIN: Final = 2.0
"""Seconds that a request lives longer than the asker waits."""
_MIRROR_LAG: Final = 10.0
"""Seconds after which an agent has mirrored what it did."""


async def allocate_by_agent(store: Store, request: Request, means: Means) -> tuple[Holding, ...]:
    """Return what the host's agent granted, once its mirror shows it. Errors are the agent's, or `agent-silent`.

    The guard is swapped in before the agent is asked: until the name is released, only this host may hold it.
    """
    turn = Turn(request.name)

    async def take_name() -> None:
        seen = await see(store)
        await turn.settle(store, seen, means)
        await turn.guard(store, seen, NameGuard(request.host, ()))

    await retried(means, take_name)
    ask = Ask(AskKind.ALLOCATE, request.name, request.tenant, request.segment, request.network)
    try:
        granted = await _ask(store, request.host, ask, means)
    except RomanaError as error:
        if not isinstance(error, TransientError) or error.code == "agent-silent":
            await turn.give_up(store, means)  # it is known that nothing is held
        raise
    await _mirrored(store, request.name, held=True)
    return granted


async def release_by_agent(store: Store, host: HostName, name: str, means: Means) -> tuple[Holding, ...]:
    """Return what the host's agent released under that name; nothing where it held nothing."""
    try:
        released = await _ask(store, host, Ask(AskKind.RELEASE, name), means)
    except ConfigError as error:
        if error.code != "unknown-address":
            raise
        released = ()
    await _mirrored(store, name, held=False)
    return released


async def _ask(store: Store, host: HostName, ask: Ask, means: Means) -> tuple[Holding, ...]:
    """Return what the agent's answer lists, or raise the error that it names."""
    lease = await store.lease(means.patience + _MARGIN)
    try:
        answer = await _exchange(store, request_key(host, uuid.uuid4().hex), ask, lease.id, means.patience)
    finally:
        with suppress(TransientError):  # then it ends by itself
            await lease.revoke()
    if answer is None:
        raise TransientError(
            f"the agent of host {host} did not answer within {means.patience:g} s, and the request was withdrawn; "
            "see whether it runs there",
            code="agent-silent",
        )
    if answer.code:
        kind = next((k for k in _KINDS if k.exit_status == answer.exit_status), TransientError)
        raise kind(answer.message, code=answer.code)
    return answer.holdings


async def _exchange(store: Store, key: str, ask: Ask, lease: str, seconds: float) -> Answer | None:
    """Return the answer; None if there was none and there will be none."""
    asked = await store.swap(key, encode_ask(ask), 0, lease=lease)
    answered = await wait_for(store, key, lambda listing: _answered(listing, key), seconds)
    if answered is None:
        try:
            await store.swap(key, None, asked)
        except SwapLost:  # the agent was first after all, or the lease has ended
            answered = _answered(await store.read(key), key)
        if answered is None:
            return None
    answer, revision = answered
    with suppress(StaleError, TransientError):  # litter at worst
        await store.swap(key, None, revision)
    return answer


async def _mirrored(store: Store, name: str, *, held: bool) -> None:
    """Return when the agent's mirrors show whether the name is held, as they will after some seconds at most.

    Who asks the store next would wonder otherwise; nothing depends on it.
    """

    def shown(listing: Listing) -> bool | None:
        blocks = (decode_block(record.key, record.value) for record in listing.records)
        return any(h.name == name for b in blocks for h in b.holdings.values()) is held or None

    await wait_for(store, "blocks/", shown, _MIRROR_LAG)


def _answered(listing: Listing, key: str) -> tuple[Answer, int] | None:
    found = ((decode_ask(key, r.value).answer, r.revision) for r in listing.records if r.key == key)
    return next(((answer, revision) for answer, revision in found if answer is not None), None)
