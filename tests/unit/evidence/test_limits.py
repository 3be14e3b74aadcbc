"""Counts, values and reported numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta

import pytest

from rampart.absence import AbsenceReason
from rampart.evidence.criteria import CountCriterion, ReportedCriterion, Side, ValueCriterion
from rampart.evidence.judge import judge
from rampart.evidence.judgement import Judgement
from rampart.evidence.series import Series, Unavailable
from rampart.evidence.verdict import Verdict
from rampart.evidence.window import Window

MINUTE = 60
COUNT = CountCriterion(name="lost letters", at_most=2)
LATENCY = ValueCriterion(name="p95 latency", bar=1.5, side=Side.BELOW, hold_for=timedelta(minutes=15))
COMPLAINTS = ReportedCriterion(name="call center complaints", at_most=0)


def look(
    criterion: CountCriterion | ValueCriterion, values: Sequence[float | None], *, ends_after: int = 0
) -> Judgement:
    """Judge values of five-minute buckets, with some empty buckets behind them."""
    window = Window(start=0, end=(len(values) + ends_after) * 300, bucket=300, planned_buckets=100)
    points = Series(tuple((index * 300, value) for index, value in enumerate(values)))
    return judge(criterion, measured={"value": points}, window=window)


def test_a_sum_within_its_limit_passes_and_shows_both_numbers() -> None:
    judgement = look(COUNT, [1, 0, None, 1])
    assert (judgement.verdict, judgement.value) == (Verdict.PASS, 2)
    assert judgement.message == "lost letters 2 is at most 2"


def test_a_sum_beyond_its_limit_fails() -> None:
    assert look(COUNT, [1, 1, 1]).message == "lost letters 3 is more than 2"
    assert look(COUNT, [1, 1, 1]).verdict is Verdict.FAIL


@pytest.mark.parametrize("values", [[], [None, None]])
def test_a_count_without_data_is_not_zero(values: list[float | None]) -> None:
    assert look(COUNT, values).verdict is Verdict.NO_DATA


def test_a_count_that_is_no_longer_measured_is_no_data_although_it_had_passed() -> None:
    silent = look(COUNT, [0] + [None] * 500)
    assert silent.verdict is Verdict.NO_DATA
    assert silent.message == "lost letters has had no value since 1970-01-01 00:05 UTC: no data is not zero"
    assert look(COUNT, [0], ends_after=500).verdict is Verdict.NO_DATA
    assert look(COUNT, [0], ends_after=2).verdict is Verdict.NO_DATA


def test_a_single_late_bucket_of_a_count_is_not_a_silence() -> None:
    assert look(COUNT, [0], ends_after=1).verdict is Verdict.PASS
    assert look(COUNT, [0] + [None] * 500 + [0, None]).verdict is Verdict.PASS


def test_silence_takes_neither_a_failed_count_nor_an_impossible_one_back() -> None:
    assert look(COUNT, [3], ends_after=500).verdict is Verdict.FAIL
    assert look(COUNT, [-1], ends_after=500).verdict is Verdict.ERROR


@pytest.mark.parametrize("bad", [-1, math.nan, math.inf, "1"])
def test_an_impossible_count_is_an_error_unless_the_others_fail_anyhow(bad: float) -> None:
    assert look(COUNT, [1, bad]).verdict is Verdict.ERROR
    assert look(COUNT, [5, bad]).verdict is Verdict.FAIL


def test_one_blip_is_no_fail() -> None:
    judgement = look(LATENCY, [1.0, 1.0, 9.9, 1.0, 1.0, 1.0])
    assert judgement.verdict is Verdict.PASS
    assert judgement.message == "p95 latency 1 is below 1.5 (a point, not a test)"


def test_a_value_that_is_wrong_for_long_enough_fails_and_stays_failed() -> None:
    assert look(LATENCY, [1.0, 2.0, 2.0]).verdict is Verdict.INCONCLUSIVE
    failed = look(LATENCY, [1.0, 2.0, 2.0, 2.0])
    assert failed.verdict is Verdict.FAIL
    assert (
        failed.message
        == "p95 latency 2 is not below 1.5, since 1970-01-01 00:05 UTC (15 minutes or more; a point, not a test)"
    )
    assert look(LATENCY, [1.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0]).verdict is Verdict.FAIL


def test_a_value_passes_only_after_it_was_right_for_as_long() -> None:
    assert look(LATENCY, [1.0, 1.0]).verdict is Verdict.INCONCLUSIVE
    assert look(LATENCY, [1.0, 1.0, 1.0]).verdict is Verdict.PASS
    assert look(LATENCY, [1.0, 1.0, 1.0, 1.5]).verdict is Verdict.INCONCLUSIVE


def test_the_bar_itself_is_on_the_wrong_side() -> None:
    assert look(LATENCY, [1.5, 1.5, 1.5]).verdict is Verdict.FAIL


def test_a_floor_is_the_mirror_image() -> None:
    floor = ValueCriterion(name="throughput", bar=10, side=Side.ABOVE, hold_for=timedelta(minutes=10))
    assert (
        look(floor, [9, 9]).message
        == "throughput 9 is not above 10, since 1970-01-01 00:00 UTC (10 minutes or more; a point, not a test)"
    )
    assert look(floor, [11, 11]).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("hold_for", "bucket", "told"), [(10, 1, "10 seconds"), (90, 1, "90 seconds"), (14_400, 300, "4 hours")]
)
def test_how_long_a_value_must_hold_is_told_in_the_unit_that_people_use(hold_for: int, bucket: int, told: str) -> None:
    criterion = ValueCriterion(name="p95 latency", bar=1.5, side=Side.BELOW, hold_for=timedelta(seconds=hold_for))
    window = Window(start=0, end=bucket, bucket=bucket, planned_buckets=100)
    judgement = judge(criterion, measured={"value": Series(((0, 1.0),))}, window=window)
    assert judgement.message == f"p95 latency 1 is below 1.5, but not yet for {told}"


def test_two_blips_with_silence_between_them_are_not_a_stretch() -> None:
    assert look(LATENCY, [9.0, None, None, None, None, None, 9.0]).verdict is Verdict.INCONCLUSIVE
    assert look(LATENCY, [9.0, None, 9.0]).verdict is Verdict.FAIL


def test_a_value_that_is_no_longer_measured_is_no_data() -> None:
    assert look(LATENCY, [1.0] * 10, ends_after=3).verdict is Verdict.PASS
    assert look(LATENCY, [1.0] * 10, ends_after=4).verdict is Verdict.NO_DATA
    assert look(LATENCY, []).verdict is Verdict.NO_DATA


@pytest.mark.parametrize("bad", [math.nan, math.inf, "1.2"])
def test_a_value_that_is_not_a_number_is_an_error(bad: float) -> None:
    assert look(LATENCY, [1.0] * 5 + [bad]).verdict is Verdict.ERROR
    assert look(LATENCY, [1.0] * 5 + [bad, 1.0, bad, 1.0]).verdict is Verdict.ERROR
    assert look(LATENCY, [2.0] * 5 + [bad]).verdict is Verdict.FAIL


@pytest.mark.parametrize("criterion", [COUNT, LATENCY])
def test_an_unanswered_question_is_an_error(criterion: CountCriterion | ValueCriterion) -> None:
    window = Window(start=0, end=3000, bucket=300, planned_buckets=10)
    refused = Unavailable(AbsenceReason.REFUSED_CREDENTIALS, "403")
    judgement = judge(criterion, measured={"value": refused}, window=window)
    assert judgement.verdict is Verdict.ERROR
    assert judgement.message.endswith("could not be measured: the metric source refuses the credentials (403)")


def report(number: float | None) -> Judgement:
    window = Window(start=0, end=0, bucket=300, planned_buckets=1)
    return judge(COMPLAINTS, measured={}, window=window, reported=number)


def test_what_nobody_reported_has_not_passed() -> None:
    assert report(None).verdict is Verdict.NO_DATA
    assert report(None).message == (
        "call center complaints is not reported yet: say how many when approving (at most 0)"
    )


def test_a_reported_number_passes_or_fails() -> None:
    assert report(0).verdict is Verdict.PASS
    assert report(1).verdict is Verdict.FAIL
    assert report(1).message == "call center complaints 1 is more than 0, as reported"


@pytest.mark.parametrize("number", [math.nan, -1, math.inf])
def test_an_impossible_report_is_an_error(number: float) -> None:
    assert report(number).verdict is Verdict.ERROR
