"""How bad a failing criterion became: a fail is final, and what comes after it may be far worse than it.

A person who lets a fail be has seen some number. The rule walks no further than to the bucket that decided, so what
comes later is judged again with the bar where that number ends: what fails there too is worse than it.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import replace

from rampart.evidence.buckets import is_number, judged_points
from rampart.evidence.criteria import (
    MOST_TIMES,
    CompareCriterion,
    CountCriterion,
    Criterion,
    RateCriterion,
    ReportedCriterion,
    ValueCriterion,
)
from rampart.evidence.judge import judge
from rampart.evidence.judgement import Judgement
from rampart.evidence.series import Measured, Series
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
    if judged.verdict is not Verdict.FAIL:
        return judged
    if isinstance(criterion, ValueCriterion):
        return _value_at_its_worst(criterion, judged, measured, window)
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


def _value_at_its_worst(
    criterion: ValueCriterion, judged: Judgement, measured: Mapping[str, Measured], window: Window
) -> Judgement:
    """A value's fail with the worst number that it kept to for `hold_for`: one blip isn't a fail, and none is worse.

    Its interval reaches from that number to the one that is shown, if that is worse still.
    """
    series, seen = measured.get("value"), judged.value
    if not isinstance(series, Series) or seen is None:
        return judged
    points = (float(value) for _, value in judged_points(series, window) if is_number(value))
    levels = sorted({value for value in points if criterion.is_wrong(value)}, reverse=not criterion.fails_high)

    def keeps(level: float) -> Judgement | None:
        again = judge(replace(criterion, bar=level), measured=measured, window=window)
        return again if again.verdict is Verdict.FAIL else None

    worst = levels[max(0, bisect_left(levels, 1, key=lambda level: int(keeps(level) is None)) - 1)]
    interval = (min(worst, seen), max(worst, seen))
    beyond = math.nextafter(seen, math.inf if criterion.fails_high else -math.inf)
    later = keeps(beyond) if _is_worse(worst, seen, falls=not criterion.fails_high) else None
    told = f"{judged.message}; it became worse: {later.message}" if later else judged.message
    return replace(judged, message=told, value=worst, interval=interval)


def _falls(criterion: Criterion) -> bool:
    return isinstance(criterion, RateCriterion) and not criterion.fails_high


def _is_worse(value: float | None, than: float | None, *, falls: bool) -> bool:
    if value is None or than is None:
        return False
    return value < than if falls else value > than


def _beyond(criterion: Criterion, limit: float) -> Criterion | None:
    """The criterion with its bar at a limit that may be reached; None where nothing lies beyond."""
    match criterion:
        case RateCriterion():
            return replace(criterion, bar=limit) if 0 < limit < 1 else None
        case CompareCriterion():
            return replace(criterion, ratio=limit) if 0 < limit <= MOST_TIMES else None
        case CountCriterion():
            return replace(criterion, at_most=limit)
        case ValueCriterion() | ReportedCriterion():
            return None
