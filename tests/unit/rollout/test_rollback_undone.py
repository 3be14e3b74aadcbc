from __future__ import annotations

from datetime import timedelta

import pytest

from rampart.errors import FlagStoreError, GateError, QueueError, RollbackUndoneError, StoreError
from rampart.rollout.event import EventKind
from rampart.rollout.flag import FlagReading
from rampart.rollout.gate import GateKind
from rampart.rollout.request import Cause
from rampart.rollout.rollback import RollbackOutcome
from rampart.rollout.situation import situation_of
from rampart.rollout.state import Status
from tests.doubles import Moment
from tests.unit.rollout.world import EXECUTION, FLAG, ROLLOUT, CrashError, World

CAUSES = [cause for cause in Cause if cause is not Cause.RESTORE]
UNDONE = pytest.raises(RollbackUndoneError)


# What is down does not stop it, and is made up for.


@pytest.mark.parametrize("cause", CAUSES)
def test_a_flag_store_that_is_down_halts_the_attempt_and_the_queue_finishes(live: World, cause: Cause) -> None:
    live.flags.failure = FlagStoreError("down")
    with UNDONE:
        live.roll_back(cause)
    assert live.status is Status.HALTED
    assert live.state.percent == 25  # what it was: no one has read it lower
    assert live.told == [EventKind.ROLLING_BACK]
    assert live.gates.failed  # the execution ends at once; the queue holds what is left
    live.flags.failure = None
    assert live.redeliver()[0].outcome is RollbackOutcome.ROLLED_BACK
    assert live.percent == live.state.percent == 0
    assert live.told[1] is EventKind.ROLLED_BACK


@pytest.mark.parametrize("memory", ["the queue alone", "the ticks alone"])
def test_a_rollback_refused_for_ten_minutes_completes_without_a_person(live: World, memory: str) -> None:
    live.flags.failure = FlagStoreError("refused")
    with UNDONE:
        live.roll_back()
    (kept,) = live.queue.waiting

    def comes_again() -> None:
        live.wait(seconds=84 if memory == "the queue alone" else 60)
        if memory == "the queue alone":
            live.queue.waiting = [kept]  # SQS shows a message again that was not deleted
            live.redeliver()
        else:
            live.tick()
            live.deliver()

    refused = live.clock.now() + timedelta(minutes=10)
    while live.clock.now() < refused:
        with UNDONE:
            comes_again()
    assert (live.status, set(live.told)) == (Status.HALTED, {EventKind.ROLLING_BACK})
    live.flags.failure = None
    comes_again()
    assert (live.status, live.percent) == (Status.ROLLED_BACK, 0)
    assert (live.told[-1], live.told.count(EventKind.ROLLED_BACK)) == (EventKind.ROLLED_BACK, 1)


def test_a_flag_that_ignores_the_write_is_never_said_to_be_rolled_back(live: World) -> None:
    live.flags.ignores_writes = True
    for _ in range(2):
        with pytest.raises(RollbackUndoneError, match="set to 0% but reads 25%"):
            live.roll_back()
    assert live.told == [EventKind.ROLLING_BACK]
    assert live.state.percent == 25


def test_an_alert_lowers_the_flags_it_names_while_the_store_is_down(live: World) -> None:
    live.store.failure = StoreError("down")
    with UNDONE:
        live.roll_back(Cause.ALERT)
    assert live.percent == 0
    assert live.flags.history
    live.store.failure = None
    assert live.redeliver()[0].outcome is RollbackOutcome.ROLLED_BACK
    assert live.status is Status.ROLLED_BACK


def test_a_misspelt_flag_is_not_created_while_the_store_is_down(live: World) -> None:
    live.store.failure = StoreError("down")
    with UNDONE:
        live.roll_back(Cause.ALERT, flags=("Letters_Api", FLAG))
    assert live.percent == 0
    assert "Letters_Api" not in live.flags.flags


def test_an_unreadable_flag_does_not_keep_the_others_up(live: World) -> None:
    live.flags.put(FlagReading("mobile", percent=25))
    live.store.failure = StoreError("down")

    def fails() -> None:
        raise FlagStoreError("letters_api cannot be read")

    live.hooks["flags.read", Moment.BEFORE] = fails  # the first one, once
    with UNDONE:
        live.roll_back(flags=(FLAG, "mobile"))
    assert {name: reading.percent for name, reading in live.flags.flags.items()} == {FLAG: 0, "mobile": 0}


def test_an_alert_about_a_missing_flag_stays_undone_while_nobody_can_tell(live: World) -> None:
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
    assert live.redeliver()[0].outcome is RollbackOutcome.ROLLED_BACK
    assert live.percent == 0


def test_an_unwritable_record_leaves_the_flag_down_and_the_request_queued(live: World) -> None:
    def break_down() -> None:
        live.store.failure = StoreError("down")

    live.hooks["flags.read", Moment.AFTER] = break_down
    with pytest.raises(RollbackUndoneError, match="cannot be written"):
        live.roll_back()
    assert live.percent == 0
    live.store.failure = None
    assert live.redeliver()[0].outcome is RollbackOutcome.ROLLED_BACK


def test_a_queue_that_is_down_does_not_stop_it(live: World) -> None:
    live.queue.failure = QueueError("down")
    assert live.roll_back().outcome is RollbackOutcome.ROLLED_BACK
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


def test_an_execution_that_is_gone_already_is_not_an_obstacle(live: World) -> None:
    live.gates.stop(EXECUTION)
    assert live.roll_back().outcome is RollbackOutcome.ROLLED_BACK


def test_a_gate_that_opens_during_the_write_is_ended_by_the_repetition(world: World) -> None:
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


@pytest.mark.parametrize("moment", range(20))
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
    assert live.moments <= 20


@pytest.mark.parametrize("cause", CAUSES)
def test_a_repetition_changes_nothing(live: World, cause: Cause) -> None:
    live.roll_back(cause)
    before, told = live.state, list(live.store.told)
    live.roll_back(cause)
    live.redeliver()
    assert (live.state, live.store.told) == (before, told)


# An advance in flight.


def test_an_advance_in_flight_is_not_yet_rolled_back(in_flight: World) -> None:
    with pytest.raises(RollbackUndoneError, match="in flight"):
        in_flight.roll_back()
    assert in_flight.status is Status.HALTED
    assert in_flight.percent == 0
    assert in_flight.told == [EventKind.ROLLING_BACK]
    assert "an advance is in flight" in in_flight.store.told[0].message


def test_a_second_run_lowers_the_flag_while_the_first_may_still_write(
    in_flight: World,
) -> None:
    with UNDONE:
        in_flight.roll_back()
    assert in_flight.advance(in_flight.store.gates[ROLLOUT].id)["outcome"] == "halted"
    assert in_flight.percent == 0
    assert in_flight.state.intent is not None
    in_flight.wait(minutes=5)
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
    assert in_flight.roll_back().outcome is RollbackOutcome.ROLLED_BACK
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
    assert set(results) <= {RollbackOutcome.NOTHING, RollbackOutcome.NOT_BELIEVED}
    assert live.percent == 25
    assert live.status is Status.LIVE


def test_whoever_finishes_a_rollback_tells_why_it_was_asked_for(live: World) -> None:
    live.flags.failure = FlagStoreError("down")
    with UNDONE:
        live.roll_back(reason="Datadog monitor 4711 alerts", by="datadog")
    live.flags.failure = None
    live.wait(minutes=1)
    live.tick()
    live.deliver()
    done = live.store.told[-1]
    assert (done.kind, done.by, done.message) == (
        EventKind.ROLLED_BACK,
        "datadog",
        "letters_api is at 0% (verified): Datadog monitor 4711 alerts",
    )


def test_a_decision_that_is_tried_again_does_not_take_a_resumed_attempt_down(live: World) -> None:
    """The state machine tries for minutes; meanwhile a tick may finish it, and a person resume."""
    said = live.request(Cause.PERSON, attempt=None, execution=None)
    live.rollback(said)
    live.wait(minutes=1)
    live.resume(1)
    live.advance(attempt=2, execution="second")
    assert live.rollback(said).outcome is RollbackOutcome.NOTHING
    assert (live.status, live.percent) == (Status.LIVE, 25)


def test_the_end_of_an_old_execution_is_not_written_into_a_resumed_attempt(live: World) -> None:
    live.roll_back()
    live.wait(minutes=1)
    live.flags.put(FlagReading(FLAG, percent=25))  # so that there is something to do

    def resumed() -> None:
        live.flags.put(FlagReading(FLAG))
        live.resume(1)

    live.hooks["flags.set_percentage", Moment.BEFORE] = resumed
    live.roll_back(Cause.EXECUTION)
    assert (live.status, live.state.attempt) == (Status.LIVE, 2)


def test_a_repetition_waits_while_nobody_can_tell_which_attempt_it_is_about(live: World) -> None:
    live.roll_back()
    live.hooks["store.claims", Moment.AFTER] = lambda: setattr(live.store, "failure", StoreError("down"))
    with pytest.raises(RollbackUndoneError, match="cannot be read"):
        live.redeliver()


# Told again.


def test_a_rollback_that_is_not_done_is_told_again_every_five_minutes_with_the_reason(live: World) -> None:
    live.flags.failure = FlagStoreError("Flipper answered 401")
    with UNDONE:
        live.roll_back(reason="blank letters")
    live.forget()
    for _ in range(11):
        live.wait(minutes=1)
        live.tick()
    assert [event.message for event in live.store.told] == [
        "still rolling back, 5 min after it was requested: Flipper answered 401",
        "still rolling back, 10 min after it was requested: Flipper answered 401",
    ]
    assert situation_of(live.state, None, live.clock.now()).why == "Blank letters. Flipper answered 401."


def test_the_first_notice_of_a_rollback_that_is_not_done_says_why(live: World) -> None:
    """A person who is paged needs to know at once whether to fix a secret or to set the flag by hand."""
    live.flags.failure = FlagStoreError("Flipper answered 401")
    with UNDONE:
        live.roll_back(reason="blank letters")
    told = "rolling back from 25%: blank letters (not yet confirmed at 0%: letters_api; Flipper answered 401; "
    assert live.store.told[-1].message == f"{told}Rampart keeps trying)"
    assert situation_of(live.state, None, live.clock.now()).why == "Blank letters. Flipper answered 401."


def test_what_keeps_a_rollback_is_on_record_within_a_minute(live: World) -> None:
    live.flags.failure = FlagStoreError("Flipper answered 401")
    with UNDONE:
        live.roll_back()
    live.wait(minutes=1)
    live.tick()
    assert live.state.undone == "Flipper answered 401"
    live.flags.failure = None
    live.deliver()
    assert (live.status, str(live.state.undone)) == (Status.ROLLED_BACK, "None")


def test_a_rollback_is_called_before_anyone_is_told_again(live: World) -> None:
    """The table may refuse what is told; the flag must come down all the same."""
    live.flags.failure = FlagStoreError("down")
    with UNDONE:
        live.roll_back()
    live.wait(minutes=6)
    live.calls.clear()
    live.tick()
    assert live.calls.index("rollback.call") < live.calls.index("store.commit")
