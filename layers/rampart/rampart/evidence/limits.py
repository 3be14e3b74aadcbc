"""Judging everything that is no rate: a sum, a gauge with patience, and a number that a person reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rampart.evidence.buckets import SILENCE_BUCKETS, absence, is_number, judged_points
from rampart.evidence.judgement import Judgement, Kind
from rampart.evidence.series import Measured, Series
from rampart.evidence.verdict import Verdict
from rampart.evidence.words import count, moment, plain

if TYPE_CHECKING:
    from rampart.evidence.criteria import CountCriterion, ReportedCriterion, ValueCriterion
    from rampart.evidence.window import Window

Points = list[tuple[int, float]]


def judge_count(criterion: CountCriterion, measured: Measured, window: Window) -> Judgement:
    """Judge a sum over the stage's buckets: more than `at_most` fails, and so far no more passes.

    Silence is no zero, neither from the start nor from some bucket on: what counts rare events must itself show that
    somebody was counting, by a zero in every bucket. A count has no pace of its own by which to tell a pause from the
    end, so the newest buckets decide: two empty ones are silence, a single one may be merely late.
    """

    def say(verdict: Verdict, told: str, value: float | None = None) -> Judgement:
        message = f"{criterion.name} {told}"
        return Judgement(
            name=criterion.name, kind=Kind.COUNT, verdict=verdict, message=message, bar=criterion.at_most, value=value
        )

    if not isinstance(measured, Series):
        return say(Verdict.ERROR, f"could not be measured: {absence(measured)}")
    points = list(judged_points(measured, window))
    total = float(sum(value for _, value in points if is_number(value) and value > 0))
    if total > criterion.at_most:
        return say(Verdict.FAIL, f"{count(total)} is more than {count(criterion.at_most)}", total)
    fault = next((point for point in points if not (is_number(point[1]) and point[1] >= 0)), None)
    if fault is not None:
        return say(Verdict.ERROR, f"cannot be trusted: at {moment(fault[0])} it reads {fault[1]!r}, which is no count")
    if not points:
        return say(Verdict.NO_DATA, "has nothing to judge yet: no data is not zero")
    stopped = points[-1][0] + window.bucket
    if window.end - stopped >= SILENCE_BUCKETS * window.bucket:
        return say(Verdict.NO_DATA, f"has had no value since {moment(stopped)}: no data is not zero")
    return say(Verdict.PASS, f"{count(total)} is at most {count(criterion.at_most)}", total)


def judge_value(criterion: ValueCriterion, measured: Measured, window: Window) -> Judgement:
    """Judge a gauge: `hold_for` on the wrong side without a break fails, `hold_for` on the right side passes, now.

    A stretch is a run of judged points on one side, from the start of its first bucket to the end of its last; points
    that are further apart than `hold_for` belong to different stretches. One blip shorter than `hold_for` is no fail,
    and a value that is right only since a moment ago is no pass.
    """

    def say(verdict: Verdict, told: str, value: float | None = None) -> Judgement:
        message = f"{criterion.name} {told}"
        return Judgement(
            name=criterion.name, kind=Kind.VALUE, verdict=verdict, message=message, bar=criterion.bar, value=value
        )

    if not isinstance(measured, Series):
        return say(Verdict.ERROR, f"could not be measured: {absence(measured)}")
    points = list(judged_points(measured, window))
    patience = max(int(criterion.hold_for.total_seconds()), window.bucket)
    stretches = _stretches(criterion, [point for point in points if is_number(point[1])], window.bucket, patience)
    side, other = ("below", "above") if criterion.fails_high else ("above", "below")
    bar, long = plain(criterion.bar), f"{patience / 60:g} minutes"
    for stretch in stretches:
        if criterion.is_wrong(stretch[0][1]) and _length(stretch, window.bucket) >= patience:
            value = stretch[-1][1]
            return say(
                Verdict.FAIL,
                f"{plain(value)} is not {side} {bar}, since {moment(stretch[0][0])} ({long} or more)",
                value,
            )
    fault = next((point for point in points if not is_number(point[1])), None)
    if fault is not None:
        return say(Verdict.ERROR, f"cannot be trusted: at {moment(fault[0])} it reads {fault[1]!r}, which is no number")
    if not stretches or window.end - (stretches[-1][-1][0] + window.bucket) > patience:
        return say(Verdict.NO_DATA, f"has no value within the last {long}")
    newest = stretches[-1]
    value = newest[-1][1]
    if criterion.is_wrong(value):
        told = f"{plain(value)} is {other} {bar}, but not yet for {long}"
    elif _length(newest, window.bucket) < patience:
        told = f"{plain(value)} is {side} {bar}, but not yet for {long}"
    else:
        return say(Verdict.PASS, f"{plain(value)} is {side} {bar}", value)
    return say(Verdict.INCONCLUSIVE, told, value)


def _stretches(criterion: ValueCriterion, points: Points, bucket: int, patience: int) -> list[Points]:
    stretches: list[Points] = []
    for point in points:
        last = stretches[-1][-1] if stretches else None
        apart = last is None or point[0] - (last[0] + bucket) > patience
        if last is None or apart or criterion.is_wrong(point[1]) != criterion.is_wrong(last[1]):
            stretches.append([])
        stretches[-1].append(point)
    return stretches


def _length(stretch: Points, bucket: int) -> int:
    return stretch[-1][0] + bucket - stretch[0][0]


def judge_reported(criterion: ReportedCriterion, reported: float | None) -> Judgement:
    """Judge a number that a person attests; as long as nobody has said it, there is nothing to pass."""
    limit = count(criterion.at_most)
    value = None
    if reported is None:
        verdict, told = Verdict.NO_DATA, f"is not reported yet: say how many when approving (at most {limit})"
    elif not (is_number(reported) and reported >= 0):
        verdict, told = Verdict.ERROR, f"was reported as {reported!r}, which is no count"
    else:
        value = float(reported)
        failed = value > criterion.at_most
        verdict = Verdict.FAIL if failed else Verdict.PASS
        told = f"{count(value)} is {'more than' if failed else 'at most'} {limit}, as reported"
    message = f"{criterion.name} {told}"
    return Judgement(
        name=criterion.name, kind=Kind.REPORTED, verdict=verdict, message=message, bar=criterion.at_most, value=value
    )
