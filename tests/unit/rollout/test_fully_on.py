"""The end that turns a flag on for every check: a stage like any other, approved, read back and undone."""

from __future__ import annotations

from typing import Any

import pytest

from rampart.errors import FlagStoreError
from rampart.evidence.verdict import Verdict
from rampart.plan.model import Plan
from rampart.rollout.flag import FlagReading
from rampart.rollout.freeze import Freeze
from rampart.rollout.request import Cause
from rampart.rollout.situation import situation_of
from rampart.rollout.state import Status
from tests.doubles import Moment
from tests.unit.rollout.world import FLAG, PLAN, ROLLOUT, START, World

FINISH = {"finish": "fully_on"}
LAST = len(PLAN["stages"])


def test_the_plan_ends_with_a_stage_that_turns_the_flag_fully_on() -> None:
    plan = Plan.model_validate(PLAN | FINISH)
    assert [stage.label for stage in plan.stages] == ["Canary (1%)", "25%", "100%", "fully on"]
    assert str(plan.stages[-1].hold) == "1d"
    assert Plan.model_validate_json(plan.model_dump_json(by_alias=True)).digest == plan.digest


def test_a_plan_may_write_the_stage_itself() -> None:
    stages = [*PLAN["stages"], {"name": "Everywhere", "fully_on": True, "hold": "3d"}]
    plan = Plan.model_validate(PLAN | FINISH | {"stages": stages})
    assert [stage.label for stage in plan.stages][-1] == "Everywhere (fully on)"
    assert len(plan.stages) == LAST + 1


def test_it_is_asked_about_read_back_and_held(world: World) -> None:
    world.climb(LAST - 1, **FINISH)
    gate = world.asked()
    found = situation_of(world.state, world.store.gate(ROLLOUT), world.clock.now())
    assert found.headline == "Waiting for approval: 100% → fully on"
    world.answer(gate)
    assert world.advance(gate)["outcome"] == "advanced"
    assert world.flags.flags[FLAG].boolean
    assert (world.status, world.state.is_fully_on, world.state.at) == (Status.LIVE, True, "fully on")
    assert world.store.told[-1].message == f"{FLAG} is fully on (verified)"


def test_then_it_ends_by_itself(world: World) -> None:
    world.climb(LAST, **FINISH)
    world.complete()
    assert world.store.told[-1].message == f"{FLAG} stays fully on: the rollout is complete"
    assert situation_of(world.state, None, world.clock.now()).headline == "Complete at fully on"


@pytest.mark.parametrize("cause", [Cause.ALERT, Cause.EVIDENCE])
def test_a_rollback_undoes_it(world: World, cause: Cause) -> None:
    world.climb(LAST, **FINISH)
    world.open_gate()
    if cause is Cause.EVIDENCE:
        world.measure(Verdict.FAIL)
        world.wait(minutes=30)
        world.tick()
        world.deliver()
    else:
        world.roll_back()
    assert world.flags.flags[FLAG] == FlagReading(FLAG)
    assert (world.status, world.state.is_fully_on) == (Status.ROLLED_BACK, False)
    assert situation_of(world.state, None, world.clock.now()).headline == "Rolled back fully on → 0%"


def test_what_a_cache_still_shows_of_it_is_no_one_elses_doing(world: World) -> None:
    world.climb(LAST, **FINISH)
    world.open_gate()
    world.roll_back()
    world.forget()
    world.wait(seconds=30)
    world.flags.put(FlagReading(FLAG, boolean=True))
    world.tick()
    world.deliver()
    assert world.told == []


def test_a_boolean_gate_that_someone_closes_holds_the_stage(world: World) -> None:
    world.climb(LAST, **FINISH)
    world.open_gate()
    world.wait(minutes=6)
    world.flags.put(FlagReading(FLAG))
    world.tick()
    assert str(world.state.drift) == f"{FLAG} was changed outside Rampart: expected 100%, found 0%"
    assert world.causes == []


def test_a_step_that_is_given_up_goes_back_to_everyone_with_an_actor(world: World) -> None:
    world.climb(LAST - 1, **FINISH)
    gate = world.approved()

    def lost() -> None:
        raise FlagStoreError("no answer")

    world.hooks["flags.turn_on", Moment.AFTER] = lost
    with pytest.raises(FlagStoreError):
        world.advance(gate)
    assert world.flags.flags[FLAG].boolean
    world.store.frozen = Freeze(by="ann", note="an incident", at=START)
    assert world.advance(gate)["outcome"] == "stale"
    assert world.flags.flags[FLAG] == FlagReading(FLAG, 100)


def test_a_frozen_stack_turns_nothing_on(world: World) -> None:
    world.climb(LAST - 1, **FINISH)
    gate = world.approved()
    world.store.frozen = Freeze(by="ann", note="an incident", at=START)
    assert world.advance(gate)["outcome"] == "stale"
    assert not world.flags.flags[FLAG].boolean


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (FINISH | {"stages": [{"percent": 50, "hold": "1h"}]}, "fully_on comes after 100%, and 50% comes before it"),
        ({"stages": [{"fully_on": True, "hold": "1h"}]}, "begin with less"),
        (
            {"stages": [{"percent": 100, "hold": "1h"}, *[{"fully_on": True, "hold": "1h"}] * 2]},
            "fully_on is the last stage",
        ),
        ({"stages": [{"percent": 100, "fully_on": True, "hold": "1h"}]}, "only one of them"),
    ],
)
def test_ends_that_are_none(world: World, changes: dict[str, Any], told: str) -> None:
    assert told in world.start(**changes)["cause"]
