"""Measurements of the rule for rates and of its rivals, one cell of a table at a time; everything is seeded."""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Sequence
from itertools import product

import numpy as np

from benchmarks.recursion import divergence, floor, rolled_back
from benchmarks.rules import Cumulative, FailedWindows, Floats, PeekedZTest, Rampart, Rule
from benchmarks.series import changing, clumped, pairs, recorded, run, steady, survivors, wandering
from rampart.evidence.clump import Clump, measure_clump
from rampart.evidence.criteria import RateCriterion, Scope, Side
from rampart.evidence.judge import judge
from rampart.evidence.judgement import FiredBy
from rampart.evidence.rule import RateRule, decide
from rampart.evidence.series import Series
from rampart.evidence.window import Window

BARS = (0.01, 0.08)
LEVELS = (0.25, 0.5, 0.8, 0.95, 1.0)
MULTIPLES = (1.5, 2.0, 3.0, 5.0)
LOOKS = 1000
FOUR_DAYS = 1152
"""Five-minute buckets of four days."""
HOUR = 12
WEEK = 7 * 24
TRIES = 10
GOOD = 0.4
"""The rate before a late change, in bars."""

RAMPART = "Rampart"
RIVALS = ("cumulative", "4 bad windows", "5 failed checks", "peeked z-test")


Found = dict[str, float]
"""Figures by the name of their rule."""


def rule_named(name: str, size: int, bar: float, planned: int) -> Rule:
    """A rule over this many series."""
    match name:
        case "cumulative":
            return Cumulative(size, bar)
        case "4 bad windows":
            return FailedWindows(size, bar, windows=4)
        case "5 failed checks":
            return FailedWindows(size, bar, windows=5)
        case "peeked z-test":
            return PeekedZTest(size, bar)
    return Rampart(size, bar, planned=planned)


def seeded(*what: object) -> np.random.Generator:
    """Randomness that depends only on what is measured."""
    return np.random.default_rng(zlib.crc32(repr(what).encode()))


# The measurements. Each function is one cell, and runs in its own process.


def false_rollbacks(bar: float, level: float, requests: float, names: Sequence[str], size: int) -> Found:
    """The share of steady stages that are rolled back within 1,000 looks."""
    found = {}
    for name in names:
        source, chance = steady(level * bar, requests), seeded("false", bar, level, requests, name)
        at = run(rule_named(name, size, bar, LOOKS), source, looks=LOOKS, size=size, chance=chance)
        found[name] = float(np.isfinite(at).mean())
    return found


def rivals_speed(bar: float, multiple: float, size: int) -> Found:
    """Mean requests to a rollback over Wald's floor, checked after every ten requests; the exact one for Rampart."""
    rate = multiple * bar
    least = floor(rate, bar)
    found = {}
    for name in RIVALS:
        looks = int(20 * least / 10) + 10
        chance = seeded("speed", bar, multiple, name)
        at = run(rule_named(name, size, bar, looks), steady(rate, 10), looks=looks, size=size, chance=chance)
        found[name] = float(np.minimum(at, looks).mean()) * 10 / least
    found[RAMPART] = rolled_back(rate, bar, most=int(40 * least))[1] / least
    return found


def late_change(bar: float, multiple: float, requests: float, names: Sequence[str], size: int) -> Found:
    """Mean delay after 1,000 good buckets over ln(100 · planned buckets) / divergence; NaN if all had rolled back."""
    rate = min(1.0, multiple * bar)
    yardstick = math.log(100 * FOUR_DAYS) / (requests * divergence(rate, bar))
    looks = LOOKS + int(30 * yardstick) + 30
    found = {"yardstick": yardstick}
    for name in names:
        source = changing(GOOD * bar, rate, requests, at=LOOKS)
        chance = seeded("late", bar, multiple, requests, name)
        at = run(rule_named(name, size, bar, FOUR_DAYS), source, looks=looks, size=size, chance=chance)
        late = np.minimum(at[survivors(at, LOOKS)], looks) - LOOKS
        found[name] = float(late.mean()) / yardstick if len(late) >= size / 100 else math.nan
    return found


def with_clumps(bar: float, level: float, clump: int, spread: float, size: int) -> Found:
    """False rollbacks in four days of clumped errors, ten tries a bucket: with clump 1, the right one, and measured."""
    chance = seeded("clump", bar, level, clump, spread)
    errors, requests = clumped(level * bar, TRIES, clump, looks=FOUR_DAYS, size=size, spread=spread, chance=chance)
    found = {}
    for name in RIVALS:
        found[name] = rolled_back_share(rule_named(name, size, bar, FOUR_DAYS), errors, requests)
    measured = _measured_clumps(level * bar, clump, spread, size, chance)
    for name, value in ((RAMPART, 1.0), ("its clump", float(clump)), ("measured clump", measured)):
        found[name] = rolled_back_share(Rampart(size, bar, clump=value, planned=FOUR_DAYS), errors, requests)
    found["median measured"] = float(np.median(measured))
    return found


def _measured_clumps(rate: float, clump: int, spread: float, size: int, chance: np.random.Generator) -> Floats:
    """What the product measures in a week of hourly counts before each stage."""
    clumps: list[float] = []
    while len(clumps) < size:
        some = min(1000, size - len(clumps))
        history = clumped(rate, TRIES, clump, looks=WEEK * HOUR, size=some, spread=spread, chance=chance)
        clumps += (each.clump for each in weekly_clumps(*history))
    return np.array(clumps)


def weekly_clumps(errors: Floats, requests: Floats) -> list[Clump]:
    """What the product measures in the hourly counts of each week of five-minute buckets."""
    hourly = (counts.reshape(WEEK, HOUR, -1).sum(axis=1).T for counts in (errors, requests))
    return [measure_clump(_hourly(bad), _hourly(whole)) for bad, whole in zip(*hourly, strict=True)]


def _hourly(counts: Floats) -> Series:
    return Series(tuple((hour * 3600, float(count)) for hour, count in enumerate(counts)))


def with_wandering(bar: float, level: float, deviation: float, size: int) -> Found:
    """False rollbacks in a day of a million requests a bucket at a rate that wanders; Rampart's cap on and off."""
    chance = seeded("wander", bar, level, deviation)
    looks, requests = 24 * HOUR, 1e6
    errors = wandering(level * bar, requests, deviation, looks=looks, size=size, chance=chance)
    whole = np.full_like(errors, requests)
    found = {name: rolled_back_share(rule_named(name, size, bar, looks), errors, whole) for name in (RAMPART, *RIVALS)}
    found["uncapped"] = rolled_back_share(Rampart(size, bar, planned=looks, capped=False), errors, whole)
    return found


def with_late_totals(bar: float, level: float, requests: float, size: int) -> Found:
    """False rollbacks when half of a bucket's requests arrive a bucket later than its errors; a lag waits for them."""
    found = {}
    for name in (RAMPART, *RIVALS):
        chance = seeded("totals", bar, level, requests, name)
        whole, early = (rule_named(name, size, bar, LOOKS) for _ in range(2))
        rolled = np.zeros(size, bool)
        for _ in range(LOOKS):
            errors = chance.binomial(int(requests), level * bar, size).astype(float)
            _copy_state(whole, early)
            rolled |= early.step(np.minimum(errors, requests / 2), np.full(size, requests / 2))
            whole.step(errors, np.full(size, requests))
        found[name] = float(rolled.mean())
    found["with a lag"] = false_rollbacks(bar, level, requests, [RAMPART], size)[RAMPART]
    return found


def _copy_state(source: Rule, target: Rule) -> None:
    vars(target).update(
        {name: value.copy() if hasattr(value, "copy") else value for name, value in vars(source).items()}
    )


def rolled_back_share(rule: Rule, errors: Floats, requests: Floats) -> float:
    """The share of recorded series that a rule rolls back."""
    looks, size = errors.shape
    at = run(rule, recorded(errors, requests), looks=looks, size=size, chance=seeded(), drop=False)
    return float(np.isfinite(at).mean())


def agreement(size: int) -> Found:
    """How many series the product's rule and the one written here for speed decide differently.

    Half of them change for the worse after two thirds of their looks, which the change detector is there for.
    """
    differing, by_detector = 0, 0
    shapes = product(BARS, (0.8, 1.2, 3.0), (1, 10, 2000), (1, 3), (1.0, 8.0))
    for bar, level, requests, clump, worse in shapes:
        looks, few = 300, max(2, size // 500)
        chance = seeded("agree", bar, level, requests, clump, worse)
        rates = np.full((looks, 1), min(1.0, (GOOD if worse > 1 else 1.0) * level * bar))
        rates[200:] = np.minimum(1.0, rates[200:] * worse)
        errors = chance.binomial(requests, rates, (looks, few)).astype(float)
        whole = np.full_like(errors, requests)
        quick = Rampart(few, bar, clump=float(clump), planned=looks)
        at = run(quick, recorded(errors, whole), looks=looks, size=few, chance=chance, drop=False)
        criterion = RateCriterion(name="rate", bar=bar, side=Side.BELOW, clump=clump)
        for here, series in zip(at, pairs(errors, whole), strict=True):
            there = decide(RateRule.of(criterion, looks), series)
            differing += (math.inf if there.at is None else there.at + 1) != here
            by_detector += there.walk.fired is FiredBy.CHANGE_DETECTOR
    return {RAMPART: differing, "by the detector": by_detector}


def judging_time() -> Found:
    """Milliseconds of processor time to judge stages of 1,000, 2,000 and 4,000 buckets; the best of five."""
    criterion = RateCriterion(name="rate", bar=0.01, side=Side.BELOW, clump=1, scope=Scope.EVERYONE, baseline=0.003)
    found = {}
    for buckets in (1000, 2000, 4000):
        counts = seeded("time").binomial(10, 0.009, buckets)
        errors = Series(tuple((i * 300, float(k)) for i, k in enumerate(counts)))
        total = Series(tuple((i * 300, 10.0) for i in range(buckets)))
        window = Window(start=0, end=buckets * 300, bucket=300, planned_buckets=buckets)
        times = []
        for _ in range(5):
            begun = time.process_time()
            judge(criterion, measured={"errors": errors, "total": total}, window=window, share=0.5)
            times.append(time.process_time() - begun)
        found[str(buckets)] = min(times) * 1000
    return found
