"""What a stage finds is worked out exactly, so that a start can say it without simulating for a minute."""

from __future__ import annotations

import pytest

from rampart.evidence.criteria import RateCriterion, Side
from rampart.evidence.power import fail_chance
from rampart.evidence.rule import RateRule
from rampart_cli.forecast.rate_power import rollbacks


def rule(bar: float, clump: float, buckets: int, *, above: bool = False) -> RateRule:
    side = Side.ABOVE if above else Side.BELOW
    return RateRule.of(RateCriterion(name="x", bar=bar, side=side, clump=clump), buckets)


@pytest.mark.parametrize(
    ("bar", "rate", "requests", "buckets", "clump"),
    [(0.01, 0.02, 10, 300, 3), (0.01, 0.05, 10, 40, 3), (0.08, 0.16, 5, 100, 3), (0.005, 0.02, 500, 20, 4)],
)
def test_a_stage_is_rolled_back_at_least_so_often(
    bar: float, rate: float, requests: float, buckets: int, clump: float
) -> None:
    """Looks on the way only add to it; and not much where the fault is there from the beginning."""
    one = rule(bar, clump, buckets)
    chance = fail_chance(one, rate=rate, requests_per_bucket=requests, buckets=buckets)
    seen = rollbacks(one, rate=rate, requests_per_bucket=requests, buckets=buckets, runs=2000, seed=1).chance
    assert chance - 0.04 <= seen <= chance + 0.3


def test_a_floor_is_the_mirror_image() -> None:
    high = fail_chance(rule(0.08, 3, 100), rate=0.16, requests_per_bucket=5, buckets=100)
    low = fail_chance(rule(0.92, 3, 100, above=True), rate=0.84, requests_per_bucket=5, buckets=100)
    assert low == pytest.approx(high)


@pytest.mark.parametrize(("requests", "buckets"), [(0.0, 100), (0.01, 10), (10.0, 0)])
def test_a_stage_without_evidence_finds_nothing(requests: float, buckets: int) -> None:
    assert fail_chance(rule(0.01, 3, 1), rate=0.5, requests_per_bucket=requests, buckets=buckets) == pytest.approx(0)


def test_a_large_clump_blinds_and_a_small_one_does_not() -> None:
    chances = [
        fail_chance(rule(0.005, clump, 288), rate=0.02, requests_per_bucket=30, buckets=288)
        for clump in (1, 3, 30, 256)
    ]
    assert chances == sorted(chances, reverse=True)
    assert chances[1] > 0.95
    assert chances[3] < 0.01
