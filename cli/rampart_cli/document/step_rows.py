"""Steps of the rollout in the rows of tables."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rampart_cli.document.amounts import (
    PERCENT,
    StageKind,
    length_in,
    names_audience,
    percents_in,
    reaches_all,
    share_kind,
)
from rampart_cli.document.blocks import Line, LineKind
from rampart_cli.document.crowds import users_beside, users_in
from rampart_cli.document.dates import Dates, between, date_said, read_dates
from rampart_cli.document.labels import answer
from rampart_cli.document.lexicon import alternatives, pattern
from rampart_cli.document.plan import PageStage
from rampart_cli.document.sections import stage_name
from rampart_cli.document.statements import Statement
from rampart_cli.document.steps import goes_to, steps_in
from rampart_cli.document.tables import has_bars, judged_by

_STAGE_COLUMN = pattern("column: stage")
_PERCENT_COLUMN = re.compile(r"%|percent", re.IGNORECASE)
_BARE = re.compile(r"\d{1,3}(?:\.\d{1,3})?")
_WHOM_COLUMN = pattern("column: whom")
_SHARE_COLUMN = pattern("column: share")
_TARGET = re.compile(r"^target$", re.IGNORECASE)
_COUNTS_COLUMN = re.compile(rf"^{alternatives('stage')}\b", re.IGNORECASE)
_DATE_COLUMN = pattern("column: day")
_END_COLUMN = pattern("column: last day")
_ACTUAL = re.compile(r"actual|result", re.IGNORECASE)
_NAME_COLUMN = pattern("column: name")
_MOST_COUNTED = 4
"""Characters of a stage's letter or number: `VIII`."""
_HELD = re.compile(
    r"\((?:for\s)?\d{1,3}\s?(?:business |working )?(?:minutes?|hours?|days?|weeks?)\)"
    r"|%[^.;%]{0,40}\bfor (?:another )?(?:\d{1,3}|one|two|three|four|five)\s(?:business )?(?:minute|hour|day|week)s?\b"
    r"|\b(?:hold|wait|bake|soak|stay)s?\b[^.;%]{0,30}?\b\d{1,3}\s?(?:business |working )?(?:minute|hour|day|week)s?\b",
    re.IGNORECASE,
)
"""How long a step is held, on its own line."""
_USERS_COLUMN = pattern("column: users")
_HOLD_COLUMN = pattern("column: hold")


def step_from(statement: Statement, percent: float | None, text: str, dates: Dates) -> PageStage:
    letter = stage_name(text)
    told = statement.text if statement.text.count("%") == 1 else text
    held = _HELD.search(told) if statement.line.kind is not LineKind.ROW else None
    length = length_in(held[0]) if held else None
    return PageStage(
        percent,
        share_kind(text) if percent is not None else StageKind.UNKNOWN,
        statement.number,
        name="Canary" if "canary" in text.casefold() else None,
        letter=letter.counted if letter else None,
        users=users_beside(text),
        users_line=statement.number,
        dates=dates,
        dates_line=statement.number if dates.said else None,
        hold=length,
        hold_line=statement.number if length else None,
        source=statement,
    )


def row_steps(statement: Statement) -> list[PageStage]:
    row = dict(zip(statement.line.header, statement.line.cells, strict=False))
    judged = judged_by(statement.line.header)
    if has_bars(statement.line.header) and not judged:
        return []
    judges = {statement.line.header[index] for index in judged}
    planned = {head: cell for head, cell in row.items() if not _ACTUAL.search(head) and head not in judges}
    if (said := next(_shares(statement.line, planned), None)) is None:
        return _audience_row(statement, planned) if any(map(_STAGE_COLUMN.search, planned)) else []
    cell, percents = said
    step = step_from(statement, percents[-1], cell, _dates_of(planned))
    title = next(iter(_cells(planned, _NAME_COLUMN)), "")
    step.letter = step.letter or _counted(planned)
    step.name = title if len(title) > 2 and not percents_in(title) else step.name
    step.users = _users_of(planned)
    if length := length_in(next(iter(_cells(planned, _HOLD_COLUMN)), "")):
        step.hold, step.hold_line = length, statement.number
    return [step]


def _shares(line: Line, planned: dict[str, str]) -> Iterator[tuple[str, list[float]]]:
    """The cells that say a row's share, with what they say; the most certain first."""
    if line.shares_in is not None:
        yield from ((cell, said) for cell in line.cells[line.shares_in :][:1] if (said := percents_in(cell)))
    for head, cell in planned.items():
        if _STAGE_COLUMN.search(head) and (said := _percents(head, cell)):
            yield cell, said
    if _NAME_COLUMN.search(line.header[0]):
        # Next to a stage's name, a target that is a percentage and nothing else is the stage's.
        targets = (cell for head, cell in planned.items() if _TARGET.search(head) and PERCENT.fullmatch(answer(cell)))
        yield from ((cell, percents_in(cell)) for cell in targets)
    if any(_COUNTS_COLUMN.search(head) or _DATE_COLUMN.search(head) for head in planned):
        yield from ((cell, said) for cell in _cells(planned, _WHOM_COLUMN) if (said := percents_in(cell) or _all(cell)))
    yield from ((cell, said) for cell in _cells(planned, _SHARE_COLUMN) if (said := _all(cell)))
    if any(map(_DATE_COLUMN.search, planned)):
        # Whatever the column is called, "increase to 10%" next to a day is a step.
        yield from ((cell, moves) for cell in planned.values() if goes_to(cell) and (moves := list(steps_in(cell))))


def _all(cell: str) -> list[float]:
    return [100.0] if reaches_all(cell) else []


def _counted(row: dict[str, str]) -> str | None:
    """`Stage B`, where the column `Stage` holds `B`."""
    found = ((head, cell.strip()) for head, cell in row.items() if _COUNTS_COLUMN.search(head))
    named = next(
        (stage_name(f"{head.split()[0]} {cell}") for head, cell in found if 0 < len(cell) <= _MOST_COUNTED), None
    )
    return named.counted if named and not named.rest else None


def _percents(head: str, cell: str) -> list[float]:
    """A column that is headed by the sign needs none in its cells."""
    written = answer(cell)
    if _PERCENT_COLUMN.search(head) and _BARE.fullmatch(written) and float(written) <= 100:
        return [float(written)]
    return percents_in(written)


def _dates_of(row: dict[str, str]) -> Dates:
    written, ends = (list(map(read_dates, _cells(row, column))) for column in (_DATE_COLUMN, _END_COLUMN))
    if written and ends and written[0].start and not written[0].end and ends[0].start and not ends[0].end:
        return between(written[0], ends[0])
    return next((dates for dates in written if dates.said), date_said(" | ".join(row.values())))


def _cells(row: dict[str, str], column: re.Pattern[str]) -> list[str]:
    return [cell for head, cell in row.items() if column.search(head)]


def _audience_row(statement: Statement, row: dict[str, str]) -> list[PageStage]:
    if not any(map(names_audience, row.values())):
        return []
    step = step_from(statement, None, statement.text, _dates_of(row))
    step.kind, step.name = StageKind.AUDIENCE, next(filter(names_audience, row.values()), None)
    step.users = _users_of(row)
    return [step]


def _users_of(row: dict[str, str]) -> tuple[int, ...] | None:
    """The users of a row: what a column of users counts, else what stands next to its percentage."""
    columns = {head: cell for head, cell in row.items() if not _PERCENT_COLUMN.search(head)}
    if counted := [cell for cell in _cells(columns, _USERS_COLUMN) if cell and not percents_in(cell)]:
        return next((users for cell in counted if (users := users_in(cell))), None)
    return next((users for cell in row.values() if (users := users_beside(cell))), None)
