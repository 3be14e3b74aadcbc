"""What a comparison can decide in a stage, before it starts: simulated, with steady rates and independent errors.

A stage is gone through in at most `_STEPS` steps of several buckets each: fewer looks than there will be, so that a
rollback is found a little less often here, and a little later.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from rampart.evidence.grid import ALTERNATIVES, BUCKET_CAP
from rampart.evidence.mixture import exponents_at, mixed
from rampart.evidence.power import MULTIPLES, StageTraffic
from rampart.evidence.ratio import RatioRule, RatioWalk
from rampart_cli.forecast.rate_power import FaultOutlook, Outlook

if TYPE_CHECKING:
    from rampart.evidence.criteria import CompareCriterion

_STEPS = 80
_DRAWS = 300
"""Stages that a chance of a pass is counted in."""
_LONGEST = 256.0
"""Times the hold beyond which no one would wait."""


@dataclass(frozen=True, slots=True)
class Streams:
    """The requests that both paths have in a stage's hold, and the control's rate, a fraction."""

    own: float
    control: float
    rate: float
    buckets: int

    @classmethod
    def of(cls, criterion: CompareCriterion, stage: StageTraffic) -> Streams | None:
        """None where the control has no requests at all, or where no one knows its rate or there is no bucket."""
        rate = criterion.usual if criterion.usual is not None else criterion.baseline
        everyone = stage.requests(everyone=True)
        control = everyone * (1 - stage.share) if criterion.is_concurrent else everyone
        if not rate or control <= 0 or everyone <= 0:
            return None
        return cls(everyone * stage.share, control, rate, stage.window.buckets)

    def times(self, factor: float) -> Streams:
        """The same over a hold that is so many times as long."""
        return Streams(self.own * factor, self.control * factor, self.rate, max(1, round(self.buckets * factor)))

    def boundary(self, rule: RatioRule) -> float:
        """The own path's rate from which on it fails."""
        return max(rule.ratio * self.rate, rule.floor or 0.0)


def ratio_outlook(
    criterion: CompareCriterion, stage: StageTraffic, *, runs: int = 400, seed: int = 1
) -> Outlook | None:
    """What a comparison can decide in a stage; None where nothing is known of its control. The same seed, the same."""
    streams = Streams.of(criterion, stage)
    if streams is None:
        return None
    rule = RatioRule.of(criterion, stage.window.planned_buckets)
    boundary, chance = streams.boundary(rule), Random(seed)  # noqa: S311 - a simulation that must be repeatable
    faults = []
    for multiple in MULTIPLES:
        rate = min(1.0, multiple * boundary)
        share, buckets = _rollbacks(rule, streams, rate, runs, chance)
        seconds = None if buckets is None else buckets * stage.window.bucket
        faults.append(FaultOutlook(multiple, rate, share, seconds))
    return Outlook(
        stage=stage.name,
        percent=stage.percent,
        criterion=criterion.name,
        requests=streams.own + streams.control,
        own_requests=streams.own,
        healthy=streams.rate,
        pass_chance=pass_chance_of(rule, streams, seed=seed),
        false_rollback_chance=_rollbacks(rule, streams, streams.rate, runs, chance)[0],
        faults=tuple(faults),
        clump=criterion.clump,
        guarantee=min(1.0, criterion.alpha_fail + 1 / criterion.detector),
    )


def pass_chance_of(rule: RatioRule, streams: Streams, *, seed: int = 1) -> float:
    """The chance that a new path that is as good as the control passes at the end of the hold; 300 draws."""
    chance = Random(seed)  # noqa: S311 - a simulation that must be repeatable, no secret
    share, threshold = rule.share(streams.own, streams.control), 1 / rule.alpha_pass
    passed = 0
    for _ in range(_DRAWS):
        own, control = (_drawn(each * streams.rate, chance) for each in (streams.own, streams.control))
        both = own + control
        divisor = max(rule.clump, both / streams.buckets * min(share, 1 - share) / BUCKET_CAP)
        proofs = [exponents_at(share, own / divisor, both / divisor, higher=False)]
        if rule.floor is not None:
            divisor = max(rule.clump, streams.own / streams.buckets * rule.floor / BUCKET_CAP)
            proofs.append(exponents_at(rule.floor, own / divisor, streams.own / divisor, higher=False))
        weights = [weight for _, weight in ALTERNATIVES]
        passed += any(mixed(zip(weights, proof, strict=True)) >= threshold for proof in proofs)
    return passed / _DRAWS


def hold_factor(rule: RatioRule, streams: Streams, *, likely: float) -> float | None:
    """How many times as long the hold must be for a healthy flag to pass as often as `likely`; None beyond reason."""
    factor = 1.0
    while pass_chance_of(rule, streams.times(factor)) < likely:
        factor *= 2
        if factor > _LONGEST:
            return None
    least = factor / 2 if factor > 1 else 1.0
    for _ in range(5):
        middle = math.sqrt(least * factor)
        least, factor = (least, middle) if pass_chance_of(rule, streams.times(middle)) >= likely else (middle, factor)
    return factor


def _rollbacks(rule: RatioRule, streams: Streams, rate: float, runs: int, chance: Random) -> tuple[float, float | None]:
    """The share of simulated stages that are rolled back, and after how many buckets on average."""
    steps = max(1, min(_STEPS, streams.buckets))
    own, control = streams.own / steps, streams.control / steps
    ends = []
    for _ in range(runs):
        walk = RatioWalk(rule)
        for step in range(1, steps + 1):
            errors, control_errors = _drawn(own * rate, chance), _drawn(control * streams.rate, chance)
            if walk.step((min(errors, own), own, min(control_errors, control), control)) is not None:
                ends.append(step * streams.buckets / steps)
                break
    return len(ends) / runs, math.fsum(ends) / len(ends) if ends else None


_MANY = 50.0
"""Means from which a rounded normal number is near enough to one that is drawn."""


def _drawn(mean: float, chance: Random) -> int:
    """A number drawn from a Poisson distribution; source of the small ones: Knuth, "Seminumerical Algorithms"."""
    if mean > _MANY:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    number, product, limit = 0, chance.random(), math.exp(-mean)
    while product > limit:
        number += 1
        product *= chance.random()
    return number
