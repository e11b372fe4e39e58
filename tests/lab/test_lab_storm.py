"""A data centre in bad weather: cables cut and pods moved at random, and after every storm all is right again."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator

import pytest
from lab_harness import LabUser, until

MINUTES = float(os.environ.get("ROMANA_STORM_MINUTES", "20"))

pytestmark = [
    pytest.mark.root,
    pytest.mark.soak,
    pytest.mark.daemon("bird", "/usr/lib/frr/zebra", "/usr/lib/frr/bgpd"),
    pytest.mark.xdist_group("lab"),
]


@pytest.fixture
def lab() -> Iterator[LabUser]:
    user = LabUser(f"storm-{os.getpid()}")
    try:
        user.up("leaf-spine")
        yield user
    finally:
        user.run("lab", "down")


def test_after_every_storm_all_is_right_again(lab: LabUser) -> None:
    seed = random.randrange(1 << 30)
    dice, until_then, storms = random.Random(seed), time.monotonic() + 60 * MINUTES, 0
    print("seed", seed)
    cables = [link["name"] for link in lab.ask("links")]
    while time.monotonic() < until_then:
        with lab.cut(*dice.sample(cables, dice.randint(1, 4))):
            _move_pods(lab, dice)
        assert until(lambda: _mirrored(lab))
        lab.prove()
        assert sum(r["kind"] == "group" for r in lab.routes("spine-1")) == 3
        storms += 1
    print(f"{storms} storms in {MINUTES:g} minutes")


def _move_pods(lab: LabUser, dice: random.Random) -> None:
    pods = [pod["name"] for pod in lab.ask("pod", "list")]
    lab.ask("pod", "remove", *dice.sample(pods, min(len(pods) - 9, 6)))
    lab.ask("pod", "add", "--count", str(dice.randint(2, 8)))


def _mirrored(lab: LabUser) -> bool:
    """Whether the store shows what the nodes hold; their mirrors come a few seconds later."""
    shown = {a for pod in lab.ask_romana("address", "list") for a in pod["addresses"]}
    return shown == {a for pod in lab.ask("pod", "list") for a in pod["addresses"]}
