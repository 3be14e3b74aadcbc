from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.errors import StoreError
from rampart.evidence import RULE_VERSION
from rampart.evidence.series import from_stored
from rampart.evidence.verdict import Verdict
from rampart.evidence.window import Window
from rampart.plan.model import Plan
from rampart.rollout.evaluate import judge_all, window_of
from rampart.rollout.event import EventKind
from rampart.rollout.flag import FlagReading
from rampart.rollout.gate import GateKind
from rampart.rollout.request import Cause
from rampart.rollout.state import RolloutState, Standing, Status
from tests.doubles import Moment
from tests.records import record
from tests.unit.rollout.world import (
    COMPLAINTS,
    ERRORS,
    EXECUTION,
    FLAG,
    PLAN,
    ROLLOUT,
    START,
    CrashError,
    World,
    crash,
    ignore,
)

CRITERIA = PLAN["criteria"]


# How much one tick costs.


def cost(world: World) -> Counter[str]:
    """Calls to each port, reads and writes of the store apart."""
    world.calls.clear()
    world.tick()
    names = {"store.state": "store read", "store.commit": "store write"}
    return Counter(names.get(call, call.split(".")[0]) for call in world.calls)


def test_a_look_that_is_due_asks_each_part_once(baking: World) -> None:
    assert cost(baking) == {"store read": 1, "flags": 1, "metrics": 1, "store write": 1, "gates": 1}


def test_a_look_that_is_not_due_asks_no_evidence_and_writes_nothing(baking: World) -> None:
    baking.tick()
    assert cost(baking) == {"store read": 1, "flags": 1, "gates": 1}


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("percent", [0, 25, 60])
@pytest.mark.parametrize("kind", list(GateKind))
def test_no_tick_costs_more_than_once_each(world: World, verdict: Verdict, percent: float, kind: GateKind) -> None:
    world.climb(1)
    gate = world.open_gate(kind)
    world.wait(minutes=58)
    world.measure(verdict)
    world.flags.put(FlagReading(FLAG, percent=percent))
    while gate not in world.gates.succeeded and world.clock.now() < START + timedelta(hours=3):
        assert max(cost(world).values()) == 1
        world.wait(minutes=1)


# When it looks, and over which window.


def test_the_first_tick_of_a_stage_looks_and_then_every_so_often(baking: World) -> None:
    looks = []
    for _ in range(12):
        baking.tick()
        looks.append(len(baking.store.looks))
        baking.wait(minutes=1)
    assert looks == [1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3]


def looks_again(after: timedelta, look_every: str) -> bool:
    """Whether a tick so long after a look looks again."""
    world = World()
    world.climb(1, look_every=look_every)
    world.open_gate()
    world.wait(minutes=10)
    world.tick()
    looked = len(world.store.looks)
    world.clock.move(after)
    world.tick()
    return len(world.store.looks) > looked


def test_a_tick_that_comes_a_little_early_does_not_put_its_look_off(baking: World) -> None:
    started = baking.clock.now()
    for minute in range(11):
        baking.clock.at = started + timedelta(minutes=minute, seconds=20 * (minute % 2) - 20)  # 20 s early or in time
        baking.tick()
    assert [round((look.at - started) / timedelta(minutes=1)) for look in baking.store.looks] == [0, 5, 10]


@pytest.mark.parametrize(("look_every", "early"), [("1s", 0.1), ("1m", 6), ("5m", 30), ("1h", 30), ("1d", 30)])
def test_early_is_a_tenth_of_the_time_between_looks_and_half_a_minute_at_most(look_every: str, early: float) -> None:
    due = Plan.model_validate(PLAN | {"look_every": look_every}).look_every - timedelta(seconds=early)
    assert looks_again(due, look_every)
    assert not looks_again(due - timedelta(milliseconds=1), look_every)


def test_evidence_runs_in_whole_buckets_from_settling_to_the_lag(baking: World) -> None:
    started = baking.standing.started
    baking.tick()
    ((_, start, end, bucket),) = baking.metrics.asked
    assert bucket == 300
    assert start == (started + timedelta(minutes=5)).timestamp()  # settled after two minutes: the next whole bucket
    assert end == (started + timedelta(minutes=25)).timestamp()  # complete two minutes ago: the last whole bucket


def test_a_stage_younger_than_its_settling_time_asks_nothing_and_has_no_data(world: World) -> None:
    world.climb(1)
    world.open_gate()
    world.metrics.asked.clear()
    world.wait(minutes=3)
    assert world.tick().verdict is Verdict.NO_DATA
    assert world.metrics.asked == []


def state_at(started: datetime, hold_ends: datetime, **changes: str) -> RolloutState:
    return record(
        rollout=ROLLOUT,
        status=Status.LIVE,
        plan=Plan.model_validate(PLAN | changes),
        plan_hash="",
        execution=EXECUTION,
        stage=0,
        stage_started=started,
        hold_ends=hold_ends,
        started=started,
        attempt_started=started,
        updated=started,
    )


def standing_of(state: RolloutState) -> Standing:
    assert state.standing is not None
    return state.standing


durations = st.integers(1, 40 * 86_400).map(lambda seconds: timedelta(seconds=seconds))


@given(
    started=st.integers(0, 365 * 86_400).map(lambda seconds: START + timedelta(seconds=seconds)),
    hold=durations,
    waited=durations,
    bucket=st.sampled_from(["1s", "10s", "1m", "5m", "7m", "1h"]),
    settle=st.sampled_from(["0s", "2m", "1h"]),
    lag=st.sampled_from(["0s", "2m", "1h"]),
)
def test_a_window_is_always_whole_buckets_inside_the_stage_and_never_too_many(
    started: datetime, hold: timedelta, waited: timedelta, bucket: str, settle: str, lag: str
) -> None:
    state = state_at(started, started + hold, bucket=bucket, settle=settle, lag=lag)
    now = started + waited
    window = window_of(state.plan, standing_of(state), now)
    assert window.start % window.bucket == window.end % window.bucket == 0
    assert all(span.start % span.bucket == span.end % span.bucket == 0 for span in window.spans)
    assert window.start >= (started + state.plan.settle).timestamp()
    assert all((span.end - span.start) / span.bucket <= 1500 for span in window.spans)
    assert window.end <= (now - state.plan.lag).timestamp() or window.end == window.start
    assert window.bucket == state.plan.bucket.total_seconds() or (bucket == "1s" and waited > timedelta(days=8))
    assert window.planned_buckets >= 1


def test_a_long_stage_is_judged_in_coarse_buckets_but_for_its_newest_day(world: World) -> None:
    started = world.clock.now()
    state = state_at(started, started + timedelta(days=28))
    first, last = (window_of(state.plan, standing_of(state), started + timedelta(days=days)) for days in (1, 28))
    assert [span.bucket for span in first.spans] == [300]
    assert [span.bucket for span in last.spans] == [2400, 300]
    assert timedelta(days=1) <= timedelta(seconds=last.end - last.fine_from) < timedelta(days=1, hours=1)
    assert first.planned_buckets == last.planned_buckets == 8064


# What it writes.


def test_an_evaluation_and_its_evidence_are_one_commit_and_can_be_replayed(baking: World) -> None:
    baking.tick()
    (look,) = baking.store.looks
    latest = baking.state.latest
    assert latest is not None
    assert (latest.id, latest.at, latest.verdict) == (look.id, baking.clock.now(), Verdict.PASS)
    assert latest.verdicts == {ERRORS: Verdict.PASS}
    assert (look.attempt, look.stage, look.percent) == (1, 1, 25)
    assert (look.plan_hash, look.rule_version) == (baking.state.plan_hash, RULE_VERSION)
    answers = {key: from_stored(stored) for key, stored in look.evidence.items()}
    again = judge_all(baking.state.plan, answers, Window(*look.window), share=look.percent / 100)
    assert tuple(judgement.to_dict() for judgement in again) == look.judgements


def test_a_verdict_is_told_when_it_changes_and_only_then(baking: World) -> None:
    for verdict in (Verdict.PASS, Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE, Verdict.PASS):
        baking.measure(verdict)
        baking.tick()
        baking.wait(minutes=5)
    messages = [event.message.split(":")[0] for event in baking.store.told]
    assert baking.told == [EventKind.VERDICT_CHANGED] * 3
    assert messages == ["pass", "inconclusive", "pass"]


def test_what_people_report_is_not_judged_by_a_look(world: World) -> None:
    world.climb(0, criteria=CRITERIA | COMPLAINTS)
    world.open_gate()
    world.wait(minutes=30)
    assert world.tick().verdict is Verdict.PASS


def test_a_record_that_somebody_else_wrote_is_left_to_the_next_tick(baking: World) -> None:
    baking.hooks["store.commit", Moment.BEFORE] = lambda: ignore(baking.roll_back())
    assert baking.tick().did == ("overtaken",)
    assert baking.store.looks == []
    assert baking.status is Status.ROLLED_BACK


def test_two_overlapping_ticks_write_one_evaluation(baking: World) -> None:
    baking.hooks["metrics.read", Moment.AFTER] = lambda: ignore(baking.tick())
    assert baking.tick().did == ("overtaken",)
    assert len(baking.store.looks) == 1


def test_a_store_that_is_down_is_said(baking: World) -> None:
    baking.store.failure = StoreError("down")
    with pytest.raises(StoreError):
        baking.tick()


def test_a_rollout_that_is_gone_does_not_crash_it(world: World) -> None:
    assert world.tick().did == ("gone",)


# A fail.


def test_a_fail_calls_rollback_once_with_the_attempt_and_execution(baking: World) -> None:
    baking.measure(Verdict.FAIL)
    look = baking.tick()
    assert look.verdict is Verdict.FAIL
    (request,) = baking.queue.called
    assert (request.cause, request.rollout) == (Cause.EVIDENCE, ROLLOUT)
    assert (request.attempt, request.execution) == (1, EXECUTION)
    assert "is above 8%" in request.reason
    assert baking.token not in baking.gates.kept_alive
    baking.deliver()
    assert (baking.percent, baking.status) == (0, Status.ROLLED_BACK)


def test_a_call_that_was_lost_is_made_again_by_the_next_tick(baking: World) -> None:
    baking.measure(Verdict.FAIL)
    baking.hooks["rollback.call", Moment.BEFORE] = crash
    with pytest.raises(CrashError):
        baking.tick()
    baking.wait(minutes=1)
    baking.tick()
    assert baking.causes == [Cause.EVIDENCE]


def test_a_fail_counts_whatever_else_could_not_be_measured(world: World) -> None:
    world.climb(0, criteria={"a": CRITERIA[ERRORS], "b": CRITERIA[ERRORS], "c": CRITERIA[ERRORS]})
    world.open_gate()
    world.wait(minutes=30)
    for name, verdict in {"a": Verdict.ERROR, "b": Verdict.FAIL, "c": Verdict.NO_DATA}.items():
        world.measure(verdict, name)
    assert world.tick().verdict is Verdict.FAIL
    assert world.causes == [Cause.EVIDENCE]


def test_a_failed_criterion_that_only_holds_asks_for_an_override(world: World) -> None:
    world.climb(0, criteria={ERRORS: CRITERIA[ERRORS] | {"on_fail": "hold"}})
    world.measure(Verdict.FAIL)
    asked = world.bake()
    assert (asked["outcome"], asked["decision"], asked["verdict"]) == ("ask", "override", "fail")
    assert asked["question"]["unmet"] == [ERRORS]
    assert world.queue.called == []
    assert world.percent == 1
