"""The tables of a page turned upright, and each visible line of a plan with what it may be read for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby, zip_longest

from rampart_cli.document.amounts import FULL, PERCENT, length_in, percents_in, rises
from rampart_cli.document.bars import is_bar, is_bar_only
from rampart_cli.document.blocks import Line, LineKind
from rampart_cli.document.dates import is_day
from rampart_cli.document.labels import Asks, Field, ends_open, read_field, what_is_asked
from rampart_cli.document.lexicon import listed, part, pattern, says, words
from rampart_cli.document.sections import Section, SectionKind, stage_name

_MOST_FACTS = 20
"""Rows of a table that tells of stages in columns."""
_SHARE_ONLY = re.compile(r"~?(\d{1,3}(?:\.\d{1,3})?)\s?%(?:\s(?:of )?(?:users|traffic|requests))?")
_RESULTS = frozenset({Asks.RESULTS, Asks.ACTUAL})
_NAMES_CRITERIA = re.compile(r"(?:\w+ ){0,3}(?:criteri(?:a|on)|metrics|kpis?|guardrails?)", re.IGNORECASE)
_SHORT_LABEL = 100
_SAYS_NOTHING = frozenset(listed("says nothing"))
_OF_STAGE = frozenset({Asks.PERCENT, Asks.DATES, Asks.USERS, Asks.ACTUAL})
_STAGE_NAME = re.compile(rf"^{part('stage')}s?( name)?$", re.IGNORECASE)
_TARGET = re.compile(r"^target$", re.IGNORECASE)


def upright(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines of a page, with every table of stages turned so that each stage has a row.

    A turned row stands at the line that gives the percentages, for there the stage is stated.
    """
    for header, group in groupby(lines, key=lambda line: line.header):
        rows = list(group)
        if header:
            column = _rising_column(header, rows)
            for row in rows:
                row.shares_in = column
        if not has_stage_columns(header):
            yield from _turned(header, rows, rows[0]) if _names_stages(header, rows) else rows
            continue
        bars = [row for row in rows if _states_bars(row)]
        if any(map(_describes, rows)) or (percents_in(" ".join(header)) and not says("column: measures", header[0])):
            yield from _turned(header, [row for row in rows if not _states_bars(row)], rows[0])
            yield from bars
        else:  # a table of nothing but bars is one of criteria, as is one whose head says so
            yield from rows if bars or says("column: measures", header[0]) else _turned(header, rows, rows[0])


@lru_cache(maxsize=4096)
def has_stage_columns(header: tuple[str, ...]) -> bool:
    """Whether every column but the first is headed by a stage."""
    return len(header) > 2 and all(stage_name(head) is not None for head in header[1:])


@lru_cache(maxsize=4096)
def judged_by(header: tuple[str, ...]) -> tuple[int, ...]:
    """The columns of a table of stages that say what each is judged by; none of a table of criteria."""
    # Where a table with a column for each stage stands upright, its rows are criteria.
    is_staged = any(map(pattern("column: stage first").search, header)) and not has_stage_columns(header)
    if not is_staged or any(map(pattern("column: metrics").search, header)):
        return ()
    return tuple(index for index, head in enumerate(header) if says("column: judged by", head))


@lru_cache(maxsize=4096)
def has_bars(header: tuple[str, ...]) -> bool:
    """Whether a table's head is that of a table of criteria; next to a stage's name, a target is whom it reaches."""
    shown = [head for head in header if not _TARGET.search(head)] if _STAGE_NAME.search(header[0]) else header
    return has_stage_columns(header) or any(map(pattern("column: bars").search, shown))


def _rising_column(header: tuple[str, ...], rows: Sequence[Line]) -> int | None:
    """The column of nothing but shares that rise furthest, next to names of stages or days; None without one."""
    if not any(map(pattern("column: tells stages").search, header)):
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
    if len(header) < 3 or header[0] or len(rows) > _MOST_FACTS or any(map(pattern("column: compared").search, header)):
        return False
    shares = [[percents_in(cell) for cell in row.cells[1:]] for row in rows if _describes(row)]
    single = [[share for (share,) in row] for row in shares if all(len(said) == 1 for said in row)]
    is_dated = any(all(map(is_day, row.cells[1:])) for row in rows)
    return is_dated and any(row[-1] == FULL and rises(row) for row in single)


def _describes(row: Line) -> bool:
    """Whether a row says of each stage whom it reaches, when, or by what it is judged."""
    is_share = says("row: shares", row.cells[0]) and all(percents_in(c) and not is_bar(c) for c in row.cells[1:])
    return is_share or what_is_asked(row.cells[0]) in {Asks.DATES, Asks.USERS, Asks.CRITERIA}


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


@dataclass(slots=True, eq=False)
class Statement:
    """One line, the section it stands in, and how it may be read."""

    line: Line
    section: Section
    field: Field | None
    is_decoy: bool
    """It tells of results, testing, or speaks to the author: nothing in it is planned."""
    is_criterion: bool
    """It stands where criteria are listed."""
    stage_section: Section | None
    """The nearest section around the line that is a stage or a phase."""
    asked_by: Line | None = None
    """The label above a list of criteria that asks for them."""

    @property
    def asks(self) -> Asks | None:
        """What the line's label asks for; None without a label."""
        return self.field.asks if self.field else None

    @property
    def value(self) -> str:
        """What stands behind the line's label; empty without one."""
        return self.field.value if self.field else ""

    @property
    def text(self) -> str:
        return self.line.text

    @property
    def number(self) -> int:
        """The line's number on the page."""
        return self.line.line

    @property
    def is_plan(self) -> bool:
        """Whether steps, dates and users may be read from the line."""
        return not (self.is_decoy or self.is_criterion or self.line.quoted)


def statements_of(roots: Iterable[Section]) -> list[Statement]:
    """The lines of one plan in the order of the page."""
    sections = sorted((section for root in roots for section in root.walk()), key=lambda section: section.line)
    reader = _StatementReader()
    return [statement for section in sections for statement in reader.read(section)]


class _StatementReader:
    """Carries from line to line whether criteria or results are being listed."""

    def __init__(self) -> None:
        self._criteria = False
        self._asked_by: Line | None = None
        self._unanswered = False

    def read(self, section: Section) -> list[Statement]:
        # A question may be answered under a heading of its own: "What metrics …?" and then "Backend:".
        may_answer = section.kind is SectionKind.OTHER and "planning" not in section.title.casefold()
        lists_criteria = _lists_criteria(section) or (self._unanswered and may_answer)
        self._criteria = lists_criteria and not section.is_decoy
        self._asked_by = section.heading
        is_result, section_is_decoy = False, section.is_decoy  # told once: a page may nest deeply
        stage = next((s for s in section.around if s.kind is SectionKind.STAGE), None)
        found = []
        for line, following in zip_longest(section.lines, section.lines[1:]):
            row = line.kind is LineKind.ROW
            field = _of_row(line) if row else read_field(line.text) or _over_list(line, following)
            is_result = is_result or (_opens(field, Asks.RESULTS) and not (row or line.parent))
            decoy = section_is_decoy or is_result or _is_result(line, field)
            criterion = not decoy and self._lists(line, field, lists_criteria=lists_criteria)
            asked = self._asked_by if criterion and self._asked_by is not section.heading else None
            found.append(Statement(line, section, field, decoy, criterion, stage, asked))
            self._unanswered = _opens(field, Asks.CRITERIA) and not (row or decoy)
        return found

    def _lists(self, line: Line, field: Field | None, *, lists_criteria: bool) -> bool:
        """Whether `line` is one of a list of criteria; keeps track of where such a list begins and ends."""
        asks = field.asks if field else None
        if asks is Asks.CRITERIA and line.kind is not LineKind.ROW:
            self._criteria, self._asked_by = True, line
            return bool(field and field.value)
        value = bool(field and field.value)
        if line.kind is LineKind.ROW:
            is_listed = self._criteria or has_bars(line.header) or (asks is Asks.CRITERIA and value)
            return is_listed and not judged_by(line.header)
        # The list is over where something else is asked, and behind the list item that asked for it.
        asked, is_below = self._asked_by, self._asked_by in line.ancestors
        is_behind = asked is not None and asked.kind is LineKind.ITEM and line.line != asked.line
        if (is_behind or asks not in {None, Asks.OTHER, Asks.TITLE}) and not is_below:
            self._criteria = lists_criteria
        return self._criteria and not (line.has_items and not value and not is_bar(line.text))


def _over_list(line: Line, following: Line | None) -> Field | None:
    """`Success criteria` without a colon, right above a list: it asks as one with a colon does."""
    is_short = len(line.text) < _SHORT_LABEL and not is_bar(line.text)
    asks = (
        _NAMES_CRITERIA.fullmatch(line.text)
        or (is_short and ends_open(line.text))
        or (line.has_items and pattern("speaks of criteria").fullmatch(line.text))
    )
    leads = line.kind is LineKind.TEXT and following is not None and following.kind is LineKind.ITEM
    is_above = (line.has_items or leads) and asks and what_is_asked(line.text) is Asks.CRITERIA
    return Field(line.text, "", Asks.CRITERIA) if is_above else None


def _of_row(line: Line) -> Field | None:
    """A row of two cells under a head that says nothing is a label with its answer: `| Start | 3/2/2026 |`."""
    if len(line.cells) != 2 or not all(head.casefold() in _SAYS_NOTHING for head in line.header):
        return None
    label = line.cells[0].strip(" :?")
    return Field(label, line.cells[1], what_is_asked(label))


def _opens(field: Field | None, asks: Asks) -> bool:
    """Whether a label asks this and leaves the answer to the lines below."""
    return field is not None and field.asks is asks and not field.value


def _lists_criteria(section: Section) -> bool:
    """Whether a section or one around it lists criteria; a stage of the rollout within them isn't part of the list."""
    around = (s for s in section.around if s.kind in {SectionKind.CRITERIA, SectionKind.STAGE})
    tells = (s.kind is SectionKind.CRITERIA for s in around if s.kind is SectionKind.CRITERIA or _states_stage(s))
    return next(tells, False)


@lru_cache(maxsize=1024)  # each section below a stage asks the same of it
def _states_stage(section: Section) -> bool:
    """Whether a stage's heading, or a label below it, says whom it reaches or when."""
    if PERCENT.search(section.title):
        return True
    fields = (read_field(line.text) for below in section.walk() for line in below.lines)
    return any(field is not None and field.asks in _OF_STAGE for field in fields)


def _is_result(line: Line, field: Field | None) -> bool:
    # "Error rate < 1%, actual: 0.4%" states the bar too.
    is_asked = field is not None and field.asks in _RESULTS and not is_bar(field.label)
    return is_asked or any(what_is_asked(item.text.split(":")[0]) in _RESULTS for item in line.ancestors)
