from __future__ import annotations

import pytest

from rampart.errors import GateError
from rampart.evidence.verdict import Verdict
from rampart.rollout.event import EventKind
from rampart.rollout.gate import GateKind
from rampart.rollout.request import Cause
from rampart.rollout.state import Status
from tests.unit.rollout.world import (
    EXECUTION,
    PLAN,
    World,
)

CRITERIA = PLAN["criteria"]


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


def test_a_blind_gate_wants_a_look_of_its_own(baking: World) -> None:
    baking.tick()
    baking.wait(minutes=1)
    baking.open_gate(GateKind.BLIND, id="blind", token="blind")
    baking.gates.wait("blind", EXECUTION)
    baking.tick()
    assert "blind" not in baking.gates.succeeded
    baking.wait(minutes=4)
    baking.tick()
    assert "blind" in baking.gates.succeeded
    assert baking.told.count(EventKind.SIGHTED) == 1


def test_a_fail_that_comes_with_returning_sight_rolls_back(blind: World) -> None:
    blind.measure(Verdict.FAIL)
    blind.tick()
    assert blind.causes == [Cause.EVIDENCE]
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
    assert world.causes == [Cause.EXECUTION]
    world.deliver()
    assert (world.percent, world.status) == (0, Status.ROLLED_BACK)


def test_a_dead_execution_is_noticed_before_the_first_stage_and_between_gates(world: World) -> None:
    world.start()
    world.gates.stop(EXECUTION)
    world.tick()
    assert world.causes == [Cause.EXECUTION]


def test_a_closed_gate_of_an_execution_that_runs_is_left_to_the_machine(baking: World) -> None:
    baking.gates.waiting.clear()
    baking.tick()
    assert baking.queue.called == []


def test_a_state_machine_that_does_not_answer_is_not_a_dead_execution(baking: World) -> None:
    baking.gates.failure = GateError("throttled")
    look = baking.tick()
    assert look.did == ("gate not answered: throttled",)
    assert baking.queue.called == []
