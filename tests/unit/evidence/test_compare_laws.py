"""Laws of the rule for ratios, each over many generated stages: what holds of a rate holds of a comparison."""

from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.evidence.compare import PARTS
from rampart.evidence.criteria import CompareCriterion
from rampart.evidence.grid import ALTERNATIVES
from rampart.evidence.judge import judge
from rampart.evidence.judgement import FiredBy, Judgement
from rampart.evidence.ratio import FourCounts, RatioRule, RatioWalk, decide_ratio
from rampart.evidence.ratio_interval import Weighed
from rampart.evidence.series import Series
from rampart.evidence.verdict import Verdict
from rampart.evidence.window import Window

RATIOS = st.sampled_from([0.5, 1.0, 1.5, 4.0])
FLOORS = st.sampled_from([None, 0.002, 0.1])
CLUMPS = st.sampled_from([1.0, 2.5, 5.0])
Stage = list[FourCounts]


@st.composite
def stages(draw: st.DrawFn, *, most: int = 60, longest: int = 40) -> Stage:
    """Four counts per bucket; a whole stage tends to one error level on each side, so that fails and passes occur."""
    levels = [draw(st.sampled_from([0, 1, 2, 5, 10])) for _ in range(2)]
    buckets = []
    for _ in range(draw(st.integers(1, longest))):
        sizes = [draw(st.integers(0, most)) for _ in range(2)]
        errors = [
            min(size, draw(st.integers(0, 1 + size * level // 10))) for size, level in zip(sizes, levels, strict=True)
        ]
        buckets.append((float(errors[0]), float(sizes[0]), float(errors[1]), float(sizes[1])))
    return buckets


def criterion(ratio: float, floor: float | None = None, clump: float = 1.0) -> CompareCriterion:
    return CompareCriterion(name="errors", ratio=ratio, floor=floor, clump=clump)


def judged(stage: Stage, compare: CompareCriterion, planned: int = 60) -> Judgement:
    window = Window(start=0, end=len(stage) * 300, bucket=300, planned_buckets=planned)
    columns = zip(PARTS, zip(*stage, strict=True), strict=True)
    measured = {part: Series(tuple((i * 300, each) for i, each in enumerate(column))) for part, column in columns}
    return judge(compare, measured=measured, window=window)


@given(stages(), RATIOS, FLOORS, CLUMPS)
def test_a_stage_that_failed_at_one_look_fails_at_every_later_one(
    stage: Stage, ratio: float, floor: float | None, clump: float
) -> None:
    rule = RatioRule.of(criterion(ratio, floor, clump), 60)
    failed = [decide_ratio(rule, stage[:length]).walk.fired is not None for length in range(len(stage) + 1)]
    assert failed == sorted(failed)


@given(stages(longest=20), RATIOS, FLOORS, CLUMPS, st.data())
def test_the_verdict_does_not_depend_on_the_order_in_which_buckets_became_known(
    stage: Stage, ratio: float, floor: float | None, clump: float, data: st.DataObject
) -> None:
    compare, window = criterion(ratio, floor, clump), Window(0, len(stage) * 300, 300, 60)
    arrived = data.draw(st.permutations(list(enumerate(stage))))
    looks = []
    for length in range(1, len(arrived) + 1):
        known = sorted(arrived[:length])
        measured = {
            part: Series(tuple((index * 300, bucket[column]) for index, bucket in known))
            for column, part in enumerate(PARTS)
        }
        looks.append(judge(compare, measured=measured, window=window))
    assert looks[-1] == judged(stage, compare)


@given(stages(), RATIOS, CLUMPS)
def test_step_by_step_and_all_at_once_agree(stage: Stage, ratio: float, clump: float) -> None:
    """The mixture in batch, as it is defined, with each bucket's own share as its bar."""
    rule = RatioRule.of(criterion(ratio, clump=clump), 60)
    walk = RatioWalk(rule)
    exponents = [0.0] * len(ALTERNATIVES)
    for bucket in stage:
        own, requests, theirs, control = bucket
        if min(requests, control) <= 0:
            continue
        walk.take(bucket)
        share = ratio * requests / (ratio * requests + control)
        divisor = max(clump, (own + theirs) * min(share, 1 - share) / 10)
        for index, (times, _) in enumerate(ALTERNATIVES):
            whole = own * math.log(times) - (own + theirs) * math.log(1 + (times - 1) * share)
            exponents[index] += whole / divisor
    mixture = sum(w * math.exp(each) for (_, w), each in zip(ALTERNATIVES, exponents, strict=True))
    assert math.isclose(walk.against_control.evidence, mixture, rel_tol=1e-9)


@given(stages(), RATIOS, FLOORS, CLUMPS)
def test_fail_pass_and_intervals_always_agree(stage: Stage, ratio: float, floor: float | None, clump: float) -> None:
    judgement = judged(stage, criterion(ratio, floor, clump))
    walk = decide_ratio(RatioRule.of(criterion(ratio, floor, clump), 60), stage).walk
    if judgement.interval is None:
        return  # no data, or the change detector
    lower, upper = judgement.interval
    own_lower, own_upper = walk.against_floor.interval if walk.against_floor else (1.0, 1.0)
    bar = floor or 0.0
    assert (judgement.verdict is Verdict.FAIL) == (lower > ratio and own_lower > bar)
    if judgement.verdict is not Verdict.FAIL:
        assert (judgement.verdict is Verdict.PASS) == (upper < ratio or own_upper < bar)
    if judgement.value is not None:
        assert lower <= judgement.value <= upper


@given(stages(most=400), RATIOS, st.integers(2, 9))
def test_scaling_both_rates_leaves_the_ratio_within_its_interval(stage: Stage, ratio: float, times: int) -> None:
    """What happens to both paths says nothing of the one: only how sure the comparison is may change."""
    room = [(k, n * times, kc, nc * times) for k, n, kc, nc in stage]
    scaled = [(k * times, n, kc * times, nc) for k, n, kc, nc in room]
    once, more = (decide_ratio(RatioRule.of(criterion(ratio), 10**9), each).walk for each in (room, scaled))
    if once.fired or more.fired or once.estimate is None or more.estimate is None:
        return
    lower, upper = once.interval
    assert abs(once.estimate - more.estimate) < upper - lower


@given(stages(), RATIOS, FLOORS, CLUMPS, st.data())
def test_an_error_more_on_the_new_path_never_makes_a_verdict_better(
    stage: Stage, ratio: float, floor: float | None, clump: float, data: st.DataObject
) -> None:
    room = [index for index, (errors, requests, _, _) in enumerate(stage) if errors < requests]
    if not room:
        return
    index = data.draw(st.sampled_from(room))
    errors, *rest = stage[index]
    worse: Stage = [*stage[:index], (errors + 1, rest[0], rest[1], rest[2]), *stage[index + 1 :]]
    rule = RatioRule.of(criterion(ratio, floor, clump), 60)
    before, after = decide_ratio(rule, stage).walk, decide_ratio(rule, worse).walk
    assert before.fired is None or after.fired is not None
    assert before.passing is not None or after.passing is None


@given(stages(), RATIOS, FLOORS, st.sampled_from([0.001, 0.2]))
def test_nothing_fails_on_fewer_than_three_errors_of_the_new_path(
    stage: Stage, ratio: float, floor: float | None, alpha: float
) -> None:
    compare = CompareCriterion(name="errors", ratio=ratio, floor=floor, clump=1.0, alpha_fail=alpha, detector=1.0)
    assert judged(stage, compare, planned=1).verdict is not Verdict.FAIL or sum(bucket[0] for bucket in stage) >= 3


@given(stages(), RATIOS, st.sampled_from([0.002, 0.1]), CLUMPS)
def test_a_floor_never_turns_a_stage_into_a_fail(stage: Stage, ratio: float, floor: float, clump: float) -> None:
    """`ignore_below` only ever forgives: a fail needs the ratio and the rate."""
    without, floored = (decide_ratio(RatioRule.of(criterion(ratio, each, clump), 60), stage) for each in (None, floor))
    if floored.at is not None:
        assert without.at is not None
        assert without.at <= floored.at


EXTREME = st.sampled_from([0.0, 1.0, 2.0, 1e6, 1e12])


@given(st.lists(st.tuples(EXTREME, EXTREME, EXTREME, EXTREME), min_size=1, max_size=20), RATIOS, FLOORS)
def test_extreme_counts_neither_overflow_nor_crash(counts: list[FourCounts], ratio: float, floor: float | None) -> None:
    stage = [(min(k, n), max(k, n), min(kc, nc), max(kc, nc)) for k, n, kc, nc in counts]
    judgement = judged(stage, criterion(ratio, floor))
    if judgement.interval is not None:
        assert 0 <= judgement.interval[0] <= judgement.interval[1] <= 1000
    assert judgement.message


@pytest.mark.parametrize(
    ("own", "control", "rate", "ratio"),
    list(product((5, 60), (40, 80), (0.01, 0.2), (0.5, 1.5, 4.0))),
)
def test_the_mean_of_a_buckets_likelihood_ratio_is_at_most_one_at_the_boundary(
    own: int, control: int, rate: float, ratio: float
) -> None:
    """In exact sums over all outcomes, at a rate of the new path that is just the ratio times the control's."""
    rule = RatioRule.of(criterion(ratio), 60)
    share = rule.share(own, control)
    for times, _ in ALTERNATIVES:
        mean = (1 + min(1.0, ratio * rate) * (times / (1 + (times - 1) * share) - 1)) ** own
        mean *= (1 - rate * (1 - 1 / (1 + (times - 1) * share))) ** control
        assert mean <= 1 + 1e-12
    for clump in (1.0, 3.0):  # as it is weighed, with the cap that depends on how many errors there were
        rule = RatioRule.of(criterion(ratio, clump=clump), 60)
        mean = sum(
            _chance(k, own, min(1.0, ratio * rate)) * _chance(kc, control, rate) * _value(rule, (k, own, kc, control))
            for k in range(own + 1)
            for kc in range(control + 1)
        )
        assert mean <= 1 + 1e-9


def _chance(errors: int, requests: int, rate: float) -> float:
    return math.comb(requests, errors) * rate**errors * (1 - rate) ** (requests - errors)


def _value(rule: RatioRule, bucket: FourCounts) -> float:
    walk = RatioWalk(rule)
    walk.take(bucket)
    return walk.against_control.evidence


def test_an_interval_from_groups_of_buckets_is_that_of_the_buckets() -> None:
    """Very many buckets are put together for the interval; it may not be seen."""
    stage = [(float(i % 3), 20.0 + i % 17, float(i % 5), 60.0 + i % 29) for i in range(1500)]
    weighed = RatioWalk(RatioRule.of(criterion(1.5), 2000)).weighed
    for k, n, kc, nc in stage:
        weighed.add(k, k + kc, n / nc)
    merged = weighed.merged()
    assert len(merged.both) < 300
    assert _ends(merged) == pytest.approx(_ends(weighed), rel=2e-4)


def _ends(weighed: Weighed) -> tuple[float, float, float]:
    return weighed.lower_end(0.05), weighed.estimate or 0.0, weighed.upper_end(0.05)


def test_a_change_is_told_from_where_it_began() -> None:
    rule = RatioRule.of(criterion(1.5), 400)
    ruling = decide_ratio(rule, [(float(i % 2), 50.0, 1.0, 100.0) for i in range(300)] + [(5.0, 50.0, 1.0, 100.0)] * 50)
    assert ruling.walk.fired is FiredBy.CHANGE_DETECTOR
    assert ruling.at is not None
    assert 298 <= ruling.since <= 300 < ruling.at < 312


def test_a_walk_that_failed_goes_no_further_and_passes_no_more() -> None:
    walk = RatioWalk(RatioRule.of(criterion(1.5), 60))
    for _ in range(5):
        walk.step((8.0, 20.0, 1.0, 20.0))
    assert walk.fired is FiredBy.MIXTURE
    known = (walk.errors, walk.requests, walk.control_errors, walk.interval)
    for _ in range(50):
        assert walk.step((0.0, 100.0, 50.0, 100.0)) is FiredBy.MIXTURE
    assert (walk.errors, walk.requests, walk.control_errors, walk.interval) == known
    assert walk.passing is None


def test_two_ways_to_pass_share_the_chance_of_a_false_pass() -> None:
    """Each part passes for half of alpha_pass: a flag beyond both boundaries is falsely proven for no more than it."""
    alone, shared = (RatioRule.of(criterion(1.5, floor), 60) for floor in (None, 0.002))
    assert (alone.alpha_pass, shared.alpha_pass) == (0.05, 0.025)
    just = next(n for n in range(1, 5000) if _passes(alone, n))
    assert not _passes(shared, just)


def _passes(rule: RatioRule, buckets: int) -> bool:
    """Whether so many buckets without an own error, at 1 error of 10 requests on the control, pass by the ratio."""
    walk = RatioWalk(rule)
    for _ in range(buckets):
        walk.step((0.0, 1.0, 1.0, 10.0))
    return walk.passing is walk.against_control
