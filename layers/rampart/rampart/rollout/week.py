"""The week before a start: what is pinned of it, why it may forbid the start, and what people are told about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rampart.evidence.clump import measure_clump
from rampart.evidence.criteria import CompareCriterion, RateCriterion, Scope, Side
from rampart.evidence.history import Week, WeekTrouble, judge_week, outcome_of
from rampart.evidence.hours import told
from rampart.evidence.series import Measured, Series
from rampart.finding import Finding, FindingKind
from rampart.plan.criterion import CompareSpec, HistoryHour, RateHistory, RateSpec, TestedSpec
from rampart.plan.model import Plan
from rampart.plan.power import PowerLeft, power_left
from rampart.plan.queries import criteria_of, query_key
from rampart.rollout import refusals
from rampart.words import count, moment, percent

_FAR = 2.0
"""A week whose rate is so many times the plan's baseline, or so many times less, is worth a sentence."""

_REFUSALS: Mapping[WeekTrouble, tuple[FindingKind, str]] = {
    WeekTrouble.CONTRADICTS: (refusals.HISTORY_CONTRADICTS, ".errors"),
    WeekTrouble.FINDS_NOTHING: (refusals.ERRORS_FIND_NOTHING, ".errors"),
    WeekTrouble.FAILS: (refusals.FAILS_WITHOUT_FLAG, ""),
    WeekTrouble.STOPPED: (refusals.ERRORS_STOPPED, ".errors"),
}


def with_measured_clumps(plan: Plan, history: Mapping[str, Measured]) -> Plan:
    """The plan with what the week before shows: each rate's clump (declared, else measured, else 3) and counts.

    Of a comparison it is the control that has a week before; the new path has had no requests yet. A cohort
    has no counts before the flag is on, so its history stays None.
    """
    criteria = dict(plan.criteria)
    for name, criterion in _in_the_week(plan).items():
        spec, answers = criteria[name], _answers(plan, name, history)
        if answers is None or not isinstance(spec, TestedSpec):
            continue
        changes: dict[str, object] = {}
        if spec.clump is None:
            measured = measure_clump(*answers, counts=outcome_of(criterion))
            changes |= {"clump": measured.clump, "clump_source": measured.source}
        if criterion.scope is Scope.EVERYONE:
            changes["history"] = _pinned(judge_week(criterion, *answers))
        criteria[name] = spec.changed(**changes)
    return plan.changed(criteria=criteria)


def weeks_of(pinned: Plan, history: Mapping[str, Measured]) -> dict[str, Week]:
    """How the week before is judged, for each rate over everyone's requests and each control; clumps must be pinned.

    A total that found nothing at all is a problem of its own, and no week.
    """
    bucket = max(1, int(pinned.bucket.total_seconds()))
    weeks = {}
    for name, criterion in _in_the_week(pinned).items():
        answers = _answers(pinned, name, history)
        if criterion.scope is not Scope.EVERYONE or answers is None:
            continue
        if any(value is not None for _, value in answers[1].points):
            weeks[name] = judge_week(criterion, *answers, bucket=bucket)
    return weeks


def week_in_words(spec: RateSpec | CompareSpec) -> str | None:
    """What the week before showed of a rate or a control, with the plan's baseline; None where nothing was kept."""
    kept = spec.history
    if kept is None or not kept.requests:
        return None
    if isinstance(spec, CompareSpec):
        bar = _near(spec)
    else:
        bar = (spec.below if spec.below is not None else spec.above) or 0.5
    rate = percent(kept.errors / kept.requests, near=bar)
    says = "" if spec.baseline is None else f"; the plan says {percent(spec.baseline, near=bar)}"
    return f"{rate} in the week before ({count(kept.errors)} of {count(kept.requests)}){says}"


def week_problems(plan: Plan, weeks: Mapping[str, Week]) -> Iterator[Finding]:
    """Every criterion whose week forbids the start."""
    controls = {name for name, spec in plan.criteria.items() if isinstance(spec, CompareSpec)}
    for name, week in weeks.items():
        if week.flaw is not None:
            kind, part = _REFUSALS[week.flaw.trouble]
            where = part.replace(".", ".control_") if name in controls else part
            yield kind.at(f"criteria.{name}{where}", week.flaw.what)


def power_of(pinned: Plan, weeks: Mapping[str, Week]) -> list[PowerLeft]:
    """The power that is left with the pinned clumps, for each rate whose traffic is known from the plan or the week."""
    left = []
    for name, criterion in _rates(pinned).items():
        week = weeks.get(name)
        traffic = pinned.traffic or (week.requests / week.hours if week and week.hours else None)
        if traffic:
            left.append(power_left(pinned, criterion, traffic))
    return left


def notes(pinned: Plan, weeks: Mapping[str, Week]) -> list[str]:
    """What people should read at the start: surprising rates, hours that were left out, and the power that is left."""
    said = [f"{name} is only tried out (on_fail: tell)" for name, spec in pinned.criteria.items() if not spec.binds]
    for name, criterion in _in_the_week(pinned).items():
        week, spec = weeks.get(name), pinned.criteria[name]
        if week is None or not isinstance(spec, RateSpec | CompareSpec):
            continue
        if _is_surprising(criterion, week):
            whose = ": the control" if isinstance(spec, CompareSpec) else ""
            said.append(f"{name}{whose} was {week_in_words(spec)}")
        if week.fixed_since is not None:
            what = "errors" if criterion.fails_high else "failures"
            when = moment(week.fixed_since)
            said.append(
                f"{name} has had no {what} since {when}, as the plan's baseline says; only what came since counts"
            )
        if week.left_out:
            out = told(week.left_out, counts=outcome_of(criterion))
            said.append(f"{name}: left out of the week before, and of its clump: {out}")
    return said + [str(each) for each in power_of(pinned, weeks)]


def _is_surprising(criterion: RateCriterion, week: Week) -> bool:
    """Whether the rate is far from the baseline, and not by chance; of a floor, what is missing is compared."""
    rate, baseline = week.rate, criterion.baseline
    if rate is None or baseline is None or week.limits[0] <= baseline <= week.limits[1]:
        return False
    if not criterion.fails_high:
        rate, baseline = 1 - rate, 1 - baseline
    return rate >= _FAR * baseline or rate <= baseline / _FAR


def _rates(plan: Plan) -> dict[str, RateCriterion]:
    return {name: each for name, each in criteria_of(plan).items() if isinstance(each, RateCriterion)}


def _in_the_week(plan: Plan) -> dict[str, RateCriterion]:
    """What the week before says something of: the rates, and the rate of each control, without a bar."""
    return _rates(plan) | {
        name: RateCriterion(
            name=name,
            bar=_NO_BAR,
            side=Side.BELOW,
            clump=each.clump,
            clump_source=each.clump_source,
            scope=Scope.EVERYONE,
            baseline=each.baseline,
        )
        for name, each in criteria_of(plan).items()
        if isinstance(each, CompareCriterion)
    }


_NO_BAR = 0.999
"""A rate that no control has: only what is absurd in a week refuses a start then."""


def _near(spec: CompareSpec) -> float:
    """The rate that a control's is written as fine as."""
    kept = spec.history
    rate = spec.baseline or (kept.rate if kept is not None else None) or 0.01
    return min(0.5, spec.at_most * rate)


def _answers(plan: Plan, name: str, history: Mapping[str, Measured]) -> tuple[Series, Series] | None:
    prefix = "control_" if isinstance(plan.criteria[name], CompareSpec) else ""
    errors, total = (history.get(query_key(name, f"{prefix}{part}")) for part in ("errors", "total"))
    return (errors, total) if isinstance(errors, Series) and isinstance(total, Series) else None


def _pinned(week: Week) -> RateHistory:
    out = tuple(HistoryHour(start=h.start, errors=h.errors, requests=h.requests) for h in week.left_out)
    return RateHistory(errors=week.errors, requests=week.requests, hours=week.hours, left_out=out)
