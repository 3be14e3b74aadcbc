from __future__ import annotations

import pytest

from rampart.errors import FlagStoreError
from rampart.rollout.event import EventKind
from rampart.rollout.flag import FlagReading
from rampart.rollout.request import Cause
from rampart.rollout.state import Claim, Status
from tests.unit.rollout.world import (
    FLAG,
    PLAN,
    World,
)

CRITERIA = PLAN["criteria"]


# After the attempt.


@pytest.fixture
def down(baking: World) -> World:
    baking.roll_back()
    return baking


def test_a_rolled_back_flag_is_watched_and_then_left(down: World) -> None:
    down.wait(minutes=14, seconds=59)
    down.tick()
    assert down.state.watched
    down.wait(seconds=1)
    assert down.tick().did == ("no longer watched",)
    assert not down.state.watched


def test_a_raised_flag_is_rolled_back_whatever_the_plan_says_of_drift(world: World) -> None:
    world.climb(1, on_drift={"above": "restore"})
    world.roll_back()
    world.flags.put(FlagReading(FLAG, percent=50))
    world.tick()
    assert world.causes == [Cause.DRIFT]


def test_a_flag_that_is_up_is_watched_on_after_the_time_is_over(down: World) -> None:
    down.wait(minutes=20)
    down.flags.put(FlagReading(FLAG, percent=25))
    down.tick()
    assert down.state.watched
    down.deliver()
    assert down.percent == 0


def test_a_flag_that_cannot_be_read_is_watched_on(down: World) -> None:
    down.wait(minutes=20)
    down.flags.failure = FlagStoreError("down")
    down.tick()
    assert down.state.watched
    down.flags.failure = None
    down.tick()
    assert not down.state.watched


def test_a_halted_rollout_is_called_to_its_end_and_never_left(baking: World) -> None:
    baking.flags.failure = FlagStoreError("down")
    with pytest.raises(Exception, match="down"):
        baking.roll_back()
    baking.wait(hours=1)
    baking.tick()
    assert baking.causes == [Cause.EXECUTION]
    assert baking.state.watched
    baking.flags.failure = None
    baking.deliver()
    assert baking.status is Status.ROLLED_BACK


def test_a_completed_rollout_is_watched_and_then_left(world: World) -> None:
    world.climb(2)
    world.complete()
    world.tick()
    assert world.state.watched
    world.wait(minutes=15)
    world.tick()
    assert not world.state.watched


def test_a_completed_rollouts_flag_that_fell_is_told_once_and_moved_by_nobody(world: World) -> None:
    """A rollback that met the very end may have been cut off before it could record what it did."""
    world.climb(2)
    world.complete()
    world.flags.put(FlagReading(FLAG, percent=0))
    for _ in range(3):
        world.tick()
        world.wait(minutes=1)
    drifts = [event.message for event in world.store.told if event.kind is EventKind.DRIFTED]
    assert drifts == ["letters_api was changed outside Rampart: expected 100%, found 0%"]
    assert world.queue.called == []
    assert world.percent == 0


def test_a_completed_rollout_says_nothing_of_a_flag_that_the_next_rollout_moves(world: World) -> None:
    world.climb(2)
    world.complete()
    world.store.owners[FLAG] = Claim(flag=FLAG, rollout="letters-2", flags=(FLAG,))
    world.flags.put(FlagReading(FLAG, percent=1))
    world.forget()
    world.tick()
    assert world.told == []
    assert world.state.drift is None


def test_after_a_rollback_no_drift_is_left_on_record(live: World) -> None:
    live.flags.put(FlagReading(FLAG, percent=80))
    live.tick()
    assert live.state.drift is not None
    live.deliver()
    assert live.status is Status.ROLLED_BACK
    assert str(live.state.drift) == "None"
