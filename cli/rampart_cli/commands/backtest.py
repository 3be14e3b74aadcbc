"""`rampart backtest`: what the rule would have said of series that were recorded or made up."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal

import typer

from rampart.evidence.criteria import CompareCriterion, RateCriterion, Side
from rampart.plan.quantities import parse_fraction, parse_times
from rampart.words import count, percent, times
from rampart_cli.backtest import Backtest, BacktestResult, BacktestSettings, judge_all, judge_recorded
from rampart_cli.console import show, table, verdict_text
from rampart_cli.failures import InputError
from rampart_cli.options import AsJson
from rampart_cli.plots.canvas import refuse_other_endings
from rampart_cli.recorded import Recorded, is_csv, lines_of, parse_line, read_csv

_BAR = re.compile(r"\s*(<|>|below|above)\s*(\S+?\s*%)\s*\Z")


Buckets = Annotated[
    Path,
    typer.Option(
        "--buckets",
        metavar="FILE",
        help="Lines of JSON, or a .csv with time, errors, total; - is lines of JSON on stdin.",
    ),
]
Bar = Annotated[
    str | None,
    typer.Option(
        "--bar", metavar="BAR", help='The bar, such as "< 1%" or "> 99%". For a floor, errors counts the successes.'
    ),
]
Compare = Annotated[
    str | None,
    typer.Option("--compare", metavar="RATIO", help="Instead of a bar: the most times a control's rate, such as 1.5x."),
]
IgnoreBelow = Annotated[
    str | None,
    typer.Option(
        "--ignore-below", metavar="RATE", help="With --compare: the rate below which no ratio matters, such as 0.2%."
    ),
]
PlannedBuckets = Annotated[
    int | None,
    typer.Option(
        "--planned-buckets", min=1, metavar="N", help="Number of planned buckets; default: the length of the series."
    ),
]
OnlyFails = Annotated[
    Literal["fail"] | None,
    typer.Option(
        "--only", metavar="fail", help="Look for fails alone, and let no pass end it; its only value is fail."
    ),
]
Clump = Annotated[float, typer.Option("--clump", min=1, metavar="N", help="Errors come in groups of up to N.")]
Plot = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="FILE",
        help="Draw the first series as .svg or .png: what was judged, the interval, and where it was decided.",
    ),
]


def backtest(
    file: Buckets,
    *,
    bar: Bar = None,
    compare: Compare = None,
    ignore_below: IgnoreBelow = None,
    planned_buckets: PlannedBuckets = None,
    only: OnlyFails = None,
    clump: Clump = 1,
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """Replay recorded series through the rule: shows the first fail or pass of each, and its bucket."""
    criterion = _criterion(bar, compare, ignore_below, clump)
    settings = BacktestSettings(criterion, planned_buckets, only)
    if plot is not None:
        if isinstance(criterion, CompareCriterion):
            raise InputError("only the rate of a --bar is drawn", fix="Leave --plot out; the report draws comparisons.")
        refuse_other_endings(plot)
    first = _judge_file(file, settings, as_json=as_json)
    if plot is not None and isinstance(criterion, RateCriterion):
        from rampart_cli.plots.series import draw_series

        draw_series(plot, Backtest.of(first, settings))


def _judge_file(file: Path, settings: BacktestSettings, *, as_json: bool) -> Recorded:
    """Judge every series of a file and say what came out; returns the first of them."""
    if is_csv(file):
        series = read_csv(file, settings.parts)
        _report([judge_recorded(series, settings)], settings.criterion, as_json=as_json)
        return series
    lines = lines_of(file)
    line = next(lines)
    series = parse_line(line, settings.parts)
    _report(judge_all(chain([line], lines), settings), settings.criterion, as_json=as_json)
    return series


def _criterion(
    bar: str | None, compare: str | None, ignore_below: str | None, clump: float
) -> RateCriterion | CompareCriterion:
    if (bar is None) == (compare is None):
        raise InputError("give either --bar or --compare", fix='Write --bar "< 1%", or --compare 1.5x.')
    if bar is not None:
        if ignore_below is not None:
            raise InputError("--ignore-below goes with --compare only", fix="Leave it out.")
        return criterion_for(bar, clump)
    try:
        floor = None if ignore_below is None else parse_fraction(ignore_below)
        return CompareCriterion(name="ratio", ratio=parse_times(compare), floor=floor, clump=clump)
    except ValueError as error:
        raise InputError(str(error), fix="Write --compare 1.5x, or --compare 1.5x --ignore-below 0.2%.") from error


def criterion_for(bar: str, clump: float) -> RateCriterion:
    """The criterion behind `< 1%` or `> 99%`; raises InputError for anything else."""
    match = _BAR.match(bar)
    fix = 'Write it with its sign, in quotes: "< 1%", "> 99%".'
    if match is None:
        raise InputError(f"{bar!r} isn't a bar", fix=fix)
    side = Side.BELOW if match[1] in {"<", "below"} else Side.ABOVE
    try:
        return RateCriterion(name="rate", bar=parse_fraction(match[2]), side=side, clump=clump)
    except ValueError as error:
        raise InputError(f"{bar!r} isn't a bar: {error}", fix=fix) from error


def _report(results: Iterable[BacktestResult], criterion: RateCriterion | CompareCriterion, *, as_json: bool) -> None:
    if as_json:
        for result in results:
            sys.stdout.write(json.dumps(result.to_dict()) + "\n")
        return
    rows = [
        (
            str(r.id),
            verdict_text(r.verdict),
            "" if r.at_bucket is None else str(r.at_bucket),
            r.test or "",
            _counts(r),
            "" if r.interval is None else " to ".join(_in_words(limit, criterion) for limit in r.interval),
            r.reason if r.then_fails_at is None else f"fails at bucket {r.then_fails_at} after all",
        )
        for r in results
    ]
    show(None, table(("id", "verdict", "at bucket", "test", "errors", "90% sure", "why"), rows), as_json=False)


def _counts(result: BacktestResult) -> str:
    own = f"{count(result.errors)} of {count(result.requests)}"
    if result.control_errors is None or result.control_requests is None:
        return own
    return f"{own} against {count(result.control_errors)} of {count(result.control_requests)}"


def _in_words(limit: float, criterion: RateCriterion | CompareCriterion) -> str:
    if isinstance(criterion, CompareCriterion):
        return times(limit, near=criterion.ratio)
    return percent(limit, near=criterion.bar)
