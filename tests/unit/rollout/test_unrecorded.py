"""What is lowered while no one can read whose it is: only at once, told afterward, and never from the queue."""

from __future__ import annotations

import pytest

from rampart.errors import FlagStoreError, RollbackUndoneError, StoreError, UnrecordedError
from rampart.rollout.event import EVERY_ROLLOUT, EventKind
from rampart.rollout.flag import FlagReading
from rampart.rollout.request import Cause
from rampart.rollout.rollback import RollbackOutcome
from rampart.rollout.state import Status
from tests.unit.rollout.world import FLAG, World

OTHER = "search_api"
"""A flag that no rollout holds."""
BELIEVED = [Cause.ALERT, Cause.PERSON]


@pytest.fixture
def dark(live: World) -> World:
    """A world whose records cannot be read, with a flag next to the rollout's that was released long ago."""
    live.flags.put(FlagReading(OTHER, percent=100))
    live.store.failure = StoreError("down")
    live.forget()
    return live


@pytest.mark.parametrize("cause", BELIEVED)
def test_while_the_table_is_down_what_is_named_is_lowered_and_that_is_its_own_error(dark: World, cause: Cause) -> None:
    with pytest.raises(UnrecordedError):
        dark.roll_back(cause, flags=(FLAG,))
    assert dark.percent == 0


@pytest.mark.parametrize("cause", BELIEVED)
def test_a_repetition_from_the_queue_lowers_nothing_by_name(dark: World, cause: Cause) -> None:
    """A minute later there is no hurry, and someone may have put the flag back."""
    with pytest.raises(UnrecordedError):
        dark.roll_back(cause, flags=(FLAG, OTHER))
    dark.flags.put(FlagReading(OTHER, percent=100))
    with pytest.raises(RollbackUndoneError) as caught:
        dark.redeliver()
    assert not isinstance(caught.value, UnrecordedError)
    assert dark.flags.flags[OTHER].percent == 100


@pytest.mark.parametrize("cause", BELIEVED)
def test_it_is_told_once_as_soon_as_the_table_is_back(dark: World, cause: Cause) -> None:
    with pytest.raises(UnrecordedError):
        dark.roll_back(cause, flags=(FLAG, OTHER))
    dark.store.failure = None
    (kept, _) = dark.queue.waiting[0]
    for _ in range(2):
        assert dark.rollback(kept).outcome in {RollbackOutcome.ROLLED_BACK, RollbackOutcome.NOTHING}
    assert dark.status is Status.ROLLED_BACK
    [told] = [event for event in dark.store.told if event.kind is EventKind.UNRECORDED]
    assert told.rollout == EVERY_ROLLOUT
    assert told.message.startswith(f"{OTHER} was set to 0% at 2026-03-10")
    assert told.details == {"flags": OTHER}


def test_what_someone_put_back_meanwhile_is_not_told(dark: World) -> None:
    with pytest.raises(UnrecordedError):
        dark.roll_back(flags=(OTHER,))
    dark.flags.put(FlagReading(OTHER, percent=100))
    dark.store.failure = None
    assert dark.redeliver()[0].outcome is RollbackOutcome.NOTHING
    assert dark.told == []
    assert dark.flags.flags[OTHER].percent == 100


def test_a_flag_of_a_rollout_gets_the_record_of_its_rollback_and_nothing_else(dark: World) -> None:
    with pytest.raises(UnrecordedError):
        dark.roll_back()
    dark.store.failure = None
    dark.redeliver()
    assert dark.told == [EventKind.ROLLED_BACK]
    assert dark.state.halted_by is not None
    assert dark.state.halted_by.unrecorded is None, "an older Rampart reads the record too"


def test_it_comes_again_until_it_can_be_told(dark: World) -> None:
    with pytest.raises(UnrecordedError):
        dark.roll_back(flags=(OTHER,))
    dark.store.failure = None
    dark.flags.failure = FlagStoreError("down")
    (kept, _) = dark.queue.waiting[0]
    with pytest.raises(RollbackUndoneError, match="cannot be told yet"):
        dark.rollback(kept)
    dark.flags.failure = None
    dark.rollback(kept)
    assert dark.told == [EventKind.UNRECORDED]
