"""Which hours of a history are outages, and not how a service behaves.

Outages of the past say nothing of how errors hang together on a good day, and must not count when that is measured.
What is an outage is asked from outside in, so that many bad hours do not hide one another: take the most extreme hour
away, and the next, up to an eighth of all; then find the most hours of which no chance can be made responsible,
given the hours that are left. The counts of an hour are taken for clumps of ten requests or more, so that true clumps
are hardly ever mistaken for outages. Source of the procedure: Rosner (1983), the generalized extreme Studentized
deviate, with the tails of clumped counts in place of the normal's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from rampart.evidence.buckets import Bucket
from rampart.evidence.hours import stretches, sums
from rampart.evidence.poisson import at_least, at_most

MOST = 1 / 8
"""The most hours that may be left out, as a part of all: what is more frequent is how the service behaves."""
MOST_STRETCHES = 4
"""What comes back more often than this isn't an outage either: a nightly batch, a bot, the shape of the day."""
USUAL_CLUMP = 10.0
"""Clumps of so many requests are reckoned with, however even the other hours are."""
SAFETY = 2.0
"""Clumps are reckoned with that are so many times those of the other hours."""
RATIO = 2.0
"""An outage at least doubles the rate of the other hours, or halves it: less does not blind the rule."""
CHANCE = 1e-3
"""How often so many such hours may come by chance."""
ONCE = 0.1
"""How many hours of a history may be so extreme by chance, on average: else a large outage would carry others along."""


def outages(hours: Sequence[Bucket]) -> tuple[Bucket, ...]:
    """The hours that no chance explains, given the others, in ascending order; none where too many stand out."""
    history = _History(hours)
    if history.is_even():
        return ()
    found = 0
    for many in range(1, int(len(hours) * MOST) + 1):
        if history.leave_out_next() and history.is_beyond_chance():
            found = many
    return tuple(sorted(history.left_out[:found], key=lambda hour: hour.start))


class _History:
    """Hours of which more and more are left out, the most extreme first; errors are whichever outcome is rarer."""

    def __init__(self, hours: Sequence[Bucket]) -> None:
        errors, requests = sums(hours)
        self.mirrored = errors > requests / 2
        self.hours = len(hours)
        self.rest = list(hours)
        self.left_out: list[Bucket] = []
        self.errors = requests - errors if self.mirrored else errors
        self.requests = requests
        self.squares = math.fsum(self._rare(hour) ** 2 / hour.requests for hour in hours)

    def _rare(self, hour: Bucket) -> float:
        return hour.requests - hour.errors if self.mirrored else hour.errors

    @property
    def rate(self) -> float:
        """The rate of the hours that are left."""
        return self.errors / self.requests if self.requests else 0.0

    def is_even(self) -> bool:
        """Whether no hour can turn out to be an outage: a bound that saves the search for most histories."""
        if not self.rest:
            return True
        most = int(self.hours * MOST)
        fewest = min(hour.requests for hour in self.rest)
        counts = sorted(map(self._rare, self.rest))
        requests = sorted(hour.requests for hour in self.rest)
        left = self.requests - sum(requests[self.hours - most :])
        if left <= 0:
            return True
        least = (sum(counts[: self.hours - most]) + USUAL_CLUMP) / self.requests
        up = at_least(math.ceil(counts[-1] / USUAL_CLUMP), least * fewest / USUAL_CLUMP)
        down = math.exp(-self.errors / left * requests[-1] / USUAL_CLUMP)
        return min(up, down) * self.hours > ONCE

    def leave_out_next(self) -> bool:
        """Leave out the hour that lies farthest from the rate of the others; False where none would be left."""
        if len(self.rest) <= 1:
            return False
        rate = self.rate
        farthest = max(self.rest, key=lambda hour: abs(self._rare(hour) - rate * hour.requests) / hour.requests**0.5)
        self.rest.remove(farthest)
        self.left_out.append(farthest)
        errors = self._rare(farthest)
        self.errors -= errors
        self.requests -= farthest.requests
        self.squares -= errors**2 / farthest.requests
        return True

    def is_beyond_chance(self) -> bool:
        """Whether chance makes so many hours so extreme too seldom, if the hours that are left are how it is."""
        many = len(self.left_out)
        if stretches(self.left_out) > MOST_STRETCHES:
            return False
        clump = max(USUAL_CLUMP, SAFETY * self._dispersion())
        weakest = max(self._chance(hour, clump) for hour in self.left_out)
        return weakest * self.hours < ONCE and _this_often(many, self.hours, weakest) < CHANCE

    def _dispersion(self) -> float:
        """The variance of an hour's errors over what independent errors would have, around one rate for all hours."""
        rate = self.rate
        if not 0 < rate < 1:
            return 1.0
        return max(0.0, self.squares - self.errors * rate) / (rate * (1 - rate)) / max(1, len(self.rest) - 1)

    def _chance(self, hour: Bucket, clump: float) -> float:
        """The chance that an hour has so many errors, or so few, in clumps of so many requests."""
        errors, usual = self._rare(hour), self.rate * hour.requests
        if errors > usual:
            # One clump more than was seen: that none came in a short history does not say that none can.
            mean = (self.errors + clump) / self.requests * hour.requests
            return at_least(math.ceil(errors / clump), mean / clump) if errors >= RATIO * usual else 1.0
        return at_most(int(errors / clump), usual / clump) if errors <= usual / RATIO else 1.0


def _this_often(many: int, of: int, chance: float) -> float:
    """The chance that at least so many of some independent hours do what each does with a chance."""
    if not 0 < chance < 1:
        return chance
    log_choose = (math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1) for k in range(many, of + 1))
    each = (k * math.log(chance) + (of - k) * math.log1p(-chance) for k in range(many, of + 1))
    return min(1.0, math.fsum(math.exp(choose + one) for choose, one in zip(log_choose, each, strict=True)))
