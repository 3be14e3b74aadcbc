"""From answers to buckets that can be judged: the taxonomy of absence and of contradiction.

answer                                          what becomes of it
not answered (refused, limited, malformed ...)  error: nothing is known
answered with no points, or only nulls          no_data; but an errors series without points is zero errors
null or 0 requests in a bucket, no errors       the bucket says nothing and is left out
null errors in a bucket with requests           zero errors: a counter that no one raised sends nothing
more errors than requests                       what is too much is taken for errors of the bucket before, if they fit
                                                there: a request is counted as it comes, an error as it ends; a few may
                                                belong still earlier, where the buckets between are full
still more errors than requests                 the bucket is odd: left out and counted
NaN, infinite, negative, not a number           the bucket is odd: left out and counted
odd buckets that are new or common              error, unless the sound buckets fail anyhow
a bucket that is not whole yet, or too old      not judged
requests that stopped coming                    no_data, whatever went before; but a fail stays a fail
errors that stopped while requests go on        no_data, unless none were to be expected
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from rampart.absence import AbsenceReason
from rampart.evidence.series import Measured, Series, Unavailable
from rampart.evidence.straddle import Counts, give_back
from rampart.evidence.window import Window
from rampart.words import count, moment

LARGEST_COUNT = 2.0**53
"""Beyond this, floats do not count exactly any more."""

MOST_ODD = 0.05
"""The most of a stage's buckets that may be odd: beyond it, the metric contradicts itself more than now and then."""
_NEWEST = 10
"""Of the newest buckets only one may be odd, or what began just now would stay unseen for as long as it is rare."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Counts of one bucket: start in epoch seconds, and 0 <= errors <= requests, requests > 0."""

    start: int
    errors: float
    requests: float


@dataclass(frozen=True, slots=True)
class OddBucket:
    """A bucket whose counts cannot be: its start in epoch seconds, and what is wrong, in words."""

    start: int
    what: str


@dataclass(frozen=True, slots=True)
class Judgeable:
    """The sound buckets of a window in ascending order, and those that are left out because they cannot be."""

    buckets: tuple[Bucket, ...]
    odd: tuple[OddBucket, ...] = ()

    @property
    def fault(self) -> OddBucket | None:
        """The first odd bucket, if the odd ones are new or common; None where they are left out and counted."""
        return self.odd[0] if is_untrustworthy([b.start for b in self.buckets], [f.start for f in self.odd]) else None

    @property
    def remark(self) -> str:
        """What was left out, in words that go on behind a verdict; empty where nothing was."""
        return left_out(self.odd, len(self.buckets) + len(self.odd))


def is_untrustworthy(sound: Sequence[int], odd: Sequence[int]) -> bool:
    """Whether the odd buckets, by their starts, are new or common.

    New is the newest of all, or two of the newest ten; common is more than one in twenty, and more than a single one. A
    single one that is over says nothing of the others.
    """
    if not odd:
        return False
    newest = sorted([*sound, *odd])[-_NEWEST:]
    among_newest = len(set(newest) & set(odd))
    is_new = newest[-1] in odd or among_newest > 1
    return is_new or (len(odd) > 1 and len(odd) > MOST_ODD * (len(sound) + len(odd)))


def distrusted(odd: Sequence[OddBucket], buckets: int) -> str:
    """What is said where the odd ones of so many buckets are new or common."""
    others = len(odd) - 1
    and_more = f", and {count(others)} more of {count(buckets)} buckets are odd" if others else ""
    return f"cannot be trusted: at {moment(odd[0].start)} {odd[0].what}{and_more}"


def left_out(odd: Sequence[OddBucket], buckets: int) -> str:
    """What is said of odd buckets that were left out."""
    if not odd:
        return ""
    first = odd[0]
    return f"; {len(odd)} of {count(buckets)} buckets left out: at {moment(first.start)} {first.what}"


def is_number(value: object) -> bool:
    """Whether a value is a finite number that floats can count; NaN compares as false and so is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST_COUNT


def judged_points(series: Series, window: Window) -> Iterator[tuple[int, float]]:
    """The points of whole buckets inside the window that say something, sound or not."""
    if window.coarse:
        return ((start, value) for start, value in series.points if value is not None and window.holds(start))
    first, last = window.start, window.end - window.bucket  # the same, without a call for each of thousands of points
    return ((start, value) for start, value in series.points if value is not None and first <= start <= last)


def pair(errors: Series, total: Series, window: Window) -> Judgeable:
    """Join the two series of a rate bucket by bucket."""
    return joined(
        judged_points(errors, window),
        judged_points(total, window),
        before=lambda start: start - window.width_at(start - 1),
    )


def joined(
    errors: Iterable[tuple[int, float]],
    total: Iterable[tuple[int, float]],
    *,
    before: Callable[[int], int],
    whole: bool = True,
) -> Judgeable:
    """Join errors and requests, each with the start of its bucket in epoch seconds; one without either says nothing.

    `before` gives the start of the bucket before, to which late errors go back: `whole` says whether all of them may,
    or only a few.
    """
    spoiled, asked = dict(errors), dict(total)
    counts: dict[int, Counts] = {}
    odd: dict[int, OddBucket] = {}
    for start in sorted(spoiled.keys() | asked.keys()):
        bad, requests = spoiled.get(start, 0.0), asked.get(start, 0.0)
        wrong = None if _are_counts(bad, requests) else _no_count(bad, requests)
        if wrong is not None:
            odd[start] = OddBucket(start, wrong)
        else:
            counts[start] = (float(bad), float(requests))
    give_back(counts, before, whole=whole)
    for start, (bad, requests) in counts.items():
        if bad > requests:
            told = f"there were more errors ({count(bad)}) than requests ({count(requests)})"
            odd[start] = OddBucket(start, told)
    sound = (Bucket(at, *each) for at, each in counts.items() if at not in odd and each[1] > 0)
    return Judgeable(tuple(sound), tuple(odd[start] for start in sorted(odd)))


def _are_counts(errors: float, requests: float) -> bool:
    """Whether two numbers are plainly counts, which nearly all are: asked first, since a stage has thousands."""
    are_floats = type(errors) is float and type(requests) is float
    return are_floats and 0 <= errors <= LARGEST_COUNT and 0 <= requests <= LARGEST_COUNT


def _no_count(errors: float, requests: float) -> str | None:
    """Why one of two numbers isn't a count at all, in words."""
    for what, value in (("errors", errors), ("requests", requests)):
        if not is_number(value):
            return f"the number of {what} is {value!r}, which cannot be counted"
        if value < 0:
            return f"the number of {what} is negative ({count(value)})"
    return None


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
