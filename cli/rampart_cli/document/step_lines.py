"""Steps of the rollout in lists, tables and timelines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rampart_cli.document.amounts import (
    PERCENT,
    StageKind,
    is_of_time,
    length_in,
    names_audience,
    names_only_audience,
    percents_in,
    reaches_all,
)
from rampart_cli.document.crowds import users_beside, users_in
from rampart_cli.document.dates import Dates, between, date_said, leading_date, read_dates
from rampart_cli.document.labels import Asks, answer
from rampart_cli.document.lines import LineKind
from rampart_cli.document.plan import PageStage
from rampart_cli.document.sections import SectionKind, stage_name
from rampart_cli.document.statements import Statement, has_bars, judged_by
from rampart_cli.document.steps import clauses, goes_to, is_series, moves_on, names_step, steps_in, without_bars

if TYPE_CHECKING:
    from collections.abc import Iterable

_ROLLS = re.compile(
    r"rollout|roll-out|rolling|stage|phase|timeline|schedule|ramp|launch|release|deploy|steps|go live", re.IGNORECASE
)
_NO_STEP = frozenset(Asks) - {Asks.OTHER, Asks.PERCENT, Asks.DATES}
_STAGE_COLUMN = re.compile(r"launch|percent|%|rollout|traffic|stage|phase|ramp|step|exposure", re.IGNORECASE)
_PERCENT_COLUMN = re.compile(r"%|percent", re.IGNORECASE)
_BARE = re.compile(r"\d{1,3}(?:\.\d{1,3})?")
_WHOM_COLUMN = re.compile(r"\b(who|whom|audience|share|reach|population|users)\b", re.IGNORECASE)
_SHARE_COLUMN = re.compile(r"percent|%|rollout|traffic|exposure|share|reach|launch", re.IGNORECASE)
_TARGET = re.compile(r"^target$", re.IGNORECASE)
_COUNTS_COLUMN = re.compile(r"^(stage|phase|step|wave|ring|round)\b", re.IGNORECASE)
_DATE_COLUMN = re.compile(r"date|go[- ]?live|when|start|begin|^from$|range|week|schedule|planned", re.IGNORECASE)
_OF_PEOPLE = re.compile(r"\s{0,2}of\s(?:(?:all|the|our)\s){0,2}[a-z]{3,20}", re.IGNORECASE)
_END_COLUMN = re.compile(r"^(end|finish|until|through|last)(s|ed| date| day)?$", re.IGNORECASE)
_ACTUAL = re.compile(r"actual|result", re.IGNORECASE)
_NAME_COLUMN = re.compile(r"^(stage|phase|step|name|wave)s?( name)?$", re.IGNORECASE)
_MOST_COUNTED = 4
"""Characters of a stage's letter or number: `VIII`."""
_SHORT = 160
"""Characters of a line that names whom a step reaches, and nothing else."""
_AROUND = re.compile(r"^\W+|\([^()]{0,60}\)|\W+$|,?\s(?:on|from|starting)\s*$")
_USERS_COLUMN = re.compile(r"users|people|veterans|audience", re.IGNORECASE)
_HOLD_COLUMN = re.compile(r"duration|time ?frame|hold|length|bake", re.IGNORECASE)


def read_steps(statements: Iterable[Statement]) -> list[PageStage]:
    """The steps that lines, not headings or labels, state."""
    found: list[PageStage] = []
    before: PageStage | None = None
    for statement in statements:
        steps = _steps_of(statement) or _goes_on(statement, before)
        # 0% reaches no one: without a day it is only where the rollout starts from.
        steps = [step for step in steps if step.percent != 0 or step.dates.said]
        found += steps
        if statement.line.kind is LineKind.ITEM and (steps or _stands_beside(statement, before)):
            before = steps[0] if len(steps) == 1 else None
    return found


def _stands_beside(statement: Statement, before: PageStage | None) -> bool:
    """Whether a line is an item of the same list as an earlier step."""
    source = before.source if before else None
    return source is not None and (source.section, source.line.parent) == (statement.section, statement.line.parent)


def _goes_on(statement: Statement, before: PageStage | None) -> list[PageStage]:
    """An item with a name of its own, a later day and a higher percentage than the step before it in the same list."""
    if before is None or statement.line.kind is not LineKind.ITEM or not _stands_beside(statement, before):
        return []
    dates, percents = read_dates(statement.text), percents_in(statement.text)
    if len(percents) != 1 or not names_step(statement.text) or statement.asks in _NO_STEP:
        return []
    if (
        dates.start is None
        or before.start is None
        or dates.start < before.start
        or percents[0] <= (before.percent or 0)
    ):
        return []
    return [_step(statement, percents[0], statement.text, dates)]


def _steps_of(statement: Statement) -> list[PageStage]:
    if statement.line.kind is LineKind.FRONT or statement.asks in _NO_STEP:
        return []
    if statement.line.kind is LineKind.ROW:
        return _row(statement)
    if statement.asks is Asks.PERCENT and statement.section.kind is not SectionKind.TIMELINE:
        return []
    if "%" not in statement.text:
        return _without_percent(statement)
    if dated := _dated(statement):
        return dated
    dates, rest = leading_date(statement.text)
    if not (percents := steps_in(rest)):
        return []
    dates = dates if dates.said else _date_in(rest)
    if not (dates.said or _is_about_rollout(statement)):
        return []
    if len(percents) == 1:
        return [_step(statement, percents[0], rest, dates)]
    return [
        _step(statement, percent, clause, _day_of(clause) if len(found) == 1 else Dates())
        for clause in clauses(rest)
        for found in [steps_in(clause)]
        for percent in found
    ]


def _day_of(sentence: str) -> Dates:
    """The day of one sentence among several: "On 8/4 we go to 10%"."""
    dates, rest = leading_date(sentence)
    return dates if dates.said else _date_in(rest)


def _without_percent(statement: Statement) -> list[PageStage]:
    """A line that says whom a step reaches without a percentage: `3/1/2027: internal staff`, `Stage C: everyone`."""
    name = stage_name(statement.text)
    dates, rest = leading_date(statement.text)
    if not dates.said:
        dates, rest = read_dates(statement.text[:_SHORT]), name.rest if name else statement.text
    whom = " ".join(_AROUND.sub(" ", rest.replace(dates.text or "\n", " ", 1)).split())
    if len(statement.text) > _SHORT or not (name or (dates.said and _is_about_rollout(statement))):
        return []
    if reaches_all(whom):
        return [_step(statement, 100.0, statement.text, dates)]
    if not names_only_audience(whom):
        return []
    step = _step(statement, None, statement.text, dates)
    step.kind, step.name = StageKind.AUDIENCE, whom
    return [step]


def _dated(statement: Statement) -> list[PageStage]:
    """Several steps of one sentence, each with its day: "to 10% on 8/4, then to 50% on 8/6"."""
    if statement.text.count("%") + statement.text.count("percent") < 2:
        return []
    text = without_bars(statement.text)
    found = list(PERCENT.finditer(text))
    if len(found) < 2:
        return []
    cuts = [0, *(end for percent in found for end in (percent.start(), percent.end())), len(text)]
    between = [text[start:end] for start, end in zip(cuts[::2], cuts[1::2], strict=True)]
    before, after = ([date_said(part) for part in parts] for parts in (between[:-1], between[1:]))
    days = next((days for days in (after, before) if all(day.said for day in days)), None)
    if days is None or not (steps_in(statement.text) or (statement.field and steps_in(statement.field.value))):
        return []
    return [_step(statement, float(p[1]), p[0], day) for p, day in zip(found, days, strict=True) if float(p[1]) <= 100]


def _date_in(text: str) -> Dates:
    """A date after a preposition, or right behind the percentage: `25%: 8/4/2026`."""
    said = date_said(text)
    behind = PERCENT.search(text)
    if said.said or behind is None:
        return said
    people = _OF_PEOPLE.match(text, behind.end())
    return leading_date(text[people.end() if people else behind.end() :].lstrip(" :(,-\u2013\u2014"))[0]


def _is_about_rollout(statement: Statement) -> bool:
    """Whether a line without a day is a step all the same: by where it stands, or by how it begins."""
    if statement.section.kind is SectionKind.TIMELINE or statement.line.checked is not None:
        return True
    if stage_name(statement.text):
        return True
    above = [item.text for item in statement.line.ancestors] + [statement.section.title]
    if statement.line.kind is LineKind.TEXT and not PERCENT.match(statement.text):
        # Prose may tell of anything, unless it moves the flag below a stage's heading or names all steps in a row.
        in_stage = statement.stage_section is not None and goes_to(statement.text)
        in_row = is_series(statement.text) or moves_on(statement.text)
        return in_stage or (in_row and any(map(_ROLLS.search, above)))
    if statement.section.kind is SectionKind.STAGE:
        return True
    return any(map(_ROLLS.search, above))


def _step(statement: Statement, percent: float | None, text: str, dates: Dates) -> PageStage:
    letter = stage_name(text)
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
        source=statement,
    )


def _row(statement: Statement) -> list[PageStage]:
    row = dict(zip(statement.line.header, statement.line.cells, strict=False))
    judged = judged_by(statement.line.header)
    if has_bars(statement.line.header) and not judged:
        return []
    judges = {statement.line.header[index] for index in judged}
    planned = {head: cell for head, cell in row.items() if not _ACTUAL.search(head) and head not in judges}
    said = [(cell, p) for head, cell in planned.items() if _STAGE_COLUMN.search(head) and (p := _percents(head, cell))]
    if not said and _NAME_COLUMN.search(statement.line.header[0]):
        # Next to a stage's name, a target that is a percentage and nothing else is the stage's.
        said = [(cell, p) for head, cell in planned.items() if _TARGET.search(head) and (p := _share_only(cell))]
    if not said and any(_COUNTS_COLUMN.search(head) or _DATE_COLUMN.search(head) for head in planned):
        said = [(cell, p) for head, cell in planned.items() if _WHOM_COLUMN.search(head) and (p := percents_in(cell))]
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
    step = _step(statement, percents[-1], cell, _dates_of(planned))
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
    step = _step(statement, None, statement.text, _dates_of(row))
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
