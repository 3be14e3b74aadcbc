"""What a plan should hear before it starts: criteria that can decide nothing, or that say less than they seem to."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from rampart.evidence.criteria import RateCriterion, Scope
from rampart.evidence.dilution import diluted, least_share, undiluted
from rampart.evidence.power import StageTraffic, healthy_rate, limit_without_errors, pass_chance
from rampart.evidence.rule import RateRule
from rampart.finding import Finding, FindingKind, Severity
from rampart.plan.model import Plan
from rampart.plan.queries import criteria_of
from rampart.plan.stage import Stage
from rampart.plan.window import planned_window
from rampart.words import chance, count, percent, percentage, short_duration

_LIKELY = 0.5
"""A healthy flag should pass at least this often, or people are asked about noughts."""
_WORTHLESS = 0.5
"""A pass that lets the new path fail this often says nothing of it."""
_LEAST_BUCKETS = 2
"""With fewer, no one can tell a stage that fell silent from one that is late."""

_COHORT = "Measure only the requests that the flag is on for (scope: cohort)"
_LONGER = "Hold it longer, raise its percentage, or expect to approve it undecided, with a note"


def _warning(code: str, means: str, fix: str) -> FindingKind:
    return FindingKind(code, means, fix, severity=Severity.WARNING)


BASELINE_BEYOND_BAR = _warning(
    "baseline_beyond_bar",
    "A criterion fails without the flag too.",
    "Choose another bar, or fix what fails today first",
)
NO_TRAFFIC = _warning(
    "no_traffic",
    "Without traffic, nothing can be said about what the stages can decide.",
    "Say how many requests come at 100%: traffic: 400/hour",
)
BUCKET_TOO_WIDE = _warning(
    "bucket_too_wide",
    "A stage is over before there is enough to judge.",
    "Make the buckets smaller (bucket: 5m), or hold it longer",
)
CANNOT_FIRE = _warning("cannot_fire", "A stage is too small to break a bar over everyone's requests.", _COHORT)
PASS_MEANS_NOTHING = _warning(
    "pass_means_nothing", "A pass over everyone's requests says nothing about the new code.", _COHORT
)
AUDIENCE_UNSEEN = _warning(
    "audience_unseen", "A criterion over everyone's requests can't see the people whom a stage names.", _COHORT
)
CANNOT_PROVE = _warning("cannot_prove", "A stage has too few requests to prove its bar.", _LONGER)
CANNOT_DECIDE = _warning("cannot_decide", "A healthy flag seldom passes in a stage this small.", _LONGER)


def warnings(plan: Plan) -> list[Finding]:
    """Every stage and rate criterion that cannot decide or tell."""
    return list(_warnings(plan))


def _warnings(plan: Plan) -> Iterator[Finding]:
    rates = rate_criteria(plan)
    beyond = {criterion.name for criterion in rates if is_baseline_beyond_bar(criterion)}
    for criterion in rates:
        if criterion.name in beyond:
            told = (
                f"the baseline of {_rate(criterion.baseline or 0.0, criterion)} is not {_bar(criterion)}: "
                f"{criterion.name} fails without the flag too"
            )
            yield BASELINE_BEYOND_BAR.at(f"criteria.{criterion.name}.baseline", told)
    if rates and plan.traffic is None:
        yield NO_TRAFFIC.at("traffic")
    for index, stage in enumerate(plan.stages):
        yield from _too_wide(plan, stage, f"stages.{index}")
        for criterion in rates:
            if criterion.name in beyond:
                continue  # no hold and no share helps
            path = f"stages.{index} / criteria.{criterion.name}"
            if stage.members:
                yield from _unseen(stage, criterion, path)
                continue
            yield from _dilution(stage, criterion, path)
            if plan.traffic is not None:
                yield from _power(stage_traffic(plan, stage, plan.traffic), criterion, path)


def _unseen(stage: Stage, criterion: RateCriterion, path: str) -> Iterator[Finding]:
    """What a stage for people by name can't show, since no one knows which share of the requests is theirs."""
    if criterion.scope is Scope.EVERYONE:
        told = f"{criterion.name} counts everyone's requests: it says nothing about those of {stage.reach}"
        yield AUDIENCE_UNSEEN.at(path, told)


def is_baseline_beyond_bar(criterion: RateCriterion) -> bool:
    """Whether a criterion fails without the flag already."""
    if criterion.baseline is None:
        return False
    return criterion.baseline >= criterion.bar if criterion.fails_high else criterion.baseline <= criterion.bar


def rate_criteria(plan: Plan) -> list[RateCriterion]:
    """The plan's criteria that are judged statistically."""
    return [criterion for criterion in criteria_of(plan).values() if isinstance(criterion, RateCriterion)]


def stage_traffic(plan: Plan, stage: Stage, requests_per_hour: float) -> StageTraffic:
    """A stage as the statistics see it."""
    return StageTraffic(stage.label, stage.exposure, requests_per_hour, planned_window(plan, stage))


def _too_wide(plan: Plan, stage: Stage, path: str) -> Iterator[Finding]:
    window = planned_window(plan, stage)
    if window.buckets >= _LEAST_BUCKETS:
        return
    width = short_duration(window.bucket)
    told = (
        f"{stage.label} is held for {stage.hold}: less settle ({short_duration(plan.settle)}) and lag "
        f"({short_duration(plan.lag)}), {'only one' if window.buckets else 'no'} whole bucket of {width} may be left "
        "to judge"
    )
    yield BUCKET_TOO_WIDE.at(path, told)


def _dilution(stage: Stage, criterion: RateCriterion, path: str) -> Iterator[Finding]:
    baseline, share, high = criterion.baseline, stage.exposure / 100, criterion.fails_high
    if criterion.scope is not Scope.EVERYONE or baseline is None:
        return
    least = least_share(criterion.bar, baseline=baseline, fails_high=high)
    if share <= least:
        broken = diluted(1.0 if high else 0.0, baseline=baseline, share=share)
        enough = percentage(math.ceil(least * 10_000) / 100)
        told = (
            f"{criterion.name} counts everyone's requests: at {percentage(stage.percent)} a wholly broken new path "
            f"makes it read {_rate(broken, criterion)}, still {_bar(criterion)}; it can only fire at {enough} or more"
        )
        yield CANNOT_FIRE.at(path, told, f"{_COHORT}, or begin at {enough} or more")
    worst = undiluted(criterion.bar, baseline=baseline, share=share) or 0.0
    if share < 1 and abs(worst - (0.0 if high else 1.0)) >= _WORTHLESS:
        told = (
            f"a pass of {criterion.name} at {percentage(stage.percent)} says only that the new path's own rate is "
            f"{'below' if high else 'above'} {_rate(worst, criterion)}: a pass there means nothing"
        )
        yield PASS_MEANS_NOTHING.at(path, told)


def _power(stage: StageTraffic, criterion: RateCriterion, path: str) -> Iterator[Finding]:
    if stage.window.buckets < _LEAST_BUCKETS:
        return  # more requests would not help
    unprovable = _unprovable(stage, criterion)
    if unprovable is not None:
        yield CANNOT_PROVE.at(path, unprovable, _LONGER + _fewer(criterion))
    everyone = criterion.scope is Scope.EVERYONE
    if unprovable is not None and not everyone:
        return
    healthy, per_bucket = healthy_rate(criterion), stage.per_bucket(everyone=everyone)
    rule = RateRule.of(criterion, stage.window.planned_buckets)
    passes = pass_chance(rule, rate=healthy, requests_per_bucket=per_bucket, buckets=stage.window.buckets)
    if passes < _LIKELY:
        requests = count(round(stage.requests(everyone=everyone)))
        told = (
            f"with {requests} requests in {stage.name}, a healthy flag (a rate of "
            f"{_rate(healthy, criterion)}) passes {criterion.name} with a chance of {chance(passes)} only"
        )
        yield CANNOT_DECIDE.at(path, told, _LONGER + _fewer(criterion))


def _unprovable(stage: StageTraffic, criterion: RateCriterion) -> str | None:
    """Why the flag's own requests cannot prove the bar even if every one of them is good; None where they can."""
    own = stage.requests(everyone=False)
    limit = limit_without_errors(criterion, own)
    if (limit < criterion.bar) if criterion.fails_high else (limit > criterion.bar):
        return None
    best = limit_without_errors(replace(criterion, clump=1.0), own)
    limits = f"{_rate(best, criterion)} if every error has a cause of its own"
    if criterion.clump > 1:
        limits += f", or {_rate(limit, criterion)} if errors come in groups of up to {count(round(criterion.clump, 1))}"
    return (
        f"{stage.name} expects {count(round(own))} requests that the flag is on for: even without an error their "
        f"{criterion.name} may be {'up' if criterion.fails_high else 'down'} to {limits}, "
        f"so it cannot be proven there to be {_bar(criterion)}"
    )


def _bar(criterion: RateCriterion) -> str:
    return f"{'below' if criterion.fails_high else 'above'} {_rate(criterion.bar, criterion)}"


def _rate(rate: float, criterion: RateCriterion) -> str:
    return percent(rate, near=criterion.bar)


def _fewer(criterion: RateCriterion) -> str:
    if criterion.clump <= 1:
        return ""
    times = count(round(criterion.clump, 1))
    return f"; a metric that counts affected users (clump: 1) needs {times} times fewer requests"
