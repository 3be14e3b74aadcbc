"""The week before a start: what is pinned of it, why it may forbid the start, and what people are told about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rampart.evidence.clump import measure_clump
from rampart.evidence.criteria import RateCriterion, Scope
from rampart.evidence.history import Week, WeekTrouble, judge_week, outcome_of
from rampart.evidence.hours import told
from rampart.evidence.series import Measured, Series
from rampart.finding import Finding, FindingKind
from rampart.plan.model import HistoryHour, Plan, RateHistory, RateSpec
from rampart.plan.power import PowerLeft, power_left
from rampart.plan.queries import criteria_of, one_side, query_key
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

    A cohort has no counts before the flag is on, so its history stays None.
    """
    criteria = dict(plan.criteria)
    for name, criterion in _rates(plan).items():
        spec, answers = criteria[name], _answers(name, history)
        if answers is None or not isinstance(spec, RateSpec):
            continue
        changes: dict[str, object] = {}
        if spec.clump is None:
            measured = measure_clump(*answers, counts=outcome_of(criterion))
            changes |= {"clump": measured.clump, "clump_source": measured.source}
        if spec.scope is Scope.EVERYONE:
            changes["history"] = _pinned(judge_week(criterion, *answers))
        criteria[name] = spec.changed(**changes)
    return plan.changed(criteria=criteria)


def weeks_of(pinned: Plan, history: Mapping[str, Measured]) -> dict[str, Week]:
    """How the week before is judged, for each rate over everyone's requests; the clumps must be pinned.

    A total that found nothing at all is a problem of its own, and no week.
    """
    bucket = max(1, int(pinned.bucket.total_seconds()))
    weeks = {}
    for name, criterion in _rates(pinned).items():
        answers = _answers(name, history)
        if criterion.scope is not Scope.EVERYONE or answers is None:
            continue
        if any(value is not None for _, value in answers[1].points):
            weeks[name] = judge_week(criterion, *answers, bucket=bucket)
    return weeks


def week_in_words(spec: RateSpec) -> str | None:
    """What the week before the start showed of a rate, with the plan's baseline; None where nothing was kept."""
    kept, (_, bar) = spec.history, one_side(spec)
    if kept is None or not kept.requests:
        return None
    rate = percent(kept.errors / kept.requests, near=bar)
    says = "" if spec.baseline is None else f"; the plan says {percent(spec.baseline, near=bar)}"
    return f"{rate} in the week before ({count(kept.errors)} of {count(kept.requests)}){says}"


def week_problems(weeks: Mapping[str, Week]) -> Iterator[Finding]:
    """Every criterion whose week forbids the start."""
    for name, week in weeks.items():
        if week.flaw is not None:
            kind, part = _REFUSALS[week.flaw.trouble]
            yield kind.at(f"criteria.{name}{part}", week.flaw.what)


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
    said = []
    for name, criterion in _rates(pinned).items():
        week, spec = weeks.get(name), pinned.criteria[name]
        if week is None or not isinstance(spec, RateSpec):
            continue
        if _is_surprising(criterion, week):
            said.append(f"{name} was {week_in_words(spec)}")
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


def _answers(name: str, history: Mapping[str, Measured]) -> tuple[Series, Series] | None:
    errors, total = history.get(query_key(name, "errors")), history.get(query_key(name, "total"))
    return (errors, total) if isinstance(errors, Series) and isinstance(total, Series) else None


def _pinned(week: Week) -> RateHistory:
    out = tuple(HistoryHour(start=h.start, errors=h.errors, requests=h.requests) for h in week.left_out)
    return RateHistory(errors=week.errors, requests=week.requests, hours=week.hours, left_out=out)
