"""The flag's own path and its control, bucket by bucket: what can be compared, and why it can't be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from rampart.evidence.buckets import Bucket, Judgeable, OddBucket, distrusted, is_untrustworthy, left_out, pair
from rampart.evidence.silence import Silence, errors_stopped, requests_stopped
from rampart.words import count, moment, percent

if TYPE_CHECKING:
    from rampart.evidence.criteria import CompareCriterion, ErrorPace
    from rampart.evidence.ratio import FourCounts
    from rampart.evidence.series import Series
    from rampart.evidence.window import Window


@dataclass(frozen=True)
class Sides:
    """The sound buckets of both paths in a window; only those in which both have requests can be compared."""

    own: Judgeable
    control: Judgeable

    @classmethod
    def of(cls, own: tuple[Series, Series], control: tuple[Series, Series], window: Window) -> Sides:
        """Join the errors and totals of each path."""
        mine, theirs = pair(*own, window), pair(*control, window)
        odd = tuple(replace(each, what=f"on the control, {each.what}") for each in theirs.odd)
        return cls(mine, Judgeable(theirs.buckets, odd))

    @cached_property
    def pairs(self) -> list[tuple[Bucket, Bucket]]:
        """The buckets in which both have requests, in ascending order; one that is odd on one side counts on none."""
        control = {bucket.start: bucket for bucket in self.control.buckets}
        return [(bucket, control[bucket.start]) for bucket in self.own.buckets if bucket.start in control]

    @property
    def odd(self) -> tuple[OddBucket, ...]:
        """The buckets of either side that are left out because they cannot be, in ascending order."""
        return tuple(sorted((*self.own.odd, *self.control.odd), key=lambda each: each.start))

    @property
    def fault(self) -> str | None:
        """Why the counts cannot be trusted, in words; None where the odd ones are left out, or where there are none."""
        sound = [own.start for own, _ in self.pairs]
        if not is_untrustworthy(sound, [each.start for each in self.odd]):
            return None
        return distrusted(self.odd, len(sound) + len(self.odd))

    @property
    def remark(self) -> str:
        """What was left out, in words that go on behind a verdict; empty where nothing was."""
        return left_out(self.odd, len(self.pairs) + len(self.odd))

    def missing(self, criterion: CompareCriterion, window: Window) -> str | None:
        """What there is nothing of, or what stopped, in words; None where both paths have requests and errors as usual.

        Each of the four series is asked: requests and errors of the own path, and of the control.
        """
        return (
            _no_requests(self.own.buckets, "has no requests to judge yet", "has had no requests", window)
            or _no_requests(
                self.control.buckets,
                "has no requests on the control to compare with",
                "has had no requests on the control",
                window,
            )
            or ("has requests on both paths, but never in the same bucket" if not self.pairs else None)
            or _no_errors(self.own.buckets, criterion.own_errors, "", window)
            or self.control_errors_missing(criterion, window)
        )

    def control_errors_missing(self, criterion: CompareCriterion, window: Window) -> str | None:
        """That the control's errors stopped while its requests go on, in words; None where they come as usual."""
        return _no_errors(self.control.buckets, criterion.control_errors, " on the control", window)

    def until(self, end: int) -> Sides:
        """The same as it was known when the bucket that ends at `end` was the newest."""
        return Sides(
            Judgeable(tuple(each for each in self.own.buckets if each.start < end)),
            Judgeable(tuple(each for each in self.control.buckets if each.start < end)),
        )


def counts_of(pair_of_buckets: tuple[Bucket, Bucket]) -> FourCounts:
    """A bucket's four counts."""
    own, control = pair_of_buckets
    return own.errors, own.requests, control.errors, control.requests


def _no_requests(buckets: tuple[Bucket, ...], never: str, no_more: str, window: Window) -> str | None:
    if not buckets:
        return never
    quiet = requests_stopped(buckets, window)
    if quiet is None:
        return None
    expected = f"where about {count(round(quiet.expected))} were to be expected"
    return f"{no_more} since {moment(quiet.since)}, {expected}"


def _no_errors(buckets: tuple[Bucket, ...], pace: ErrorPace, where: str, window: Window) -> str | None:
    silent = errors_stopped(pace, buckets, window) if buckets else None
    return None if silent is None else _silence_in_words(silent, pace, where, window)


def _silence_in_words(silent: Silence, pace: ErrorPace, where: str, window: Window) -> str:
    missing = f"0 where about {count(round(silent.expected))} were expected"
    if silent.since == window.start:
        usual = percent(pace.usually_wrong, near=pace.usually_wrong)
        return f"has had no errors{where} at all: {missing}, at the usual {usual}; does the query find them?"
    since = moment(silent.since)
    return f"has had no errors{where} since {since}: {missing}; was a tag renamed, or is it fixed?"
