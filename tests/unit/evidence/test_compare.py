"""A comparison judged as a stage is: what it says, and what becomes of each of its four series when it is absent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from rampart.absence import AbsenceReason
from rampart.evidence.compare import PARTS
from rampart.evidence.criteria import CompareCriterion
from rampart.evidence.judge import judge
from rampart.evidence.judgement import FiredBy, Judgement, Kind
from rampart.evidence.ratio_interval import LARGEST_RATIO
from rampart.evidence.series import Measured, Series, Unavailable
from rampart.evidence.verdict import Verdict
from rampart.evidence.window import Window
from rampart.evidence.worsening import at_its_worst

BUCKET = 300
Values = Sequence[float | None]


def measured_of(*columns: Values | Measured) -> dict[str, Measured]:
    answers = [
        Series(tuple((index * BUCKET, value) for index, value in enumerate(each)))
        if isinstance(each, Sequence)
        else each
        for each in columns
    ]
    return dict(zip(PARTS, answers, strict=True))


def compared(
    *columns: Values | Measured, buckets: int | None = None, share: float = 0.2, **criterion: Any
) -> Judgement:
    """Judge 1.5 times the control's rate over the buckets that the four columns have."""
    answers = measured_of(*columns)
    length = buckets or max(len(each.points) for each in answers.values() if isinstance(each, Series))
    window = Window(start=0, end=length * BUCKET, bucket=BUCKET, planned_buckets=length)
    settings: dict[str, Any] = {"name": "errors next to the old path", "ratio": 1.5, "clump": 1.0}
    return judge(CompareCriterion(**(settings | criterion)), measured=answers, window=window, share=share)


OWN, CONTROL = [20.0] * 40, [80.0] * 40
STEADY = [1.0, 0.0, 0.0, 0.0] * 10
CONTROL_STEADY = [1.0] * 40


def test_three_times_the_controls_rate_fails_and_says_both_rates_and_the_ratio() -> None:
    judgement = compared([2.0, 1.0] * 20, OWN, CONTROL_STEADY, CONTROL)
    assert judgement.verdict is Verdict.FAIL
    assert judgement.kind is Kind.COMPARE
    assert judgement.test is FiredBy.MIXTURE
    assert judgement.message == (
        "errors next to the old path 6x (7.5%, 9 of 120, against the control's 1.2%, 6 of 480; "
        "90% sure it is between 1.52x and 27.1x) is above 1.5x; "
        "20% of requests took the new path, with the flag at 20%"
    )
    counts = (judgement.errors, judgement.requests, judgement.control_errors, judgement.control_requests)
    assert counts == (9, 120, 6, 480)
    assert judgement.value == pytest.approx(6)


def test_an_outage_of_both_paths_is_not_blamed_on_the_flag() -> None:
    """Half of all requests fail on both paths for two hours: no bar over the own path alone would let that be."""
    quiet, outage = ([0.0, 1.0] * 20, [10.0] * 24), ([2.0] * 40, [40.0] * 24)
    own, control = [20.0] * 64, [80.0] * 64
    judgement = compared(quiet[0] + quiet[1], own, outage[0] + outage[1], control)
    assert judgement.verdict is Verdict.PASS


def test_a_healthy_stage_passes_and_an_open_one_says_what_it_needs() -> None:
    assert "is below 1.5x; " in compared(STEADY * 8, OWN * 8, CONTROL_STEADY * 8, CONTROL * 8).message
    judgement = compared(STEADY, OWN, CONTROL_STEADY, CONTROL)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.requests_needed is not None
    needed = judgement.message.rpartition("about ")[2].partition(" ")[0]
    assert f"about {needed} more requests on the new path would decide, at these rates" in judgement.message
    times = 1 + judgement.requests_needed / 800
    assert _proven(times * 1.02)
    assert not _proven(times * 0.95)


def _proven(times: float) -> bool:
    scaled = [[value * times for value in column] for column in (STEADY, OWN, CONTROL_STEADY, CONTROL)]
    return compared(*scaled).verdict is Verdict.PASS


def test_without_any_error_nothing_is_said_of_the_ratio() -> None:
    judgement = compared([0.0] * 40, OWN, [0.0] * 40, CONTROL)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.value is None
    assert "of 3,200) is not decided: neither path has had an error yet; " in judgement.message


def test_a_control_without_errors_makes_the_ratio_as_large_as_it_gets() -> None:
    judgement = compared([1.0] * 40, OWN, [0.0] * 40, CONTROL)
    assert judgement.verdict is Verdict.FAIL
    assert judgement.value == LARGEST_RATIO
    assert "1,000x or more" in judgement.message


def test_below_the_floor_no_ratio_matters() -> None:
    """Infinitely many times more of next to nothing: true, and of no interest."""
    rare = [1.0] + [0.0] * 9
    own = [400.0] * 40
    without = compared(rare * 4, own, [0.0] * 40, CONTROL * 1)
    assert without.verdict is not Verdict.PASS
    floored = compared(rare * 4, own, [0.0] * 40, CONTROL, floor=0.02, share=0.8)
    assert floored.verdict is Verdict.PASS
    assert "does not matter: the rate is below 2%; " in floored.message
    failing = compared([8.0] * 40, [100.0] * 40, CONTROL_STEADY, CONTROL, floor=0.02, share=0.5)
    assert failing.verdict is Verdict.FAIL
    assert "is above 1.5x, and the rate is above 2%; " in failing.message


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        (0, None),  # no error series: no errors
        (1, "has no requests to judge yet"),
        (2, None),
        (3, "has no requests on the control to compare with"),
    ],
)
def test_a_series_without_points_is_no_data_unless_it_counts_errors(missing: int, told: str | None) -> None:
    columns: list[Values] = [STEADY, OWN, CONTROL_STEADY, CONTROL]
    if missing in {1, 3}:
        columns[missing - 1] = []
    columns[missing] = []
    judgement = compared(*columns)
    if told is None:
        assert judgement.verdict in {Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE}
    else:
        assert judgement.verdict is Verdict.NO_DATA
        assert judgement.message.startswith(f"errors next to the old path {told}")


@pytest.mark.parametrize("unanswered", range(4))
def test_a_series_that_could_not_be_had_is_an_error(unanswered: int) -> None:
    columns: list[Values | Measured] = [STEADY, OWN, CONTROL_STEADY, CONTROL]
    columns[unanswered] = Unavailable(AbsenceReason.RATE_LIMITED, "429")
    judgement = compared(*columns)
    assert judgement.verdict is Verdict.ERROR
    assert "could not be measured: the metric source is asked too often" in judgement.message


@pytest.mark.parametrize(
    ("stopped", "told"),
    [
        (1, "has had no requests since 1970-01-01 03:20 UTC"),
        (3, "has had no requests on the control since 1970-01-01 03:20 UTC"),
        (0, "has had no errors since 1970-01-01 03:20 UTC"),
        (2, "has had no errors on the control since 1970-01-01 03:20 UTC"),
    ],
)
def test_each_of_the_four_series_is_missed_when_it_stops(stopped: int, told: str) -> None:
    columns = [CONTROL_STEADY, CONTROL, CONTROL_STEADY, CONTROL]
    columns = [column * 3 for column in columns]
    for part in {1: (0, 1), 3: (2, 3)}.get(stopped, (stopped,)):
        columns[part] = columns[part][:40] + [0.0] * 80
    judgement = compared(*columns)
    assert judgement.verdict is Verdict.NO_DATA
    assert judgement.message.startswith(f"errors next to the old path {told}")


def test_a_control_whose_errors_stopped_rolls_nothing_back_until_they_are_back() -> None:
    """A renamed tag on the old path makes any new error infinitely many times more; it is not the flag's fault."""
    own = [1.0, 0.0, 0.0] * 100
    silent = [2.0] * 60 + [0.0] * 240
    requests = [100.0] * 300
    judgement = compared(own, requests, silent, requests)
    assert judgement.verdict is Verdict.NO_DATA
    assert "has had no errors on the control since" in judgement.message
    back = compared([*own, *([9.0] * 10)], [*requests, *([100.0] * 10)], [*silent, *([1.0] * 10)], [100.0] * 310)
    assert back.verdict is Verdict.FAIL


def test_a_control_that_is_silent_from_the_start_is_missed_where_its_usual_rate_is_known() -> None:
    judgement = compared([0.0] * 10 + [1.0] * 30, OWN, [0.0] * 40, CONTROL, usual=0.02)
    assert judgement.verdict is Verdict.NO_DATA
    assert "has had no errors on the control at all" in judgement.message


def test_a_bucket_that_is_odd_on_one_side_counts_on_neither() -> None:
    own_errors = [float("nan") if index == 5 else value for index, value in enumerate(CONTROL_STEADY)]
    judgement = compared(own_errors, CONTROL, CONTROL_STEADY, CONTROL)
    assert judgement.left_out == 1
    assert judgement.control_requests == 39 * 80
    spoiled = [-1.0 if index == 5 else value for index, value in enumerate(CONTROL_STEADY)]
    told = compared(CONTROL_STEADY, CONTROL, spoiled, CONTROL).message
    assert "1 of 40 buckets left out: at 1970-01-01 00:25 UTC on the control, the number of errors is negative" in told


def test_odd_buckets_that_are_common_make_an_error() -> None:
    spoiled = [-1.0 if index % 5 == 0 else value for index, value in enumerate(CONTROL_STEADY)]
    judgement = compared(CONTROL_STEADY, CONTROL, spoiled, CONTROL)
    assert judgement.verdict is Verdict.ERROR
    assert "cannot be trusted" in judgement.message


def test_a_bucket_in_which_one_path_has_no_requests_says_nothing() -> None:
    at_night = [0.0 if index % 2 else 80.0 for index in range(40)]
    judgement = compared([0.0] * 40, OWN, [0.0] * 40, at_night)
    assert judgement.requests == 20 * 20
    never = compared([0.0] * 40, [0.0, 20.0] * 20, [0.0] * 40, at_night)
    assert never.verdict is Verdict.NO_DATA
    assert "never in the same bucket" in never.message


def test_a_change_is_told_from_where_it_began_with_the_counts_since() -> None:
    own = [1.0, 0.0] * 150 + [6.0] * 20
    judgement = compared(own, [50.0] * 320, [1.0] * 320, [100.0] * 320)
    assert judgement.verdict is Verdict.FAIL
    assert judgement.test is FiredBy.CHANGE_DETECTOR
    assert judgement.interval is None
    assert judgement.since is not None
    assert 298 * BUCKET <= judgement.since <= 301 * BUCKET
    assert "when it most likely changed) is above 1.5x" in judgement.message


def test_a_fail_that_only_holds_is_told_as_bad_as_it_became() -> None:
    answers = measured_of([2.0] * 30 + [15.0] * 30, [20.0] * 60, [1.0] * 60, [20.0] * 60)
    window = Window(start=0, end=60 * BUCKET, bucket=BUCKET, planned_buckets=60)
    compare = CompareCriterion(name="errors", ratio=1.0, clump=1.0)
    judged = judge(compare, measured=answers, window=window)
    worst = at_its_worst(compare, judged, measured=answers, window=window, share=0.5)
    assert judged.value is not None
    assert worst.value is not None
    assert worst.value > judged.value
    assert "; it became worse: " in worst.message


@pytest.mark.parametrize(
    "numbers",
    [{"ratio": 0}, {"ratio": 101}, {"floor": 0.0}, {"floor": 1.0}, {"clump": 0.5}, {"alpha_fail": 0}, {"detector": 0}],
)
def test_numbers_that_make_no_rule_are_refused_by_name(numbers: dict[str, float]) -> None:
    settings: dict[str, Any] = {"name": "errors next to", "ratio": 1.5} | numbers
    with pytest.raises(ValueError, match="errors next to"):
        CompareCriterion(**settings)
