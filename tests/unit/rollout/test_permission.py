from __future__ import annotations

from typing import Any

import pytest

from rampart.evidence.verdict import Verdict
from rampart.rollout.event import EventKind
from rampart.rollout.flag import FlagReading
from rampart.rollout.gate import DecisionKind, GateKind
from rampart.rollout.request import Cause
from tests.doubles import Moment
from tests.unit.rollout.world import COMPLAINTS, ERRORS, FLAG, OFFICE_HOURS, PLAN, ROLLOUT, World

CRITERIA = PLAN["criteria"]


# Who may go up.


def stale(world: World, gate: str | None) -> str:
    """Why an advance was refused; nothing moved."""
    percent, stage = world.percent, world.state.stage
    outcome = world.advance(gate)
    assert outcome["outcome"] == "stale"
    assert (world.percent, world.state.stage, world.state.intent) == (percent, stage, None)
    return str(outcome["why"])


def test_nobody_approved(world: World) -> None:
    world.climb(0)
    assert "no one approved" in stale(world, world.asked())
    assert world.told[-1] is EventKind.HELD


@pytest.mark.parametrize("decision", [DecisionKind.ROLL_BACK, DecisionKind.RESUME, DecisionKind.ABANDON])
def test_an_answer_that_is_not_an_approval(world: World, decision: DecisionKind) -> None:
    world.climb(0)
    assert "no one approved" in stale(world, world.approved(decision))


@pytest.mark.parametrize(
    "changes",
    [{"id": "another"}, {"attempt": 2}, {"stage": 1}],
)
def test_an_answer_of_another_gate(world: World, changes: dict[str, Any]) -> None:
    world.climb(0)
    gate = world.approved()
    world.store.gates[ROLLOUT] = world.store.gates[ROLLOUT].model_copy(update=changes)
    assert "another gate" in stale(world, gate)


def test_a_gate_that_the_record_does_not_know(world: World) -> None:
    world.climb(0)
    world.approved()
    assert "another gate" in stale(world, "made-up")


def test_no_gate_at_all_after_the_first_stage(world: World) -> None:
    world.climb(0)
    world.store.states[ROLLOUT] = world.state.model_copy(update={"passed_gate": "else"})
    assert "first stage" in stale(world, None)


def test_evidence_that_has_become_old(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    world.wait(minutes=11, seconds=1)
    assert "too old" in stale(world, gate)


def test_evidence_that_is_two_looks_old_still_counts(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    world.wait(minutes=11)
    assert world.advance(gate)["outcome"] == "advanced"


@pytest.mark.parametrize("verdict", [Verdict.INCONCLUSIVE, Verdict.NO_DATA, Verdict.ERROR])
def test_a_newer_evaluation_that_does_not_pass_voids_the_approval(world: World, verdict: Verdict) -> None:
    world.climb(0)
    gate = world.approved()
    world.measure(verdict)
    world.wait(minutes=5)
    world.tick()
    assert f"says {verdict.value}" in stale(world, gate)


def test_a_newer_failing_evaluation_voids_the_approval_even_where_it_only_holds(world: World) -> None:
    world.climb(0, criteria={ERRORS: CRITERIA[ERRORS] | {"on_fail": "hold"}})
    gate = world.approved()
    world.measure(Verdict.FAIL)
    world.wait(minutes=5)
    world.tick()
    assert "says fail" in stale(world, gate)


def test_a_breach_while_people_are_asked_rolls_back_and_voids_the_approval(world: World) -> None:
    world.climb(1)
    gate = world.approved()
    world.measure(Verdict.FAIL)
    world.wait(minutes=5)
    world.tick()
    world.deliver()
    assert world.percent == 0
    assert world.gates.failed[gate][0] == "RolledBack"
    assert world.advance(gate)["outcome"] == "halted"
    assert world.percent == 0


def test_a_calendar_that_has_closed_says_when_it_opens(world: World) -> None:
    world.climb(0, calendar=OFFICE_HOURS)
    gate = world.approved()
    world.clock.at = world.clock.at.replace(hour=20, minute=0)
    assert "closed until 2026-03-11 09:00 EDT" in stale(world, gate)


def test_completing_needs_no_open_calendar_for_nothing_goes_up(world: World) -> None:
    world.climb(2, calendar=OFFICE_HOURS)
    world.clock.at = world.clock.at.replace(hour=23)
    world.complete()
    assert world.percent == 100


def test_a_flag_that_somebody_lowered_is_not_raised_by_an_older_approval(world: World) -> None:
    world.climb(1)
    gate = world.approved()
    world.flags.put(FlagReading(FLAG, percent=0))
    world.tick()
    assert "changed outside Rampart: expected 25%, found 0%" in stale(world, gate)
    assert world.percent == 0


# What people report.


@pytest.fixture
def reporting(world: World) -> World:
    world.climb(0, criteria=CRITERIA | COMPLAINTS)
    return world


@pytest.mark.parametrize(
    ("reported", "why"),
    [
        ({}, "not reported"),
        ({"complaints": 1}, "1 is more than 0"),
        ({"complaints": -1}, "isn't a count"),
        ({"complaints": float("nan")}, "isn't a count"),
        ({"other": 0}, "not reported"),
    ],
)
def test_a_number_that_is_missing_or_wrong_does_not_pass(
    reporting: World, reported: dict[str, float], why: str
) -> None:
    gate = reporting.approved(DecisionKind.APPROVE, **reported)
    assert why in stale(reporting, gate)


def test_a_number_within_its_bar_passes(reporting: World) -> None:
    assert reporting.advance(reporting.approved(DecisionKind.APPROVE, complaints=0))["outcome"] == "advanced"


def test_the_end_asks_for_the_reported_number_too(world: World) -> None:
    world.climb(0, criteria=CRITERIA | COMPLAINTS, stages=PLAN["stages"][:1])
    assert "not reported" in stale(world, world.approved())


# Overrides.


def override(world: World) -> str:
    return world.approved(DecisionKind.OVERRIDE)


@pytest.mark.parametrize("verdict", [Verdict.INCONCLUSIVE, Verdict.NO_DATA])
def test_an_override_advances_without_a_pass_and_is_on_record(world: World, verdict: Verdict) -> None:
    world.climb(0)
    world.measure(verdict)
    gate = override(world)
    assert world.advance(gate)["outcome"] == "advanced"
    (given,) = world.state.overrides
    assert (given.criteria, given.by, given.note, given.through_stage) == ((ERRORS,), "ann", "why", 1)


def test_an_override_covers_what_its_question_showed_and_nothing_else(world: World) -> None:
    other = {"other rate": CRITERIA[ERRORS] | {"on_fail": "hold"}}
    world.measure(Verdict.PASS, "other rate")
    world.climb(0, criteria=CRITERIA | other)
    world.measure(Verdict.INCONCLUSIVE)
    gate = override(world)
    world.measure(Verdict.FAIL, "other rate")
    world.wait(minutes=5)
    world.tick()
    assert "says fail" in stale(world, gate)


def test_an_override_lasts_through_the_next_stage_and_no_further(world: World) -> None:
    world.climb(0)
    world.measure(Verdict.INCONCLUSIVE)
    world.advance(override(world))
    asked = world.bake()
    assert asked["verdict"] == "waived"  # in the stage that it led to
    gate = world.ask(asked)
    world.answer(gate)
    assert world.advance(gate)["outcome"] == "advanced"
    assert world.bake()["verdict"] == "inconclusive"  # and not in the one after


def test_an_overridden_fail_does_not_roll_back_while_the_override_lasts(world: World) -> None:
    world.climb(0, criteria={ERRORS: CRITERIA[ERRORS] | {"on_fail": "hold"}})
    world.measure(Verdict.FAIL)
    assert world.advance(override(world))["outcome"] == "advanced"
    world.tick()
    assert world.queue.called == []


def test_an_override_covers_what_is_reported(reporting: World) -> None:
    assert reporting.advance(override(reporting))["outcome"] == "advanced"


def test_an_override_needs_fresh_evidence_too(world: World) -> None:
    world.climb(0)
    gate = override(world)
    world.wait(minutes=12)
    assert "too old" in stale(world, gate)


# Stages without approval.


ALONE = [{"percent": 1, "hold": "1h"}, {"percent": 25, "hold": "1h", "approval": "none"}]


def alone(world: World, **changes: Any) -> str:
    """Wait at a stage before one without approval; the bake gate's id."""
    world.climb(0, stages=ALONE, **changes)
    gate = world.open_gate()
    world.wait(hours=1)
    world.tick()
    return gate


def test_a_stage_without_approval_follows_by_itself_when_every_criterion_passes(world: World) -> None:
    gate = alone(world)
    assert world.gates.succeeded[gate] == {"outcome": "advance"}
    assert world.advance(gate)["outcome"] == "advanced"
    assert world.percent == 25


@pytest.mark.parametrize("verdict", [Verdict.INCONCLUSIVE, Verdict.NO_DATA])
def test_without_a_pass_a_person_is_asked_even_there(world: World, verdict: Verdict) -> None:
    world.measure(verdict)
    gate = alone(world)
    assert world.gates.succeeded[gate]["decision"] == "override"
    assert "approval is needed" in stale(world, gate)


def test_what_only_people_report_has_not_passed_by_itself(world: World) -> None:
    gate = alone(world, criteria=CRITERIA | COMPLAINTS)
    assert world.gates.succeeded[gate]["outcome"] == "ask"
    assert "approval is needed" in stale(world, gate)


def test_what_was_waived_has_not_passed_by_itself(world: World) -> None:
    last = {"percent": 50, "hold": "1h", "approval": "none"}
    world.climb(0, stages=[*PLAN["stages"][:2], last])
    world.measure(Verdict.INCONCLUSIVE)
    world.advance(override(world))
    assert world.bake()["outcome"] == "ask"


def test_the_machines_word_alone_moves_nothing_before_the_hold_is_over(world: World) -> None:
    world.climb(0, stages=ALONE)
    gate = world.open_gate()
    world.wait(minutes=30)
    world.tick()
    assert "hold is not over" in stale(world, gate)


def test_an_approval_that_answers_a_blind_gate_moves_nothing(world: World) -> None:
    world.climb(0, stages=ALONE)
    world.wait(hours=1)
    gate = world.open_gate(GateKind.BLIND)
    world.tick()
    assert stale(world, gate)


def test_a_stage_that_needs_approval_does_not_follow_by_itself(world: World) -> None:
    world.climb(0)
    gate = world.open_gate()
    world.wait(hours=1)
    world.tick()
    assert "approval is needed" in stale(world, gate)


def test_the_stores_record_of_the_answer_is_believed_at_the_moment_of_the_write(world: World) -> None:
    world.climb(0)
    gate = world.approved()

    def take_the_answer_back() -> None:
        world.store.gates[ROLLOUT] = world.store.gates[ROLLOUT].model_copy(update={"answer": None})

    world.hooks["store.commit", Moment.BEFORE] = take_the_answer_back
    assert world.advance(gate)["outcome"] == "stale"
    assert world.percent == 1


def test_a_rollback_frees_nothing_that_an_advance_could_use(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    world.roll_back(Cause.ABANDON)
    assert world.advance(gate)["outcome"] == "halted"
    assert world.percent == 0
