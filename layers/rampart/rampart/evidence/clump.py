"""Measuring, before a rollout, how many requests one cause spoils."""

from __future__ import annotations

from rampart.evidence.buckets import is_number
from rampart.evidence.grid import DEFAULT_CLUMP
from rampart.evidence.series import Series

_HOUR = 3600
LEAST_ERRORS = 20
"""With fewer errors in the history, the measurement would be noise."""
LEAST_PAIRS = 24
LARGEST = 1000.0


def estimate_clump(errors: Series, total: Series) -> tuple[float, str]:
    """The clump that a history of hourly counts shows, at least 1, and where the number comes from.

    It is the variance of an hour's errors over what independent errors would have, from differences of neighbouring
    hours, so that a rate that rises and falls with the day does not count as clumps. Shorter buckets would tear clumps
    apart that are spread over minutes. Without enough history it is the default, and the source says so.
    """
    hours = _hours(errors, total)
    bad, requests = sum(k for k, _ in hours.values()), sum(n for _, n in hours.values())
    if bad < LEAST_ERRORS or requests - bad < LEAST_ERRORS:
        return DEFAULT_CLUMP, f"default: only {min(bad, requests - bad):g} errors in the history"
    rate = bad / requests
    moved = expected = 0.0
    pairs = 0
    for hour, (k, n) in hours.items():
        if hour + _HOUR in hours:
            next_k, next_n = hours[hour + _HOUR]
            moved += ((next_k - rate * next_n) - (k - rate * n)) ** 2
            expected += rate * (1 - rate) * (n + next_n)
            pairs += 1
    if pairs < LEAST_PAIRS or expected <= 0:
        return DEFAULT_CLUMP, f"default: only {pairs} pairs of neighbouring hours in the history"
    return min(LARGEST, max(1.0, moved / expected)), f"measured from {len(hours)} hours"


def _hours(errors: Series, total: Series) -> dict[int, tuple[float, float]]:
    """Errors and requests of the hours that had requests, in ascending order; unsound hours are left out."""
    bad = dict(errors.points)
    hours: dict[int, tuple[float, float]] = {}
    for start, requests in total.points:
        k = bad.get(start) or 0.0
        if requests is not None and is_number(requests) and is_number(k) and 0 <= k <= requests and requests > 0:
            hours[start] = (float(k), float(requests))
    return hours
