from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rampart.evidence.verdict import Verdict
from rampart.rollout.evaluate import sees
from rampart.rollout.event import EventKind
from tests.doubles import Moment
from tests.unit.rollout.world import (
    COMPLAINTS,
    ERRORS,
    EXECUTION,
    OFFICE_HOURS,
    PLAN,
    CrashError,
    World,
    crash,
)

CRITERIA = PLAN["criteria"]


# The bake gate.


def test_the_gate_is_kept_alive_while_the_hold_lasts(baking: World) -> None:
    for _ in range(3):
        baking.tick()
        baking.wait(minutes=1)
    assert baking.gates.kept_alive == [baking.token] * 3


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.NO_DATA])
def test_any_sight_keeps_the_gate_alive(baking: World, verdict: Verdict) -> None:
    baking.measure(verdict)
    baking.tick()
    assert baking.gates.kept_alive == [baking.token]


def test_an_error_shows_nothing_and_holds(baking: World) -> None:
    baking.measure(Verdict.ERROR)
    assert baking.tick().verdict is Verdict.ERROR
    assert baking.gates.kept_alive == []
    assert baking.queue.called == []
    assert baking.percent == 25


def test_an_error_never_asks_even_when_the_hold_is_over(baking: World) -> None:
    baking.measure(Verdict.ERROR)
    baking.wait(hours=10)
    baking.tick()
    assert baking.token not in baking.gates.succeeded


@pytest.mark.parametrize(("age", "sighted"), [(timedelta(minutes=11), True), (timedelta(minutes=11, seconds=1), False)])
def test_evidence_older_than_two_looks_does_not_count(baking: World, age: timedelta, sighted: bool) -> None:
    baking.tick()
    assert sees(baking.state, baking.clock.now() + age) is sighted


def test_a_rollout_that_nobody_looked_at_is_not_seen(live: World) -> None:
    assert not sees(live.state, live.clock.now())


def test_a_look_that_fails_does_not_keep_the_gate_alive(baking: World) -> None:
    baking.hooks["metrics.read", Moment.BEFORE] = crash
    with pytest.raises(CrashError):
        baking.tick()
    assert baking.gates.kept_alive == []


def test_a_gate_opened_by_a_clock_that_is_ahead_waits_for_the_next_look(baking: World) -> None:
    baking.wait(minutes=30)
    baking.open_gate(id="ahead", token="ahead", opened=baking.clock.now() + timedelta(seconds=1))
    baking.gates.wait("ahead", EXECUTION)
    baking.tick()
    assert "ahead" not in baking.gates.succeeded
    baking.wait(minutes=1)
    baking.tick()
    assert "ahead" in baking.gates.succeeded


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
    asked = baking.gates.succeeded[baking.token]
    look = baking.store.looks[-1]
    assert asked["outcome"] == "ask"
    assert (asked["decision"], asked["verdict"], asked["evaluation"]) == (decision, verdict.value, look.id)
    assert asked["question"] == {
        "evaluation": look.id,
        "verdict": verdict.value,
        "unmet": [] if verdict is Verdict.PASS else [ERRORS],
        "shown": {} if verdict is Verdict.PASS else {ERRORS: {"verdict": verdict.value}},
        "waived": [],
        "reported": {},
    }
    assert asked["evidence"] == {ERRORS: look.judgements[0]["message"]}
    assert asked["next"] == "100%"


def test_before_the_hold_is_over_nobody_is_asked_however_good_the_evidence(baking: World) -> None:
    baking.wait(minutes=29, seconds=59)
    baking.tick()
    assert baking.token not in baking.gates.succeeded


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
        ({"advance_on": "business_days"}, "2026-03-11T15:00:00.000Z"),  # open until Friday night
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
    assert (asked["next"], asked["lapses"]) == ("completion", "2026-03-15T03:00:00.000Z")


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


# A question that waits.


def test_a_question_that_waits_is_asked_about_again_once(world: World) -> None:
    world.climb(1)
    world.asked()
    world.forget()
    for _ in range(10):
        world.wait(hours=1)
        world.tick()
    reminders = [event.message for event in world.store.told if event.kind is EventKind.ASKED]
    assert reminders == ["still waiting for an answer, 4 h after it was asked"]


def test_a_question_that_lapses_soon_is_asked_about_again_in_the_middle_of_its_time(world: World) -> None:
    world.climb(1, approval_lapses="8h")
    world.asked()
    world.forget()
    world.wait(hours=3, minutes=59)
    world.tick()
    assert EventKind.ASKED not in world.told
    world.wait(minutes=2)
    world.tick()
    assert EventKind.ASKED in world.told


def test_an_answered_question_is_not_asked_about_again(world: World) -> None:
    world.climb(1)
    world.approved()
    world.forget()
    world.wait(hours=5)
    world.tick()
    assert EventKind.ASKED not in world.told


def test_each_question_has_its_own_reminder(world: World) -> None:
    world.climb(0)
    gate = world.asked()
    world.wait(hours=5)
    world.tick()
    world.answer(gate)
    assert world.advance(gate)["outcome"] == "advanced"
    world.forget()
    world.asked()
    world.wait(hours=5)
    world.tick()
    assert world.told.count(EventKind.ASKED) == 1
