"""What power a plan has left with the clumps that are pinned: at which stage it would find a fault, and how surely."""

from __future__ import annotations

from dataclasses import dataclass

from rampart.evidence.criteria import RateCriterion, Scope
from rampart.evidence.dilution import diluted
from rampart.evidence.power import MULTIPLES, StageTraffic, fail_chance, healthy_rate, multiple_of_bar
from rampart.evidence.rule import RateRule
from rampart.plan.model import Plan
from rampart.plan.stage import Stage
from rampart.plan.window import planned_window
from rampart.words import count, whole_percent

_SURE = 0.8
"""A stage that finds a fault this often is said to find it."""
_BLIND = 0.5
"""If no stage finds five times the bar this often, the criterion is as good as blind."""
_TIMES = dict(zip(MULTIPLES, ("twice", "five times"), strict=True))


@dataclass(frozen=True, slots=True)
class PowerLeft:
    """Where one criterion would find a fault of so many times the bar; the chance is that within the stage's hold."""

    criterion: str
    clump: float
    multiple: float
    stage: str
    chance: float

    @property
    def is_blind(self) -> bool:
        """Whether even the worst fault that is asked about would not be found at any stage."""
        return self.multiple == MULTIPLES[-1] and self.chance < _BLIND

    def __str__(self) -> str:
        clump = f"with clump {count(round(self.clump, 1))}"
        fault = f"a flag at {_TIMES[self.multiple]} the bar"
        if self.is_blind:
            return (
                f"{clump}, {self.criterion} is nearly blind: in no stage is {fault} rolled back within the hold with a "
                f"chance above {self._percent}; count affected users (clump: 1), or hold longer"
            )
        where = f"at {self.stage} with a chance of {self._percent} or more"
        return f"{self.criterion}: {clump}, {fault} is rolled back {where}"

    @property
    def _percent(self) -> str:
        return whole_percent(min(0.99, self.chance))


def stage_traffic(plan: Plan, stage: Stage, requests_per_hour: float) -> StageTraffic:
    """A stage as the statistics see it."""
    return StageTraffic(stage.label, stage.exposure, requests_per_hour, planned_window(plan, stage))


def power_left(plan: Plan, criterion: RateCriterion, requests_per_hour: float) -> PowerLeft:
    """The first stage that surely finds twice the bar; else five times; else the stage that does best."""
    for multiple in MULTIPLES:
        best: tuple[float, Stage] = (-1.0, plan.shares[0])
        for stage in plan.shares:
            chance = _chance(plan, stage, criterion, requests_per_hour, multiple)
            if chance > best[0]:
                best = (chance, stage)
            if chance >= _SURE:
                break
        if best[0] >= _SURE:
            break
    return PowerLeft(criterion.name, criterion.clump, multiple, best[1].label, best[0])


def _chance(plan: Plan, stage: Stage, criterion: RateCriterion, requests_per_hour: float, multiple: float) -> float:
    traffic = stage_traffic(plan, stage, requests_per_hour)
    everyone = criterion.scope is Scope.EVERYONE
    rate = multiple_of_bar(criterion, multiple)
    if everyone:
        rate = diluted(rate, baseline=healthy_rate(criterion), share=traffic.share)
    return fail_chance(
        RateRule.of(criterion, traffic.window.planned_buckets),
        rate=rate,
        requests_per_bucket=traffic.per_bucket(everyone=everyone),
        buckets=traffic.window.buckets,
    )
