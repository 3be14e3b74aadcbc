"""From a plan's criteria to what the rule judges and what is asked of the metric source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rampart.evidence.compare import PARTS
from rampart.evidence.criteria import (
    CompareCriterion,
    CountCriterion,
    Criterion,
    RateCriterion,
    ReportedCriterion,
    Side,
    ValueCriterion,
)
from rampart.evidence.grid import DEFAULT_CLUMP
from rampart.evidence.series import Measured
from rampart.finding import Finding
from rampart.plan.criterion import Blame, CompareSpec, CountSpec, CriterionSpec, RateSpec, ReportedSpec, ValueSpec
from rampart.plan.model import Plan
from rampart.plan.query_lint import lint_compare, lint_count, lint_rate, lint_value


def query_key(name: str, part: str) -> str:
    """The key under which one query of a criterion is asked and answered."""
    return f"{name}/{part}"


def queries_of(plan: Plan) -> dict[str, str]:
    """Every query of a plan by its key; errors and total stand side by side so that one request serves both."""
    queries: dict[str, str] = {}
    for name, spec in plan.criteria.items():
        if isinstance(spec, RateSpec):
            queries |= {query_key(name, "errors"): spec.errors, query_key(name, "total"): spec.total}
            if spec.control_errors is not None and spec.control_total is not None:
                queries[query_key(name, "control_errors")] = spec.control_errors
                queries[query_key(name, "control_total")] = spec.control_total
        elif isinstance(spec, CompareSpec):
            queries |= {query_key(name, part): getattr(spec, part) for part in PARTS}
        elif isinstance(spec, CountSpec | ValueSpec):
            queries[query_key(name, "value")] = spec.query
    return queries


def query_findings(plan: Plan) -> list[Finding]:
    """Every query that would be answered and that doesn't mean what its criterion takes it for.

    It is asked before a start, and not part of the plan's validation: the plans of live rollouts are read again at each
    look, and must stay readable.
    """
    findings: list[Finding] = []
    for name, spec in plan.criteria.items():
        match spec:
            case RateSpec():
                queries = {part: query for part in PARTS if (query := getattr(spec, part)) is not None}
                if spec.control_total is not None:
                    findings += lint_compare(name, queries, bucket=plan.bucket)
                else:
                    findings += lint_rate(name, queries, above=spec.above is not None, bucket=plan.bucket)
            case CompareSpec():
                findings += lint_compare(name, {part: getattr(spec, part) for part in PARTS}, bucket=plan.bucket)
            case CountSpec():
                findings += lint_count(name, spec.query, bucket=plan.bucket)
            case ValueSpec():
                findings += lint_value(name, spec.query)
    return findings


def measured_for(name: str, answers: Mapping[str, Measured]) -> dict[str, Measured]:
    """The answers that belong to one criterion, by part."""
    prefix = query_key(name, "")
    return {key.removeprefix(prefix): measured for key, measured in answers.items() if key.startswith(prefix)}


_OF_MIXTURE = 0.8
"""The mixture's part of a chance of a false rollback; the change detector has the rest, as 5% and 1% are by default."""


def criteria_of(plan: Plan) -> dict[str, Criterion]:
    """A plan's criteria as the rule takes them, with the levels that its bound for the whole rollout leaves each."""
    share = plan.alpha_share
    criteria = {name: criterion_of(name, spec) for name, spec in plan.criteria.items()}
    if share is None:
        return criteria
    fail, detector = _OF_MIXTURE * share, 1 / ((1 - _OF_MIXTURE) * share)
    return {
        name: replace(each, alpha_fail=fail, detector=detector)
        if isinstance(each, RateCriterion | CompareCriterion)
        else each
        for name, each in criteria.items()
    }


def criterion_of(name: str, spec: CriterionSpec) -> Criterion:
    """One criterion as the rule takes it, with its own levels."""
    match spec:
        case RateSpec():
            side, bar = one_side(spec)
            return RateCriterion(
                name=name,
                bar=bar,
                side=side,
                clump=spec.clump if spec.clump is not None else DEFAULT_CLUMP,
                clump_source=spec.clump_source or ("default" if spec.clump is None else "declared"),
                scope=spec.scope,
                baseline=spec.baseline,
                usual=spec.history.rate if spec.history is not None else None,
                week=_week_counts(spec),
                flag_only=spec.blame is Blame.FLAG_ONLY,
                counts=spec.counts,
                alpha_fail=spec.alpha_fail,
                alpha_pass=spec.alpha_pass,
                detector=spec.detector,
            )
        case CompareSpec():
            return CompareCriterion(
                name=name,
                ratio=spec.at_most,
                floor=spec.ignore_below,
                clump=spec.clump if spec.clump is not None else DEFAULT_CLUMP,
                clump_source=spec.clump_source or ("default" if spec.clump is None else "declared"),
                baseline=spec.baseline,
                usual=spec.history.rate if spec.history is not None else None,
                is_concurrent=spec.is_concurrent,
                counts=spec.counts,
                alpha_fail=spec.alpha_fail,
                alpha_pass=spec.alpha_pass,
                detector=spec.detector,
            )
        case CountSpec():
            return CountCriterion(name=name, at_most=spec.at_most)
        case ValueSpec():
            side, bar = one_side(spec)
            return ValueCriterion(name=name, bar=bar, side=side, hold_for=spec.for_)
        case ReportedSpec():
            return ReportedCriterion(name=name, at_most=spec.at_most)


def _week_counts(spec: RateSpec) -> tuple[float, float] | None:
    kept = spec.history
    return (kept.errors, kept.requests) if kept is not None and kept.requests > 0 else None


def one_side(spec: RateSpec | ValueSpec) -> tuple[Side, float]:
    """On which side of which bar a criterion must stay; a plan's validation lets none pass without a bar."""
    if spec.below is not None:
        return Side.BELOW, spec.below
    if spec.above is None:
        raise ValueError("a one-sided criterion has no bar")
    return Side.ABOVE, spec.above
