"""A flag's other gates, at each step of a rollout: boolean, expression, percentage of time, actors and groups."""

from __future__ import annotations

from typing import Any

import pytest

from rampart.rollout.event import EventKind
from rampart.rollout.flag import FlagReading
from rampart.rollout.request import Cause
from rampart.rollout.state import Status
from tests.unit.rollout.world import FLAG, PLAN, World

OPENED = pytest.mark.parametrize(
    "opened",
    [{"boolean": True}, {"expression": True}, {"percent_of_time": 30}],
    ids=["boolean", "expression", "percentage of time"],
)
"""What lets people in whatever the percentage of actors says: "0%, and the flag still on"."""
STAGES = range(len(PLAN["stages"]))


def open_gate(world: World, opened: dict[str, Any]) -> None:
    """Another writer opens a gate next to the percentage."""
    world.flags.put(FlagReading(FLAG, percent=world.percent, **opened))


@OPENED
def test_no_flag_with_such_a_gate_open_is_taken_on(world: World, opened: dict[str, Any]) -> None:
    open_gate(world, opened)
    assert world.start()["error"] == "FlagGateOpen"


@OPENED
def test_no_rollout_is_resumed_with_such_a_gate_open(world: World, opened: dict[str, Any]) -> None:
    world.climb(1)
    world.roll_back()
    open_gate(world, opened)
    assert world.resume(1)["error"] == "FlagGateOpen"


@OPENED
@pytest.mark.parametrize("stage", [0, 1])
def test_a_gate_that_is_opened_in_flight_is_seen_told_and_taken_down(
    world: World, opened: dict[str, Any], stage: int
) -> None:
    world.climb(stage)
    world.open_gate()
    world.wait(minutes=1)
    open_gate(world, opened | ({"percent_of_time": 60} if "percent_of_time" in opened else {}))
    world.tick()
    assert world.causes == [Cause.DRIFT]
    assert EventKind.DRIFTED in world.told
    world.deliver()
    assert (world.percent, world.status) == (0, Status.ROLLED_BACK)
    assert world.flags.flags[FLAG].is_down


@OPENED
@pytest.mark.parametrize("stage", STAGES)
def test_a_rollback_closes_it_before_it_says_rolled_back(world: World, opened: dict[str, Any], stage: int) -> None:
    world.climb(stage)
    world.open_gate()
    open_gate(world, opened)
    world.roll_back()
    assert world.flags.flags[FLAG] == FlagReading(FLAG)
    assert world.told[-1] is EventKind.ROLLED_BACK


@OPENED
def test_a_gate_that_is_opened_after_the_rollback_is_closed_again_and_told(
    world: World, opened: dict[str, Any]
) -> None:
    world.climb(1)
    world.open_gate()
    world.roll_back()
    open_gate(world, opened)
    world.wait(minutes=1)
    world.tick()
    world.deliver()
    assert world.flags.flags[FLAG].is_down
    assert world.told[-1] is EventKind.TAKEN_DOWN_AGAIN


@pytest.mark.parametrize("stage", STAGES)
def test_hand_picked_people_stay_in_uncounted_and_are_named_at_a_rollback(world: World, stage: int) -> None:
    world.flags.put(FlagReading(FLAG, actors=("tester",), groups=("staff",)))
    world.climb(stage)
    world.open_gate()
    world.wait(minutes=30)
    world.tick()
    assert world.state.drift is None
    world.roll_back()
    assert world.flags.flags[FLAG] == FlagReading(FLAG, actors=("tester",), groups=("staff",))
    assert "still open for letters_api: actor tester, group staff" in world.store.told[-1].message


def test_a_complete_rollout_stays_at_a_percentage_of_actors(world: World) -> None:
    """All actors are in; a check that names no actor still finds the flag off, and no boolean gate is opened for it."""
    world.climb(2)
    world.complete()
    assert world.flags.flags[FLAG] == FlagReading(FLAG, percent=100)
    message = world.store.told[-1].message
    assert message.startswith("letters_api stays at 100%")
    assert "fully on" not in message
    assert "everyone" not in message
