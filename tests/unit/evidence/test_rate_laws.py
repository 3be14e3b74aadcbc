"""Laws of the rule for rates, each over many generated stages."""

from __future__ import annotations

import math

from hypothesis import example, given
from hypothesis import strategies as st

from rampart.evidence.criteria import RateCriterion, Side
from rampart.evidence.judge import judge
from rampart.evidence.judgement import FiredBy, Judgement
from rampart.evidence.mixture import evidence
from rampart.evidence.rule import RateRule, Walk, decide
from rampart.evidence.series import Series
from rampart.evidence.verdict import Verdict
from rampart.evidence.window import Window

BARS = st.sampled_from([0.0005, 0.01, 0.08, 0.3, 0.5, 0.92, 0.999])
CLUMPS = st.sampled_from([1.0, 2.5, 5.0])
SIDES = st.sampled_from(Side)
ALPHAS = st.sampled_from([0.001, 0.05, 0.2])


@st.composite
def buckets(draw: st.DrawFn, *, most: int = 40, longest: int = 60) -> list[tuple[int, int]]:
    """Errors and requests per bucket; whole stages tend to one error level, so that fails and passes both occur."""
    level = draw(st.sampled_from([0, 0, 1, 2, 5, 10]))
    requests = draw(st.lists(st.integers(0, most), min_size=1, max_size=longest))
    return [(min(n, draw(st.integers(0, 1 + n * level // 10))), n) for n in requests]


def criterion(
    bar: float,
    side: Side,
    clump: float,
    alpha: float = 0.05,
    detector: float = 100,
    alpha_pass: float | None = None,
) -> RateCriterion:
    return RateCriterion(
        name="rate",
        bar=bar,
        side=side,
        clump=clump,
        alpha_fail=alpha,
        alpha_pass=alpha if alpha_pass is None else alpha_pass,
        detector=detector,
    )


def judged(stage: list[tuple[int, int]], rate: RateCriterion, planned: int = 60) -> Judgement:
    window = Window(start=0, end=len(stage) * 300, bucket=300, planned_buckets=planned)
    errors, total = (Series(tuple((i * 300, float(b[part])) for i, b in enumerate(stage))) for part in (0, 1))
    return judge(rate, measured={"errors": errors, "total": total}, window=window)


@given(buckets(longest=30), BARS, SIDES, CLUMPS, st.data())
def test_a_verdict_does_not_depend_on_how_often_it_is_evaluated(
    stage: list[tuple[int, int]], bar: float, side: Side, clump: float, data: st.DataObject
) -> None:
    """One walk looks at every bucket as it comes; looks that are missed, repeated or late begin again each time."""
    rate = criterion(bar, side, clump)
    walk = Walk(RateRule.of(rate, 60))
    said: dict[int, tuple[Verdict, float, float, tuple[float, float]]] = {}
    for length, bucket in enumerate(stage, start=1):
        walk.step(*bucket)
        verdict = Verdict.FAIL if walk.fired else Verdict.PASS if walk.passes else Verdict.INCONCLUSIVE
        said[length] = (verdict, walk.errors, walk.requests, walk.interval)
    for length in data.draw(st.lists(st.sampled_from(range(1, len(stage) + 1)), max_size=20)):
        look = judged(stage[:length], rate)
        verdict, *numbers = said[length]
        if look.verdict is Verdict.NO_DATA:  # nothing came, or nothing comes any more: a fail is told all the same
            assert verdict is not Verdict.FAIL
            continue
        assert look.verdict is verdict
        if look.test is not FiredBy.CHANGE_DETECTOR:  # which tells the numbers since the change
            assert [look.errors, look.requests, look.interval] == numbers


@given(buckets(), BARS, SIDES, CLUMPS, st.data())
def test_the_verdict_does_not_depend_on_the_order_in_which_buckets_became_known(
    stage: list[tuple[int, int]], bar: float, side: Side, clump: float, data: st.DataObject
) -> None:
    """Data that comes late, and looks at half of it: the last word on a stage is as if it had always been complete."""
    rate, window = criterion(bar, side, clump), Window(start=0, end=len(stage) * 300, bucket=300, planned_buckets=60)
    points = [(i * 300, float(errors), float(total)) for i, (errors, total) in enumerate(stage)]
    arrived = data.draw(st.permutations(points))
    known = [sorted(arrived[:length]) for length in range(1, len(arrived) + 1)]
    looks = [
        judge(
            rate,
            measured={
                "errors": Series(tuple((t, k) for t, k, _ in each)),
                "total": Series(tuple((t, n) for t, _, n in each)),
            },
            window=window,
        )
        for each in known
    ]
    assert looks[-1] == judged(stage, rate)


@given(buckets(), BARS, SIDES, CLUMPS)
def test_a_stage_that_failed_at_one_look_fails_at_every_later_one(
    stage: list[tuple[int, int]], bar: float, side: Side, clump: float
) -> None:
    rule = RateRule.of(criterion(bar, side, clump), 60)
    failed = [decide(rule, stage[:length]).walk.fired is not None for length in range(len(stage) + 1)]
    assert failed == sorted(failed)


@given(buckets(), BARS, SIDES, CLUMPS)
def test_step_by_step_and_all_at_once_agree(stage: list[tuple[int, int]], bar: float, side: Side, clump: float) -> None:
    """The rule in batch, as it is defined: at each bucket the mixture of all counts so far, and the sum of all bets."""
    rule = RateRule.of(criterion(bar, side, clump), 60)
    walk = Walk(rule)
    for length in range(1, len(stage) + 1):
        walk.step(*stage[length - 1])
        light = [rule.tempered(*bucket) for bucket in stage[:length] if bucket[1]]
        errors, requests = (sum(bucket[part] for bucket in light) for part in (0, 1))
        wrong = rule.wrong(*(sum(bucket[part] for bucket in stage[:length]) for part in (0, 1)))
        mixture = evidence(errors, requests, rule.failing)
        bets = sum(
            evidence(sum(k for k, _ in light[start:]), sum(n for _, n in light[start:]), rule.failing)
            for start in range(len(light))
        )
        if _near(mixture, 20) or _near(bets, rule.alarm):
            return  # on the very edge, the order of additions may decide
        if wrong >= 3 and stage[length - 1][1] and (mixture >= 20 or bets >= rule.alarm):
            assert walk.fired is not None
            return
        assert walk.fired is None


def _near(value: float, threshold: float) -> bool:
    return math.isclose(value, threshold, rel_tol=1e-6)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(9, 20)), min_size=1, max_size=10), BARS, CLUMPS, st.data())
def test_the_evidence_does_not_depend_on_how_counts_are_split_over_buckets(
    stage: list[tuple[int, int]], bar: float, clump: float, data: st.DataObject
) -> None:
    rule = RateRule(bar=bar, fails_high=True, clump=clump, alpha_fail=1e-300, alpha_pass=1e-300, alarm=1e300)
    whole, split = Walk(rule), Walk(rule)
    for errors, requests in stage:
        part_requests = data.draw(st.integers(0, requests))
        part_errors = data.draw(st.integers(max(0, errors - (requests - part_requests)), min(errors, part_requests)))
        whole.step(errors, requests)
        split.step(part_errors, part_requests)
        split.step(errors - part_errors, requests - part_requests)
    one, other = (evidence(w.weighed_errors, w.weighed_requests, rule.failing) for w in (whole, split))
    assert math.isclose(one, other, rel_tol=1e-9)


@given(buckets(), BARS, CLUMPS, st.booleans(), st.data())
def test_adding_an_error_never_makes_a_verdict_better(
    stage: list[tuple[int, int]], bar: float, clump: float, as_new_request: bool, data: st.DataObject
) -> None:
    room = [index for index, (errors, requests) in enumerate(stage) if as_new_request or errors < requests]
    if not room:
        return
    index = data.draw(st.sampled_from(room))
    errors, requests = stage[index]
    worse = [*stage[:index], (errors + 1, requests + int(as_new_request)), *stage[index + 1 :]]
    rule = RateRule.of(criterion(bar, Side.BELOW, clump), 60)
    before, after = decide(rule, stage), decide(rule, worse)
    assert before.walk.fired is None or after.walk.fired is not None
    if not as_new_request:  # a further request is evidence too: at a bar near 100% one error more is a small surprise
        assert before.walk.passes or not after.walk.passes


@given(buckets(), BARS, SIDES, CLUMPS, ALPHAS, st.sampled_from([1.0, 100.0]), st.integers(1, 100))
@example([(2, 2)], 0.0005, Side.BELOW, 1.0, 0.2, 1.0, 1)
def test_nothing_fails_on_fewer_than_three_errors(
    stage: list[tuple[int, int]], bar: float, side: Side, clump: float, alpha: float, detector: float, planned: int
) -> None:
    judgement = judged(stage, criterion(bar, side, clump, alpha, detector), planned)
    wrong = sum(k if side is Side.BELOW else n - k for k, n in stage)
    assert judgement.verdict is not Verdict.FAIL or wrong >= 3


@given(buckets(), BARS, CLUMPS)
def test_above_mirrors_below(stage: list[tuple[int, int]], bar: float, clump: float) -> None:
    below = judged(stage, criterion(bar, Side.BELOW, clump))
    above = judged([(n - k, n) for k, n in stage], criterion(1 - bar, Side.ABOVE, clump))
    assert below.verdict is above.verdict
    assert below.test is above.test
    if below.interval and above.interval:
        lower, upper = below.interval
        assert math.isclose(1 - above.interval[1], lower, rel_tol=1e-6, abs_tol=1e-9)
        assert math.isclose(1 - above.interval[0], upper, rel_tol=1e-6, abs_tol=1e-9)


@given(buckets(), BARS, SIDES, CLUMPS, ALPHAS, ALPHAS)
@example([(2, 2)], 0.0005, Side.BELOW, 1.0, 0.2, 0.2)
@example([(9, 10)], 0.3, Side.BELOW, 1.0, 0.001, 0.2)
@example([(1, 10)], 0.7, Side.ABOVE, 1.0, 0.2, 0.001)
def test_fail_pass_and_interval_always_agree(
    stage: list[tuple[int, int]], bar: float, side: Side, clump: float, alpha_fail: float, alpha_pass: float
) -> None:
    judgement = judged(stage, criterion(bar, side, clump, alpha_fail, alpha_pass=alpha_pass))
    if judgement.interval is None:
        return  # no data, or the change detector
    lower, upper = judgement.interval
    beyond, short = (lower > bar, upper < bar) if side is Side.BELOW else (upper < bar, lower > bar)
    assert (judgement.verdict is Verdict.FAIL) == beyond
    assert (judgement.verdict is Verdict.PASS) == short


@given(st.sampled_from([0.002, 0.05, 0.4, 0.9]), st.sampled_from([0.01, 0.08, 0.6]))
def test_intervals_shrink_to_within_one_and_a_half_percent_of_the_rate(rate: float, bar: float) -> None:
    requests = 1e12
    walk = Walk(RateRule(bar=bar, fails_high=True, clump=1, alpha_fail=0.05, alpha_pass=0.05, alarm=math.inf))
    # Weighed counts are set by hand: real buckets are capped, and so many of them would take forever.
    walk.errors = walk.weighed_errors = rate * requests
    walk.requests = walk.weighed_requests = requests
    lower, upper = walk.interval
    rare = min(rate, 1 - rate)
    assert rate - 0.015 * rare <= lower <= rate <= upper <= rate + 0.015 * rare


EXTREME = st.sampled_from([0, 1, 2, 10**6, 10**12])


@given(
    st.lists(st.tuples(EXTREME, EXTREME), min_size=1, max_size=30), st.sampled_from([1e-9, 1e-4, 0.5, 0.9999]), SIDES
)
def test_extreme_counts_neither_overflow_nor_crash(pairs: list[tuple[int, int]], bar: float, side: Side) -> None:
    judgement = judged([(min(pair), max(pair)) for pair in pairs], criterion(bar, side, 1.0))
    if judgement.interval is not None:
        assert 0 <= judgement.interval[0] <= judgement.interval[1] <= 1
    assert judgement.message
