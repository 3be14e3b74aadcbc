"""Errors that stopped before a start: a renamed tag refuses it, what was fixed doesn't where the plan says so."""

from __future__ import annotations

import random

import pytest

from rampart.evidence.criteria import RateCriterion, Side
from rampart.evidence.judge import judge
from rampart.evidence.series import Series
from rampart.evidence.verdict import Verdict
from rampart.evidence.window import Window
from rampart.plan.criterion import RateSpec
from tests.unit.rollout.world import ERRORS, START, Script, World, errors_of, steady

HOUR = 3600
NOW = int(START.timestamp())
HOURLY = 4800


def scattered(rate: float, *, until: int = 0, hours: range = range(24), each: int = HOURLY) -> Script:
    """Errors of some hours of the day (UTC) that stop so many hours before now; what an hour has stays the same."""

    def errors(start: int, end: int, bucket: int) -> Series:
        points = []
        for at in range(start, end, bucket):
            comes = at // HOUR % 24 in hours and (not until or at < NOW - until * HOUR)
            mean = rate * each * bucket / HOUR
            points.append((at, max(0, round(random.Random(at).gauss(mean, mean**0.5))) if comes else None))
        return Series(tuple(points))

    return errors


def start(world: World, errors: Script, **changes: object) -> dict[str, object]:
    world.metrics.script |= {f"{ERRORS}/errors": errors, f"{ERRORS}/total": steady(HOURLY)}
    spec = {"kind": "rate", "errors": "e", "total": "t", "below": "1%", "scope": "everyone", "baseline": "0.3%"}
    return world.start(criteria={ERRORS: spec | changes}, traffic="4800/hour")


@pytest.mark.parametrize("baseline", ["0.3%", "0.03%"])
def test_errors_that_stopped_in_mid_week_refuse_the_start_and_say_the_way_out(world: World, baseline: str) -> None:
    outcome = start(world, scattered(0.003, until=72), baseline=baseline)
    assert errors_of(outcome) == {"ErrorsStopped": f"criteria.{ERRORS}.errors"}
    assert "had no errors since 2026-03-07 09:00 EST: errors stopped: 0 where about" in str(outcome["cause"])
    assert "if what failed was fixed, set the baseline to what it is now" in str(outcome["cause"])


@pytest.mark.parametrize("hours", [12, 24, 72, 120])
@pytest.mark.parametrize("baseline", ["0%", "0.0001%"])
def test_errors_that_were_fixed_start_where_the_baseline_says_so(world: World, hours: int, baseline: str) -> None:
    assert start(world, scattered(0.003, until=hours), baseline=baseline)["outcome"] == "ready"
    spec = world.state.plan.criteria[ERRORS]
    assert isinstance(spec, RateSpec)
    assert spec.history is not None
    assert (spec.history.errors, spec.history.hours) == (0, hours)
    told = world.store.told[-1].message
    assert "has had no errors since 2026-03-" in told
    assert "as the plan's baseline says; only what came since counts" in told


def test_a_stage_after_errors_were_fixed_passes_without_any(world: World) -> None:
    """What the week shows is what is usual since: the errors that were fixed are not missed in the stage."""
    assert start(world, scattered(0.003, until=72), baseline="0%")["outcome"] == "ready"
    assert world.advance()["outcome"] == "advanced"
    asked = world.bake()
    assert asked["question"]["verdict"] == "pass"
    gate = world.ask(asked)
    world.answer(gate)
    assert world.advance(gate)["outcome"] == "advanced"


@pytest.mark.parametrize("rate", [0.003, 0.03])
def test_errors_that_come_by_day_only_start_before_they_come(world: World, rate: float) -> None:
    """At 14:00 UTC the night's requests have all gone well, as they do each night."""
    errors = scattered(rate, hours=range(14, 24))
    assert start(world, errors, below="8%", baseline="0.1%")["outcome"] == "ready"


@pytest.mark.parametrize("nights", [2, 3])
def test_the_second_night_without_errors_is_not_a_silence(nights: int) -> None:
    """As with a gauge that rests every night: the first one is told, and over in the morning."""
    day, night = [3.0] * 10 * 12, [0.0] * 14 * 12
    for errors, verdict in (
        ((day + night) * nights, Verdict.PASS),
        ((night + day) * nights + night, Verdict.PASS),
        (day + night, Verdict.NO_DATA),
        ((day + night) * nights + night, Verdict.NO_DATA),
    ):
        window = Window(0, len(errors) * 300, 300, planned_buckets=len(errors))
        series = [
            Series(tuple((at * 300, each) for at, each in enumerate(values)))
            for values in (errors, [1000.0] * len(errors))
        ]
        measured = {"errors": series[0], "total": series[1]}
        judgement = judge(RateCriterion(name="e", bar=0.01, side=Side.BELOW), measured=measured, window=window)
        assert judgement.verdict is verdict, judgement.message
