"""Dates, lengths and users of stages, from the labels around them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from rampart_cli.document.amounts import Length, increment_in, length_in, percents_in
from rampart_cli.document.blocks import LineKind
from rampart_cli.document.crowds import ENDS, users_in
from rampart_cli.document.dates import NOTHING, DateProblem, Dates, between, is_day, leading_date, read_dates
from rampart_cli.document.labels import Asks, answer
from rampart_cli.document.plan import PageStage
from rampart_cli.document.sections import Section, SectionKind
from rampart_cli.document.statements import Statement

_MOST_STAGES = 100
"""Stages of one section among which a label's own is looked for; no page has more."""
_MIGHT = re.compile(r"^(?:if|unless|when|should)\b|,\s(?:if|unless)\b", re.IGNORECASE)
_IS_END = re.compile(r"(?:(?:desired|planned|expected|target) )?(?:end|finish)", re.IGNORECASE)
_WAITS = re.compile(r"\b(?:allow|hold|wait|bake|at least|for a|stay|remain|each stage|between stages)", re.IGNORECASE)


def add_details(stage: PageStage, other: PageStage) -> None:
    """Complete `stage` by what another statement of the same percentage says."""
    if _says_more(other.dates, stage.dates):
        stage.dates, stage.dates_line = other.dates, other.dates_line
    if stage.users is None and other.users is not None:
        stage.users, stage.users_line = other.users, other.users_line or other.line
    if stage.hold is None:
        stage.hold, stage.hold_line = other.hold, other.hold_line
    stage.name = stage.name or other.name
    stage.repeated += [other.source] if other.source is not None else []


def _says_more(dates: Dates, than: Dates) -> bool:
    if dates.start is None or dates.problem is DateProblem.PLACEHOLDER:
        return dates.said and not than.said
    if than.start is None:
        return True
    days = (dates.start - than.start).days
    return than.is_week and 0 <= days < 7  # a day of the week that was named


class DateRange(NamedTuple):
    """A range of dates that a phase or the whole plan states, with its line and the stages that it holds for."""

    dates: Dates
    line: int
    stages: tuple[PageStage, ...]


class Crowd(NamedTuple):
    """Numbers of users stated for a phase or the plan, with their line and the stages that they are meant for."""

    numbers: tuple[int, ...]
    line: int
    stages: tuple[PageStage, ...]


@dataclass(slots=True)
class Details:
    """What labels state for several stages at once."""

    calendars: list[DateRange]
    crowds: list[Crowd]
    held: set[int] = field(default_factory=set)
    """The groups of stages (by id) that all know how long they are held."""


def give_details(stages: Sequence[PageStage], statements: Sequence[Statement], roots: Sequence[Section]) -> Details:
    """Give each stage the dates, the length and the users that its section states."""
    details = Details([], [])
    by_section = _by_section(stages)
    known = {stage.hold_line for stage in stages if stage.hold is not None}
    for statement in statements:
        if not statement.is_plan:
            continue
        reached = _reached(statement, by_section)
        if statement.asks is Asks.DATES:
            _date(statement, reached, details)
        elif is_day(statement.text) and len(reached) == 1 and (statement.stage_section or statement.line.parent):
            _give_dates(leading_date(statement.text)[0], statement.number, reached, details)
        elif statement.asks is Asks.USERS:
            _count(statement, reached, stages, details)
        elif reached and statement.number not in known and (length := _hold_in(statement)):
            _hold(reached, length, statement.number, details)
    _dates_in_headings(stages, roots, details)
    return details


def _hold_in(statement: Statement) -> Length | None:
    """How long a line says each stage is held; one about a share or about what might happen does not say it."""
    text = statement.text
    is_share = percents_in(text) and not increment_in(text)
    if is_share or _MIGHT.search(text) or not _WAITS.search(text) or statement.line.kind is LineKind.ROW:
        return None
    return length_in(text)


def _by_section(stages: Sequence[PageStage]) -> dict[int, tuple[PageStage, ...]]:
    """The stages that each section states, itself or in one of its lines, and those that each list item states."""
    found: dict[int, list[PageStage]] = {}
    for stage in stages:
        around: set[object] = {stage.section}
        if stage.source is not None:
            around |= {stage.source.section, stage.source.line, stage.source.line.parent}
        for place in around - {None}:
            found.setdefault(id(place), []).append(stage)
    return {place: tuple(stated) for place, stated in found.items()}


def _reached(statement: Statement, stages: dict[int, tuple[PageStage, ...]]) -> tuple[PageStage, ...]:
    """The stages that a statement holds for: those of its own section, else of the stage or phase around it."""
    if found := stages.get(id(statement.line.parent)):
        return found
    around = statement.section.around
    section = next((s for s in around if id(s) in stages or s.kind is SectionKind.STAGE), statement.section)
    is_own = section.kind is SectionKind.STAGE or section is statement.section
    return _nearest(statement, stages.get(id(section), ())) if is_own else ()


def _nearest(statement: Statement, stages: tuple[PageStage, ...]) -> tuple[PageStage, ...]:
    """The stage that a label stands below, where another follows it; all where it stands above or below them all."""
    if statement.asks is None or len(stages) > _MOST_STAGES:
        return stages
    is_listed = all(stage.source is not None and stage.source.line.parent is None for stage in stages)
    before = [stage for stage in stages if stage.line < statement.number]
    return (before[-1],) if is_listed and before and len(before) < len(stages) else stages


def _date(statement: Statement, reached: tuple[PageStage, ...], details: Details) -> None:
    dates = read_dates(statement.value)
    if length := length_in(answer(statement.value)):
        _hold(reached, length, statement.number, details)
    begun = reached[0].dates if len(reached) == 1 else NOTHING
    is_single = dates.start is not None and dates.end is None
    if is_single and statement.field and _IS_END.match(statement.field.label):
        if begun.start and not begun.end:
            reached[0].dates = between(begun, dates)
            return
        dates = replace(dates, start=None, end=dates.start)
    elif is_single and begun.end and not begun.start:  # the end was written first
        reached[0].dates, dates = NOTHING, between(dates, Dates(begun.end))
    if dates.said:
        _give_dates(dates, statement.number, reached, details)


def _give_dates(dates: Dates, line: int, reached: tuple[PageStage, ...], details: Details) -> None:
    if len(reached) == 1 and not reached[0].dates.said:
        reached[0].dates, reached[0].dates_line = dates, line
    else:
        details.calendars.append(DateRange(dates, line, reached))


def _count(statement: Statement, reached: tuple[PageStage, ...], stages: Sequence[PageStage], details: Details) -> None:
    value = answer(statement.value)
    if (numbers := users_in(value)) is None:
        return
    if len(reached) == 1:
        reached[0].users, reached[0].users_line = numbers, statement.number
        return
    if not reached and len(numbers) > 1 and not ENDS.search(value):
        # A list of numbers is that of the stages within its section.
        inside = set(map(id, statement.section.walk()))
        reached = tuple(stage for stage in stages if id(stage.section) in inside)
    details.crowds.append(Crowd(numbers, statement.number, reached))
    if len(numbers) == len(reached):
        for stage, number in zip(reached, numbers, strict=True):
            stage.users, stage.users_line = stage.users or (number,), statement.number


def _hold(reached: tuple[PageStage, ...], length: Length, line: int, details: Details) -> None:
    if id(reached) in details.held:
        return
    details.held.add(id(reached))
    for stage in reached:
        if stage.hold is None:
            stage.hold, stage.hold_line = length, line


def _dates_in_headings(stages: Sequence[PageStage], roots: Sequence[Section], details: Details) -> None:
    """`Planning 7/24/24 - 8/15/24`: a heading that states when."""
    for section in (section for root in roots for section in root.walk()):
        dates = read_dates(section.title)
        if dates.start is None or section.is_decoy:
            continue
        below = set(map(id, section.walk()))
        inside = [s for s in stages if id(s.section) in below or (s.source and id(s.source.section) in below)]
        around = [s for s in stages if s.section is not None and s.section is section.parent]
        _give_dates(dates, section.line, tuple(inside or around), details)
