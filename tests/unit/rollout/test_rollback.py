from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rampart.errors import FlagStoreError, RollbackUndoneError
from rampart.rollout.event import EventKind
from rampart.rollout.flag import FlagReading
from rampart.rollout.request import FLAG_FIRST, Cause
from rampart.rollout.rollback import RollbackOutcome
from rampart.rollout.state import Claim, Status
from tests.unit.rollout.world import FLAG, PLAN, ROLLOUT, World

CAUSES = [cause for cause in Cause if cause is not Cause.RESTORE]
UNDONE = pytest.raises(RollbackUndoneError)


# Flag, then record, then token.


@pytest.mark.parametrize("cause", CAUSES)
def test_a_rollback_does_the_flag_then_the_record_then_the_token(live: World, cause: Cause) -> None:
    live.roll_back(cause)
    steps = [call for call in live.calls if call not in {"queue.put", "store.state", "store.claims"}]
    assert steps[:3] == ["flags.read", "flags.set_percentage", "flags.read"]
    assert steps[-2:] == ["store.commit", "gates.fail"]
    assert set(steps[3:-2]) <= {"flags.read"}


def test_an_alert_reads_only_claim_and_flag_before_writing_the_flag(live: World) -> None:
    live.roll_back(Cause.ALERT)
    before = live.calls[: live.calls.index("flags.set_percentage")]
    meanwhile = {"store.state", "queue.put"}  # what keeps the request, at the same time
    assert [call for call in before if call not in meanwhile] == ["store.claims", "flags.read"]


@pytest.mark.parametrize("cause", CAUSES)
def test_a_rollback_ends_the_attempt_and_says_why(live: World, cause: Cause) -> None:
    token = live.token
    result = live.roll_back(cause, reason="the new path fails", by="ann")
    assert result.outcome is RollbackOutcome.ROLLED_BACK
    assert result.rollouts == (ROLLOUT,)
    assert live.percent == live.state.percent == 0
    assert live.status is (Status.ABANDONED if cause is Cause.ABANDON else Status.ROLLED_BACK)
    assert live.gates.failed == {token: ("RolledBack", "the new path fails")}
    event = live.store.told[0]
    assert (event.kind, event.by) == (EventKind.ROLLED_BACK, "ann")
    assert event.details["cause"] == cause.value
    assert "letters_api is at 0% (verified): the new path fails" in event.message


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
    assert live.roll_back(cause, **changes).outcome is RollbackOutcome.NOT_BELIEVED
    assert live.percent == 25
    assert live.status is Status.LIVE
    assert live.queue.waiting == []


def test_an_executions_event_knows_no_attempt_and_its_execution_is_enough(live: World) -> None:
    assert live.roll_back(Cause.EXECUTION, attempt=None).outcome is RollbackOutcome.ROLLED_BACK


@pytest.mark.parametrize("cause", [Cause.PERSON, Cause.ABANDON])
def test_a_person_is_believed_without_either(live: World, cause: Cause) -> None:
    assert live.roll_back(cause, execution=None, attempt=None).outcome is RollbackOutcome.ROLLED_BACK


def test_the_end_of_a_start_that_was_refused_lowers_nobodys_flag(live: World) -> None:
    live.prepare(PLAN, "refused")
    assert live.roll_back(Cause.EXECUTION, execution="refused", attempt=None).outcome is RollbackOutcome.NOT_BELIEVED
    assert live.percent == 25


@pytest.mark.parametrize("cause", [*CAUSES, Cause.RESTORE])
def test_nothing_happens_to_a_rollout_that_nobody_knows(world: World, cause: Cause) -> None:
    world.flags.put(FlagReading(FLAG, percent=40))
    assert world.roll_back(cause).outcome is RollbackOutcome.NOTHING
    assert world.percent == 40
    assert world.queue.waiting == []


def test_nothing_happens_where_no_rollout_is_named(live: World) -> None:
    assert live.roll_back(Cause.PERSON, rollout=None).outcome is RollbackOutcome.NOTHING


@pytest.mark.parametrize("cause", [cause for cause in (*CAUSES, Cause.RESTORE) if cause is not Cause.PERSON])
def test_nothing_happens_to_a_completed_rollout(world: World, cause: Cause) -> None:
    world.climb(2)
    world.complete()
    assert world.roll_back(cause).outcome is RollbackOutcome.NOTHING
    assert world.percent == 100
    assert world.status is Status.COMPLETED


def test_a_person_can_take_down_what_was_completed(world: World) -> None:
    world.climb(2)
    world.complete()
    assert world.roll_back(Cause.PERSON).outcome is RollbackOutcome.ROLLED_BACK
    assert (world.percent, world.status, world.state.watched) == (0, Status.ROLLED_BACK, True)
    assert world.store.owners[FLAG].rollout == world.state.rollout, "no other rollout may take its flags meanwhile"
    assert [event.kind for event in world.store.told][-1] is EventKind.ROLLED_BACK
    assert world.roll_back(Cause.PERSON).outcome is RollbackOutcome.ROLLED_BACK
    assert [event.kind for event in world.store.told].count(EventKind.ROLLED_BACK) == 1


def test_a_completed_rollouts_flag_that_the_next_rollout_holds_stays_where_it_is(world: World) -> None:
    world.climb(2)
    world.complete()
    world.store.owners[FLAG] = Claim(flag=FLAG, rollout="the-next", flags=(FLAG,))
    assert world.roll_back(Cause.PERSON).outcome is RollbackOutcome.NOTHING
    assert (world.percent, world.status) == (100, Status.COMPLETED)


def test_a_completed_rollout_that_flipper_refuses_to_lower_is_taken_down_by_the_ticks(world: World) -> None:
    world.climb(2)
    world.complete()
    world.flags.failure = FlagStoreError("503")
    with pytest.raises(RollbackUndoneError):
        world.roll_back(Cause.PERSON)
    assert world.status is Status.HALTED
    world.flags.failure = None
    world.wait(minutes=1)
    world.tick()
    world.deliver()
    assert (world.percent, world.status) == (0, Status.ROLLED_BACK)


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


# Abandoning.


def test_abandoning_takes_the_flag_down_and_frees_it(live: World) -> None:
    live.roll_back(Cause.ABANDON, by="ann", reason="not worth it")
    assert live.status is Status.ABANDONED
    assert live.percent == 0
    assert live.store.owners == {}
    assert live.told == [EventKind.ROLLED_BACK, EventKind.ABANDONED]


def test_a_rolled_back_rollout_can_be_abandoned_too(live: World) -> None:
    live.roll_back()
    assert live.roll_back(Cause.ABANDON).outcome is RollbackOutcome.ROLLED_BACK
    assert live.status is Status.ABANDONED
    assert live.store.owners == {}
    assert live.told == [EventKind.ROLLED_BACK, EventKind.ABANDONED]


def test_a_flag_that_cannot_be_read_is_not_freed(live: World) -> None:
    live.roll_back()
    live.flags.failure = FlagStoreError("down")
    with UNDONE:
        live.roll_back(Cause.ABANDON)
    assert live.told == [EventKind.ROLLED_BACK]
    assert live.store.owners
    live.flags.failure = None
    live.redeliver()
    assert live.status is Status.ABANDONED


def test_abandoning_twice_is_abandoning(live: World) -> None:
    live.roll_back(Cause.ABANDON)
    assert live.roll_back(Cause.ABANDON).outcome is RollbackOutcome.ROLLED_BACK
    assert live.told.count(EventKind.ABANDONED) == 1


def test_an_abandoned_flag_belongs_to_the_next_rollout(live: World) -> None:
    live.roll_back(Cause.ABANDON)
    live.store.owners[FLAG] = Claim(flag=FLAG, rollout="next", flags=(FLAG,))
    live.roll_back(Cause.ABANDON)
    assert live.store.owners[FLAG].rollout == "next"
