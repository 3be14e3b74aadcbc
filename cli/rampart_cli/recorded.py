"""Reading recorded series: lines of JSON, or one series as CSV."""

from __future__ import annotations

import csv
import json
import reprlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rampart_cli.failures import InputError

RATE_PARTS = ("errors", "total")
_EXAMPLES = {2: '{"id": 1, "buckets": [[0, 10], [1, 12]]}', 4: '{"id": 1, "buckets": [[0, 10, 1, 90], [1, 12, 0, 85]]}'}
_OTHER_NAMES = {"requests": "total"}

NumberedLine = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One series as it was read: counts per bucket, None where nothing is known, and the times if there are any."""

    id: Any
    buckets: Sequence[tuple[float | None, ...]]
    """Errors and total of each, then those of the control where there is one."""
    times: Sequence[datetime] = ()


def is_csv(path: Path) -> bool:
    """Whether a file holds one series as CSV; every other holds lines of JSON."""
    return path.suffix.lower() == ".csv"


def lines_of(path: Path) -> Iterator[NumberedLine]:
    """The lines of a file that hold something, numbered from 1.

    Raises InputError where the file cannot be read, or holds nothing at all.
    """
    empty = True
    try:
        with sys.stdin if str(path) == "-" else path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    empty = False
                    yield number, line
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", fix="Fix the path.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} isn't UTF-8 text", fix="Save it as UTF-8.") from error
    if empty:
        raise InputError(f"{path} holds no series", fix=f"Write lines such as {_EXAMPLES[2]}, or time,errors,total.")


def parse_line(numbered: NumberedLine, parts: Sequence[str] = RATE_PARTS) -> Recorded:
    """Read one line of JSON whose buckets have these parts; raises InputError that names the line."""
    number, line = numbered
    try:
        return _series_in(json.loads(line), parts)
    except RecursionError as error:
        raise _no_series(number, "it is nested too deeply", parts) from error
    except ValueError as error:
        raise _no_series(number, str(error), parts) from error


def _no_series(number: int, why: str, parts: Sequence[str]) -> InputError:
    return InputError(f"line {number} isn't a series: {why}", fix=f"A line looks like {_EXAMPLES[len(parts)]}.")


def _series_in(document: object, parts: Sequence[str]) -> Recorded:
    if not isinstance(document, dict) or "id" not in document or not isinstance(document.get("buckets"), list):
        raise ValueError('it needs an "id" and a list of "buckets"')
    for index, bucket in enumerate(document["buckets"]):
        if not (isinstance(bucket, list) and len(bucket) == len(parts)):
            what = "no pair of errors and total" if len(parts) == len(RATE_PARTS) else f"not {', '.join(parts)}"
            raise ValueError(f"its bucket {index} is {reprlib.repr(bucket)}, and {what}")
    return Recorded(document["id"], [tuple(bucket) for bucket in document["buckets"]])


def read_csv(path: Path, parts: Sequence[str] = RATE_PARTS) -> Recorded:
    """Read one series of time and these parts, in the order of its times; raises InputError that names the line.

    A first line of names says which column is which; others are left out. Without names there are just these.
    """
    found: list[_Row] = []
    wanted = ("time", *parts)
    columns: Sequence[str] = wanted
    for index, (number, line) in enumerate(lines_of(path)):
        try:
            cells = next(csv.reader([line]))
            names = _names(cells, wanted) if index == 0 else None
            if names is None:
                found.append(_row(cells, columns, wanted))
            else:
                columns = names
        except (ValueError, csv.Error) as error:
            these = f"these {_HOW_MANY[len(wanted)]}, in any order, in the first line"
            fix = f"A line is {','.join(wanted)}; or name {these}."
            raise InputError(f"{path}, line {number}: {error}", fix=fix) from error
    found.sort(key=lambda row: row[0])
    return Recorded(path.stem, [counts for _, counts in found], [when for when, _ in found])


_Row = tuple[datetime, tuple[float | None, ...]]
_HOW_MANY = {3: "three", 5: "five"}


def _names(cells: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...] | None:
    """What a first line calls the columns; None where it is a row of its own."""
    names = tuple(_OTHER_NAMES.get(name, name) for name in (cell.strip().casefold() for cell in cells))
    if not set(names) & set(wanted) and any(name[:1].isdigit() for name in names):
        return None
    wrong = [name for name in wanted if names.count(name) != 1]
    if wrong:
        raise ValueError(f"of the columns {', '.join(cells).strip()}, not exactly one is called {wrong[0]}")
    return names


def _row(cells: Sequence[str], columns: Sequence[str], wanted: Sequence[str]) -> _Row:
    if len(cells) != len(columns):
        raise ValueError(f"{len(cells)} columns, where there should be {len(columns)}")
    when, *counts = (cells[columns.index(name)] for name in wanted)
    return _time(when), tuple(_cell(each) for each in counts)


def _time(text: str) -> datetime:
    text = text.strip()
    try:
        if text.replace(".", "", 1).isdigit():
            return datetime.fromtimestamp(float(text), UTC)
        when = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError) as error:  # what it is depends on how far beyond the calendar it lies
        raise ValueError(f"{text!r} isn't a time; write 2025-07-29T03:00:00Z, or seconds since 1970") from error
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _cell(text: str) -> float | None:
    try:
        return float(text) if text.strip() else None
    except ValueError as error:
        raise ValueError(f"{text.strip()!r} isn't a number") from error
