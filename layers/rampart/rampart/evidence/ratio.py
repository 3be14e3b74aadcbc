"""The rule for ratios: the flag's own path held against a control, bucket by bucket.

The null hypothesis is that the own path's rate is at most `ratio` times the control's, whatever the control's rate is
and however it changes. Of all errors of a bucket, the own path then has at most the share

    ratio * own requests / (ratio * own requests + control requests)

so this is the rule for rates with the errors of both paths as requests, the own ones as errors, and a bar that changes
from bucket to bucket. Errors are independent given the rates, and that is all: with a = r / (1 + (r-1) share) for an
own error and b = 1 / (1 + (r-1) share) for one of the control, the mean of a bucket's likelihood ratio is
(1 + p_own (a-1))^own * (1 - p_control (1-b))^control, whose logarithm is at most zero since log(1+x) <= x and since the
share makes the two first-order terms cancel at the boundary.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from rampart.evidence.grid import ALTERNATIVES, LEAST_ERRORS
from rampart.evidence.judgement import FiredBy
from rampart.evidence.mixture import mixed
from rampart.evidence.ratio_interval import Weighed
from rampart.evidence.rule import RateRule, Walk

if TYPE_CHECKING:
    from rampart.evidence.criteria import CompareCriterion

FourCounts = tuple[float, float, float, float]
"""Errors and requests of the flag's own path, errors and requests of the control, in one bucket."""


@dataclass(frozen=True)
class RatioRule:
    """A compare criterion as the rule needs it.

    `floor` is the own path's rate below which no ratio matters. It makes the null hypothesis a union, so that it fails
    only where both parts fail (the smaller of two e-values is one for the union), and it passes where either does: each
    for half of the chance of a false pass.
    """

    ratio: float
    floor: float | None
    clump: float
    alpha_fail: float
    alpha_pass: float
    alarm: float

    @classmethod
    def of(cls, criterion: CompareCriterion, planned_buckets: int) -> RatioRule:
        """The rule for a criterion in a stage that is planned to last so many buckets."""
        return cls(
            ratio=criterion.ratio,
            floor=criterion.floor,
            clump=criterion.clump,
            alpha_fail=criterion.alpha_fail,
            alpha_pass=criterion.alpha_pass / (1 if criterion.floor is None else 2),
            alarm=criterion.detector * max(1, planned_buckets),
        )

    @cached_property
    def against_control(self) -> RateRule:
        """The rule for the own path's share of errors; each bucket brings its own bar."""
        return self._line(0.5)

    @cached_property
    def against_floor(self) -> RateRule | None:
        """The rule for the own path's rate against the floor; None where there is none."""
        return None if self.floor is None else self._line(self.floor)

    def _line(self, bar: float) -> RateRule:
        return RateRule(
            bar=bar,
            fails_high=True,
            clump=self.clump,
            alpha_fail=self.alpha_fail,
            alpha_pass=self.alpha_pass,
            alarm=self.alarm,
        )

    def share(self, own: float, control: float) -> float:
        """The share of all errors that falls on the own path at the boundary, of so many requests."""
        return self.ratio * own / (self.ratio * own + control)


@dataclass(slots=True)
class RatioWalk:
    """Where the rule stands after some buckets of a stage; a fail is final, a pass is said of the present only."""

    rule: RatioRule
    fired: FiredBy | None = None
    errors: float = 0.0
    requests: float = 0.0
    control_errors: float = 0.0
    control_requests: float = 0.0
    against_control: Walk = field(init=False)
    against_floor: Walk | None = field(init=False)
    weighed: Weighed = field(init=False)

    def __post_init__(self) -> None:
        self.against_control = Walk(self.rule.against_control)
        floor = self.rule.against_floor
        self.against_floor = None if floor is None else Walk(floor)
        self.weighed = Weighed()

    def step(self, bucket: FourCounts) -> FiredBy | None:
        """Take in one more bucket; returns the test by which the stage fails, if it does.

        A bucket in which one of the paths has no requests says nothing.
        """
        _, requests, _, control = bucket
        if self.fired is not None or requests <= 0 or control <= 0:
            return self.fired
        self.take(bucket)
        if self.errors >= LEAST_ERRORS:
            self.fired = self._fires
        return self.fired

    def take(self, bucket: FourCounts) -> None:
        """Count one more bucket in which both paths have requests."""
        errors, requests, control_errors, control = bucket
        self.errors += errors
        self.requests += requests
        self.control_errors += control_errors
        self.control_requests += control
        both = errors + control_errors
        if both > 0:  # errors are this rule's requests: without any, the bucket is empty to it
            bar = self.rule.share(requests, control)
            self.weighed.add(*self.against_control.take(errors, both, bar), requests / control)
        if self.against_floor is not None:
            self.against_floor.take(errors, requests)

    @property
    def lines(self) -> tuple[Walk, ...]:
        """The parts of the null hypothesis: the ratio, and the floor where there is one."""
        return (self.against_control,) if self.against_floor is None else (self.against_control, self.against_floor)

    @property
    def _fires(self) -> FiredBy | None:
        fired = FiredBy.MIXTURE
        for line in self.lines:
            if not line.rejects:
                if not line.alarmed:
                    return None
                fired = FiredBy.CHANGE_DETECTOR
        return fired

    @property
    def passing(self) -> Walk | None:
        """The part by which the right side is proven now, and nothing failed; None where it is not."""
        if self.fired is not None:
            return None
        return next((line for line in self.lines if line.proof * self.rule.alpha_pass >= 1), None)

    @property
    def estimate(self) -> float | None:
        """The likeliest ratio of the own rate to the control's, at most `LARGEST_RATIO`; None without any error."""
        return self.weighed.merged().estimate

    @property
    def interval(self) -> tuple[float, float]:
        """The ratios that are not rejected at any look: beyond `ratio` exactly if the ratio's mixture says so."""
        rule, line = self.rule, self.against_control
        above = line.rejects
        below = line.proof * rule.alpha_pass >= 1
        weighed = self.weighed.merged()
        lower = weighed.lower_end(rule.alpha_fail) if self.errors >= LEAST_ERRORS else 0.0
        upper = weighed.upper_end(rule.alpha_pass)
        if self.errors >= LEAST_ERRORS:
            lower = max(lower, math.nextafter(rule.ratio, math.inf)) if above else min(lower, rule.ratio)
        return lower, (min(upper, math.nextafter(rule.ratio, 0)) if below else max(upper, rule.ratio))


@dataclass(frozen=True, slots=True)
class RatioRuling:
    """Where a walk ended, and the counts that its end speaks of."""

    walk: RatioWalk
    counts: FourCounts
    at: int | None = None
    """Index of the bucket that decided; None where the walk went to the end."""
    since: int = 0
    """Index of the first bucket counted: later than 0 only where the change detector fired."""


def decide_ratio(rule: RatioRule, buckets: Iterable[FourCounts]) -> RatioRuling:
    """Walk the buckets up to the first fail; otherwise to the end."""
    walk = RatioWalk(rule)
    seen: list[FourCounts] = []
    for index, bucket in enumerate(buckets):
        seen.append(bucket)
        if walk.step(bucket) is FiredBy.CHANGE_DETECTOR:
            since = _likeliest_start(rule, seen)
            return RatioRuling(walk, sums_of(seen[since:]), at=index, since=since)
        if walk.fired is not None:
            return RatioRuling(walk, _all_of(walk), at=index)
    return RatioRuling(walk, _all_of(walk))


def sums_of(buckets: Iterable[FourCounts]) -> FourCounts:
    """The counts of some buckets together."""
    errors, requests, control_errors, control = (math.fsum(part) for part in zip(*buckets, strict=True))
    return errors, requests, control_errors, control


def _all_of(walk: RatioWalk) -> FourCounts:
    return walk.errors, walk.requests, walk.control_errors, walk.control_requests


def _likeliest_start(rule: RatioRule, buckets: Sequence[FourCounts]) -> int:
    """Index of the bucket at which the change most likely began, seen from the last one."""
    backward = RatioWalk(rule)
    best, best_evidence = len(buckets) - 1, 0.0
    for index in range(len(buckets) - 1, -1, -1):
        if min(buckets[index][1], buckets[index][3]) <= 0:
            continue
        backward.take(buckets[index])
        since = min(line.evidence for line in backward.lines)
        if since > best_evidence:
            best, best_evidence = index, since
    return best


def own_requests_to_decide(walk: RatioWalk) -> float | None:
    """About how many more of the own path's requests decide, if both rates stay; None where that is beyond telling.

    All exponents grow in proportion to the requests.
    """
    rule = walk.rule
    if walk.requests <= 0:
        return None
    against = [_factor(line.exponents(failing=True), rule.alpha_fail) for line in walk.lines]
    proving = [_factor(line.exponents(failing=False), rule.alpha_pass) for line in walk.lines]
    found = min(max(against), *proving)
    return (found - 1) * walk.requests if found <= _BEYOND_TELLING else None


_BEYOND_TELLING = 100.0
"""How many times what is known by now: a stage that needs more is as good as at its boundary."""


def _factor(exponents: Sequence[float], alpha: float) -> float:
    """The factor, at least 1, by which exponents must grow for their mixture to reach 1 / alpha; infinite if none."""

    def reached(factor: float) -> bool:
        weights = (weight for _, weight in ALTERNATIVES)
        return mixed(zip(weights, (factor * each for each in exponents), strict=True)) * alpha >= 1

    if max(exponents) <= 0:
        return math.inf
    most = 1.0
    while not reached(most):
        most *= 2
        if most > 2 * _BEYOND_TELLING:
            return math.inf
    least = most / 2 if most > 1 else 1.0
    for _ in range(30):
        middle = (least + most) / 2
        least, most = (least, middle) if reached(middle) else (middle, most)
    return most
