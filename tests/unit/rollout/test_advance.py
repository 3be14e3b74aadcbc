from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rampart.errors import ConflictError, FlagStoreError, FlagUnconfirmedError, StoreError
from rampart.evidence.verdict import Verdict
from rampart.rollout.event import EventKind
from rampart.rollout.flag import FlagReading
from rampart.rollout.gate import GateKind
from rampart.rollout.state import Status
from tests.doubles import Moment
from tests.unit.rollout.world import ERRORS, FLAG, OFFICE_HOURS, PLAN, ROLLOUT, CrashError, World, crash, ignore

CRITERIA = PLAN["criteria"]


def unchanged_by(world: World, gate: str | None) -> bool:
    """Whether advancing again says the same, tells no one and moves nothing."""
    before, told, history = world.state, list(world.told), list(world.flags.history)
    outcome = world.advance(gate)
    return outcome["outcome"] in {"advanced", "completed", "stale"} and (before, told, history) == (
        world.state,
        world.told,
        world.flags.history,
    )


# Going up.


def test_the_first_stage_needs_no_gate_for_the_start_is_its_approval(world: World) -> None:
    world.start()
    outcome = world.advance()
    assert outcome == {"outcome": "advanced", "attempt": 1, "stage": 0, "percent": 1.0, "why": None}
    assert world.percent == 1
    state = world.state
    assert (state.stage, state.percent, state.intent, state.passed_gate) == (0, 1.0, None, "start")
    assert world.standing.started == world.clock.now()
    assert world.standing.hold_ends == world.clock.now() + timedelta(hours=1)
    assert world.told == [EventKind.STARTED, EventKind.ADVANCED]


def test_an_approved_stage_follows_with_its_own_hold_and_no_old_evidence(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    world.wait(minutes=1)
    assert world.advance(gate)["stage"] == 1
    state = world.state
    assert world.percent == state.percent == 25
    assert world.standing.started == world.clock.now()
    assert state.latest is None
    assert state.gate is None
    assert state.passed_gate == gate


def test_every_flag_of_a_rollout_moves_and_is_read_before_the_record_says_so(world: World) -> None:
    world.flags.put(FlagReading("mobile"))
    world.start(flags=[FLAG, "mobile"])
    world.calls.clear()
    world.advance()
    assert {name: reading.percent for name, reading in world.flags.flags.items()} == {FLAG: 1, "mobile": 1}
    assert world.calls == [
        "store.state",
        "store.commit",
        "flags.read",
        "flags.read",
        "flags.set_percentage",
        "flags.set_percentage",
        "flags.read",
        "flags.read",
        "store.commit",
    ]


def test_the_intent_is_on_record_before_the_flag_moves(world: World) -> None:
    world.start()
    seen: list[tuple[float, int]] = []

    def look() -> None:
        assert world.state.intent is not None
        seen.append((world.state.intent.percent, world.state.intent.stage))

    world.hooks["flags.set_percentage", Moment.BEFORE] = look
    world.advance()
    assert seen == [(1.0, 0)]


def test_a_resumed_attempt_begins_at_its_target(world: World) -> None:
    world.climb(0)
    world.roll_back()
    world.resume(1)
    assert world.advance(attempt=2, execution="second")["stage"] == 1
    assert world.percent == 25


def test_completion_leaves_the_flags_up_frees_them_and_is_watched_a_while(world: World) -> None:
    world.climb(2)
    world.complete()
    assert world.status is Status.COMPLETED
    assert world.percent == 100
    assert world.store.owners == {}
    assert world.state.watch_until == world.clock.now() + timedelta(minutes=15)
    assert world.told[-1] is EventKind.COMPLETED


def test_the_end_needs_nobody_where_all_passes_and_nothing_is_reported(world: World) -> None:
    world.climb(2)
    gate = world.open_gate()
    world.wait(hours=1)
    world.tick()
    assert world.gates.succeeded[gate] == {"outcome": "advance"}
    assert world.advance(gate)["outcome"] == "completed"


# Repetitions: Lambda and Step Functions run a step again at any point.


def test_a_repetition_of_a_first_stage_changes_nothing(world: World) -> None:
    world.climb(0)
    assert unchanged_by(world, None)


def test_a_repetition_of_an_approved_stage_changes_nothing(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    world.advance(gate)
    assert unchanged_by(world, gate)


def test_a_repetition_of_the_completion_is_the_completion(world: World) -> None:
    world.climb(2)
    gate = world.complete()
    assert world.advance(gate)["outcome"] == "completed"
    assert unchanged_by(world, gate)


def test_a_repetition_of_a_refusal_tells_nobody_twice(world: World) -> None:
    world.climb(0)
    gate = world.asked()
    first = world.advance(gate)
    assert first["outcome"] == "stale"
    assert world.told.count(EventKind.HELD) == 1
    assert unchanged_by(world, gate)


@pytest.mark.parametrize("moment", range(20))
@pytest.mark.parametrize("gate_needed", [False, True])
def test_an_advance_cut_off_anywhere_is_finished_by_its_repetition(
    world: World, moment: int, gate_needed: bool
) -> None:
    if gate_needed:
        world.climb(0)
        gate = world.approved()
    else:
        world.start()
        gate = None
    target = 25 if gate_needed else 1
    before = world.told.count(EventKind.ADVANCED)
    world.moments, world.crash_at = 0, moment
    try:
        world.advance(gate)
    except CrashError:
        assert world.advance(gate)["outcome"] == "advanced"
    assert world.percent == world.state.percent == target
    assert world.state.intent is None
    assert world.told.count(EventKind.ADVANCED) == before + 1


def test_every_moment_of_an_advance_was_cut_off_above(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    world.moments = 0
    world.advance(gate)
    assert world.moments <= 20


def test_a_repetition_renews_the_intent_for_as_long_as_it_may_write(world: World) -> None:
    world.start()
    world.flags.failure = FlagStoreError("down")
    with pytest.raises(FlagStoreError):
        world.advance()
    world.wait(minutes=4)
    with pytest.raises(FlagStoreError):
        world.advance()
    assert world.state.intent is not None
    assert world.state.intent.at == world.clock.now()


def test_an_interrupted_advance_continues_after_the_calendar_closes(world: World) -> None:
    world.climb(0, calendar=OFFICE_HOURS)
    gate = world.approved()
    world.flags.failure = FlagStoreError("down")
    with pytest.raises(FlagStoreError):
        world.advance(gate)
    world.flags.failure = None
    world.clock.at = world.clock.at.replace(hour=20, minute=1)
    assert world.advance(gate)["outcome"] == "advanced"


def test_a_tick_in_between_does_not_keep_an_advance_from_being_recorded(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    world.wait(minutes=5)
    world.hooks["flags.read", Moment.AFTER] = lambda: ignore(world.tick())
    assert world.advance(gate)["outcome"] == "advanced"
    assert world.state.percent == world.percent == 25


def test_a_tick_in_between_does_not_keep_an_advance_from_beginning(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    world.wait(minutes=5)
    world.hooks["store.gate", Moment.AFTER] = lambda: ignore(world.tick())
    assert world.advance(gate)["outcome"] == "advanced"


def test_two_advances_for_one_approval_move_once(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    inner: list[dict[str, Any]] = []
    world.hooks["flags.set_percentage", Moment.AFTER] = lambda: inner.append(world.advance(gate))
    outer = world.advance(gate)
    assert outer["outcome"] == inner[0]["outcome"] == "advanced"
    assert world.state.stage == 1
    assert world.told.count(EventKind.ADVANCED) == 2  # the canary's and this one


def test_the_slower_of_two_advances_leaves_the_next_gate_alone(world: World) -> None:
    world.climb(0)
    gate = world.approved()

    def the_faster_one_is_done_and_the_machine_went_on() -> None:
        world.advance(gate)
        world.open_gate()

    world.hooks["flags.read", Moment.AFTER] = the_faster_one_is_done_and_the_machine_went_on
    world.advance(gate)
    assert world.state.gate is not None
    assert world.state.gate.kind is GateKind.BAKE


def test_a_record_that_never_stands_still_is_an_accident(world: World) -> None:
    world.start()

    def write_again() -> None:
        world.store.states[ROLLOUT] = world.state.moved(world.clock.now())
        world.hooks["store.commit", Moment.BEFORE] = write_again

    write_again()
    with pytest.raises(ConflictError):
        world.advance()
    assert world.percent == 0


# Flags that do not obey.


def test_a_flag_that_ignores_the_write_is_not_said_to_be_up(world: World) -> None:
    world.start()
    world.flags.ignores_writes = True
    with pytest.raises(FlagUnconfirmedError, match="set to 1% but reads 0%"):
        world.advance()
    assert (world.state.stage, world.state.percent) == (None, 0.0)
    assert EventKind.ADVANCED not in world.told


def test_a_store_that_is_down_keeps_the_flag_where_it_is(world: World) -> None:
    world.start()
    world.store.failure = StoreError("down")
    with pytest.raises(StoreError):
        world.advance()
    assert not world.flags.history


# Halted attempts.


def test_an_attempt_that_was_halted_goes_nowhere_and_its_flag_is_down(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    world.roll_back()
    world.flags.put(FlagReading(FLAG, percent=25))  # as a write that was late would leave it
    assert world.advance(gate)["outcome"] == "halted"
    assert world.percent == 0


def test_a_rollback_during_the_flag_write_ends_at_zero_with_nothing_in_flight(world: World) -> None:
    world.climb(0)
    gate = world.approved()

    def roll_back() -> None:
        with pytest.raises(Exception, match="in flight"):
            world.roll_back()
        assert world.status is Status.HALTED

    world.hooks["flags.set_percentage", Moment.BEFORE] = roll_back
    assert world.advance(gate)["outcome"] == "halted"
    assert world.percent == 0
    assert world.state.intent is None
    world.redeliver()
    assert world.status is Status.ROLLED_BACK
    assert world.state.percent == 0


def test_a_late_advance_of_an_old_attempt_leaves_the_new_one_alone(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    world.roll_back()
    world.resume(0)
    world.advance(attempt=2, execution="second")
    assert world.advance(gate)["outcome"] == "halted"
    assert world.percent == world.state.percent == 1


def test_an_advance_of_a_rollout_that_does_not_exist_does_nothing(world: World) -> None:
    assert world.advance()["outcome"] == "halted"
    assert not world.flags.history


def test_a_stage_is_not_reached_while_another_gate_lets_everybody_in(live: World) -> None:
    gate = live.approved()
    live.hooks["flags.set_percentage", Moment.AFTER] = lambda: live.flags.put(FlagReading(FLAG, percent_of_time=50))
    with pytest.raises(FlagUnconfirmedError, match="was set to 100% but reads 50%"):
        live.advance(gate)
    assert live.state.percent == 25


def test_an_advance_that_was_cut_off_goes_back_when_the_stage_has_failed_since(world: World) -> None:
    criteria = {**CRITERIA, ERRORS: {**CRITERIA[ERRORS], "on_fail": "hold"}}
    world.climb(1, criteria=criteria)
    gate = world.approved()
    world.hooks["flags.set_percentage", Moment.AFTER] = crash
    with pytest.raises(CrashError):
        world.advance(gate)
    world.measure(Verdict.FAIL)
    world.wait(minutes=5)
    world.tick()
    outcome = world.advance(gate)
    assert (outcome["outcome"], outcome["why"]) == ("stale", "the newest evaluation says fail")
    assert (world.percent, world.state.percent, world.state.intent) == (25, 25, None)
    assert world.told[-1] is EventKind.HELD


def test_a_rollout_whose_flag_is_not_where_it_is_said_to_stay_does_not_end(world: World) -> None:
    world.climb(2)
    gate = world.baked()
    world.flags.put(FlagReading(FLAG, percent=0))
    outcome = world.advance(gate)
    assert (outcome["outcome"], outcome["why"]) == (
        "stale",
        "letters_api was changed outside Rampart: expected 100%, found 0%",
    )
    assert world.status is Status.LIVE


def test_a_rollout_does_not_end_while_its_flag_cannot_be_read(world: World) -> None:
    """To fail here would roll a healthy rollout back, for want of a look."""
    world.climb(2)
    gate = world.baked()
    world.flags.failure = FlagStoreError("down")
    assert world.advance(gate)["outcome"] == "stale"
    world.flags.failure = None
    assert world.advance(world.baked())["outcome"] == "completed"


def test_an_advance_of_a_completed_rollout_by_another_gate_leaves_the_flag_up(world: World) -> None:
    world.climb(2)
    world.complete()
    assert world.advance("another")["outcome"] == "halted"
    assert world.percent == 100


def test_a_flag_that_cannot_be_lowered_after_a_halt_is_tried_again(world: World) -> None:
    world.climb(0)
    gate = world.approved()
    world.roll_back()
    world.flags.failure = FlagStoreError("down")
    with pytest.raises(FlagStoreError):
        world.advance(gate)
