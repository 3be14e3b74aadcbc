"""A contradiction isn't an outage: one odd bucket is left out and said; what always contradicts itself never passes."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.evidence.buckets import pair
from rampart.evidence.criteria import CountCriterion, RateCriterion, Side, ValueCriterion
from rampart.evidence.judge import judge
from rampart.evidence.judgement import Judgement
from rampart.evidence.series import Series
from rampart.evidence.verdict import Verdict
from rampart.evidence.window import Window

from .conftest import BUCKET, JudgeRate, Values, series_of

GOOD = [0.0] * 40
TEN = [10.0] * 40
IMPOSSIBLE = [math.nan, math.inf, -1.0, 2.0**60]
"""Numbers that aren't counts; the last one is beyond what floats can count."""


def with_odd(values: Sequence[float], *places: int, reads: float) -> list[float]:
    """The values, with something else at some places."""
    return [reads if index in places else value for index, value in enumerate(values)]


def paired(errors: Values, total: Values) -> tuple[list[tuple[float, float]], list[int]]:
    """Errors and requests of the sound buckets, and the places of the odd ones."""
    window = Window(0, len(total) * BUCKET, BUCKET, planned_buckets=len(total))
    found = pair(series_of(errors), series_of(total), window)
    return [(b.errors, b.requests) for b in found.buckets], [fault.start // BUCKET for fault in found.odd]


# A request is counted as it comes, an error as it ends.


def test_errors_beyond_a_buckets_requests_belong_to_the_bucket_before() -> None:
    """One request came at 14:59:58 and failed at 15:00:01."""
    assert paired([0, 0, 1, 0], [4, 4, 0, 4]) == ([(0, 4), (1, 4), (0, 4)], [])
    assert paired([0, 0, 5, 0], [4, 4, 3, 4]) == ([(0, 4), (2, 4), (3, 3), (0, 4)], [])


@pytest.mark.parametrize(
    ("errors", "total", "odd"),
    [
        ([0, 0, 5, 0], [4, 4, 0, 4], [2]),  # more than the bucket before had requests
        ([0, 4, 1, 0], [4, 4, 0, 4], [2]),  # all of its requests failed already
        ([0, 0, 1, 0], [4, 0, 0, 4], [2]),  # it had none
        ([1, 0, 0, 0], [0, 4, 4, 4], [0]),  # the stage begins here
        ([0, math.nan, 1, 0], [4, 4, 0, 4], [1, 2]),  # it is odd itself
    ],
)
def test_errors_that_find_no_room_there_make_the_bucket_odd(errors: Values, total: Values, odd: list[int]) -> None:
    sound, found = paired(errors, total)
    assert found == odd
    assert all(0 <= bad <= requests for bad, requests in sound)


def test_the_bucket_before_may_be_of_another_width() -> None:
    window = Window(0, 85, 1, planned_buckets=85, coarse=8, fine_from=80)
    total = Series(((64, 4.0), (72, 4.0), (80, 0.0), (81, 4.0), (82, 0.0)))
    found = pair(Series(((72, 5.0), (80, 1.0), (82, 2.0))), total, window)
    assert [fault.start for fault in found.odd] == [80], "its error finds no room there any more"
    assert {b.start: (b.errors, b.requests) for b in found.buckets} == {64: (1, 4), 72: (4, 4), 81: (2, 4)}
    found = pair(Series(((80, 1.0),)), total, window)
    assert not found.odd
    assert [b.errors for b in found.buckets] == [0, 1, 0]


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=30))
def test_errors_are_moved_and_never_made_or_lost(counts: list[tuple[int, int]]) -> None:
    errors, total = [bad for bad, _ in counts], [requests for _, requests in counts]
    sound, odd = paired(errors, total)
    assert all(0 <= bad <= requests for bad, requests in sound)
    assert sum(bad for bad, _ in sound) == sum(errors) - sum(errors[place] for place in odd)
    assert sum(requests for _, requests in sound) == sum(total) - sum(total[place] for place in odd)


@pytest.mark.long
@pytest.mark.parametrize("rate", [0.02, 0.3])
def test_a_long_stage_with_straddling_requests_at_little_traffic_never_errs(rate: float) -> None:
    """A week of four requests a bucket, of which three in a hundred end in the next one; seeded; every late look."""
    straddled = 0
    for seed in range(5):
        rng = random.Random(seed)
        errors, total = [0.0] * 2017, [0.0] * 2017
        for index in range(2016):
            total[index] = sum(rng.random() < 0.25 for _ in range(16))
            for _ in range(int(total[index])):
                errors[index + (rng.random() < 0.03)] += rng.random() < rate
        straddled += sum(bad > requests for bad, requests in zip(errors, total, strict=True))
        for length in range(1600, 2016, 13):
            window = Window(0, length * BUCKET, BUCKET, planned_buckets=2016)
            assert pair(series_of(errors[:length]), series_of(total[:length]), window).fault is None
    assert straddled or rate < 0.1, "there was nothing to lend"


# One odd bucket is left out and said.


@pytest.mark.parametrize("bad", [50.0, *IMPOSSIBLE])
def test_one_odd_bucket_does_not_strand_a_stage(judge_rate: JudgeRate, bad: float) -> None:
    judgement = judge_rate(with_odd(GOOD, 20, reads=bad), TEN)
    assert (judgement.verdict, judgement.errors, judgement.requests) == (Verdict.PASS, 0, 390)
    assert judgement.left_out == 1
    assert "; 1 of 40 buckets left out: at 1970-01-01 01:40 UTC " in judgement.message


@pytest.mark.parametrize(
    ("verdict", "errors", "total", "buckets"),
    [
        (Verdict.PASS, GOOD, TEN, 40),
        (Verdict.FAIL, [8.0] * 40, TEN, 40),
        (Verdict.INCONCLUSIVE, [0.8] * 40, TEN, 40),
        (Verdict.NO_DATA, [*[1.0, 0.0] * 15, *[0.0] * 10], [*[10.0] * 30, *[0.0] * 10], 30),
        (Verdict.NO_DATA, [*[5.0] * 30, *[0.0] * 60], [100.0] * 90, 90),
    ],
)
def test_every_verdict_says_what_was_left_out(
    judge_rate: JudgeRate, verdict: Verdict, errors: Sequence[float], total: Sequence[float], buckets: int
) -> None:
    judgement = judge_rate(with_odd(errors, 4, reads=5000.0), total)
    assert (judgement.verdict, judgement.left_out) == (verdict, 1)
    assert "there were more errors (5,000) than requests (" in judgement.message
    assert f"1 of {buckets} buckets left out" in judgement.message


def test_where_nothing_is_odd_nothing_is_said(judge_rate: JudgeRate) -> None:
    judgement = judge_rate(GOOD, TEN)
    assert judgement.left_out == 0
    assert "left out" not in judgement.message


# Odd buckets that are new or common.


@pytest.mark.parametrize(
    ("odd", "verdict"),
    [
        ((39,), Verdict.ERROR),  # the newest of all
        ((38,), Verdict.PASS),
        ((0,), Verdict.PASS),
        ((30, 35), Verdict.ERROR),  # two of the newest ten
        ((29, 35), Verdict.PASS),
        ((5, 15), Verdict.PASS),  # one in twenty
        ((5, 15, 25), Verdict.ERROR),  # more
    ],
)
def test_odd_buckets_are_an_error_while_they_are_new_or_common(
    judge_rate: JudgeRate, odd: tuple[int, ...], verdict: Verdict
) -> None:
    judgement = judge_rate(with_odd(GOOD, *odd, reads=50.0), TEN)
    assert (judgement.verdict, judgement.left_out) == (verdict, len(odd))


def test_a_single_odd_bucket_is_left_out_however_few_there_are(judge_rate: JudgeRate) -> None:
    assert judge_rate(with_odd(GOOD[:8], 2, reads=50.0), TEN[:8]).verdict is Verdict.PASS
    assert judge_rate(with_odd(GOOD[:8], 7, reads=50.0), TEN[:8]).verdict is Verdict.ERROR


def test_an_error_says_which_bucket_is_odd_and_how_many_are(judge_rate: JudgeRate) -> None:
    judgement = judge_rate(with_odd(GOOD, 5, 15, 25, reads=50.0), TEN)
    assert judgement.message == (
        "download error rate cannot be trusted: at 1970-01-01 00:25 UTC there were more errors (50) than requests "
        "(10), and 2 more of 40 buckets are odd"
    )


def test_a_stage_whose_newest_bucket_was_odd_goes_on_with_the_next_one(judge_rate: JudgeRate) -> None:
    errors, total = [*GOOD, 50.0], [*TEN, 10.0]
    assert judge_rate(errors, total).verdict is Verdict.ERROR
    assert judge_rate([*errors, 0.0], [*total, 10.0]).verdict is Verdict.PASS


def test_an_outage_with_errors_outside_the_total_is_an_error_in_two_buckets(judge_rate: JudgeRate) -> None:
    """What fails is counted as an error and not as a request: the first bucket's errors may fit into the one before."""
    for errors in (1.0, 5.0, 10.0, 300.0):
        for length in range(2, 50):
            judgement = judge_rate([*GOOD, *[errors] * length], [*TEN, *[0.0] * length])
            assert judgement.verdict in {Verdict.ERROR, Verdict.FAIL}, (errors, length)


@given(
    sound=st.integers(0, 60),
    outage=st.integers(2, 60),
    requests=st.integers(0, 9),
)
def test_while_a_contradiction_lasts_nothing_passes(sound: int, outage: int, requests: int) -> None:
    errors, total = [*[0.0] * sound, *[50.0] * outage], [*[10.0] * sound, *[float(requests)] * outage]
    criterion = RateCriterion(name="e", bar=0.08, side=Side.BELOW, clump=1)
    window = Window(0, len(errors) * BUCKET, BUCKET, planned_buckets=100)
    judgement = judge(criterion, measured={"errors": series_of(errors), "total": series_of(total)}, window=window)
    assert judgement.verdict is Verdict.ERROR


@given(
    counts=st.lists(st.tuples(st.integers(1, 50), st.integers(0, 20)), min_size=1, max_size=80),
    above=st.booleans(),
)
def test_a_metric_that_is_always_impossible_never_passes(counts: list[tuple[int, int]], above: bool) -> None:
    """In every bucket there are more errors than requests, by whatever number."""
    errors, total = [float(more + requests) for more, requests in counts], [float(requests) for _, requests in counts]
    side, bar = (Side.ABOVE, 0.5) if above else (Side.BELOW, 0.5)
    window = Window(0, len(counts) * BUCKET, BUCKET, planned_buckets=len(counts))
    measured = {"errors": series_of(errors), "total": series_of(total)}
    assert judge(RateCriterion(name="e", bar=bar, side=side, clump=1), measured=measured, window=window).verdict is (
        Verdict.ERROR
    )


def test_triple_counted_retries_neither_strand_a_stage_nor_hide_a_fault(judge_rate: JudgeRate) -> None:
    """One request, three tries, three errors: with little traffic that is more errors than requests now and then."""
    rng = random.Random(1)

    def stage(rate: float, mean: int) -> tuple[list[float], list[float]]:
        total = [float(sum(rng.random() < 0.5 for _ in range(2 * mean))) for _ in range(400)]
        return [3.0 * sum(rng.random() < rate for _ in range(int(each))) for each in total], total

    healthy = [judge_rate(*stage(0.004, 4), bar=0.2, clump=3.0).verdict for _ in range(20)]
    assert healthy.count(Verdict.PASS) >= 19
    assert Verdict.FAIL not in healthy
    for _ in range(20):
        assert judge_rate(*stage(0.3, 40), bar=0.2, clump=3.0).verdict in {Verdict.FAIL, Verdict.ERROR}


# Counts and values likewise.


def count(values: Values) -> Judgement:
    window = Window(0, len(values) * BUCKET, BUCKET, planned_buckets=100)
    criterion = CountCriterion(name="lost letters", at_most=2)
    return judge(criterion, measured={"value": series_of(values)}, window=window)


def gauge(values: Values) -> Judgement:
    window = Window(0, len(values) * BUCKET, BUCKET, planned_buckets=100)
    criterion = ValueCriterion(name="latency", bar=1.5, side=Side.BELOW, hold_for=timedelta(minutes=15))
    return judge(criterion, measured={"value": series_of(values)}, window=window)


EITHER = pytest.mark.parametrize("kind", [count, gauge])


@EITHER
def test_one_odd_point_of_a_count_or_a_value_is_left_out_and_said(kind: Callable[[Values], Judgement]) -> None:
    judgement = kind(with_odd(GOOD, 20, reads=math.nan))
    assert (judgement.verdict, judgement.left_out) == (Verdict.PASS, 1)
    assert "; 1 of 40 buckets left out: at 1970-01-01 01:40 UTC it reads nan, which isn't a " in judgement.message


@EITHER
@pytest.mark.parametrize(
    ("odd", "verdict"),
    [((39,), Verdict.ERROR), ((30, 35), Verdict.ERROR), ((5, 15), Verdict.PASS), ((5, 15, 25), Verdict.ERROR)],
)
def test_odd_points_are_an_error_while_they_are_new_or_common(
    kind: Callable[[Values], Judgement], odd: tuple[int, ...], verdict: Verdict
) -> None:
    judgement = kind(with_odd(GOOD, *odd, reads=math.inf))
    assert (judgement.verdict, judgement.left_out) == (verdict, len(odd))
    if verdict is Verdict.ERROR and len(odd) > 1:
        assert judgement.message.endswith(f", and {len(odd) - 1} more of 40 buckets are odd")


@EITHER
@given(bad=st.lists(st.sampled_from([math.nan, math.inf, -math.inf, 2.0**60]), min_size=1, max_size=50))
def test_a_series_that_is_always_impossible_never_passes(kind: Callable[[Values], Judgement], bad: list[float]) -> None:
    assert kind(bad).verdict is Verdict.ERROR


@EITHER
def test_what_is_left_out_is_said_of_silence_and_of_a_fail_too(kind: Callable[[Values], Judgement]) -> None:
    for values, verdict in (([*GOOD, *[None] * 8], Verdict.NO_DATA), ([9.0] * 40, Verdict.FAIL)):
        odd = [math.nan if index == 20 else value for index, value in enumerate(values)]
        judgement = kind(odd)
        assert (judgement.verdict, judgement.left_out) == (verdict, 1)
        assert "left out" in judgement.message
