"""The shortest staircase that decides: stages in which every rate tells a healthy flag from a bad one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from rampart.evidence.criteria import RateCriterion, Scope
from rampart.evidence.dilution import diluted
from rampart.evidence.power import healthy_rate, multiple_of_bar
from rampart.evidence.rule import RateRule
from rampart.plan.durations import Hold
from rampart.plan.model import Plan
from rampart.plan.power import fault_chance, stage_traffic
from rampart.plan.stage import Stage
from rampart_cli.forecast.plan_warnings import rate_criteria
from rampart_cli.forecast.rate_power import pass_chance

SURE = 0.8
"""A stage decides if a healthy flag passes, and a bad one is rolled back, at least this often."""
PERCENTAGES = (1.0, 2.0, 5.0, 10.0, 20.0, 25.0, 50.0, 75.0, 100.0)
HOLDS = tuple(
    timedelta(minutes=minutes)
    for minutes in (15, 30, 60, 120, 240, 360, 480, 720, *(1440 * days for days in (1, 2, 3, 4, 5, 7, 10, 14, 21, 28)))
)
"""The holds that are tried, shortest first; a stage that needs more than four weeks needs another bar."""


@dataclass(frozen=True, slots=True)
class Suggested:
    """A percentage with the shortest hold at which it decides, and the criterion that needs that long."""

    percent: float
    hold: timedelta
    slowest: str


@dataclass(frozen=True, slots=True)
class Undecidable:
    """A percentage at which one criterion decides nothing within the longest hold, and why."""

    percent: float
    criterion: str
    is_hidden: bool
    """Whether a bad flag never shows there, since everyone else's requests hide it."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The staircase that takes the least time; empty where not even 100% decides."""

    stages: tuple[Suggested, ...]
    undecidable: tuple[Undecidable, ...]

    @property
    def lasts(self) -> timedelta:
        """All holds together."""
        return sum((stage.hold for stage in self.stages), timedelta(0))


def suggest(plan: Plan, requests_per_hour: float, *, first: float, step: float, multiple: float) -> Suggestion:
    """The shortest staircase for a plan's rates, with what its own percentages are, besides the usual ones.

    It begins at `first` percent or below, or else as low as anything is decided, and no stage is more than `step` times
    the one before. A bad flag is one at `multiple` times its bar.
    """
    tried = sorted({*PERCENTAGES, first, *(stage.percent for stage in plan.stages if stage.percent)})
    found = [_shortest(plan, percent, requests_per_hour, multiple) for percent in tried]
    good = [each for each in found if isinstance(each, Suggested)]
    return Suggestion(
        stages=_quickest(good, first, step), undecidable=tuple(each for each in found if isinstance(each, Undecidable))
    )


def _quickest(good: Sequence[Suggested], first: float, step: float) -> tuple[Suggested, ...]:
    """The way up that takes the least time, of those with steps that are small enough.

    Where no percentage is near enough below, the nearest one that decides is.
    """
    best: dict[float, tuple[timedelta, tuple[Suggested, ...]]] = {}
    for each in good:
        below = [other for other in good if other.percent < each.percent]
        near = [other for other in below if other.percent * step >= each.percent] or below[-1:]
        ways = [best[other.percent] for other in near]
        if not below or each.percent <= first:
            ways.append((timedelta(0), ()))
        lasts, way = min(ways, key=lambda way: (way[0], len(way[1])))
        best[each.percent] = lasts + each.hold, (*way, each)
    return best[good[-1].percent][1] if good and good[-1].percent == PERCENTAGES[-1] else ()


def _shortest(plan: Plan, percent: float, requests_per_hour: float, multiple: float) -> Suggested | Undecidable:
    needed = [(_hold(plan, percent, each, requests_per_hour, multiple), each) for each in rate_criteria(plan)]
    for hold, criterion in needed:
        if hold is None:
            return Undecidable(percent, criterion.name, _is_hidden(criterion, percent, multiple))
    hold, slowest = max(((hold or HOLDS[0], each) for hold, each in needed), key=lambda pair: pair[0])
    return Suggested(percent, hold, slowest.name)


def _hold(
    plan: Plan, percent: float, criterion: RateCriterion, requests_per_hour: float, multiple: float
) -> timedelta | None:
    """The shortest hold at which one criterion decides; None where none of them is long enough."""
    if _is_hidden(criterion, percent, multiple):
        return None
    return next(
        (
            hold
            for hold, stage in _stages(percent)
            if _passes(plan, stage, criterion, requests_per_hour) >= SURE
            and fault_chance(plan, stage, criterion, requests_per_hour, multiple) >= SURE
        ),
        None,
    )


def _stages(percent: float) -> Iterator[tuple[timedelta, Stage]]:
    for hold in HOLDS:
        yield hold, Stage(percent=percent, hold=Hold(clock=hold))


def _passes(plan: Plan, stage: Stage, criterion: RateCriterion, requests_per_hour: float) -> float:
    traffic = stage_traffic(plan, stage, requests_per_hour)
    return pass_chance(
        RateRule.of(criterion, traffic.window.planned_buckets),
        rate=healthy_rate(criterion),
        requests_per_bucket=traffic.per_bucket(everyone=criterion.scope is Scope.EVERYONE),
        buckets=traffic.window.buckets,
    )


def _is_hidden(criterion: RateCriterion, percent: float, multiple: float) -> bool:
    """Whether a bad flag leaves the rate within its bar, since the metric counts everyone's requests."""
    if criterion.scope is not Scope.EVERYONE:
        return False
    bad = multiple_of_bar(criterion, multiple)
    read = diluted(bad, baseline=healthy_rate(criterion), share=percent / 100)
    return read <= criterion.bar if criterion.fails_high else read >= criterion.bar
