"""Judging one look after another at a window that grows: what they have in common is joined and walked once.

Every look is judged by its own evidence, as if there were no other. An earlier look's work is used only as far as the
evidence is the same, number by number, so it gives what judging from the first bucket on gives.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf
from operator import attrgetter, itemgetter, lt
from typing import Any

from rampart.evidence.buckets import Bucket, Judgeable, pair
from rampart.evidence.rule import RateRule, Ruling, Walk, decide
from rampart.evidence.series import Series
from rampart.evidence.window import Window

_STRIDE = 32
"""Buckets between two places from which a walk goes on where late data changed what follows."""

_Points = tuple[tuple[int, float | None], ...]


def shared(one: Sequence[Any], other: Sequence[Any]) -> int:
    """How many elements two sequences have in common from their beginning on."""
    least, most = 0, min(len(one), len(other)) + 1
    while most - least > 1:
        middle = most - 1 if least == 0 else (least + most) // 2  # as a rule one goes on where the other ended
        least, most = (middle, most) if one[least:middle] == other[least:middle] else (least, middle)
    return least


@dataclass(slots=True)
class Growing:
    """The newest look at one rate, from which the next goes on."""

    _joined: _Joined | None = None
    _walked: _Walked | None = None

    def pair(self, errors: Series, total: Series, window: Window) -> Judgeable:
        """Join the two series of a rate bucket by bucket, as `buckets.pair` does."""
        found = None if self._joined is None else self._joined.extended(errors, total, window)
        if found is None:
            found = pair(errors, total, window)
            self._joined = None
        if self._joined is not None or (_is_ascending(errors.points) and _is_ascending(total.points)):
            self._joined = _Joined(errors, total, window, found)
        return found

    def decide(self, rule: RateRule, buckets: Sequence[Bucket]) -> Ruling:
        """Walk the buckets up to the first fail, as `rule.decide` does."""
        if self._walked is None or self._walked.rule != rule:
            self._walked = _Walked(rule)
        return self._walked.on_to(buckets)


@dataclass(frozen=True, slots=True)
class _Joined:
    """The two series of a look, in ascending order, and what came of them."""

    errors: Series
    total: Series
    window: Window
    found: Judgeable

    def extended(self, errors: Series, total: Series, window: Window) -> Judgeable | None:
        """What comes of the series of a later look; None where that isn't what came before and the newest buckets."""
        if window.coarse or window.end < self.window.end or replace(window, end=self.window.end) != self.window:
            return None
        since = min(
            _differ_at(self.errors.points, errors.points),
            _differ_at(self.total.points, total.points),
            self.window.end - window.bucket + 1,  # what begins here or later was not whole then
        )
        older, newer = ([_since(each, since) for each in both] for both in ((self.errors, self.total), (errors, total)))
        # Errors beyond a bucket's requests are given back to an earlier one, maybe to one that would be kept.
        if _has_too_many(*older) or not all(map(_is_ascending, newer)):
            return None
        newest = pair(Series(newer[0]), Series(newer[1]), window)
        if newest.odd:
            return None
        kept = bisect_left(self.found.buckets, since, key=attrgetter("start"))
        odd = tuple(each for each in self.found.odd if each.start < since)
        return Judgeable((*self.found.buckets[:kept], *newest.buckets), odd)


def _since(series: Series, start: float) -> _Points:
    return series.points[bisect_left(series.points, start, key=itemgetter(0)) :]


def _has_too_many(errors: _Points, total: _Points) -> bool:
    asked = dict(total)
    return not all(value is None or value <= (asked.get(start) or 0.0) for start, value in errors)


def _differ_at(before: _Points, now: _Points) -> float:
    """The start of the first bucket of which two series tell something else."""
    same = shared(before, now)
    return min((start for start, _ in (*before[same:], *now[same:])), default=inf)


def _is_ascending(points: _Points) -> bool:
    starts = [start for start, _ in points]
    return all(map(lt, starts, starts[1:]))


@dataclass(slots=True)
class _Walked:
    """A walk that was made, with places on the way to go on from."""

    rule: RateRule
    buckets: Sequence[Bucket] = ()
    ruling: Ruling | None = None
    places: list[tuple[int, Walk]] = field(default_factory=list)

    def on_to(self, buckets: Sequence[Bucket]) -> Ruling:
        same = shared(self.buckets, buckets)
        self.buckets = buckets
        if self.ruling is None or self.ruling.at is None or self.ruling.at >= same:
            self.ruling = self._walk_from(same)
        return self.ruling

    def _walk_from(self, same: int) -> Ruling:
        while self.places and self.places[-1][0] > same:
            self.places.pop()
        begin, walk = self.places[-1] if self.places else (0, Walk(self.rule))
        walk = _copied(walk)
        for index, bucket in enumerate(self.buckets[begin:], start=begin + 1):
            if walk.step(bucket.errors, bucket.requests) is not None:
                # A fail is final, and says which buckets it speaks of.
                return decide(self.rule, ((each.errors, each.requests) for each in self.buckets))
            if index % _STRIDE == 0 or index == len(self.buckets):
                self.places.append((index, _copied(walk)))
        return Ruling(walk, walk.errors, walk.requests)


def _copied(walk: Walk) -> Walk:
    return replace(walk, bets=[*walk.bets])
