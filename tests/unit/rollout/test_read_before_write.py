"""Every write is made over what is expected there: an advance over the record, a rollback over anything that exists."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rampart
from rampart.errors import FlagStoreError, RollbackUndoneError, StoreError
from rampart.rollout.event import EventKind
from rampart.rollout.flag import FlagReading
from rampart.rollout.lower import lower_one
from rampart.rollout.request import Cause
from rampart.rollout.state import Status
from tests.doubles import MemoryFlagStore, Moment
from tests.unit.rollout.world import FLAG, PLAN, ROLLOUT, CrashError, World, crash

TWO: dict[str, Any] = {"flags": [FLAG, "mobile"]}
ALONE = [PLAN["stages"][0], {"percent": 25, "hold": "1h", "approval": "none"}]
_LAYER = Path(rampart.__file__).parent


def test_only_two_modules_write_to_flags() -> None:
    """So that no later use case can write without a look."""
    writes = re.compile(r"\.(set_percentage|close_gates)\(")
    found = {p.relative_to(_LAYER).as_posix() for p in _LAYER.rglob("*.py") if writes.search(p.read_text())}
    assert found == {"rollout/climb.py", "rollout/lower.py"}


# An advance.


def at_25(world: World, **changes: Any) -> str:
    """Wait at 25% with an approval to go to 100%, long after Rampart's own last write."""
    if "flags" in changes:
        world.flags.put(FlagReading("mobile"))
    world.climb(1, **changes)
    return world.approved()


Other = Callable[[World], object]
DOWN: dict[str, Other] = {
    "lowered by hand": lambda w: w.flags.put(FlagReading(FLAG)),
    "lowered a little": lambda w: w.flags.put(FlagReading(FLAG, percent=24)),
    "back at the stage before": lambda w: w.flags.put(FlagReading(FLAG, percent=1)),
    "raised by someone": lambda w: w.flags.put(FlagReading(FLAG, percent=60)),
    "opened for everyone": lambda w: w.flags.put(FlagReading(FLAG, percent=25, boolean=True)),
    "deleted": lambda w: w.flags.flags.pop(FLAG),
}


@pytest.mark.parametrize("other", DOWN.values(), ids=DOWN)
def test_an_advance_raises_nothing_over_what_another_writer_did(world: World, other: Other) -> None:
    gate = at_25(world)
    other(world)
    before = dict(world.flags.flags)
    world.forget()
    outcome = world.advance(gate)
    assert outcome["outcome"] == "stale"
    assert world.flags.flags == before
    assert world.flags.history == []
    assert world.told == [EventKind.DRIFTED, EventKind.HELD]
    assert world.state.drift
    assert world.state.intent is None
    world.tick()
    assert world.told.count(EventKind.DRIFTED) == 1


@pytest.mark.parametrize("other", DOWN.values(), ids=DOWN)
def test_one_stray_flag_of_two_keeps_the_other_where_it_is(world: World, other: Other) -> None:
    gate = at_25(world, **TWO)
    other(world)
    assert world.advance(gate)["outcome"] == "stale"
    assert world.flags.flags["mobile"].percent == 25
    assert FLAG not in world.flags.flags or world.flags.flags[FLAG].percent != 100


@pytest.mark.parametrize("other", DOWN.values(), ids=DOWN)
def test_an_advance_that_is_repeated_looks_again_before_it_writes(world: World, other: Other) -> None:
    gate = at_25(world)
    world.hooks["flags.set_percentage", Moment.BEFORE] = crash
    with pytest.raises(CrashError):
        world.advance(gate)
    other(world)
    world.flags.history.clear()
    assert world.advance(gate)["outcome"] == "stale"
    assert world.flags.history == []


def test_a_kill_switch_while_an_advance_is_repeated_wins(world: World) -> None:
    """The flag was read at its new percentage, the record was not written, and someone lowers the flag."""
    gate = at_25(world, **TWO)
    world.hooks["store.commit", Moment.AFTER] = lambda: world.hooks.update({("store.commit", Moment.BEFORE): crash})
    with pytest.raises(CrashError):
        world.advance(gate)
    assert world.percent == 100
    world.flags.put(FlagReading(FLAG))
    assert world.advance(gate)["outcome"] == "stale"
    assert (world.percent, world.flags.flags["mobile"].percent) == (0, 25), "what the advance raised goes back"


def test_a_tick_tells_of_a_kill_switch_while_an_advance_is_in_flight(world: World) -> None:
    gate = at_25(world)
    world.hooks["flags.set_percentage", Moment.AFTER] = crash
    with pytest.raises(CrashError):
        world.advance(gate)
    world.flags.put(FlagReading(FLAG))
    world.forget()
    world.tick()
    assert world.told == [EventKind.DRIFTED]
    assert world.advance(gate)["outcome"] == "stale"
    assert world.percent == 0


@pytest.mark.parametrize("percent", [1, 25, 100])
def test_a_tick_sees_no_drift_in_an_advance_that_is_under_way(world: World, percent: float) -> None:
    gate = at_25(world)
    world.hooks["flags.set_percentage", Moment.BEFORE] = crash
    with pytest.raises(CrashError):
        world.advance(gate)
    world.flags.put(FlagReading(FLAG, percent=percent))
    world.tick()
    assert (world.state.drift is None) is (percent != 1)


def test_a_step_without_approval_looks_too(world: World) -> None:
    world.climb(0, stages=ALONE)
    gate = world.baked()
    world.flags.put(FlagReading(FLAG))
    assert world.advance(gate)["outcome"] == "stale"
    assert world.percent == 0


def test_a_flag_that_cannot_be_read_is_not_written_and_tried_again(world: World) -> None:
    gate = at_25(world)
    world.forget()

    def fails() -> None:
        raise FlagStoreError("down")

    world.hooks["flags.read", Moment.BEFORE] = fails
    with pytest.raises(FlagStoreError):
        world.advance(gate)
    assert world.flags.history == []
    assert world.advance(gate)["outcome"] == "advanced"


@pytest.mark.parametrize("found", [FlagReading(FLAG, percent=30), None], ids=["raised", "deleted"])
def test_a_flag_above_zero_at_the_first_stage_ends_the_attempt(world: World, found: FlagReading | None) -> None:
    world.start()
    world.flags.flags.pop(FLAG)
    if found is not None:
        world.flags.put(found)
    outcome = world.advance()
    assert outcome["outcome"] == "astray"
    assert world.flags.history == []
    assert world.told[-1] is EventKind.DRIFTED
    world.roll_back(Cause.EXECUTION)
    assert world.status is Status.ROLLED_BACK
    assert (FLAG in world.flags.flags) is (found is not None)


def test_a_withdrawn_advance_keeps_no_rollback_waiting(world: World) -> None:
    """It wrote nothing, so nothing of it can land later."""
    gate = at_25(world)
    world.flags.put(FlagReading(FLAG))
    world.advance(gate)
    world.roll_back()
    assert world.status is Status.ROLLED_BACK


# A flag that does not exist.


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause is not Cause.RESTORE])
def test_a_rollback_never_recreates_a_deleted_flag_and_says_so(live: World, cause: Cause) -> None:
    live.flags.flags.pop(FLAG)
    live.roll_back(cause)
    assert live.flags.flags == {}
    assert live.status is (Status.ABANDONED if cause is Cause.ABANDON else Status.ROLLED_BACK)
    rolled_back = next(event for event in live.store.told if event.kind is EventKind.ROLLED_BACK)
    assert rolled_back.message == "letters_api did not exist, so nothing was written there: because"


def test_one_flag_of_two_that_is_gone_is_named_and_the_other_read_at_zero(world: World) -> None:
    world.flags.put(FlagReading("mobile"))
    world.climb(1, **TWO)
    world.flags.flags.pop(FLAG)
    world.roll_back()
    assert world.flags.flags == {"mobile": FlagReading("mobile")}
    assert world.store.told[-1].message == (
        "mobile is at 0% (verified); letters_api did not exist, so nothing was written there: because"
    )


def test_a_repetition_from_the_queue_creates_nothing_either(live: World) -> None:
    live.roll_back()
    live.flags.flags.pop(FLAG)
    live.redeliver()
    assert live.flags.flags == {}


def test_a_rolled_back_flag_that_is_cleaned_up_is_not_watched_for_ever(live: World) -> None:
    live.roll_back()
    live.flags.flags.pop(FLAG)
    live.wait(minutes=15)
    assert live.tick().did == ("no longer watched",)


def test_an_alert_creates_no_flag_while_the_table_is_down(live: World) -> None:
    live.store.failure = StoreError("down")
    with pytest.raises(RollbackUndoneError):
        live.roll_back(Cause.ALERT, flags=(FLAG, "misspelled"))
    assert set(live.flags.flags) == {FLAG}
    assert live.percent == 0


def test_a_flag_that_cannot_be_read_is_lowered_all_the_same() -> None:
    """Down comes before tidiness: an answer that cannot be understood must not keep people exposed."""
    flags = MemoryFlagStore.at(web=25)
    unread = iter([True])

    def first_look_fails(call: str, moment: Moment) -> None:
        if call == "flags.read" and moment is Moment.BEFORE and next(unread, False):
            raise FlagStoreError("cannot be understood")

    flags.on_call = first_look_fails
    assert lower_one(flags, "web").is_down


def test_an_unconfirmed_rollback_names_only_the_flags_that_are_up(world: World) -> None:
    world.flags.put(FlagReading("mobile"))
    world.climb(1, **TWO)

    def raised_again() -> None:
        world.hooks["flags.set_percentage", Moment.AFTER] = raised_again
        world.flags.put(FlagReading("mobile", percent=25))

    raised_again()
    with pytest.raises(RollbackUndoneError):
        world.roll_back()
    assert "(not yet confirmed at 0%: mobile;" in world.store.told[-1].message
    assert world.store.states[ROLLOUT].status is Status.HALTED
