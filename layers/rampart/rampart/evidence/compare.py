"""Judging a compare criterion: from four answers to a judgement that says why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from rampart.evidence.buckets import absence
from rampart.evidence.judgement import FiredBy, Judgement, Kind
from rampart.evidence.ratio import RatioRule, RatioRuling, decide_ratio, own_requests_to_decide
from rampart.evidence.series import Measured, Series
from rampart.evidence.share import with_share
from rampart.evidence.sides import Sides, counts_of
from rampart.evidence.verdict import Verdict
from rampart.words import count, moment, percent, rough_percent, times

if TYPE_CHECKING:
    from rampart.evidence.criteria import CompareCriterion
    from rampart.evidence.ratio import FourCounts
    from rampart.evidence.window import Window

PARTS = ("errors", "total", "control_errors", "control_total")
"""What is asked: errors and requests of the flag's own path, then of the control."""
_NOTHING_ANSWERED = Series(())


def judge_compare(
    criterion: CompareCriterion, measured: Mapping[str, Measured], window: Window, share: float | None = None
) -> Judgement:
    """Judge the rate of the flag's own path against its control's, in the buckets in which both have requests.

    `share` is the flag's share of requests, a fraction: a share that is plainly another one passes nothing.
    """
    answers = [measured.get(part, _NOTHING_ANSWERED) for part in PARTS]
    if (why := absence(*answers)) is not None:
        return _unjudged(criterion, Verdict.ERROR, f"could not be measured: {why}")
    errors, total, control_errors, control_total = (each for each in answers if isinstance(each, Series))
    sides = Sides.of((errors, total), (control_errors, control_total), window)
    pairs = sides.pairs
    ruling = decide_ratio(RatioRule.of(criterion, window.planned_buckets), map(counts_of, pairs))
    missing = sides.missing(criterion, window)
    if ruling.at is not None and not _is_doubtful(criterion, sides, pairs[ruling.at][0].start, window):
        since, at = pairs[ruling.since][0].start, pairs[ruling.at][0].start
        judged = _failed(criterion, ruling, since=since, at=at + window.width_at(at))
    elif sides.fault is not None:
        judged = _unjudged(criterion, Verdict.ERROR, sides.fault)
    elif missing is not None:
        judged = _unjudged(criterion, Verdict.NO_DATA, missing)
    else:
        judged = _undecided_or_passed(criterion, ruling)
    remark = "" if judged.verdict is Verdict.ERROR else sides.remark  # an error speaks of them itself
    judged = replace(judged, message=judged.message + remark, left_out=len(sides.odd))
    if share is None or not criterion.is_concurrent:
        return judged
    return with_share(judged, sides, share, criterion.counts)


def _is_doubtful(criterion: CompareCriterion, sides: Sides, at: int, window: Window) -> bool:
    """Whether a fail rests on a control whose errors had stopped when it came, and have not come back.

    Without the control's errors, any error of the own path is infinitely many times more: a renamed tag would roll a
    healthy flag back.
    """
    if sides.control_errors_missing(criterion, window) is None:
        return False
    end = at + window.width_at(at)
    return sides.until(end).control_errors_missing(criterion, replace(window, end=end)) is not None


def _unjudged(criterion: CompareCriterion, verdict: Verdict, told: str) -> Judgement:
    return Judgement(
        name=criterion.name,
        kind=Kind.COMPARE,
        verdict=verdict,
        message=f"{criterion.name} {told}",
        bar=criterion.ratio,
        clump=criterion.clump,
        clump_source=criterion.clump_source,
    )


def _judged(criterion: CompareCriterion, verdict: Verdict, counts: FourCounts, told: str) -> Judgement:
    errors, requests, control_errors, control_requests = counts
    return replace(
        _unjudged(criterion, verdict, told),
        errors=errors,
        requests=requests,
        control_errors=control_errors,
        control_requests=control_requests,
    )


def _failed(criterion: CompareCriterion, ruling: RatioRuling, *, since: int, at: int) -> Judgement:
    walk, by_mixture = ruling.walk, ruling.walk.fired is FiredBy.MIXTURE
    limits = walk.interval if by_mixture else None
    value = walk.estimate if by_mixture else ratio_of(ruling.counts)
    sure = _sure(criterion, ruling, limits) if limits else f"; since {moment(since)}, when it most likely changed"
    above = f"is above {times(criterion.ratio)}"
    if criterion.floor is not None:
        above += f", and the rate is above {percent(criterion.floor, near=criterion.floor)}"
    told = f"{_observed(criterion, value, ruling.counts)}{sure}) {above}"
    return replace(
        _judged(criterion, Verdict.FAIL, ruling.counts, told),
        test=walk.fired,
        value=value,
        interval=limits,
        since=None if by_mixture else since,
        decided_at=at,
    )


def _undecided_or_passed(criterion: CompareCriterion, ruling: RatioRuling) -> Judgement:
    walk, limits = ruling.walk, ruling.walk.interval
    value, passing = walk.estimate, walk.passing
    needed = None if passing is not None else own_requests_to_decide(walk)
    if passing is None:
        told = _pending(criterion, needed, ruling)
    elif passing is walk.against_control:
        told = f"is below {times(criterion.ratio)}"
    else:
        floor = criterion.floor or 0.0
        told = f"does not matter: the rate is below {percent(floor, near=floor)}"
    observed = f"{_observed(criterion, value, ruling.counts)}{_sure(criterion, ruling, limits)})"
    return replace(
        _judged(
            criterion,
            Verdict.PASS if passing is not None else Verdict.INCONCLUSIVE,
            ruling.counts,
            f"{observed} {told}",
        ),
        test=None if passing is None else FiredBy.MIXTURE,
        value=value,
        interval=limits,
        requests_needed=needed,
    )


def ratio_of(counts: FourCounts) -> float | None:
    """How many times the control's rate the own one is, of all counts together; None where that isn't a number."""
    errors, requests, control_errors, control_requests = counts
    if control_errors <= 0 or requests <= 0:
        return None
    return (errors / requests) / (control_errors / control_requests)


def _observed(criterion: CompareCriterion, value: float | None, counts: FourCounts) -> str:
    errors, requests, control_errors, control_requests = counts
    at_boundary = max(criterion.floor or 0.0, criterion.ratio * control_errors / control_requests)
    near = min(0.5, at_boundary or 1 / control_requests)
    own, control = (percent(rate, near=near) for rate in (errors / requests, control_errors / control_requests))
    how_many = "" if value is None else f"{times(value, near=criterion.ratio)} "
    return (
        f"{how_many}({own}, {count(errors)} of {count(requests)}, against the control's {control}, "
        f"{count(control_errors)} of {count(control_requests)}"
    )


def _sure(criterion: CompareCriterion, ruling: RatioRuling, limits: tuple[float, float]) -> str:
    if not ruling.walk.weighed.both:
        return ""  # without any error, any ratio is possible
    sure = rough_percent(1 - criterion.alpha_fail - ruling.walk.rule.alpha_pass)
    lower, upper = (times(limit, near=criterion.ratio) for limit in limits)
    return f"; {sure} sure it is between {lower} and {upper}"


def _pending(criterion: CompareCriterion, needed: float | None, ruling: RatioRuling) -> str:
    bar = times(criterion.ratio)
    if needed is not None:
        more = f"about {count(math.ceil(needed))} more requests on the new path would decide, at these rates"
        return f"is not decided against {bar}: {more}"
    if ruling.counts[0] + ruling.counts[2] <= 0:
        return "is not decided: neither path has had an error yet"
    return f"is too close to {bar} to say on which side it lies"
