"""What a stage can decide, against simulation bucket by bucket and against figures worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.evidence.criteria import RateCriterion, Scope, Side
from rampart.evidence.power import StageTraffic, healthy_rate, multiple_of_bar
from rampart.evidence.rule import RateRule, Walk
from rampart.evidence.window import Window
from rampart_cli.forecast.rate_power import any_of, limit_without_errors, outlook, pass_chance, rollbacks

DAY = 86_400
INDEX = RateCriterion(name="index error rate", bar=0.01, side=Side.BELOW, clump=1, baseline=0.003)


def stage(percent: float, seconds: int, *, bucket: int = 300) -> StageTraffic:
    """A stage of 400 requests an hour at 100%, judged for so long."""
    buckets = seconds // bucket
    return StageTraffic("stage", percent, 400, Window(0, buckets * bucket, bucket, max(1, buckets)))


CANARY = stage(1, 4 * DAY)


def poisson(mean: float, chance: Random) -> int:
    number, left = 0, math.exp(-mean)
    product = chance.random()
    while product > left:
        number += 1
        product *= chance.random()
    return number


@given(st.integers(1, 400), st.floats(0.1, 5000), st.sampled_from([0.001, 0.08, 0.5]), st.sampled_from([1.0, 3.0]))
def test_skipping_error_free_buckets_is_stepping_through_them(
    buckets: int, requests: float, bar: float, clump: float
) -> None:
    rule = RateRule(bar=bar, fails_high=True, clump=clump, alpha_fail=0.05, alpha_pass=0.05, alarm=1e9)
    skipped, stepped = Walk(rule), Walk(rule)
    for walk in (skipped, stepped):
        walk.step(min(2, requests), requests)
    skipped.skip(buckets, requests)
    for _ in range(buckets):
        stepped.step(0, requests)
    for walk in (skipped, stepped):
        walk.step(min(2, requests), requests)
    assert skipped.weighed_requests == pytest.approx(stepped.weighed_requests)
    assert skipped.bets == pytest.approx(stepped.bets)


@pytest.mark.long
@pytest.mark.parametrize(("rate", "clump"), [(0.001, 1.0), (0.004, 1.0), (0.004, 3.0), (0.02, 1.0)])
def test_the_reckoned_chances_are_those_of_a_simulation_bucket_by_bucket(rate: float, clump: float) -> None:
    buckets, requests, runs = 120, 20.0, 1500
    rule = RateRule(bar=0.01, fails_high=True, clump=clump, alpha_fail=0.05, alpha_pass=0.05, alarm=100.0 * buckets)
    chance = Random(7)
    passed = failed = 0
    for _ in range(runs):
        walk = Walk(rule)
        for _ in range(buckets):
            errors = poisson(requests * rate, chance)
            walk.step(errors, errors + requests * (1 - rate))
        passed += walk.passes
        failed += walk.fired is not None
    reckoned = pass_chance(rule, rate=rate, requests_per_bucket=requests, buckets=buckets)
    quick = rollbacks(rule, rate=rate, requests_per_bucket=requests, buckets=buckets, runs=runs, seed=3)
    assert reckoned == pytest.approx(passed / runs, abs=0.045)
    assert quick.chance == pytest.approx(failed / runs, abs=0.055)


def test_a_floor_has_the_power_of_its_mirror_image() -> None:
    below = RateRule(bar=0.05, fails_high=True, clump=1, alpha_fail=0.05, alpha_pass=0.05, alarm=1e4)
    above = RateRule(bar=0.95, fails_high=False, clump=1, alpha_fail=0.05, alpha_pass=0.05, alarm=1e4)
    one, other = (
        pass_chance(rule, rate=rate, requests_per_bucket=10, buckets=100)
        for rule, rate in ((above, 0.99), (below, 0.01))
    )
    assert one == pytest.approx(other)
    up, down = (
        rollbacks(rule, rate=rate, requests_per_bucket=10, buckets=100, runs=200, seed=1).chance
        for rule, rate in ((above, 0.85), (below, 0.15))
    )
    assert up == down > 0.5


def test_more_requests_never_make_a_pass_less_likely() -> None:
    rule = RateRule.of(INDEX, 100)
    chances = [pass_chance(rule, rate=0.003, requests_per_bucket=n, buckets=100) for n in (1, 5, 10, 50, 1e4)]
    assert chances == sorted(chances)
    assert chances[0] == 0
    assert chances[-1] == pytest.approx(1)


def test_a_stage_without_requests_decides_nothing() -> None:
    rule = RateRule.of(INDEX, 100)
    assert pass_chance(rule, rate=0.003, requests_per_bucket=0, buckets=100) == 0
    assert rollbacks(rule, rate=0.5, requests_per_bucket=0, buckets=100, runs=10, seed=1).chance == 0


def test_a_canary_of_384_requests_without_errors_cannot_prove_one_percent() -> None:
    assert limit_without_errors(INDEX, 384) == pytest.approx(0.0113, abs=5e-5)
    assert limit_without_errors(INDEX, 433) < 0.01
    floor = RateCriterion(name="success rate", bar=0.99, side=Side.ABOVE, clump=1)
    assert limit_without_errors(floor, 384) == pytest.approx(0.9887, abs=5e-5)


def test_a_cohort_metric_counts_only_the_flags_own_requests() -> None:
    assert outlook(INDEX, CANARY, runs=10).requests == pytest.approx(384)


def test_a_metric_over_everyone_sees_a_diluted_fault() -> None:
    everyone = RateCriterion(name="rate", bar=0.08, side=Side.BELOW, scope=Scope.EVERYONE, baseline=0.003)
    found = outlook(everyone, stage(1, 4 * DAY, bucket=3600), runs=10)
    assert found.requests == pytest.approx(38_400)
    assert found.own_requests == pytest.approx(384)
    assert [fault.observed for fault in found.faults] == pytest.approx([0.00457, 0.00697])
    assert [fault.rollback_chance for fault in found.faults] == [0, 0]
    assert found.pass_chance > 0.99


def test_a_worse_fault_is_rolled_back_sooner() -> None:
    found = outlook(INDEX, stage(100, DAY), runs=50)
    twice, five_times = found.faults
    assert twice.rollback_chance > 0.9
    assert five_times.rollback_chance == 1
    assert twice.rollback_seconds is not None
    assert five_times.rollback_seconds is not None
    assert five_times.rollback_seconds < twice.rollback_seconds / 3
    assert found.guarantee == pytest.approx(0.06)


def test_the_same_seed_gives_the_same_outlook() -> None:
    quarter = stage(25, DAY, bucket=600)
    assert outlook(INDEX, quarter, runs=20, seed=4) == outlook(INDEX, quarter, runs=20, seed=4)


def test_a_stage_without_a_whole_bucket_decides_nothing() -> None:
    found = outlook(INDEX, replace(stage(100, 0), requests_per_hour=1e6), runs=10)
    assert (found.requests, found.pass_chance, found.false_rollback_chance) == (0, 0, 0)
    assert [fault.rollback_chance for fault in found.faults] == [0, 0]


def test_badness_is_measured_from_perfect() -> None:
    floor = RateCriterion(name="confirmed", bar=0.95, side=Side.ABOVE)
    assert multiple_of_bar(floor, 2) == pytest.approx(0.9)
    assert healthy_rate(floor) == pytest.approx(0.9875)
    assert multiple_of_bar(RateCriterion(name="rate", bar=0.4, side=Side.BELOW), 5) == 1


def test_chances_add_up_over_a_rollout() -> None:
    assert any_of([]) == 0
    assert any_of([0.1, 0.2]) == pytest.approx(0.28)
