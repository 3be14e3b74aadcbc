from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rampart.adapters.memory import Moment
from rampart.errors import FlagStoreError, RollbackUndoneError, StoreError
from rampart.rollout.flag import FlagReading
from rampart.rollout.request import Cause
from rampart.rollout.rollback import Outcome
from rampart.rollout.state import EventKind, Status
from tests.unit.rollout.world import FLAG, World, ignore

CAUSES = [cause for cause in Cause if cause is not Cause.RESTORE]
UNDONE = pytest.raises(RollbackUndoneError)


# Another writer.


def test_a_rolled_back_flag_that_somebody_raised_is_taken_down_again_and_people_are_told(live: World) -> None:
    live.roll_back()
    live.flags.put(FlagReading(FLAG, percent=25))
    live.wait(minutes=10)
    live.tick()
    live.deliver()
    assert live.percent == 0
    assert live.told == [EventKind.ROLLED_BACK, EventKind.TAKEN_DOWN_AGAIN]
    assert live.state.watch_until == live.clock.now() + timedelta(minutes=15)


@pytest.fixture
def raised(world: World) -> World:
    """A rollout at 25% whose plan restores, and whose flag another writer raised to 60%."""
    world.climb(1, on_drift={"above": "restore"})
    world.open_gate()
    world.flags.put(FlagReading(FLAG, percent=60))
    world.flags.history.clear()
    world.tick()
    world.store.told.clear()
    return world


def test_a_raised_flag_is_lowered_to_its_record_where_the_plan_says_so(raised: World) -> None:
    (result,) = raised.deliver()
    assert (result.outcome, raised.percent, raised.status) == (Outcome.RESTORED, 25, Status.LIVE)
    assert raised.state.drift is None
    assert raised.told == [EventKind.RESTORED]


def test_a_flag_that_is_back_already_is_not_written(raised: World) -> None:
    raised.flags.put(FlagReading(FLAG, percent=25))
    raised.deliver()
    assert raised.flags.history == []


def test_restoring_never_raises_a_flag(raised: World) -> None:
    raised.flags.put(FlagReading(FLAG, percent=10))
    raised.deliver()
    assert raised.percent == 10


@pytest.mark.parametrize("opened", [{"boolean": True}, {"percent_of_time": 100}])
def test_a_gate_that_a_percentage_cannot_lower_rolls_back_instead(raised: World, opened: dict[str, Any]) -> None:
    raised.flags.put(FlagReading(FLAG, percent=10, **opened))
    (result,) = raised.deliver()
    assert (result.outcome, raised.percent, raised.status) == (Outcome.ROLLED_BACK, 0, Status.ROLLED_BACK)


def test_a_rollback_while_it_restores_wins(raised: World) -> None:
    raised.hooks["flags.set_percentage", Moment.BEFORE] = lambda: ignore(raised.roll_back())
    raised.deliver()
    assert raised.percent == 0
    assert raised.status is Status.ROLLED_BACK


def test_an_advance_in_flight_is_not_restored_away(in_flight: World) -> None:
    assert in_flight.roll_back(Cause.RESTORE).outcome is Outcome.NOTHING
    assert in_flight.percent == 100


@pytest.mark.parametrize("port", ["flags", "store"])
def test_what_is_down_while_it_restores_is_tried_again(raised: World, port: str) -> None:
    if port == "flags":
        raised.flags.failure = FlagStoreError("down")
    else:
        raised.hooks["flags.read", Moment.AFTER] = lambda: setattr(raised.store, "failure", StoreError("down"))
    with UNDONE:
        raised.deliver()
