"""Which percentages of one line, or of one row of a table, are steps of the rollout, and which are only talked of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from rampart_cli.document import amounts
from rampart_cli.document.amounts import StageKind
from rampart_cli.document.blocks import Line, LineKind
from rampart_cli.document.crowds import users_beside, users_in
from rampart_cli.document.dates import Dates, between, date_said, read_dates
from rampart_cli.document.labels import answer
from rampart_cli.document.lexicon import part, pattern, says
from rampart_cli.document.plan import PageStage
from rampart_cli.document.sections import stage_name
from rampart_cli.document.statements import Statement, has_bars, judged_by

_N = part("share")
REACHED = part("reached")
"""Whom or what a flag reaches: 10% of these is a stage, 90% of stories is none."""
_TELL = part("is told")
_IS = re.compile(
    rf"^(?:at\s)?{_N}\)?\s{{0,3}}(?:$|[-\u2013\u2014:(,;/|=→]"
    rf"|of\s(?:[\w/-]+\s){{0,3}}?{REACHED}(?!\s{_TELL})"
    r"|of\s(?:our\s|the\s)?[a-z]+\swill\s(?:see|get|have|receive|be)\b"
    r"|(?:on|by|for|to|at|after|in|rollout|users|traffic|veterans|everyone|starting|canary|then|and)\b"
    r"|(?:\d{1,2}|an?|one|two|three|four|five)\s(?:business |working |full )?(?:hour|day|week|month)s?\s"
    r"(?:later|after)\b)",
    re.IGNORECASE,
)
_COUNTS = re.compile(rf"^~?\d[\d,.]{{0,9}}\s?k?\s(?:\w+\s)?{REACHED}\s{{0,2}}[(=,]\s?{_N}", re.IGNORECASE)
"""`500 users (1%)`."""
_GOES = pattern("goes")
_SOME = part("of some")
_NAMED = re.compile(rf"[\w ]{{2,30}}\s?[:(\u2013\u2014-]\s?{_N}{_SOME}?\)?\s?(?:$|[,:(\u2013\u2014-])")
_OF_SOME = re.compile(rf"{_N}{_SOME}\.?")
"""`10% of writes`: in a list that amounts.rises to everyone, whatever there is all of."""
_FROM = re.compile(rf"^((?:increase|move|raise|bump|go|advance)\b[^%]{{0,40}}?)\bfrom {_N} (?=to {_N}$)", re.IGNORECASE)
ARROW = re.compile(r"-{1,2}>|=>|\u27f6|\u21d2|>{2}")
_LEAD_IN = re.compile(
    rf"^(?:[^%:]{{0,60}}\b{part('stage')}s\s?:"
    r"|(?:the |our )?(?:stages|steps|phases|ramp|ramp-up|schedule|rollout(?: stages)?|percentages|increments|plan)"
    r"(?: are| is| goes)?\s?:?|(?:we|it|the (?:flag|rollout|feature|toggle)) (?:will |shall )?(?:then )?"
    r"(?:go(?:es)?|ramps?(?: up)?|rolls?(?: it)? out|moves?|steps?|proceeds?)(?: from| to| through| up| in)*)\s*$",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[;.](?=\s|$)|,\s(?=(?:and\s)?then\s[a-z]+\s)", re.IGNORECASE)
_JOINTS = re.compile(r"\b(?:then|and|to|of users|users)\b|[-\u2013\u2014→>=,/|\s]", re.IGNORECASE)
_PERCENT_COLUMN = re.compile(r"%|percent", re.IGNORECASE)
_BARE = re.compile(r"\d{1,3}(?:\.\d{1,3})?")
_TARGET = re.compile(r"^target$", re.IGNORECASE)
_COUNTS_COLUMN = re.compile(rf"^{part('stage')}\b", re.IGNORECASE)
_ACTUAL = re.compile(r"actual|result", re.IGNORECASE)
_MOST_COUNTED = 4
"""Characters of a stage's letter or number: `VIII`."""


def without_bars(text: str) -> str:
    """The text with its arrows as `→`, and without bars such as `< 5%`."""
    return pattern("a bar").sub(" ", ARROW.sub("→", text))


def names_step(text: str) -> bool:
    """Whether a line gives a name and a percentage: `Small: 10%, 4/8/2027`; what it means its neighbors tell."""
    shown = without_bars(text)
    return bool(_NAMED.match(shown) or _OF_SOME.fullmatch(shown)) and not says("only talk", shown)


def goes_to(text: str) -> bool:
    """Whether a sentence moves the flag: "we increase to 10% of users"."""
    return bool(_GOES.search(text) or says("routes", text))


@lru_cache(maxsize=4096)
def steps_in(text: str) -> tuple[float, ...]:
    """The percentages that a line says the flag goes to; none for a bar, a recommendation or a result."""
    return tuple(percent for clause in clauses(amounts.without_asides(text)) for percent in _steps_of(clause))


def clauses(text: str) -> list[str]:
    """A line's sentences and the parts between semicolons."""
    return [clause.strip() for clause in _CLAUSE.split(text)]


def _steps_of(clause: str) -> list[float]:
    if "%" not in clause:
        return []
    # "increase from 5% to 50%" is one step, where "5% to 50%" is what a whole phase goes through.
    clause = pattern("condition").sub("", _FROM.sub(r"\1", without_bars(clause).strip()))
    percents = amounts.percents_in(clause)
    if says("only talk", clause) or (len(percents) == 2 and amounts.range_in(clause)):
        return []
    if not _JOINTS.sub("", amounts.PERCENT.sub("", clause)):
        return percents  # 1% → 25% → 100%
    if bracketed := pattern("in brackets").search(clause):
        return amounts.percents_in(bracketed["series"])
    if series := pattern("series").search(clause):
        shares, is_row = amounts.percents_in(series[0]), "→" in series[0] or " then " in series[0]
        is_full = shares[-1:] == [amounts.FULL] and amounts.rises(shares)
        is_told = (is_row and (is_full or not series.start())) or (is_full and _GOES.search(clause))
        if is_told or _LEAD_IN.match(clause[: series.start()]):
            return shares
    for step in (pattern("leads"), _IS, _COUNTS, pattern("routes"), _GOES):
        if found := step.search(clause):
            return amounts.percents_in(found[0])[-1:]
    return []


def step_from(
    statement: Statement, percent: float | None, text: str, dates: Dates, *, is_apart: bool = False
) -> PageStage:
    """The stage that a text states; `is_apart` where the rest of its line is about other stages."""
    letter = stage_name(text)
    told = statement.text if statement.text.count("%") == 1 and not is_apart else text
    held = pattern("held").search(told) if statement.line.kind is not LineKind.ROW else None
    length = amounts.length_in(held[0]) if held else None
    return PageStage(
        percent,
        amounts.share_kind(text) if percent is not None else StageKind.UNKNOWN,
        statement.number,
        name="Canary" if "canary" in text.casefold() else None,
        letter=letter.counted if letter else None,
        users=users_beside(text),
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
        return _audience_row(statement, planned) if any(map(pattern("column: stage").search, planned)) else []
    cell, percents = said
    step = step_from(statement, percents[-1], cell, _dates_of(planned))
    title = next(iter(_cells(planned, pattern("column: name"))), "")
    step.letter = step.letter or _counted(planned)
    step.name = title if len(title) > 2 and not amounts.percents_in(title) else step.name
    step.users = _users_of(planned)
    if length := amounts.length_in(next(iter(_cells(planned, pattern("column: hold"))), "")):
        step.hold, step.hold_line = length, statement.number
    return [step]


def _shares(line: Line, planned: dict[str, str]) -> Iterator[tuple[str, list[float]]]:
    """The cells that say a row's share, with what they say; the most certain first."""
    if line.shares_in is not None:
        yield from ((cell, said) for cell in line.cells[line.shares_in :][:1] if (said := amounts.percents_in(cell)))
    for head, cell in planned.items():
        if says("column: stage", head) and (said := _percents(head, cell)):
            yield cell, said
    if says("column: name", line.header[0]):
        # Next to a stage's name, a target that is a percentage and nothing else is the stage's.
        targets = map(answer, _cells(planned, _TARGET))
        yield from ((cell, amounts.percents_in(cell)) for cell in targets if amounts.PERCENT.fullmatch(cell))
    if any(_COUNTS_COLUMN.search(head) or says("column: day", head) for head in planned):
        yield from (
            (cell, said)
            for cell in _cells(planned, pattern("column: whom"))
            if (said := amounts.percents_in(cell) or _all(cell))
        )
    yield from ((cell, said) for cell in _cells(planned, pattern("column: share")) if (said := _all(cell)))
    if any(map(pattern("column: day").search, planned)):
        # Whatever the column is called, "increase to 10%" next to a day is a step.
        yield from ((cell, moves) for cell in planned.values() if goes_to(cell) and (moves := list(steps_in(cell))))


def _all(cell: str) -> list[float]:
    return [100.0] if amounts.reaches_all(cell) else []


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
    return amounts.percents_in(written)


def _dates_of(row: dict[str, str]) -> Dates:
    written = [read_dates(cell) for cell in _cells(row, pattern("column: day"))]
    ends = [read_dates(cell) for cell in _cells(row, pattern("column: last day"))]
    if written and ends and written[0].start and not written[0].end and ends[0].start and not ends[0].end:
        return between(written[0], ends[0])
    return next((dates for dates in written if dates.said), date_said(" | ".join(row.values())))


def _cells(row: dict[str, str], column: re.Pattern[str]) -> list[str]:
    return [cell for head, cell in row.items() if column.search(head)]


def _audience_row(statement: Statement, row: dict[str, str]) -> list[PageStage]:
    whom = next((cell for cell in row.values() if says("an audience", cell)), None)
    if whom is None:
        return []
    step = step_from(statement, None, statement.text, _dates_of(row))
    step.kind, step.name = StageKind.AUDIENCE, whom
    step.users = _users_of(row)
    return [step]


def _users_of(row: dict[str, str]) -> tuple[int, ...] | None:
    """The users of a row: what a column of users counts, else what stands next to its percentage."""
    columns = {head: cell for head, cell in row.items() if not _PERCENT_COLUMN.search(head)}
    stated = _cells(columns, pattern("column: users"))
    if counted := [cell for cell in stated if cell and not amounts.percents_in(cell)]:
        return next((users for cell in counted if (users := users_in(cell))), None)
    return next((users for cell in row.values() if (users := users_beside(cell))), None)
