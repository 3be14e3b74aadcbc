"""First the team, then the world: stages that let people in by name."""

from __future__ import annotations

from typing import Any

import pytest

from rampart.errors import FlagStoreError
from rampart.evidence.verdict import Verdict
from rampart.plan.stage import Member, MemberKind
from rampart.rollout.audience import Opening
from rampart.rollout.event import EventKind
from rampart.rollout.flag import FlagReading
from rampart.rollout.request import Cause
from rampart.rollout.situation import situation_of
from rampart.rollout.state import Status
from tests.doubles import Moment
from tests.unit.rollout.world import FLAG, PLAN, World

STAFF = Member(kind=MemberKind.GROUP, name="staff")
ANA = Member(kind=MemberKind.ACTOR, name="User;1")
STAGES = [
    {"name": "Team", "groups": ["staff"], "hold": "1h"},
    {"name": "Pilot", "actors": ["User;1"], "hold": "1h"},
    {"percent": 25, "hold": "1h"},
    {"percent": 100, "hold": "1h"},
]


def at(world: World, stage: int) -> None:
    world.climb(stage, stages=STAGES)


def members(world: World) -> set[str]:
    return {str(each) for each in world.flags.flags[FLAG].members}


def test_a_stage_lets_in_those_it_names_and_leaves_the_percentage_alone(world: World) -> None:
    at(world, 0)
    assert (members(world), world.percent) == ({"group staff"}, 0)
    assert all(reading.percent == 0 for reading in world.flags.history)
    assert world.store.told[-1].message == f"{FLAG} is on for group staff (verified): Team"
    assert world.state.at == "on for group staff"


def test_the_stages_after_it_keep_them_in(world: World) -> None:
    at(world, 2)
    assert (members(world), world.percent) == ({"group staff", "actor User;1"}, 25)


@pytest.mark.parametrize("stage", range(len(STAGES)))
def test_a_rollback_closes_what_the_rollout_opened_and_nothing_else(world: World, stage: int) -> None:
    world.flags.put(FlagReading(FLAG, actors=("User;9",), groups=("testers",)))
    at(world, stage)
    world.roll_back()
    assert (members(world), world.percent) == ({"actor User;9", "group testers"}, 0)
    assert world.status is Status.ROLLED_BACK
    assert "still open for letters_api: actor User;9, group testers" in world.store.told[-1].message


def test_who_was_let_in_before_is_left(world: World) -> None:
    world.flags.put(FlagReading(FLAG, groups=("staff",)))
    at(world, 1)
    world.roll_back()
    assert members(world) == {"group staff"}


def test_an_alert_takes_the_same_way_to_the_flag_as_without_names(world: World) -> None:
    """What is closed by name is closed after 0% was written and read back."""
    at(world, 0)
    world.calls.clear()
    world.roll_back()
    named = [call for call in world.calls if call != "queue.put"]
    other = World()
    other.climb(0)
    other.calls.clear()
    other.roll_back()
    plain = [call for call in other.calls if call != "queue.put"]
    way = plain[: plain.index("store.state")]
    assert named[: len(way)] == way


def test_the_record_says_who_may_be_let_in_before_the_flag_is_written(world: World) -> None:
    world.start(stages=STAGES)
    known: list[tuple[Opening, ...]] = []
    world.hooks["flags.open_to", Moment.BEFORE] = lambda: known.append(world.state.openings)
    world.advance()
    assert known == [(Opening(flag=FLAG, member=STAFF),)]


def test_an_opening_that_fails_is_tried_again_and_stays_the_rollouts_own(world: World) -> None:
    world.start(stages=STAGES)

    def lost() -> None:
        raise FlagStoreError("no answer")

    world.hooks["flags.open_to", Moment.AFTER] = lost
    with pytest.raises(FlagStoreError):
        world.advance()
    assert members(world) == {"group staff"}
    assert world.advance()["outcome"] == "advanced"
    world.wait(minutes=6)
    world.roll_back()
    assert members(world) == set()


def test_an_opening_that_lands_after_the_rollback_is_closed(world: World) -> None:
    at(world, 0)
    world.roll_back()
    world.wait(minutes=4)
    world.flags.open_to(FLAG, STAFF)
    world.tick()
    assert world.causes == [Cause.DRIFT]
    world.deliver()
    assert members(world) == set()
    assert world.told[-1] is EventKind.TAKEN_DOWN_AGAIN
    assert "it read 0% and lets in group staff" in world.store.told[-1].message


def test_an_advance_that_is_given_up_closes_what_it_opened(world: World) -> None:
    at(world, 0)
    gate = world.approved()
    world.hooks["flags.open_to", Moment.AFTER] = lambda: world.flags.put(FlagReading(FLAG, 60, groups=("staff",)))
    with pytest.raises(FlagStoreError):
        world.advance(gate)
    world.flags.put(FlagReading(FLAG, actors=("User;1",), groups=("staff",)))
    world.measure(Verdict.FAIL)
    world.wait(minutes=6)
    world.tick()
    assert world.advance(gate)["outcome"] == "stale"
    assert members(world) == {"group staff"}


def test_someone_who_is_taken_out_by_hand_holds_the_stage(world: World) -> None:
    at(world, 0)
    world.open_gate()
    world.wait(minutes=6)
    world.flags.close_to(FLAG, STAFF)
    world.tick()
    drift = world.state.drift
    assert str(drift) == f"{FLAG} was changed outside Rampart: group staff isn't let in any more"
    assert world.causes == []
    found = situation_of(world.state, None, world.clock.now())
    assert (found.headline, found.next) == (
        f"Holding at group staff: someone changed {FLAG} outside Rampart",
        "Let group staff in in Flipper, or roll back.",
    )
    world.flags.open_to(FLAG, STAFF)
    world.wait(minutes=6)
    world.tick()
    assert world.state.drift is None


def test_at_everyone_a_name_tells_nothing_any_more(world: World) -> None:
    at(world, 3)
    world.open_gate()
    world.wait(minutes=6)
    world.flags.close_to(FLAG, STAFF)
    world.tick()
    assert world.state.drift is None


def test_a_resume_at_an_earlier_stage_lets_in_only_its_own(world: World) -> None:
    at(world, 1)
    world.roll_back()
    world.wait(minutes=20)
    assert world.resume(0)["outcome"] == "ready"
    assert world.advance(attempt=2, execution="second")["outcome"] == "advanced"
    assert members(world) == {"group staff"}
    world.wait(minutes=6)
    world.open_gate()
    world.flags.open_to(FLAG, ANA)  # what the first attempt wrote lands now
    world.tick()
    assert world.causes == [Cause.DRIFT]
    world.deliver()
    assert members(world) == set()


def test_above_the_record_by_name_is_restored_where_the_plan_says_so(world: World) -> None:
    at_first = {"stages": STAGES, "on_drift": {"above": "restore"}}
    world.climb(1, **at_first)
    world.roll_back()
    world.wait(minutes=20)
    world.resume(0)
    world.advance(attempt=2, execution="second")
    world.open_gate()
    world.wait(minutes=6)
    world.flags.open_to(FLAG, ANA)
    world.tick()
    assert world.causes == [Cause.RESTORE]
    world.deliver()
    assert (members(world), world.status) == ({"group staff"}, Status.LIVE)


def test_a_question_and_a_rollback_name_the_audience(world: World) -> None:
    at(world, 0)
    gate = world.asked()
    found = situation_of(world.state, world.store.gate("letters"), world.clock.now())
    assert found.headline == "Waiting for approval: group staff → Pilot (actor User;1)"
    world.answer(gate)
    world.roll_back()
    assert situation_of(world.state, None, world.clock.now()).headline == "Rolled back group staff → 0%"


@pytest.mark.parametrize(
    ("stages", "told"),
    [
        ([{"groups": ["staff"], "hold": "1h"}], "end with a percentage"),
        ([{"percent": 1, "groups": ["staff"], "hold": "1h"}, {"percent": 25, "hold": "1h"}], "only one of them"),
        ([{"percent": 1, "hold": "1h"}, {"groups": ["staff"], "hold": "1h"}], "come before the first percentage"),
        ([{"hold": "1h"}], "a stage lets someone in"),
        ([{"groups": ["staff", "staff"], "hold": "1h"}, {"percent": 25, "hold": "1h"}], "a name is there twice"),
    ],
)
def test_stages_that_are_none(world: World, stages: list[dict[str, Any]], told: str) -> None:
    outcome = world.start(stages=stages)
    assert told in outcome["cause"]


def test_a_plan_without_names_keeps_its_digest() -> None:
    from rampart.plan.model import Plan

    plan = Plan.model_validate(PLAN)
    again = Plan.model_validate_json(plan.model_dump_json(by_alias=True))
    assert again.digest == plan.digest
