"""Every store call of every operation goes wrong once, in every way; then somebody asks again.

Whatever was interrupted, the invariants hold at once, and the same wish asked again ends as if nothing had
happened, late writes included.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from central_world import (
    FAULTS,
    PACKED,
    WITH_R4,
    WITHOUT_R2,
    FaultAt,
    Killed,
    add,
    allocate,
    apply,
    held,
    means,
    racks,
    release,
    virtual,
)

from romana.model.errors import RomanaError, TransientError
from romana.model.snapshot import Snapshot
from romana.net.prefix import Prefix
from romana.ports.store import Store
from romana.reconcile import central
from romana.testing.invariants import require
from romana.testing.memory import MemoryStore

Wish = Callable[[Store], Awaitable[object]]


@dataclass(frozen=True)
class Story:
    wish: Wish
    after: Callable[[Snapshot], object]
    """What must be true in the end, as an expression that is true."""
    before: Wish | None = None
    again: tuple[str, ...] = ()
    """What may be answered to the same wish once it was done."""
    then: Wish | None = None
    """What is asked next, if not the same again."""
    document: str = field(default="")


def _both(snapshot: Snapshot, name: str) -> bool:
    return [":" in address for address in held(snapshot).get(name, [])] == [False, True]


def _first_two(store: Store) -> Awaitable[object]:
    return _each(allocate(store, "a", "n1"), allocate(store, "b", "n1"))


async def _each(*calls: Awaitable[object]) -> None:
    for call in calls:
        await call


RESERVED = Prefix.parse("10.1.0.128/29")

STORIES = {
    "allocate, two blocks to claim": Story(
        lambda s: allocate(s, "a", "n1"), lambda now: _both(now, "a"), again=("name-held",)
    ),
    "allocate in own blocks": Story(
        lambda s: allocate(s, "b", "n1"), lambda now: _both(now, "a") and _both(now, "b"),
        before=lambda s: allocate(s, "a", "n1"), again=("name-held",),
    ),
    "allocate packed, by segment": Story(
        lambda s: allocate(s, "b", "n1", "web"), lambda now: _both(now, "a") and _both(now, "b"),
        before=lambda s: allocate(s, "a", "n1", "db"), again=("name-held",), document=PACKED,
    ),
    "allocate after a release": Story(
        lambda s: allocate(s, "a", "n2"), lambda now: _both(now, "a"),
        before=lambda s: _each(allocate(s, "a", "n1"), release(s, "a")), again=("name-held",),
    ),
    "allocate, then the name on another host": Story(
        lambda s: allocate(s, "a", "n1"), lambda now: _both(now, "a"),
        before=lambda s: _each(allocate(s, "a", "n1"), release(s, "a")), again=("name-held",),
        then=lambda s: allocate(s, "a", "n2"),
    ),
    "allocate, then release": Story(
        lambda s: allocate(s, "a", "n1"), lambda now: "a" not in held(now),
        before=lambda s: _each(allocate(s, "a", "n1"), release(s, "a")), again=("unknown-address",),
        then=lambda s: release(s, "a"),
    ),
    "allocate, then remove the host": Story(
        lambda s: allocate(s, "a", "n1"), lambda now: "n1" not in now.hosts and not held(now),
        before=lambda s: _each(allocate(s, "a", "n1"), release(s, "a")),
        then=lambda s: central.remove_host(s, "n1", release=True, means=means()),
    ),
    "allocate, then reserve": Story(
        lambda s: allocate(s, "a", "n1"), lambda now: bool(now.reservations) != ("a" in held(now)),
        before=lambda s: _each(allocate(s, "a", "n1"), release(s, "a")), again=("addresses-in-use",),
        then=lambda s: central.reserve(s, Prefix.parse("10.1.0.0/24"), means=means()),
    ),
    "release one of two": Story(
        lambda s: release(s, "a"), lambda now: "a" not in held(now) and _both(now, "b"),
        before=_first_two, again=("unknown-address",),
    ),
    "release the last one, packed": Story(
        lambda s: release(s, "a"), lambda now: not held(now) and all(b.closed for b in now.blocks()),
        before=lambda s: allocate(s, "a", "n1"), again=("unknown-address",), document=PACKED,
    ),
    "remove a host with idle blocks": Story(
        lambda s: central.remove_host(s, "n1", means=means()),
        lambda now: "n1" not in now.hosts and not [*now.blocks()],
        before=lambda s: _each(allocate(s, "a", "n1"), release(s, "a")), again=("unknown-host",),
    ),
    "remove a host with what it holds": Story(
        lambda s: central.remove_host(s, "n1", release=True, means=means()),
        lambda now: "n1" not in now.hosts and [*held(now)] == ["c"],
        before=lambda s: _each(_first_two(s), allocate(s, "c", "n2")), again=("unknown-host",),
    ),
    "add a host": Story(
        lambda s: add(s, "n3", "192.168.0.3", "r2"), lambda now: now.hosts["n3"].state == "ready",
        again=("host-exists",),
    ),
    "label a host": Story(
        lambda s: central.label_host(s, "n1", {"rack": "r9"}, means=means()),
        lambda now: now.hosts["n1"].state == "misplaced" and _both(now, "a"), before=lambda s: allocate(s, "a", "n1"),
    ),
    "reserve": Story(
        lambda s: central.reserve(s, RESERVED, means=means()), lambda now: RESERVED in now.reservations["n1"],
        before=_first_two,
    ),
    "unreserve": Story(
        lambda s: central.unreserve(s, RESERVED, means=means()), lambda now: not now.reservations,
        before=lambda s: central.reserve(s, RESERVED, means=means()), again=("unknown-reservation",),
    ),
    "apply a document with one more group": Story(
        lambda s: apply(s, WITH_R4), lambda now: "r4" in now.layout.networks[0].carving and _both(now, "a"),
        before=lambda s: allocate(s, "a", "n1"),
    ),
    "apply a document with a group less": Story(
        lambda s: apply(s, WITHOUT_R2), lambda now: "r2" not in now.layout.networks[0].carving and _both(now, "a"),
        before=lambda s: _each(
            allocate(s, "a", "n1"), allocate(s, "b", "n2"), release(s, "b"), central.remove_host(s, "n2")
        ),
    ),
}  # fmt: skip


async def _world(story: Story) -> MemoryStore:
    store = await racks(story.document) if story.document else await racks()
    if story.before:
        await story.before(store)
    return store


async def _calls(story: Story) -> int:
    counting = FaultAt(await _world(story))
    await story.wish(counting)
    calls = counting.calls
    if story.then:
        await _ask_again(story, counting.store)
    assert story.after(await central.read_snapshot(counting.store)), "the story itself is wrong"
    return calls


async def _ask_again(story: Story, store: Store) -> None:
    try:
        await (story.then or story.wish)(store)
    except RomanaError as error:
        assert error.code in story.again, error  # noqa: PT017 - done the first time, it may say so


@pytest.mark.parametrize(("fault", "early"), [(f, True) for f in FAULTS] + [("done late", False)])
@pytest.mark.parametrize("name", STORIES)
@virtual
async def test_each_call_goes_wrong_once(name: str, fault: str, early: bool) -> None:
    """What is done late is done `early`, before somebody asks again, or after that."""
    story = STORIES[name]
    for at in range(await _calls(story)):
        faulty = FaultAt(await _world(story), at, fault)
        with suppress(TransientError, Killed):
            await story.wish(faulty)
        require(await central.read_snapshot(faulty.store))
        if early:
            await faulty.deliver()
            require(await central.read_snapshot(faulty.store))
        await _ask_again(story, faulty.store)
        await faulty.deliver()
        now = await central.read_snapshot(faulty.store)
        require(now)
        assert story.after(now), f"call {at}: {held(now)}"
