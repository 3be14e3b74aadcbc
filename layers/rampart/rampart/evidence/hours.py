"""The hours of a history: the counts of each, and which of them cannot be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rampart.evidence.buckets import Bucket, Judgeable, joined
from rampart.evidence.series import Series
from rampart.words import count, moment

HOUR = 3600
"""Seconds."""


def hours_of(errors: Series, total: Series) -> Judgeable:
    """Join the two series of a rate hour by hour.

    A few successes that are counted in a later hour than their requests go back there; a whole hour's errors don't.
    """
    return joined(_known(errors), _known(total), before=lambda start: start - HOUR, whole=False)


def _known(series: Series) -> Iterator[tuple[int, float]]:
    return ((start, value) for start, value in series.points if value is not None)


def sums(hours: Iterable[Bucket]) -> tuple[float, float]:
    """Errors and requests of some hours together."""
    errors = requests = 0.0
    for hour in hours:
        errors += hour.errors
        requests += hour.requests
    return errors, requests


def stretches(hours: Sequence[Bucket]) -> int:
    """How many stretches of neighboring hours some hours make."""
    starts = sorted(hour.start for hour in hours)
    return sum(start - HOUR not in starts for start in starts)


def told(hours: Sequence[Bucket], *, counts: str) -> str:
    """Some hours in words: when, and how many of their requests were what `counts` says."""
    errors, requests = sums(hours)
    of = f"({count(errors)} of {count(requests)} {counts})"
    first = moment(min(hour.start for hour in hours))
    if len(hours) == 1:
        return f"{first} {of}"
    if stretches(hours) == 1:
        return f"{len(hours)} hours from {first} on {of}"
    return f"{len(hours)} hours in {stretches(hours)} stretches, the first at {first} {of}"
