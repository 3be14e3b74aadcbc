"""The bars of a plan's criteria, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rampart.plan.criterion import CompareSpec, CountSpec, RateSpec, ReportedSpec, ValueSpec
from rampart.plan.queries import one_side
from rampart.words import exact_percent, plain, times

if TYPE_CHECKING:
    from rampart.plan.criterion import CriterionSpec


def bar_text(spec: CriterionSpec) -> str:
    """A criterion's bar in words: `below 1%`, `at most 1.5x the control's rate`, `at most 0`."""
    match spec:
        case RateSpec() | ValueSpec():
            side, bar = one_side(spec)
            return f"{side} {exact_percent(bar) if isinstance(spec, RateSpec) else plain(bar)}"
        case CompareSpec():
            told = f"at most {times(spec.at_most)} the control's rate"
            return told if spec.ignore_below is None else f"{told}, from {exact_percent(spec.ignore_below)} on"
        case CountSpec() | ReportedSpec():
            return f"at most {plain(spec.at_most)}"
