"""Steps of the rollout in the rows of tables."""

from __future__ import annotations

import re

from rampart_cli.document.amounts import (
    PERCENT,
    StageKind,
    is_of_time,
    length_in,
    names_audience,
    percents_in,
    reaches_all,
)
from rampart_cli.document.blocks import LineKind
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
    kind = StageKind.TIME if is_of_time(text) else StageKind.ACTORS
    return PageStage(
        percent,
        kind if percent is not None else StageKind.UNKNOWN,
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
    column = statement.line.shares_in
    said = (
        [(cell, p) for cell in statement.line.cells[column : column + 1] if (p := percents_in(cell))]
        if column is not None
        else []
    )
    said = said or [
        (cell, p) for head, cell in planned.items() if _STAGE_COLUMN.search(head) and (p := _percents(head, cell))
    ]
    if not said and _NAME_COLUMN.search(statement.line.header[0]):
        # Next to a stage's name, a target that is a percentage and nothing else is the stage's.
        said = [(cell, p) for head, cell in planned.items() if _TARGET.search(head) and (p := _share_only(cell))]
    if not said and any(_COUNTS_COLUMN.search(head) or _DATE_COLUMN.search(head) for head in planned):
        said = [(cell, p) for head, cell in planned.items() if _WHOM_COLUMN.search(head) and (p := _whom(cell))]
    if not said:
        said = [(cell, [100.0]) for head, cell in planned.items() if _SHARE_COLUMN.search(head) and reaches_all(cell)]
    if not said and any(map(_DATE_COLUMN.search, planned)):
        # Whatever the column is called, "increase to 10%" next to a day is a step.
        moves = [(cell, list(steps_in(cell))) for cell in planned.values() if goes_to(cell)]
        said = [(cell, percents) for cell, percents in moves if percents]
    if not said and not any(map(_STAGE_COLUMN.search, planned)):
        return []
    if not said:
        return _audience_row(statement, planned)
    cell, percents = said[0]
    step = step_from(statement, percents[-1], cell, _dates_of(planned))
    title = _first(planned, _NAME_COLUMN)
    if step.letter is None and (counted := _counted(planned)):
        step.letter = counted
    step.name = title if len(title) > 2 and not percents_in(title) else step.name
    step.users = _users_of(planned)
    if length := length_in(_first(planned, _HOLD_COLUMN)):
        step.hold, step.hold_line = length, statement.number
    return [step]


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


def _whom(cell: str) -> list[float]:
    return percents_in(cell) or ([100.0] if reaches_all(cell) else [])


def _share_only(cell: str) -> list[float]:
    found = PERCENT.fullmatch(answer(cell))
    return percents_in(found[0]) if found else []


def _dates_of(row: dict[str, str]) -> Dates:
    written = [read_dates(cell) for head, cell in row.items() if _DATE_COLUMN.search(head)]
    ends = [read_dates(cell) for head, cell in row.items() if _END_COLUMN.search(head)]
    if written and ends and written[0].start and not written[0].end and ends[0].start and not ends[0].end:
        return between(written[0], ends[0])
    return next((dates for dates in written if dates.said), date_said(" | ".join(row.values())))


def _first(row: dict[str, str], column: re.Pattern[str]) -> str:
    return next((cell for head, cell in row.items() if column.search(head)), "")


def _audience_row(statement: Statement, row: dict[str, str]) -> list[PageStage]:
    if not any(map(names_audience, row.values())):
        return []
    step = step_from(statement, None, statement.text, _dates_of(row))
    step.kind, step.name = StageKind.AUDIENCE, next(filter(names_audience, row.values()), None)
    step.users = _users_of(row)
    return [step]


def _users_of(row: dict[str, str]) -> tuple[int, ...] | None:
    """The users of a row: what a column of users counts, else what stands next to its percentage."""
    columns = [cell for head, cell in row.items() if _USERS_COLUMN.search(head) and not _PERCENT_COLUMN.search(head)]
    counted = [cell for cell in columns if cell and not percents_in(cell)]
    if counted:
        return next((users for cell in counted if (users := users_in(cell))), None)
    return next((users for cell in row.values() if (users := users_beside(cell))), None)
