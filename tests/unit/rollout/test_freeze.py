"""A freeze and a closed change calendar stop every advance and no rollback, and say whose they are and until when."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rampart.errors import CalendarsUnreadableError
from rampart.evidence.verdict import Verdict
from rampart.rollout.event import EventKind
from rampart.rollout.freeze import Closure, Freeze
from rampart.rollout.request import Cause
from rampart.rollout.state import Status
from tests.doubles import Moment
from tests.unit.rollout.world import START, CrashError, World, assert_ready, crash, errors_of

FREEZE = Freeze(by="ada", note="an incident in payments", at=START)
CLOSED = Closure("the change calendar changes is closed", START + timedelta(hours=5))
ALONE = {"percent": 25, "hold": "1h", "approval": "none"}


def freeze(world: World) -> None:
    world.store.frozen = FREEZE


# Before the start.


def test_nothing_starts_while_everything_is_frozen(world: World) -> None:
    freeze(world)
    outcome = world.start()
    assert errors_of(outcome) == {"Frozen": "stack"}
    assert "ada froze every rollout at 2026-03-10 10:00:00 EDT: an incident in payments" in outcome["cause"]
    world.store.frozen = None
    assert_ready(world.start())


def test_nothing_starts_while_a_change_calendar_is_closed(world: World) -> None:
    world.calendars.closure = CLOSED
    outcome = world.start()
    assert errors_of(outcome) == {"ChangesClosed": "stack"}
    assert "changes is closed until 2026-03-10 15:00 EDT" in outcome["cause"]


def test_nothing_starts_while_no_one_knows_whether_they_are_closed(world: World) -> None:
    world.calendars.failure = CalendarsUnreadableError("Systems Manager answers AccessDeniedException")
    outcome = world.start()
    assert errors_of(outcome) == {"ChangesClosed": "stack"}
    assert "can't be asked: Systems Manager answers AccessDeniedException" in outcome["cause"]


def test_a_resume_asks_too(world: World) -> None:
    world.climb(1)
    world.roll_back()
    freeze(world)
    world.calendars.closure = CLOSED
    assert errors_of(world.resume(0)) == {"Frozen": "stack", "ChangesClosed": "stack"}


def test_a_freeze_between_the_check_and_the_first_stage_ends_the_attempt(world: World) -> None:
    world.start()
    freeze(world)
    outcome = world.advance()
    assert (outcome["outcome"], outcome["why"]) == ("astray", str(FREEZE))
    assert world.percent == 0


# At a step.


def test_an_approval_of_before_the_freeze_is_held(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    freeze(world)
    outcome = world.advance(gate)
    assert (outcome["outcome"], outcome["why"]) == ("stale", str(FREEZE))
    assert world.percent == 1
    held = world.store.told[-1]
    assert (held.kind, held.details["gate"]) == (EventKind.HELD, gate), "the gate that was answered, not the one before"
    assert "an incident in payments" in held.message


@pytest.mark.parametrize("stopped_by", ["freeze", "calendar"])
def test_a_repetition_tells_nothing_twice(world: World, stopped_by: str) -> None:
    world.climb(0)
    gate = world.approved()
    if stopped_by == "freeze":
        freeze(world)
    else:
        world.calendars.closure = CLOSED
    world.advance(gate)
    before = list(world.store.told)
    assert world.advance(gate)["outcome"] == "stale"
    assert world.store.told == before


def test_a_freeze_at_the_very_moment_of_the_step_is_seen(world: World) -> None:
    """Whatever was read before, the write of the intent checks it once more."""
    world.climb(0)
    gate = world.approved()
    world.hooks["store.commit", Moment.BEFORE] = lambda: freeze(world)
    assert world.advance(gate)["outcome"] == "stale"
    assert world.percent == 1


def test_an_advance_that_was_cut_off_is_taken_back_in_a_freeze(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    world.hooks["flags.set_percentage", Moment.AFTER] = crash
    with pytest.raises(CrashError):
        world.advance(gate)
    assert world.percent == 25
    freeze(world)
    assert world.advance(gate)["outcome"] == "stale"
    assert (world.percent, world.state.percent, world.state.intent) == (1, 1, None)


def test_the_end_of_a_rollout_raises_nothing_and_is_not_held(world: World) -> None:
    world.climb(2)
    freeze(world)
    world.calendars.closure = CLOSED
    assert world.advance(world.baked())["outcome"] == "completed"


def test_a_closed_calendar_holds_and_is_not_asked_again_before_it_opens(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    world.calendars.closure = Closure("the change calendar changes is closed", world.clock.now() + timedelta(hours=3))
    outcome = world.advance(gate)
    assert outcome["outcome"] == "stale"
    assert "changes is closed until" in outcome["why"]
    world.open_gate()
    for _ in range(5):
        world.wait(minutes=30)
        world.tick()
        assert world.token in world.gates.kept_alive
        assert world.token not in world.gates.succeeded
    world.wait(minutes=30)
    gate = world.token
    world.tick()
    assert gate in world.gates.succeeded


def test_calendars_that_open_at_no_known_time_are_asked_again_after_hours(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    world.calendars.closure = Closure("the change calendar changes is closed")
    world.advance(gate)
    assert world.state.stop is not None
    assert world.state.stop.until == world.clock.now() + timedelta(hours=8)


def test_calendars_that_cannot_be_asked_hold_and_people_are_told(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    world.calendars.failure = CalendarsUnreadableError("EndpointConnectionError")
    assert world.advance(gate)["outcome"] == "stale"
    assert world.percent == 1
    assert "can't be asked: EndpointConnectionError" in world.store.told[-1].message
    assert world.state.stop is not None
    assert world.state.stop.until == world.clock.now() + timedelta(minutes=15)


def test_what_stopped_a_rollout_is_forgotten_once_it_goes_on(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    world.calendars.closure = CLOSED
    world.advance(gate)
    world.calendars.closure = None
    world.wait(hours=6)
    assert world.advance(world.approved())["outcome"] == "advanced"
    assert world.state.stop is None


# While it lasts.


def test_no_one_is_asked_while_everything_is_frozen(world: World) -> None:
    world.climb(0)
    freeze(world)
    gate = world.baked()
    assert gate in world.gates.kept_alive
    assert gate not in world.gates.succeeded
    world.store.frozen = None
    world.wait(minutes=1)
    world.tick()
    assert gate in world.gates.succeeded


def test_a_stage_that_advances_alone_waits_without_a_word(world: World) -> None:
    """Each try would be told to people, and fill the execution's history within days."""
    world.climb(0, stages=[{"percent": 1, "hold": "1h"}, ALONE])
    freeze(world)
    gate = world.baked()
    world.forget()
    for _ in range(20):
        world.wait(minutes=5)
        world.tick()
    assert (world.told, gate in world.gates.succeeded) == ([], False)


# Rollbacks go on.


def test_a_failing_stage_of_a_frozen_stack_is_rolled_back(world: World) -> None:
    world.climb(1)
    world.open_gate()
    freeze(world)
    world.calendars.closure = CLOSED
    world.measure(Verdict.FAIL)
    world.wait(minutes=20)
    world.tick()
    world.deliver()
    assert (world.status, world.percent) == (Status.ROLLED_BACK, 0)


def test_the_calls_between_an_alert_and_the_flag_are_those_of_before(world: World) -> None:
    """Nothing that stops an advance may delay a rollback: claims and flag; record and queue at the same time."""
    world.climb(1)
    world.open_gate()
    freeze(world)
    world.calendars.failure = CalendarsUnreadableError("down")
    world.calls.clear()
    world.roll_back(Cause.ALERT)
    assert world.percent == 0
    before = world.calls[: world.calls.index("flags.set_percentage")]
    assert sorted(before) == ["flags.read", "queue.put", "store.claims", "store.state"]


@pytest.mark.parametrize("cause", [Cause.PERSON, Cause.EVIDENCE])
def test_no_rollback_asks_what_stops_an_advance(world: World, cause: Cause) -> None:
    world.climb(1)
    world.open_gate()
    freeze(world)
    world.calendars.failure = CalendarsUnreadableError("down")
    world.calls.clear()
    world.roll_back(cause)
    assert world.percent == 0
    assert not {"store.freeze", "calendars.closed"} & set(world.calls)
