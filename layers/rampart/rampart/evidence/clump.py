"""Measuring, before a rollout, how many requests one cause spoils."""

from __future__ import annotations

from dataclasses import dataclass

from rampart.evidence.buckets import is_number
from rampart.evidence.grid import DEFAULT_CLUMP
from rampart.evidence.series import Series

_HOUR = 3600
LEAST_ERRORS = 20
"""With fewer errors in the history, the measurement would be noise."""
LEAST_PAIRS = 24
LARGEST = 1000.0

HOUR_BY_HOUR = (-1, 1)
TWO_BY_TWO = (1, 1, -2, -2, 1, 1)


def estimate_clump(errors: Series, total: Series) -> tuple[float, str]:
    """The clump that a history of hourly counts shows, at least 1, and where the number comes from.

    It is the variance of an hour's errors over what independent errors would have. Differences of neighbouring hours
    measure it, so that a rate that rises and falls with the day does not count as clumps; shorter buckets would tear
    clumps apart. A clump that is spread over half an hour is still torn by the full hour as often as not, so the same
    is measured of pairs of hours, in second differences, which a steady rise leaves at zero. The larger of the two
    counts: to think clumps too small costs false rollbacks, too large only requests. Without enough history it is the
    default, and the source says so.
    """
    hours = _Hours.of(errors, total)
    rarer = min(hours.errors, hours.requests - hours.errors)
    if rarer < LEAST_ERRORS:
        return DEFAULT_CLUMP, f"default: only {rarer:g} errors in the history"
    hourly, pairs = hours.dispersion(HOUR_BY_HOUR)
    if pairs < LEAST_PAIRS:
        return DEFAULT_CLUMP, f"default: only {pairs} pairs of neighbouring hours in the history"
    paired, _ = hours.dispersion(TWO_BY_TWO)
    return min(LARGEST, max(1.0, hourly, paired)), f"measured from {len(hours.excess)} hours"


@dataclass(frozen=True, slots=True)
class _Hours:
    """The hours of a history that had requests: by their start, errors beyond the mean rate, and their variance."""

    errors: float
    requests: float
    excess: dict[int, float]
    variance: dict[int, float]
    """What independent errors would have."""

    @classmethod
    def of(cls, errors: Series, total: Series) -> _Hours:
        """Join the two series; unsound hours are left out."""
        bad = dict(errors.points)
        sound: dict[int, tuple[float, float]] = {}
        for start, n in total.points:
            k = bad.get(start) or 0.0
            if n is not None and is_number(n) and is_number(k) and 0 <= k <= n and n > 0:
                sound[start] = (k, n)
        k, n = (sum(each[part] for each in sound.values()) for part in (0, 1))
        rate = k / n if n else 0.0
        return cls(
            errors=k,
            requests=n,
            excess={start: k - rate * n for start, (k, n) in sound.items()},
            variance={start: rate * (1 - rate) * n for start, (_, n) in sound.items()},
        )

    def dispersion(self, contrast: tuple[int, ...]) -> tuple[float, int]:
        """Mean square of a contrast of successive hours over what independent errors would give, and from how many."""
        moved = expected = 0.0
        count = 0
        for start in self.excess:
            weighed = [(start + index * _HOUR, weight) for index, weight in enumerate(contrast)]
            if all(hour in self.excess for hour, _ in weighed):
                moved += sum(weight * self.excess[hour] for hour, weight in weighed) ** 2
                expected += sum(weight * weight * self.variance[hour] for hour, weight in weighed)
                count += 1
        return (moved / expected if expected > 0 else 0.0), count
