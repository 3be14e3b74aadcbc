"""A waiver covers what the person saw, and no more."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.evidence.series import Measured, Series
from rampart.evidence.verdict import Verdict
from rampart.rollout.event import EventKind
from rampart.rollout.gate import DecisionKind
from rampart.rollout.request import Cause
from rampart.rollout.state import Status
from rampart.rollout.waiver import BY_NAME, Override, Shown
from tests.unit.rollout.world import COMPLAINTS, ERRORS, PLAN, ROLLOUT, World, steady

CRITERIA = PLAN["criteria"]
HOLDS = {ERRORS: CRITERIA[ERRORS] | {"on_fail": "hold"}}
UNPROVEN = [Verdict.INCONCLUSIVE, Verdict.NO_DATA]


def override(world: World, **reported: float) -> None:
    assert world.advance(world.approved(DecisionKind.OVERRIDE, **reported))["outcome"] == "advanced"


def measure(world: World, errors: float, requests: float = 1000) -> None:
    world.metrics.script |= {f"{ERRORS}/errors": steady(errors), f"{ERRORS}/total": steady(requests)}


@pytest.mark.parametrize("verdict", UNPROVEN)
def test_an_override_of_what_was_not_proven_never_silences_a_later_fail(world: World, verdict: Verdict) -> None:
    world.climb(0)
    world.measure(verdict)
    override(world)
    world.measure(Verdict.FAIL)
    world.wait(minutes=15)
    world.tick()
    assert world.causes == [Cause.EVIDENCE]
    world.deliver()
    assert (world.percent, world.status) == (0, Status.ROLLED_BACK)


@pytest.mark.parametrize("verdict", UNPROVEN)
def test_what_stays_unproven_in_the_next_stage_is_waived_and_never_passes(world: World, verdict: Verdict) -> None:
    world.climb(0)
    world.measure(verdict)
    override(world)
    asked = world.bake()
    assert (asked["verdict"], asked["decision"], asked["question"]["unmet"]) == ("waived", "approve", [])
    assert asked["evidence"][ERRORS].startswith("waived by ann (why): download error rate")


@pytest.mark.parametrize(("later", "decision"), [(100, "approve"), (115, "approve"), (200, "override")])
def test_an_overridden_fail_stays_waived_until_it_gets_worse_than_shown(
    world: World, later: float, decision: str
) -> None:
    world.climb(0, criteria=HOLDS)
    measure(world, 110)
    override(world)
    measure(world, later)
    asked = world.bake()
    assert asked["decision"] == decision
    assert asked["verdict"] == ("waived" if decision == "approve" else "fail")
    assert world.queue.called == [], "it holds, as the plan says"


def test_a_fail_that_worsens_before_the_answer_is_asked_about_again(world: World) -> None:
    world.climb(0, criteria=HOLDS)
    measure(world, 110)
    gate = world.approved(DecisionKind.OVERRIDE)
    measure(world, 900)
    world.wait(minutes=5)
    world.tick()
    assert world.advance(gate)["why"] == "the newest evaluation says fail"
    assert world.told[-1] is EventKind.HELD


def test_a_waived_count_may_not_rise_any_further(world: World) -> None:
    count = {"crashes": {"kind": "count", "query": "c", "at_most": 0, "on_fail": "hold"}}
    world.metrics.script["crashes/value"] = lambda start, end, bucket: Series(
        tuple((at, 1.0 if at == start else 0.0) for at in range(start, end, bucket))
    )
    world.climb(0, criteria=CRITERIA | count)
    override(world)
    assert world.bake()["verdict"] == "waived"
    world.metrics.script["crashes/value"] = steady(1)
    world.wait(minutes=5)
    world.tick()
    assert world.state.effective_verdict is Verdict.FAIL


def test_a_value_that_may_not_fall_is_waived_down_to_what_was_shown(world: World) -> None:
    share = {"success": {"kind": "value", "query": "v", "above": 90, "for": "5m", "on_fail": "hold"}}
    world.metrics.script["success/value"] = steady(80)
    world.climb(0, criteria=CRITERIA | share)
    override(world)
    assert world.bake()["verdict"] == "waived"
    world.metrics.script["success/value"] = steady(79)
    world.wait(minutes=15)
    world.tick()
    assert world.state.effective_verdict is Verdict.FAIL


def test_a_report_that_was_waived_missing_does_not_silence_a_bad_one(world: World) -> None:
    world.climb(0, criteria=CRITERIA | COMPLAINTS)
    override(world)
    assert "5 is more than 0" in world.advance(world.approved(complaints=5))["why"]


def test_a_report_that_was_waived_bad_is_waived_up_to_that_number(world: World) -> None:
    world.climb(0, criteria=CRITERIA | COMPLAINTS)
    override(world, complaints=2)
    assert "3 is more than 0" in world.advance(world.approved(complaints=3))["why"]
    assert world.advance(world.approved(complaints=2))["outcome"] == "advanced"


def test_a_waiver_of_the_first_version_covers_no_fail(world: World) -> None:
    world.climb(0)
    world.measure(Verdict.NO_DATA)
    override(world)
    old = Override.model_validate({"criteria": (ERRORS,), "by": "ann", "note": "why", "through_stage": 1})
    world.store.states[ROLLOUT] = world.state.model_copy(update={"overrides": (old,)})
    assert world.bake()["verdict"] == "waived"
    world.measure(Verdict.FAIL)
    world.wait(minutes=5)
    world.tick()
    assert world.causes == [Cause.EVIDENCE]


def test_a_question_of_the_first_version_is_answered_by_the_narrowest_waiver(world: World) -> None:
    world.climb(0)
    world.measure(Verdict.NO_DATA)
    asked = world.bake()
    del asked["question"]["shown"]
    gate = world.ask(asked)
    world.answer(gate, DecisionKind.OVERRIDE)
    assert world.advance(gate)["outcome"] == "advanced"
    assert world.state.overrides[0].shown == {ERRORS: BY_NAME}


# A fail is final, and what comes after it may be far worse.

LONG = [{"percent": 1, "hold": "1h"}, {"percent": 25, "hold": "2d"}, {"percent": 100, "hold": "1h"}]


def turns(world: World, key: str, *numbers: float, every: timedelta = timedelta(hours=2)) -> None:
    """From now on other numbers come, each for a while; what came before stays."""
    began, script = world.clock.now().timestamp(), world.metrics.script[key]

    def now(start: int, end: int, bucket: int) -> Measured:
        told = script(start, end, bucket) if callable(script) else script
        assert isinstance(told, Series)
        later = [int((at - began) // every.total_seconds()) for at, _ in told.points]
        return Series(
            tuple(
                (at, value if at < began else numbers[min(step, len(numbers) - 1)])
                for (at, value), step in zip(told.points, later, strict=True)
            )
        )

    world.metrics.script[key] = now


def look(world: World, **time: float) -> None:
    until = world.clock.now() + timedelta(**time)
    while world.clock.now() < until:
        world.wait(minutes=5)
        world.tick()


@pytest.mark.parametrize("quiet", [timedelta(0), timedelta(hours=6)], ids=["at once", "after hours as shown"])
@pytest.mark.parametrize("worse", [200, 500, 900, 1000])
def test_a_waived_fail_that_worsens_is_no_longer_waived_and_is_told(
    world: World, quiet: timedelta, worse: float
) -> None:
    world.climb(0, criteria=HOLDS, stages=LONG)
    measure(world, 110)
    override(world)
    look(world, hours=1)
    look(world, seconds=quiet.total_seconds())
    assert world.state.effective_verdict == "waived"
    turns(world, f"{ERRORS}/errors", worse)
    world.forget()
    look(world, hours=1 if worse > 200 else 4)
    assert world.state.effective_verdict is Verdict.FAIL
    (told,) = [event.message for event in world.store.told]
    assert "it became worse: download error rate" in told
    assert f"({worse:,}" in told or "is above 1" in told
    assert world.queue.called == [], "it holds, as the plan says"


def test_a_waived_fail_that_stays_as_it_was_shown_stays_waived_for_days(world: World) -> None:
    world.climb(0, criteria=HOLDS, stages=LONG)
    measure(world, 110)
    override(world)
    turns(world, f"{ERRORS}/errors", 110, 112, 108, 110)
    look(world, hours=2)
    world.forget()
    look(world, days=1)
    assert world.state.effective_verdict == "waived"
    assert world.told == []


def test_a_waived_floor_that_falls_further_is_no_longer_waived(world: World) -> None:
    floor = {ERRORS: {"kind": "rate", "errors": "e", "total": "t", "above": "90%", "clump": 1, "on_fail": "hold"}}
    floor[ERRORS] |= {"scope": "cohort"}
    world.climb(0, criteria=floor, stages=LONG)
    measure(world, 800)
    override(world)
    look(world, hours=2)
    assert world.state.effective_verdict == "waived"
    turns(world, f"{ERRORS}/errors", 200)
    look(world, hours=1)
    assert world.state.effective_verdict is Verdict.FAIL


@pytest.mark.parametrize(("bar", "shown", "fine", "worse"), [("below", 110, 50, 900), ("above", 80, 120, 5)])
def test_a_waived_value_that_recovers_and_then_worsens_is_no_longer_waived(
    world: World, bar: str, shown: float, fine: float, worse: float
) -> None:
    value = {"latency": {"kind": "value", "query": "v", bar: 100, "for": "10m", "on_fail": "hold"}}
    world.metrics.script["latency/value"] = steady(shown)
    world.climb(0, criteria=CRITERIA | value, stages=LONG)
    override(world)
    look(world, hours=1)
    assert world.state.effective_verdict == "waived"
    turns(world, "latency/value", fine, worse)
    look(world, hours=1)
    assert world.state.effective_verdict == "waived"
    look(world, hours=2)
    assert world.state.effective_verdict is Verdict.FAIL


def test_the_question_shows_the_newest_value_and_that_value_is_waived(world: World) -> None:
    world.climb(0, criteria=HOLDS, stages=[{"percent": 1, "hold": "6h"}, *LONG[1:]])
    measure(world, 110)
    look(world, hours=2)
    turns(world, f"{ERRORS}/errors", 900)
    asked = world.bake()
    assert "it became worse: download error rate 90%" in asked["evidence"][ERRORS]
    assert asked["question"]["shown"][ERRORS]["value"] > 0.8
    gate = world.ask(asked)
    world.answer(gate, DecisionKind.OVERRIDE)
    assert world.advance(gate)["outcome"] == "advanced"
    measure(world, 890)
    look(world, hours=1)
    assert world.state.effective_verdict == "waived"


@pytest.mark.parametrize("seed", range(5))
def test_a_noisy_value_can_be_waived_although_it_differs_at_each_evaluation(world: World, seed: int) -> None:
    noise, numbers = random.Random(seed), dict[int, float]()
    world.metrics.script["latency/value"] = lambda start, end, bucket: Series(
        tuple((at, numbers.setdefault(at, noise.gauss(110, 4))) for at in range(start, end, bucket))
    )
    value = {"latency": {"kind": "value", "query": "v", "below": 100, "for": "15m", "on_fail": "hold"}}
    world.climb(0, criteria=CRITERIA | value, stages=[{"percent": 1, "hold": "6h"}, *LONG[1:]])
    gate = world.approved(DecisionKind.OVERRIDE)
    look(world, minutes=5)
    assert world.advance(gate)["outcome"] == "advanced"


def test_people_hear_that_what_was_waived_is_worse_by_now(world: World) -> None:
    world.climb(0, criteria=HOLDS, stages=LONG)
    measure(world, 110)
    override(world)
    look(world, hours=1)
    world.forget()
    measure(world, 900)
    look(world, minutes=10)
    assert world.told == [EventKind.VERDICT_CHANGED]
    assert world.store.told[0].message.startswith("fail: download error rate 90%")


@pytest.mark.parametrize("verdict", UNPROVEN)
def test_a_notice_of_what_was_waived_says_so(world: World, verdict: Verdict) -> None:
    world.climb(0)
    world.measure(verdict)
    override(world)
    look(world, minutes=5)  # before the first bucket there is nothing to judge, and that was waived or not
    world.forget()
    world.measure(Verdict.PASS)
    look(world, minutes=30)
    world.measure(verdict)
    look(world, minutes=5)
    assert world.store.told[-1].message.startswith("waived by ann (why): download error rate")


def test_a_notice_names_what_went_silent_beside_what_fails(world: World) -> None:
    count = {"crashes": {"kind": "count", "query": "c", "at_most": 0}}
    world.metrics.script["crashes/value"] = steady(0)
    world.climb(0, criteria=HOLDS | count, stages=LONG)
    measure(world, 500)
    look(world, hours=1)
    world.forget()
    world.metrics.script["crashes/value"] = Series(())
    look(world, hours=1)
    (told,) = [event.message for event in world.store.told]
    assert "crashes has nothing to judge yet" in told


SHOWN = st.builds(
    Shown,
    verdict=st.sampled_from(Verdict),
    value=st.none() | st.floats(0, 1),
    limit=st.none() | st.floats(0, 1),
    falls=st.just(False),
)


@given(SHOWN, SHOWN)
def test_only_a_fail_covers_a_fail_and_only_up_to_its_limit(seen: Shown, later: Shown) -> None:
    override = Override(criteria=("a",), shown={"a": seen}, by="ann", note="", through_stage=0)
    if override.covers("a", later) and later.verdict is Verdict.FAIL:
        assert seen.verdict is Verdict.FAIL
        assert (later.value is None and seen.limit is None) or (later.value or 0) <= (seen.limit or 0)


@given(SHOWN, SHOWN)
def test_a_waiver_covers_neither_a_pass_nor_a_criterion_that_was_not_shown(seen: Shown, later: Shown) -> None:
    override = Override(criteria=("a",), shown={"a": seen}, by="ann", note="", through_stage=0)
    assert not override.covers("b", later)
    assert not (later.verdict is Verdict.PASS and override.covers("a", later))


def test_the_record_of_a_waiver_survives_being_stored(world: World) -> None:
    world.climb(0, criteria=HOLDS)
    measure(world, 110)
    override(world)
    kept: dict[str, Any] = world.state.model_dump(mode="json", by_alias=True)
    assert type(world.state).model_validate(kept) == world.state
    (given,) = world.state.overrides
    assert given.shown[ERRORS].verdict is Verdict.FAIL
    assert given.shown[ERRORS].limit > given.shown[ERRORS].value  # type: ignore[operator]  # both are numbers
