"""Judging a criterion of any kind."""

from __future__ import annotations

from collections.abc import Mapping

from rampart.evidence.blame import blamed
from rampart.evidence.compare import judge_compare
from rampart.evidence.criteria import (
    CompareCriterion,
    CountCriterion,
    Criterion,
    RateCriterion,
    ReportedCriterion,
    ValueCriterion,
)
from rampart.evidence.judgement import Judgement
from rampart.evidence.limits import judge_count, judge_reported, judge_value
from rampart.evidence.rate import judge_rate
from rampart.evidence.series import Measured, Series
from rampart.evidence.window import Window

_NOTHING_ANSWERED = Series(())


def judge(
    criterion: Criterion,
    *,
    measured: Mapping[str, Measured],
    window: Window,
    reported: float | None = None,
    share: float = 1.0,
) -> Judgement:
    """Judge one criterion by what was measured in a window.

    `measured` holds `errors` and `total` for a rate, for a compare `control_errors` and `control_total` too, `value`
    for a count or a value, nothing for what people report.
    `share` is the flag's share of requests, a fraction. Everything is computed again from the window's buckets, so that
    late data, missed looks and restarts leave no trace, and stored evidence gives the stored judgement again.
    """
    match criterion:
        case RateCriterion():
            errors, total = measured.get("errors", _NOTHING_ANSWERED), measured.get("total", _NOTHING_ANSWERED)
            judged = judge_rate(criterion, errors, total, window, share)
            return blamed(criterion, judged, measured, window, share) if criterion.flag_only else judged
        case CompareCriterion():
            return judge_compare(criterion, measured, window, share)
        case CountCriterion():
            return judge_count(criterion, measured.get("value", _NOTHING_ANSWERED), window)
        case ValueCriterion():
            return judge_value(criterion, measured.get("value", _NOTHING_ANSWERED), window)
        case ReportedCriterion():
            return judge_reported(criterion, reported)
