"""Measure how often the rule for rates decides correctly, and how soon: `python -m benchmarks.decisions [--quick]`.

Prints tables that compare it with the rules in use today, then the bars that must hold; exits with 1 if one is missed.
Everything is seeded. `--quick` draws a tenth of the series: enough for a first look, too few to enforce the bars.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

from benchmarks import published
from benchmarks.compare_report import compare_report, compare_timing, real_data
from benchmarks.comparisons import comparing_time
from benchmarks.measures import (
    BARS,
    LEVELS,
    MULTIPLES,
    RAMPART,
    RIVALS,
    TRIES,
    Found,
    agreement,
    false_rollbacks,
    judging_time,
    late_change,
    rivals_speed,
    with_clumps,
    with_late_totals,
    with_wandering,
)
from benchmarks.outages import BUSY, OUTAGES, few_errors, with_outage
from benchmarks.recursion import floor, rolled_back
from benchmarks.tables import Bar, Measure, table

HELD = (0.5, 1.0)
"""Levels at which false rollbacks with clumps have bars."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and report in the exit code whether every bar holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="a tenth of the series; the bars are shown, not enforced")
    parser.add_argument("--data", type=Path, help="a folder with counts of a real application, PetShop's")
    asked = parser.parse_args(arguments)
    quick = asked.quick
    begun = time.monotonic()
    timing, comparing = judging_time(), comparing_time()  # before the other processes make the machine busy
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:

        def all_of(cell: Callable[..., Found], *axes: Iterable[object], size: int) -> dict[tuple[object, ...], Found]:
            keys = list(product(*axes))
            futures = [pool.submit(cell, *key, size // 10 if quick else size) for key in keys]
            return dict(zip(keys, (future.result() for future in futures), strict=True))

        bars = [*_timing(timing), *compare_timing(comparing), *compare_report(all_of), *_report(all_of)]
    bars.append(
        Bar(
            "published bound computed again, off by",
            abs(published.published_bound() - published.PUBLISHED_BOUND),
            1e-4,
        )
    )
    _published()
    if asked.data is not None:
        real_data(asked.data)
    missed = [bar for bar in bars if not bar.holds]
    print("\n## Bars\n")
    table(
        ("", "figure", "limit", "what"),
        [("ok" if bar.holds else "MISSED", f"{bar.value:.4g}", f"{bar.limit:.4g}", bar.what) for bar in bars],
    )
    print(f"\n{len(bars) - len(missed)} of {len(bars)} bars hold; {time.monotonic() - begun:.0f} s")
    return 1 if missed and not quick else 0


def _report(all_of: Measure) -> Iterator[Bar]:
    yield from _false_rollbacks(all_of)
    yield from _speed(all_of)
    yield from _late_changes(all_of)
    yield from _clumps(all_of)
    yield from _outages(all_of)
    yield from _few_errors(all_of)
    _wandering_and_late_totals(all_of)
    found = all_of(agreement, size=5000)[()]
    yield Bar("series that the product's rule decides differently from the one measured here", found[RAMPART], 0)
    yield Bar("fewer than 100 of them decided by the change detector", 100 - found["by the detector"], 0)


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
    table(header, rows)


def _speed(all_of: Measure) -> Iterator[Bar]:
    print("\n## Mean requests to a rollback, over Wald's floor\n")
    print("Rampart: exact, the cumulative test alone, checked after every request. The others: simulated, checked")
    print("every 10 requests and cut off at 20 floors.\n")
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
    table(("bar", "rate / bar", "floor", RAMPART, *RIVALS), rows)
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
                *("all rolled back" if math.isnan(cell[name]) else f"{cell[name]:.2f}" for name in (RAMPART, *RIVALS)),
            )
        )
        if yardstick >= 5:
            yield Bar(f"delay over the limit, {multiple:g} times {bar:.0%}, {requests:g} a bucket", cell[RAMPART], 1.3)
    table(("bar", "rate / bar", "requests a bucket", "limit, buckets", RAMPART, *RIVALS), rows)


def _clumps(all_of: Measure) -> Iterator[Bar]:
    print("\n## False rollbacks with clumped errors, four days of 10 tries a bucket\n")
    names = (RAMPART, "its clump", "measured clump", *RIVALS)
    axes = (2, 3, 5), (0.0, 6.0)
    held = all_of(with_clumps, BARS, HELD, *axes, size=10_000)
    found = held | all_of(with_clumps, BARS, [level for level in LEVELS if level not in HELD], *axes, size=2000)
    rows = []
    for (bar, level, clump, spread), cell in sorted(found.items(), key=lambda each: [float(str(k)) for k in each[0]]):
        how = "at once" if spread == 0 else "over half an hour"
        figures = [f"{cell[name]:.2%}" if name not in RIVALS else f"{cell[name]:.0%}" for name in names]
        rows.append((f"{bar:.0%}", f"{level:g}", f"{clump}", how, f"{cell['median measured']:.1f}", *figures))
        where = f"{level:g} of {bar:.0%}, clumps of {clump} {how}"
        if clump != 2 and level in HELD:
            yield Bar(f"its clump: {where}", cell["its clump"], {0.5: 0.005, 1.0: 0.045}[float(str(level))])
        if level == 0.5:
            yield Bar(f"measured clump: {where}", cell["measured clump"], 0.01)
    table(("bar", "rate / bar", "clump", "errors come", "measured", "clump 1", *names[1:]), rows)


def _outages(all_of: Measure) -> Iterator[Bar]:
    print("\n## Clumps measured from a week with an outage, and false rollbacks at half the bar with them\n")
    axes = BARS, (3, 5), (0.0, 6.0)
    found = all_of(with_outage, *axes, (TRIES,), OUTAGES, size=1000)
    found |= all_of(with_outage, *axes, (BUSY,), OUTAGES, size=500)
    rows = []
    for (bar, clump, spread, tries, outage), cell in found.items():
        how = "at once" if spread == 0 else "over half an hour"
        figures = (f"{cell['median']:.1f}", f"{cell['95%']:.1f}", f"{cell['left out']:.2f}")
        rows.append((f"{bar:.0%}", f"{tries}", f"{clump}", how, str(outage), *figures, f"{cell['rolled back']:.2%}"))
        where = f"half of {bar:.0%}, {tries} a bucket, clumps of {clump} {how}, outage of {outage}"
        yield Bar(f"measured clump: {where}", cell["rolled back"], 0.01)
        without = found[bar, clump, spread, tries, OUTAGES[0]]
        yield Bar(f"median clump over the one without outage: {where}", cell["median"] / without["median"], 2.0)
    header = ("bar", "a bucket", "clump", "errors come", "outage", "measured", "95%", "hours left out", "rolled back")
    table(header, rows)


def _few_errors(all_of: Measure) -> Iterator[Bar]:
    print("\n## Weeks of few errors and no outage: none of their hours should be left out\n")
    found = all_of(few_errors, (20.0, 30.0, 50.0, 150.0), (1, 3, 5, 10), size=1000)
    rows = []
    for (expected, clump), cell in found.items():
        rows.append((f"{expected}", f"{clump}", f"{cell['mean']:.2f}", f"{cell['left out']:.2%}"))
        where = f"clumps of {clump}, {expected:g} errors a week"
        yield Bar(f"weeks with hours left out for nothing: {where}", cell["left out"], 0.02)
        yield Bar(f"clump over the mean measured: {where}", float(str(clump)) / cell["mean"], 1.1)
    table(("errors a week", "clump", "measured", "left out"), rows)


def _wandering_and_late_totals(all_of: Measure) -> None:
    print("\n## False rollbacks in a day of a million requests a bucket, the rate wandering slowly by 10%\n")
    names = (RAMPART, "uncapped", *RIVALS)
    found = all_of(with_wandering, BARS, LEVELS, (0.1,), size=2000)
    table(
        ("bar", "rate / bar", *names),
        [
            (f"{bar:.0%}", f"{level}", *(f"{cell[name]:.1%}" for name in names))
            for (bar, level, _), cell in found.items()
        ],
    )
    print("\n## False rollbacks when half of the newest bucket's requests are still missing, 1,000 looks\n")
    found = all_of(with_late_totals, BARS, LEVELS, (10.0, 100.0), size=2000)
    names = ("with a lag", RAMPART, *RIVALS)
    table(
        ("bar", "rate / bar", "requests a bucket", "Rampart with a lag", "without", *RIVALS),
        [
            (f"{bar:.0%}", f"{level}", f"{requests:g}", *(f"{cell[name]:.1%}" for name in names))
            for (bar, level, requests), cell in found.items()
        ],
    )


def _published() -> None:
    print("\n## Errors from which on a number of requests fails, compared with the published beta-binomial mixture\n")
    rows = []
    for bar, scale in product(BARS, (5, 50, 500)):
        requests = round(scale / bar)
        theirs, ours = published.first_errors(bar, requests, tuned_to=50 / bar)
        rows.append((f"{bar:.0%}", f"{requests:,}", f"{theirs:.1f}", f"{ours:.1f}"))
    table(("bar", "requests", "published, tuned to 50 expected errors", RAMPART), rows)


if __name__ == "__main__":
    sys.exit(main())
