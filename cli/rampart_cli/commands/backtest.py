"""`rampart backtest`: what the rule would have said of series that were recorded or made up."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from rampart.evidence.criteria import RateCriterion, Side
from rampart.plan.quantities import parse_fraction
from rampart.words import count, percent
from rampart_cli.backtest import Backtest, BacktestResult, BacktestSettings, Only, judge_all
from rampart_cli.console import show, table, verdict_text
from rampart_cli.failures import InputError
from rampart_cli.options import AsJson
from rampart_cli.plots.canvas import refuse_other_endings
from rampart_cli.recorded import is_csv, lines_of, parse_line, read_csv

_BAR = re.compile(r"\s*(<|>|below|above)\s*(\S+?\s*%)\s*\Z")


def backtest(
    bar: Annotated[str, typer.Option("--bar", metavar="BAR", help='The bar, such as "< 1%" or "> 99%".')],
    file: Annotated[
        Path,
        typer.Option(
            "--buckets",
            metavar="FILE",
            help="Lines of JSON, or a .csv with time, errors, total; - is lines of JSON on stdin.",
        ),
    ],
    *,
    planned_buckets: Annotated[
        int | None,
        typer.Option("--planned-buckets", min=1, metavar="N", help="Buckets that were planned; the length if absent."),
    ] = None,
    only: Annotated[Only | None, typer.Option("--only", help="Look for the fail side alone.")] = None,
    clump: Annotated[float, typer.Option("--clump", min=1, metavar="N", help="Requests that one cause can spoil.")] = 1,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw the first series as .svg or .png.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replay recorded series through the rule: the first fail or pass of each, and at which bucket it came."""
    settings = BacktestSettings(criterion_for(bar, clump), planned_buckets, only)
    if plot is not None:
        refuse_other_endings(plot)
    if is_csv(file):
        series = read_csv(file)
        _report([Backtest.of(series, settings).result], settings.criterion.bar, as_json=as_json)
    else:
        lines = lines_of(file)
        first = next(lines)
        series = parse_line(first)
        _report(judge_all(chain([first], lines), settings), settings.criterion.bar, as_json=as_json)
    if plot is not None:
        from rampart_cli.plots.series import draw_series

        draw_series(plot, Backtest.of(series, settings))


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


def _report(results: Iterable[BacktestResult], bar: float, *, as_json: bool) -> None:
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
            f"{count(r.errors)} of {count(r.requests)}",
            "" if r.interval is None else " to ".join(percent(limit, near=bar) for limit in r.interval),
            r.reason,
        )
        for r in results
    ]
    show(None, table(("id", "verdict", "at bucket", "test", "errors", "90% sure", "why"), rows), as_json=False)
