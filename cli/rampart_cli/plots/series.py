"""Draw one series: its rate, the bar, the interval and the moment of the decision."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rampart.evidence.rule import RateRule, Walk
from rampart_cli.plots.canvas import canvas, save

if TYPE_CHECKING:
    from rampart_cli.commands.backtest import Result

_BANDS = 200
"""Points at which the interval is worked out: more would not be seen."""


def draw_series(
    path: Path,
    buckets: Sequence[tuple[float | None, float | None]],
    times: Sequence[datetime],
    rule: RateRule,
    result: Result,
) -> None:
    """Write the picture as .svg or .png, by the file's name; raises InputError for another ending."""
    across: Sequence[Any] = times or range(len(buckets))
    figure, axes = canvas()
    filled = [(across[i], 100 * (k or 0) / n) for i, (k, n) in enumerate(buckets) if n]
    axes.plot([x for x, _ in filled], [y for _, y in filled], ".", color="0.75", markersize=3, label="each bucket")
    seen = _walk(buckets, rule)
    axes.plot([across[i] for i, _, _ in seen], [100 * rate for _, rate, _ in seen], color="C0", label="all so far")
    sure = [(across[i], limits) for i, _, limits in seen if limits is not None]
    axes.fill_between(
        [x for x, _ in sure],
        [100 * lower for _, (lower, _) in sure],
        [100 * upper for _, (_, upper) in sure],
        color="C0",
        alpha=0.2,
        linewidth=0,
        label="90% sure",
    )
    axes.axhline(100 * rule.bar, color="C3", linestyle="--", label=f"bar {100 * rule.bar:g}%")
    if result.at_bucket is not None:
        decided = f"{result.verdict} ({result.test})"
        axes.axvline(across[result.at_bucket], color="black", linewidth=1, label=decided)
    axes.set_ylim(*_range(rule.bar, [rate for _, rate, _ in seen]))
    axes.set_xlabel("" if times else "bucket")
    axes.set_ylabel("errors, %")
    axes.set_title(f"{result.id}: {result.verdict}".replace("_", " "))
    axes.legend(loc="upper right")
    save(figure, path)


def _walk(
    buckets: Sequence[tuple[float | None, float | None]], rule: RateRule
) -> list[tuple[int, float, tuple[float, float] | None]]:
    """Index, rate so far and, now and then, the interval; after a fail the rule's interval stands still."""
    every = max(1, len(buckets) // _BANDS)
    walk = Walk(rule)
    errors = requests = 0.0
    seen: list[tuple[int, float, tuple[float, float] | None]] = []
    for index, (k, n) in enumerate(buckets):
        before = walk.fired
        if not n:
            continue
        errors, requests = errors + (k or 0), requests + n
        walk.step(k or 0, n)
        wanted = before is None and (index % every == 0 or walk.fired is not None or index == len(buckets) - 1)
        seen.append((index, errors / requests, walk.interval if wanted else None))
    return seen


def _range(bar: float, rates: Sequence[float]) -> tuple[float, float]:
    """Limits that show the bar and the rate, and not the first buckets' leaps."""
    settled = rates[len(rates) // 10 :] or [bar]
    lower, upper = min(bar, *settled), max(bar, *settled)
    margin = max(upper - lower, min(bar, 1 - bar)) * 0.75
    return max(0.0, 100 * (lower - margin)), min(100.0, 100 * (upper + margin))
