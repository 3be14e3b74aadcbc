"""What a cache of the flag store still shows after Rampart's own write is no one's doing, for a while."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rampart.errors import FlagUnconfirmedError
from rampart.rollout.event import EventKind
from rampart.rollout.flag import FlagReading
from rampart.rollout.request import Cause
from rampart.rollout.state import Status
from tests.unit.rollout.world import FLAG, PLAN, ROLLOUT, World


def shows(world: World, percent: float) -> None:
    """A cache shows an old value; no one wrote anything."""
    world.flags.flags[FLAG] = FlagReading(FLAG, percent=percent)


@pytest.mark.parametrize("seconds", [0, 60, 89])
def test_the_previous_stage_still_being_read_is_not_a_drift(live: World, seconds: int) -> None:
    shows(live, 1)
    live.wait(seconds=seconds)
    live.tick()
    assert (live.state.drift, live.queue.called) == (None, [])
    shows(live, 25)
    live.wait(minutes=5)
    live.tick()
    assert EventKind.DRIFTED not in live.told


def test_it_is_a_drift_when_it_lasts_longer_than_any_cache(live: World) -> None:
    shows(live, 1)
    live.wait(minutes=2)
    live.tick()
    assert str(live.state.drift) == "letters_api was changed outside Rampart: expected 25%, found 1%"


def test_what_was_never_there_is_a_drift_at_once(live: World) -> None:
    shows(live, 2)
    live.tick()
    assert live.state.drift is not None


def test_a_plan_that_settles_longer_gives_caches_as_long(world: World) -> None:
    world.climb(1, settle="10m")
    shows(world, 1)
    world.wait(minutes=9, seconds=59)
    world.tick()
    assert world.state.drift is None
    world.wait(seconds=1)
    world.tick()
    assert world.state.drift is not None


def test_a_rolled_back_flag_still_read_as_up_is_lowered_without_an_accusation(live: World) -> None:
    live.roll_back()
    shows(live, 25)
    live.wait(minutes=1)
    live.tick()
    assert live.causes == [Cause.EXECUTION]
    live.deliver()
    assert live.percent == 0
    assert live.told == [EventKind.ROLLED_BACK]


def test_the_queue_that_still_reads_it_up_accuses_nobody_either(live: World) -> None:
    live.roll_back()
    shows(live, 25)
    live.wait(minutes=1)
    live.redeliver()
    assert live.percent == 0
    assert live.told == [EventKind.ROLLED_BACK]


def test_a_rolled_back_flag_that_is_up_longer_than_any_cache_is_told(live: World) -> None:
    live.roll_back()
    live.wait(minutes=2)
    shows(live, 25)
    live.tick()
    live.deliver()
    assert live.told == [EventKind.ROLLED_BACK, EventKind.TAKEN_DOWN_AGAIN]


def test_a_gate_that_is_open_is_never_an_echo(live: World) -> None:
    live.roll_back()
    live.flags.put(FlagReading(FLAG, percent=25, expression=True))
    live.tick()
    live.deliver()
    assert live.told == [EventKind.ROLLED_BACK, EventKind.TAKEN_DOWN_AGAIN]
    assert live.flags.flags[FLAG].is_down


def test_an_advance_over_an_old_reading_goes_on_and_is_said_only_when_read(world: World) -> None:
    world.climb(1, stages=[{**stage, "hold": "5m"} for stage in PLAN["stages"]], bucket="1m", settle="1m", lag="1m")
    gate = world.approved()
    world.flags.ignores_writes = True  # the caches show 25% whatever is written
    for _ in range(3):
        with pytest.raises(FlagUnconfirmedError):
            world.advance(gate)
        world.wait(seconds=20)
    assert EventKind.DRIFTED not in world.told
    world.flags.ignores_writes = False
    assert world.advance(gate)["outcome"] == "advanced"
    assert world.status is Status.LIVE


def test_what_a_restore_lowered_may_still_be_read_for_a_while(world: World) -> None:
    world.climb(1, on_drift={"above": "restore"})
    world.wait(minutes=3)
    world.flags.put(FlagReading(FLAG, percent=60))
    world.tick()
    world.deliver()
    assert world.told[-1] is EventKind.RESTORED
    shows(world, 60)
    world.tick()
    assert (world.state.drift, world.queue.called) == (None, [])


def test_a_restore_that_a_cache_hides_is_tried_again_and_ends_no_attempt(world: World) -> None:
    world.climb(1, on_drift={"above": "restore"})
    world.flags.put(FlagReading(FLAG, percent=60))
    world.tick()
    world.flags.ignores_writes = True
    with pytest.raises(Exception, match="a cache may still hold it"):
        world.deliver()
    assert world.status is Status.LIVE
    world.flags.ignores_writes = False
    world.tick()
    world.deliver()
    assert (world.percent, world.status) == (25, Status.LIVE)


def test_an_echo_outlives_a_quick_second_write(live: World) -> None:
    """25% was reached a moment ago, from 1%: after the rollback a cache may hold either."""
    live.roll_back()
    shows(live, 1)
    live.tick()
    live.deliver()
    assert live.told == [EventKind.ROLLED_BACK]


def test_a_resume_right_after_a_rollback_is_not_refused_for_what_a_cache_shows(live: World) -> None:
    live.roll_back()
    shows(live, 25)
    assert live.resume(0)["outcome"] == "ready"
    with pytest.raises(FlagUnconfirmedError, match="reads 25%, as before"):
        live.advance(attempt=2, execution="second")
    shows(live, 0)
    assert live.advance(attempt=2, execution="second")["outcome"] == "advanced"
    assert live.percent == 1


def test_an_advance_never_writes_over_what_may_be_an_echo_or_a_hand(world: World) -> None:
    """Someone turned the flag back to the stage before, seconds after it was left: caches show just that too."""
    quick = [{**stage, "hold": "30s"} for stage in PLAN["stages"]]
    world.climb(1, stages=quick, bucket="5s", settle="0s", lag="0s", look_every="5s")
    gate = world.approved()
    shows(world, 1)
    with pytest.raises(FlagUnconfirmedError):
        world.advance(gate)
    world.wait(seconds=90)
    world.tick()
    assert world.advance(gate)["outcome"] == "stale"
    assert world.percent == 1
    assert EventKind.DRIFTED in world.told


def test_a_resume_over_a_flag_that_somebody_raised_is_refused(live: World) -> None:
    live.roll_back()
    shows(live, 60)
    assert live.resume(0)["outcome"] == "refused"


def test_another_writers_value_before_a_rollback_is_an_echo_told_once(live: World) -> None:
    live.wait(minutes=5)
    live.flags.put(FlagReading(FLAG, percent=60))
    live.tick()
    live.deliver()
    live.forget()
    live.wait(seconds=40)
    shows(live, 60)
    live.tick()
    live.deliver()
    assert (live.percent, live.told) == (0, [])


def test_what_was_taken_down_again_is_told_once_while_a_cache_still_shows_it(live: World) -> None:
    live.roll_back()
    live.wait(minutes=5)
    live.flags.put(FlagReading(FLAG, percent=60))
    live.tick()
    live.deliver()
    assert live.told[-1] is EventKind.TAKEN_DOWN_AGAIN
    live.forget()
    live.wait(seconds=40)
    shows(live, 60)
    live.tick()
    live.redeliver()
    live.deliver()
    assert (live.percent, live.told) == (0, [])
    live.wait(seconds=80)
    live.flags.put(FlagReading(FLAG, percent=60))
    live.tick()
    live.deliver()
    assert live.told == [EventKind.TAKEN_DOWN_AGAIN], "longer than any cache lasts, it is someone's doing again"


def test_a_write_by_a_clock_that_is_ahead_hides_no_drift(world: World) -> None:
    world.climb(1)
    written = world.state.own_write
    assert written is not None
    ahead = written.model_copy(update={"at": written.at + timedelta(minutes=30)})
    world.store.states[ROLLOUT] = world.state.model_copy(update={"own_write": ahead})
    world.wait(minutes=5)
    shows(world, 1)
    world.tick()
    assert str(world.state.drift) == "letters_api was changed outside Rampart: expected 25%, found 1%"
