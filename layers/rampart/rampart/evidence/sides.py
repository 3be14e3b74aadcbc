"""The flag's own path and its control, bucket by bucket: what can be compared, and why it can't be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from rampart.evidence.buckets import Bucket, Judgeable, OddBucket, distrusted, is_untrustworthy, left_out, pair
from rampart.evidence.silence import errors_missing, requests_missing

if TYPE_CHECKING:
    from rampart.evidence.criteria import CompareCriterion
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
            requests_missing(self.own.buckets, window)
            or requests_missing(
                self.control.buckets,
                window,
                where=" on the control",
                never="has no requests on the control to compare with",
            )
            or ("has requests on both paths, but never in the same bucket" if not self.pairs else None)
            or errors_missing(criterion.own_errors, self.own.buckets, window)
            or self.control_errors_missing(criterion, window)
        )

    def control_errors_missing(self, criterion: CompareCriterion, window: Window) -> str | None:
        """That the control's errors stopped while its requests go on, in words; None where they come as usual."""
        return errors_missing(criterion.control_errors, self.control.buckets, window, where=" on the control")

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
