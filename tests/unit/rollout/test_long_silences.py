"""What stops is noticed as soon late in a long stage as on its first days, and is not forgotten after a day."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from rampart.evidence.judgement import Judgement
from rampart.evidence.series import Measured, Series
from rampart.evidence.silence import frozen
from rampart.evidence.verdict import Verdict
from rampart.evidence.window import Window
from rampart.plan.model import Plan
from rampart.plan.window import judged_window
from rampart.rollout.evaluate import judge_all
from tests.unit.rollout.world import ERRORS, PLAN, START

pytestmark = pytest.mark.long

DAYS = [2, 30, 120, 299]
DAY = 86_400
BUCKETS = pytest.mark.parametrize("bucket", ["1m", "5m", "15m"])
GAUGE = {"p95": {"kind": "value", "query": "q", "below": 100, "for": "15m"}}
COUNT = {"lost": {"kind": "count", "query": "q", "at_most": 1e12}}
RATE = {ERRORS: PLAN["criteria"][ERRORS]}


@cache
def drawn(at: int, bucket: int, mean: int) -> tuple[float, int]:
    """Draw a bucket's noise and its count, which every look at it sees."""
    rng = random.Random(f"{at} {bucket}")
    return rng.random(), max(0, round(rng.gauss(mean, mean**0.5)))


def look(criteria: dict[str, Any], bucket: str, *, stops: float, waited: timedelta, wander: float = 0.0) -> Judgement:
    """Judge one criterion of a stage of 300 days in which everything moves or comes up to a moment, and stops then."""
    plan = Plan.model_validate(
        PLAN | {"criteria": criteria, "bucket": bucket, "stages": [{"percent": 1, "hold": "300d"}]}
    )
    width = int(plan.bucket.total_seconds())
    ends = START + timedelta(days=300)
    window = judged_window(plan, started=START, hold_ends=ends, now=START + waited + plan.lag)
    answers: dict[str, list[tuple[int, float]]] = {}
    for span in window.spans:
        for at in range(span.start, span.end, span.bucket):
            scale = span.bucket // width
            moves = at + span.bucket <= stops
            noise, lost = drawn(at, span.bucket, 7 * scale)
            each = {
                "p95/value": 1 + noise if moves else 0.7,
                "lost/value": lost if moves else 0,
                f"{ERRORS}/total": 1000 * scale,
                f"{ERRORS}/errors": 3 * scale * (1 + wander * math.sin(2 * math.pi * at / DAY)) if moves else 0,
            }
            for key, value in each.items():
                answers.setdefault(key, []).append((at, value))
    measured: dict[str, Measured] = {key: Series(tuple(points)) for key, points in answers.items()}
    (judgement,) = judge_all(plan, measured, window, share=0.01)
    return judgement


def buckets_to_notice(criteria: dict[str, Any], bucket: str, day: int, **settings: float) -> int:
    """How many buckets after it stopped a look says so."""
    width = Plan.model_validate(PLAN | {"bucket": bucket}).bucket
    stopped = START + timedelta(days=day) - timedelta(hours=10)
    at = stopped.timestamp() // width.total_seconds() * width.total_seconds()
    for late in range(1, 31):
        waited = timedelta(seconds=at - START.timestamp()) + late * width
        if look(criteria, bucket, stops=at, waited=waited, **settings).verdict is Verdict.NO_DATA:
            return late
    raise AssertionError(f"not noticed on day {day} within 30 buckets")


@BUCKETS
@pytest.mark.parametrize("criteria", [GAUGE, COUNT, RATE], ids=["value", "count", "rate"])
def test_a_silence_is_noticed_after_about_the_same_few_buckets_on_every_day(
    bucket: str, criteria: dict[str, Any]
) -> None:
    took = [buckets_to_notice(criteria, bucket, day) for day in DAYS]
    assert max(took) - min(took) <= 8, "chance makes some of it: two counts that were zero are a rest"
    assert max(took) <= 25, took


@pytest.mark.parametrize("wander", [0.3, 0.8])
def test_missing_daytime_errors_are_noticed_as_soon_in_a_long_stage(wander: float) -> None:
    """Errors of hours together differ by the hour; those of five minutes hardly do, and it is those that are missed."""
    took = [buckets_to_notice(RATE, "5m", day, wander=wander) for day in DAYS]
    assert max(took) - min(took) <= 4, took


@pytest.mark.parametrize("day", [30, 150, 296])
def test_errors_that_come_by_day_only_are_not_missed_in_a_later_night(day: int) -> None:
    """Not even where the newest day knows of no night before."""
    plan = Plan.model_validate(PLAN | {"criteria": RATE, "stages": [{"percent": 1, "hold": "300d"}]})
    midnight = (START + timedelta(days=day)).replace(hour=0, minute=0)
    for hour in range(0, 24, 2):
        now = midnight + timedelta(hours=hour)
        window = judged_window(plan, started=START, hold_ends=START + timedelta(days=300), now=now)
        spans = [(at, span.bucket) for span in window.spans for at in range(span.start, span.end, span.bucket)]
        bucket = plan.bucket.total_seconds()
        total = Series(tuple((at, 1000 * width / bucket) for at, width in spans))
        errors = Series(tuple((at, 3.0 * _seconds_by_day(at, width) / bucket) for at, width in spans))
        measured: dict[str, Measured] = {f"{ERRORS}/errors": errors, f"{ERRORS}/total": total}
        (judgement,) = judge_all(plan, measured, window, share=0.01)
        assert judgement.verdict is Verdict.PASS, f"at {hour}: {judgement.message}"


def _seconds_by_day(start: int, width: int) -> int:
    """How many seconds of a bucket lie between 08:00 and 20:00 UTC."""
    return sum(60 for at in range(start, start + width, 60) if 8 <= at % DAY // 3600 < 20)


@BUCKETS
@pytest.mark.parametrize("criteria", [GAUGE, COUNT, RATE], ids=["value", "count", "rate"])
@pytest.mark.parametrize("day", [30, 150, 296])
def test_a_silence_that_is_older_than_a_day_is_not_forgotten(bucket: str, criteria: dict[str, Any], day: int) -> None:
    """No fine bucket tells any more that it ever was otherwise."""
    stopped = START + timedelta(days=day)
    for hours in (6, 12, 15, 16, 17, *range(20, 30), 40, 70):
        waited = timedelta(days=day, hours=hours)
        verdict = look(criteria, bucket, stops=stopped.timestamp(), waited=waited).verdict
        assert verdict is Verdict.NO_DATA, f"{hours} hours after"


@pytest.mark.parametrize("same", [True, False], ids=["at zero", "where it stands"])
def test_a_gauge_that_rests_on_weekends_is_not_frozen_on_a_later_one(*, same: bool) -> None:
    """Not even when the newest day knows of nothing else."""
    plan = Plan.model_validate(PLAN | {"criteria": GAUGE, "stages": [{"percent": 1, "hold": "300d"}]})
    ends = START + timedelta(days=300)

    def reads(at: int, width: int) -> float:
        if _is_weekend(at, width):
            return 0.0 if same else float((at // DAY + 3) // 7 % 50)
        return random.Random(f"{at}").random()

    for days in (95, 180, 263):
        sunday = START + timedelta(days=days - (START + timedelta(days=days - 6)).weekday())
        assert sunday.weekday() == 6
        window = judged_window(plan, started=START, hold_ends=ends, now=sunday)
        points = [
            (at, reads(at, span.bucket)) for span in window.spans for at in range(span.start, span.end, span.bucket)
        ]
        assert len({value for at, value in points if at >= window.fine_from}) == 1
        (judgement,) = judge_all(plan, {"p95/value": Series(tuple(points))}, window, share=0.01)
        assert judgement.verdict is Verdict.PASS


def _is_weekend(start: int, width: int) -> bool:
    return all(datetime.fromtimestamp(at, UTC).weekday() >= 5 for at in (start, start + width - 1))


@pytest.mark.parametrize("share", [0.002, 0.01, 0.05])
def test_a_gauge_that_mostly_rests_is_hardly_ever_called_frozen_in_a_long_stage(share: float) -> None:
    """Spikes that come by chance: a coarse bucket has one more often than a fine one, which means nothing."""
    rng = random.Random(f"spikes {share}")
    window = Window(0, 1300 * 64 + 300, 1, 100_000, coarse=64, fine_from=1300 * 64)
    called = 0
    for _ in range(400):
        spiky = 1 - (1 - share) ** 64
        points = [(at * 64, rng.random() if rng.random() < spiky else 0.0) for at in range(1300)]
        points += [(window.fine_from + at, rng.random() if rng.random() < share else 0.0) for at in range(300)]
        called += frozen(points, window) is not None
    assert called <= 2


def test_after_a_day_without_errors_the_usual_rate_counts_from_the_last_one() -> None:
    rate = {ERRORS: PLAN["criteria"][ERRORS] | {"baseline": "0.3%"}}
    plan = Plan.model_validate(PLAN | {"criteria": rate, "stages": [{"percent": 1, "hold": "300d"}]})
    ends = START + timedelta(days=300)
    window = judged_window(plan, started=START, hold_ends=ends, now=START + timedelta(days=30))
    starts = [at for span in window.spans for at in range(span.start, span.end, span.bucket)]
    total = Series(tuple((at, 100.0) for at in starts))
    errors = Series(((starts[0], 2.0),))
    measured: dict[str, Measured] = {f"{ERRORS}/errors": errors, f"{ERRORS}/total": total}
    (judgement,) = judge_all(plan, measured, window, share=0.01)
    assert judgement.verdict is Verdict.NO_DATA
    assert "errors stopped: 0 where about 401 were expected" in judgement.message
