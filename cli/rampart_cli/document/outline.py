"""Where on the page results, dates and boxes stand: what a report needs to write into the page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rampart_cli.document.amounts import percents_in
from rampart_cli.document.dates import leading_date
from rampart_cli.document.labels import Asks
from rampart_cli.document.reading import read
from rampart_cli.document.results import Results

if TYPE_CHECKING:
    from datetime import date

    from rampart_cli.document.page import Page, Span
    from rampart_cli.document.plan import PlanDocument, Stage
    from rampart_cli.document.reading import Reading
    from rampart_cli.document.sections import Section

_BOX = re.compile(r"\[[ xX]?\]")


@dataclass(frozen=True, slots=True)
class StageOutline:
    """A stage and its places on the page; a place that the page does not have is None."""

    stage: Stage
    heading: Span
    """The line that states the stage."""
    results: Span | None
    """What stands under the stage's results heading, whole lines; stages of one phase share it."""
    results_title: Span | None
    """The results heading itself, whole lines."""
    dates: Span | None
    """The line that states the planned dates."""
    actual: Span | None
    """The line that asks for the actual dates, without its line end: an answer is written at its end."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box to tick; `span` covers its brackets."""

    span: Span
    is_ticked: bool
    percent: float | None
    """The only percentage that the entry names."""
    day: date | None
    text: str


@dataclass(frozen=True, slots=True)
class PlanOutline:
    """The places of one plan on the page."""

    title: str
    stages: tuple[StageOutline, ...]
    boxes: tuple[Box, ...]


def outline(reading: Reading) -> tuple[PlanOutline, ...]:
    """The places of each plan of a page that was read; byte offsets are those of the file as it was given."""
    return tuple(_outline(plan, reading.page) for plan in reading.plans)


def outline_of(source: bytes, *, today: date) -> tuple[PlanOutline, ...]:
    """Read a page and give the places of each of its plans; none for a page without a plan."""
    return outline(read(source, today=today))


def _outline(plan: PlanDocument, page: Page) -> PlanOutline:
    found = Results.of(plan.roots)
    stages = tuple(_stage(stage, plan, page, found) for stage in plan.stages)
    return PlanOutline(plan.title.value, stages, tuple(_boxes(plan, page)))


def _stage(stage: Stage, plan: PlanDocument, page: Page, found: Results) -> StageOutline:
    results = found.section_of(stage)
    title = results.heading if results else None
    return StageOutline(
        stage=stage,
        heading=_line(page, stage.line),
        results=page.block(title.past, results.past) if results and title else None,
        results_title=page.block(title.line, title.past) if title else None,
        dates=_line(page, stage.dates_line) if stage.dates_line else None,
        actual=_actual(stage, plan, page),
    )


def _line(page: Page, number: int) -> Span:
    return page.span(number, 1, len(page.raw[number - 1]))


def _actual(stage: Stage, plan: PlanDocument, page: Page) -> Span | None:
    own: Section | None = stage.section or (stage.source.section if stage.source else None)
    for statement in plan.statements:
        around = (statement.section, *statement.section.ancestors)
        if statement.asks is Asks.ACTUAL and not statement.section.is_decoy and own in around:
            return _line(page, statement.number)
    return None


def _boxes(plan: PlanDocument, page: Page) -> list[Box]:
    boxes = []
    for statement in plan.statements:
        found = _BOX.search(page.raw[statement.number - 1]) if statement.line.checked is not None else None
        if found is None or statement.is_decoy:
            continue
        percents = percents_in(statement.text)
        boxes.append(
            Box(
                span=page.span(statement.number, found.start() + 1, len(found[0])),
                is_ticked=bool(statement.line.checked),
                percent=percents[0] if len(percents) == 1 else None,
                day=leading_date(statement.text)[0].start,
                text=statement.text,
            )
        )
    return boxes
