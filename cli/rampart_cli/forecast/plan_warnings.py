"""What a plan should hear before it starts: criteria that can decide nothing, or that say less than they seem to."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace

from rampart.evidence.criteria import CompareCriterion, RateCriterion, Scope
from rampart.evidence.dilution import diluted, least_share, undiluted
from rampart.evidence.power import StageTraffic, healthy_rate
from rampart.evidence.ratio import RatioRule
from rampart.evidence.rule import RateRule
from rampart.finding import Finding, FindingKind, Severity
from rampart.plan.cloudwatch_query import CloudWatchQuery, kept_width
from rampart.plan.criterion import CompareSpec, ValueSpec
from rampart.plan.event_query import EventQuery, EventSource
from rampart.plan.model import Plan
from rampart.plan.power import stage_traffic
from rampart.plan.queries import criteria_of, queries_of
from rampart.plan.stage import Stage
from rampart.plan.window import planned_window
from rampart.plan.written_query import sourced
from rampart.words import chance, count, percent, percentage, rough_duration, short_duration
from rampart_cli.forecast.rate_power import limit_without_errors, pass_chance
from rampart_cli.forecast.ratio_power import Streams, hold_factor, pass_chance_of

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


PERCENTILE_IS_A_POINT = FindingKind(
    "percentile_is_a_point",
    "A percentile is compared as it is: nothing says how sure it is.",
    "Count the requests that are slower, and judge their rate: count(v: v>0.8):… of all, below 1%",
    "A p99 below 800 ms is the same as less than 1% of requests slower than 800 ms, and a rate is tested.",
    Severity.NOTE,
)
_COUNT_IN_CLOUDWATCH = (
    "Count the slower values, and judge their rate: stat TC(0.8:), in the metric's unit, of all (SampleCount), below 1%"
)
BUCKET_NOT_KEPT = _warning(
    "bucket_not_kept",
    "CloudWatch no longer keeps a stage's buckets at its end.",
    "Make the buckets wider (bucket: 5m), or hold it shorter",
)
SPANS_ARE_A_SAMPLE = FindingKind(
    "spans_are_a_sample",
    "Spans are counted, of which Datadog keeps those that a retention filter keeps: often more of the errors.",
    "Add a retention filter that keeps all of the service's spans, or count by trace.* metrics, which see them all",
    "If errors are kept more often than other spans, the rate reads higher than it is.",
    Severity.NOTE,
)
NO_CONTROL_LEFT = _warning(
    "no_control_left",
    "At 100% no one takes the old path, so there is nothing to compare with.",
    "End it before (up_to: 75) and judge the last stage by a rate, or compare with week_before(...)",
)
CONTROL_RATE_UNKNOWN = _warning(
    "control_rate_unknown",
    "Without the control's rate, nothing can be said about what a comparison can decide.",
    "Say how often the old path fails: baseline: 0.3%",
)


def warnings(plan: Plan) -> list[Finding]:
    """Every stage and rate criterion that cannot decide or tell."""
    return list(_warnings(plan))


def _warnings(plan: Plan) -> Iterator[Finding]:
    yield from _percentiles(plan)
    yield from _unkept_buckets(plan)
    for key, query in queries_of(plan).items():
        events = EventQuery.read(query)
        if events is not None and events.source is EventSource.SPANS:
            name, _, part = key.rpartition("/")
            told = f"{part} counts spans, of which Datadog keeps a sample unless a retention filter keeps them all"
            yield SPANS_ARE_A_SAMPLE.at(f"criteria.{name}.{part}", told)
    rates = rate_criteria(plan)
    beyond = {criterion.name for criterion in rates if is_baseline_beyond_bar(criterion)}
    yield from (_beyond(criterion) for criterion in rates if criterion.name in beyond)
    comparisons = compare_criteria(plan)
    yield from (
        CONTROL_RATE_UNKNOWN.at(f"criteria.{each.name}.baseline")
        for each in comparisons
        if each.usual is None and each.baseline is None
    )
    if (rates or comparisons) and plan.traffic is None:
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

        for each in comparisons:
            yield from _comparison(plan, stage, each, f"stages.{index} / criteria.{each.name}")


_PERCENTILE = re.compile(r"\b(p\d{2}(?:\.\d+)?)\s*:", re.IGNORECASE)


def _percentiles(plan: Plan) -> Iterator[Finding]:
    for name, spec in plan.criteria.items():
        if isinstance(spec, ValueSpec) and (what := _percentile_in(spec.query)):
            told = f"{name} judges {what}, a point that is compared as it is: nothing says how sure it is"
            fix = _COUNT_IN_CLOUDWATCH if CloudWatchQuery.read(spec.query) else ""
            yield PERCENTILE_IS_A_POINT.at(f"criteria.{name}.query", told, fix)


def _percentile_in(query: str) -> str:
    """Which percentile a query gives, such as p99; empty where it gives none."""
    named = sourced(query)
    if named is not None:
        return named.percentile
    found = _PERCENTILE.search(query)
    return found[1].lower() if found else ""


def _unkept_buckets(plan: Plan) -> Iterator[Finding]:
    """Stages that last longer than CloudWatch keeps their buckets; where the week before is read, seven days less."""
    before = [each.seconds_before for query in queries_of(plan).values() if (each := CloudWatchQuery.read(query))]
    if not before:
        return
    for index, stage in enumerate(plan.stages):
        window = planned_window(plan, stage)
        age = window.end - window.start + max(before)
        kept = kept_width(age)
        if plan.bucket.total_seconds() % kept:
            told = (
                f"{stage.label} reads buckets of {short_duration(plan.bucket)} that get {rough_duration(age)} old, "
                f"and CloudWatch keeps such old ones in {short_duration(float(kept))} only"
            )
            fix = f"Make the buckets wider (bucket: {short_duration(float(kept))}), or hold it shorter"
            yield BUCKET_NOT_KEPT.at(f"stages.{index}", told, fix)


def _beyond(criterion: RateCriterion) -> Finding:
    told = (
        f"the baseline of {_rate(criterion.baseline or 0.0, criterion)} is not {_bar(criterion)}: "
        f"{criterion.name} fails without the flag too"
    )
    return BASELINE_BEYOND_BAR.at(f"criteria.{criterion.name}.baseline", told)


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


def compare_criteria(plan: Plan) -> list[CompareCriterion]:
    """The plan's criteria that hold the new path against a control."""
    return [criterion for criterion in criteria_of(plan).values() if isinstance(criterion, CompareCriterion)]


def is_compared_at(plan: Plan, criterion: CompareCriterion, stage: Stage) -> bool:
    """Whether a comparison is judged at a stage."""
    spec = plan.criteria[criterion.name]
    return isinstance(spec, CompareSpec) and spec.is_judged_at(stage.exposure / 100)


def _comparison(plan: Plan, stage: Stage, criterion: CompareCriterion, path: str) -> Iterator[Finding]:
    """Whether a stage has a control at all, and requests enough for a healthy flag to pass; else how long it takes."""
    if stage.members or not is_compared_at(plan, criterion, stage):
        return  # of people by name no one knows which share of the requests is theirs
    if stage.exposure >= _EVERYONE and criterion.is_concurrent:
        told = f"at {stage.label} no one takes the old path any more: {criterion.name} will have no data there"
        yield NO_CONTROL_LEFT.at(path, told)
        return
    traffic = stage_traffic(plan, stage, plan.traffic or 0.0)
    streams = Streams.of(criterion, traffic)
    if streams is None or traffic.window.buckets < _LEAST_BUCKETS:
        return
    rule = RatioRule.of(criterion, traffic.window.planned_buckets)
    passes = pass_chance_of(rule, streams)
    if passes >= _LIKELY:
        return
    factor = hold_factor(rule, streams, likely=_LIKELY)
    enough = f"a hold {count(round(factor, 1))} times as long" if factor else "no hold that anyone would wait for"
    own, control = count(round(streams.own)), count(round(streams.control))
    told = (
        f"with {own} requests on the new path in {stage.label} and {control} on the control, a flag that is as good as "
        f"the old path passes {criterion.name} with a chance of {chance(passes)} only; {enough} makes it "
        f"{chance(_LIKELY)}"
    )
    yield CANNOT_DECIDE.at(path, told, _LONGER)


_EVERYONE = 100.0


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
