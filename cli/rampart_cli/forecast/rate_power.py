"""What a rate can decide in a stage, before it starts: the chance of a pass, the chance and time of a rollback.

Requests are spread evenly over the hold and errors are independent (Poisson); the clump still costs what it costs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from rampart.evidence.criteria import Scope
from rampart.evidence.dilution import diluted
from rampart.evidence.interval import interval
from rampart.evidence.mixture import evidence
from rampart.evidence.poisson import at_most
from rampart.evidence.power import MULTIPLES, StageTraffic, healthy_rate, multiple_of_bar
from rampart.evidence.rule import RateRule, Walk

if TYPE_CHECKING:
    from rampart.evidence.criteria import RateCriterion


@dataclass(frozen=True, slots=True)
class FaultOutlook:
    """What becomes of a new path whose rate is a multiple of the bar."""

    multiple: float
    observed: float
    """The rate that the metric then reads, diluted where it counts everyone; a fraction."""
    rollback_chance: float
    """The chance that it is rolled back within the hold."""
    rollback_seconds: float | None
    """Mean time until then, where it is rolled back at all."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What one criterion can decide in one stage; chances, rates and limits are fractions."""

    stage: str
    percent: float
    criterion: str
    requests: float
    """Requests that the metric counts and that are judged in the hold."""
    own_requests: float
    """Those of them that the flag is on for."""
    healthy: float
    """The rate of a healthy flag that is reckoned with: the baseline, or a quarter of the bar."""
    pass_chance: float
    """The chance that a healthy flag passes at the end of the hold."""
    false_rollback_chance: float
    """The chance that a healthy flag is rolled back; simulated, so that 0 means less than 3 / runs."""
    faults: tuple[FaultOutlook, ...]
    clump: float
    guarantee: float
    """The chance of a false rollback is at most this, as long as the rate never exceeds its bar."""


def outlook(criterion: RateCriterion, stage: StageTraffic, *, runs: int = 400, seed: int = 1) -> Outlook:
    """What a criterion can decide in a stage; the same seed gives the same numbers."""
    everyone = criterion.scope is Scope.EVERYONE
    per_bucket, buckets = stage.per_bucket(everyone=everyone), stage.window.buckets
    rule = RateRule.of(criterion, stage.window.planned_buckets)
    healthy = healthy_rate(criterion)

    def rolled_back(rate: float) -> Rollbacks:
        return rollbacks(rule, rate=rate, requests_per_bucket=per_bucket, buckets=buckets, runs=runs, seed=seed)

    faults = []
    for multiple in MULTIPLES:
        new = multiple_of_bar(criterion, multiple)
        baseline = criterion.baseline if criterion.baseline is not None else healthy
        observed = diluted(new, baseline=baseline, share=stage.share) if everyone else new
        found = rolled_back(observed)
        seconds = None if found.mean_buckets is None else found.mean_buckets * stage.window.bucket
        faults.append(FaultOutlook(multiple, observed, found.chance, seconds))
    return Outlook(
        stage=stage.name,
        percent=stage.percent,
        criterion=criterion.name,
        requests=stage.requests(everyone=everyone),
        own_requests=stage.requests(everyone=False),
        healthy=healthy,
        pass_chance=pass_chance(rule, rate=healthy, requests_per_bucket=per_bucket, buckets=buckets),
        false_rollback_chance=rolled_back(healthy).chance,
        faults=tuple(faults),
        clump=criterion.clump,
        guarantee=min(1.0, criterion.alpha_fail + 1 / criterion.detector),
    )


def any_of(chances: Iterable[float]) -> float:
    """The chance that at least one of some independent things happens."""
    return 1 - math.prod(1 - chance for chance in chances)


def pass_chance(rule: RateRule, *, rate: float, requests_per_bucket: float, buckets: int) -> float:
    """The chance that the right side of the bar is proven at the end of so many buckets; exact for Poisson errors."""
    if not rule.fails_high:
        return pass_chance(rule.mirrored(), rate=1 - rate, requests_per_bucket=requests_per_bucket, buckets=buckets)
    _, light = rule.tempered(0, requests_per_bucket)
    if light <= 0:
        return 0.0
    divisor = requests_per_bucket / light

    def proven(errors: int) -> bool:
        return evidence(errors / divisor, light * buckets, rule.passing) * rule.alpha_pass >= 1

    if not proven(0):
        return 0.0
    most, beyond = 0, 1
    while proven(beyond):
        most, beyond = beyond, beyond * 2
    while beyond - most > 1:
        middle = (most + beyond) // 2
        most, beyond = (middle, beyond) if proven(middle) else (most, middle)
    return at_most(most, requests_per_bucket * buckets * rate)


def limit_without_errors(criterion: RateCriterion, requests: float) -> float:
    """The worst rate that so many requests without a single error leave possible: where no stage can be better."""
    rule = RateRule.of(criterion, 1)
    light = requests / rule.clump
    perfect = 0.0 if rule.fails_high else light
    lower, upper = interval(perfect, light, around=rule.bar, alpha_low=rule.alpha_pass, alpha_high=rule.alpha_pass)
    return upper if rule.fails_high else lower


@dataclass(frozen=True, slots=True)
class Rollbacks:
    """How many of the simulated stages were rolled back, and after how many buckets on average."""

    chance: float
    mean_buckets: float | None


def rollbacks(
    rule: RateRule, *, rate: float, requests_per_bucket: float, buckets: int, runs: int, seed: int
) -> Rollbacks:
    """Simulate stages with a steady rate under both tests of the rule, and count those that fail."""
    if not rule.fails_high:
        rule, rate = rule.mirrored(), 1 - rate
    chance = Random(seed)  # noqa: S311 - a simulation that must be repeatable, no secret
    ends = [_rolled_back_after(rule, rate, requests_per_bucket, buckets, chance) for _ in range(runs)]
    failed = [end for end in ends if end is not None]
    return Rollbacks(len(failed) / runs, sum(failed) / len(failed) if failed else None)


def _rolled_back_after(rule: RateRule, rate: float, requests: float, buckets: int, chance: Random) -> int | None:
    """Go from one bucket with errors to the next; only there can a stage fail."""
    mean = rate * requests
    walk, position = Walk(rule), 0
    while mean > 0:
        gap = min(int(-math.log(1 - chance.random()) / mean), buckets - position)
        walk.skip(gap, requests * (1 - rate))
        position += gap + 1
        if position > buckets:
            return None
        errors = _poisson_above_zero(mean, chance)
        if walk.step(errors, errors + requests * (1 - rate)) is not None:
            return position
    return None


_NEVER_ZERO = 50.0
"""Means from which zero is out of the question, and a normal number near enough."""


def _poisson_above_zero(mean: float, chance: Random) -> int:
    """A Poisson number, given that it is not zero."""
    if mean > _NEVER_ZERO:
        return max(1, round(chance.gauss(mean, math.sqrt(mean))))
    left = chance.random() * -math.expm1(-mean)
    number, term = 1, mean * math.exp(-mean)
    while left > term and term > 0:
        left -= term
        number += 1
        term *= mean / number
    return number
