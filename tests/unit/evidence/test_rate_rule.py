"""The rule for rates against its definition, worked out here the long way round."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

import pytest

from rampart.evidence.criteria import RateCriterion, Scope, Side
from rampart.evidence.grid import ALTERNATIVES, coefficients
from rampart.evidence.interval import interval
from rampart.evidence.judgement import FiredBy, Judgement
from rampart.evidence.mixture import evidence
from rampart.evidence.rule import RateRule, Walk, decide, likeliest_start
from rampart.evidence.verdict import Verdict

JudgeRate = Callable[..., Judgement]


def rule_for(bar: float, *, clump: float = 1, planned: int = 1000, side: Side = Side.BELOW) -> RateRule:
    return RateRule.of(RateCriterion(name="rate", bar=bar, side=side, clump=clump), planned)


def exact_mixture(errors: int, requests: int, bar: Fraction) -> Fraction:
    """The mixture in exact fractions: likelihood of each alternative over the bar's, request by request."""
    total = Fraction(0)
    for ratio, weight in ((Fraction(str(r)), Fraction(str(w))) for r, w in ALTERNATIVES):
        alternative = ratio * bar / (1 - bar + ratio * bar)
        likelihood = (alternative / bar) ** errors * ((1 - alternative) / (1 - bar)) ** (requests - errors)
        total += weight * likelihood
    return total


def test_the_weights_add_up_to_one_or_the_guarantee_is_void() -> None:
    assert math.isclose(sum(weight for _, weight in ALTERNATIVES), 1)


@pytest.mark.parametrize(("errors", "requests"), [(0, 0), (0, 40), (3, 3), (7, 60), (60, 60)])
@pytest.mark.parametrize("bar", [Fraction(1, 100), Fraction(8, 100), Fraction(1, 2)])
def test_the_mixture_is_the_one_that_is_defined(errors: int, requests: int, bar: Fraction) -> None:
    expected = exact_mixture(errors, requests, bar)
    assert math.isclose(evidence(errors, requests, coefficients(float(bar), higher=True)), expected, rel_tol=1e-9)
    mirrored = exact_mixture(requests - errors, requests, 1 - bar)
    assert math.isclose(evidence(errors, requests, coefficients(float(bar), higher=False)), mirrored, rel_tol=1e-9)


@pytest.mark.long
@pytest.mark.parametrize("bar", [0.0005, 0.01, 0.08, 0.3])
def test_a_rate_at_the_bar_ever_fails_in_at_most_five_percent_of_stages(bar: float) -> None:
    """Ville's inequality, by exact recursion over a stage of 20 expected errors, looked at after every request."""
    side = coefficients(bar, higher=True)
    alive, failed = {0: 1.0}, 0.0
    for requests in range(1, int(20 / bar) + 1):
        moved: dict[int, float] = {}
        for errors, chance in alive.items():
            moved[errors] = moved.get(errors, 0.0) + chance * (1 - bar)
            moved[errors + 1] = moved.get(errors + 1, 0.0) + chance * bar
        alive = {}
        for errors, chance in moved.items():
            if chance < 1e-15:
                continue
            if evidence(errors, requests, side) >= 20:
                failed += chance
            else:
                alive[errors] = chance
    assert 0.005 < failed <= 0.05


def test_the_detector_is_the_recursion_that_is_defined() -> None:
    rule = rule_for(0.08)
    buckets = [(0, 10), (1, 10), (0, 0), (2, 30), (4, 10), (5, 10), (4, 10)]
    runs = [0.0] * len(ALTERNATIVES)
    first = None
    for index, (errors, requests) in enumerate(buckets):
        if requests:
            ratios = [r**errors / (1 + (r - 1) * 0.08) ** requests for r, _ in ALTERNATIVES]
            runs = [(1 + run) * ratio for run, ratio in zip(runs, ratios, strict=True)]
        level = sum(weight * run for run, (_, weight) in zip(runs, ALTERNATIVES, strict=True))
        if first is None and level >= 2000:
            first = index
    assert first is not None
    walk = Walk(RateRule(bar=0.08, fails_high=True, clump=1, alpha_fail=1e-9, alpha_pass=0.05, alarm=2000))
    assert [walk.step(*bucket) for bucket in buckets].index(FiredBy.CHANGE_DETECTOR) == first
    assert rule.alarm == 100 * 1000


def test_fifty_errors_are_the_first_count_that_fails_at_406_requests(judge_rate: JudgeRate) -> None:
    spread = ([13, 12, 12, 12], [102, 102, 101, 101])
    assert judge_rate(*spread).verdict is Verdict.INCONCLUSIVE
    judgement = judge_rate([*spread[0][:3], 13], spread[1])
    assert judgement.verdict is Verdict.FAIL
    assert judgement.test is FiredBy.MIXTURE
    assert judgement.message == (
        "download error rate 12.3% (50 of 406; 90% sure it is between 8.2% and 17.5%) is above 8%"
    )


def test_a_rate_that_turns_bad_is_told_from_where_it_turned(judge_rate: JudgeRate) -> None:
    judgement = judge_rate([0, 1] * 500 + [5] * 30, [10] * 1030)
    assert judgement.verdict is Verdict.FAIL
    assert judgement.test is FiredBy.CHANGE_DETECTOR
    assert judgement.interval is None
    assert judgement.since is not None
    assert judgement.decided_at is not None
    assert 999 * 300 <= judgement.since <= 1000 * 300
    assert judgement.decided_at <= 1005 * 300
    assert "since 1970-01-04 11:" in judgement.message
    assert judgement.message.endswith("UTC, when it most likely changed) is above 8%")


def test_after_a_fail_the_numbers_stand_still_and_nothing_takes_it_back(judge_rate: JudgeRate) -> None:
    """A look at the fifth bucket would have rolled back; a look that comes later must not say otherwise."""
    failing = ([6] * 5, [10] * 5)
    at_once, later = judge_rate(*failing, planned=600), judge_rate([6] * 5 + [0] * 500, [10] * 505, planned=600)
    assert at_once.verdict is Verdict.FAIL
    assert later == at_once


def test_a_walk_that_failed_goes_no_further_and_passes_no_more() -> None:
    walk = decide(rule_for(0.08), [(0, 10)] * 100 + [(10, 10)] * 2).walk
    assert walk.fired is FiredBy.CHANGE_DETECTOR
    before = (walk.errors, walk.requests, list(walk.bets))
    assert walk.step(0, 1000) is FiredBy.CHANGE_DETECTOR
    assert (walk.errors, walk.requests, walk.bets) == before
    assert not walk.passes


def test_ten_thousand_good_requests_do_not_excuse_a_collapse(judge_rate: JudgeRate) -> None:
    assert judge_rate([0] * 1000 + [10] * 3, [10] * 1003).verdict is Verdict.FAIL


def test_an_undecided_stage_says_how_many_more_requests_it_needs(judge_rate: JudgeRate) -> None:
    judgement = judge_rate([0] * 96, [4] * 96, bar=0.01, name="index error rate")
    assert judgement.message == (
        "index error rate 0% (0 of 384; 90% sure it is between 0% and 1.13%) is not decided against 1%: "
        "about 49 more requests would decide, at this rate"
    )
    assert judge_rate([0] * 433, [1] * 433, bar=0.01).verdict is Verdict.PASS
    assert judge_rate([0] * 432, [1] * 432, bar=0.01).verdict is Verdict.INCONCLUSIVE


def test_a_rate_at_the_bar_is_never_promised_a_decision(judge_rate: JudgeRate) -> None:
    judgement = judge_rate([1] * 50, [100] * 50, bar=0.01)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.requests_needed is None
    assert judgement.message.endswith("is too close to 1% to say on which side it lies")


def test_a_pass_over_everyone_says_how_little_it_knows_of_the_new_path(judge_rate: JudgeRate) -> None:
    judgement = judge_rate([0] * 96, [4] * 96, scope=Scope.EVERYONE, baseline=0.003, share=0.01)
    assert judgement.verdict is Verdict.PASS
    assert judgement.new_path_limit is not None
    assert judgement.new_path_limit > 0.8
    assert "with the flag at 1% the new code could be failing as many as 82.8% of its own requests" in judgement.message
    assert judge_rate([0] * 96, [4] * 96, scope=Scope.COHORT, share=0.01).new_path_limit is None


def test_a_rate_over_everyone_below_the_baseline_says_nothing_of_the_new_path(judge_rate: JudgeRate) -> None:
    """The baseline is not what everyone else has: a new path that "may fail up to 0%" would be a promise."""
    judgement = judge_rate([1, 0] * 48, [400] * 96, bar=0.01, scope=Scope.EVERYONE, baseline=0.003, share=0.01)
    assert judgement.verdict is Verdict.PASS
    assert judgement.new_path_limit is None
    assert "below the plan's baseline of 0.3%: this says nothing about the new code itself" in judgement.message


def test_a_floor_fails_when_the_rate_sinks(judge_rate: JudgeRate) -> None:
    judgement = judge_rate([80] * 2, [100] * 2, bar=0.95, side=Side.ABOVE, name="confirmed rate")
    assert judgement.verdict is Verdict.FAIL
    assert judgement.message.endswith("is below 95%")
    assert judge_rate([10] * 40, [10] * 40, bar=0.95, side=Side.ABOVE).verdict is Verdict.PASS


def test_a_clump_costs_as_many_times_the_requests(judge_rate: JudgeRate) -> None:
    single, triple = ([0] * 450, [1] * 450), ([0] * 450, [3] * 450)
    assert judge_rate(*single, bar=0.01).verdict is Verdict.PASS
    assert judge_rate(*single, bar=0.01, clump=3).verdict is Verdict.INCONCLUSIVE
    assert judge_rate(*triple, bar=0.01, clump=3).verdict is Verdict.PASS


def test_a_heavy_bucket_weighs_no_more_than_ten_expected_errors() -> None:
    rule = rule_for(0.01)
    assert rule.tempered(5, 1000) == (5, 1000)
    assert rule.tempered(9_500, 1_000_000) == pytest.approx((9.5, 1000))
    floor = rule_for(0.99, side=Side.ABOVE)
    assert floor.tempered(990_500, 1_000_000) == pytest.approx((990.5, 1000))


def test_a_wandering_rate_below_the_bar_survives_heavy_traffic(judge_rate: JudgeRate) -> None:
    wandering = [9_500 + round(800 * math.sin(index / 20)) for index in range(288)]
    assert judge_rate(wandering, [1_000_000] * 288, bar=0.01).verdict is not Verdict.FAIL


@pytest.mark.parametrize("errors", [[10] * 3, [0] * 1150 + [1, 1]])
def test_the_likeliest_start_is_where_the_evidence_since_then_is_greatest(errors: list[int]) -> None:
    rule = rule_for(0.01)
    buckets = [(float(k), 10.0) for k in errors]
    best = likeliest_start(rule, buckets)

    def since(start: int) -> float:
        bad = sum(k for k, _ in buckets[start:])
        return evidence(bad, 10.0 * len(buckets[start:]), rule.failing)

    assert since(best) == pytest.approx(max(since(start) for start in range(len(buckets))))


def test_the_interval_narrows_with_more_requests() -> None:
    widths = []
    for requests in (100, 1_000, 10_000, 100_000):
        lower, upper = interval(requests / 20, requests, around=0.08, alpha_low=0.05, alpha_high=0.05)
        assert lower < 0.05 < upper
        widths.append(upper - lower)
    assert all(wide > narrow for wide, narrow in pairwise(widths))


@pytest.mark.parametrize(
    "numbers",
    [{"bar": 0}, {"bar": 1}, {"bar": 0.1, "clump": 0.5}, {"bar": 0.1, "alpha_fail": 0}, {"bar": 0.1, "detector": 0}],
)
def test_numbers_that_make_no_rule_are_refused_by_name(numbers: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="download errors"):
        RateCriterion(name="download errors", side=Side.BELOW, **numbers)  # type: ignore[arg-type]  # wrong on purpose


def test_a_rate_over_everyone_says_between_which_rates_the_new_paths_own_lies(judge_rate: JudgeRate) -> None:
    """From the share and the baseline, which is only as sure as the week that it was measured in."""
    stage, everyone = ([5, 6] * 48, [400] * 96), {"bar": 0.08, "scope": Scope.EVERYONE, "baseline": 0.01}
    exact = judge_rate(*stage, **everyone, share=0.25)
    assert exact.new_path_interval is not None
    assert exact.interval is not None
    low, high = exact.new_path_interval
    assert low == pytest.approx((exact.interval[0] - 0.75 * 0.01) / 0.25)
    assert high == exact.new_path_limit == pytest.approx((exact.interval[1] - 0.75 * 0.01) / 0.25)
    assert (
        "with the flag at 25% the new code could be failing between 1.1% and 4.1% of its own requests" in exact.message
    )
    measured = judge_rate(*stage, **everyone, share=0.25, week=(1000, 100_000))
    assert measured.new_path_interval is not None
    assert measured.new_path_interval[0] < low
    assert measured.new_path_interval[1] > high
    assert measured.verdict is exact.verdict


def test_a_floor_over_everyone_says_the_least_that_the_new_path_may_reach(judge_rate: JudgeRate) -> None:
    judgement = judge_rate(
        [398, 399] * 48, [400] * 96, bar=0.95, side=Side.ABOVE, scope=Scope.EVERYONE, baseline=0.999, share=0.5
    )
    assert judgement.new_path_interval is not None
    assert judgement.new_path_limit == judgement.new_path_interval[0]
