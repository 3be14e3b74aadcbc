"""What a rate can decide in a stage, before it starts: the chance of a pass, the chance and time of a rollback.

Requests are spread evenly over the hold and errors are independent (Poisson); the clump still costs what it costs.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from operator import add, mul
from random import Random
from typing import TYPE_CHECKING

from rampart.evidence.criteria import Scope
from rampart.evidence.dilution import diluted
from rampart.evidence.grid import LARGEST_EXPONENT, LEAST_ERRORS
from rampart.evidence.interval import interval
from rampart.evidence.mixture import evidence
from rampart.evidence.poisson import at_most
from rampart.evidence.power import MULTIPLES, StageTraffic, healthy_rate, multiple_of_bar
from rampart.evidence.rule import RateRule

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
    mean = rate * requests_per_bucket
    if mean <= 0:
        return Rollbacks(0.0, None)
    chance = Random(seed)  # noqa: S311 - a simulation that must be repeatable, no secret
    alike = _AlikeBuckets(rule, mean=mean, good=requests_per_bucket * (1 - rate))
    ends = [alike.rolled_back_after(buckets, chance) for _ in range(runs)]
    failed = [end for end in ends if end is not None]
    return Rollbacks(len(failed) / runs, sum(failed) / len(failed) if failed else None)


class _AlikeBuckets:
    """The rule, walked through buckets that are all alike: what a rest and its end do is worked out once.

    The same as stepping a `Walk` through every bucket, without its price.
    """

    def __init__(self, rule: RateRule, *, mean: float, good: float) -> None:
        self._rule = rule
        self._mean = mean
        self._good = good
        """Requests of a bucket that go well."""
        self._numbers = _chances_above_zero(mean)
        self._above_zero = -math.expm1(-mean)
        self._needed = -math.log(rule.alpha_fail)
        self._stretches: dict[tuple[int, int], _Stretch] = {}

    def rolled_back_after(self, buckets: int, chance: Random) -> int | None:
        """Go from one bucket with errors to the next; only there can a stage fail."""
        draw, log, mean, rule = chance.random, math.log, self._mean, self._rule
        numbers, above_zero, stretches = self._numbers, self._above_zero, self._stretches
        failing, alarm = rule.failing, rule.alarm
        errors, weighed_errors, weighed_requests = 0, 0.0, 0.0
        bets: Iterable[float] = (0.0,) * len(failing)
        position, suspicious = 0, 0.0
        while True:
            gap = int(-log(1 - draw()) / mean)
            position += gap + 1
            if position > buckets:
                return None
            number = bisect_left(numbers, draw() * above_zero) + 1 if numbers else self._many(chance)
            light_errors, light_requests, grows, opened = stretches.get((gap, number)) or self._walk(gap, number)
            bets = tuple(map(add, map(mul, bets, grows), opened))
            errors += number
            weighed_errors += light_errors
            weighed_requests += light_requests
            if errors < LEAST_ERRORS:
                continue
            if weighed_errors >= suspicious:
                if evidence(weighed_errors, weighed_requests, failing) * rule.alpha_fail >= 1:
                    return position
                suspicious = self._suspicious(weighed_requests)
            if sum(bets) >= alarm:
                return position

    def _many(self, chance: Random) -> int:
        return max(1, round(chance.gauss(self._mean, math.sqrt(self._mean))))

    def _suspicious(self, requests: float) -> float:
        """With fewer errors the mixture cannot fail, now or later: it is at most as large as its largest part."""
        least = min((self._needed + requests * each) / each_error for _, each_error, each in self._rule.failing)
        return least * (1 - 1e-9)

    def _walk(self, gap: int, number: int) -> _Stretch:
        """Some buckets without an error, and one with some."""
        _, light = self._rule.tempered(0, self._good) if self._good > 0 else (0.0, 0.0)
        errors, requests = self._rule.tempered(number, number + self._good)
        grows, opened = [], []
        for weight, each_error, each_request in self._rule.failing:
            ratio, kept = math.exp(-light * each_request), math.exp(-light * each_request * gap)
            rested = ratio * (1 - kept) / (1 - ratio) if ratio < 1 else float(gap) if light else 0.0
            jump = math.exp(min(LARGEST_EXPONENT, errors * each_error - requests * each_request))
            grows.append(kept * jump)
            opened.append(weight * (1.0 + rested) * jump)
        self._stretches[gap, number] = errors, light * gap + requests, grows, opened
        return self._stretches[gap, number]


_Stretch = tuple[float, float, list[float], list[float]]
"""What errors and requests weigh, by how much each bet of the change detector grows, and what is newly bet in it.

Bets count with the weights of their alternatives.
"""

_NEVER_ZERO = 50.0
"""Means from which zero is out of the question, and a normal number near enough."""


def _chances_above_zero(mean: float) -> list[float]:
    """The chances that a Poisson variable is 1, at most 2, at most 3, ..., but not zero; none where it never is."""
    if mean > _NEVER_ZERO:
        return []
    term = mean * math.exp(-mean)
    chances = [term]
    while term > chances[-1] * _NEGLIGIBLE:
        term *= mean / (len(chances) + 1)
        chances.append(chances[-1] + term)
    return chances


_NEGLIGIBLE = 1e-17
