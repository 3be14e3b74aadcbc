from __future__ import annotations

import math
import random
import statistics

import pytest

from rampart.evidence.clump import Clump, measure_clump
from rampart.evidence.series import Series

WEEK = 7 * 24


def history(clump: int, *, daily: float = 0.0, minutes_apart: float = 0.0, seed: int = 5) -> tuple[Series, Series]:
    """A week of hours of 2,000 requests, of which each cause spoils `clump`; the rate of 1% may swing with the day."""
    chance = random.Random(seed)
    counts = [0] * WEEK
    for hour in range(WEEK):
        rate = 0.01 * (1 + daily * math.sin(hour * math.pi / 12))
        for _ in range(sum(chance.random() < rate / clump for _ in range(2000))):
            minute = hour * 60 + chance.random() * 60
            for repetition in range(clump):
                later = chance.expovariate(1 / minutes_apart) if repetition and minutes_apart else 0
                counts[min(WEEK - 1, int((minute + later) // 60))] += 1
    errors = Series(tuple((hour * 3600, float(count)) for hour, count in enumerate(counts)))
    return errors, Series(tuple((hour * 3600, 2000.0) for hour in range(WEEK)))


@pytest.mark.parametrize("clump", [1, 3, 5])
def test_the_clump_is_found_in_a_week_of_hours(clump: int) -> None:
    measured = [measure_clump(*history(clump, seed=seed)) for seed in range(5)]
    assert clump * 0.8 <= statistics.median(found.clump for found in measured) <= clump * 1.3
    assert {found.source for found in measured} == {"measured from 168 hours"}


def test_a_clump_that_is_spread_over_half_an_hour_is_found_too() -> None:
    """Within an hour's walls it would look like 2.6, and the stage would be rolled back for nothing."""
    measured = [measure_clump(*history(5, minutes_apart=30, seed=seed)).clump for seed in range(5)]
    assert 3 <= statistics.median(measured) <= 5


def test_a_rate_that_follows_the_day_is_not_a_clump() -> None:
    assert measure_clump(*history(1, daily=0.5)).clump < 1.7


def test_errors_more_even_than_chance_still_count_as_single() -> None:
    even = Series(tuple((hour * 3600, 40.0) for hour in range(WEEK)))
    assert measure_clump(even, history(1)[1]).clump == 1


def test_too_little_history_leaves_the_default_and_says_so() -> None:
    errors, total = history(3)
    assert measure_clump(Series(()), total) == Clump(3.0, "default: only 0 errors in the history")
    assert measure_clump(Series(()), Series(())).clump == 3.0
    found = measure_clump(errors, Series(total.points[:20]))
    assert found.clump == 3.0
    assert found.source.startswith("default: only 19 pairs")


def test_hours_that_contradict_themselves_are_left_out() -> None:
    errors, total = history(3)
    spoiled = Series(((0, 1e9), (3600, float("nan")), (7200, -5.0), *errors.points[3:]))
    assert measure_clump(spoiled, total).source == "measured from 165 hours"
