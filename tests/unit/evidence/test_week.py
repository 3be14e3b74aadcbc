"""The week before the start is judged by the plan's own rule: what fails without the flag is not the flag's doing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.evidence.criteria import RateCriterion, Scope, Side
from rampart.evidence.history import Week, WeekTrouble, judge_week
from rampart.evidence.rate import judge_rate
from rampart.evidence.series import Series

from .weeks import HOUR, WEEK, Counts, as_series, clumped_hours, with_hours

N = 4800.0


def judged(counts: list[Counts], *, bar: float = 0.08, above: bool = False, baseline: float | None = 0.003) -> Week:
    side = Side.ABOVE if above else Side.BELOW
    criterion = RateCriterion(name="download error rate", bar=bar, side=side, scope=Scope.EVERYONE, baseline=baseline)
    return judge_week(criterion, *as_series(counts), bucket=300)


def mirrored(counts: list[Counts]) -> list[Counts]:
    """Successes instead of errors."""
    return [(n - k, n) for k, n in counts]


def trouble(week: Week) -> WeekTrouble | None:
    return None if week.flaw is None else week.flaw.trouble


def even(rate: float, hours: int = WEEK) -> list[Counts]:
    return [(rate * N, N)] * hours


def test_a_good_week_is_kept_with_its_counts() -> None:
    week = judged(clumped_hours(0.003, 4800))
    assert week.flaw is None
    assert (week.hours, week.requests, week.left_out) == (WEEK, WEEK * N, ())
    assert week.rate == pytest.approx(0.003, rel=0.2)
    assert week.limits[0] < 0.003 < week.limits[1]


@pytest.mark.parametrize("rate", [0.1, 0.4, 1.0])
def test_a_week_that_fails_without_the_flag_is_found_in_words(rate: float) -> None:
    week = judged(even(rate))
    assert week.flaw is not None
    assert week.flaw.trouble is WeekTrouble.FAILS
    told = f"{rate:.0%} of requests failed in the week before the start, with the flag off"
    counts = f"({rate * WEEK * N:,.0f} of 806,400)"
    assert week.flaw.what == f"{told} {counts}, and the bar is 8%: it fails without the flag too"


def test_a_floor_fails_from_below() -> None:
    week = judged(mirrored(even(0.4)), bar=0.92, above=True, baseline=0.997)
    assert week.flaw is not None
    assert week.flaw.what.startswith("60% of requests succeeded in the week before the start, with the flag off")
    assert judged(mirrored(even(0.003)), bar=0.92, above=True, baseline=0.997).flaw is None


@pytest.mark.parametrize("rate", [0.003, 0.04, 0.07, 0.08])
def test_a_rate_that_does_not_exceed_its_bar_may_start(rate: float) -> None:
    assert judged(even(rate)).flaw is None


@pytest.mark.parametrize("hours", [1, 2, 6, 20])
@pytest.mark.parametrize("first", [0, 60, 140])
def test_an_outage_of_the_past_refuses_no_start(hours: int, first: int) -> None:
    """At that moment a stage would have failed for good; a start is refused for what is so at its end only."""
    counts = with_hours(clumped_hours(0.003, 4800), dict.fromkeys(range(first, first + hours), (0.9 * N, N)))
    week = judged(counts)
    assert week.flaw is None
    assert [hour.start // HOUR for hour in week.left_out] == list(range(first, first + hours))
    assert week.rate == pytest.approx(0.003, rel=0.2)


def test_an_outage_that_is_going_on_refuses_the_start() -> None:
    week = judged(with_hours(clumped_hours(0.003, 4800), dict.fromkeys(range(WEEK - 3, WEEK), (0.4 * N, N))))
    assert week.flaw is not None
    assert week.flaw.what.startswith(
        "40% of requests failed in the newest 3 hours, with the flag off (5,760 of 14,400)"
    )


@pytest.mark.parametrize(
    "odd", [(N + 1, N), (5.0, 0.0), (math.nan, N), (-3.0, N), (3.0, -N), (math.inf, N), (1.0, math.nan)]
)
def test_a_contradiction_is_tolerated_once_and_refused_where_it_is_common(odd: Counts) -> None:
    good = clumped_hours(0.003, 4800)
    assert judged(with_hours(good, {20: odd})).flaw is None
    for common in (dict.fromkeys(range(0, WEEK, 2), odd), dict.fromkeys(range(WEEK), odd)):
        week = judged(with_hours(good, common))
        assert week.flaw is not None
        assert week.flaw.trouble is WeekTrouble.CONTRADICTS
        told = f"the counts contradict themselves in {len(common)} of 168 hours of the week before the start: at 1970"
        assert week.flaw.what.startswith(told)


def test_no_errors_against_a_high_baseline_means_a_query_that_counts_nothing() -> None:
    week = judged(even(0))
    assert week.flaw is not None
    told = "0 errors in 806,400 requests, where the plan's baseline of 0.3% expects about 2,419"
    assert week.flaw.what == f"{told}: is the errors query misspelled?"
    nothing = Series(())
    criterion = RateCriterion(name="x", bar=0.08, side=Side.BELOW, scope=Scope.EVERYONE, baseline=0.003)
    assert trouble(judge_week(criterion, nothing, as_series(even(0))[1])) is WeekTrouble.FINDS_NOTHING


@pytest.mark.parametrize("baseline", [0.0, None, 0.00003])
def test_no_errors_are_believed_where_none_are_expected(baseline: float | None) -> None:
    assert judged(even(0), baseline=baseline).flaw is None


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        (even(0), "0 successes in 806,400 requests, where the plan's baseline of 99.7% expects about 803,981"),
        (even(1), "all of 806,400 requests succeeded, where the plan's baseline of 99.7% expects about 2,419 failures"),
    ],
)
def test_a_floor_that_counts_nothing_or_everything_is_found_too(counts: list[Counts], told: str) -> None:
    week = judged(counts, bar=0.92, above=True, baseline=0.997)
    assert week.flaw is not None
    assert week.flaw.trouble is WeekTrouble.FINDS_NOTHING
    assert week.flaw.what.startswith(told)


def test_a_silence_that_a_stage_would_call_no_data_refuses_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule for errors that stop is the stage's own: whatever it calls silence, with requests going on, is told."""
    from rampart.evidence import history
    from rampart.evidence.judgement import Judgement, Kind
    from rampart.evidence.verdict import Verdict

    silent = Judgement(name="x", kind=Kind.RATE, verdict=Verdict.NO_DATA, message="errors stopped", bar=0.08)
    judging: Callable[..., Judgement] = lambda *_, **__: silent  # noqa: E731 - a stand-in of one line
    monkeypatch.setattr(history, "judge_rate", judging)
    week = judged(clumped_hours(0.003, 4800))
    assert week.flaw is not None
    assert (week.flaw.trouble, week.flaw.what) == (WeekTrouble.STOPPED, "errors stopped")


def test_hours_without_errors_are_never_left_out_of_the_search_for_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many errors an hour, twelve hours of none look like an outage of the metric: just what is searched for."""
    from rampart.evidence import history

    seen: list[Series] = []

    def judging(criterion: Any, errors: Series, *others: Any, **more: Any) -> Any:
        seen.append(errors)
        return judge_rate(criterion, errors, *others, **more)

    monkeypatch.setattr(history, "judge_rate", judging)
    week = judged(with_hours(clumped_hours(0.05, 4800), dict.fromkeys(range(WEEK - 12, WEEK), (0.0, N))))
    assert len(week.left_out) == 12
    assert [len(each.points) for each in seen] == [WEEK]


def test_requests_that_pause_at_night_are_not_a_silence() -> None:
    counts = [(k, n) if 8 <= hour % 24 < 20 else (0.0, 0.0) for hour, (k, n) in enumerate(clumped_hours(0.003, 4800))]
    assert judged(counts).flaw is None


def test_a_week_without_requests_says_nothing() -> None:
    assert judged([]).flaw is None
    assert judged([(0.0, 0.0)] * WEEK).rate is None


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=60), st.floats(0.05, 0.95))
def test_a_floor_is_judged_as_the_mirror_image(counts: list[tuple[int, int]], bar: float) -> None:
    sound = [(float(min(k, n)), float(n)) for k, n in counts]
    one = judged(sound, bar=bar, baseline=None)
    other = judged(mirrored(sound), bar=1 - bar, above=True, baseline=None)
    assert trouble(one) == trouble(other)
    assert one.left_out == tuple(type(h)(h.start, h.requests - h.errors, h.requests) for h in other.left_out)
