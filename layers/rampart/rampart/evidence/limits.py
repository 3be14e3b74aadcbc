"""Judging everything that isn't a rate: a sum, a gauge with patience, and a number that a person reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rampart.evidence.buckets import (
    OddBucket,
    absence,
    distrusted,
    is_number,
    is_untrustworthy,
    judged_points,
    left_out,
)
from rampart.evidence.judgement import Judgement, Kind
from rampart.evidence.series import Measured, Series
from rampart.evidence.silence import SILENCE_BUCKETS, frozen
from rampart.evidence.verdict import Verdict
from rampart.words import count, duration, moment, plain

if TYPE_CHECKING:
    from rampart.evidence.criteria import CountCriterion, ReportedCriterion, ValueCriterion
    from rampart.evidence.window import Window

Points = Sequence[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class _Found:
    """What was measured of a criterion: the points that can be judged, and those that cannot be."""

    name: str
    kind: Kind
    bar: float
    points: Points = ()
    odd: tuple[OddBucket, ...] = ()

    @property
    def distrust(self) -> str | None:
        """Why it cannot be trusted, in words; None where its odd points are left out, or where there are none."""
        if not is_untrustworthy([start for start, _ in self.points], [fault.start for fault in self.odd]):
            return None
        return distrusted(self.odd, len(self.points) + len(self.odd))

    def say(self, verdict: Verdict, told: str, value: float | None = None) -> Judgement:
        """The judgement, with what was left out; an error speaks of that itself."""
        remark = "" if verdict is Verdict.ERROR else left_out(self.odd, len(self.points) + len(self.odd))
        return Judgement(
            name=self.name,
            kind=self.kind,
            verdict=verdict,
            message=f"{self.name} {told}{remark}",
            bar=self.bar,
            value=value,
            left_out=len(self.odd),
        )


def judge_count(criterion: CountCriterion, measured: Measured, window: Window) -> Judgement:
    """Judge a sum over the stage's buckets: more than `at_most` fails, and so far no more passes.

    Silence isn't a zero, neither from the start nor from some bucket on: what counts rare events must itself show that
    someone was counting, by a zero in every bucket. Two empty buckets are silence, a single one may be merely late. A
    count that used to change and reads one number only, be it zero, has stopped too; one that was always zero is zero.
    """
    name, bar = criterion.name, criterion.at_most
    if not isinstance(measured, Series):
        return _Found(name, Kind.COUNT, bar).say(Verdict.ERROR, f"could not be measured: {absence(measured)}")
    found = _Found(name, Kind.COUNT, bar, *_sound(measured, window, _is_count, "isn't a count"))
    points, say = found.points, found.say
    total = float(sum(value for _, value in points))
    if total > criterion.at_most:
        return say(Verdict.FAIL, f"{count(total)} is more than {count(criterion.at_most)}", total)
    if (fault := found.distrust) is not None:
        return say(Verdict.ERROR, fault)
    if not points:
        return say(Verdict.NO_DATA, "has nothing to judge yet: no data is not zero")
    stopped = points[-1][0] + window.width_at(points[-1][0])
    if window.end - stopped >= SILENCE_BUCKETS * window.bucket:
        return say(Verdict.NO_DATA, f"has had no value since {moment(stopped)}: no data is not zero")
    per_bucket = [(start, value * window.bucket / window.width_at(start)) for start, value in points]
    if (still := _still(per_bucket, window)) is not None:
        return say(Verdict.NO_DATA, still)
    return say(Verdict.PASS, f"{count(total)} is at most {count(criterion.at_most)}", total)


def judge_value(criterion: ValueCriterion, measured: Measured, window: Window) -> Judgement:
    """Judge a gauge: `hold_for` on the wrong side without a break fails, `hold_for` on the right side passes, now.

    A stretch is a run of judged points on one side, from the start of its first bucket to the end of its last; points
    that are further apart than `hold_for` belong to different stretches. One blip shorter than `hold_for` isn't a fail,
    and a value that is right only since a moment ago isn't a pass. One that used to change and reads one number only is
    no data: its sender may have died.
    """
    name = criterion.name
    if not isinstance(measured, Series):
        return _Found(name, Kind.VALUE, criterion.bar).say(Verdict.ERROR, f"could not be measured: {absence(measured)}")
    found = _Found(name, Kind.VALUE, criterion.bar, *_sound(measured, window, is_number, "isn't a number"))
    points, say = found.points, found.say
    patience = max(int(criterion.hold_for.total_seconds()), window.bucket)
    stretches = _stretches(criterion, _fine_enough(points, window, patience), window, patience)
    side, other = ("below", "above") if criterion.fails_high else ("above", "below")
    bar, long = plain(criterion.bar), duration(patience)
    for stretch in stretches:
        if criterion.is_wrong(stretch[0][1]) and _length(stretch, window) >= patience:
            value, since = stretch[-1][1], moment(stretch[0][0])
            return say(
                Verdict.FAIL,
                f"{plain(value)} is not {side} {bar}, since {since} ({long} or more; a point, not a test)",
                value,
            )
    if (fault := found.distrust) is not None:
        return say(Verdict.ERROR, fault)
    if not stretches or window.end - _end(stretches[-1][-1][0], window) > patience:
        return say(Verdict.NO_DATA, f"has no value within the last {long}")
    if (still := _still(points, window)) is not None:
        return say(Verdict.NO_DATA, still)
    newest = stretches[-1]
    value = newest[-1][1]
    if criterion.is_wrong(value):
        told = f"{plain(value)} is {other} {bar}, but not yet for {long}"
    elif _length(newest, window) < patience:
        told = f"{plain(value)} is {side} {bar}, but not yet for {long}"
    else:
        return say(Verdict.PASS, f"{plain(value)} is {side} {bar} (a point, not a test)", value)
    return say(Verdict.INCONCLUSIVE, told, value)


def _is_count(value: object) -> bool:
    return isinstance(value, int | float) and is_number(value) and value >= 0


def _sound(
    series: Series, window: Window, is_sound: Callable[[object], bool], what: str
) -> tuple[Points, tuple[OddBucket, ...]]:
    """The points of a series that can be judged, and those that cannot be."""
    every = list(judged_points(series, window))
    points = [(start, float(value)) for start, value in every if is_sound(value)]
    odd = (OddBucket(start, f"it reads {value!r}, which {what}") for start, value in every if not is_sound(value))
    return points, tuple(odd)


def _still(points: Points, window: Window) -> str | None:
    """That a series froze at one number, in words; None while it changes as it used to."""
    found = frozen(points, window)
    if found is None:
        return None
    since, times = found
    told = f"has read {plain(points[-1][1])} and nothing else since {moment(since)} ({times} times)"
    return f"{told}, and used to change: is it still measured, or is it fixed?"


def _fine_enough(points: Points, window: Window, patience: int) -> Points:
    """The points that tell a stretch from a blip.

    A coarse bucket holds a mean, so that one blip of minutes can put hours on the wrong side. Those buckets are judged
    only by a patience for which what is fine would be too short: more than half of it.
    """
    if not window.coarse or 2 * patience > window.end - window.fine_from:
        return points
    return [(start, value) for start, value in points if start >= window.fine_from]


def _stretches(criterion: ValueCriterion, points: Points, window: Window, patience: int) -> Sequence[Points]:
    stretches: list[list[tuple[int, float]]] = []
    for point in points:
        last = stretches[-1][-1] if stretches else None
        apart = last is None or point[0] - _end(last[0], window) > patience
        if last is None or apart or criterion.is_wrong(point[1]) != criterion.is_wrong(last[1]):
            stretches.append([])
        stretches[-1].append(point)
    return stretches


def _length(stretch: Points, window: Window) -> int:
    return _end(stretch[-1][0], window) - stretch[0][0]


def _end(start: int, window: Window) -> int:
    return start + window.width_at(start)


def judge_reported(criterion: ReportedCriterion, reported: float | None) -> Judgement:
    """Judge a number that a person attests; as long as no one has said it, there is nothing to pass."""
    limit = count(criterion.at_most)
    value = None
    if reported is None:
        verdict, told = Verdict.NO_DATA, f"is not reported yet: say how many when approving (at most {limit})"
    elif not (is_number(reported) and reported >= 0):
        verdict, told = Verdict.ERROR, f"was reported as {reported!r}, which isn't a count"
    else:
        value = float(reported)
        failed = value > criterion.at_most
        verdict = Verdict.FAIL if failed else Verdict.PASS
        told = f"{count(value)} is {'more than' if failed else 'at most'} {limit}, as reported"
    message = f"{criterion.name} {told}"
    return Judgement(
        name=criterion.name, kind=Kind.REPORTED, verdict=verdict, message=message, bar=criterion.at_most, value=value
    )
