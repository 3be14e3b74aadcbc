"""The likeliest ratio of two rates and its interval: what any other ratio would say of the buckets of a comparison."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rampart.evidence.grid import ALTERNATIVES
from rampart.evidence.mixture import mixed

LARGEST_RATIO = 1000.0
"""A control without an error makes any ratio infinite: it is told as this, and no one needs to know it better."""
_SMALLEST_RATIO = 1e-6
_PRECISION = 1e-9
"""Of a ratio's logarithm."""
_GROUPS = 250
"""Groups of buckets that an interval is worked out from."""
_MOST_STEPS = 100


@dataclass(slots=True)
class Weighed:
    """The buckets that count for the ratio, as they weigh: enough to ask what any other ratio would say of them."""

    own: float = 0.0
    """Own errors."""
    both: list[float] = field(default_factory=list)
    """Errors of both paths, by bucket."""
    odds: list[float] = field(default_factory=list)
    """Own requests over the control's, by bucket."""

    def add(self, own: float, both: float, odds: float) -> None:
        """Add a bucket that has errors."""
        self.own += own
        self.both.append(both)
        self.odds.append(odds)

    def merged(self) -> Weighed:
        """The same with buckets of nearly the same odds put together, where there are very many.

        What is lost is of second order in the width of a group: less than a thousandth of the interval.
        """
        if len(self.both) <= 2 * _GROUPS:
            return self
        pairs = sorted(zip(self.odds, self.both, strict=True))
        size = -(-len(pairs) // _GROUPS)
        groups = [pairs[start : start + size] for start in range(0, len(pairs), size)]
        both = [sum([weight for _, weight in group]) for group in groups]
        mean = [sum([odds * weight for odds, weight in group]) for group in groups]
        return Weighed(self.own, both, [odds / weight for odds, weight in zip(mean, both, strict=True)])

    def evidence(self, ratio: float, *, higher: bool) -> float:
        """The logarithm of the mixture against a ratio: of higher ones, or of lower ones."""
        shares = [ratio * odds / (ratio * odds + 1.0) for odds in self.odds]
        exponents = []
        for alternative, _ in ALTERNATIVES:
            times = alternative if higher else 1 / alternative
            exponents.append(self.own * math.log(times) - _log_sum(self.both, shares, times - 1))
        largest = max(exponents)
        weights = (weight for _, weight in ALTERNATIVES)
        return largest + math.log(mixed((w, each - largest) for w, each in zip(weights, exponents, strict=True)))

    @property
    def estimate(self) -> float | None:
        """The ratio at which the own errors are as many as expected: the likeliest one, given all errors."""
        total = math.fsum(self.both)
        if total <= 0:
            return None
        if self.own <= 0:
            return 0.0
        if self.own >= total:
            return LARGEST_RATIO

        def too_few(log_ratio: float) -> float:
            ratio = math.exp(log_ratio)
            pairs = zip(self.both, self.odds, strict=True)
            return self.own - sum([both * ratio * odds / (ratio * odds + 1.0) for both, odds in pairs])

        mean_odds = math.fsum(map(math.prod, zip(self.both, self.odds, strict=True))) / total
        middle = math.log(self.own / (total - self.own) / mean_odds)
        return min(LARGEST_RATIO, math.exp(_crossing(too_few, *_around(too_few, middle))))

    def lower_end(self, alpha: float) -> float:
        """The least ratio that the mixture of higher ones does not reject."""
        return self._end(alpha, higher=True, none=0.0)

    def upper_end(self, alpha: float) -> float:
        """The greatest ratio that the mixture of lower ones does not reject."""
        return self._end(alpha, higher=False, none=LARGEST_RATIO)

    def _end(self, alpha: float, *, higher: bool, none: float) -> float:
        """Where rejection begins, going away from the estimate; `none` where it never does."""
        if not self.both:
            return none
        best = self.estimate or 0.0
        threshold = -math.log(alpha)
        away = -1 if higher else 1
        farthest = math.log(_SMALLEST_RATIO if higher else LARGEST_RATIO)

        def rejected(log_ratio: float) -> float:
            return self.evidence(math.exp(log_ratio), higher=higher) - threshold

        if best * away >= none * away or (best <= 0 and higher):
            return none
        best = max(best, _SMALLEST_RATIO)
        inside, value_inside = math.log(best), -threshold
        step = self._spread(best) * math.sqrt(2 * threshold)
        outside = inside + away * step
        while (value := rejected(outside)) < 0:
            if (outside - farthest) * away >= 0:
                return none
            step *= 2
            inside, value_inside, outside = outside, value, min(outside * away + step, farthest * away) * away
        return min(LARGEST_RATIO, math.exp(_crossing(rejected, (inside, value_inside), (outside, value))))

    def _spread(self, ratio: float) -> float:
        """About the standard error of the logarithm of the ratio: a first step, no more."""
        pairs = zip(self.both, self.odds, strict=True)
        information = sum([both * ratio * odds / (ratio * odds + 1.0) ** 2 for both, odds in pairs])
        return min(3.0, 1 / math.sqrt(information)) if information > 0 else 3.0


def _log_sum(weights: Sequence[float], shares: Sequence[float], excess: float) -> float:
    """The sum of weight * log(1 + excess * share)."""
    return sum([weight * math.log1p(excess * share) for weight, share in zip(weights, shares, strict=True)])


_Point = tuple[float, float]
"""Where a function was asked, and its value there."""


def _around(function: Callable[[float], float], middle: float) -> tuple[_Point, _Point]:
    """Two points, left and right of the middle, between which a falling function changes its sign."""
    left, right, step = middle - 0.01, middle + 0.01, 0.02
    while (at_left := function(left)) < 0:
        left, step = left - step, step * 2
    while (at_right := function(right)) > 0:
        right, step = right + step, step * 2
    return (left, at_left), (right, at_right)


def _crossing(function: Callable[[float], float], first: _Point, second: _Point) -> float:
    """Where a monotone function that changes its sign between two points is zero.

    Regula falsi with the Illinois step: Dowell and Jarratt (1971).
    """
    (one, at_one), (other, at_other) = first, second
    for _ in range(_MOST_STEPS):
        if at_one == at_other or abs(other - one) <= _PRECISION:
            break
        middle = (one * at_other - other * at_one) / (at_other - at_one)
        at_middle = function(middle)
        if at_middle == 0 or abs(middle - other) <= _PRECISION:
            return middle
        if (at_middle > 0) == (at_other > 0):
            at_one /= 2
        else:
            one, at_one = other, at_other
        other, at_other = middle, at_middle
    return other
