"""How bad a failing criterion became: a fail is for good, and what comes after it may be far worse than it.

A person who lets a fail be has seen some number. The rule walks no further than to the bucket that decided, so what
comes later is judged again with the bar where that number ends: what fails there too is worse than it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from rampart.evidence.criteria import CountCriterion, Criterion, RateCriterion, ReportedCriterion, ValueCriterion, judge
from rampart.evidence.judgement import Judgement
from rampart.evidence.series import Measured
from rampart.evidence.verdict import Verdict
from rampart.evidence.window import Window

_MOST_STEPS = 10
"""Each step is a number that fails beyond the one before: a stage that got worse this often is bad enough."""


def limit_of(judgement: Judgement, *, falls: bool) -> float | None:
    """How bad a fail may be by what it shows: an interval's end away from the bar, or the value. `falls`: low fails."""
    lower, upper = judgement.interval or (judgement.value, judgement.value)
    return lower if falls else upper


def at_its_worst(
    criterion: Criterion,
    judged: Judgement,
    *,
    measured: Mapping[str, Measured],
    window: Window,
    share: float,
    limits: Iterable[float] = (),
) -> Judgement:
    """A fail as bad as it became by the end of the window, in the same words and what came later; else `judged`.

    It is worse where it fails beyond what it showed, or beyond one of `limits`, in the criterion's own unit, that it
    had not reached.
    """
    falls = _falls(criterion)
    worst, limits = judged, tuple(limits)
    for _ in range(_MOST_STEPS):
        own = limit_of(worst, falls=falls)
        bars = [bar for bar in (own, *limits) if bar is not None and not _is_worse(worst.value, bar, falls=falls)]
        stricter = _beyond(criterion, max(bars) if falls else min(bars)) if bars else None
        if stricter is None:
            break
        again = judge(stricter, measured=measured, window=window, share=share)
        if again.verdict is not Verdict.FAIL or not _is_worse(again.value, worst.value, falls=falls):
            break
        worst = again
    if worst is judged:
        return judged
    told = f"{judged.message}; it became worse: {worst.message}"
    return replace(judged, message=told, value=worst.value, interval=worst.interval)


def _falls(criterion: Criterion) -> bool:
    return isinstance(criterion, RateCriterion | ValueCriterion) and not criterion.fails_high


def _is_worse(value: float | None, than: float | None, *, falls: bool) -> bool:
    if value is None or than is None:
        return False
    return value < than if falls else value > than


def _beyond(criterion: Criterion, limit: float) -> Criterion | None:
    """The criterion with its bar at a limit that may be reached; None where nothing lies beyond."""
    match criterion:
        case RateCriterion():
            return replace(criterion, bar=limit) if 0 < limit < 1 else None
        case ValueCriterion():  # the bar itself is wrong, and the limit is not
            return replace(criterion, bar=math.nextafter(limit, math.inf if criterion.fails_high else -math.inf))
        case CountCriterion():
            return replace(criterion, at_most=limit)
        case ReportedCriterion():
            return None
