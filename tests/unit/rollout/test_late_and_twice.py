"""Ticks and advances that overlap, come twice, or come out of a backlog: one approval is one step."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from rampart.errors import FlagUnconfirmedError
from rampart.evidence.verdict import Verdict
from rampart.rollout.event import EventKind
from rampart.rollout.state import Status
from tests.doubles import Moment
from tests.unit.rollout.world import PLAN, World, ignore

ALONE = [stage | {"approval": "none"} for stage in PLAN["stages"]]
"""Stages that follow by themselves: here a tick's word is all that a step needs."""

TICKS_CALLS = ["store.state", "flags.read", "metrics.read", "store.commit", "store.freeze", "gates.succeed"]
"""What a tick calls that ends a hold."""
ADVANCES_CALLS = [
    "store.state",
    "store.gate",
    "calendars.closed",
    "store.commit",
    "flags.read",
    "flags.set_percentage",
]
MOMENTS = list(Moment)


@pytest.fixture
def at_the_end_of_its_hold(world: World) -> World:
    """At 1%, and the next tick lets it go on to 25% without a person."""
    world.climb(0, stages=ALONE)
    world.open_gate()
    world.wait(hours=1)
    world.forget()
    return world


def interrupted(world: World, call: str, moment: Moment, by: Callable[[], object]) -> list[str]:
    """Let something else happen at a call; the list is filled when it did."""
    happened: list[str] = []

    def hook() -> None:
        happened.append(call)
        by()

    world.hooks[call, moment] = hook
    return happened


# Ticks.


def test_those_are_all_the_calls_of_a_tick_and_of_an_advance(at_the_end_of_its_hold: World) -> None:
    world = at_the_end_of_its_hold
    world.tick()
    assert list(dict.fromkeys(world.calls)) == TICKS_CALLS
    world.calls.clear()
    world.advance(world.token)
    assert list(dict.fromkeys(world.calls)) == ADVANCES_CALLS


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("call", TICKS_CALLS)
def test_two_overlapping_ticks_at_one_gate_let_it_go_on_once(
    at_the_end_of_its_hold: World, call: str, moment: Moment
) -> None:
    world = at_the_end_of_its_hold
    gate = world.token
    happened = interrupted(world, call, moment, lambda: ignore(world.tick()))
    world.tick()
    assert happened
    assert world.gates.succeeded == {gate: {"outcome": "advance"}}
    assert len(world.store.looks) == 1
    assert world.queue.called == [], "the slower one takes the closed gate for no dead execution"
    assert world.advance(gate)["outcome"] == "advanced"
    assert (world.percent, world.state.stage) == (25, 1)


@pytest.mark.parametrize("hours", [0, 3])
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("call", TICKS_CALLS)
def test_a_tick_that_slept_through_an_advance_changes_nothing_when_it_wakes(
    at_the_end_of_its_hold: World, call: str, moment: Moment, hours: int
) -> None:
    """Its process was frozen: it holds the record of the stage before, and a gate that is answered."""
    world = at_the_end_of_its_hold
    gate = world.token

    def the_rollout_goes_on() -> None:
        world.tick()
        assert world.advance(gate)["outcome"] == "advanced"
        world.open_gate(id="next", token="next")
        world.wait(hours=hours)

    happened = interrupted(world, call, moment, the_rollout_goes_on)
    world.tick()
    assert happened
    assert (world.percent, world.state.percent, world.state.stage) == (25, 25, 1)
    assert "next" not in world.gates.succeeded
    assert world.told.count(EventKind.ADVANCED) == 1
    assert EventKind.DRIFTED not in world.told
    assert world.queue.called == []


def test_a_backlog_of_ticks_hours_later_asks_once_and_moves_nothing(live: World) -> None:
    live.wait(hours=5)
    gate = live.token
    live.gates.succeeded.clear()
    for _ in range(300):
        live.tick()
    assert list(live.gates.succeeded) == [gate]
    assert len(live.store.looks) == 1
    assert (live.percent, live.state.stage) == (25, 1)
    assert live.queue.called == []


def test_a_backlog_of_ticks_while_a_person_is_asked_answers_nothing(live: World) -> None:
    gate = live.asked()
    live.wait(hours=5)
    for _ in range(300):
        live.tick()
    assert gate not in live.gates.succeeded
    assert live.advance(gate)["outcome"] == "stale"
    assert live.percent == 25


def test_a_backlog_that_is_played_after_the_rollback_raises_nothing(live: World) -> None:
    live.roll_back()
    live.forget()
    live.wait(minutes=10)
    for _ in range(300):
        live.tick()
    assert (live.percent, live.status) == (0, Status.ROLLED_BACK)
    assert live.flags.history == []
    assert live.told == []


# Advances.


@pytest.fixture
def approved(world: World) -> World:
    """At 1%, with an approval that was given."""
    world.climb(0)
    world.approved()
    world.forget()
    return world


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("call", ADVANCES_CALLS)
def test_two_overlapping_advances_for_one_approval_are_one_step(approved: World, call: str, moment: Moment) -> None:
    gate = approved.token
    faster: list[dict[str, Any]] = []
    interrupted(approved, call, moment, lambda: faster.append(approved.advance(gate)))
    slower = approved.advance(gate)
    assert [slower["outcome"], *(each["outcome"] for each in faster)] == ["advanced", "advanced"]
    assert (approved.percent, approved.state.stage, approved.state.intent) == (25, 1, None)
    assert {reading.percent for reading in approved.flags.history} == {25}
    assert approved.told.count(EventKind.ADVANCED) == 1


def sleeps_while_the_rollout_goes_on(world: World, call: str, moment: Moment) -> None:
    """Let an advance fall asleep at a call, another and the next step happen meanwhile, and the first wake up."""
    gate = world.token

    def the_rollout_goes_on() -> None:
        assert world.advance(gate)["outcome"] == "advanced"
        assert world.advance(world.approved())["outcome"] == "advanced"

    happened = interrupted(world, call, moment, the_rollout_goes_on)
    try:
        world.advance(gate)
    finally:
        assert happened
        assert (world.state.percent, world.state.stage) == (100, 2)
        assert world.told.count(EventKind.ADVANCED) == 2


@pytest.mark.parametrize(
    ("call", "moment"),
    [
        ("store.state", Moment.BEFORE),
        ("store.state", Moment.AFTER),
        ("store.gate", Moment.BEFORE),
        ("store.gate", Moment.AFTER),
        ("store.commit", Moment.BEFORE),
    ],
)
def test_an_advance_that_sleeps_before_its_intent_takes_no_second_step(
    approved: World, call: str, moment: Moment
) -> None:
    sleeps_while_the_rollout_goes_on(approved, call, moment)
    assert approved.percent == 100


@pytest.mark.parametrize(
    ("call", "moment"),
    [
        ("store.commit", Moment.AFTER),
        ("flags.set_percentage", Moment.BEFORE),
        ("flags.set_percentage", Moment.AFTER),
        ("flags.read", Moment.AFTER),
    ],
)
def test_an_advance_that_sleeps_after_its_intent_takes_no_record_back(
    approved: World, call: str, moment: Moment
) -> None:
    """What it still writes to the flag is lower than the record: a drift, which the next tick tells of."""
    with suppress(FlagUnconfirmedError):
        sleeps_while_the_rollout_goes_on(approved, call, moment)
    approved.wait(minutes=2)  # for so long it may be what a cache still holds
    approved.tick()
    assert approved.percent == 100 or EventKind.DRIFTED in approved.told


@pytest.mark.parametrize("hours", [0, 1, 30])
def test_an_advance_repeated_during_the_next_approval_makes_no_second_step(approved: World, hours: int) -> None:
    gate = approved.token
    approved.advance(gate)
    approved.approved()
    approved.wait(hours=hours)
    approved.tick()
    approved.advance(gate)
    assert (approved.percent, approved.state.stage) == (25, 1)


def test_an_advance_and_the_tick_that_let_it_go_on_come_twice_and_are_one_step(at_the_end_of_its_hold: World) -> None:
    world = at_the_end_of_its_hold
    gate = world.token
    for _ in range(2):
        world.tick()
        world.advance(gate)
    assert (world.percent, world.state.stage) == (25, 1)
    assert world.told.count(EventKind.ADVANCED) == 1


def test_a_delayed_tick_does_not_carry_a_fail_into_the_next_stage(world: World) -> None:
    """It is believed only with the record that it read: evidence of 1% isn't a ground to judge 25%."""
    world.climb(0)
    gate = world.approved()
    world.wait(minutes=5)
    world.measure(Verdict.FAIL)
    happened = interrupted(world, "metrics.read", Moment.AFTER, lambda: ignore(world.advance(gate)))
    assert world.tick().did == ("overtaken",)
    assert happened
    assert world.state.latest is None
    assert world.causes == []
