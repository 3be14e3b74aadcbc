"""Measurements of the rule for ratios and of its rivals, one cell of a table at a time; everything is seeded."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.measures import LOOKS, Found, seeded
from benchmarks.ratio_rules import (
    AbsoluteBar,
    Floats,
    MannWhitney,
    MixtureSequential,
    PeekedTwoProportions,
    RampartCompare,
    RatioRuleOverMany,
)
from rampart.evidence.compare import PARTS
from rampart.evidence.criteria import CompareCriterion
from rampart.evidence.judge import judge
from rampart.evidence.ratio import RatioRule, decide_ratio
from rampart.evidence.series import Series
from rampart.evidence.window import Window

RATIO = 1.5
"""The bar of every measurement: times the control's rate."""
CONTROL = 0.01
SHARES = (0.01, 0.05, 0.25, 0.5, 0.75)
TRUE_RATIOS = (0.75, 1.0, 1.2, 1.5)
DAY = 288
"""Five-minute buckets."""
WEEK = 7 * DAY
OURS = "Rampart compare"
RIVALS = ("Kayenta", "peeked z-test", "mSPRT")

Bucket = tuple[Floats, Floats, Floats, Floats]
Draw = Callable[[int, "np.random.Generator"], Bucket]


def rule_named(name: str, size: int, *, clump: float = 1.0, planned: int = LOOKS) -> RatioRuleOverMany:
    """A rule over this many series."""
    match name:
        case "Kayenta":
            return MannWhitney(size)
        case "peeked z-test":
            return PeekedTwoProportions(size)
        case "mSPRT":
            return MixtureSequential(size)
    return RampartCompare(size, RATIO, clump=clump, planned=planned)


def wandering_control(look: int) -> float:
    """The control's rate, which doubles and halves each day."""
    return float(CONTROL * 2 ** math.sin(2 * math.pi * look / DAY))


def drawn(share: float, requests: int, ratio: float, size: int, *, clump: int = 1) -> Draw:
    """Buckets of a new path whose rate is so many times the control's; errors come in clumps of so many requests."""

    def draw(look: int, chance: np.random.Generator) -> Bucket:
        rate = wandering_control(look)
        own = chance.binomial(requests, share, size)
        control = requests - own
        bad = np.minimum(own, clump * chance.binomial(own, min(1.0, ratio * rate) / clump)).astype(float)
        theirs = np.minimum(control, clump * chance.binomial(control, rate / clump)).astype(float)
        return bad, own.astype(float), theirs, control.astype(float)

    return draw


def rolled_back_at(rule: RatioRuleOverMany, draw: Draw, looks: int, size: int, chance: np.random.Generator) -> Floats:
    """The look, from 1, at which each series is rolled back; infinity if it isn't."""
    at = np.full(size, np.inf)
    for look in range(looks):
        fails = rule.step(*draw(look, chance))
        at[fails & np.isinf(at)] = look + 1
    return at


def false_rollbacks_of_ratios(
    share: float, ratio: float, requests: int, clump: int, names: Sequence[str], size: int
) -> Found:
    """The share of stages that are rolled back within 1,000 looks, while the control's rate doubles and halves."""
    found = {}
    for name in names:
        chance = seeded("ratio", share, ratio, requests, clump, name)
        draw = drawn(share, requests, ratio, size, clump=clump)
        at = rolled_back_at(rule_named(name, size, clump=clump), draw, LOOKS, size, chance)
        found[name] = float(np.isfinite(at).mean())
    return found


def caught_within(share: float, ratio: float, requests: int, looks: int, names: Sequence[str], size: int) -> Found:
    """The share of stages with a bad new path that are rolled back within so many looks: by comparison, and by a bar.

    The bar is 8%, far above the control's rate: below it, a path that is several times as bad hides.
    """
    found = {}
    for name in (*names, "bar of 8%"):
        chance = seeded("caught", share, ratio, requests, looks, name)
        draw = drawn(share, requests, ratio, size)
        rule = AbsoluteBar(size, 0.08, planned=looks) if name == "bar of 8%" else rule_named(name, size, planned=looks)
        found[name] = float(np.isfinite(rolled_back_at(rule, draw, looks, size, chance)).mean())
    return found


def divergence_to_boundary(own_rate: float, control_rate: float, share: float) -> float:
    """The least divergence, in nats for each request of both paths, to rates at the boundary."""
    candidates = np.linspace(control_rate, min(own_rate / RATIO, 0.999 / RATIO), 4001)[1:-1]

    def apart(rate: float, other: Floats) -> Floats:
        value: Floats = rate * np.log(rate / other) + (1 - rate) * np.log((1 - rate) / (1 - other))
        return value

    both = share * apart(own_rate, RATIO * candidates) + (1 - share) * apart(control_rate, candidates)
    return float(both.min())


def requests_to_a_rollback(share: float, multiple: float, size: int) -> Found:
    """Mean requests of both paths until a rollback over ln(20) / divergence.

    Buckets hold a hundredth of the floor, or five requests of the smaller side: one without either side says nothing.
    """
    own = min(1.0, multiple * RATIO * CONTROL)
    least = math.log(20) / divergence_to_boundary(own, CONTROL, share)
    requests = max(round(least / 100), math.ceil(5 / min(share, 1 - share)))
    looks = int(12 * least / requests) + 20
    chance = seeded("ratio speed", share, multiple)
    rule = rule_named(OURS, size, planned=looks)
    running, at = size, np.full(size, float(looks))
    index = np.arange(size)
    for look in range(looks):
        mine = chance.binomial(requests, share, running)
        bad = chance.binomial(mine, own).astype(float)
        theirs = chance.binomial(requests - mine, CONTROL).astype(float)
        fails = rule.step(bad, mine.astype(float), theirs, (requests - mine).astype(float))
        at[index[fails]] = look + 1
        index, running = index[~fails], int((~fails).sum())
        if not running:
            break
        _keep(rule, ~fails)
    return {"floor": least, OURS: float(at.mean()) * requests / least}


def _keep(rule: RatioRuleOverMany, still: np.ndarray) -> None:
    vars(rule).update({n: v[still] for n, v in vars(rule).items() if isinstance(v, np.ndarray)})


def outage_of_both(share: float, requests: int, size: int) -> Found:
    """Rolled back by an outage that makes both rates five times as high for two hours, in the middle of a day.

    Counted from its beginning until an hour after its end; what fell before it did not fall by it.
    """
    chance = seeded("outage of both", share, requests)
    healthy = drawn(share, requests, 1.0, size)
    begins = chance.integers(24, DAY - 48, size)

    def draw(look: int, chance: np.random.Generator) -> Bucket:
        bad, own, theirs, control = healthy(look, chance)
        broken = (begins <= look) & (look < begins + 24)
        rate = 5 * wandering_control(look)
        bad = np.where(broken, chance.binomial(own.astype(int), rate), bad).astype(float)
        theirs = np.where(broken, chance.binomial(control.astype(int), rate), theirs).astype(float)
        return bad, own, theirs, control

    rules = {name: rule_named(name, size, planned=DAY) for name in (OURS, *RIVALS)}
    rules["bar of 3%"] = AbsoluteBar(size, 3 * CONTROL, planned=DAY)
    found = {}
    for name, rule in rules.items():
        at = rolled_back_at(rule, draw, DAY, size, chance)
        found[name] = float(((at > begins) & (at <= begins + 36)).mean())
        found[f"{name}, any time"] = float(np.isfinite(at).mean())
    return found


def week_old_control(ratio: float, drift: float, size: int) -> Found:
    """Rolled back in four days whose control is the week before: traffic and rate have seasons, the rate also drifts.

    `drift` is the standard deviation of how many times this week's rate is last week's, on a logarithmic scale.
    """
    chance = seeded("week old", ratio, drift)
    apart = np.exp(chance.normal(0, drift, size))

    def draw(look: int, chance: np.random.Generator) -> Bucket:
        hour = 2 * math.pi * (look % DAY) / DAY
        weekend = 0.4 if look % WEEK >= 5 * DAY else 1.0
        requests = max(1, round(50 * weekend * (1.2 - math.cos(hour))))
        rate = wandering_control(look)
        own, control = (chance.poisson(requests, size) for _ in range(2))
        bad = chance.binomial(own, np.minimum(1.0, ratio * rate * apart)).astype(float)
        theirs = chance.binomial(control, rate).astype(float)
        return bad, own.astype(float), theirs, control.astype(float)

    found = {}
    for name in (OURS, *RIVALS):
        rule = rule_named(name, size, planned=4 * DAY)
        found[name] = float(np.isfinite(rolled_back_at(rule, draw, 4 * DAY, size, chance)).mean())
    return found


def ratio_agreement(size: int) -> Found:
    """How many series the product's rule and the one written here for speed decide differently."""
    differing = decided = 0
    for share in SHARES:
        for ratio in (1.0, 2.0, 6.0):
            for clump in (1, 3):
                looks, few = 200, max(2, size // 100)
                chance = seeded("ratio agreement", share, ratio, clump)
                draw = drawn(share, 400, ratio, few, clump=clump)
                buckets = [draw(look, chance) for look in range(looks)]
                rule = rule_named(OURS, few, clump=clump, planned=looks)
                at = rolled_back_at(rule, _recorded(buckets), looks, few, chance)
                criterion = CompareCriterion(name="ratio", ratio=RATIO, clump=clump)
                for series in range(few):
                    mine = [tuple(float(part[series]) for part in bucket) for bucket in buckets]
                    there = decide_ratio(RatioRule.of(criterion, looks), mine).at  # type: ignore[arg-type]  # four each
                    differing += (math.inf if there is None else there + 1) != at[series]
                    decided += there is not None
    return {OURS: differing, "decided": decided}


def _recorded(buckets: Sequence[Bucket]) -> Draw:
    def draw(look: int, chance: np.random.Generator) -> Bucket:
        del chance
        return buckets[look]

    return draw


def comparing_time() -> Found:
    """Milliseconds of processor time to judge a stage of 2,000 buckets with four series; the best of five."""
    criterion = CompareCriterion(name="ratio", ratio=RATIO, floor=0.002, clump=1)
    window = Window(start=0, end=2000 * 300, bucket=300, planned_buckets=2000)
    found = {}
    for requests in (100, 1000):
        chance = seeded("ratio time", requests)
        buckets = [drawn(0.25, requests, 1.3, 1)(look, chance) for look in range(2000)]
        measured = {
            part: Series(tuple((look * 300, float(bucket[column][0])) for look, bucket in enumerate(buckets)))
            for column, part in enumerate(PARTS)
        }
        times = []
        for _ in range(5):
            begun = time.process_time()
            judge(criterion, measured=measured, window=window)
            times.append(time.process_time() - begun)
        found[str(requests)] = min(times) * 1000
    return found
