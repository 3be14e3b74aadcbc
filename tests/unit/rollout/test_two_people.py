"""Two people approve, or another than the starter: proven by AWS, or refused before anything begins."""

from __future__ import annotations

from typing import Any

import pytest

from rampart.plan.model import Plan
from rampart.rollout.gate import Answer, DecisionKind, FirstApproval
from rampart.rollout.prepare import Prepare
from tests.unit.rollout.world import EXECUTION, PLAN, ROLLOUT, World

TWO = {"approvals": 2}


@pytest.mark.parametrize("asked", [TWO, {"not_by": "starter"}], ids=str)
def test_a_stack_that_is_not_told_who_people_are_refuses_such_a_plan(world: World, asked: dict[str, Any]) -> None:
    outcome = world.start(**asked)
    assert outcome["error"] == "IdentityUnproven"
    assert "Deploy the stack with ProveIdentity=cloudtrail" in outcome["cause"]
    assert world.store.states == {}


def test_a_plan_that_asks_for_no_one_keeps_its_digest() -> None:
    assert Plan.model_validate(PLAN).digest == Plan.model_validate(PLAN | {"approvals": 1, "not_by": None}).digest


def started(world: World) -> str:
    """A rollout of a plan for two people, at its first gate; the gate's id."""
    prepare = Prepare(
        store=world.store, flags=world.flags, metrics=world.metrics, clock=world.clock, proves_identity=True
    )
    world.gates.running.add(EXECUTION)
    assert prepare(PLAN | TWO, EXECUTION).to_wire()["outcome"] == "ready"
    world.advance()
    return world.asked()


def answer(world: World, gate: str, *people: str) -> None:
    """What the machine `decision` leaves in the gate once these people approved."""
    kept = world.store.gates[ROLLOUT]
    *before, last = people
    said = {"by": "ann", "execution": "d", "at": world.clock.now()}
    first = FirstApproval(person=before[0], **said) if before else None
    world.store.gates[ROLLOUT] = kept.changed(
        first=first, answer=Answer(decision=DecisionKind.APPROVE, person=last, **said)
    )


def test_two_people_let_it_advance(world: World) -> None:
    gate = started(world)
    answer(world, gate, "robin", "ana")
    assert world.advance(gate)["outcome"] == "advanced"


@pytest.mark.parametrize("people", [("robin",), ("robin", "robin"), ("", ""), ("robin", "")], ids=str)
def test_fewer_than_two_do_not_whatever_the_machine_let_through(world: World, people: tuple[str, ...]) -> None:
    gate = started(world)
    answer(world, gate, *people)
    assert world.advance(gate)["outcome"] == "stale"
    assert "two people must approve, and one did" in world.store.told[-1].message


def test_the_record_knows_which_execution_a_person_began_an_attempt_with(world: World) -> None:
    world.climb(0)
    assert world.state.begun_by == EXECUTION
    world.roll_back()
    world.wait(minutes=20)
    world.resume(0)
    assert world.state.begun_by == "d-9"
