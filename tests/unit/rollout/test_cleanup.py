"""After a rollout its flag is looked at once a day until it is removed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rampart.errors import FlagStoreError
from rampart.rollout.cleanup import LookAfter
from rampart.rollout.event import EventKind
from rampart.rollout.flag import FlagReading
from rampart.rollout.remains import CLEANUP_STEPS
from rampart.rollout.situation import situation_of
from rampart.rollout.state import Claim
from tests.unit.rollout.world import FLAG, PLAN, ROLLOUT, World

LAST = len(PLAN["stages"])


@pytest.fixture
def finished(world: World) -> World:
    """A rollout that ended at 100% of actors, and is watched no longer."""
    world.climb(LAST - 1)
    world.complete()
    world.wait(minutes=30)
    world.tick()
    assert not world.state.watched
    world.forget()
    return world


def look(world: World) -> str:
    return LookAfter(store=world.store, flags=world.flags, clock=world.clock)(ROLLOUT)


def messages(world: World) -> list[str]:
    assert {event.kind for event in world.store.told} <= {EventKind.CLEANUP}
    return [event.message for event in world.store.told]


def test_a_look_that_finds_nothing_new_tells_no_one(finished: World) -> None:
    assert look(finished) == "looked at"
    assert messages(finished) == []
    assert finished.calls == ["store.state", "store.claims", "flags.read", "store.commit"]


def test_its_owners_hear_once_a_month_what_waits_and_what_to_do(finished: World) -> None:
    for _ in range(65):
        look(finished)
        finished.wait(days=1)
    assert messages(finished) == [f"{FLAG} has read 100% since 2026-03-10 and is still there"] * 2


def test_it_ends_by_itself_once_the_flag_is_gone(finished: World) -> None:
    look(finished)
    finished.flags.flags.clear()
    assert look(finished) == "told"
    assert messages(finished) == [f"{FLAG} is gone: nothing is left to clean up"]
    assert look(finished) == "over"
    assert situation_of(finished.state, None, finished.clock.now()).next == f"{FLAG} is gone: nothing is left to do."


def test_that_someone_else_moves_it_is_told_once(finished: World) -> None:
    finished.flags.put(FlagReading(FLAG, 40))
    finished.wait(days=1)
    assert [look(finished), look(finished)] == ["told", "looked at"]
    told = f"{FLAG} was changed after the rollout: it was 100%, and is 40% now"
    assert messages(finished) == [told]


def test_a_flag_that_another_rollout_moves_is_left_to_it(finished: World) -> None:
    finished.store.owners[FLAG] = Claim(flag=FLAG, rollout="letters-2", flags=(FLAG,))
    assert look(finished) == "another rollout moves it"
    assert "flags.read" not in finished.calls


def test_a_flag_that_cannot_be_read_is_looked_at_tomorrow(finished: World) -> None:
    finished.flags.failure = FlagStoreError("down")
    assert look(finished).startswith("unread")
    assert finished.state.remains is None


def test_a_rollout_that_still_runs_is_not_looked_after(world: World) -> None:
    world.climb(0)
    assert look(world) == "over"


def test_what_is_to_be_done_is_said_with_the_rollout(finished: World) -> None:
    look(finished)
    found = situation_of(finished.state, None, finished.clock.now() + timedelta(days=3))
    assert found.headline == "Complete at 100%"
    assert found.next == f"Rampart no longer manages {FLAG}. {CLEANUP_STEPS}"
