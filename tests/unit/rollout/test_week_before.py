"""A start looks at the week before: it refuses what fails without the flag, and keeps and tells what it saw."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rampart.absence import AbsenceReason
from rampart.evidence.series import Series, Unavailable
from rampart.plan.criterion import RateHistory, RateSpec
from rampart.plan.model import Plan
from rampart.rollout.event import Event, EventKind
from rampart.rollout.week import week_in_words
from tests.unit.rollout.world import ERRORS, PLAN, Script, World, errors_of, steady

EVERYONE = {"kind": "rate", "errors": "e", "total": "t", "below": "8%", "scope": "everyone", "baseline": "0.3%"}
HOURLY = 4800


def measure(world: World, errors: Script, total: Script | Series | None = None) -> None:
    world.metrics.script |= {f"{ERRORS}/errors": errors, f"{ERRORS}/total": total or steady(HOURLY)}


def rugged(mean: float, bad: dict[int, float] | None = None) -> Script:
    """Errors that scatter about their mean as clumps of two do; some hours, counted from the newest, are bad."""

    def hours(start: int, end: int, bucket: int) -> Series:
        swing = [2, 0, 1, -1, 0, -2, 1, 0, -1]
        points = [(at, mean + (mean / 2) ** 0.5 * swing[at // bucket % 9]) for at in range(start, end, bucket)]
        for ago, errors in (bad or {}).items():
            points[-ago] = (points[-ago][0], errors)
        return Series(tuple(points))

    return hours


def start(world: World, **changes: Any) -> dict[str, Any]:
    return world.start(criteria={ERRORS: EVERYONE | changes}, traffic="57600/hour")


def started(world: World) -> Event:
    (event,) = [each for each in world.store.told if each.kind is EventKind.STARTED]
    return event


def pinned(world: World) -> RateSpec:
    spec = world.state.plan.criteria[ERRORS]
    assert isinstance(spec, RateSpec)
    return spec


@pytest.mark.parametrize(
    ("errors", "total", "error", "where", "told"),
    [
        (steady(0.4 * HOURLY), steady(HOURLY), "FailsWithoutFlag", "", "40% of requests failed in the week before"),
        (rugged(14, {1: 2000, 2: 2000, 3: 2000}), steady(HOURLY), "FailsWithoutFlag", "", "in the newest 3 hours"),
        (steady(2 * HOURLY), steady(HOURLY), "HistoryContradicts", ".errors", "more errors (9,600) than requests"),
        (steady(float("nan")), steady(HOURLY), "HistoryContradicts", ".errors", "in 168 of 168 hours"),
        (steady(0), steady(HOURLY), "ErrorsFindNothing", ".errors", "expects about 2,419"),
        (Series(()), steady(HOURLY), "ErrorsFindNothing", ".errors", "is the errors query misspelled?"),
    ],
)
def test_a_week_that_speaks_against_the_criterion_refuses_the_start(
    world: World, errors: Any, total: Any, error: str, where: str, told: str
) -> None:
    measure(world, errors, total)
    outcome = start(world)
    assert errors_of(outcome) == {error: f"criteria.{ERRORS}{where}"}
    assert told in outcome["cause"]
    assert not world.store.states
    assert not world.store.owners


def test_what_helps_is_said(world: World) -> None:
    measure(world, steady(0.4 * HOURLY))
    (problem,) = start(world)["problems"]
    assert problem["fix"] == "Fix what fails today, or choose another bar"


def test_a_cohort_has_no_history(world: World) -> None:
    measure(world, steady(2 * HOURLY))
    assert start(world, scope="cohort", baseline=None)["outcome"] == "ready"
    assert pinned(world).history is None


def test_a_total_that_finds_nothing_is_one_problem(world: World) -> None:
    measure(world, steady(5), Series(()))
    assert errors_of(start(world)) == {"QueryFindsNothing": f"criteria.{ERRORS}.total"}


def test_a_query_without_an_answer_is_one_problem(world: World) -> None:
    world.metrics.script[f"{ERRORS}/errors"] = Unavailable(AbsenceReason.REFUSED_QUERY, "why")
    assert errors_of(start(world)) == {"QueryRefused": f"criteria.{ERRORS}.errors"}


def test_one_bad_hour_neither_refuses_the_start_nor_blinds_the_rule(world: World) -> None:
    measure(world, rugged(14.4, {30: 2000}))
    assert start(world)["outcome"] == "ready"
    spec = pinned(world)
    assert spec.clump is not None
    assert spec.clump < 5
    assert spec.clump_source is not None
    assert "; left out 2026-03-09 08:00 UTC (2,000 of 4,800 failed)" in spec.clump_source
    assert spec.history is not None
    assert (spec.history.hours, spec.history.requests) == (167, 167 * HOURLY)
    assert [hour.errors for hour in spec.history.left_out] == [2000]
    assert f"{ERRORS}: left out of the week before, and of its clump: 2026-03-09 04:00 EDT" in started(world).message


def test_what_the_week_shows_survives_storing(world: World) -> None:
    measure(world, rugged(14.4, {30: 2000}))
    start(world)
    text = world.state.plan.model_dump_json(by_alias=True)
    assert Plan.model_validate_json(text) == world.state.plan
    assert json.loads(text)["criteria"][ERRORS]["history"]["hours"] == 167


@pytest.mark.parametrize(
    ("hourly", "told"),
    [
        (48.0, "download error rate was 1% in the week before (8,064 of 806,400); the plan says 0.3%"),
        (14.4, None),
        (20.0, None),
    ],
)
def test_a_baseline_that_the_week_does_not_show_is_told(world: World, hourly: float, told: str | None) -> None:
    measure(world, steady(hourly))
    start(world)
    message = started(world).message
    assert message.startswith("letters starts: 1% → 25% → 100%")
    assert (told in message) if told else ("in the week before" not in message)
    assert (week_in_words(pinned(world)) or "").endswith("the plan says 0.3%")


def test_a_few_errors_by_chance_are_not_a_surprise(world: World) -> None:
    measure(world, steady(0), steady(10))
    assert start(world)["outcome"] == "ready"
    assert "in the week before" not in started(world).message


def test_the_power_that_is_left_is_told(world: World) -> None:
    measure(world, rugged(14.4))
    start(world)
    event = started(world)
    assert f"{ERRORS}: with clump" in event.message
    assert "a flag at twice the bar is rolled back at 100% with a chance of 99% or more" in event.message
    (power,) = event.details["power"]
    assert event.message == "; ".join(("letters starts: 1% → 25% → 100%", *event.details["notes"]))
    assert power["stage"] == "100%"
    assert power["chance"] > 0.99


def test_a_clump_that_leaves_no_power_is_told_as_a_warning(world: World) -> None:
    measure(world, rugged(14.4))
    assert (
        world.start(criteria={ERRORS: EVERYONE | {"below": "0.5%", "clump": 256}}, traffic="4800/hour")["outcome"]
        == "ready"
    )
    assert "with clump 256, download error rate is nearly blind: in no stage is a flag at five times the bar" in (
        started(world).message
    )


def test_traffic_that_the_plan_does_not_name_is_taken_from_the_week(world: World) -> None:
    measure(world, rugged(14.4))
    assert world.start(criteria={ERRORS: EVERYONE})["outcome"] == "ready"
    assert started(world).details["power"]


def test_a_plan_keeps_its_hash_while_nothing_is_pinned() -> None:
    """The hash names what was submitted; a field that came later must not rename it."""
    plan = Plan.model_validate(PLAN | {"criteria": {ERRORS: EVERYONE}})
    document = plan.model_dump(mode="json", by_alias=True)
    spec = plan.criteria[ERRORS]
    assert isinstance(spec, RateSpec)
    assert document["criteria"][ERRORS]["history"] is None
    kept = spec.model_copy(update={"history": RateHistory(errors=1, requests=2, hours=1)})
    assert plan.model_copy(update={"criteria": {ERRORS: kept}}).digest != plan.digest
    assert plan.digest == "6c3e8b11015b9de35c6d3e9c78f65d0cb3907316f7a54670a344c5f76d1e5327"
