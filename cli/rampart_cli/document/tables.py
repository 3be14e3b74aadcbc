"""Tables that lie on their side: a column for each stage, and a row for what is said of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import groupby

from rampart_cli.document.amounts import FULL, length_in, percents_in, rises
from rampart_cli.document.bars import is_bar, is_bar_only
from rampart_cli.document.blocks import Line, LineKind
from rampart_cli.document.dates import is_day
from rampart_cli.document.labels import Asks, what_is_asked
from rampart_cli.document.lexicon import alternatives, pattern, words
from rampart_cli.document.sections import stage_name

_SHARES = pattern("row: shares")
"""What names a row of the shares that the stages reach."""
_COMPARES = pattern("column: compared")
"""Heads of columns that aren't steps of one rollout."""
_MOST_FACTS = 20
"""Rows of a table that tells of stages in columns."""
_TELLS_STAGE = pattern("column: tells stages")
_SHARE_ONLY = re.compile(r"~?(\d{1,3}(?:\.\d{1,3})?)\s?%(?:\s(?:of )?(?:users|traffic|requests))?")
_METRICS = pattern("column: measures")
_STAGE_COLUMN = pattern("column: stage first")
_JUDGE_COLUMN = pattern("column: judged by")
_METRIC_COLUMN = pattern("column: metrics")
_STAGE_NAME = re.compile(rf"^{alternatives('stage')}s?( name)?$", re.IGNORECASE)
_TARGET = re.compile(r"^target$", re.IGNORECASE)
_BARS = pattern("column: bars")


def upright(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines of a page, with every table of stages turned so that each stage has a row.

    A turned row stands at the line that gives the percentages, for there the stage is stated.
    """
    for header, group in groupby(lines, key=_head):
        rows = list(group)
        if header:
            column = _rising_column(header, rows)
            for row in rows:
                row.shares_in = column
        if not has_stage_columns(header):
            yield from _turned(header, rows, rows[0]) if _names_stages(header, rows) else rows
            continue
        bars = [row for row in rows if _states_bars(row)]
        if any(map(_describes, rows)) or (percents_in(" ".join(header)) and not _METRICS.search(header[0])):
            yield from _turned(header, [row for row in rows if not _states_bars(row)], rows[0])
            yield from bars
        else:  # a table of nothing but bars is one of criteria, as is one whose head says so
            yield from rows if bars or _METRICS.search(header[0]) else _turned(header, rows, rows[0])


def _head(line: Line) -> tuple[str, ...]:
    return line.header if line.kind is LineKind.ROW else ()


@lru_cache(maxsize=4096)
def has_stage_columns(header: tuple[str, ...]) -> bool:
    """Whether every column but the first is headed by a stage."""
    return len(header) > 2 and all(stage_name(head) is not None for head in header[1:])


@lru_cache(maxsize=4096)
def judged_by(header: tuple[str, ...]) -> tuple[int, ...]:
    """The columns of a table of stages that say what each is judged by; none of a table of criteria."""
    if not any(map(_STAGE_COLUMN.search, header)) or any(map(_METRIC_COLUMN.search, header)):
        return ()
    if has_stage_columns(header):  # where such a table stands upright, its rows are criteria
        return ()
    return tuple(index for index, head in enumerate(header) if _JUDGE_COLUMN.search(head))


@lru_cache(maxsize=4096)
def has_bars(header: tuple[str, ...]) -> bool:
    """Whether a table's head is that of a table of criteria; next to a stage's name, a target is whom it reaches."""
    shown = [head for head in header if not _TARGET.search(head)] if _STAGE_NAME.search(header[0]) else header
    return has_stage_columns(header) or any(map(_BARS.search, shown))


def _rising_column(header: tuple[str, ...], rows: Sequence[Line]) -> int | None:
    """The column of nothing but shares that rise furthest, next to names of stages or days; None without one."""
    if not any(map(_TELLS_STAGE.search, header)):
        return None
    found: list[tuple[float, int]] = []
    for column, head in enumerate(header):
        shares = [_SHARE_ONLY.fullmatch(row.cells[column]) for row in rows if column < len(row.cells)]
        said = [float(share[1]) for share in shares if share is not None]
        is_full = len(said) > 1 and len(said) == len(rows)
        if is_full and rises(said) and said[-1] <= FULL and not words("no share").search(head):
            found.append((said[-1], -column))
    return -max(found)[1] if found else None


def _names_stages(header: tuple[str, ...], rows: Sequence[Line]) -> bool:
    """Whether columns with names of their own are stages: each has a larger share than the last, to 100%, and a day."""
    if len(header) < 3 or header[0] or len(rows) > _MOST_FACTS or any(map(_COMPARES.search, header)):
        return False
    shares = [[percents_in(cell) for cell in row.cells[1:]] for row in rows if _describes_shares(row)]
    single = [[share for (share,) in row] for row in shares if all(len(said) == 1 for said in row)]
    return any(row[-1] == FULL and rises(row) for row in single) and any(
        all(is_day(cell) for cell in row.cells[1:]) for row in rows
    )


def _describes(row: Line) -> bool:
    """Whether a row says of each stage whom it reaches, when, or by what it is judged."""
    if what_is_asked(row.cells[0]) in {Asks.DATES, Asks.USERS, Asks.CRITERIA}:
        return True
    return _describes_shares(row)


def _describes_shares(row: Line) -> bool:
    return bool(_SHARES.search(row.cells[0])) and all(percents_in(cell) and not is_bar(cell) for cell in row.cells[1:])


def _states_bars(row: Line) -> bool:
    """Whether the cells hold bars that only the row's first cell names: `| Error rate | < 1% | < 0.5% |`."""
    if what_is_asked(row.cells[0]) is not Asks.OTHER:
        return False
    # "At least 2 days" may be how long a stage is held.
    return any(is_bar(cell) and is_bar_only(cell) and not length_in(cell) for cell in row.cells[1:])


def _turned(header: tuple[str, ...], rows: Sequence[Line], first: Line) -> Iterator[Line]:
    stated = next((row for row in rows if percents_in(" ".join(row.cells))), first)
    heads = ("Stage", *(row.cells[0] for row in rows))
    for column, name in enumerate(header[1:], start=1):
        cells = (name, *(row.cells[column] if column < len(row.cells) else "" for row in rows))
        yield replace(stated, text=" | ".join(cells), header=heads, cells=cells)
