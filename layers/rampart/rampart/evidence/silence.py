"""What stopped: requests, errors, and numbers that freeze. Silence is not health, and it is not a fault either.

Whether something stopped is asked of its own pace. After K events in some time, the chance that none comes in a stretch
`more` times as long is (1 + more)^-K, for a steady pace that is known by those K only (a Poisson count whose rate has
a gamma distribution); so K * log(1 + more) is what the silence weighs. At 10 that is 1 in 22,000.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
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
    """Since when requests stay away; None while they come."""
    stopped = buckets[-1].start + window.width_at(buckets[-1].start)
    quiet = window.end - stopped
    expected = quiet * sum(bucket.requests for bucket in buckets) / (stopped - window.start)
    if quiet < SILENCE_BUCKETS * window.bucket or expected < SILENCE_EXPECTS:
        return None
    return Silence(stopped, expected)


def errors_stopped(criterion: RateCriterion, buckets: Sequence[Bucket], window: Window) -> Silence | None:
    """Since when errors stay away while requests go on; for a floor, what speaks against the stage.

    They are held to the stage's own pace, and where it has none yet to the usual rate, where one is known. None at all
    from the beginning, where nobody knows of any, is a service without errors.
    """
    wrong = [b.errors if criterion.fails_high else b.requests - b.errors for b in buckets]
    last = next((index for index in range(len(wrong) - 1, -1, -1) if wrong[index] > 0), -1)
    quiet = buckets[last + 1 :]
    if len(quiet) < SILENCE_BUCKETS:
        return None
    since = window.start if last < 0 else buckets[last].start + window.width_at(buckets[last].start)
    errors, before = sum(wrong), sum(bucket.requests for bucket in buckets[: last + 1])
    requests = sum(bucket.requests for bucket in quiet)
    if errors >= _LEAST_CLUMPS * criterion.clump:
        missing, pace = weight(errors / criterion.clump, requests, before), errors / before
    else:
        pace = criterion.usually_wrong
        missing = pace * requests / criterion.clump
    return Silence(since, pace * requests) if missing >= SILENCE_EXPECTS else None


def frozen(points: Sequence[tuple[int, float]]) -> tuple[int, int] | None:
    """Since when a series that used to change reads one number only, in epoch seconds, and how often it did.

    What stopped are its changes. One that never changed has none to miss; and a stretch that is not twice as long as
    the longest before it is nothing new, as with a gauge that mostly rests.
    """
    runs = [len(list(run)) for _, run in groupby(value for _, value in points)]
    if len(runs) < SILENCE_BUCKETS:
        return None
    newest, before = runs[-1], runs[:-1]
    changes = sum(1 for (_, one), (_, other) in pairwise(points) if one != other)
    if newest < 2 * max(before) or weight(changes, newest - 1, sum(before)) < SILENCE_EXPECTS:
        return None
    return points[-newest][0], newest
