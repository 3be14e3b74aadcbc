"""Where on the page results, dates and boxes stand: what a report needs to write into the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise

from rampart_cli.document.blocks import LineKind
from rampart_cli.document.labels import Asks
from rampart_cli.document.page import Page, Span, without_marked
from rampart_cli.document.plan import PageStage, PlanDocument, Results
from rampart_cli.document.reading import Reading, read
from rampart_cli.document.sections import DECOYS, Section, SectionKind

_BOX = re.compile(r"\[[ xX]?\]")
_ACTUAL = re.compile(r"\bactuals?\b", re.IGNORECASE)
_BEGINS = re.compile(r"\b(start|began|begin|from)", re.IGNORECASE)
_ENDS = re.compile(r"\b(end|until|finish)", re.IGNORECASE)
_WHEN = re.compile(r"\b(dates?|days?|when|range|duration|time ?frame)\b|^actuals?$", re.IGNORECASE)
_CELL = re.compile(r"(?<!\\)\|")
_ROW_BEGINS = re.compile(r"[ >]*\|")


class Part(StrEnum):
    """Which of the actual days a place asks for."""

    RANGE = "range"  # from the first to the last
    FIRST = "first"  # the day on which the stage began
    LAST = "last"  # the day on which it ended


@dataclass(frozen=True, slots=True)
class AnswerPlace:
    """A place for the actual days: a line without its line end, or a table's cell; an answer is written at its end."""

    span: Span
    part: Part
    written: str
    """What stands there already; nothing of what Rampart wrote."""


@dataclass(frozen=True, slots=True)
class StageOutline:
    """A stage and its places on the page; a place that the page does not have is None."""

    stage: PageStage
    heading: Span
    """The line that states the stage."""
    results: Span | None
    """What stands under the stage's results heading, whole lines; stages of one phase share it."""
    results_title: Span | None
    """The results heading itself, whole lines."""
    dates: Span | None
    """The line that states the planned dates."""
    actual: tuple[AnswerPlace, ...]


@dataclass(frozen=True, slots=True)
class Box:
    """The box before an entry that a stage was read from; `span` covers its brackets."""

    span: Span
    is_ticked: bool
    percents: tuple[float, ...]
    """The percentages of the stages that the entry states."""


@dataclass(frozen=True, slots=True)
class PlanOutline:
    """The places of one plan on the page."""

    title: str
    stages: tuple[StageOutline, ...]
    boxes: tuple[Box, ...]


def outline(reading: Reading) -> tuple[PlanOutline, ...]:
    """The places of each plan of a page that was read; byte offsets are those of the file as it was given."""
    found: list[PlanOutline] = []
    for plan in reading.plans:
        results, page = Results.of(plan.roots), reading.page
        stages = tuple(_stage(stage, plan, page, results) for stage in plan.stages)
        found.append(PlanOutline(plan.title.value, stages, tuple(_boxes(plan, page))))
    return tuple(found)


def outline_of(source: bytes, *, today: date) -> tuple[PlanOutline, ...]:
    """Read a page and give the places of each of its plans; none for a page without a plan."""
    return outline(read(source, today=today))


def _stage(stage: PageStage, plan: PlanDocument, page: Page, found: Results) -> StageOutline:
    results = found.section_of(stage)
    title = results.heading if results else None
    asked = [*_asked_in_rows(stage, page), *_asked_in_lines(stage, plan, page, results)]
    return StageOutline(
        stage=stage,
        heading=_line(page, stage.line),
        results=page.block(title.past, results.past) if results and title else None,
        results_title=page.block(title.line, title.past) if title else None,
        dates=_line(page, stage.dates_line) if stage.dates_line else None,
        # A page that asks for the same twice is answered at the first place.
        actual=tuple({answer.part: answer for answer in reversed(asked)}.values()),
    )


def _line(page: Page, number: int) -> Span:
    return page.span(number, 1, len(page.raw[number - 1]))


def _asked_in_lines(stage: PageStage, plan: PlanDocument, page: Page, results: Section | None) -> Iterator[AnswerPlace]:
    own = stage.section or (stage.source.section if stage.source else None)
    if own is None:
        return
    for statement in plan.statements:
        field, around = statement.field, statement.section.around
        if field is None or field.asks is not Asks.ACTUAL or (part := _part(field.label)) is None:
            continue
        # What a stage within this one asks is about that stage.
        is_own = own in around and statement.stage_section in {None, *own.around}
        is_told = any(section.kind in DECOYS - {SectionKind.RESULTS} for section in around)
        if (is_own or (results is not None and results in around)) and not is_told:
            row = statement.line.kind is LineKind.ROW
            places = _cells(page, statement.number)[1:2] if row else [_line(page, statement.number)]
            yield from (AnswerPlace(place, part, field.value) for place in places)


def _asked_in_rows(stage: PageStage, page: Page) -> Iterator[AnswerPlace]:
    """The cells of a stage's own table row under a head such as `Actual date`."""
    for statement in (said for said in stage.stated_by if said.line.kind is LineKind.ROW):
        for head, cell in zip(statement.line.header, _cells(page, statement.number), strict=False):
            if _ACTUAL.search(head) and (part := _part(head.strip(" :*_"))) is not None:
                written = page.raw[cell.line - 1][cell.column - 1 :].encode()[: cell.end - cell.start].decode()
                yield AnswerPlace(cell, part, without_marked([written])[0])


def _cells(page: Page, number: int) -> list[Span]:
    """What stands between the bars of a row; nothing for a row that is written in HTML."""
    raw = page.raw[number - 1]
    begins = _ROW_BEGINS.match(raw)
    bars = [bar.start() for bar in _CELL.finditer(raw)]
    edges = [*([] if begins else [-1]), *bars, len(raw)] if bars else []
    return [page.span(number, left + 2, right - left - 1) for left, right in pairwise(edges)]


def _part(label: str) -> Part | None:
    begins, ends = bool(_BEGINS.search(label)), bool(_ENDS.search(label))
    if begins != ends:
        return Part.FIRST if begins else Part.LAST
    return Part.RANGE if begins or _WHEN.search(label) else None


def _boxes(plan: PlanDocument, page: Page) -> list[Box]:
    stated: dict[int, list[float]] = {}
    for stage in plan.stages:
        lines = {stage.dates_line or 0, *(statement.number for statement in stage.stated_by)}
        for line in lines:
            stated.setdefault(line, []).extend([] if stage.percent is None else [stage.percent])
    boxes = []
    for statement in (s for s in plan.statements if s.line.checked is not None and not s.is_decoy):
        found, percents = _BOX.search(page.raw[statement.number - 1]), tuple(stated.get(statement.number, ()))
        if found is not None and percents:
            span = page.span(statement.number, found.start() + 1, len(found[0]))
            boxes.append(Box(span, bool(statement.line.checked), percents))
    return boxes
