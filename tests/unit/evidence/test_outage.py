"""Outages of the past do not count when the clump is measured; true clumps and the shape of the day do."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.evidence.buckets import Bucket
from rampart.evidence.clump import measure_clump
from rampart.evidence.hours import hours_of
from rampart.evidence.outage import MOST, MOST_STRETCHES, outages
from rampart.evidence.series import Series

from .weeks import HOUR, WEEK, Counts, as_series, clumped_hours, with_hours

SHOP = 5800
"""Requests of an hour at the front of a shop, of which 1 in 800 fails, two or three at a time."""


def left_out_of(counts: list[Counts]) -> list[int]:
    """Which hours are left out, by number."""
    return [hour.start // HOUR for hour in measure_clump(*as_series(counts)).left_out]


@pytest.mark.parametrize("hours", [49, WEEK])
@pytest.mark.parametrize(
    "outage",
    [
        pytest.param({20: (708.0, 6500.0)}, id="one bucket that fails"),
        pytest.param({0: (143.0, 5800.0)}, id="a cold start"),
        pytest.param({0: (143.0, 5800.0), 44: (708.0, 6500.0)}, id="a cold start and an outage"),
        pytest.param(dict.fromkeys(range(10, 16), (2300.0, 5800.0)), id="six hours"),
        pytest.param({10: (5800.0, 5800.0)}, id="an hour in which everything fails"),
        pytest.param({10: (5.0, 5.0), 11: (40.0, 40.0), 12: (900.0, 1000.0)}, id="people go away while it is down"),
    ],
)
def test_an_outage_does_not_blind_the_rule(outage: dict[int, Counts], hours: int) -> None:
    measured = []
    for seed in range(5):
        even = clumped_hours(1 / 800, SHOP, hours=hours, seed=seed)
        clump = measure_clump(*as_series(with_hours(even, outage)))
        assert {hour.start // HOUR for hour in clump.left_out} >= {hour for hour, (_, n) in outage.items() if n > 100}
        assert measure_clump(*as_series(even)).clump / 2 <= clump.clump <= 8
        measured.append(clump.clump)
    assert 2 <= statistics.median(measured) <= 4.5


def test_what_was_left_out_is_said_with_its_counts() -> None:
    counts = with_hours(clumped_hours(0.002, 2400), {14: (708.0, 2400.0)})
    clump = measure_clump(*as_series(counts))
    assert clump.source == "measured from 167 hours; left out 1970-01-01 14:00 UTC (708 of 2,400 failed)"
    assert clump.left_out == (Bucket(14 * HOUR, 708.0, 2400.0),)


def test_many_hours_are_said_in_few_words() -> None:
    even = clumped_hours(0.002, 2400)
    one = measure_clump(*as_series(with_hours(even, dict.fromkeys(range(10, 16), (900.0, 2400.0)))))
    assert one.source.endswith("left out 6 hours from 1970-01-01 10:00 UTC on (5,400 of 14,400 failed)")
    two = measure_clump(*as_series(with_hours(even, {10: (900.0, 2400.0), 50: (900.0, 2400.0)})))
    assert two.source.endswith(
        "left out 2 hours in 2 stretches, the first at 1970-01-01 10:00 UTC (1,800 of 4,800 failed)"
    )
    assert len(two.source) < 150


def test_of_a_floor_it_is_the_hours_without_successes() -> None:
    even = [(n - k, n) for k, n in clumped_hours(0.002, 2400)]
    clump = measure_clump(*as_series(with_hours(even, {14: (100.0, 2400.0)})), counts="succeeded")
    assert "left out 1970-01-01 14:00 UTC (100 of 2,400 succeeded)" in clump.source
    assert 2 <= clump.clump <= 5


def test_for_a_floor_an_hour_with_many_failures_is_left_out() -> None:
    even = [(n - k, n) for k, n in clumped_hours(0.002, 2400)]
    assert left_out_of(with_hours(even, {14: (1700.0, 2400.0)})) == [14]


def test_an_hour_that_lost_its_errors_is_left_out_too() -> None:
    counts = with_hours(clumped_hours(0.1, 5000), {20: (0.0, 5000.0)})
    assert left_out_of(counts) == [20]


@pytest.mark.parametrize("clump", [1, 3, 5, 10])
@pytest.mark.parametrize("a_week", [20, 30, 50, 200, 2000])
def test_clumps_are_not_outages_however_few_errors_there_are(clump: int, a_week: int) -> None:
    """A median of squares would be zero here, and a plain search for outliers would leave out every error."""
    for seed in range(8):
        assert not left_out_of(clumped_hours(a_week / WEEK / 120, 120, clump=clump, seed=seed))


def test_a_burst_that_three_clumps_of_ten_explain_stays_in() -> None:
    assert not left_out_of(with_hours(clumped_hours(0.005, 120), {20: (30.0, 120.0)}))


def test_the_only_errors_of_a_week_are_not_an_outage_if_they_may_be_two_clumps() -> None:
    """That nothing else failed in so short a history does not say that nothing can."""
    assert not left_out_of(with_hours([(0.0, 120.0)] * WEEK, {20: (20.0, 120.0)}))


def test_an_hour_of_half_as_many_errors_again_is_not_an_outage() -> None:
    assert not left_out_of(with_hours([(2e4 + hour % 7, 2e6) for hour in range(WEEK)], {20: (3e4, 2e6)}))


def test_what_comes_back_is_how_the_service_behaves() -> None:
    """A bot or a batch once a day will come in the stage too: leaving it out would roll healthy flags back."""
    even = clumped_hours(0.002, 2400)
    daily = with_hours(even, {day * 24 + 3: (900.0, 2400.0) for day in range(7)})
    assert not left_out_of(daily)
    assert measure_clump(*as_series(daily)).clump > 100


def test_the_shape_of_the_day_is_not_an_outage() -> None:
    counts = [(round(2e4 * (1 + 0.6 * math.sin(hour * math.pi / 12))), 2e6) for hour in range(WEEK)]
    assert not left_out_of([(float(k), n) for k, n in counts])


def test_a_history_that_is_one_long_outage_is_not_left_out() -> None:
    even = clumped_hours(0.002, 2400)
    assert not left_out_of(with_hours(even, dict.fromkeys(range(60, 120), (900.0, 2400.0))))


def test_a_history_of_nothing_but_an_outage_leaves_the_default() -> None:
    """Otherwise a service without errors would be guarded by a clump of hundreds after one bad hour."""
    clump = measure_clump(*as_series(with_hours([(0.0, 2400.0)] * WEEK, {14: (708.0, 2400.0)})))
    assert clump.clump == 3
    assert clump.source.startswith("default: only 0 errors in the history; left out 1970-01-01 14:00 UTC")


hourly = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 3000)), max_size=60)


@given(hourly)
def test_never_more_than_an_eighth_in_four_stretches_is_left_out(counts: list[tuple[int, int]]) -> None:
    sound = hours_of(*as_series([(float(k), float(n)) for k, n in counts])).buckets
    out = outages(sound)
    assert len(out) <= len(sound) * MOST
    assert sum(hour.start - HOUR not in {each.start for each in out} for hour in out) <= MOST_STRETCHES
    assert set(out) <= set(sound)


@given(hourly, st.lists(st.none() | st.floats() | st.integers(), max_size=60))
def test_the_clump_of_any_numbers_is_at_least_one_and_at_most_a_thousand(
    counts: list[tuple[int, int]], errors: list[float | None]
) -> None:
    _, total = as_series([(0.0, float(n)) for _, n in counts])
    clump = measure_clump(Series(tuple((hour * HOUR, value) for hour, value in enumerate(errors))), total)
    assert 1 <= clump.clump <= 1000


@given(st.integers(1, 30), st.integers(0, WEEK - 1))
def test_a_worse_outage_is_still_an_outage(tenths: int, hour: int) -> None:
    """From where an hour is left out, more errors never bring it back: the clump cannot jump to hundreds."""
    even = clumped_hours(1 / 800, SHOP)
    clumps = [
        measure_clump(*as_series(with_hours(even, {hour: (min(5800.0, tenths * 20.0 * factor), 5800.0)}))).clump
        for factor in (1, 3, 9)
    ]
    assert all(clump <= 12 for clump in clumps)
