"""What a stage can find, before it starts.

Requests are spread evenly over the hold and errors are independent (Poisson); the clump still costs what it costs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rampart.evidence.grid import LEAST_ERRORS
from rampart.evidence.mixture import evidence
from rampart.evidence.poisson import at_most
from rampart.evidence.rule import RateRule

if TYPE_CHECKING:
    from rampart.evidence.criteria import RateCriterion
    from rampart.evidence.window import Window

MULTIPLES = (2.0, 5.0)
"""The faults that a plan is measured by, in multiples of the bar."""

ASSUMED_HEALTHY = 0.25
"""The healthy rate as a part of the bar, where a plan gives no baseline."""


@dataclass(frozen=True, slots=True)
class StageTraffic:
    """One stage as the statistics see it: the buckets that it judges in its hold, and what comes in them."""

    name: str
    percent: float
    """The flag's percentage, 0 to 100."""
    requests_per_hour: float
    """At 100%."""
    window: Window

    @property
    def share(self) -> float:
        """The flag's share of requests, a fraction."""
        return self.percent / 100

    def per_bucket(self, *, everyone: bool) -> float:
        """Requests of a bucket: everyone's, or only those that the flag is on for."""
        total = self.requests_per_hour * self.window.bucket / 3600
        return total if everyone else total * self.share

    def requests(self, *, everyone: bool) -> float:
        """Requests that are judged in the hold."""
        return self.window.buckets * self.per_bucket(everyone=everyone)


def healthy_rate(criterion: RateCriterion) -> float:
    """The rate of a healthy flag: the baseline, or a quarter of the way from perfect to the bar."""
    if criterion.baseline is not None:
        return criterion.baseline
    return multiple_of_bar(criterion, ASSUMED_HEALTHY)


def multiple_of_bar(criterion: RateCriterion, multiple: float) -> float:
    """A rate so many times as bad as the bar, at most wholly broken; under a floor, badness is what is missing."""
    if criterion.fails_high:
        return min(1.0, multiple * criterion.bar)
    return max(0.0, 1 - multiple * (1 - criterion.bar))


def fail_chance(rule: RateRule, *, rate: float, requests_per_bucket: float, buckets: int) -> float:
    """The chance that the mixture fails at the end of so many buckets of a steady rate; exact for Poisson errors.

    Looks on the way, and the change detector, only add to it: a stage is rolled back at least this often.
    """
    if not rule.fails_high:
        return fail_chance(rule.mirrored(), rate=1 - rate, requests_per_bucket=requests_per_bucket, buckets=buckets)
    _, light = rule.tempered(0, requests_per_bucket)
    if light <= 0:
        return 0.0
    divisor = requests_per_bucket / light

    def failed(errors: int) -> bool:
        return evidence(errors / divisor, light * buckets, rule.failing) * rule.alpha_fail >= 1

    few, enough = LEAST_ERRORS - 1, max(LEAST_ERRORS, math.ceil(requests_per_bucket * buckets))
    if not failed(enough):
        return 0.0
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if failed(middle) else (middle, enough)
    return 1 - at_most(enough - 1, requests_per_bucket * buckets * rate)
