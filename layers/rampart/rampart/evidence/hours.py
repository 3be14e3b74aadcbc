"""The hours of a history: the counts of each, and which of them cannot be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rampart.evidence.buckets import is_number
from rampart.evidence.series import Series
from rampart.evidence.straddle import Counts, give_back
from rampart.evidence.words import count, moment

HOUR = 3600
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Hour:
    """Counts of one hour: start in epoch seconds, and 0 <= errors <= requests, requests > 0."""

    start: int
    errors: float
    requests: float


@dataclass(frozen=True, slots=True)
class Hours:
    """A history in ascending order: the hours that can be judged, and those that contradict themselves, in words."""

    sound: tuple[Hour, ...]
    odd: tuple[tuple[int, str], ...] = ()

    @classmethod
    def of(cls, errors: Series, total: Series) -> Hours:
        """Join the two series of a rate hour by hour; hours without requests and errors say nothing.

        A few successes that are counted in a later hour than their requests go back there; a whole hour's errors don't.
        """
        spoiled, asked = dict(errors.points), dict(total.points)
        counts: dict[int, Counts] = {}
        odd: dict[int, str] = {}
        for start in sorted(spoiled.keys() | asked.keys()):
            bad, requests = spoiled.get(start), asked.get(start)
            k, n = 0 if bad is None else bad, 0 if requests is None else requests
            wrong = _no_count(k, n)
            if wrong is not None:
                odd[start] = wrong
            else:
                counts[start] = (float(k), float(n))
        give_back(counts, lambda start: start - HOUR, whole=False)
        for start, (k, n) in counts.items():
            if k > n:
                odd[start] = f"there were more errors ({count(k)}) than requests ({count(n)})"
        sound = (Hour(at, *each) for at, each in counts.items() if at not in odd and each[1] > 0)
        return cls(tuple(sound), tuple((start, odd[start]) for start in sorted(odd)))


def _no_count(errors: float, requests: float) -> str | None:
    for what, value in (("errors", errors), ("requests", requests)):
        if not is_number(value):
            return f"the number of {what} is {value!r}, which cannot be counted"
        if value < 0:
            return f"the number of {what} is negative ({count(value)})"
    return None


def sums(hours: Iterable[Hour]) -> tuple[float, float]:
    """Errors and requests of some hours together."""
    errors = requests = 0.0
    for hour in hours:
        errors += hour.errors
        requests += hour.requests
    return errors, requests


def stretches(hours: Sequence[Hour]) -> int:
    """How many stretches of neighboring hours some hours make."""
    starts = sorted(hour.start for hour in hours)
    return sum(start - HOUR not in starts for start in starts)


def told(hours: Sequence[Hour], *, counts: str) -> str:
    """Some hours in words: when, and how many of their requests were what `counts` says."""
    errors, requests = sums(hours)
    of = f"({count(errors)} of {count(requests)} {counts})"
    first = moment(min(hour.start for hour in hours))
    if len(hours) == 1:
        return f"{first} {of}"
    if stretches(hours) == 1:
        return f"{len(hours)} hours from {first} on {of}"
    return f"{len(hours)} hours in {stretches(hours)} stretches, the first at {first} {of}"
