"""Resolution does not depend on patience: however long a stage lasts, its newest day is judged finely."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rampart.evidence import RULE_VERSION
from rampart.evidence.series import Series, to_stored
from rampart.evidence.verdict import Verdict
from rampart.evidence.window import Window
from rampart.plan.model import Plan
from rampart.plan.window import judged_window, planned_window
from rampart.rollout.evaluate import judge_all
from rampart.rollout.evaluation import Evaluation
from rampart.rollout.request import Cause
from rampart_cli.forecast.plan_warnings import warnings
from rampart_cli.replay import replay
from rampart_cli.view import evaluation_view
from tests.unit.rollout.world import ERRORS, PLAN, START, Script, World, steady

DAY = 86_400
MOST_POINTS = 1500


def plan_of(hold: str, **changes: object) -> Plan:
    return Plan.model_validate(PLAN | {"stages": [{"percent": 25, "hold": hold}]} | changes)


def window_after(plan: Plan, waited: timedelta, *, hold: timedelta | None = None) -> Window:
    ends = START + (hold or plan.stages[0].hold.clock or timedelta())
    return judged_window(plan, started=START, hold_ends=ends, now=START + waited)


def collapsing(at: int, each: float, errors: float) -> Callable[[float], Script]:
    """Requests of one bucket's worth for each fine bucket, and a share of errors that becomes total at a moment."""

    def script(bucket_of_plan: float) -> Script:
        def answer(start: int, end: int, bucket: int) -> Series:
            def bad(begins: int) -> float:
                after = min(bucket, max(0, begins + bucket - at)) / bucket
                per_bucket = each * bucket / bucket_of_plan
                return round(per_bucket * (after + (1 - after) * errors))

            return Series(tuple((begins, bad(begins)) for begins in range(start, end, bucket)))

        return answer

    return script


def requests(each: float, bucket_of_plan: float) -> Script:
    def answer(start: int, end: int, bucket: int) -> Series:
        return Series(tuple((begins, each * bucket / bucket_of_plan) for begins in range(start, end, bucket)))

    return answer


def long_stage(script: dict[str, Script], hold: str = "28d", **changes: object) -> World:
    """A stage that has just begun, and what will be measured of it."""
    world = World()
    world.metrics.script |= script
    world.climb(0, stages=[{"percent": 25, "hold": hold}], **changes)
    return world


def at_day(world: World, day: float) -> Verdict | None:
    """What a look says on some day of the stage."""
    world.clock.at = START + timedelta(days=day)
    return world.tick().verdict


def buckets_until_fail(world: World, day: float, bucket: timedelta, each: float, errors: float) -> int:
    """How many buckets after a collapse at the beginning of a bucket a look first calls for a rollback."""
    seconds = bucket.total_seconds()
    at = int((START.timestamp() + day * DAY) // seconds * seconds)
    world.metrics.script |= {
        f"{ERRORS}/errors": collapsing(at, each, errors)(seconds),
        f"{ERRORS}/total": requests(each, seconds),
    }
    lag = world.state.plan.lag
    for buckets in range(60):
        world.clock.at = datetime.fromtimestamp(at, UTC) + buckets * bucket + lag
        if world.tick().verdict is Verdict.FAIL:
            assert world.causes == [Cause.EVIDENCE]
            return buckets
        assert world.causes == []
    raise AssertionError("never rolled back")


BUCKETS = pytest.mark.parametrize("bucket", ["1m", "5m", "15m"])
TRAFFIC = pytest.mark.parametrize(("each", "errors"), [(4.0, 0.0), (40.0, 0.0), (1000.0, 0.003)])


@BUCKETS
@TRAFFIC
def test_a_total_collapse_is_rolled_back_equally_soon_on_every_day(bucket: str, each: float, errors: float) -> None:
    """The detector's alarm rises with the planned length: one bucket more is all that it costs."""
    width = {"1m": timedelta(minutes=1), "5m": timedelta(minutes=5), "15m": timedelta(minutes=15)}[bucket]
    taken = {}
    for day in (1, 30, 120, 298.9):
        world = World()
        world.climb(0, stages=[{"percent": 25, "hold": "299d"}], bucket=bucket, look_every="1m")
        taken[day] = buckets_until_fail(world, day, width, each, errors)
    assert max(taken.values()) - min(taken.values()) <= 1, taken
    assert max(taken.values()) <= (7 if each < 10 else 3), taken


@TRAFFIC
def test_a_short_stage_unanswered_for_a_month_reacts_as_on_its_first_day(each: float, errors: float) -> None:
    taken = []
    for day in (1, 30):
        world = World()
        world.climb(0, stages=[{"percent": 25, "hold": "1h"}])
        taken.append(buckets_until_fail(world, day, timedelta(minutes=5), each, errors))
    assert abs(taken[0] - taken[1]) <= 1


@BUCKETS
@pytest.mark.parametrize("day", [1, 30, 120, 299])
def test_no_request_asks_for_more_points_than_datadog_gives(bucket: str, day: int) -> None:
    world = World()
    world.climb(0, stages=[{"percent": 25, "hold": "299d"}], bucket=bucket)
    world.metrics.asked.clear()
    world.clock.at = START + timedelta(days=day)
    world.tick()
    asked = [(start, end, width) for _, start, end, width in world.metrics.asked]
    assert asked
    assert all((end - start) / width <= MOST_POINTS for start, end, width in asked)
    assert all(start % width == end % width == 0 for start, end, width in asked)
    assert asked[-1][2] == world.state.plan.bucket.total_seconds()
    assert all(before[1] == after[0] for before, after in pairwise(asked))


WAITED = st.integers(0, 300 * DAY).map(lambda seconds: timedelta(seconds=seconds))


@given(
    first=WAITED,
    later=WAITED,
    bucket=st.sampled_from(["1s", "57s", "1m", "5m", "7m", "1h"]),
    settle=st.sampled_from(["0s", "10m"]),
)
def test_later_looks_judge_what_earlier_ones_judged(
    first: timedelta, later: timedelta, bucket: str, settle: str
) -> None:
    """But for a coarse bucket at the beginning, which would hold requests of before the stage."""
    plan = plan_of("299d", bucket=bucket, settle=settle)
    earlier, after = (window_after(plan, waited) for waited in sorted([first, later]))
    assert after.end > earlier.end - after.bucket
    assert earlier.start <= after.start <= max(earlier.start, earlier.start + max(after.coarse, after.bucket))
    assert after.planned_buckets == earlier.planned_buckets
    assert all(0 <= (span.end - span.start) / span.bucket <= MOST_POINTS for span in after.spans)
    assert not after.coarse or after.end - after.fine_from >= min(DAY, 500 * after.bucket)
    assert after.spans[0].start == after.start
    assert after.spans[-1].end == after.end
    if after.coarse and earlier.coarse:
        assert after.coarse % earlier.coarse == 0
        assert after.fine_from >= earlier.fine_from or after.coarse > earlier.coarse


@pytest.mark.parametrize("seconds", [1, 10, 57])
def test_a_stage_that_just_becomes_long_has_no_part_that_ends_before_it_begins(seconds: int) -> None:
    """1,500 of such buckets are less than a day: whether a part is left before them depends on the second."""
    plan = plan_of("299d", bucket=f"{seconds}s", settle="0s", lag="0s")
    for second in range(120):
        started = START + timedelta(seconds=second)
        now = started + timedelta(seconds=1500 * seconds + 1)
        window = judged_window(plan, started=started, hold_ends=started + timedelta(days=299), now=now)
        assert window.coarse
        assert all(0 <= (span.end - span.start) / span.bucket <= MOST_POINTS for span in window.spans)
        assert window.spans[-1].start >= started.timestamp()


@given(
    counts=st.lists(st.tuples(st.integers(0, 9), st.just(10)), min_size=20, max_size=150),
    healthy=st.integers(0, 100),
)
@settings(max_examples=60)
def test_a_stage_of_one_width_never_loses_a_fail(counts: list[tuple[int, int]], healthy: int) -> None:
    """Whatever comes after it: anyone who looks later sees what anyone who looked then saw."""
    plan = plan_of("4d")
    begins = window_after(plan, timedelta(hours=1)).start
    everything = [*counts, *[(0, 10)] * healthy]
    failed = False
    for length in range(1, len(everything), 7):
        window = window_after(plan, timedelta(seconds=begins - START.timestamp() + length * 300) + plan.lag)
        assert (window.start, window.buckets) == (begins, length)
        points = [
            tuple((begins + at * 300, float(each[part])) for at, each in enumerate(everything)) for part in (0, 1)
        ]
        answers = {f"{ERRORS}/errors": Series(points[0]), f"{ERRORS}/total": Series(points[1])}
        (judgement,) = judge_all(plan, answers, window, share=0.25)
        assert not failed or judgement.verdict is Verdict.FAIL
        failed = judgement.verdict is Verdict.FAIL


@pytest.mark.parametrize("day", [6, 30, 150, 298])
def test_a_collapse_that_lasts_stays_a_fail_however_old_it_grows(day: int) -> None:
    world = World()
    criteria = {ERRORS: PLAN["criteria"][ERRORS] | {"on_fail": "hold"}}
    world.climb(0, stages=[{"percent": 25, "hold": "299d"}], criteria=criteria)
    at = int(START.timestamp()) + 3 * DAY
    world.metrics.script |= {
        f"{ERRORS}/errors": collapsing(at, 100, 0.0)(300),
        f"{ERRORS}/total": requests(100, 300),
    }
    world.clock.at = START + timedelta(days=day)
    assert world.tick().verdict is Verdict.FAIL


def test_a_blip_of_a_value_is_no_fail_once_its_bucket_becomes_coarse() -> None:
    """The mean of forty minutes is on the wrong side; five minutes were, and fifteen are asked for."""
    blip = int(START.timestamp()) + 20 * DAY

    def p95(start: int, end: int, bucket: int) -> Series:
        def mean(at: int) -> float:
            return 1.0 + at % 7 / 100 + (60 * 300 / bucket if at <= blip < at + bucket else 0)

        return Series(tuple((at, mean(at)) for at in range(start, end, bucket)))

    criteria = {"p95": {"kind": "value", "query": "q", "below": 1.5, "for": "15m"}}
    world = long_stage({"p95/value": p95}, criteria=criteria)
    for day in (20.5, 21.5, 25, 27.9):
        assert at_day(world, day) is Verdict.PASS, day
    world.metrics.script["p95/value"] = steady(2.0)
    assert at_day(world, 27.95) is Verdict.FAIL


@pytest.mark.parametrize(("each", "verdict"), [(1.0, Verdict.PASS), (2.0, Verdict.FAIL)])
def test_a_patience_of_days_is_judged_by_coarse_buckets_too(each: float, verdict: Verdict) -> None:
    criteria = {"p95": {"kind": "value", "query": "q", "below": 1.5, "for": "2d"}}
    assert at_day(long_stage({"p95/value": steady(each)}, criteria=criteria), 27) is verdict


@pytest.mark.parametrize("spec", [{"kind": "value", "below": 100, "for": "15m"}, {"kind": "count", "at_most": 1e9}])
def test_a_number_that_froze_days_ago_is_still_frozen(spec: dict[str, object]) -> None:
    """Its newest day alone never changed: what it did before is known from the coarse buckets."""
    froze = int(START.timestamp()) + 8 * DAY

    def letters(start: int, end: int, bucket: int) -> Series:
        each = ((at, float(random.Random(at).randrange(50)) if at < froze else 0.0) for at in range(start, end, bucket))
        return Series(tuple(each))

    world = long_stage({"letters/value": letters}, criteria={"letters": spec | {"query": "q"}})
    assert [at_day(world, day) for day in (7, 20, 27)] == [Verdict.PASS, Verdict.NO_DATA, Verdict.NO_DATA]


# What is stored.


def test_a_stored_evaluation_of_two_widths_gives_its_verdict_again() -> None:
    world = World()
    world.climb(0, stages=[{"percent": 25, "hold": "28d"}])
    at = int(START.timestamp()) + 20 * DAY
    world.metrics.script |= {
        f"{ERRORS}/errors": collapsing(at, 100, 0.01)(300),
        f"{ERRORS}/total": requests(100, 300),
    }
    for moment in (19, 20.01, 25):
        world.clock.at = START + timedelta(days=moment)
        world.tick()
    for look, verdict in zip(world.store.looks[-3:], (Verdict.PASS, Verdict.FAIL, Verdict.FAIL), strict=True):
        assert (len(look.window), look.verdict) == (6, verdict)
        read = Evaluation.model_validate_json(look.model_dump_json())
        assert Window(*read.window) == Window(*look.window)
        assert replay(world.state.plan, world.state.plan_hash, read).same
        shown = evaluation_view(read)["window"]
        assert Window(**shown) == Window(*look.window)
        assert shown["bucket"] == 300 < shown["coarse"]
        assert shown["start"] < shown["fine_from"] < shown["end"]


def test_an_evaluation_of_four_numbers_is_read_as_one_width() -> None:
    """As they were stored before there were coarse buckets, and still are where all is fine."""
    plan = plan_of("1d")
    end = int(START.timestamp()) // 300 * 300 + 12 * 300
    window = Window(end - 3600, end, 300, 288)
    assert window.to_stored() == (end - 3600, end, 300, 288)
    script = {f"{ERRORS}/errors": steady(0), f"{ERRORS}/total": steady(1000)}
    answers = {key: answer(window.start, window.end, 300) for key, answer in script.items()}
    (judgement,) = judge_all(plan, answers, window, share=0.25)
    stored = Evaluation(
        id="x",
        at=START,
        rollout="letters",
        attempt=1,
        stage=0,
        percent=25,
        window=window.to_stored(),
        verdict=judgement.verdict,
        judgements=(judgement.to_dict(),),
        evidence={key: to_stored(measured) for key, measured in answers.items()},
        plan_hash=plan.digest,
        rule_version=RULE_VERSION,
    )
    read = Evaluation.model_validate_json(stored.model_dump_json())
    assert replay(plan, plan.digest, read).same
    assert evaluation_view(read)["window"] == {"start": end - 3600, "end": end, "bucket": 300, "planned_buckets": 288}


@given(waited=WAITED, bucket=st.sampled_from(["1s", "1m", "5m"]))
def test_a_window_is_stored_as_numbers_that_make_it_again(waited: timedelta, bucket: str) -> None:
    window = window_after(plan_of("299d", bucket=bucket), waited)
    assert Window(*window.to_stored()) == window
    assert len(window.to_stored()) == (6 if window.coarse else 4)


# Planning ahead.


@pytest.mark.parametrize("bucket", ["1m", "5m"])
def test_a_plan_of_299_days_is_checked_quickly(bucket: str) -> None:
    plan = plan_of("299d", bucket=bucket, traffic="400/hour")
    assert planned_window(plan, plan.stages[0]).buckets <= MOST_POINTS
    began = time.monotonic()
    warnings(plan)
    assert time.monotonic() - began < 5
