from __future__ import annotations

import pytest

from tests.doubles import Moment
from tests.unit.rollout.world import CrashError, World, crash


@pytest.fixture
def world() -> World:
    """Nothing has happened yet; the evidence would be healthy."""
    return World()


@pytest.fixture
def live(world: World) -> World:
    """A rollout at 25% that waits at a bake gate."""
    world.climb(1)
    world.open_gate()
    world.forget()
    return world


@pytest.fixture
def baking(live: World) -> World:
    """The same half an hour later; no one has looked yet."""
    live.wait(minutes=30)
    return live


@pytest.fixture
def in_flight(live: World) -> World:
    """An advance to 100% was cut off after its flag write."""
    gate = live.approved()
    live.hooks["flags.set_percentage", Moment.AFTER] = crash
    with pytest.raises(CrashError):
        live.advance(gate)
    assert live.state.intent is not None
    live.forget()
    return live
