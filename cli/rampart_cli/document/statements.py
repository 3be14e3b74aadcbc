"""Each visible line of one plan with what it may be read for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest

from rampart_cli.document.amounts import PERCENT
from rampart_cli.document.bars import is_bar
from rampart_cli.document.blocks import Line, LineKind
from rampart_cli.document.labels import Asks, Field, ends_open, read_field, what_is_asked
from rampart_cli.document.lexicon import pattern
from rampart_cli.document.sections import Section, SectionKind
from rampart_cli.document.tables import has_bars, judged_by

_RESULTS = frozenset({Asks.RESULTS, Asks.ACTUAL})
_NAMES_CRITERIA = re.compile(r"(?:\w+ ){0,3}(?:criteri(?:a|on)|metrics|kpis?|guardrails?)", re.IGNORECASE)
_SPEAKS_OF_CRITERIA = pattern("speaks of criteria")
_SHORT_LABEL = 100
_SAYS_NOTHING = frozenset(
    {"", "field", "value", "item", "detail", "details", "key", "question", "answer", "topic", "what", "info"}
)
_OF_STAGE = frozenset({Asks.PERCENT, Asks.DATES, Asks.USERS, Asks.ACTUAL})


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
        or (line.has_items and _SPEAKS_OF_CRITERIA.fullmatch(line.text))
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
