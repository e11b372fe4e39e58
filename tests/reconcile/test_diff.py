"""Applying the changes turns what is there into what is wanted, whatever both are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from romana.reconcile.diff import Changes, diff

THINGS = st.dictionaries(st.integers(0, 9), st.integers(0, 3)).map(lambda d: list(d.items()))


@given(THINGS, THINGS)
def test_the_changes_lead_from_actual_to_desired(
    desired: list[tuple[int, int]], actual: list[tuple[int, int]]
) -> None:
    changes = diff(desired, actual, key=lambda item: item[0])
    after = dict(actual)
    assert not any(key in after for key, _ in changes.add)
    after.update((*changes.add, *changes.replace))
    for key, _ in changes.remove:
        del after[key]
    assert after == dict(desired)
    assert bool(changes) == (dict(desired) != dict(actual)) == (len(changes) > 0)
    assert not diff(desired, after.items(), key=lambda item: item[0])


def test_what_will_do_is_left_alone() -> None:
    changes = diff(["A", "b"], ["a", "c"], key=str.lower, same=lambda _want, _have: True)
    assert changes == Changes(add=("b",), remove=("c",))
