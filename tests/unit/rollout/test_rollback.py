from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rampart.adapters.memory import Moment
from rampart.errors import FlagStoreError, GateError, QueueError, RollbackUndoneError, StoreError
from rampart.rollout.flag import FlagReading
from rampart.rollout.request import FLAG_FIRST, Cause
from rampart.rollout.rollback import Outcome
from rampart.rollout.state import Claim, EventKind, GateKind, Status
from tests.unit.rollout.world import EXECUTION, FLAG, PLAN, ROLLOUT, CrashError, World

CAUSES = [cause for cause in Cause if cause is not Cause.RESTORE]
UNDONE = pytest.raises(RollbackUndoneError)


@pytest.fixture
def live(world: World) -> World:
    """A rollout at 25% that waits at a bake gate."""
    world.climb(1)
    world.open_gate()
    world.store.told.clear()
    world.flags.history.clear()
    world.calls.clear()
    return world


def token_of(world: World) -> str:
    gate = world.state.gate
    assert gate is not None
    return gate.token


# Flag, then record, then token.


@pytest.mark.parametrize("cause", CAUSES)
def test_the_flag_is_down_and_read_before_the_record_and_the_record_before_the_token(live: World, cause: Cause) -> None:
    live.roll_back(cause)
    steps = [call for call in live.calls if call not in {"queue.put", "store.state", "store.claims"}]
    assert steps == ["flags.set_percentage", "flags.read", "store.commit", "gates.fail"]


def test_only_one_look_at_the_claim_comes_before_the_flag_on_an_alert(live: World) -> None:
    live.roll_back(Cause.ALERT)
    before = live.calls[: live.calls.index("flags.set_percentage")]
    assert [call for call in before if call != "queue.put"] == ["store.claims"]


@pytest.mark.parametrize("cause", CAUSES)
def test_a_rollback_ends_the_attempt_and_says_why(live: World, cause: Cause) -> None:
    token = token_of(live)
    result = live.roll_back(cause, reason="the new path fails", by="ann")
    assert result.outcome is Outcome.ROLLED_BACK
    assert result.rollouts == (ROLLOUT,)
    assert live.percent == live.state.percent == 0
    assert live.status is (Status.ABANDONED if cause is Cause.ABANDON else Status.ROLLED_BACK)
    assert live.gates.failed == {token: ("RolledBack", "the new path fails")}
    event = live.store.told[0]
    assert (event.kind, event.by) == (EventKind.ROLLED_BACK, "ann")
    assert event.details["cause"] == cause.value
    assert "letters_api read at 0%: the new path fails" in event.message


def test_a_rolled_back_attempt_is_watched_for_as_long_as_the_plan_says(live: World) -> None:
    live.roll_back()
    assert live.state.watched
    assert live.state.watch_until == live.clock.now() + timedelta(minutes=15)
    assert live.state.halted_at == live.clock.now()


def test_a_rolled_back_rollout_keeps_its_claim_until_somebody_abandons_it(live: World) -> None:
    live.roll_back()
    assert live.store.owners[FLAG].rollout == ROLLOUT


def test_all_flags_of_a_rollout_come_down_when_one_is_named(world: World) -> None:
    world.flags.put(FlagReading("mobile"))
    world.climb(1, flags=[FLAG, "mobile"])
    result = world.roll_back(Cause.ALERT, flags=("mobile",))
    assert {reading.flag: reading.percent for reading in result.readings} == {FLAG: 0, "mobile": 0}


def test_one_flag_that_stays_up_does_not_keep_another_from_coming_down(world: World) -> None:
    world.flags.put(FlagReading("mobile"))
    world.climb(1, flags=[FLAG, "mobile"])
    put = world.flags.flags

    class Stuck(dict[str, FlagReading]):
        def __setitem__(self, flag: str, reading: FlagReading) -> None:
            if flag != FLAG:
                super().__setitem__(flag, reading)

    world.flags.flags = Stuck(put)
    with UNDONE:
        world.roll_back()
    assert world.flags.flags["mobile"].percent == 0
    assert world.status is Status.HALTED


# Who is believed.


@pytest.mark.parametrize("cause", [cause for cause in CAUSES if cause not in FLAG_FIRST] + [Cause.RESTORE])
@pytest.mark.parametrize("changes", [{"execution": "refused"}, {"execution": None}, {"attempt": 2}])
def test_a_machines_word_counts_only_with_the_execution_and_attempt_on_record(
    live: World, cause: Cause, changes: dict[str, Any]
) -> None:
    assert live.roll_back(cause, **changes).outcome is Outcome.NOT_BELIEVED
    assert live.percent == 25
    assert live.status is Status.LIVE
    assert live.queue.waiting == []


def test_an_executions_event_knows_no_attempt_and_its_execution_is_enough(live: World) -> None:
    assert live.roll_back(Cause.EXECUTION, attempt=None).outcome is Outcome.ROLLED_BACK


@pytest.mark.parametrize("cause", [Cause.PERSON, Cause.ABANDON])
def test_a_person_is_believed_without_either(live: World, cause: Cause) -> None:
    assert live.roll_back(cause, execution=None, attempt=None).outcome is Outcome.ROLLED_BACK


def test_the_end_of_a_start_that_was_refused_lowers_nobodys_flag(live: World) -> None:
    live.prepare(PLAN, "refused")
    assert live.roll_back(Cause.EXECUTION, execution="refused", attempt=None).outcome is Outcome.NOT_BELIEVED
    assert live.percent == 25


@pytest.mark.parametrize("cause", [*CAUSES, Cause.RESTORE])
def test_nothing_happens_to_a_rollout_that_nobody_knows(world: World, cause: Cause) -> None:
    world.flags.put(FlagReading(FLAG, percent=40))
    assert world.roll_back(cause).outcome is Outcome.NOTHING
    assert world.percent == 40
    assert world.queue.waiting == []


def test_nothing_happens_where_no_rollout_is_named(live: World) -> None:
    assert live.roll_back(Cause.PERSON, rollout=None).outcome is Outcome.NOTHING


@pytest.mark.parametrize("cause", [*CAUSES, Cause.RESTORE])
def test_nothing_happens_to_a_completed_rollout(world: World, cause: Cause) -> None:
    world.climb(2)
    world.complete()
    assert world.roll_back(cause).outcome is Outcome.NOTHING
    assert world.percent == 100
    assert world.status is Status.COMPLETED


# Other gates.


@pytest.mark.parametrize(
    "opened",
    [
        {"boolean": True},
        {"expression": True},
        {"percent_of_time": 30},
    ],
)
def test_a_gate_that_a_percentage_cannot_close_is_closed(live: World, opened: dict[str, Any]) -> None:
    live.flags.put(FlagReading(FLAG, percent=25, actors=("tester",), **opened))
    result = live.roll_back()
    assert result.readings[0].is_down
    assert live.percent == 0
    assert live.flags.flags[FLAG].actors == ()  # closing one gate clears them all


def test_hand_picked_people_stay_in_and_are_named_in_the_record(live: World) -> None:
    live.flags.put(FlagReading(FLAG, percent=25, actors=("tester",), groups=("staff",)))
    result = live.roll_back()
    assert result.readings[0].left_open == ("actor tester", "group staff")
    assert "still open for letters_api: actor tester, group staff" in live.store.told[0].message


def test_a_gate_that_stays_open_is_not_rolled_back(live: World) -> None:
    live.flags.put(FlagReading(FLAG, boolean=True))
    live.flags.ignores_writes = True
    with pytest.raises(RollbackUndoneError, match="boolean gate open"):
        live.roll_back()
    assert live.status is Status.HALTED


# What is down does not stop it, and is made up for.


@pytest.mark.parametrize("cause", CAUSES)
def test_a_flag_store_that_is_down_halts_the_attempt_and_the_queue_finishes(live: World, cause: Cause) -> None:
    live.flags.failure = FlagStoreError("down")
    with UNDONE:
        live.roll_back(cause)
    assert live.status is Status.HALTED
    assert live.state.percent == 25  # what it was: nobody has read it lower
    assert live.told == [EventKind.ROLLING_BACK]
    assert live.gates.failed  # the execution ends at once; the queue holds what is left
    live.flags.failure = None
    assert live.redeliver()[0].outcome is Outcome.ROLLED_BACK
    assert live.percent == live.state.percent == 0
    assert live.told[1] is EventKind.ROLLED_BACK


def test_a_flag_that_ignores_the_write_is_never_said_to_be_rolled_back(live: World) -> None:
    live.flags.ignores_writes = True
    for _ in range(2):
        with pytest.raises(RollbackUndoneError, match="set to 0% but reads 25%"):
            live.roll_back()
    assert live.told == [EventKind.ROLLING_BACK]
    assert live.state.percent == 25


def test_a_store_that_is_down_does_not_keep_an_alert_from_lowering_what_it_names(live: World) -> None:
    live.store.failure = StoreError("down")
    with UNDONE:
        live.roll_back(Cause.ALERT)
    assert live.percent == 0
    assert live.flags.history
    live.store.failure = None
    assert live.redeliver()[0].outcome is Outcome.ROLLED_BACK
    assert live.status is Status.ROLLED_BACK


def test_a_misspelt_flag_is_not_created_while_the_store_is_down(live: World) -> None:
    live.store.failure = StoreError("down")
    with UNDONE:
        live.roll_back(Cause.ALERT, flags=("Letters_Api", FLAG))
    assert live.percent == 0
    assert "Letters_Api" not in live.flags.flags


def test_an_alert_about_a_flag_that_does_not_exist_is_undone_while_nobody_can_tell(live: World) -> None:
    live.store.failure = StoreError("down")
    with UNDONE:
        live.roll_back(Cause.ALERT, flags=("nothing",))
    assert live.flags.history == []


@pytest.mark.parametrize("cause", [cause for cause in CAUSES if cause is not Cause.ALERT])
def test_without_the_record_nobody_else_knows_the_flags_so_the_queue_keeps_it(live: World, cause: Cause) -> None:
    live.store.failure = StoreError("down")
    with UNDONE:
        live.roll_back(cause)
    live.store.failure = None
    assert live.redeliver()[0].outcome is Outcome.ROLLED_BACK
    assert live.percent == 0


def test_a_record_that_cannot_be_written_leaves_the_flag_down_and_the_request_kept(live: World) -> None:
    def break_down() -> None:
        live.store.failure = StoreError("down")

    live.hooks["flags.read", Moment.AFTER] = break_down
    with pytest.raises(RollbackUndoneError, match="cannot be written"):
        live.roll_back()
    assert live.percent == 0
    live.store.failure = None
    assert live.redeliver()[0].outcome is Outcome.ROLLED_BACK


def test_a_queue_that_is_down_does_not_stop_it(live: World) -> None:
    live.queue.failure = QueueError("down")
    assert live.roll_back().outcome is Outcome.ROLLED_BACK
    assert live.percent == 0


def test_the_request_is_kept_with_a_delay_and_marked_as_a_repetition(live: World) -> None:
    live.roll_back()
    ((kept, delay),) = live.queue.waiting
    assert kept == live.request(Cause.ALERT).model_copy(update={"queued": True})
    assert delay == timedelta(seconds=60)


def test_a_repetition_is_not_kept_again(live: World) -> None:
    live.roll_back()
    live.redeliver()
    assert live.queue.waiting == []


def test_a_state_machine_that_does_not_answer_is_undone_and_ended_by_the_queue(live: World) -> None:
    live.gates.failure = GateError("down")
    with pytest.raises(RollbackUndoneError, match="still waits"):
        live.roll_back()
    assert live.status is Status.ROLLED_BACK
    live.gates.failure = None
    live.redeliver()
    assert live.gates.failed


def test_an_execution_that_is_gone_already_is_no_obstacle(live: World) -> None:
    live.gates.stop(EXECUTION)
    assert live.roll_back().outcome is Outcome.ROLLED_BACK


def test_a_gate_that_opened_while_the_record_was_written_is_ended_by_the_repetition(world: World) -> None:
    world.climb(1)
    opened: list[str] = []
    world.hooks["store.commit", Moment.BEFORE] = lambda: opened.append(world.open_gate())
    world.roll_back()
    world.redeliver()
    assert list(world.gates.failed) == opened


def test_a_rollback_between_two_gates_leaves_no_gate_to_open(world: World) -> None:
    world.climb(1)
    world.roll_back()
    with pytest.raises(Exception, match="not live"):
        world.open_gate(GateKind.APPROVAL)


@pytest.mark.parametrize("moment", range(16))
@pytest.mark.parametrize("cause", CAUSES)
def test_a_rollback_cut_off_anywhere_is_finished_by_its_repetition(live: World, cause: Cause, moment: int) -> None:
    live.moments, live.crash_at = 0, moment
    try:
        live.roll_back(cause)
    except CrashError:
        live.roll_back(cause)
    assert live.percent == live.state.percent == 0
    assert live.status in {Status.ROLLED_BACK, Status.ABANDONED}
    assert live.gates.failed
    assert live.told.count(EventKind.ROLLED_BACK) == 1


def test_every_moment_of_a_rollback_was_cut_off_above(live: World) -> None:
    live.moments = 0
    live.roll_back(Cause.PERSON)
    assert live.moments <= 16


@pytest.mark.parametrize("cause", CAUSES)
def test_a_repetition_changes_nothing(live: World, cause: Cause) -> None:
    live.roll_back(cause)
    before, told = live.state, list(live.store.told)
    live.roll_back(cause)
    live.redeliver()
    assert (live.state, live.store.told) == (before, told)


# An advance in flight.


@pytest.fixture
def in_flight(live: World) -> World:
    """An advance to 100% was cut off after its flag write."""
    gate = live.approved()
    live.flags.failure = None
    live.hooks["flags.read", Moment.BEFORE] = _crash
    with pytest.raises(CrashError):
        live.advance(gate)
    assert live.state.intent is not None
    live.store.told.clear()
    return live


def _crash() -> None:
    raise CrashError


def test_an_advance_in_flight_is_not_yet_rolled_back(in_flight: World) -> None:
    with pytest.raises(RollbackUndoneError, match="in flight"):
        in_flight.roll_back()
    assert in_flight.status is Status.HALTED
    assert in_flight.percent == 0
    assert in_flight.told == [EventKind.ROLLING_BACK]
    assert "an advance is in flight" in in_flight.store.told[0].message


def test_it_is_rolled_back_once_the_advance_has_seen_it(in_flight: World) -> None:
    with UNDONE:
        in_flight.roll_back()
    assert in_flight.advance(in_flight.store.gates[ROLLOUT].id)["outcome"] == "halted"
    in_flight.redeliver()
    assert in_flight.status is Status.ROLLED_BACK
    assert in_flight.told == [EventKind.ROLLING_BACK, EventKind.ROLLED_BACK]


def test_it_is_rolled_back_once_the_advance_can_write_no_more(in_flight: World) -> None:
    with UNDONE:
        in_flight.roll_back()
    in_flight.wait(minutes=4, seconds=59)
    with UNDONE:
        in_flight.redeliver()
    in_flight.wait(seconds=1)
    assert in_flight.roll_back().outcome is Outcome.ROLLED_BACK
    assert in_flight.state.intent is None


# Older attempts.


@pytest.mark.parametrize("cause", CAUSES)
def test_a_repetition_about_an_older_attempt_does_nothing(live: World, cause: Cause) -> None:
    live.flags.failure = FlagStoreError("down")
    with UNDONE:
        live.roll_back(cause)
    live.flags.failure = None
    live.wait(minutes=1)
    live.roll_back(Cause.PERSON)
    live.wait(minutes=1)
    live.resume(1)
    live.advance(attempt=2, execution="second")
    results = [each.outcome for each in live.redeliver()]
    assert set(results) <= {Outcome.NOTHING, Outcome.NOT_BELIEVED}
    assert live.percent == 25
    assert live.status is Status.LIVE


def test_a_repetition_waits_while_nobody_can_tell_which_attempt_it_is_about(live: World) -> None:
    live.roll_back()
    live.hooks["store.claims", Moment.AFTER] = lambda: setattr(live.store, "failure", StoreError("down"))
    with pytest.raises(RollbackUndoneError, match="cannot be read"):
        live.redeliver()


# Abandoning.


def test_abandoning_takes_the_flag_down_and_frees_it(live: World) -> None:
    live.roll_back(Cause.ABANDON, by="ann", reason="not worth it")
    assert live.status is Status.ABANDONED
    assert live.percent == 0
    assert live.store.owners == {}
    assert live.told == [EventKind.ROLLED_BACK, EventKind.ABANDONED]


def test_a_rolled_back_rollout_can_be_abandoned_too(live: World) -> None:
    live.roll_back()
    assert live.roll_back(Cause.ABANDON).outcome is Outcome.ROLLED_BACK
    assert live.status is Status.ABANDONED
    assert live.store.owners == {}
    assert live.told == [EventKind.ROLLED_BACK, EventKind.ABANDONED]


def test_a_flag_that_cannot_be_read_is_not_freed(live: World) -> None:
    live.roll_back()
    live.flags.failure = FlagStoreError("down")
    with UNDONE:
        live.roll_back(Cause.ABANDON)
    assert live.status is Status.ROLLED_BACK
    assert live.store.owners
    live.flags.failure = None
    live.redeliver()
    assert live.status is Status.ABANDONED


def test_abandoning_twice_is_abandoning(live: World) -> None:
    live.roll_back(Cause.ABANDON)
    assert live.roll_back(Cause.ABANDON).outcome is Outcome.ROLLED_BACK
    assert live.told.count(EventKind.ABANDONED) == 1


def test_an_abandoned_flag_belongs_to_the_next_rollout(live: World) -> None:
    live.roll_back(Cause.ABANDON)
    live.store.owners[FLAG] = Claim(flag=FLAG, rollout="next", flags=(FLAG,))
    live.roll_back(Cause.ABANDON)
    assert live.store.owners[FLAG].rollout == "next"


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


def ignore(_: object) -> None:
    """Whatever it was."""
