"""Every transition tried without an answer, or with another's: from each stage to the next, and to the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rampart.errors import ConflictError
from rampart.rollout.gate import DecisionKind
from rampart.rollout.state import Status
from tests.doubles import Moment
from tests.unit.rollout.world import COMPLAINTS, EXECUTION, PLAN, World

ASKING = {"criteria": PLAN["criteria"] | COMPLAINTS}
"""A plan whose every step needs a person, the end too."""
STAGES = range(len(PLAN["stages"]))
"""Where the rollout is when the next step is tried; from the last one it would end."""
Try = Callable[[World], dict[str, Any]]


def approved(world: World) -> str:
    return world.approved(DecisionKind.APPROVE, complaints=0)


def at(world: World, stage: int) -> World:
    world.climb(0, **ASKING)
    for _ in range(stage):
        assert world.advance(approved(world))["outcome"] == "advanced"
    world.forget()
    return world


def is_unmoved_by(world: World, attempt: Callable[[], object]) -> bool:
    """Whether flag, stage and status are as before, no advance is begun, and no one wrote to the flag."""

    def seen() -> tuple[object, ...]:
        state = world.state
        return world.percent, state.percent, state.stage, state.status, state.intent, list(world.flags.history)

    before = seen()
    attempt()
    return seen() == before


# The ways, each with all else in order: evidence is fresh and passes, the hold is over, the flag is where it should be.


def without_a_gate(world: World) -> dict[str, Any]:
    approved(world)
    return world.advance(None)


def with_a_gate_that_nobody_opened(world: World) -> dict[str, Any]:
    approved(world)
    return world.advance("made-up")


def with_a_gate_that_nobody_answered(world: World) -> dict[str, Any]:
    return world.advance(world.asked())


def with_the_bake_gate_that_led_to_the_question(world: World) -> dict[str, Any]:
    gate = world.baked()
    return world.advance(gate)


def with_a_bake_gate_whose_hold_is_not_over(world: World) -> dict[str, Any]:
    gate = world.open_gate()
    world.wait(minutes=30)
    world.tick()
    return world.advance(gate)


def with_the_answer_that_led_to_this_stage(world: World) -> dict[str, Any]:
    led_here = world.state.passed_gate
    approved(world)
    return world.advance(led_here)


def with_the_answer_of_another_stage(world: World) -> dict[str, Any]:
    gate = approved(world)
    name, known = next(iter(world.store.gates.items()))
    world.store.gates[name] = known.model_copy(update={"stage": known.stage + 1})
    return world.advance(gate)


def with_the_answer_of_another_attempt(world: World) -> dict[str, Any]:
    gate = approved(world)
    name, known = next(iter(world.store.gates.items()))
    world.store.gates[name] = known.model_copy(update={"attempt": known.attempt + 1})
    return world.advance(gate)


def as_another_execution(world: World) -> dict[str, Any]:
    return world.advance(approved(world), execution="another")


def as_another_attempt(world: World) -> dict[str, Any]:
    return world.advance(approved(world), attempt=2)


def with_an_answer_that_came_too_late(world: World) -> dict[str, Any]:
    gate = world.asked()
    world.wait(hours=24)
    world.tick()
    with pytest.raises(ConflictError, match="not open"):
        world.answer(gate, DecisionKind.APPROVE, complaints=0)
    return world.advance(gate)


def with_an_answer_that_was_taken_back_before_the_write(world: World) -> dict[str, Any]:
    gate = approved(world)

    def take_it_back() -> None:
        for name, known in world.store.gates.items():
            world.store.gates[name] = known.model_copy(update={"answer": None})

    world.hooks["store.commit", Moment.BEFORE] = take_it_back
    return world.advance(gate)


def with_a_no(decision: DecisionKind) -> Try:
    def attempt(world: World) -> dict[str, Any]:
        return world.advance(world.approved(decision, complaints=0))

    attempt.__name__ = f"with_the_answer_{decision.value}"
    return attempt


WAYS: list[Try] = [
    without_a_gate,
    with_a_gate_that_nobody_opened,
    with_a_gate_that_nobody_answered,
    with_the_bake_gate_that_led_to_the_question,
    with_a_bake_gate_whose_hold_is_not_over,
    with_the_answer_that_led_to_this_stage,
    with_the_answer_of_another_stage,
    with_the_answer_of_another_attempt,
    as_another_execution,
    as_another_attempt,
    with_an_answer_that_came_too_late,
    with_an_answer_that_was_taken_back_before_the_write,
    *(with_a_no(decision) for decision in (DecisionKind.ROLL_BACK, DecisionKind.RESUME, DecisionKind.ABANDON)),
]


@pytest.mark.parametrize("stage", STAGES)
def test_every_step_is_made_with_its_own_answer(world: World, stage: int) -> None:
    at(world, stage)
    outcome = world.advance(approved(world))["outcome"]
    assert outcome == ("completed" if stage == STAGES[-1] else "advanced")
    assert world.state.stage == min(stage + 1, STAGES[-1])


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("stage", STAGES)
def test_no_step_is_made_without_its_own_answer(world: World, stage: int, way: Try) -> None:
    at(world, stage)
    outcomes: list[dict[str, Any]] = []
    assert is_unmoved_by(world, lambda: outcomes.append(way(world)))
    assert outcomes[0]["outcome"] != "completed"
    assert world.status is Status.LIVE


@pytest.mark.parametrize(
    "way",
    [
        lambda world: world.advance("made-up"),
        lambda world: world.advance(None, execution="another"),
        lambda world: world.advance(None, attempt=2),
        lambda world: world.advance(None, attempt=0),
    ],
    ids=["a made-up gate", "another execution", "the next attempt", "an earlier attempt"],
)
def test_the_first_stage_is_reached_by_its_own_start_only(world: World, way: Try) -> None:
    world.start(**ASKING)
    assert is_unmoved_by(world, lambda: way(world))
    assert world.advance()["outcome"] == "advanced"


@pytest.mark.parametrize("execution", [EXECUTION, "second"], ids=["as the old execution", "as the new one"])
@pytest.mark.parametrize("stage", STAGES)
def test_an_answer_that_a_rollback_voided_moves_no_later_attempt(world: World, stage: int, execution: str) -> None:
    at(world, stage)
    voided = approved(world)
    world.roll_back()
    world.resume(stage)
    assert world.advance(attempt=2, execution="second")["outcome"] == "advanced"
    world.open_gate(id="of-the-new-attempt", token="of-the-new-attempt")
    world.gates.wait("of-the-new-attempt", "second")
    world.wait(hours=2)
    world.tick()
    assert is_unmoved_by(
        world, lambda: world.advance(voided, attempt=1 if execution == EXECUTION else 2, execution=execution)
    )


@pytest.mark.parametrize("stage", STAGES)
def test_a_lapsed_question_is_asked_again_and_only_the_new_answer_counts(world: World, stage: int) -> None:
    at(world, stage)
    old = world.asked()
    first = world.store.looks[-1].id
    world.wait(hours=24)
    with pytest.raises(ConflictError):
        world.answer(old, DecisionKind.APPROVE, complaints=0)
    again = world.bake()
    assert again["evaluation"] != first, "it is asked about evidence that is gathered since"
    new = world.ask(again)
    with pytest.raises(ConflictError):
        world.answer(old, DecisionKind.APPROVE, complaints=0)
    assert is_unmoved_by(world, lambda: world.advance(old))
    world.answer(new, DecisionKind.APPROVE, complaints=0)
    assert world.advance(new)["outcome"] in {"advanced", "completed"}
