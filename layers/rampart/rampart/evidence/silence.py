"""What stopped: requests, errors, and numbers that freeze. Silence is not health, and it is not a fault either.

Whether something stopped is asked of its own pace. After K events in some time, the chance that none comes in a stretch
`more` times as long is (1 + more)^-K, for a steady pace that is known by those K only (a Poisson count whose rate has
a gamma distribution); so K * log(1 + more) is what the silence weighs. At 10 that is 1 in 22,000.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from rampart.evidence.buckets import Bucket

if TYPE_CHECKING:
    from rampart.evidence.criteria import RateCriterion
    from rampart.evidence.window import Window

SILENCE_EXPECTS = 10.0
"""Events that must be missing before a pause is called silence: by chance alone that is 1 in 22,000 (e^-10)."""
SILENCE_BUCKETS = 2
"""A single empty bucket may be merely late."""
_LEAST_CLUMPS = 3.0
"""With fewer causes of errors, a stage has no pace of its own yet."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Since when something stays away, in epoch seconds, and how much of it was to be expected since."""

    since: int
    expected: float


def weight(events: float, quiet: float, before: float) -> float:
    """How much a silence weighs, in events that are missing: `quiet` and `before` are lengths of the same kind."""
    return events * math.log1p(quiet / before) if before > 0 else 0.0


def requests_stopped(buckets: Sequence[Bucket], window: Window) -> Silence | None:
    """Since when requests stay away; None while they come.

    Their pace is taken as it was, however short it was known: few requests prove nothing, so nothing is lost by calling
    their silence early.
    """
    stopped = buckets[-1].start + window.width_at(buckets[-1].start)
    quiet = window.end - stopped
    expected = quiet * sum(bucket.requests for bucket in buckets) / (stopped - window.start)
    if quiet < SILENCE_BUCKETS * window.bucket or expected < SILENCE_EXPECTS:
        return None
    return Silence(stopped, expected)


def errors_stopped(criterion: RateCriterion, buckets: Sequence[Bucket], window: Window) -> Silence | None:
    """Since when errors stay away while requests go on; for a floor, what speaks against the stage.

    They are held to the stage's own pace, and where it has none yet to the usual rate, where one is known. None at all
    from the beginning, where nobody knows of any, is a service without errors. A rest that is not twice as long as the
    longest before it is nothing new, as with errors that come by day only.
    """
    wrong = [b.errors if criterion.fails_high else b.requests - b.errors for b in buckets]
    last = next((index for index in range(len(wrong) - 1, -1, -1) if wrong[index] > 0), -1)
    quiet = buckets[last + 1 :]
    if len(quiet) < SILENCE_BUCKETS:
        return None
    since = window.start if last < 0 else buckets[last].start + window.width_at(buckets[last].start)
    asked = [bucket.requests for bucket in buckets[: last + 1]]
    before, requests = sum(asked), sum(bucket.requests for bucket in quiet)
    causes = _causes(wrong[: last + 1], asked, criterion.clump)
    if causes >= _LEAST_CLUMPS:
        if requests < 2 * _longest_rest(wrong[: last + 1], asked):
            return None
        missing, pace = weight(causes, requests, before), sum(wrong) / before
    else:
        pace = criterion.usually_wrong
        missing = pace * requests / criterion.clump
    return Silence(since, pace * requests) if missing >= SILENCE_EXPECTS else None


def _causes(wrong: Sequence[float], requests: Sequence[float], clump: float) -> float:
    """How many causes the errors of some buckets have: fewer where they came in bursts than where they came steadily.

    A cause makes `clump` errors, or as many as the buckets differ by more than independent errors would (the index of
    dispersion). One incident in a day of good buckets has hardly a cause of its own, and nobody waits for the next.
    """
    errors, asked = sum(wrong), sum(requests)
    rate = errors / asked if asked > 0 else 0.0
    if not 0 < rate < 1:
        return errors / clump
    apart = sum((bad - rate * n) ** 2 for bad, n in zip(wrong, requests, strict=True))
    return errors / max(clump, apart / (rate * (1 - rate) * asked))


def _longest_rest(wrong: Sequence[float], requests: Sequence[float]) -> float:
    """The most requests in a row that went well, by whole buckets."""
    longest = rest = 0.0
    for bad, asked in zip(wrong, requests, strict=True):
        rest = 0.0 if bad else rest + asked
        longest = max(longest, rest)
    return longest


@dataclass(frozen=True, slots=True)
class _Rest:
    """A stretch of points that read one number."""

    value: float
    since: int
    seconds: int
    times: int


def frozen(points: Sequence[tuple[int, float]], window: Window) -> tuple[int, int] | None:
    """Since when a series that used to change reads one number only, in epoch seconds, and how many points do.

    What stopped are its changes. Where it rested at that number before, they are the times when it left it, for one
    spike makes many changes; elsewhere they are all of its changes. A series that never changed has none to miss; and a
    rest that is not twice as long as the longest before it is nothing new, as with a gauge that rests every night.
    """
    rests = _rests(points, window)
    if len(rests) < 2:
        return None
    newest, before = rests[-1], rests[:-1]
    if newest.seconds < 2 * max(rest.seconds for rest in before):
        return None
    like_it = [rest for rest in before if rest.value == newest.value]
    has_rested_there = any(rest.times >= SILENCE_BUCKETS for rest in like_it)
    left = like_it if has_rested_there else before
    quiet = newest.seconds - window.width_at(newest.since)
    if weight(len(left), quiet, sum(rest.seconds for rest in left)) < SILENCE_EXPECTS:
        return None
    return newest.since, newest.times


def _rests(points: Sequence[tuple[int, float]], window: Window) -> list[_Rest]:
    """The stretches in their order; their lengths are those of their buckets, for those of a long stage differ."""
    stretches = (list(stretch) for _, stretch in groupby(points, key=lambda point: point[1]))
    return [
        _Rest(each[0][1], each[0][0], sum(window.width_at(start) for start, _ in each), len(each)) for each in stretches
    ]
