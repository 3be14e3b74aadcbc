"""`prepare` when a person resumes: a new attempt of a rolled-back rollout, at a stage of their choice."""

from __future__ import annotations

import pytest

from rampart.evidence.verdict import Verdict
from rampart.rollout.event import EventKind
from rampart.rollout.flag import FlagReading
from rampart.rollout.request import Cause
from rampart.rollout.state import Status
from tests.doubles import Moment
from tests.unit.rollout.world import FLAG, PLAN, ROLLOUT, World, assert_ready, errors_of


@pytest.fixture
def stopped(world: World) -> World:
    world.climb(1)
    world.roll_back()
    world.store.told.clear()
    return world


def test_a_resume_begins_a_fresh_attempt_at_the_chosen_stage(stopped: World) -> None:
    outcome = stopped.resume(1)
    assert (outcome["outcome"], outcome["attempt"]) == ("ready", 2)
    state = stopped.state
    assert (state.status, state.attempt, state.target, state.stage) == (Status.LIVE, 2, 1, None)
    assert (state.execution, state.next_stage) == ("second", 1)
    assert state.gate is None
    assert state.latest is None
    assert state.overrides == ()
    assert state.passed_gate is None
    assert stopped.told == [EventKind.RESUMED]
    assert "ann resumes at 25%: fixed" in stopped.store.told[0].message
    assert stopped.percent == 0


def test_the_pinned_plan_rules_a_resume_too(stopped: World) -> None:
    pinned = stopped.state.plan
    stopped.resume(0)
    assert stopped.state.plan == pinned


def test_a_repeated_resume_by_the_same_execution_is_the_same_resume(stopped: World) -> None:
    assert stopped.resume(1) == stopped.resume(1)
    assert stopped.state.attempt == 2
    assert stopped.told == [EventKind.RESUMED]


def test_of_two_runs_of_one_resume_both_are_ready(stopped: World) -> None:
    stopped.hooks["store.commit", Moment.BEFORE] = lambda: assert_ready(stopped.resume(1))
    assert_ready(stopped.resume(1))
    assert stopped.state.attempt == 2


def test_of_two_different_resumes_one_wins(stopped: World) -> None:
    stopped.hooks["store.commit", Moment.BEFORE] = lambda: assert_ready(stopped.resume(0, execution="third"))
    assert errors_of(stopped.resume(1)) == {"NotRolledBack": "rollout"}
    assert (stopped.state.attempt, stopped.state.execution) == (2, "third")


def test_an_unknown_rollout_cannot_be_resumed(world: World) -> None:
    assert errors_of(world.resume(0)) == {"UnknownRollout": "rollout"}


@pytest.mark.parametrize("status", [Status.LIVE, Status.HALTED, Status.COMPLETED, Status.ABANDONED])
def test_only_a_rolled_back_rollout_can_be_resumed(stopped: World, status: Status) -> None:
    stopped.store.states[ROLLOUT] = stopped.state.model_copy(update={"status": status})
    assert errors_of(stopped.resume(0)) == {"NotRolledBack": "rollout"}


def test_a_stage_that_does_not_exist_cannot_be_resumed_at(stopped: World) -> None:
    outcome = stopped.resume(3)
    assert errors_of(outcome) == {"UnknownStage": "stage"}
    assert "from 0 to 2" in outcome["cause"]


def test_a_resume_is_refused_for_what_a_start_would_be_refused_for(stopped: World) -> None:
    stopped.flags.put(FlagReading(FLAG, percent=5))
    assert errors_of(stopped.resume(1)) == {"FlagAlreadyOn": f"flags: {FLAG}"}
    assert stopped.status is Status.ROLLED_BACK


def test_a_resume_keeps_the_claim_that_the_rollout_never_lost(stopped: World) -> None:
    assert stopped.store.owners[FLAG].rollout == ROLLOUT
    stopped.resume(0)
    assert stopped.store.owners[FLAG].rollout == ROLLOUT


def test_an_abandoned_rollout_frees_its_flags_for_another(stopped: World) -> None:
    stopped.roll_back(Cause.ABANDON, by="ann")
    stopped.measure(Verdict.PASS)
    assert_ready(stopped.prepare(PLAN | {"rollout": "letters-2"}, "other").to_wire())
