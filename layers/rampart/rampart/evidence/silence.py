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
from rampart.words import count, moment, percent

if TYPE_CHECKING:
    from rampart.evidence.criteria import ErrorPace, RateCriterion
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


def requests_missing(
    buckets: Sequence[Bucket], window: Window, *, where: str = "", never: str = "has no requests to judge yet"
) -> str | None:
    """That there are no requests, or none any more, in words; None while they come."""
    if not buckets:
        return never
    quiet = requests_stopped(buckets, window)
    if quiet is None:
        return None
    expected = f"where about {count(round(quiet.expected))} were to be expected"
    return f"has had no requests{where} since {moment(quiet.since)}, {expected}"


def errors_missing(
    criterion: RateCriterion | ErrorPace, buckets: Sequence[Bucket], window: Window, *, where: str = ""
) -> str | None:
    """That errors stay away while requests go on, in words; None while they come as usual."""
    silent = errors_stopped(criterion, buckets, window) if buckets else None
    if silent is None:
        return None
    what = "errors" if criterion.fails_high else "failures"
    missing = f"0 where about {count(round(silent.expected))} were expected"
    if silent.since == window.start:
        usual = percent(criterion.usually_wrong, near=criterion.usually_wrong)
        told = f"at all: {missing}, at the usual {usual}; does the query find them, or is it fixed?"
    else:
        told = f"since {moment(silent.since)}: {what} stopped: {missing}; was a tag renamed, or is it fixed?"
    return f"has had no {what}{where} {told}"


def errors_stopped(criterion: RateCriterion | ErrorPace, buckets: Sequence[Bucket], window: Window) -> Silence | None:
    """Since when errors stay away while requests go on; for a floor, what speaks against the stage.

    They are held to the stage's own pace, and where it has none yet to the usual rate, where one is known. None at all
    from the beginning, where no one knows of any, is a service without errors. A rest that is not twice as long as the
    longest before it is nothing new, as with errors that come by day only. In a long stage the newest day has a pace of
    its own: errors of hours together differ as hours do, which reads as bursts, and those of minutes hardly.
    """
    wrong = [b.errors if criterion.fails_high else b.requests - b.errors for b in buckets]
    asked = [bucket.requests for bucket in buckets]
    quiet = next((index + 1 for index in range(len(wrong) - 1, -1, -1) if wrong[index] > 0), 0)
    if len(buckets) - quiet < SILENCE_BUCKETS:
        return None
    since = buckets[quiet - 1].start + window.width_at(buckets[quiet - 1].start) if quiet else window.start
    requests = sum(asked[quiet:])
    is_usual = requests < 2 * _longest_rest(wrong[:quiet], asked[:quiet])
    newest = next((index for index, bucket in enumerate(buckets) if bucket.start >= window.fine_from), quiet)
    for past in (slice(newest, quiet), slice(quiet)):
        causes, before = _causes(wrong[past], asked[past], criterion.clump), sum(asked[past])
        if causes >= _LEAST_CLUMPS and not is_usual and weight(causes, requests, before) >= SILENCE_EXPECTS:
            return Silence(since, sum(wrong[past]) / before * requests)
    expected = criterion.usually_wrong * requests if causes < _LEAST_CLUMPS else 0.0
    return Silence(since, expected) if expected / criterion.clump >= SILENCE_EXPECTS else None


def _causes(wrong: Sequence[float], requests: Sequence[float], clump: float) -> float:
    """How many causes the errors of some buckets have: fewer where they came in bursts than where they came steadily.

    A cause makes `clump` errors, or as many as the buckets differ by more than independent errors would (the index of
    dispersion). One incident in a day of good buckets has hardly a cause of its own, and no one waits for the next.
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
    Coarse buckets change less often than fine ones, for there are fewer, so each are a past of their own.
    """
    rests = _rests(points, window)
    if len(rests) < 2:
        return None
    newest, earlier = rests[-1], points[: -rests[-1].times]
    for span in window.spans:
        before = _rests([point for point in earlier if window.width_at(point[0]) == span.bucket], window)
        is_new = _is_new_to_coarse if span.bucket > window.bucket else _is_new
        if before and is_new(newest, before, window):
            return newest.since, newest.times
    return None


def _is_new(newest: _Rest, before: Sequence[_Rest], window: Window) -> bool:
    if newest.seconds < 2 * max(rest.seconds for rest in before):
        return False
    left = _left(newest, before)
    quiet = newest.seconds - window.width_at(newest.since)
    return weight(len(left), quiet, sum(rest.seconds for rest in left)) >= SILENCE_EXPECTS


def _is_new_to_coarse(newest: _Rest, before: Sequence[_Rest], window: Window) -> bool:
    """Whether coarse buckets tell what fine ones cannot any more, since the rest fills half of them or more.

    A day may be no longer than two or three coarse buckets, and what was told must not be forgotten until ten of them
    went by. So this asks how often a bucket was left (a beta-binomial count): two suffice after hundreds that all were.
    """
    if newest.seconds < (window.end - window.fine_from) / 2:
        return False
    quiet = (newest.seconds - window.width_at(newest.since)) / window.coarse
    if quiet < 2 * (max(rest.times for rest in before) - SILENCE_BUCKETS):  # two sums may be alike by chance
        return False
    left = _left(newest, before)
    stayed = sum(rest.times for rest in left) - len(left) + 0.5
    return _log_beta(stayed, len(left)) - _log_beta(stayed + quiet, len(left)) >= SILENCE_EXPECTS


def _log_beta(one: float, other: float) -> float:
    return math.lgamma(one) + math.lgamma(other) - math.lgamma(one + other)


def _left(newest: _Rest, before: Sequence[_Rest]) -> Sequence[_Rest]:
    """The rests before that a change ended: those at the same number, where it rested there, else all."""
    like_it = [rest for rest in before if rest.value == newest.value]
    return like_it if any(rest.times >= SILENCE_BUCKETS for rest in like_it) else before


def _rests(points: Sequence[tuple[int, float]], window: Window) -> list[_Rest]:
    """The stretches in their order; their lengths are those of their buckets, for those of a long stage differ."""
    stretches = (list(stretch) for _, stretch in groupby(points, key=lambda point: point[1]))
    return [
        _Rest(each[0][1], each[0][0], sum(window.width_at(start) for start, _ in each), len(each)) for each in stretches
    ]
