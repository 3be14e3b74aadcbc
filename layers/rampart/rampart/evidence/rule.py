"""The rule for rates: a cumulative mixture and a change detector, on errors and requests bucket by bucket.

It remembers nothing between looks. A `Walk` goes through the buckets of a stage from the first one on; the same buckets
lead to the same place, in one go or step by step. The bar may change from bucket to bucket, as it does where the errors
of two paths are held against each other (`ratio`); a rate keeps one bar.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import exp, log
from operator import add, mul
from typing import TYPE_CHECKING

from rampart.evidence.grid import (
    ALTERNATIVES,
    BUCKET_CAP,
    LARGEST_BET,
    LARGEST_EXPONENT,
    LEAST_ERRORS,
    Coefficients,
    coefficients,
)
from rampart.evidence.interval import interval
from rampart.evidence.judgement import FiredBy
from rampart.evidence.mixture import evidence, exponents, exponents_at

if TYPE_CHECKING:
    from rampart.evidence.criteria import RateCriterion

_NO_BETS = (0.0,) * len(ALTERNATIVES)
_WEIGHTS = tuple(weight for _, weight in ALTERNATIVES)

Counts = tuple[float, float]
"""Errors and requests of one bucket."""


@dataclass(frozen=True)
class RateRule:
    """A rate criterion as the rule needs it: bar, alphas and clump, and the alarm level of the change detector."""

    bar: float
    fails_high: bool
    clump: float
    alpha_fail: float
    alpha_pass: float
    alarm: float
    """The detector alarms at this level; while the rate stays right, on average once in this many buckets at most."""

    @classmethod
    def of(cls, criterion: RateCriterion, planned_buckets: int) -> RateRule:
        """The rule for a criterion in a stage that is planned to last so many buckets."""
        return cls(
            bar=criterion.bar,
            fails_high=criterion.fails_high,
            clump=criterion.clump,
            alpha_fail=criterion.alpha_fail,
            alpha_pass=criterion.alpha_pass,
            alarm=criterion.detector * max(1, planned_buckets),
        )

    @cached_property
    def failing(self) -> Coefficients:
        """The alternatives on the wrong side of the bar."""
        return coefficients(self.bar, higher=self.fails_high)

    @cached_property
    def passing(self) -> Coefficients:
        """The alternatives on the right side of the bar."""
        return coefficients(self.bar, higher=not self.fails_high)

    @cached_property
    def expected_share(self) -> float:
        """The share of requests that is rarer at the bar: errors, or successes where the bar lies above one half."""
        return min(self.bar, 1 - self.bar)

    @cached_property
    def needed(self) -> float:
        """The logarithm that the evidence must reach to fail."""
        return -log(self.alpha_fail)

    def tempered(self, errors: float, requests: float, bar: float | None = None) -> Counts:
        """A bucket's counts as they weigh: divided by the clump, or by more where the bucket is too heavy.

        `bar` is the bucket's own, where it has one.

        Dividing whole clumps of up to that many requests, however dependent, leaves every guarantee as it is: the
        likelihood ratio of a clump's mean is at most the mean of its likelihood ratios, by convexity.
        """
        rarer = self.expected_share if bar is None else min(bar, 1 - bar)
        divisor = max(self.clump, requests * rarer / BUCKET_CAP)
        return errors / divisor, requests / divisor

    def mirrored(self) -> RateRule:
        """The same rule told about successes instead of errors."""
        return replace(self, bar=1 - self.bar, fails_high=not self.fails_high)

    def wrong(self, errors: float, requests: float) -> float:
        """How many requests speak against the stage: errors, or successes too few where the bar is a floor."""
        return errors if self.fails_high else requests - errors


@dataclass(slots=True)
class Walk:
    """Where the rule stands after some buckets of a stage.

    A fail is final: it is reached at one bucket and no later bucket takes it back, because nothing but the buckets
    may decide, and a look just then would have rolled the flag back. A pass is only ever said of the present.
    """

    rule: RateRule
    errors: float = 0.0
    requests: float = 0.0
    fired: FiredBy | None = None
    weighed_errors: float = 0.0
    weighed_requests: float = 0.0
    """Of the buckets that keep the rule's own bar."""
    bets: list[float] = field(default_factory=list)
    """What the change detector's bets are worth by now, for each alternative."""
    alarmed: bool = False
    """Whether the change detector is at its alarm now."""
    _failed_before: list[float] = field(default_factory=list)
    _passed_before: list[float] = field(default_factory=list)

    def step(self, errors: float, requests: float) -> FiredBy | None:
        """Take in one more bucket; returns the test by which the stage fails, if it does. Empty buckets say nothing."""
        if self.fired is not None or requests <= 0:
            return self.fired
        self.take(errors, requests)
        rule = self.rule
        if rule.wrong(self.errors, self.requests) < LEAST_ERRORS:
            return None
        went_wrong = rule.wrong(errors, requests) > 0  # where nothing did, the mixture only falls
        if went_wrong and self.rejects:
            self.fired = FiredBy.MIXTURE
        elif self.alarmed:
            self.fired = FiredBy.CHANGE_DETECTOR
        return self.fired

    def take(self, errors: float, requests: float, bar: float | None = None) -> Counts:
        """Count one more bucket, with a bar of its own where it has one, whatever it does to the verdict.

        Returns its counts as they weigh.
        """
        rule = self.rule
        light_errors, light_requests = rule.tempered(errors, requests, bar)
        self.errors += errors
        self.requests += requests
        if bar is None:
            self.weighed_errors += light_errors
            self.weighed_requests += light_requests
            self._detect(exponents(light_errors, light_requests, rule.failing))
            return light_errors, light_requests
        against = exponents_at(bar, light_errors, light_requests, higher=rule.fails_high)
        proving = exponents_at(bar, light_errors, light_requests, higher=not rule.fails_high)
        self._failed_before = list(map(add, self._failed_before, against)) if self._failed_before else against
        self._passed_before = list(map(add, self._passed_before, proving)) if self._passed_before else proving
        self._detect(against)
        return light_errors, light_requests

    @property
    def evidence(self) -> float:
        """The mixture against the stage."""
        return evidence(self.weighed_errors, self.weighed_requests, self.rule.failing, self._failed_before)

    @property
    def rejects(self) -> bool:
        """Whether the mixture says now that the stage is on the wrong side of its bar.

        A mixture is at most as large as its largest part, which spares most looks the rest.
        """
        if self._failed_before and not self.weighed_requests and max(self._failed_before) < self.rule.needed:
            return False
        return self.evidence * self.rule.alpha_fail >= 1

    @property
    def proof(self) -> float:
        """The mirrored mixture, for the stage."""
        return evidence(self.weighed_errors, self.weighed_requests, self.rule.passing, self._passed_before)

    def exponents(self, *, failing: bool) -> list[float]:
        """The logarithms of the likelihood ratios that either side is mixed of."""
        side, before = (self.rule.failing, self._failed_before) if failing else (self.rule.passing, self._passed_before)
        own = exponents(self.weighed_errors, self.weighed_requests, side)
        return list(map(add, own, before)) if before else own

    def _detect(self, ratios: Sequence[float]) -> None:
        """One step of the Shiryaev-Roberts e-detector: bets on a change are opened at every bucket and never closed.

        R <- (1 + R) * likelihood ratio, for each alternative. Before a change R minus the number of buckets is a
        supermartingale, so R reaches `alarm` within t buckets with a chance of at most t / alarm (Doob). Source:
        Shiryaev (1963), Roberts (1966); e-detectors in Shin, Ramdas and Rinaldo (2022). `ratios` are logarithms.
        """
        before = self.bets or _NO_BETS
        try:
            bets = [(1.0 + bet) * exp(ratio) for bet, ratio in zip(before, ratios, strict=True)]
        except OverflowError:
            bets = [(1.0 + bet) * exp(min(LARGEST_EXPONENT, ratio)) for bet, ratio in zip(before, ratios, strict=True)]
        total = sum(map(mul, _WEIGHTS, bets))
        self.bets = bets if total < LARGEST_BET else [min(LARGEST_BET, bet) for bet in bets]
        self.alarmed = total >= self.rule.alarm

    def skip(self, buckets: int, requests: float) -> None:
        """Take in some buckets of so many requests and no error each: as stepping through them, without their price.

        Only for rules that fail high: there, nothing fails where nothing goes wrong.
        """
        if buckets <= 0 or requests <= 0 or self.fired is not None:
            return
        _, light = self.rule.tempered(0, requests)
        self.requests += buckets * requests
        self.weighed_requests += buckets * light
        bets = self.bets or [0.0] * len(self.rule.failing)
        for index, (_, _, each_request) in enumerate(self.rule.failing):
            ratio = exp(-light * each_request)
            left = exp(-light * each_request * buckets)
            opened = ratio * (1 - left) / (1 - ratio) if ratio < 1 else float(buckets)
            bets[index] = bets[index] * left + opened
        self.bets = bets

    @property
    def passes(self) -> bool:
        """Whether the right side of the bar is proven now, and nothing failed."""
        return self.fired is None and self.proof * self.rule.alpha_pass >= 1

    @property
    def interval(self) -> tuple[float, float]:
        """The anytime-valid interval of the rate: beyond the bar exactly if the mixture fails or passes the stage."""
        rule = self.rule
        low, high = (rule.alpha_fail, rule.alpha_pass) if rule.fails_high else (rule.alpha_pass, rule.alpha_fail)
        lower, upper = interval(
            self.weighed_errors, self.weighed_requests, around=rule.bar, alpha_low=low, alpha_high=high
        )
        if rule.wrong(self.errors, self.requests) >= LEAST_ERRORS:
            return lower, upper
        return (0.0, upper) if rule.fails_high else (lower, 1.0)


def likeliest_start(rule: RateRule, buckets: Sequence[Counts]) -> int:
    """Index of the bucket at which the change most likely began, seen from the last one."""
    best, best_evidence = len(buckets) - 1, 0.0
    errors = requests = 0.0
    for index in range(len(buckets) - 1, -1, -1):
        light_errors, light_requests = rule.tempered(*buckets[index])
        errors += light_errors
        requests += light_requests
        since = evidence(errors, requests, rule.failing)
        if since > best_evidence:
            best, best_evidence = index, since
    return best


@dataclass(frozen=True, slots=True)
class Ruling:
    """Where a walk ended, and the counts that its end speaks of."""

    walk: Walk
    errors: float
    requests: float
    at: int | None = None
    """Index of the bucket that decided; None where the walk went to the end."""
    since: int = 0
    """Index of the first bucket counted: later than 0 only where the change detector fired."""


def decide(rule: RateRule, buckets: Iterable[Counts]) -> Ruling:
    """Walk the buckets up to the first fail; otherwise to the end."""
    walk = Walk(rule)
    seen: list[Counts] = []
    for index, (errors, requests) in enumerate(buckets):
        seen.append((errors, requests))
        if walk.step(errors, requests) is FiredBy.CHANGE_DETECTOR:
            since = likeliest_start(rule, seen)
            changed = seen[since:]
            return Ruling(walk, sum(k for k, _ in changed), sum(n for _, n in changed), at=index, since=since)
        if walk.fired is not None:
            return Ruling(walk, walk.errors, walk.requests, at=index)
    return Ruling(walk, walk.errors, walk.requests)


def requests_to_decide(walk: Walk) -> float | None:
    """About how many more requests decide if the rate stays as it is; None where that is beyond telling."""
    rule = walk.rule
    if walk.requests <= 0:
        return None
    rate = walk.weighed_errors / walk.weighed_requests
    right = rate < rule.bar if rule.fails_high else rate > rule.bar
    side, alpha = (rule.passing, rule.alpha_pass) if right else (rule.failing, rule.alpha_fail)

    def decided(more: float) -> bool:
        errors, requests = walk.weighed_errors + rate * more, walk.weighed_requests + more
        return evidence(errors, requests, side) * alpha >= 1

    most = 1.0
    while not decided(most):
        most *= 2
        if most * rule.expected_share > _BEYOND_TELLING:
            return None
    least = most / 2 if most > 1 else 0.0
    for _ in range(_HALVINGS):
        middle = (least + most) / 2
        least, most = (least, middle) if decided(middle) else (middle, most)
    return most * walk.requests / walk.weighed_requests


_BEYOND_TELLING = 1e5
"""Expected errors at the bar: a stage that needs more is as good as at the bar, where nothing is ever decided."""
_HALVINGS = 30
