"""A fail is final, and how bad it became is another question."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import chain, pairwise, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.evidence.criteria import CountCriterion, Criterion, RateCriterion, Side, ValueCriterion
from rampart.evidence.judge import judge
from rampart.evidence.judgement import Judgement
from rampart.evidence.series import Measured, Series
from rampart.evidence.verdict import Verdict
from rampart.evidence.window import Window
from rampart.evidence.worsening import at_its_worst, limit_of

CEILING = RateCriterion(name="errors", bar=0.08, side=Side.BELOW, clump=1)
FLOOR = RateCriterion(name="success", bar=0.9, side=Side.ABOVE, clump=1)
LATENCY = ValueCriterion(name="latency", bar=100, side=Side.BELOW, hold_for=timedelta(minutes=10))


def series(numbers: Sequence[float]) -> Series:
    return Series(tuple((300 * index, number) for index, number in enumerate(numbers)))


def both(criterion: Criterion, *limits: float, **numbers: Sequence[float]) -> tuple[Judgement, Judgement]:
    """What is judged, and how bad it became."""
    measured: dict[str, Measured] = {name: series(values) for name, values in numbers.items()}
    window = Window(0, 300 * max(len(values) for values in numbers.values()), 300, 288)
    judged = judge(criterion, measured=measured, window=window)
    return judged, at_its_worst(criterion, judged, measured=measured, window=window, share=1, limits=limits)


def rates(
    criterion: RateCriterion, *stretches: tuple[float, int], limits: Sequence[float] = ()
) -> tuple[Judgement, ...]:
    errors = list(chain.from_iterable(repeat(1000 * rate, times) for rate, times in stretches))
    return both(criterion, *limits, errors=errors, total=[1000] * len(errors))


@pytest.mark.parametrize(("criterion", "shown", "worse"), [(CEILING, 0.12, 0.9), (FLOOR, 0.8, 0.1)])
def test_a_rate_that_fails_and_then_collapses_is_as_bad_as_the_collapse(
    criterion: RateCriterion, shown: float, worse: float
) -> None:
    judged, by_now = rates(criterion, (shown, 40), (worse, 5))
    assert judged.value == pytest.approx(shown)
    assert by_now.value == pytest.approx(worse, abs=0.05)
    assert by_now.message.startswith(f"{judged.message}; it became worse: ")
    assert by_now.verdict is Verdict.FAIL


def test_a_rate_that_stays_or_recovers_is_as_bad_as_it_was_shown() -> None:
    for stretches in [((0.12, 600),), ((0.12, 40), (0.0, 600))]:
        judged, by_now = rates(CEILING, *stretches)
        assert by_now == judged


def test_a_limit_that_is_narrower_than_the_interval_shown_is_held_too() -> None:
    judged, by_now = rates(CEILING, (0.09, 400), (0.1, 5000))
    own = limit_of(judged, falls=False)
    assert own is not None
    assert own > 0.1
    assert by_now == judged
    _, by_now = rates(CEILING, (0.09, 400), (0.1, 5000), limits=(0.0955,))
    assert by_now.value is not None
    assert by_now.value > 0.0955


@given(st.lists(st.floats(0, 300), min_size=3, max_size=40))
def test_a_value_is_as_bad_as_what_it_kept_to_for_its_patience_and_no_worse(numbers: list[float]) -> None:
    judged, by_now = both(LATENCY, value=numbers)
    if judged.verdict is not Verdict.FAIL:
        return
    kept = max(min(pair) for pair in pairwise(numbers))
    assert by_now.value == kept
    assert limit_of(by_now, falls=False) == max(kept, judged.value or 0)
    assert ("it became worse" in by_now.message) is (kept > (judged.value or 0))


def test_one_blip_of_a_value_that_fails_is_not_how_bad_it_is() -> None:
    _, by_now = both(LATENCY, value=[110, 110, 900, 110, 110])
    assert (by_now.value, limit_of(by_now, falls=False)) == (110, 110)


def test_a_count_only_rises_and_is_its_sum() -> None:
    judged, by_now = both(CountCriterion(name="crashes", at_most=1), value=[0, 2, 0, 5])
    assert by_now == judged
    assert by_now.value == 7
