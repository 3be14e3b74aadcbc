"""A criterion with `on_fail: tell` is tried out: judged, stored, and told, while it moves and holds nothing."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from rampart.absence import AbsenceReason
from rampart.evidence.series import Unavailable
from rampart.evidence.verdict import Verdict
from rampart.plan.model import Plan
from rampart.rollout.event import EventKind
from rampart.rollout.week import notes
from rampart_cli.view import status_view
from tests.unit.rollout.world import COMPLAINTS, ERRORS, PLAN, World

TRIED = "a stricter bar"
STRICT: dict[str, Any] = {**PLAN["criteria"][ERRORS], "on_fail": "tell"}
CRITERIA = {**PLAN["criteria"], TRIED: STRICT}


@pytest.fixture
def trying() -> World:
    """A rollout at 25% half an hour after its advance, with one criterion that is only tried out."""
    world = World()
    world.measure(Verdict.PASS, TRIED)
    world.climb(1, criteria=CRITERIA)
    world.open_gate()
    world.wait(minutes=30)
    return world


@pytest.mark.parametrize("verdict", list(Verdict))
def test_whatever_it_says_the_rollout_goes_its_way(trying: World, verdict: Verdict) -> None:
    trying.measure(verdict, TRIED)
    trying.tick()
    assert trying.causes == []
    assert trying.state.effective_verdict is Verdict.PASS
    assert trying.state.verdicts == {ERRORS: Verdict.PASS}
    (look,) = trying.store.looks[-1:]
    assert look.verdict is Verdict.PASS
    assert {each["name"]: each["verdict"] for each in look.judgements} == {ERRORS: "pass", TRIED: verdict.value}
    assert trying.advance(trying.approved())["outcome"] == "advanced"


def test_its_fail_is_told_once_and_shown(trying: World) -> None:
    trying.tick()
    trying.forget()
    trying.measure(Verdict.FAIL, TRIED)
    for _ in range(3):
        trying.wait(minutes=5)
        trying.tick()
    told = [event for event in trying.store.told if event.kind is EventKind.TRIED_OUT]
    assert len(told) == 1
    assert TRIED in told[0].message
    shown = {
        each["name"]: each["verdict"] for each in status_view(trying.state, None, [], trying.clock.now())["criteria"]
    }
    assert shown == {ERRORS: "pass", TRIED: "fail"}


@pytest.mark.parametrize(("verdict", "notices"), [(Verdict.NO_DATA, 0), (Verdict.FAIL, 1)])
def test_a_stage_that_only_begins_is_no_news_of_it(trying: World, verdict: Verdict, notices: int) -> None:
    """Each stage begins without data, and a notice of that would be one of each advance."""
    trying.forget()
    trying.measure(verdict, TRIED)
    trying.tick()
    assert trying.told.count(EventKind.TRIED_OUT) == notices


def test_a_question_about_it_that_is_not_answered_makes_no_one_blind(trying: World) -> None:
    gone = Unavailable(AbsenceReason.UNREACHABLE, "gone")
    trying.metrics.script |= {f"{TRIED}/errors": lambda *_: gone, f"{TRIED}/total": lambda *_: gone}
    trying.tick()
    assert trying.state.latest is not None
    assert trying.state.latest.asked
    assert trying.state.latest.told == {TRIED: Verdict.ERROR}


def test_a_plan_needs_a_criterion_that_decides() -> None:
    with pytest.raises(ValidationError, match="no measured criterion decides anything"):
        Plan.model_validate(PLAN | {"criteria": {TRIED: STRICT, **COMPLAINTS}})


def test_no_one_is_asked_for_a_number_that_decides_nothing() -> None:
    reported = {"complaints": {"kind": "reported", "at_most": 0, "on_fail": "tell"}}
    with pytest.raises(ValidationError, match="people are asked for a number only where it decides"):
        Plan.model_validate(PLAN | {"criteria": PLAN["criteria"] | reported})


def test_a_check_lists_what_is_only_told() -> None:
    plan = Plan.model_validate(PLAN | {"criteria": CRITERIA})
    assert f"{TRIED} is only tried out (on_fail: tell)" in notes(plan, {})
    assert Plan.model_validate(PLAN).digest != plan.digest


def test_it_takes_no_share_of_the_rollouts_bound() -> None:
    alone, tried = (Plan.model_validate(PLAN | {"alpha_rollout": "5%"} | more) for more in ({}, {"criteria": CRITERIA}))
    assert alone.alpha_share == tried.alpha_share
