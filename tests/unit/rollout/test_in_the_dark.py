"""A contradiction isn't an outage: blindness is only what could not be asked, and a person can decide at every gate."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rampart.absence import AbsenceReason
from rampart.errors import MonitorsUnreadableError
from rampart.evidence.series import Series, Unavailable
from rampart.evidence.verdict import Verdict
from rampart.rollout.evaluate import sees
from rampart.rollout.event import EventKind
from rampart.rollout.gate import DecisionKind, GateKind
from rampart.rollout.request import Cause
from rampart.rollout.state import Latest, Status
from tests.records import restood
from tests.unit.rollout.world import ERRORS, EXECUTION, ROLLOUT, World, steady


def contradict(world: World) -> None:
    """More errors than requests, in every bucket."""
    world.metrics.script |= {f"{ERRORS}/errors": steady(9), f"{ERRORS}/total": steady(4)}


def go_blind(world: World) -> str:
    """Datadog is away, and the state machine has noticed; the blind gate's id."""
    world.measure(Verdict.ERROR)
    world.tick()
    world.wait(minutes=15)
    return world.open_gate(GateKind.BLIND)


def test_numbers_that_contradict_themselves_keep_the_gate_alive(baking: World) -> None:
    contradict(baking)
    assert baking.tick().verdict is Verdict.ERROR
    assert baking.gates.kept_alive == [baking.token]


def test_a_contradiction_is_asked_about_after_the_hold_and_can_be_overridden(world: World) -> None:
    world.climb(0)
    contradict(world)
    asked = world.bake()
    assert (asked["verdict"], asked["decision"]) == ("error", "override")
    gate = world.ask(asked)
    world.answer(gate, DecisionKind.OVERRIDE)
    assert world.advance(gate)["outcome"] == "advanced"


def test_a_contradiction_never_passes(world: World) -> None:
    world.climb(0)
    contradict(world)
    gate = world.ask(world.bake())
    world.answer(gate)
    assert world.advance(gate)["why"] == "the newest evaluation says error"


@pytest.mark.parametrize("reason", list(AbsenceReason))
def test_what_could_not_be_asked_is_blindness(baking: World, reason: AbsenceReason) -> None:
    baking.metrics.script[f"{ERRORS}/errors"] = Unavailable(reason, "")
    baking.tick()
    assert baking.gates.kept_alive == []


def test_one_question_of_two_that_was_not_answered_is_blindness_too(baking: World) -> None:
    baking.metrics.script[f"{ERRORS}/total"] = Series(())
    baking.metrics.script[f"{ERRORS}/errors"] = Unavailable(AbsenceReason.UNREACHABLE, "")
    baking.tick()
    assert baking.gates.kept_alive == []


def test_sight_returns_with_answers_however_odd_they_are(baking: World) -> None:
    blind = go_blind(baking)
    contradict(baking)
    baking.tick()
    assert baking.gates.succeeded[blind] == {"outcome": "sighted"}
    assert baking.told.count(EventKind.SIGHTED) == 1


def test_a_blind_gate_asks_when_the_hold_is_over(world: World) -> None:
    world.climb(0)
    blind = go_blind(world)
    world.tick()
    assert blind not in world.gates.succeeded, "the hold is not over"
    world.wait(hours=1)
    world.tick()
    asked = world.gates.succeeded[blind]
    assert (asked["outcome"], asked["verdict"], asked["decision"]) == ("ask", "error", "override")
    gate = world.ask(asked)
    world.answer(gate, DecisionKind.OVERRIDE)
    assert world.advance(gate)["outcome"] == "advanced"


def test_a_person_goes_on_at_a_blind_gate_where_no_machine_can_ask(world: World) -> None:
    """Evaluations themselves stopped: no one ticks."""
    world.climb(0)
    world.gates.running.add(EXECUTION)
    blind = world.open_gate(GateKind.BLIND)
    world.wait(hours=1)
    world.answer(blind, DecisionKind.OVERRIDE)
    assert world.advance(blind)["outcome"] == "advanced"
    (given,) = world.state.overrides
    assert given.shown[ERRORS].verdict is Verdict.ERROR


def test_a_person_can_continue_although_no_monitor_could_be_read(world: World) -> None:
    world.climb(0, monitors=[77, 78])
    world.gates.running.add(EXECUTION)
    blind = world.open_gate(GateKind.BLIND)
    world.wait(hours=1)
    world.answer(blind, DecisionKind.OVERRIDE)
    world.metrics.failure = MonitorsUnreadableError("Datadog did not answer in 10 s")
    assert world.advance(blind)["outcome"] == "advanced"


def test_continuing_without_evidence_waives_no_monitor_that_turns_out_red(world: World) -> None:
    world.climb(0, monitors=[77, 78])
    world.gates.running.add(EXECUTION)
    blind = world.open_gate(GateKind.BLIND)
    world.wait(hours=1)
    world.answer(blind, DecisionKind.OVERRIDE)
    world.metrics.monitors[77] = "Alert"
    assert world.advance(blind)["outcome"] == "stale"


@pytest.mark.parametrize("decision", [DecisionKind.APPROVE, None])
def test_only_an_override_goes_on_at_a_blind_gate(world: World, decision: DecisionKind | None) -> None:
    world.climb(0)
    blind = go_blind(world)
    world.wait(hours=1)
    if decision is not None:
        world.answer(blind, decision)
    assert world.advance(blind)["why"] == "only an override goes on while nothing can be judged"
    assert world.percent == 1


def test_a_blind_gate_does_not_shorten_the_hold(world: World) -> None:
    world.climb(0)
    blind = go_blind(world)
    world.answer(blind, DecisionKind.OVERRIDE)
    assert world.advance(blind)["why"] == "the hold is not over"


def test_an_override_in_the_dark_covers_no_fail(world: World) -> None:
    world.climb(0)
    blind = go_blind(world)
    world.wait(hours=1)
    world.answer(blind, DecisionKind.OVERRIDE)
    fails = Latest(id="e", at=world.clock.now(), verdict=Verdict.FAIL, verdicts={ERRORS: Verdict.FAIL})
    world.store.states[ROLLOUT] = restood(world.state, latest=fails)
    assert world.advance(blind)["why"] == "the newest evaluation says fail"


def test_people_are_told_of_each_criterion_that_falls_silent(world: World) -> None:
    criteria = {name: {"kind": "count", "query": name, "at_most": 5} for name in ("a", "b")}
    world.metrics.script |= {"a/value": Series(()), "b/value": steady(0)}
    world.climb(0, criteria=criteria)
    for _ in range(2):
        world.wait(minutes=10)
        world.tick()
    world.metrics.script["b/value"] = Series(())
    for _ in range(2):
        world.wait(minutes=5)
        world.tick()
    told = [event.message for event in world.store.told if event.kind is EventKind.VERDICT_CHANGED]
    assert len(told) == 2
    assert "b has" in told[1]


# Clocks.


@pytest.mark.parametrize("ahead", [timedelta(minutes=2), timedelta(minutes=30), timedelta(days=30)])
def test_an_evaluation_by_a_fast_clock_proves_nothing_and_is_repeated(world: World, ahead: timedelta) -> None:
    world.climb(0, stages=[{"percent": 1, "hold": "40d"}])
    world.open_gate()
    world.wait(minutes=30)
    now = world.clock.now()
    world.clock.at = now + ahead
    world.tick()
    world.clock.at = now
    world.gates.kept_alive.clear()
    assert not sees(world.state, now)
    looks = len(world.store.looks)
    world.tick()
    assert len(world.store.looks) == looks + 1
    assert world.gates.kept_alive == [world.token]


def test_an_advance_needs_evidence_that_is_not_of_tomorrow(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    latest = world.state.latest
    assert latest is not None
    tomorrow = latest.model_copy(update={"at": world.clock.now() + timedelta(days=1)})
    world.store.states[ROLLOUT] = restood(world.state, latest=tomorrow)
    assert world.advance(gate)["why"] == "the newest evaluation is too old"


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause is not Cause.RESTORE])
@pytest.mark.parametrize("resumed", [False, True])
def test_an_attempt_that_a_clock_ahead_began_can_be_rolled_back_at_once(
    world: World, cause: Cause, *, resumed: bool
) -> None:
    world.climb(0)
    if resumed:
        world.roll_back()
    now = world.clock.now()
    world.clock.at = now + timedelta(minutes=30)
    if resumed:
        assert world.resume(0)["outcome"] == "ready"
    else:
        started = world.state.model_copy(update={"attempt_started": world.clock.at})
        world.store.states[ROLLOUT] = started
    world.clock.at = now + timedelta(minutes=3)
    if resumed:
        assert world.advance(attempt=2, execution="second")["outcome"] == "advanced"
    for_this = {} if cause is Cause.ALERT else {"attempt": 1 + resumed, "execution": world.state.execution}
    world.roll_back(cause, **for_this)
    assert world.percent == 0
    assert world.status is (Status.ABANDONED if cause is Cause.ABANDON else Status.ROLLED_BACK)


def test_a_late_request_is_not_lost_when_a_fast_clock_began_the_attempt(world: World) -> None:
    world.climb(0)
    ahead = world.clock.now() + timedelta(minutes=30)
    world.store.states[ROLLOUT] = world.state.model_copy(update={"attempt_started": ahead})
    asked = world.request(Cause.EVIDENCE)
    world.wait(minutes=40)
    world.rollback(asked)
    assert (world.percent, world.status) == (0, Status.ROLLED_BACK)


def test_a_person_rolls_back_what_a_clock_ahead_began_naming_the_rollout_only(world: World) -> None:
    world.climb(0)
    ahead = world.clock.now() + timedelta(minutes=30)
    world.store.states[ROLLOUT] = world.state.model_copy(update={"attempt_started": ahead})
    world.roll_back(Cause.PERSON, attempt=None, execution=None)
    assert (world.percent, world.status) == (0, Status.ROLLED_BACK)


@pytest.mark.parametrize("decision", [DecisionKind.APPROVE, DecisionKind.OVERRIDE])
def test_a_question_asked_too_early_by_a_fast_clock_waits_for_the_hold(world: World, decision: DecisionKind) -> None:
    world.climb(0)
    gate = world.open_gate()
    world.wait(minutes=40)
    now = world.clock.now()
    world.clock.at = now + timedelta(minutes=30)
    world.tick()
    world.clock.at = now
    gate = world.ask(world.gates.succeeded[gate])
    world.answer(gate, decision)
    world.tick()
    assert world.advance(gate)["why"] == "the hold is not over"
    assert world.percent == 1
