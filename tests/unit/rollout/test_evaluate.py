from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.adapters.memory import Moment
from rampart.errors import FlagStoreError, GateError, StoreError
from rampart.evidence import RULE_VERSION
from rampart.evidence.series import from_stored
from rampart.evidence.verdict import Verdict
from rampart.evidence.window import Window
from rampart.plan.model import Plan
from rampart.rollout.evaluate import judge_all, window_of
from rampart.rollout.flag import FlagReading
from rampart.rollout.request import Cause
from rampart.rollout.state import EventKind, GateKind, RolloutState, Status
from tests.unit.rollout.world import (
    COMPLAINTS,
    ERRORS,
    EXECUTION,
    FLAG,
    OFFICE_HOURS,
    PLAN,
    ROLLOUT,
    START,
    CrashError,
    World,
)

CRITERIA = PLAN["criteria"]


@pytest.fixture
def baking(world: World) -> World:
    """A rollout at 25%, half an hour into its stage, waiting at a bake gate; nobody has looked yet."""
    world.climb(1)
    world.open_gate()
    world.wait(minutes=30)
    world.store.told.clear()
    world.store.looks.clear()
    world.calls.clear()
    world.metrics.asked.clear()
    return world


def token_of(world: World) -> str:
    gate = world.state.gate
    assert gate is not None
    return gate.token


def causes(world: World) -> list[Cause]:
    """What `rollback` was called for."""
    return [request.cause for request in world.queue.called]


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


def test_evidence_begins_after_settling_and_ends_before_the_lag_in_whole_buckets(baking: World) -> None:
    started = baking.state.stage_started
    assert started is not None
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


def state_at(started: datetime, hold_ends: datetime | None, **changes: str) -> RolloutState:
    return RolloutState(
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


durations = st.integers(1, 40 * 86_400).map(lambda seconds: timedelta(seconds=seconds))


@given(
    started=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
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
    window = window_of(state, now)
    assert window.start % window.bucket == window.end % window.bucket == 0
    assert window.start >= (started + state.plan.settle).timestamp()
    assert (window.end - window.start) / window.bucket <= 1500
    assert window.end <= (now - state.plan.lag).timestamp() or window.end == window.start
    assert window.bucket >= state.plan.bucket.total_seconds()
    assert window.planned_buckets >= 1


def test_a_long_stage_is_judged_in_coarser_buckets_from_its_first_look(world: World) -> None:
    started = world.clock.now()
    state = state_at(started, started + timedelta(days=28))
    first, last = (window_of(state, started + timedelta(days=days)) for days in (1, 28))
    assert first.bucket == last.bucket == 1800


# What it writes.


def test_an_evaluation_is_written_with_its_evidence_in_one_commit_and_can_be_replayed(baking: World) -> None:
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


def test_a_rollout_that_is_gone_is_no_accident(world: World) -> None:
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
    assert token_of(baking) not in baking.gates.kept_alive
    baking.deliver()
    assert (baking.percent, baking.status) == (0, Status.ROLLED_BACK)


def test_a_call_that_was_lost_is_made_again_by_the_next_tick(baking: World) -> None:
    baking.measure(Verdict.FAIL)
    baking.hooks["rollback.call", Moment.BEFORE] = crash
    with pytest.raises(CrashError):
        baking.tick()
    baking.wait(minutes=1)
    baking.tick()
    assert causes(baking) == [Cause.EVIDENCE]


def test_a_fail_counts_whatever_else_could_not_be_measured(world: World) -> None:
    world.climb(0, criteria={"a": CRITERIA[ERRORS], "b": CRITERIA[ERRORS], "c": CRITERIA[ERRORS]})
    world.open_gate()
    world.wait(minutes=30)
    for name, verdict in {"a": Verdict.ERROR, "b": Verdict.FAIL, "c": Verdict.NO_DATA}.items():
        world.measure(verdict, name)
    assert world.tick().verdict is Verdict.FAIL
    assert causes(world) == [Cause.EVIDENCE]


def test_a_criterion_that_only_holds_keeps_the_flag_where_it_is_and_asks_for_an_override(world: World) -> None:
    world.climb(0, criteria={ERRORS: CRITERIA[ERRORS] | {"on_fail": "hold"}})
    world.measure(Verdict.FAIL)
    asked = world.bake()
    assert (asked["outcome"], asked["decision"], asked["verdict"]) == ("ask", "override", "fail")
    assert asked["question"]["unmet"] == [ERRORS]
    assert world.queue.called == []
    assert world.percent == 1


# Drift.


@pytest.mark.parametrize(
    ("above", "below", "percent", "expected"),
    [
        ("roll_back", "hold", 60, [Cause.DRIFT]),
        ("restore", "hold", 60, [Cause.RESTORE]),
        ("roll_back", "hold", 10, []),
        ("roll_back", "roll_back", 10, [Cause.DRIFT]),
        ("restore", "roll_back", 10, [Cause.DRIFT]),
    ],
)
def test_a_flag_beside_its_record_is_handled_as_the_plan_says(
    world: World, above: str, below: str, percent: float, expected: list[Cause]
) -> None:
    world.climb(1, on_drift={"above": above, "below": below})
    world.open_gate()
    world.flags.put(FlagReading(FLAG, percent=percent))
    world.tick()
    assert causes(world) == expected
    assert world.told.count(EventKind.DRIFTED) == 1


@pytest.mark.parametrize("opened", [{"boolean": True}, {"expression": True}, {"percent_of_time": 30}])
def test_another_gate_that_lets_people_in_is_drift_too(baking: World, opened: dict[str, Any]) -> None:
    baking.flags.put(FlagReading(FLAG, percent=25, **opened))
    baking.tick()
    assert causes(baking) == [Cause.DRIFT]


def test_hand_picked_people_are_no_drift(baking: World) -> None:
    baking.flags.put(FlagReading(FLAG, percent=25, actors=("tester",)))
    baking.tick()
    assert baking.state.drift is None


def test_drift_is_told_once_and_its_end_too(baking: World) -> None:
    for percent in (10, 10, 10, 25, 25):
        baking.flags.put(FlagReading(FLAG, percent=percent))
        baking.tick()
        baking.wait(minutes=1)
    drifts = [event.message for event in baking.store.told if event.kind is EventKind.DRIFTED]
    assert drifts == [
        "the flag is below its record of 25%: letters_api reads 10%",
        "the flag is at 25% again",
    ]


def test_a_drift_that_holds_keeps_people_from_being_asked_and_the_gate_alive(baking: World) -> None:
    baking.flags.put(FlagReading(FLAG, percent=10))
    baking.wait(hours=1)
    baking.tick()
    assert baking.gates.succeeded.keys().isdisjoint({token_of(baking)})
    assert baking.gates.kept_alive == [token_of(baking)]
    baking.flags.put(FlagReading(FLAG, percent=25))
    baking.wait(minutes=5)
    baking.tick()
    assert token_of(baking) in baking.gates.succeeded


def test_a_flag_that_was_deleted_reads_as_fallen(baking: World) -> None:
    del baking.flags.flags[FLAG]
    baking.tick()
    assert baking.state.drift == "below its record of 25%: letters_api does not exist any more"


def test_a_flag_that_cannot_be_read_leaves_what_was_known_of_it(baking: World) -> None:
    baking.flags.put(FlagReading(FLAG, percent=10))
    baking.tick()
    told = list(baking.told)
    baking.flags.failure = FlagStoreError("down")
    baking.wait(minutes=5)
    baking.tick()
    assert baking.state.drift is not None
    assert baking.told == told
    assert len(baking.store.looks) == 2  # and the evidence is judged all the same


def test_above_counts_more_than_below(world: World) -> None:
    world.flags.put(FlagReading("mobile"))
    world.climb(1, flags=[FLAG, "mobile"])
    world.flags.put(FlagReading(FLAG, percent=10))
    world.flags.put(FlagReading("mobile", percent=60))
    world.tick()
    assert causes(world) == [Cause.DRIFT]
    assert "mobile reads 60%" in world.queue.called[0].reason


def test_a_failing_criterion_is_not_hidden_by_a_flag_that_is_being_restored(world: World) -> None:
    world.climb(1, on_drift={"above": "restore"})
    world.open_gate()
    world.wait(minutes=30)
    world.flags.put(FlagReading(FLAG, percent=60))
    world.measure(Verdict.FAIL)
    world.tick()
    assert causes(world) == [Cause.EVIDENCE]


def test_a_flag_on_its_way_up_is_no_drift(baking: World) -> None:
    gate = baking.approved()
    baking.hooks["flags.set_percentage", Moment.AFTER] = lambda: ignore(baking.tick())
    baking.advance(gate)
    assert EventKind.DRIFTED not in baking.told
    assert baking.queue.called == []


# The bake gate.


def test_the_gate_is_kept_alive_while_the_hold_lasts(baking: World) -> None:
    for _ in range(3):
        baking.tick()
        baking.wait(minutes=1)
    assert baking.gates.kept_alive == [token_of(baking)] * 3


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.NO_DATA])
def test_any_sight_keeps_the_gate_alive(baking: World, verdict: Verdict) -> None:
    baking.measure(verdict)
    baking.tick()
    assert baking.gates.kept_alive == [token_of(baking)]


def test_an_error_is_no_sight_and_holds(baking: World) -> None:
    baking.measure(Verdict.ERROR)
    assert baking.tick().verdict is Verdict.ERROR
    assert baking.gates.kept_alive == []
    assert baking.queue.called == []
    assert baking.percent == 25


def test_an_error_never_asks_even_when_the_hold_is_over(baking: World) -> None:
    baking.measure(Verdict.ERROR)
    baking.wait(hours=10)
    baking.tick()
    assert token_of(baking) not in baking.gates.succeeded


def test_a_gate_is_not_kept_alive_on_old_evidence(baking: World) -> None:
    baking.tick()
    baking.metrics.on_call = lambda call, moment: crash()
    baking.wait(minutes=12)
    with pytest.raises(CrashError):
        baking.tick()
    assert len(baking.gates.kept_alive) == 1


@pytest.mark.parametrize(
    ("verdict", "decision"),
    [(Verdict.PASS, "approve"), (Verdict.INCONCLUSIVE, "override"), (Verdict.NO_DATA, "override")],
)
def test_when_the_hold_is_over_people_are_asked_whatever_the_verdict(
    baking: World, verdict: Verdict, decision: str
) -> None:
    baking.measure(verdict)
    baking.wait(minutes=30)
    baking.tick()
    asked = baking.gates.succeeded[token_of(baking)]
    look = baking.store.looks[-1]
    assert asked["outcome"] == "ask"
    assert (asked["decision"], asked["verdict"], asked["evaluation"]) == (decision, verdict.value, look.id)
    assert asked["question"] == {
        "evaluation": look.id,
        "verdict": verdict.value,
        "unmet": [] if verdict is Verdict.PASS else [ERRORS],
        "reported": {},
    }
    assert asked["evidence"] == {ERRORS: look.judgements[0]["message"]}
    assert asked["next"] == "100%"


def test_before_the_hold_is_over_nobody_is_asked_however_good_the_evidence(baking: World) -> None:
    baking.wait(minutes=29, seconds=59)
    baking.tick()
    assert token_of(baking) not in baking.gates.succeeded


def test_traffic_that_stops_holds_and_is_told(baking: World) -> None:
    baking.tick()
    baking.measure(Verdict.NO_DATA)
    baking.wait(minutes=5)
    baking.tick()
    assert baking.told == [EventKind.VERDICT_CHANGED, EventKind.VERDICT_CHANGED]
    assert baking.queue.called == []
    assert baking.percent == 25


def test_what_is_inconclusive_for_ever_never_goes_up(world: World) -> None:
    world.measure(Verdict.INCONCLUSIVE)
    world.climb(0)
    for _ in range(50):
        gate = world.asked()
        world.answer(gate)
        assert world.advance(gate)["outcome"] == "stale"
        world.wait(hours=6)
    assert world.percent == 1


def test_a_gate_opened_after_the_last_look_asks_only_after_a_look_of_its_own(baking: World) -> None:
    baking.wait(minutes=30)
    baking.tick()
    looks = len(baking.store.looks)
    baking.wait(minutes=1)
    baking.open_gate(id="again", token="again")
    baking.gates.wait("again", EXECUTION)
    baking.tick()
    assert len(baking.store.looks) == looks + 1
    assert baking.gates.succeeded["again"]["evaluation"] == baking.store.looks[-1].id


def test_outside_the_calendar_nobody_is_asked_and_the_gate_is_kept_alive(world: World) -> None:
    world.climb(0, calendar=OFFICE_HOURS)
    gate = world.open_gate()
    world.clock.at = datetime(2026, 3, 10, 20, 0, tzinfo=UTC)  # 16:00 in New York
    world.tick()
    assert gate not in world.gates.succeeded
    assert world.gates.kept_alive == [gate]
    world.clock.at = datetime(2026, 3, 11, 13, 0, tzinfo=UTC)
    world.tick()
    assert world.gates.succeeded[gate]["outcome"] == "ask"


@pytest.mark.parametrize(
    ("calendar", "lapses"),
    [
        ({}, "2026-03-11T15:00:00.000Z"),
        (OFFICE_HOURS, "2026-03-10T20:00:00.000Z"),  # 16:00 in New York, written as UTC
    ],
)
def test_a_question_lapses_in_a_day_and_never_after_the_window_it_was_asked_in(
    world: World, calendar: dict[str, str], lapses: str
) -> None:
    world.climb(0, calendar=calendar)
    asked = world.bake()
    assert asked["lapses"] == lapses
    until = datetime.fromisoformat(lapses) - world.clock.now()
    assert asked["seconds"] == until.total_seconds()


def test_the_last_question_stands_for_its_full_time_even_at_night(world: World) -> None:
    world.climb(0, calendar=OFFICE_HOURS, criteria=CRITERIA | COMPLAINTS, stages=PLAN["stages"][:1])
    gate = world.open_gate()
    world.clock.at = datetime(2026, 3, 14, 3, 0, tzinfo=UTC)  # a Friday night
    world.tick()
    asked = world.gates.succeeded[gate]
    assert (asked["next"], asked["lapses"]) == ("complete", "2026-03-15T03:00:00.000Z")


def test_the_question_names_what_people_must_report(world: World) -> None:
    world.climb(0, criteria=CRITERIA | COMPLAINTS)
    asked = world.bake()
    assert asked["question"]["reported"] == {"complaints": 0}
    assert asked["reported"] == {"complaints": "how many?"}


@pytest.mark.parametrize("moment", range(14))
def test_a_tick_cut_off_anywhere_is_made_good_by_the_next_one(world: World, moment: int) -> None:
    world.climb(1)
    gate = world.open_gate()
    world.wait(hours=1)
    world.moments, world.crash_at = 0, moment
    with_crash = False
    try:
        world.tick()
    except CrashError:
        with_crash = True
        world.wait(minutes=1)
        world.tick()
    assert gate in world.gates.succeeded
    assert with_crash or moment >= 10


# Blindness and dead executions.


@pytest.fixture
def blind(baking: World) -> World:
    """Datadog is away, and the state machine has noticed."""
    baking.measure(Verdict.ERROR)
    baking.tick()
    baking.wait(minutes=15)
    baking.open_gate(GateKind.BLIND, id="blind", token="blind")
    baking.gates.wait("blind", EXECUTION)
    baking.store.told.clear()
    return baking


def test_a_blind_gate_stays_shut_while_nobody_sees(blind: World) -> None:
    blind.tick()
    assert "blind" not in blind.gates.succeeded
    assert blind.percent == 25


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.NO_DATA])
def test_a_blind_gate_is_answered_when_sight_returns_and_people_are_told_once(blind: World, verdict: Verdict) -> None:
    blind.measure(verdict)
    blind.tick()
    assert blind.gates.succeeded["blind"] == {"outcome": "sighted"}
    blind.wait(minutes=5)
    blind.tick()
    assert blind.told.count(EventKind.SIGHTED) == 1


def test_an_answer_to_a_blind_gate_that_got_lost_is_given_again(blind: World) -> None:
    blind.measure(Verdict.PASS)
    blind.gates.failure = GateError("down")
    blind.tick()
    blind.gates.failure = None
    blind.wait(minutes=1)
    blind.tick()
    assert "blind" in blind.gates.succeeded
    assert blind.told.count(EventKind.SIGHTED) == 1


def test_a_fail_that_comes_with_returning_sight_rolls_back(blind: World) -> None:
    blind.measure(Verdict.FAIL)
    blind.tick()
    assert causes(blind) == [Cause.EVIDENCE]
    assert "blind" not in blind.gates.succeeded


@pytest.mark.parametrize("kind", list(GateKind))
@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.ERROR])
def test_a_dead_execution_is_noticed_at_any_gate_and_rolled_back(
    world: World, kind: GateKind, verdict: Verdict
) -> None:
    world.climb(1)
    world.open_gate(kind)
    world.wait(minutes=30)
    world.measure(verdict)
    world.gates.stop(EXECUTION)
    world.tick()
    assert causes(world) == [Cause.EXECUTION]
    world.deliver()
    assert (world.percent, world.status) == (0, Status.ROLLED_BACK)


def test_a_dead_execution_is_noticed_before_the_first_stage_and_between_gates(world: World) -> None:
    world.start()
    world.gates.stop(EXECUTION)
    world.tick()
    assert causes(world) == [Cause.EXECUTION]


def test_a_closed_gate_of_an_execution_that_runs_is_left_to_the_machine(baking: World) -> None:
    baking.gates.waiting.clear()
    baking.tick()
    assert baking.queue.called == []


def test_a_state_machine_that_does_not_answer_is_no_dead_execution(baking: World) -> None:
    baking.gates.failure = GateError("throttled")
    look = baking.tick()
    assert look.did == ("gate not answered: throttled",)
    assert baking.queue.called == []


# After the attempt.


@pytest.fixture
def down(baking: World) -> World:
    baking.roll_back()
    return baking


def test_a_rolled_back_flag_is_watched_and_then_left(down: World) -> None:
    down.wait(minutes=14, seconds=59)
    down.tick()
    assert down.state.watched
    down.wait(seconds=1)
    assert down.tick().did == ("no longer watched",)
    assert not down.state.watched


def test_a_rolled_back_flag_that_somebody_raised_is_rolled_back_whatever_the_plan_says_of_drift(world: World) -> None:
    world.climb(1, on_drift={"above": "restore"})
    world.roll_back()
    world.flags.put(FlagReading(FLAG, percent=1))
    world.tick()
    assert causes(world) == [Cause.DRIFT]


def test_a_flag_that_is_up_is_watched_on_after_the_time_is_over(down: World) -> None:
    down.wait(minutes=20)
    down.flags.put(FlagReading(FLAG, percent=25))
    down.tick()
    assert down.state.watched
    down.deliver()
    assert down.percent == 0


def test_a_flag_that_cannot_be_read_is_watched_on(down: World) -> None:
    down.wait(minutes=20)
    down.flags.failure = FlagStoreError("down")
    down.tick()
    assert down.state.watched
    down.flags.failure = None
    down.tick()
    assert not down.state.watched


def test_a_halted_rollout_is_called_to_its_end_and_never_left(baking: World) -> None:
    baking.flags.failure = FlagStoreError("down")
    with pytest.raises(Exception, match="down"):
        baking.roll_back()
    baking.wait(hours=1)
    baking.tick()
    assert causes(baking) == [Cause.EXECUTION]
    assert baking.state.watched
    baking.flags.failure = None
    baking.deliver()
    assert baking.status is Status.ROLLED_BACK


def test_a_completed_rollout_is_watched_and_then_left_without_a_look_at_its_flag(world: World) -> None:
    world.climb(2)
    world.complete()
    world.flags.put(FlagReading(FLAG, percent=0))
    world.calls.clear()
    world.tick()
    assert world.calls == ["store.state"]
    world.wait(minutes=15)
    world.tick()
    assert not world.state.watched
    assert world.queue.called == []


def crash() -> None:
    raise CrashError


def ignore(_: object) -> None:
    """Whatever it was."""
