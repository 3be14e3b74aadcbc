"""One notice about everything that is open."""

from __future__ import annotations

from rampart.rollout.digest import Digest
from rampart.rollout.event import Event, EventKind
from rampart.rollout.request import Cause
from tests.unit.rollout.world import COMPLAINTS, PLAN, World


def told(world: World) -> list[Event]:
    Digest(store=world.store, clock=world.clock)()
    return [event for event in world.store.told if event.kind is EventKind.DIGEST]


def test_nothing_is_told_where_nothing_is_open(world: World) -> None:
    assert told(world) == []
    world.climb(2)
    world.complete()
    assert told(world) == []


def test_each_open_rollout_has_a_line_with_what_is_next(world: World) -> None:
    world.start(title="Letters from the new source", criteria=PLAN["criteria"] | COMPLAINTS)
    world.advance()
    world.asked()
    (event,) = told(world)
    assert event.details["summary"] == "1 rollout open, 1 waiting for a person"
    assert "Letters from the new source (letters): Waiting for approval" in event.message


def test_a_rolled_back_rollout_that_no_tick_looks_at_any_more_is_still_open(live: World) -> None:
    live.roll_back(Cause.PERSON)
    live.store.states[live.state.rollout] = live.state.changed(watched=False)
    (event,) = told(live)
    assert "Rolled back" in event.message
