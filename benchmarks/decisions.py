"""Measure how often the rule for rates decides rightly, and how soon: `python -m benchmarks.decisions [--quick]`.

Prints tables beside the rules that people use today, then the bars that must hold, and ends with 1 if one is missed.
Everything is seeded. `--quick` draws a tenth of the series: good for a look, too few for the bars, which it only shows.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product

import numpy as np

from benchmarks import published
from benchmarks.recursion import divergence, floor, rolled_back
from benchmarks.rules import Cumulative, FailedWindows, Floats, PeekedZTest, Rampart, Rule
from benchmarks.series import changing, clumped, pairs, recorded, run, steady, survivors, wandering
from rampart.evidence.clump import estimate_clump
from rampart.evidence.criteria import RateCriterion, Side, judge
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


@dataclass(frozen=True)
class Bar:
    """A figure that must stay at or below its limit."""

    what: str
    value: float
    limit: float

    @property
    def holds(self) -> bool:
        return self.value <= self.limit


Found = dict[str, float]
"""Figures by the name of their rule."""
Cell = tuple[Callable[..., Found], tuple[object, ...]]


def rule_named(name: str, size: int, bar: float, planned: int) -> Rule:
    """A rule over so many series."""
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
    """Chance that depends on nothing but what is measured."""
    return np.random.default_rng(zlib.crc32(repr(what).encode()))


# What is measured. Each function is one cell, and runs in a process of its own.


def false_rollbacks(bar: float, level: float, requests: float, names: Sequence[str], size: int) -> Found:
    """The share of steady stages that are rolled back within 1,000 looks."""
    found = {}
    for name in names:
        source, chance = steady(level * bar, requests), seeded("false", bar, level, requests, name)
        at = run(rule_named(name, size, bar, LOOKS), source, looks=LOOKS, size=size, chance=chance)
        found[name] = float(np.isfinite(at).mean())
    return found


def rivals_speed(bar: float, multiple: float, size: int) -> Found:
    """Mean requests to a rollback over Wald's floor, looked at after every ten requests; the exact one for Rampart."""
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
    """Mean delay after 1,000 good buckets over ln(100 · planned buckets) / divergence; NaN: all were gone before."""
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
        found[name] = _rolled_back(rule_named(name, size, bar, FOUR_DAYS), errors, requests)
    measured = _measured_clumps(level * bar, clump, spread, size, chance)
    for name, value in ((RAMPART, 1.0), ("its clump", float(clump)), ("measured clump", measured)):
        found[name] = _rolled_back(Rampart(size, bar, clump=value, planned=FOUR_DAYS), errors, requests)
    found["median measured"] = float(np.median(measured))
    return found


def _measured_clumps(rate: float, clump: int, spread: float, size: int, chance: np.random.Generator) -> Floats:
    """What the product measures in a week of hourly counts before each stage."""
    clumps: list[float] = []
    while len(clumps) < size:
        some = min(1000, size - len(clumps))
        history = clumped(rate, TRIES, clump, looks=WEEK * HOUR, size=some, spread=spread, chance=chance)
        hourly = (counts.reshape(WEEK, HOUR, some).sum(axis=1).T for counts in history)
        for errors, total in zip(*hourly, strict=True):
            clumps.append(estimate_clump(_hourly(errors), _hourly(total))[0])
    return np.array(clumps)


def _hourly(counts: Floats) -> Series:
    return Series(tuple((hour * 3600, float(count)) for hour, count in enumerate(counts)))


def with_wandering(bar: float, level: float, deviation: float, size: int) -> Found:
    """False rollbacks in a day of a million requests a bucket at a rate that wanders; Rampart's cap on and off."""
    chance = seeded("wander", bar, level, deviation)
    looks, requests = 24 * HOUR, 1e6
    errors = wandering(level * bar, requests, deviation, looks=looks, size=size, chance=chance)
    whole = np.full_like(errors, requests)
    found = {name: _rolled_back(rule_named(name, size, bar, looks), errors, whole) for name in (RAMPART, *RIVALS)}
    found["uncapped"] = _rolled_back(Rampart(size, bar, planned=looks, capped=False), errors, whole)
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


def _rolled_back(rule: Rule, errors: Floats, requests: Floats) -> float:
    looks, size = errors.shape
    at = run(rule, recorded(errors, requests), looks=looks, size=size, chance=seeded(), drop=False)
    return float(np.isfinite(at).mean())


def agreement(size: int) -> Found:
    """How many series the product's rule and the one written here for speed decide differently."""
    differing = 0
    for bar, level, requests, clump in product(BARS, (0.8, 1.2, 3.0), (1, 10, 2000), (1, 3)):
        looks, few = 300, max(2, size // 500)
        chance = seeded("agree", bar, level, requests, clump)
        errors = chance.binomial(requests, min(1, level * bar), (looks, few)).astype(float)
        whole = np.full_like(errors, requests)
        quick = Rampart(few, bar, clump=float(clump), planned=looks)
        at = run(quick, recorded(errors, whole), looks=looks, size=few, chance=chance, drop=False)
        criterion = RateCriterion(name="rate", bar=bar, side=Side.BELOW, clump=clump)
        for here, series in zip(at, pairs(errors, whole), strict=True):
            there = decide(RateRule.of(criterion, looks), series)
            differing += (math.inf if there.at is None else there.at + 1) != here
    return {RAMPART: differing}


def judging_time() -> Found:
    """Milliseconds of processor time to judge stages of 1,000, 2,000 and 4,000 buckets; the best of five."""
    criterion = RateCriterion(name="rate", bar=0.01, side=Side.BELOW, clump=1, scope="everyone", baseline=0.003)
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


# The report.


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say with the exit code whether every bar holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="a tenth of the series; the bars are shown, not held")
    quick = parser.parse_args(arguments).quick
    begun = time.monotonic()
    timing = judging_time()  # before the other processes make the machine busy
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:

        def all_of(cell: Callable[..., Found], *axes: Iterable[object], size: int) -> dict[tuple[object, ...], Found]:
            keys = list(product(*axes))
            futures = [pool.submit(cell, *key, size // 10 if quick else size) for key in keys]
            return dict(zip(keys, (future.result() for future in futures), strict=True))

        bars = [*_timing(timing), *_report(all_of)]
    bars.append(
        Bar(
            "published bound worked out anew, off by",
            abs(published.published_bound() - published.PUBLISHED_BOUND),
            1e-4,
        )
    )
    _published()
    missed = [bar for bar in bars if not bar.holds]
    print("\n## Bars\n")
    _table(
        ("", "figure", "limit", "what"),
        [("ok" if bar.holds else "MISSED", f"{bar.value:.4g}", f"{bar.limit:.4g}", bar.what) for bar in bars],
    )
    print(f"\n{len(bars) - len(missed)} of {len(bars)} bars hold; {time.monotonic() - begun:.0f} s")
    return 1 if missed and not quick else 0


Measure = Callable[..., dict[tuple[object, ...], Found]]


def _report(all_of: Measure) -> Iterator[Bar]:
    yield from _false_rollbacks(all_of)
    yield from _speed(all_of)
    yield from _late_changes(all_of)
    yield from _clumps(all_of)
    _wandering_and_late_totals(all_of)
    differing = all_of(agreement, size=5000)[()][RAMPART]
    yield Bar("series that the product's rule decides otherwise than the one measured here", differing, 0)


def _timing(timing: Found) -> Iterator[Bar]:
    yield Bar("ms to judge a stage of 2,000 buckets", timing["2000"], 25)
    yield Bar("time of 4,000 buckets over that of 1,000 (4 is linear)", timing["4000"] / timing["1000"], 5)


def _false_rollbacks(all_of: Measure) -> Iterator[Bar]:
    print("\n## False rollbacks within 1,000 looks, independent errors\n")
    ours = all_of(false_rollbacks, BARS, LEVELS, (1.0, 10.0, 100.0), [(RAMPART,)], size=20_000)
    theirs = all_of(false_rollbacks, BARS, LEVELS, (10.0,), [RIVALS], size=4000)
    header = ("bar", "rate / bar", "Rampart, 1 a look", "10 a look", "100 a look", *(f"{name}, 10" for name in RIVALS))
    rows = []
    for bar, level in product(BARS, LEVELS):
        mine = [ours[bar, level, n, (RAMPART,)][RAMPART] for n in (1.0, 10.0, 100.0)]
        other = [theirs[bar, level, 10.0, RIVALS][name] for name in RIVALS]
        rows.append((f"{bar:.0%}", f"{level:g}", *(f"{each:.2%}" for each in mine), *(f"{each:.0%}" for each in other)))
        limit = {0.5: 0.003, 0.8: 0.01, 1.0: 0.045}.get(level)
        if limit is not None:
            yield Bar(f"false rollbacks at {level:g} of {bar:.0%}, worst of 1, 10, 100 a look", max(mine), limit)
    _table(header, rows)


def _speed(all_of: Measure) -> Iterator[Bar]:
    print("\n## Mean requests to a rollback, over Wald's floor (Rampart: exact, cumulative test alone)\n")
    found = all_of(rivals_speed, BARS, MULTIPLES, size=4000)
    rows = []
    for (bar, multiple), cell in found.items():
        assert isinstance(bar, float)
        assert isinstance(multiple, float)
        least = floor(multiple * bar, bar)
        rows.append(
            (f"{bar:.0%}", f"{multiple:g}", f"{least:,.0f}", *(f"{cell[name]:.2f}" for name in (RAMPART, *RIVALS)))
        )
        if least >= 50:
            yield Bar(f"mean requests over the floor at {multiple:g} times {bar:.0%}", cell[RAMPART], 1.4)
    _table(("bar", "rate / bar", "floor", RAMPART, *RIVALS), rows)
    for bar in BARS:
        chance, _ = rolled_back(1.1 * bar, bar, most=int(16 * floor(1.1 * bar, bar)))
        yield Bar(f"not rolled back within 16 floors at 1.1 times {bar:.0%}", 1 - chance, 0.01)


def _late_changes(all_of: Measure) -> Iterator[Bar]:
    print("\n## Mean delay of a rollback after 1,000 good buckets (0.4 of the bar), over the information limit\n")
    found = all_of(late_change, BARS, (*MULTIPLES, 10.0), (10.0, 100.0), [(RAMPART, *RIVALS)], size=1000)
    rows = []
    for (bar, multiple, requests, _), cell in found.items():
        yardstick = cell["yardstick"]
        rows.append(
            (
                f"{bar:.0%}",
                f"{multiple:g}",
                f"{requests:g}",
                f"{yardstick:.1f}",
                *("all gone before" if math.isnan(cell[name]) else f"{cell[name]:.2f}" for name in (RAMPART, *RIVALS)),
            )
        )
        if yardstick >= 5:
            yield Bar(f"delay over the limit, {multiple:g} times {bar:.0%}, {requests:g} a bucket", cell[RAMPART], 1.3)
    _table(("bar", "rate / bar", "requests a bucket", "limit, buckets", RAMPART, *RIVALS), rows)


def _clumps(all_of: Measure) -> Iterator[Bar]:
    print("\n## False rollbacks with clumped errors, four days of 10 tries a bucket\n")
    names = (RAMPART, "its clump", "measured clump", *RIVALS)
    found = all_of(with_clumps, BARS, (0.5, 1.0), (2, 3, 5), (0.0, 6.0), size=4000)
    rows = []
    for (bar, level, clump, spread), cell in found.items():
        how = "at once" if spread == 0 else "over half an hour"
        figures = [f"{cell[name]:.2%}" if name not in RIVALS else f"{cell[name]:.0%}" for name in names]
        rows.append((f"{bar:.0%}", f"{level:g}", f"{clump}", how, f"{cell['median measured']:.1f}", *figures))
        where = f"{level:g} of {bar:.0%}, clumps of {clump} {how}"
        if clump != 2:
            yield Bar(f"its clump: {where}", cell["its clump"], {0.5: 0.005, 1.0: 0.045}[float(str(level))])
        if level == 0.5:
            yield Bar(f"measured clump: {where}", cell["measured clump"], 0.01)
    _table(("bar", "rate / bar", "clump", "errors come", "measured", "clump 1", *names[1:]), rows)


def _wandering_and_late_totals(all_of: Measure) -> None:
    print("\n## False rollbacks in a day of a million requests a bucket, the rate wandering slowly by 10%\n")
    names = (RAMPART, "uncapped", *RIVALS)
    found = all_of(with_wandering, BARS, (0.5, 0.8, 0.9, 0.95), (0.1,), size=2000)
    _table(
        ("bar", "rate / bar", *names),
        [
            (f"{bar:.0%}", f"{level}", *(f"{cell[name]:.1%}" for name in names))
            for (bar, level, _), cell in found.items()
        ],
    )
    print("\n## False rollbacks when half of the newest bucket's requests are still missing, 1,000 looks\n")
    found = all_of(with_late_totals, BARS, (0.5, 0.8, 1.0), (10.0, 100.0), size=2000)
    names = ("with a lag", RAMPART, *RIVALS)
    _table(
        ("bar", "rate / bar", "requests a bucket", "Rampart with a lag", "without", *RIVALS),
        [
            (f"{bar:.0%}", f"{level}", f"{requests:g}", *(f"{cell[name]:.1%}" for name in names))
            for (bar, level, requests), cell in found.items()
        ],
    )


def _published() -> None:
    print("\n## Errors from which on a number of requests fails: beside the published beta-binomial mixture\n")
    rows = []
    for bar, scale in product(BARS, (5, 50, 500)):
        requests = round(scale / bar)
        theirs, ours = published.first_errors(bar, requests, tuned_to=50 / bar)
        rows.append((f"{bar:.0%}", f"{requests:,}", f"{theirs:.1f}", f"{ours:.1f}"))
    _table(("bar", "requests", "published, tuned to 50 expected errors", RAMPART), rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A Markdown table."""
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    sys.exit(main())
