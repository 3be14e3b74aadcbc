from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from rampart.rollout.tick import in_turn

NOW = datetime(2026, 3, 10, 14, 0, tzinfo=UTC)
names = st.lists(st.text("abc", min_size=1), unique=True)


@given(names, st.integers(0, 10_000))
def test_every_rollout_has_its_turn_at_every_tick(rollouts: list[str], minutes: int) -> None:
    assert sorted(in_turn(rollouts, NOW + timedelta(minutes=minutes))) == sorted(rollouts)


@given(names.filter(bool), st.integers(0, 10_000))
def test_each_is_the_first_once_in_as_many_minutes(rollouts: list[str], minutes: int) -> None:
    ticks = [NOW + timedelta(minutes=minutes + tick) for tick in range(len(rollouts))]
    assert sorted(in_turn(rollouts, tick)[0] for tick in ticks) == sorted(rollouts)


def test_the_order_does_not_depend_on_how_the_index_tells_them() -> None:
    assert in_turn(["b", "a", "c"], NOW) == in_turn(["c", "b", "a"], NOW)
