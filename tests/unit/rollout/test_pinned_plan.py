"""A plan that is edited mid-flight: the attempt goes on with the plan that it began with, pinned by its hash."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from rampart.evidence.verdict import Verdict
from rampart.plan.model import Plan
from rampart.rollout.event import EventKind
from rampart.rollout.request import Cause
from rampart.rollout.state import Status
from tests.doubles import Moment
from tests.unit.rollout.world import ERRORS, EXECUTION, PLAN, ROLLOUT, World

LAXER: dict[str, Any] = PLAN | {
    "criteria": {ERRORS: PLAN["criteria"][ERRORS] | {"below": "90%"}},
    "stages": [{"percent": 50, "hold": "1m", "approval": "none"}, {"percent": 90, "hold": "1m", "approval": "none"}],
    "look_every": "1h",
    "when_blind": "roll_back",
    "on_drift": {"above": "restore", "below": "roll_back"},
}
"""The same rollout with bars, stages and answers that would have let it go on where the pinned plan stops it."""
HASH = Plan.model_validate(PLAN).digest


def is_submitted_again_by_another_execution(world: World) -> None:
    refused = world.prepare(LAXER, "second").to_wire()
    assert refused["problems"][0]["code"] == "RolloutExists"


def is_submitted_again_by_the_same_execution(world: World) -> None:
    """A retry of `prepare`; that its input differs cannot happen, and changes nothing if it does."""
    assert world.prepare(LAXER, EXECUTION).to_wire()["outcome"] == "ready"


def has_its_stored_item_rewritten(world: World) -> None:
    """By hand, in the console: the document is kept to be read, not to be obeyed."""
    world.store.plans[ROLLOUT, HASH] = json.dumps(LAXER)


def has_its_stored_item_removed(world: World) -> None:
    world.store.plans.clear()


EDITS = pytest.mark.parametrize(
    "edit",
    [
        is_submitted_again_by_another_execution,
        is_submitted_again_by_the_same_execution,
        has_its_stored_item_rewritten,
        has_its_stored_item_removed,
    ],
    ids=lambda edit: edit.__name__,
)
Edit = Callable[[World], None]


def test_the_other_plan_would_do_otherwise_so_that_what_follows_means_something(world: World) -> None:
    assert Plan.model_validate(LAXER).digest != HASH
    world.start(**LAXER)
    assert world.advance()["percent"] == 50
    world.measure(Verdict.FAIL)  # 50% of all fail
    world.open_gate()
    world.wait(hours=2)
    assert world.tick().verdict is Verdict.PASS


@EDITS
def test_evidence_is_judged_by_the_bars_that_were_pinned(world: World, edit: Edit) -> None:
    world.climb(0)
    world.open_gate()
    edit(world)
    world.measure(Verdict.FAIL)
    world.wait(minutes=30)
    assert world.tick().verdict is Verdict.FAIL
    world.deliver()
    assert (world.percent, world.status) == (0, Status.ROLLED_BACK)


@EDITS
def test_stages_holds_and_approvals_are_those_that_were_pinned(world: World, edit: Edit) -> None:
    world.start()
    edit(world)
    seen = [world.advance()["percent"]]
    for _ in PLAN["stages"][1:]:
        edit(world)
        gate = world.open_gate()
        world.wait(minutes=30)  # the other plan's hold is long over
        world.tick()
        assert world.advance(gate)["outcome"] == "stale"
        seen.append(world.advance(world.approved())["percent"])
    assert seen == [1, 25, 100]
    world.complete()


@EDITS
def test_record_evaluations_and_later_attempts_carry_the_pinned_plan(world: World, edit: Edit) -> None:
    world.climb(0)
    pinned = world.state.plan
    world.open_gate()
    edit(world)
    world.wait(minutes=30)
    world.tick()
    world.roll_back()
    edit(world)
    world.resume(1)
    assert (world.state.plan, world.state.plan_hash) == (pinned, HASH)
    assert {look.plan_hash for look in world.store.looks} == {HASH}
    assert {event.details["plan_hash"] for event in world.store.told if "plan_hash" in event.details} == {HASH}
    assert world.advance(attempt=2, execution="second")["percent"] == 25


@EDITS
@pytest.mark.parametrize("call", ["store.state", "store.gate", "store.commit", "flags.set_percentage", "flags.read"])
def test_an_edit_in_the_middle_of_an_advance_moves_the_flag_nowhere_else(world: World, edit: Edit, call: str) -> None:
    world.climb(0)
    gate = world.approved()
    world.hooks[call, Moment.BEFORE] = lambda: edit(world)
    assert world.advance(gate)["percent"] == 25
    assert world.percent == 25


@pytest.mark.parametrize("document", [PLAN, LAXER], ids=["the same plan", "another plan"])
@pytest.mark.parametrize("end", ["live", "rolled back", "completed", "abandoned"])
def test_a_second_start_under_the_same_name_is_refused_and_changes_nothing(
    world: World, document: dict[str, Any], end: str
) -> None:
    world.climb(2)
    if end == "rolled back":
        world.roll_back()
    if end == "abandoned":
        world.roll_back(Cause.ABANDON)
    if end == "completed":
        world.complete()
    before, plans, told = world.state, dict(world.store.plans), list(world.store.told)
    outcome = world.prepare(document, "second").to_wire()
    assert outcome["outcome"] == "refused"
    assert "RolloutExists" in {problem["code"] for problem in outcome["problems"]}
    assert (world.state, world.store.plans, world.store.told[:-1]) == (before, plans, told)
    assert world.told[-1] is EventKind.REFUSED
