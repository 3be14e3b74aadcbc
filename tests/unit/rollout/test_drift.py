from __future__ import annotations

from typing import Any

import pytest

from rampart.errors import FlagStoreError
from rampart.evidence.verdict import Verdict
from rampart.rollout.event import EventKind
from rampart.rollout.flag import FlagReading
from rampart.rollout.request import Cause
from tests.doubles import Moment
from tests.unit.rollout.world import (
    FLAG,
    PLAN,
    World,
    ignore,
)

CRITERIA = PLAN["criteria"]


# Drift.


@pytest.mark.parametrize(
    ("above", "below", "percent", "expected"),
    [
        ("roll_back", "hold", 60, [Cause.DRIFT]),
        ("restore", "hold", 60, [Cause.RESTORE]),
        ("roll_back", "hold", 10, []),
        ("roll_back", "roll_back", 10, [Cause.DRIFT]),
        ("restore", "roll_back", 10, [Cause.DRIFT]),
    ],
)
def test_a_flag_beside_its_record_is_handled_as_the_plan_says(
    world: World, above: str, below: str, percent: float, expected: list[Cause]
) -> None:
    world.climb(1, on_drift={"above": above, "below": below})
    world.open_gate()
    world.flags.put(FlagReading(FLAG, percent=percent))
    world.tick()
    assert world.causes == expected
    assert world.told.count(EventKind.DRIFTED) == 1


@pytest.mark.parametrize("opened", [{"boolean": True}, {"expression": True}, {"percent_of_time": 30}])
def test_another_gate_that_lets_people_in_is_drift_too(baking: World, opened: dict[str, Any]) -> None:
    baking.flags.put(FlagReading(FLAG, percent=25, **opened))
    baking.tick()
    assert baking.causes == [Cause.DRIFT]


def test_hand_picked_people_are_not_a_drift(baking: World) -> None:
    baking.flags.put(FlagReading(FLAG, percent=25, actors=("tester",)))
    baking.tick()
    assert baking.state.drift is None


def test_drift_is_told_once_and_its_end_too(baking: World) -> None:
    for percent in (10, 10, 10, 25, 25):
        baking.flags.put(FlagReading(FLAG, percent=percent))
        baking.tick()
        baking.wait(minutes=1)
    drifts = [event.message for event in baking.store.told if event.kind is EventKind.DRIFTED]
    assert drifts == [
        "letters_api was changed outside Rampart: expected 25%, found 10%",
        "letters_api is back at 25%",
    ]


def test_a_drift_that_holds_keeps_people_from_being_asked_and_the_gate_alive(baking: World) -> None:
    baking.flags.put(FlagReading(FLAG, percent=10))
    baking.wait(hours=1)
    baking.tick()
    assert baking.gates.succeeded.keys().isdisjoint({baking.token})
    assert baking.gates.kept_alive == [baking.token]
    baking.flags.put(FlagReading(FLAG, percent=25))
    baking.wait(minutes=5)
    baking.tick()
    assert baking.token in baking.gates.succeeded


def test_a_flag_that_was_deleted_reads_as_fallen(baking: World) -> None:
    del baking.flags.flags[FLAG]
    baking.tick()
    assert str(baking.state.drift) == "letters_api was changed outside Rampart: expected 25%, but it no longer exists"


def test_a_flag_that_cannot_be_read_leaves_what_was_known_of_it(baking: World) -> None:
    baking.flags.put(FlagReading(FLAG, percent=10))
    baking.tick()
    told = list(baking.told)
    baking.flags.failure = FlagStoreError("down")
    baking.wait(minutes=5)
    baking.tick()
    assert baking.state.drift is not None
    assert baking.told == told
    assert len(baking.store.looks) == 2  # and the evidence is judged all the same


def test_an_unreadable_flag_stops_questions_from_the_first_tick(baking: World) -> None:
    baking.wait(hours=1)
    baking.flags.failure = FlagStoreError("down")
    baking.tick()
    assert baking.token not in baking.gates.succeeded
    assert baking.gates.kept_alive == [baking.token]
    assert EventKind.DRIFTED not in baking.told, "a single tick that was missed needs no one's attention"
    baking.flags.failure = None
    baking.wait(minutes=1)
    baking.tick()
    assert baking.token in baking.gates.succeeded


def test_a_flag_that_stays_out_of_sight_is_told_once_and_its_return_too(baking: World) -> None:
    baking.flags.failure = FlagStoreError("down")
    for _ in range(6):
        baking.tick()
        baking.wait(minutes=1)
    baking.flags.failure = None
    baking.tick()
    drifts = [event.message for event in baking.store.told if event.kind is EventKind.DRIFTED]
    assert drifts == [
        "letters_api can't be read, so Rampart can't confirm 25% (down)",
        "letters_api is back at 25%",
    ]
    assert baking.queue.called == []


def test_above_counts_more_than_below(world: World) -> None:
    world.flags.put(FlagReading("mobile"))
    world.climb(1, flags=[FLAG, "mobile"])
    world.flags.put(FlagReading(FLAG, percent=10))
    world.flags.put(FlagReading("mobile", percent=60))
    world.tick()
    assert world.causes == [Cause.DRIFT]
    assert "mobile was changed outside Rampart: expected 25%, found 60%" in world.queue.called[0].reason


def test_a_failing_criterion_is_not_hidden_by_a_flag_that_is_being_restored(world: World) -> None:
    world.climb(1, on_drift={"above": "restore"})
    world.open_gate()
    world.wait(minutes=30)
    world.flags.put(FlagReading(FLAG, percent=60))
    world.measure(Verdict.FAIL)
    world.tick()
    assert world.causes == [Cause.EVIDENCE]


def test_a_flag_on_its_way_up_has_not_drifted(baking: World) -> None:
    gate = baking.approved()
    baking.hooks["flags.set_percentage", Moment.AFTER] = lambda: ignore(baking.tick())
    baking.advance(gate)
    assert EventKind.DRIFTED not in baking.told
    assert baking.queue.called == []
