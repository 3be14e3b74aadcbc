"""Nothing passes without evidence: every way in which evidence can be missing or contradict itself."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from rampart.absence import AbsenceReason
from rampart.evidence.criteria import RateCriterion, Side
from rampart.evidence.judge import judge
from rampart.evidence.judgement import Judgement
from rampart.evidence.series import Series, Unavailable, from_stored, to_stored
from rampart.evidence.verdict import Verdict
from rampart.evidence.window import Window

JudgeRate = Callable[..., Judgement]

HEALTHY = ([0] * 20, [10] * 20)
"""Twenty buckets that pass below 8%."""


def test_a_healthy_stage_passes_so_that_what_follows_means_something(judge_rate: JudgeRate) -> None:
    assert judge_rate(*HEALTHY).verdict is Verdict.PASS


def test_no_points_are_no_data(judge_rate: JudgeRate) -> None:
    judgement = judge_rate(Series(()), Series(()), buckets=20)
    assert judgement.verdict is Verdict.NO_DATA
    assert judgement.message == "download error rate has no requests to judge yet"


def test_a_stage_that_is_too_young_to_have_a_bucket_has_no_data(judge_rate: JudgeRate) -> None:
    assert judge_rate(*HEALTHY, buckets=0, planned=20).verdict is Verdict.NO_DATA


def test_a_question_that_was_never_put_is_no_data() -> None:
    criterion = RateCriterion(name="rate", bar=0.01, side=Side.BELOW)
    window = Window(start=0, end=3000, bucket=300, planned_buckets=10)
    assert judge(criterion, measured={}, window=window).verdict is Verdict.NO_DATA


def test_zero_requests_are_no_data(judge_rate: JudgeRate) -> None:
    assert judge_rate([0] * 20, [0] * 20).verdict is Verdict.NO_DATA


def test_an_errors_series_that_does_not_exist_is_zero_errors(judge_rate: JudgeRate) -> None:
    judgement = judge_rate(Series(()), HEALTHY[1])
    assert (judgement.verdict, judgement.errors, judgement.requests) == (Verdict.PASS, 0, 200)


def test_null_errors_with_requests_are_zero_errors(judge_rate: JudgeRate) -> None:
    judgement = judge_rate([None, 1] * 10, HEALTHY[1])
    assert (judgement.errors, judgement.requests) == (10, 200)


def test_null_requests_are_unknown_and_not_zero_percent(judge_rate: JudgeRate) -> None:
    judgement = judge_rate([0] * 20, [None] * 10 + [10] * 10)
    assert judgement.requests == 100
    assert judge_rate([None] * 20, [None] * 20).verdict is Verdict.NO_DATA


@pytest.mark.parametrize("requests", [0, None])
def test_errors_without_requests_contradict_themselves(judge_rate: JudgeRate, requests: float | None) -> None:
    judgement = judge_rate([0] * 19 + [12], [10] * 19 + [requests])
    assert judgement.verdict is Verdict.ERROR
    assert "more errors (12) than requests (0)" in judgement.message


@pytest.mark.parametrize("bad", [21, -1, math.nan, math.inf, -math.inf, 10**400, "3", True])
def test_impossible_errors_are_an_error_that_names_the_first_bucket(judge_rate: JudgeRate, bad: float) -> None:
    judgement = judge_rate([0] * 7 + [bad] + [0] * 11 + [99], HEALTHY[1])
    assert judgement.verdict is Verdict.ERROR
    assert "at 1970-01-01 00:35 UTC" in judgement.message


@pytest.mark.parametrize("bad", [-1, math.nan, math.inf, "10"])
def test_impossible_requests_are_an_error(judge_rate: JudgeRate, bad: float) -> None:
    assert judge_rate(HEALTHY[0], [10] * 19 + [bad]).verdict is Verdict.ERROR


def test_one_broken_bucket_does_not_hide_a_fail_in_the_others(judge_rate: JudgeRate) -> None:
    judgement = judge_rate([9] * 10 + [math.nan] * 10, [10] * 20)
    assert judgement.verdict is Verdict.FAIL


def test_a_broken_bucket_is_no_evidence_for_a_fail(judge_rate: JudgeRate) -> None:
    assert judge_rate([1000] * 20, [10] * 20).verdict is Verdict.ERROR


@pytest.mark.parametrize("reason", list(AbsenceReason))
def test_a_question_without_an_answer_is_an_error_that_says_why(judge_rate: JudgeRate, reason: AbsenceReason) -> None:
    unavailable = Unavailable(reason, "told so")
    for errors, total in ((unavailable, HEALTHY[1]), (HEALTHY[0], unavailable), (unavailable, unavailable)):
        judgement = judge_rate(errors, total, buckets=20)
        assert judgement.verdict is Verdict.ERROR
        assert judgement.message.startswith("download error rate could not be measured: ")
        assert judgement.message.endswith("(told so)")


def test_each_reason_for_absence_has_words_of_its_own(judge_rate: JudgeRate) -> None:
    messages = {judge_rate(HEALTHY[0], Unavailable(reason, "")).message for reason in AbsenceReason}
    assert len(messages) == len(AbsenceReason)


def test_the_newest_bucket_is_not_judged_before_it_is_whole(judge_rate: JudgeRate) -> None:
    criterion = RateCriterion(name="rate", bar=0.08, side=Side.BELOW, clump=1)
    window = Window(start=0, end=3 * 300 + 299, bucket=300, planned_buckets=10)
    points = Series(tuple((index * 300, 10.0) for index in range(4)))
    judgement = judge(criterion, measured={"errors": Series(()), "total": points}, window=window)
    assert judgement.requests == 30


def test_what_came_before_the_stage_is_not_judged(judge_rate: JudgeRate) -> None:
    criterion = RateCriterion(name="rate", bar=0.08, side=Side.BELOW, clump=1)
    window = Window(start=600, end=1200, bucket=300, planned_buckets=2)
    points = Series(tuple((index * 300, 10.0) for index in range(4)))
    judgement = judge(criterion, measured={"errors": Series(()), "total": points}, window=window)
    assert judgement.requests == 20


def test_traffic_that_stops_mid_stage_is_no_data_although_it_had_passed(judge_rate: JudgeRate) -> None:
    for tail in ([0] * 3, [None] * 3):
        judgement = judge_rate(HEALTHY[0] + tail, HEALTHY[1] + tail)
        assert judgement.verdict is Verdict.NO_DATA
        assert "no requests since 1970-01-01 01:40 UTC, where about 30 were to be expected" in judgement.message
    assert judge_rate(*HEALTHY, buckets=23).verdict is Verdict.NO_DATA


def test_traffic_that_stops_does_not_take_a_fail_back(judge_rate: JudgeRate) -> None:
    assert judge_rate([9] * 20 + [0] * 50, [10] * 20 + [0] * 50).verdict is Verdict.FAIL


def test_a_pause_that_chance_explains_is_not_a_silence(judge_rate: JudgeRate) -> None:
    sparse = [1 if index % 10 == 0 else None for index in range(991)]
    assert judge_rate([], sparse, buckets=1080).verdict is Verdict.PASS
    assert judge_rate([], sparse, buckets=1095).verdict is Verdict.NO_DATA


def test_a_single_late_bucket_is_not_a_silence(judge_rate: JudgeRate) -> None:
    assert judge_rate(*HEALTHY, buckets=21).verdict is Verdict.PASS


def test_buckets_that_grow_late_count_as_if_they_had_always_been_so(judge_rate: JudgeRate) -> None:
    """There is no memory between looks, so what was seen first leaves no trace: failing, then not, then failing."""
    early, late = ([9, 9, 9], [10, 10, 10]), ([9, 9, 9], [1000, 1000, 1000])
    assert judge_rate(*early).verdict is Verdict.FAIL
    assert judge_rate(*late).verdict is Verdict.PASS
    assert judge_rate(*early) == judge_rate(*early)


@pytest.mark.parametrize(
    "measured", [Series(((0, 1.0), (300, None), (600, 0.1))), Unavailable(AbsenceReason.RATE_LIMITED, "later")]
)
def test_stored_answers_are_the_same_answers_again(measured: Series | Unavailable) -> None:
    assert from_stored(to_stored(measured)) == measured
