"""The shortest staircase that decides: each of its stages decides, and nothing shorter of the same steps does."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from rampart.evidence.rule import RateRule
from rampart.plan.durations import Hold
from rampart.plan.model import Plan
from rampart.plan.power import fault_chance, stage_traffic
from rampart.plan.stage import Stage
from rampart_cli.forecast.plan_warnings import rate_criteria, warnings
from rampart_cli.forecast.rate_power import pass_chance
from rampart_cli.staircase import HOLDS, SURE, suggest


def plan(*, scope: str = "cohort", below: str = "1%", baseline: str = "0.3%", **changes: Any) -> Plan:
    criterion = {"kind": "rate", "errors": "e", "total": "t", "below": below, "scope": scope, "baseline": baseline}
    known = {
        "rollout": "letters",
        "owner": "letters-team",
        "flags": ["letters"],
        "timezone": "America/New_York",
        "traffic": "40000/hour",
        "criteria": {"error rate": criterion},
        "stages": [{"percent": 100, "hold": "1d"}],
    }
    return Plan.model_validate(known | changes)


def decides(tried: Plan, percent: float, hold: timedelta, traffic: float, multiple: float) -> bool:
    """Whether a healthy flag passes, and a bad one is rolled back, as `plan check` and a start work it out."""
    stage = Stage(percent=percent, hold=Hold(clock=hold))
    seen = stage_traffic(tried, stage, traffic)
    [criterion] = rate_criteria(tried)
    per_bucket = seen.per_bucket(everyone=criterion.scope == "everyone")
    rule, buckets = RateRule.of(criterion, seen.window.planned_buckets), seen.window.buckets
    passes = pass_chance(rule, rate=criterion.baseline or 0.0, requests_per_bucket=per_bucket, buckets=buckets)
    return passes >= SURE and fault_chance(tried, stage, criterion, traffic, multiple) >= SURE


@pytest.mark.parametrize("traffic", [400.0, 4_000.0, 40_000.0])
@pytest.mark.parametrize("multiple", [2.0, 5.0])
@pytest.mark.parametrize("scope", ["cohort", "everyone"])
def test_each_stage_decides_and_would_not_with_the_next_shorter_hold(
    traffic: float, multiple: float, scope: str
) -> None:
    tried = plan(scope=scope)
    found = suggest(tried, traffic, first=1, step=5, multiple=multiple)
    assert found.stages[-1].percent == 100
    for each in found.stages:
        assert decides(tried, each.percent, each.hold, traffic, multiple)
        shorter = [hold for hold in HOLDS if hold < each.hold]
        assert not (shorter and decides(tried, each.percent, shorter[-1], traffic, multiple))


def test_it_begins_low_and_no_step_is_too_high() -> None:
    found = suggest(plan(), 40_000, first=1, step=5, multiple=2)
    assert found.stages[0].percent <= 1
    assert all(above.percent <= 5 * below.percent for below, above in pairwise(found.stages))


def test_smaller_steps_and_worse_bars_take_longer() -> None:
    small = suggest(plan(), 40_000, first=1, step=2.5, multiple=2)
    large = suggest(plan(), 40_000, first=1, step=100, multiple=2)
    strict = suggest(plan(below="0.5%"), 40_000, first=1, step=100, multiple=2)
    assert small.lasts >= large.lasts
    assert len(small.stages) > len(large.stages)
    assert strict.lasts >= large.lasts


def test_where_the_first_percentage_decides_nothing_it_begins_as_low_as_something_does() -> None:
    found = suggest(plan(), 400, first=1, step=5, multiple=2)
    tried_lower = [each.percent for each in found.undecidable]
    assert found.stages[0].percent > 1
    assert 1 in tried_lower
    assert not any(each.is_hidden for each in found.undecidable)


def test_what_everyones_requests_hide_is_said_to_be_hidden() -> None:
    found = suggest(plan(scope="everyone", baseline="0.3%"), 40_000, first=1, step=5, multiple=2)
    assert {each.percent for each in found.undecidable if each.is_hidden} >= {1, 5, 10, 25}
    assert found.stages[0].percent > 25


def test_nothing_is_suggested_where_not_even_everyone_decides() -> None:
    assert suggest(plan(), 0.5, first=1, step=5, multiple=2).stages == ()
    assert suggest(plan(below="1%", baseline="2%"), 40_000, first=1, step=5, multiple=2).stages == ()


def test_the_suggested_plan_has_nothing_to_be_warned_of() -> None:
    found = suggest(plan(), 40_000, first=1, step=5, multiple=2)
    stages = [{"percent": each.percent, "hold": Hold(clock=each.hold)} for each in found.stages]
    assert warnings(plan(stages=stages)) == []
