"""Measuring, before a rollout, how many requests one cause spoils."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rampart.evidence.buckets import Bucket
from rampart.evidence.grid import DEFAULT_CLUMP
from rampart.evidence.hours import HOUR, hours_of, sums, told
from rampart.evidence.outage import outages
from rampart.evidence.series import Series
from rampart.words import count

LEAST_ERRORS = 20
"""With fewer errors in the history, the measurement would be noise."""
LEAST_PAIRS = 24
LARGEST = 1000.0

HOUR_BY_HOUR = (-1, 1)
TWO_BY_TWO = (1, 1, -2, -2, 1, 1)


@dataclass(frozen=True, slots=True)
class Clump:
    """How many requests one cause spoils, where the number comes from in words, and the hours that did not count."""

    clump: float
    source: str
    left_out: tuple[Bucket, ...] = ()


def measure_clump(errors: Series, total: Series, *, counts: str = "failed") -> Clump:
    """The clump that a history of hourly counts shows, at least 1; `counts` says in a word what errors are.

    It is the variance of an hour's errors over what independent errors would have. Differences of neighboring hours
    measure it, so that a rate that rises and falls with the day does not count as clumps; shorter buckets would tear
    clumps apart. A clump that is spread over half an hour is still torn by the full hour as often as not, so the same
    is measured of pairs of hours, in second differences, which a steady rise leaves at zero. The larger of the two
    counts: to think clumps too small costs false rollbacks, too large only requests. Outages do not count: one bad
    hour would make the clump hundreds, and the rule blind. (A median of squares would not see them either, but of a
    few errors an hour it is zero.) Without enough history the clump is the default, and the source says so.
    """
    sound = hours_of(errors, total).buckets
    out = outages(sound)
    clump, source = _of_even_hours([hour for hour in sound if hour not in out])
    if out:
        source += f"; left out {told(out, counts=counts)}"
    return Clump(clump, source, out)


def _of_even_hours(hours: list[Bucket]) -> tuple[float, str]:
    errors, requests = sums(hours)
    rarer = min(errors, requests - errors)
    if rarer < LEAST_ERRORS:
        return DEFAULT_CLUMP, f"default: only {count(rarer)} errors in the history"
    scatter = _Scatter.of(hours)
    hourly, pairs = scatter.dispersion(HOUR_BY_HOUR)
    if pairs < LEAST_PAIRS:
        return DEFAULT_CLUMP, f"default: only {pairs} pairs of neighboring hours in the history"
    paired, _ = scatter.dispersion(TWO_BY_TWO)
    return min(LARGEST, max(1.0, hourly, paired)), f"measured from {len(hours)} hours"


@dataclass(frozen=True, slots=True)
class _Scatter:
    """By the start of each hour, errors beyond the mean rate, and their variance."""

    excess: dict[int, float]
    variance: dict[int, float]
    """What independent errors would have."""

    @classmethod
    def of(cls, hours: Iterable[Bucket]) -> _Scatter:
        counted = list(hours)
        errors, requests = sums(counted)
        rate = errors / requests
        return cls(
            excess={hour.start: hour.errors - rate * hour.requests for hour in counted},
            variance={hour.start: rate * (1 - rate) * hour.requests for hour in counted},
        )

    def dispersion(self, contrast: tuple[int, ...]) -> tuple[float, int]:
        """Mean square of a contrast of successive hours over what independent errors would give, and from how many."""
        moved = expected = 0.0
        pairs = 0
        for start in self.excess:
            weighed = [(start + index * HOUR, weight) for index, weight in enumerate(contrast)]
            if all(hour in self.excess for hour, _ in weighed):
                moved += sum(weight * self.excess[hour] for hour, weight in weighed) ** 2
                expected += sum(weight * weight * self.variance[hour] for hour, weight in weighed)
                pairs += 1
        return (moved / expected if expected > 0 else 0.0), pairs
