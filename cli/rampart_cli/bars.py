"""The bars of a plan's criteria, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rampart.plan.model import CountSpec, RateSpec, ReportedSpec, ValueSpec
from rampart.words import exact_percent, plain

if TYPE_CHECKING:
    from rampart.plan.model import CriterionSpec


def bar_text(spec: CriterionSpec) -> str:
    """A criterion's bar in words: `below 1%`, `at most 0`."""
    match spec:
        case RateSpec() | ValueSpec():
            side, bar = ("below", spec.below) if spec.below is not None else ("above", spec.above)
            number = exact_percent(bar or 0.0) if isinstance(spec, RateSpec) else plain(bar or 0.0)
            return f"{side} {number}"
        case CountSpec() | ReportedSpec():
            return f"at most {plain(spec.at_most)}"
