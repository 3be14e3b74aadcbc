from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rampart.errors import FlagStoreError, RollbackUndoneError, StoreError
from rampart.rollout.event import EventKind
from rampart.rollout.flag import FlagReading
from rampart.rollout.request import Cause
from rampart.rollout.rollback import RollbackOutcome
from rampart.rollout.state import Status
from tests.doubles import Moment
from tests.unit.rollout.world import FLAG, World, ignore

CAUSES = [cause for cause in Cause if cause is not Cause.RESTORE]
UNDONE = pytest.raises(RollbackUndoneError)


# Another writer.


def test_a_rolled_back_flag_that_was_raised_is_lowered_and_told(live: World) -> None:
    live.roll_back()
    live.flags.put(FlagReading(FLAG, percent=25))
    live.wait(minutes=10)
    live.tick()
    live.deliver()
    assert live.percent == 0
    assert live.told == [EventKind.ROLLED_BACK, EventKind.TAKEN_DOWN_AGAIN]
    assert live.state.watch_until == live.clock.now() + timedelta(minutes=15)


@pytest.mark.parametrize(
    ("cause", "changes"),
    [(Cause.EXECUTION, {}), (Cause.ALERT, {"queued": True}), (Cause.PERSON, {"queued": True})],
    ids=["the end of the execution", "the repetition of an alert", "the repetition of a decision"],
)
def test_whoever_finds_a_rolled_back_flag_raised_lowers_it_and_tells_once(
    live: World, cause: Cause, changes: dict[str, Any]
) -> None:
    live.roll_back()
    live.flags.put(FlagReading(FLAG, percent=60))
    live.tick()  # sees it too, and its call is slower
    live.roll_back(cause, **changes)
    assert live.percent == 0
    live.deliver()
    assert live.told == [EventKind.ROLLED_BACK, EventKind.TAKEN_DOWN_AGAIN]
    assert live.store.told[-1].message == f"someone raised {FLAG} outside Rampart after its rollback: it read 60%"


def test_a_raised_flag_that_ignores_the_write_is_rolling_back_again(
    live: World,
) -> None:
    live.roll_back()
    live.flags.put(FlagReading(FLAG, percent=60))
    live.flags.ignores_writes = True
    for _ in range(3):
        live.tick()
        with UNDONE:
            live.deliver()
    assert live.status is Status.HALTED, "and no one can resume it"
    assert live.told == [EventKind.ROLLED_BACK, EventKind.ROLLING_BACK]
    live.flags.ignores_writes = False
    live.tick()
    live.deliver()
    assert (live.status, live.percent) == (Status.ROLLED_BACK, 0)
    assert live.told[2:] == [EventKind.TAKEN_DOWN_AGAIN]


def test_an_abandon_that_comes_again_abandons_a_flag_that_was_raised_too(live: World) -> None:
    live.roll_back()
    live.flags.put(FlagReading(FLAG, percent=25))
    live.roll_back(Cause.ABANDON, queued=True)
    assert (live.status, live.percent) == (Status.ABANDONED, 0)


def test_what_is_rolled_back_and_down_is_not_written_again(live: World) -> None:
    live.roll_back()
    live.forget()
    live.roll_back(Cause.EXECUTION)
    live.redeliver()
    assert live.flags.history == []
    assert live.told == []


def test_what_is_rolled_back_and_cannot_be_read_is_looked_at_again(live: World) -> None:
    live.roll_back()
    live.flags.failure = FlagStoreError("down")
    with UNDONE:
        live.roll_back(Cause.EXECUTION)
    live.flags.failure = None
    live.flags.put(FlagReading(FLAG, percent=60))
    live.redeliver()
    assert live.told == [EventKind.ROLLED_BACK, EventKind.TAKEN_DOWN_AGAIN]


def test_a_repetition_leaves_an_attempt_alone_that_was_resumed_meanwhile(live: World) -> None:
    live.roll_back()

    def resumed() -> None:
        live.resume(1)
        live.advance(attempt=2, execution="second")

    live.wait(minutes=3)
    live.hooks["flags.read", Moment.BEFORE] = resumed
    live.redeliver()
    assert (live.status, live.percent) == (Status.LIVE, 25)


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
    assert (result.outcome, raised.percent, raised.status) == (RollbackOutcome.RESTORED, 25, Status.LIVE)
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
    assert (result.outcome, raised.percent, raised.status) == (RollbackOutcome.ROLLED_BACK, 0, Status.ROLLED_BACK)


def test_a_rollback_while_it_restores_wins(raised: World) -> None:
    raised.hooks["flags.set_percentage", Moment.BEFORE] = lambda: ignore(raised.roll_back())
    raised.deliver()
    assert raised.percent == 0
    assert raised.status is Status.ROLLED_BACK


def test_what_was_restored_already_is_left_to_the_advance_that_may_follow(raised: World) -> None:
    raised.queue.called *= 2
    raised.deliver()
    assert raised.told == [EventKind.RESTORED]


def test_an_advance_during_a_restore_is_not_taken_for_another_writer(raised: World) -> None:
    def begins() -> None:
        raised.tick()  # the flag is back, so the drift is over
        raised.store.commit(raised.state, raised.state.moved(raised.clock.now()))
        raised.flags.put(FlagReading(FLAG, percent=100))

    raised.hooks["flags.set_percentage", Moment.AFTER] = begins
    (result,) = raised.deliver()
    assert (result.outcome, raised.percent) == (RollbackOutcome.NOTHING, 100)


def test_an_advance_in_flight_is_not_restored_away(in_flight: World) -> None:
    assert in_flight.roll_back(Cause.RESTORE).outcome is RollbackOutcome.NOTHING
    assert in_flight.percent == 100


@pytest.mark.parametrize("port", ["flags", "store"])
def test_what_is_down_while_it_restores_is_tried_again(raised: World, port: str) -> None:
    if port == "flags":
        raised.flags.failure = FlagStoreError("down")
    else:
        raised.hooks["flags.read", Moment.AFTER] = lambda: setattr(raised.store, "failure", StoreError("down"))
    with UNDONE:
        raised.deliver()
