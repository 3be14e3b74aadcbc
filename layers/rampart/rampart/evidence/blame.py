"""Whether a rate beyond its bar is the flag's fault: an outage that hits both paths takes no innocent flag down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from rampart.evidence.compare import PARTS
from rampart.evidence.criteria import CompareCriterion
from rampart.evidence.judgement import Judgement
from rampart.evidence.ratio import FourCounts, RatioRule, decide_ratio
from rampart.evidence.series import Measured, Series
from rampart.evidence.share import with_share
from rampart.evidence.sides import Sides, counts_of
from rampart.evidence.verdict import Verdict
from rampart.words import count, percent

if TYPE_CHECKING:
    from rampart.evidence.criteria import RateCriterion
    from rampart.evidence.window import Window

_NOTHING_ANSWERED = Series(())


def blamed(
    criterion: RateCriterion, judged: Judgement, measured: Mapping[str, Measured], window: Window, share: float
) -> Judgement:
    """A rate's judgement once its control was asked: a fail only where the new path is worse than it.

    A comparison at a ratio of 1 has to rule out that it is no worse. Without a control that could be asked, the bar
    alone decides, as it does at 100%: then nothing excuses the new path.
    """
    answers = [measured.get(part, _NOTHING_ANSWERED) for part in PARTS]
    series = [each for each in answers if isinstance(each, Series)]
    if len(series) < len(PARTS):
        return judged
    errors, total, control_errors, control_total = series
    sides = Sides.of((errors, total), (control_errors, control_total), window)
    return with_share(_excused(criterion, judged, sides, window), sides, share, criterion.counts)


def _excused(criterion: RateCriterion, judged: Judgement, sides: Sides, window: Window) -> Judgement:
    pairs = [counts_of(each) for each in sides.pairs]
    if judged.verdict is not Verdict.FAIL or not pairs:
        return judged
    equal = CompareCriterion(
        name=criterion.name,
        ratio=1.0,
        clump=criterion.clump,
        alpha_fail=criterion.alpha_fail,
        alpha_pass=criterion.alpha_pass,
        detector=criterion.detector,
    )
    ruling = decide_ratio(RatioRule.of(equal, window.planned_buckets), pairs)
    if ruling.at is not None:
        return judged
    told = f"{judged.message}; but both paths fail: {_control(criterion, ruling.counts)}, so the flag isn't to blame"
    return replace(judged, verdict=Verdict.INCONCLUSIVE, message=told)


def _control(criterion: RateCriterion, counts: FourCounts) -> str:
    rate = percent(counts[2] / counts[3], near=criterion.bar)
    return f"the control {rate} ({count(counts[2])} of {count(counts[3])})"
