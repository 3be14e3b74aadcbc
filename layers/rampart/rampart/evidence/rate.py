"""Judging a rate criterion: from two answers to a judgement that says why."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from rampart.evidence.buckets import Bucket, Judgeable, absence, distrusted, pair
from rampart.evidence.criteria import Scope
from rampart.evidence.dilution import undiluted_interval
from rampart.evidence.interval import interval
from rampart.evidence.judgement import FiredBy, Judgement, Kind
from rampart.evidence.rule import RateRule, Ruling, decide, requests_to_decide
from rampart.evidence.series import Measured, Series
from rampart.evidence.silence import errors_missing, requests_missing
from rampart.evidence.verdict import Verdict
from rampart.words import count, moment, percent, percentage, rough_percent

if TYPE_CHECKING:
    from rampart.evidence.criteria import RateCriterion
    from rampart.evidence.window import Window


class EarlierLook(Protocol):
    """What a look at the same rate before left to go on from; gives what joining and walking all buckets gives."""

    def pair(self, errors: Series, total: Series, window: Window) -> Judgeable:
        """Join the two series, as `buckets.pair` does."""

    def decide(self, rule: RateRule, buckets: tuple[Bucket, ...]) -> Ruling:
        """Walk the buckets, as `rule.decide` does."""


def judge_rate(
    criterion: RateCriterion,
    errors: Measured,
    total: Measured,
    window: Window,
    share: float,
    earlier: EarlierLook | None = None,
) -> Judgement:
    """Judge errors out of requests; `share` is the flag's share of requests, a fraction.

    `earlier` spares the work that was done at an earlier look; without it, everything is done from the start.
    """
    if not (isinstance(errors, Series) and isinstance(total, Series)):
        return _unjudged(criterion, Verdict.ERROR, f"could not be measured: {absence(errors, total)}")
    evidence = pair(errors, total, window) if earlier is None else earlier.pair(errors, total, window)
    buckets = evidence.buckets
    rule = RateRule.of(criterion, window.planned_buckets)
    if earlier is None:
        ruling = decide(rule, ((bucket.errors, bucket.requests) for bucket in buckets))
    else:
        ruling = earlier.decide(rule, buckets)
    if ruling.walk.fired is not None and ruling.at is not None:
        since, at = buckets[ruling.since].start, buckets[ruling.at].start
        judged = _failed(criterion, ruling, since=since, at=at + window.width_at(at))
    elif (why_not := _why_unjudged(criterion, evidence, window)) is not None:
        judged = _unjudged(criterion, *why_not)
    else:
        judged = _undecided_or_passed(criterion, ruling, share)
    remark = "" if judged.verdict is Verdict.ERROR else evidence.remark  # an error speaks of them itself
    return replace(judged, message=judged.message + remark, left_out=len(evidence.odd))


def _why_unjudged(criterion: RateCriterion, evidence: Judgeable, window: Window) -> tuple[Verdict, str] | None:
    """The verdict and the words where the evidence cannot be judged; None where it can."""
    buckets = evidence.buckets
    if evidence.fault is not None:
        return Verdict.ERROR, distrusted(evidence.odd, len(buckets) + len(evidence.odd))
    missing = requests_missing(buckets, window) or errors_missing(criterion, buckets, window)
    return None if missing is None else (Verdict.NO_DATA, missing)


def _unjudged(criterion: RateCriterion, verdict: Verdict, told: str) -> Judgement:
    return Judgement(
        name=criterion.name,
        kind=Kind.RATE,
        verdict=verdict,
        message=f"{criterion.name} {told}",
        bar=criterion.bar,
        clump=criterion.clump,
        clump_source=criterion.clump_source,
    )


def _failed(criterion: RateCriterion, ruling: Ruling, *, since: int, at: int) -> Judgement:
    by_mixture = ruling.walk.fired is FiredBy.MIXTURE
    limits = ruling.walk.interval if by_mixture else None
    told = _sure(criterion, limits) if limits else f" since {moment(since)}, when it most likely changed"
    side = "above" if criterion.fails_high else "below"
    return Judgement(
        name=criterion.name,
        kind=Kind.RATE,
        verdict=Verdict.FAIL,
        message=f"{_observed(criterion, ruling)}{told}) is {side} {percent(criterion.bar, near=criterion.bar)}",
        bar=criterion.bar,
        test=ruling.walk.fired,
        errors=ruling.errors,
        requests=ruling.requests,
        value=ruling.errors / ruling.requests,
        interval=limits,
        since=None if by_mixture else since,
        decided_at=at,
        clump=criterion.clump,
        clump_source=criterion.clump_source,
    )


def _undecided_or_passed(criterion: RateCriterion, ruling: Ruling, share: float) -> Judgement:
    limits = ruling.walk.interval
    passed = ruling.walk.passes
    needed = None if passed else requests_to_decide(ruling.walk)
    possible, diluted = _of_new_path(criterion, limits, share)
    told = (_passing(criterion) if passed else _pending(criterion, needed)) + diluted
    return Judgement(
        name=criterion.name,
        kind=Kind.RATE,
        verdict=Verdict.PASS if passed else Verdict.INCONCLUSIVE,
        message=f"{_observed(criterion, ruling)}{_sure(criterion, limits)}) {told}",
        bar=criterion.bar,
        test=FiredBy.MIXTURE if passed else None,
        errors=ruling.errors,
        requests=ruling.requests,
        value=ruling.errors / ruling.requests,
        interval=limits,
        requests_needed=needed,
        clump=criterion.clump,
        clump_source=criterion.clump_source,
        new_path_limit=None if possible is None else possible[criterion.fails_high],
        new_path_interval=possible,
    )


def _observed(criterion: RateCriterion, ruling: Ruling) -> str:
    rate = percent(ruling.errors / ruling.requests, near=criterion.bar)
    return f"{criterion.name} {rate} ({count(ruling.errors)} of {count(ruling.requests)}"


def _sure(criterion: RateCriterion, limits: tuple[float, float]) -> str:
    sure = 1 - criterion.alpha_fail - criterion.alpha_pass
    lower, upper = (percent(limit, near=criterion.bar) for limit in limits)
    return f"; {rough_percent(sure)} sure it is between {lower} and {upper}"


def _passing(criterion: RateCriterion) -> str:
    return f"is {'below' if criterion.fails_high else 'above'} {percent(criterion.bar, near=criterion.bar)}"


def _pending(criterion: RateCriterion, needed: float | None) -> str:
    bar = percent(criterion.bar, near=criterion.bar)
    if needed is None:
        return f"is too close to {bar} to say on which side it lies"
    return f"is not decided against {bar}: about {count(math.ceil(needed))} more requests would decide, at this rate"


def _of_new_path(
    criterion: RateCriterion, limits: tuple[float, float], share: float
) -> tuple[tuple[float, float] | None, str]:
    """What a rate over everyone tells of the new path alone: between which rates its own lies, and that in words."""
    # Of people by name no one knows which share of the requests is theirs.
    if criterion.scope is not Scope.EVERYONE or not 0 < share < 1 or criterion.baseline is None:
        return None, ""
    found = undiluted_interval(limits, baseline=_baseline_limits(criterion), share=share)
    if found is None:
        baseline = percent(criterion.baseline, near=criterion.bar)
        return None, (
            f"; over everyone's requests, which are below the plan's baseline of {baseline}: "
            "this says nothing about the new code itself"
        )
    best, worst = (percent(each, near=criterion.bar) for each in found)
    flag_at = percentage(share * 100)
    told = f"; over everyone's requests, so with the flag at {flag_at} the new code"
    of = "of its own requests"
    if criterion.fails_high:
        many = f"as many as {worst}" if found[0] <= 0 else f"between {best} and {worst}"
        return found, f"{told} could be failing {many} {of}"
    few = f"in as few as {best}" if found[1] >= 1 else f"in between {best} and {worst}"
    return found, f"{told} could be succeeding {few} {of}"


def _baseline_limits(criterion: RateCriterion) -> tuple[float, float]:
    """Between which rates the baseline lies: as sure as the week before the start; without one, as the plan has it."""
    baseline = criterion.baseline or 0.0
    if criterion.week is None:
        return baseline, baseline
    errors, requests = (part / criterion.clump for part in criterion.week)
    low, high = (criterion.alpha_fail, criterion.alpha_pass)
    return interval(errors, requests, around=criterion.bar, alpha_low=low, alpha_high=high)
