"""`rampart backtest`: what the rule would have said of series that were recorded or made up."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Any

import typer

from rampart.evidence.buckets import pair
from rampart.evidence.criteria import RateCriterion, Side
from rampart.evidence.judgement import FiredBy
from rampart.evidence.rule import RateRule, decide
from rampart.evidence.series import Series
from rampart.evidence.verdict import Verdict
from rampart.evidence.window import Window
from rampart.evidence.words import count, percent
from rampart.plan.quantities import parse_fraction
from rampart_cli.console import show, table, verdict_text
from rampart_cli.failures import InputError
from rampart_cli.options import AsJson

_BAR = re.compile(r"\s*(<|>|below|above)\s*(\S+?\s*%)\s*\Z")
_WORTH_A_POOL = 64
"""Fewer series are judged sooner than processes are started."""
_CHUNK = 16


class Only(StrEnum):
    """The side of the rule that is looked at alone."""

    FAIL = "fail"
    """Fails are looked for, and a pass ends nothing."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What every series is judged by."""

    criterion: RateCriterion
    planned_buckets: int | None = None
    only: Only | None = None

    def rule(self, buckets: int) -> RateRule:
        """The rule for a series of so many buckets."""
        return RateRule.of(self.criterion, self.planned_buckets or buckets)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One series as it was read: counts per bucket, None where nothing is known, and the times if there are any."""

    id: Any
    buckets: Sequence[tuple[float | None, float | None]]
    times: Sequence[datetime] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What the rule says of one series."""

    id: Any
    verdict: Verdict
    at_bucket: int | None
    """Zero-based; None where nothing was decided."""
    test: FiredBy | None
    errors: float
    requests: float
    interval: tuple[float, float] | None

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON; whole counts without a decimal point."""
        return asdict(self) | {"errors": _whole(self.errors), "requests": _whole(self.requests)}


def backtest(
    bar: Annotated[str, typer.Option("--bar", metavar="BAR", help='The bar, such as "< 1%" or "> 99%".')],
    file: Annotated[
        Path,
        typer.Option(
            "--buckets", metavar="FILE", help="Lines of JSON, or a .csv with time, errors, total; - is stdin."
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
    settings = Settings(criterion_for(bar, clump), planned_buckets, only)
    if file.suffix == ".csv":
        series = read_csv(file)
        _report((replay(series, settings) for series in [series]), as_json=as_json)
    else:
        lines = _lines(file)
        first = next(lines, None)
        if first is None:
            raise InputError(f"{file} holds no series", mend='Write a line such as {"id": 1, "buckets": [[0, 10]]}.')
        series = parse_line(first)
        _report(judge_all(chain([first], lines), settings), as_json=as_json)
    if plot is not None:
        from rampart_cli.plots.series import draw_series

        draw_series(plot, series.buckets, series.times, settings.rule(len(series.buckets)), replay(series, settings))


def criterion_for(bar: str, clump: float) -> RateCriterion:
    """The criterion behind `< 1%` or `> 99%`; raises InputError for anything else."""
    match = _BAR.match(bar)
    mend = 'Write it with its sign, in quotes: "< 1%", "> 99%".'
    if match is None:
        raise InputError(f"{bar!r} is no bar", mend=mend)
    side = Side.BELOW if match[1] in {"<", "below"} else Side.ABOVE
    try:
        return RateCriterion(name="rate", bar=parse_fraction(match[2]), side=side, clump=clump)
    except ValueError as error:
        raise InputError(f"{bar!r} is no bar: {error}", mend=mend) from error


def replay(series: Recorded, settings: Settings) -> Result:
    """Judge one series: the first fail or pass, or what could be said at its end."""
    length = len(series.buckets)
    rule = settings.rule(length)
    errors, total = (Series(tuple(enumerate(part))) for part in zip(*series.buckets, strict=True)) if length else _EMPTY
    evidence = pair(errors, total, Window(start=0, end=length, bucket=1, planned_buckets=length))
    counts = ((bucket.errors, bucket.requests) for bucket in evidence.buckets)
    decision = decide(rule, counts, stop_at_pass=settings.only is None)
    verdict, test = Verdict.INCONCLUSIVE, decision.walk.fired
    if test is not None:
        verdict = Verdict.FAIL
    elif evidence.fault is not None:
        verdict = Verdict.ERROR
    elif not evidence.buckets:
        verdict = Verdict.NO_DATA
    elif decision.at is not None:
        verdict, test = Verdict.PASS, FiredBy.MIXTURE
    decided = verdict in {Verdict.FAIL, Verdict.PASS} and decision.at is not None
    return Result(
        id=series.id,
        verdict=verdict,
        at_bucket=evidence.buckets[decision.at].start if decided and decision.at is not None else None,
        test=test,
        errors=decision.errors,
        requests=decision.requests,
        interval=None if test is FiredBy.CHANGE_DETECTOR else decision.walk.interval,
    )


_EMPTY = (Series(()), Series(()))


def judge_all(lines: Iterable[tuple[int, str]], settings: Settings) -> Iterator[Result]:
    """Judge many lines in their order, on every core where that pays."""
    rest = iter(lines)
    few = list(islice(rest, _WORTH_A_POOL))
    judge_one = partial(_judge_line, settings=settings)
    if len(few) < _WORTH_A_POOL:
        yield from map(judge_one, few)
        return
    # Spawned, not forked: the parent may have threads, and a fork would copy their locks.
    with ProcessPoolExecutor(os.cpu_count(), mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(judge_one, chain(few, rest), chunksize=_CHUNK)


def _judge_line(numbered: tuple[int, str], settings: Settings) -> Result:
    return replay(parse_line(numbered), settings)


def parse_line(numbered: tuple[int, str]) -> Recorded:
    """Read one line of JSON; raises InputError that names the line."""
    number, line = numbered
    try:
        document = json.loads(line)
        return Recorded(document["id"], [(errors, total) for errors, total in document["buckets"]])
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"line {number} is no series: {error!r}", mend='A line looks like {"id": 1, "buckets": [[0, 10], [1, 12]]}.'
        ) from error


def read_csv(path: Path) -> Recorded:
    """Read one series of time, errors, total; raises InputError that names the line."""
    found: list[tuple[datetime, float | None, float | None]] = []
    for number, row in enumerate(csv.reader(line for _, line in _lines(path)), start=1):
        if number == 1 and not _is_row(row):
            continue  # the names of the columns
        try:
            when, errors, total = row
            found.append((_time(when), _cell(errors), _cell(total)))
        except ValueError as error:
            raise InputError(f"{path}, line {number}: {error}", mend="A line is time,errors,total.") from error
    found.sort(key=lambda row: row[0])
    return Recorded(path.stem, [(errors, total) for _, errors, total in found], [when for when, _, _ in found])


def _is_row(row: list[str]) -> bool:
    return any(cell.strip()[:1].isdigit() for cell in row)


def _time(text: str) -> datetime:
    text = text.strip()
    if text.replace(".", "", 1).isdigit():
        return datetime.fromtimestamp(float(text), UTC)
    when = datetime.fromisoformat(text)
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _cell(text: str) -> float | None:
    return float(text) if text.strip() else None


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file that hold something, numbered from 1."""
    try:
        with sys.stdin if str(path) == "-" else path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}", mend="Mend the path, or save it as UTF-8.") from error


def _report(results: Iterable[Result], *, as_json: bool) -> None:
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
            "" if r.interval is None else " to ".join(percent(limit, near=0.01) for limit in r.interval),
        )
        for r in results
    ]
    show(None, table(("id", "verdict", "at bucket", "test", "errors", "90% sure"), rows), as_json=False)


def _whole(number: float) -> float:
    return int(number) if number == int(number) else number
