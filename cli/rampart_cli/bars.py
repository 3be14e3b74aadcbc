"""The bars of a plan's criteria, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rampart.plan.model import CountSpec, RateSpec, ReportedSpec, ValueSpec
from rampart.plan.quantities import format_fraction

if TYPE_CHECKING:
    from rampart.plan.model import CriterionSpec


def bar_text(spec: CriterionSpec) -> str:
    """A criterion's bar in words: `below 1%`, `at most 0`."""
    match spec:
        case RateSpec() | ValueSpec():
            side, bar = ("below", spec.below) if spec.below is not None else ("above", spec.above)
            number = format_fraction(bar or 0.0) if isinstance(spec, RateSpec) else f"{bar:g}"
            return f"{side} {number}"
        case CountSpec() | ReportedSpec():
            return f"at most {spec.at_most:g}"
