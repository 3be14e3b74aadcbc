"""Draw one series as it was judged: its rate, the bar, the interval, and the moment and stretch of the decision."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rampart.evidence.judgement import FiredBy
from rampart.evidence.rule import Walk
from rampart.words import in_words, percentage, rough_percent
from rampart_cli.plots.canvas import canvas, caption, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rampart_cli.backtest import Backtest

_BANDS = 200
"""Points at which the interval is worked out: more would not be seen."""

Limits = tuple[int, float, float]
"""The index of a judged bucket, and the interval there."""


def draw_series(path: Path, backtest: Backtest) -> None:
    """Write the picture as .svg or .png, by the file's name; raises InputError for another ending."""
    figure, axes = canvas(height=5.5)
    result, buckets = backtest.result, backtest.evidence.buckets
    across = _across(axes, backtest)
    limits = _limits(backtest)
    if buckets:
        _draw_rates(axes, backtest, across)
        _draw_limits(axes, [(across[buckets[index].start], lower, upper) for index, lower, upper in limits])
    bar = 100 * backtest.rule.bar
    axes.axhline(bar, color="C3", linestyle="--", label=f"bar {percentage(bar)}")
    _draw_decision(axes, backtest, across)
    _draw_fault(axes, backtest, across)
    axes.set_ylim(*_range(backtest, limits))
    axes.set_ylabel("rate, %")
    verdict = in_words(result.verdict) + (f": {result.reason}" if result.reason else "")
    axes.set_title(f"{caption(str(result.id), most=40)}: {caption(verdict)}")
    figure.legend(loc="outside lower center", ncols=3)
    save(figure, path)


def _across(axes: Axes, backtest: Backtest) -> list[float]:
    """Where each bucket lies from left to right: at its time, or at its number where there are no times."""
    from matplotlib import dates, ticker

    times, length = backtest.series.times, len(backtest.series.buckets)
    if times:
        marks: Any = dates  # its classes are not typed
        locator = marks.AutoDateLocator()
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(marks.ConciseDateFormatter(locator))
        places = [when.timestamp() / 86_400 for when in times]  # as matplotlib counts: days since 1970
    else:
        axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
        places = [float(number) for number in range(length)]
    axes.set_xlabel("UTC" if times else "bucket")
    first, last = (places[0], places[-1]) if places else (0.0, 1.0)
    room = (last - first) * 0.02 or (1 / 24 if times else 1.0)
    axes.set_xlim(first - room, last + room)  # all buckets, judged or not: silence is to be seen
    return places


def _draw_rates(axes: Axes, backtest: Backtest, across: Sequence[float]) -> None:
    buckets = backtest.evidence.buckets
    places = [across[bucket.start] for bucket in buckets]
    each = [100 * bucket.errors / bucket.requests for bucket in buckets]
    axes.plot(places, each, ".", color="0.7", markersize=3 if len(buckets) > 1 else 8, label="each bucket")
    if len(buckets) > 1:
        axes.plot(places, [100 * rate for rate in _so_far(backtest)], color="C0", label="all so far")


def _so_far(backtest: Backtest) -> list[float]:
    buckets = backtest.evidence.buckets
    errors = accumulate(bucket.errors for bucket in buckets)
    requests = accumulate(bucket.requests for bucket in buckets)
    return [k / n for k, n in zip(errors, requests, strict=True)]


def _limits(backtest: Backtest) -> list[Limits]:
    """The interval now and then; after a fail there is none any more, for the rule stands still."""
    buckets = backtest.evidence.buckets
    every = max(1, len(buckets) // _BANDS)
    walk = Walk(backtest.rule)
    found: list[Limits] = []
    for index, bucket in enumerate(buckets):
        walk.step(bucket.errors, bucket.requests)
        if walk.fired is FiredBy.CHANGE_DETECTOR:
            break
        if index % every == 0 or index in {len(buckets) - 1, backtest.ruling.at} or walk.fired:
            found.append((index, *walk.interval))
        if walk.fired:
            break
    return found


def _draw_limits(axes: Axes, limits: Sequence[tuple[float, float, float]]) -> None:
    places, lower, upper = ([limit[part] for limit in limits] for part in range(3))
    lower, upper = [100 * each for each in lower], [100 * each for each in upper]
    if len(limits) > 1:
        axes.fill_between(places, lower, upper, color="C0", alpha=0.2, linewidth=0, label="90% sure")
    elif limits:  # a band of one point could not be seen
        axes.vlines(places, lower, upper, color="C0", alpha=0.3, linewidth=8, label="90% sure")


def _draw_decision(axes: Axes, backtest: Backtest, across: Sequence[float]) -> None:
    ruling, buckets, result = backtest.ruling, backtest.evidence.buckets, backtest.result
    if ruling.at is None:
        return
    at = across[buckets[ruling.at].start]
    axes.axvline(at, color="black", linewidth=1.2, label=f"{result.verdict} ({result.test})")
    if ruling.walk.fired is FiredBy.CHANGE_DETECTOR:
        since = across[buckets[ruling.since].start]
        rate = 100 * ruling.errors / ruling.requests
        told = f"{rough_percent(rate / 100)} since it most likely changed"
        axes.axvspan(since, at, color="C1", alpha=0.25, linewidth=0)
        axes.plot([since, at], [rate, rate], color="C1", linewidth=2.5, marker="o", markersize=4, label=told)


def _draw_fault(axes: Axes, backtest: Backtest, across: Sequence[float]) -> None:
    for fault in backtest.evidence.odd[:1]:
        told = caption(f"bucket {fault.start}: {fault.what}", most=80)
        axes.axvline(across[fault.start], color="C4", linestyle=":", linewidth=2, label=told)


def _range(backtest: Backtest, limits: Sequence[Limits]) -> tuple[float, float]:
    """Percentages that show the bar, the rate and what decided, and not the first buckets' leaps."""
    bar, ruling = backtest.rule.bar, backtest.ruling
    rates = _so_far(backtest)
    shown = [bar, *rates[len(rates) // 10 :]]
    if ruling.at is not None:
        shown.append(ruling.errors / ruling.requests)
        shown += [end for index, lower, upper in limits if index == ruling.at for end in (lower, upper)]
    elif limits:
        shown += limits[-1][1:]
    lower, upper = min(shown), max(shown)
    margin = max(upper - lower, min(bar, 1 - bar)) * 0.3
    return max(-1.0, 100 * (lower - margin)), min(101.0, 100 * (upper + margin))
