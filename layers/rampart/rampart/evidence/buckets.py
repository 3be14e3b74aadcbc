"""From answers to buckets that can be judged: the taxonomy of absence and of contradiction.

answer                                          what becomes of it
not answered (refused, limited, malformed ...)  error: nothing is known
answered with no points, or only nulls          no_data; but an errors series without points is zero errors
null or 0 requests in a bucket, no errors       the bucket says nothing and is left out
null errors in a bucket with requests           zero errors: a counter that nobody raised sends nothing
errors without requests, or more than requests  error, unless the sound buckets fail anyhow
NaN, infinite, negative, not a number           error, unless the sound buckets fail anyhow
a bucket that is not whole yet, or too old      not judged
requests that stopped coming                    no_data, whatever went before; but a fail stays a fail
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rampart.evidence.series import AbsenceReason, Measured, Series, Unavailable
from rampart.evidence.window import Window
from rampart.evidence.words import count

LARGEST_COUNT = 2.0**53
"""Beyond this, floats do not count exactly any more."""

SILENCE_EXPECTS = 10.0
"""Requests that must be missing before a pause is called silence: by chance alone that is 1 in 22,000 (e^-10)."""
SILENCE_BUCKETS = 2
"""A single empty bucket may be merely late."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Counts of one bucket: start in epoch seconds, and 0 <= errors <= requests, requests > 0."""

    start: int
    errors: float
    requests: float


@dataclass(frozen=True, slots=True)
class Fault:
    """A bucket whose counts cannot be: its start in epoch seconds, and what is wrong, in words."""

    start: int
    what: str


@dataclass(frozen=True, slots=True)
class Judgeable:
    """The sound buckets of a window in ascending order, and the first of the others."""

    buckets: tuple[Bucket, ...]
    fault: Fault | None = None


def is_number(value: object) -> bool:
    """Whether a value is a finite number that floats can count; NaN compares as false and so is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST_COUNT


def judged_points(series: Series, window: Window) -> Iterator[tuple[int, float]]:
    """The points of whole buckets inside the window that say something, sound or not."""
    return ((start, value) for start, value in series.points if value is not None and window.holds(start))


def pair(errors: Series, total: Series, window: Window) -> Judgeable:
    """Join the two series of a rate bucket by bucket."""
    spoiled, asked = dict(judged_points(errors, window)), dict(judged_points(total, window))
    buckets: list[Bucket] = []
    fault: Fault | None = None
    for start in sorted(spoiled.keys() | asked.keys()):
        bad, requests = spoiled.get(start, 0), asked.get(start, 0)
        wrong = _contradiction(bad, requests)
        if wrong is not None:
            fault = fault or Fault(start, wrong)
        elif requests > 0:
            buckets.append(Bucket(start, float(bad), float(requests)))
    return Judgeable(tuple(buckets), fault)


def _contradiction(errors: float, requests: float) -> str | None:
    for what, value in (("errors", errors), ("requests", requests)):
        if not is_number(value):
            return f"the number of {what} is {value!r}, which cannot be counted"
        if value < 0:
            return f"the number of {what} is negative ({count(value)})"
    if errors > requests:
        return f"there were more errors ({count(errors)}) than requests ({count(requests)})"
    return None


def silence(buckets: tuple[Bucket, ...], window: Window) -> tuple[int, float] | None:
    """Since when requests stay away, in epoch seconds, and how many were to be expected; None while they come."""
    stopped = buckets[-1].start + window.bucket
    quiet = (window.end - stopped) // window.bucket
    pace = sum(bucket.requests for bucket in buckets) / ((stopped - window.start) / window.bucket)
    if quiet < SILENCE_BUCKETS or quiet * pace < SILENCE_EXPECTS:
        return None
    return stopped, quiet * pace


_ABSENCE = {
    AbsenceReason.REFUSED_QUERY: "the metric source refuses the query",
    AbsenceReason.REFUSED_CREDENTIALS: "the metric source refuses the credentials",
    AbsenceReason.RATE_LIMITED: "the metric source is asked too often and wants to be left alone for a while",
    AbsenceReason.UNREACHABLE: "the metric source does not answer",
    AbsenceReason.MALFORMED: "the answer cannot be understood",
    AbsenceReason.HIDDEN_ERROR: "the answer carries an error",
    AbsenceReason.NOT_ASKED: "there was no time left to ask",
}


def absence(*answers: Measured) -> str | None:
    """Why a criterion cannot be judged at all, in words; None where every question was answered."""
    for answer in answers:
        if isinstance(answer, Unavailable):
            return _ABSENCE[answer.reason] + (f" ({answer.detail})" if answer.detail else "")
    return None
