"""The tables of comparisons with a control, and the bars that they must hold."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

from benchmarks.comparisons import (
    OURS,
    RIVALS,
    SHARES,
    TRUE_RATIOS,
    caught_within,
    false_rollbacks_of_ratios,
    outage_of_both,
    ratio_agreement,
    requests_to_a_rollback,
    week_old_control,
)
from benchmarks.measures import MULTIPLES, Found
from benchmarks.petshop import faults_caught, healthy_rolled_back
from benchmarks.tables import Bar, Measure, table

_LIMITS = {1.0: 0.005, 1.5: 0.045}
"""The most false rollbacks at a true ratio, with the bar at 1.5 times the control's rate."""
_REQUESTS = (100, 1000)


def compare_timing(timing: Found) -> Iterator[Bar]:
    """The time that a long stage with four series takes."""
    yield Bar("ms to compare 2,000 buckets of four series, worst of 100 and 1,000 a bucket", max(timing.values()), 50)


def compare_report(all_of: Measure) -> Iterator[Bar]:
    """Everything that is measured of comparisons."""
    yield from _false_rollbacks(all_of)
    yield from _clumps(all_of)
    yield from _speed(all_of)
    _caught(all_of)
    yield from _outages(all_of)
    _week_old(all_of)
    found = all_of(ratio_agreement, size=5000)[()]
    yield Bar("comparisons that the product's rule decides differently from the one measured here", found[OURS], 0)
    yield Bar("fewer than 100 of them decided", 100 - found["decided"], 0)


def _false_rollbacks(all_of: Measure) -> Iterator[Bar]:
    print("\n## False rollbacks of comparisons within 1,000 looks, at most 1.5 times the control\n")
    print("The control's rate is 1%, doubling and halving each day. The others test any difference.\n")
    ours = all_of(false_rollbacks_of_ratios, SHARES, TRUE_RATIOS, _REQUESTS, (1,), [(OURS,)], size=10_000)
    theirs = all_of(false_rollbacks_of_ratios, SHARES, (0.75, 1.0), (100,), (1,), [RIVALS], size=500)
    rows = []
    for share, ratio in product(SHARES, TRUE_RATIOS):
        mine = [ours[share, ratio, n, 1, (OURS,)][OURS] for n in _REQUESTS]
        other = theirs.get((share, ratio, 100, 1, RIVALS), {})
        rivals = (f"{other[name]:.1%}" if other else "" for name in RIVALS)
        rows.append((f"{share:.0%}", f"{ratio:g}", *(f"{each:.2%}" for each in mine), *rivals))
        if ratio in _LIMITS:
            what = f"false rollbacks of compare at a share of {share:.0%}, {ratio:g} times the control"
            yield Bar(what, max(mine), _LIMITS[ratio])
    table(("share", "true ratio", f"{OURS}, 100 a bucket", "1,000 a bucket", *(f"{n}, 100" for n in RIVALS)), rows)


def _clumps(all_of: Measure) -> Iterator[Bar]:
    print("\n## The same with clumps of five errors, and a clump of five\n")
    found = all_of(false_rollbacks_of_ratios, SHARES, TRUE_RATIOS, _REQUESTS, (5,), [(OURS,)], size=10_000)
    rows = []
    for share, ratio in product(SHARES, TRUE_RATIOS):
        mine = [found[share, ratio, n, 5, (OURS,)][OURS] for n in _REQUESTS]
        rows.append((f"{share:.0%}", f"{ratio:g}", *(f"{each:.2%}" for each in mine)))
        if ratio in _LIMITS:
            what = f"false rollbacks of compare in clumps at a share of {share:.0%}, {ratio:g} times the control"
            yield Bar(what, max(mine), _LIMITS[ratio])
    table(("share", "true ratio", "100 a bucket", "1,000 a bucket"), rows)


def _speed(all_of: Measure) -> Iterator[Bar]:
    print("\n## Mean requests of both paths to a rollback, over ln(20) / divergence to the boundary\n")
    found = all_of(requests_to_a_rollback, (0.05, 0.25, 0.5), MULTIPLES, size=4000)
    rows = []
    for (share, multiple), cell in found.items():
        rows.append((f"{share:.0%}", f"{multiple:g}", f"{cell['floor']:,.0f}", f"{cell[OURS]:.2f}"))
        what = f"mean requests over the floor, share {share:.0%}, {multiple:g} times the boundary"
        yield Bar(what, cell[OURS], 1.5)
    table(("share", "rate / boundary", "floor", OURS), rows)


def _caught(all_of: Measure) -> None:
    print("\n## Bad new paths that are rolled back within a day (288 buckets, control 1%)\n")
    found = all_of(caught_within, (0.01, 0.25, 0.5), (2.0, 3.0, 5.0), _REQUESTS, (288,), [(OURS, *RIVALS)], size=500)
    names = (OURS, "bar of 8%", *RIVALS)
    rows = [
        (f"{share:.0%}", f"{ratio:g}", f"{requests:,}", *(f"{cell[name]:.0%}" for name in names))
        for (share, ratio, requests, _, _), cell in found.items()
    ]
    table(("share", "true ratio", "a bucket", *names), rows)


def _outages(all_of: Measure) -> Iterator[Bar]:
    print("\n## Healthy flags that an outage of both paths takes down: five times the errors for two hours\n")
    found = all_of(outage_of_both, (0.05, 0.25, 0.5), _REQUESTS, size=2000)
    names = (OURS, "bar of 3%", *RIVALS)
    rows = []
    for (share, requests), cell in found.items():
        rows.append((f"{share:.0%}", f"{requests:,}", *(f"{cell[name]:.2%}" for name in names)))
        yield Bar(f"taken down by 2,000 outages, share {share:.0%}, {requests:,} a bucket", cell[OURS], 0)
    table(("share", "a bucket", *names), rows)


def _week_old(all_of: Measure) -> None:
    print("\n## Four days against the week before\n")
    print("Traffic and rate have daily and weekly seasons, and this week's rate differs from last week's.\n")
    found = all_of(week_old_control, (1.0, 3.0), (0.0, 0.1, 0.3), size=2000)
    rows = [
        (f"{ratio:g}", f"{drift:.0%}", *(f"{cell[name]:.1%}" for name in (OURS, *RIVALS)))
        for (ratio, drift), cell in found.items()
    ]
    table(("true ratio", "weeks differ by (sd)", OURS, *RIVALS), rows)


def real_data(folder: Path) -> None:
    """What each rule makes of a real application's counts; the control is the same hour a day earlier."""
    print("\n## A real application: faults caught within their five buckets, and healthy windows of four hours\n")
    caught, healthy = faults_caught(folder), healthy_rolled_back(folder)
    rows = [
        (name, f"{caught[name]:.0f} of {caught['faults']:.0f}", f"{healthy[name]:.0f} of {healthy['windows']:.0f}")
        for name in caught
        if name != "faults"
    ]
    table(("rule", "faults caught", "healthy windows rolled back"), rows)
