from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rampart.adapters.memory import Moment
from rampart.errors import ConflictError, FlagStoreError, FlagUnconfirmedError, StoreError
from rampart.evidence.verdict import Verdict
from rampart.rollout.flag import FlagReading
from rampart.rollout.request import Cause
from rampart.rollout.state import DecisionKind, EventKind, GateKind, Status
from tests.unit.rollout.world import COMPLAINTS, ERRORS, FLAG, OFFICE_HOURS, PLAN, ROLLOUT, CrashError, World

CRITERIA = PLAN["criteria"]


def unchanged_by(world: World, gate: str | None) -> bool:
    """Whether advancing again says the same, tells nobody and moves nothing."""
    before, told, history = world.state, list(world.told), list(world.flags.history)
    outcome = world.advance(gate)
    return outcome["outcome"] in {"advanced", "completed", "stale"} and (before, told, history) == (
        world.state,
        world.told,
        world.flags.history,
    )


# Going up.


def test_the_first_stage_needs_no_gate_for_the_start_is_its_approval(world: World) -> None:
    world.start()
    outcome = world.advance()
    assert outcome == {"outcome": "advanced", "rollout": ROLLOUT, "attempt": 1, "stage": 0, "percent": 1.0}
    assert world.percent == 1
    state = world.state
    assert (state.stage, state.percent, state.intent, state.passed_gate) == (0, 1.0, None, "start")
    assert state.stage_started == world.clock.now()
    assert state.hold_ends == world.clock.now() + timedelta(hours=1)
    assert world.told == [EventKind.STARTED, EventKind.ADVANCED]


def test_an_approved_stage_follows_with_its_own_hold_and_no_old_evidence(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    world.wait(minutes=1)
    assert world.advance(gate)["stage"] == 1
    state = world.state
    assert world.percent == state.percent == 25
    assert state.stage_started == world.clock.now()
    assert state.latest is None
    assert state.gate is None
    assert state.passed_gate == gate


def test_every_flag_of_a_rollout_moves_and_is_read_before_the_record_says_so(world: World) -> None:
    world.flags.put(FlagReading("mobile"))
    world.start(flags=[FLAG, "mobile"])
    world.calls.clear()
    world.advance()
    assert {name: reading.percent for name, reading in world.flags.flags.items()} == {FLAG: 1, "mobile": 1}
    assert world.calls == [
        "store.state",
        "store.commit",
        "flags.set_percentage",
        "flags.set_percentage",
        "flags.read",
        "flags.read",
        "store.commit",
    ]


def test_the_intent_is_on_record_before_the_flag_moves(world: World) -> None:
    world.start()
    seen: list[tuple[float, int]] = []

    def look() -> None:
        assert world.state.intent is not None
        seen.append((world.state.intent.percent, world.state.intent.stage))

    world.hooks["flags.set_percentage", Moment.BEFORE] = look
    world.advance()
    assert seen == [(1.0, 0)]


def test_a_resumed_attempt_begins_at_its_target(world: World) -> None:
    world.climb(0)
    world.roll_back()
    world.resume(1)
    assert world.advance(attempt=2, execution="second")["stage"] == 1
    assert world.percent == 25


def test_completion_leaves_the_flags_up_frees_them_and_is_watched_a_while(world: World) -> None:
    world.climb(2)
    world.complete()
    assert world.status is Status.COMPLETED
    assert world.percent == 100
    assert world.store.owners == {}
    assert world.state.watch_until == world.clock.now() + timedelta(minutes=15)
    assert world.told[-1] is EventKind.COMPLETED


def test_the_end_needs_nobody_where_all_passes_and_nothing_is_reported(world: World) -> None:
    world.climb(2)
    gate = world.open_gate()
    world.wait(hours=1)
    world.tick()
    assert world.gates.succeeded[gate] == {"outcome": "advance"}
    assert world.advance(gate)["outcome"] == "completed"


# Repetitions: Lambda and Step Functions run a step again at any point.


def test_a_repetition_of_a_first_stage_changes_nothing(world: World) -> None:
    world.climb(0)
    assert unchanged_by(world, None)


def test_a_repetition_of_an_approved_stage_changes_nothing(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    world.advance(gate)
    assert unchanged_by(world, gate)


def test_a_repetition_of_the_completion_is_the_completion(world: World) -> None:
    world.climb(2)
    gate = world.complete()
    assert world.advance(gate)["outcome"] == "completed"
    assert unchanged_by(world, gate)


def test_a_repetition_of_a_refusal_tells_nobody_twice(world: World) -> None:
    world.climb(0)
    gate = world.asked()
    first = world.advance(gate)
    assert first["outcome"] == "stale"
    assert world.told.count(EventKind.HELD) == 1
    assert unchanged_by(world, gate)


@pytest.mark.parametrize("moment", range(20))
@pytest.mark.parametrize("gate_needed", [False, True])
def test_an_advance_cut_off_anywhere_is_finished_by_its_repetition(
    world: World, moment: int, gate_needed: bool
) -> None:
    if gate_needed:
        world.climb(0)
        gate = world.approved()
    else:
        world.start()
        gate = None
    target = 25 if gate_needed else 1
    before = world.told.count(EventKind.ADVANCED)
    world.moments, world.crash_at = 0, moment
    try:
        world.advance(gate)
    except CrashError:
        assert world.advance(gate)["outcome"] == "advanced"
    assert world.percent == world.state.percent == target
    assert world.state.intent is None
    assert world.told.count(EventKind.ADVANCED) == before + 1


def test_every_moment_of_an_advance_was_cut_off_above(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    world.moments = 0
    world.advance(gate)
    assert world.moments <= 20


def test_a_repetition_renews_the_intent_for_as_long_as_it_may_write(world: World) -> None:
    world.start()
    world.flags.failure = FlagStoreError("down")
    with pytest.raises(FlagStoreError):
        world.advance()
    world.wait(minutes=4)
    with pytest.raises(FlagStoreError):
        world.advance()
    assert world.state.intent is not None
    assert world.state.intent.at == world.clock.now()


def test_a_cut_off_advance_goes_on_after_the_calendar_closed_for_it_was_permitted(world: World) -> None:
    world.climb(0, calendar=OFFICE_HOURS)
    gate = world.approved()
    world.flags.failure = FlagStoreError("down")
    with pytest.raises(FlagStoreError):
        world.advance(gate)
    world.flags.failure = None
    world.clock.at = world.clock.at.replace(hour=20, minute=1)
    assert world.advance(gate)["outcome"] == "advanced"


def test_a_tick_in_between_does_not_keep_an_advance_from_being_recorded(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    world.wait(minutes=5)
    world.hooks["flags.read", Moment.AFTER] = lambda: ignore(world.tick())
    assert world.advance(gate)["outcome"] == "advanced"
    assert world.state.percent == world.percent == 25


def test_a_tick_in_between_does_not_keep_an_advance_from_beginning(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    world.wait(minutes=5)
    world.hooks["store.gate", Moment.AFTER] = lambda: ignore(world.tick())
    assert world.advance(gate)["outcome"] == "advanced"


def test_two_advances_for_one_approval_move_once(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    inner: list[dict[str, Any]] = []
    world.hooks["flags.set_percentage", Moment.AFTER] = lambda: inner.append(world.advance(gate))
    outer = world.advance(gate)
    assert outer["outcome"] == inner[0]["outcome"] == "advanced"
    assert world.state.stage == 1
    assert world.told.count(EventKind.ADVANCED) == 2  # the canary's and this one


def test_the_slower_of_two_advances_leaves_the_next_gate_alone(world: World) -> None:
    world.climb(0)
    gate = world.approved()

    def the_faster_one_is_done_and_the_machine_went_on() -> None:
        world.advance(gate)
        world.open_gate()

    world.hooks["flags.read", Moment.AFTER] = the_faster_one_is_done_and_the_machine_went_on
    world.advance(gate)
    assert world.state.gate is not None
    assert world.state.gate.kind is GateKind.BAKE


def test_a_record_that_never_stands_still_is_an_accident(world: World) -> None:
    world.start()

    def write_again() -> None:
        world.store.states[ROLLOUT] = world.state.moved(world.clock.now())
        world.hooks["store.commit", Moment.BEFORE] = write_again

    write_again()
    with pytest.raises(ConflictError):
        world.advance()
    assert world.percent == 0


# Flags that do not obey.


def test_a_flag_that_ignores_the_write_is_not_said_to_be_up(world: World) -> None:
    world.start()
    world.flags.ignores_writes = True
    with pytest.raises(FlagUnconfirmedError, match="set to 1% but reads 0%"):
        world.advance()
    assert (world.state.stage, world.state.percent) == (None, 0.0)
    assert EventKind.ADVANCED not in world.told


def test_a_store_that_is_down_keeps_the_flag_where_it_is(world: World) -> None:
    world.start()
    world.store.failure = StoreError("down")
    with pytest.raises(StoreError):
        world.advance()
    assert not world.flags.history


# Halted attempts.


def test_an_attempt_that_was_halted_goes_nowhere_and_its_flag_is_down(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    world.roll_back()
    world.flags.put(FlagReading(FLAG, percent=25))  # as a write that was late would leave it
    assert world.advance(gate)["outcome"] == "halted"
    assert world.percent == 0


def test_a_rollback_during_the_flag_write_ends_at_zero_with_nothing_in_flight(world: World) -> None:
    world.climb(0)
    gate = world.approved()

    def roll_back() -> None:
        with pytest.raises(Exception, match="in flight"):
            world.roll_back()
        assert world.status is Status.HALTED

    world.hooks["flags.set_percentage", Moment.BEFORE] = roll_back
    assert world.advance(gate)["outcome"] == "halted"
    assert world.percent == 0
    assert world.state.intent is None
    world.redeliver()
    assert world.status is Status.ROLLED_BACK
    assert world.state.percent == 0


def test_a_late_advance_of_an_old_attempt_leaves_the_new_one_alone(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    world.roll_back()
    world.resume(0)
    world.advance(attempt=2, execution="second")
    assert world.advance(gate)["outcome"] == "halted"
    assert world.percent == world.state.percent == 1


def test_an_advance_of_a_rollout_that_does_not_exist_does_nothing(world: World) -> None:
    assert world.advance()["outcome"] == "halted"
    assert not world.flags.history


def test_an_advance_of_a_completed_rollout_by_another_gate_leaves_the_flag_up(world: World) -> None:
    world.climb(2)
    world.complete()
    assert world.advance("another")["outcome"] == "halted"
    assert world.percent == 100


def test_a_flag_that_cannot_be_lowered_after_a_halt_is_tried_again(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    world.roll_back()
    world.flags.failure = FlagStoreError("down")
    with pytest.raises(FlagStoreError):
        world.advance(gate)


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
    assert "nobody approved" in stale(world, world.asked())
    assert world.told[-1] is EventKind.HELD


@pytest.mark.parametrize("decision", [DecisionKind.ROLL_BACK, DecisionKind.RESUME, DecisionKind.ABANDON])
def test_an_answer_that_is_no_approval(world: World, decision: DecisionKind) -> None:
    world.climb(0)
    assert "nobody approved" in stale(world, world.approved(decision))


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
    assert "below its record" in stale(world, gate)
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
        ({"complaints": -1}, "no count"),
        ({"complaints": float("nan")}, "no count"),
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


@pytest.mark.parametrize("verdict", [Verdict.INCONCLUSIVE, Verdict.NO_DATA, Verdict.ERROR])
def test_an_override_advances_without_a_pass_and_is_on_record(world: World, verdict: Verdict) -> None:
    world.climb(0)
    if verdict is Verdict.ERROR:  # nobody is asked while nobody sees, so sight is lost after the question
        world.measure(Verdict.INCONCLUSIVE)
        gate = override(world)
        world.measure(verdict)
        world.wait(minutes=5)
        world.tick()
    else:
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
    assert asked["verdict"] == "pass"  # waived in the stage that it led to
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


def ignore(_: object) -> None:
    """Whatever it was."""
