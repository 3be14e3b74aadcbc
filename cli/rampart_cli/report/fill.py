"""Writing results into a team's Markdown page: results, actual dates and ticks; every other byte stays.

What is written stands between marks, `<!-- rampart:results ROLLOUT -->` and its end, and is replaced the next time.
"""

from __future__ import annotations

import re
from bisect import bisect
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from rampart.words import listed, percentage
from rampart_cli.document import Page, PlanOutline, Reading, Span, StageOutline, outline, read
from rampart_cli.document.labels import placeholder_in
from rampart_cli.document.outline import AnswerPlace, Part
from rampart_cli.document.page import marks_in
from rampart_cli.failures import InputError
from rampart_cli.report.results import ELSEWHERE, ActualDays, actual_days, is_ours, results_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from rampart_cli.report.history import RolloutHistory

Place = TypeVar("Place", Span, AnswerPlace)


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Bytes [start, end) of the page, and what stands there afterwards."""

    start: int
    end: int
    rank: int
    """What comes first of two things that are written in one place."""
    text: bytes
    told: str
    """What was written where, in words."""


@dataclass(frozen=True, slots=True)
class Filled:
    """The page with its results, and what was written where, in words."""

    page: bytes
    told: tuple[str, ...]


def fill(source: bytes, history: RolloutHistory, *, today: date) -> Filled:
    """Write a rollout's results into a page; doing it again changes nothing.

    Raises InputError when the page holds no plan or none of this rollout's flags, and when its marks are broken.
    """
    reading = read(source, today=today)
    places = _places(reading, history)
    _refuse_broken(reading.page)
    stages = _stages(places, history)
    results, dates = _results(reading.page, history, stages), _dates(source, history, stages)
    edits = sorted({*results, *dates, *_ticks(places, history)})
    page = source
    for edit in reversed(edits):
        page = page[: edit.start] + edit.text + page[edit.end :]
    return Filled(page, tuple(edit.told for edit in edits))


def _places(reading: Reading, history: RolloutHistory) -> PlanOutline:
    """The plan on the page that is this rollout's: the one that names its flags, or the only one if it names none."""
    if not reading.plans:
        raise InputError("the page holds no rollout plan, so there is no place for results", name="NoPlanOnPage")
    flags = set(history.plan.flags)
    found = list(zip(reading.plans, outline(reading), strict=True))
    mine = [places for plan, places in found if flags & {flag.name for flag in plan.flags}]
    if len(found) == 1 and not found[0][0].flags:
        mine = [found[0][1]]
    if len(mine) != 1:
        named = listed(sorted({flag.name for plan, _ in found for flag in plan.flags}))
        raise InputError(
            f"the page names the flags {named}; the rollout is about {', '.join(sorted(flags))}",
            name="AnotherPlansPage",
            fix="Name the page of this rollout's plan.",
        )
    return mine[0]


def _stages(places: PlanOutline, history: RolloutHistory) -> list[tuple[StageOutline, int]]:
    """The page's stages that the plan has too, each with its index in the plan; they are matched by percentage."""
    indexes = {stage.exposure: index for index, stage in enumerate(history.plan.stages)}
    return [(each, indexes[each.stage.percent]) for each in places.stages if each.stage.percent in indexes]


# Results


def _refuse_broken(page: Page) -> None:
    """What was meant to be replaced cannot be told from what a person wrote where a mark's other half is missing."""
    if lonely := marks_in(page.raw).lonely:
        mark = lonely[0]
        other = "beginning" if mark.is_end else "end"
        raise InputError(
            f"line {mark.line}: {mark.text} stands without its {other}, so nothing was written",
            name="BrokenMarks",
            fix=f"Put its {other} back, or remove this mark and what Rampart wrote next to it.",
        )


def _results(page: Page, history: RolloutHistory, stages: Sequence[tuple[StageOutline, int]]) -> Iterator[Edit]:
    placed: set[int] = set()
    for span, indexes in _grouped((each.results, index) for each, index in stages):
        placed |= indexes
        yield from _region(page, span, results_of(history, indexes), history)
    left = {visit.stage for visit in history.visits} - placed
    if left:
        whole = page.block(1, len(page.starts))
        yield from _region(page, whole, [ELSEWHERE, "", *results_of(history, left)], history, what="other-results")


def _region(
    page: Page, span: Span, lines: Sequence[str], history: RolloutHistory, what: str = "results"
) -> Iterator[Edit]:
    """The edit that puts lines into the marked region within `span`, or makes the region behind its last line."""
    newline, rank = _line_end(page.source), int(what != "results")
    begins, ends = _marks(what, history)
    text = newline.join(line.encode() for line in (begins, *lines, ends))
    found = _found(page, span, begins)
    if found is not None:
        start, end = found.start, found.end
    elif lines:
        start, before, after = _behind(page, span, newline)
        end, text = start, before + text + after
    else:
        return
    if page.source[start:end] != text:
        line = bisect(page.starts[:-1], start) or 1
        yield Edit(start, end, rank, text, f"line {line}: {what.replace('-', ' ')}")


def _found(page: Page, span: Span, begins: str) -> Span | None:
    """The bytes of the region within `span` that starts with this mark, both marks among them.

    Raises InputError when someone wrote into it: that would be lost.
    """
    for begin, end in marks_in(page.raw).regions:
        first = page.span(begin.line, begin.start + 1, len(begin.text))
        if begin.text != begins or not span.start <= first.start < span.end:
            continue
        for number in range(begin.line + 1, end.line):
            if not is_ours(page.raw[number - 1]):
                raise InputError(
                    f"line {number}: {page.raw[number - 1].strip()!r} stands between Rampart's marks and would be lost",
                    name="TextBetweenMarks",
                    fix=f"Move it below {end.text} at line {end.line}; nothing was written.",
                )
        return Span(begin.line, 1, first.start, page.span(end.line, end.start + 1, len(end.text)).end)
    return None


def _behind(page: Page, span: Span, newline: bytes) -> tuple[int, bytes, bytes]:
    """Where a region goes behind the last line within `span` that is not blank, what comes before it and after it.

    Line ends and blanks at the end of a line are a person's, too: two blanks are a line break.
    """
    past = span.line
    for number in range(span.line, len(page.raw) + 1):
        if page.starts[number - 1] >= span.end:
            break
        past = number + 1 if page.raw[number - 1].strip() else past
    at = page.starts[past - 1]
    if page.source[:at].endswith((b"\n", b"\r")):
        return at, newline, newline
    return at, newline * 2, b""  # the page's last line, which has no line end


def _line_end(source: bytes) -> bytes:
    """The page's own line end: the one that most of its lines have."""
    both = source.count(b"\r\n")
    counts = {b"\n": source.count(b"\n") - both, b"\r\n": both, b"\r": source.count(b"\r") - both}
    return max(counts, key=counts.__getitem__)


def _marks(what: str, history: RolloutHistory) -> tuple[str, str]:
    return f"<!-- rampart:{what} {history.plan.rollout} -->", f"<!-- /rampart:{what} -->"


# Dates


def _dates(source: bytes, history: RolloutHistory, stages: Sequence[tuple[StageOutline, int]]) -> Iterator[Edit]:
    begins, ends = (mark.encode() for mark in _marks("dates", history))
    for answer, indexes in _grouped((answer, index) for each, index in stages for answer in each.actual):
        days = _days(answer.part, actual_days(history, indexes))
        if days is None:
            continue
        span = answer.span
        line = source[span.start : span.end]
        found = re.search(re.escape(begins) + rb"(.*?)" + re.escape(ends), line)
        if found is not None:
            start, end, text = span.start + found.start(1), span.start + found.end(1), days.encode()
        elif _is_unanswered(answer):
            start = end = span.start + len(line.rstrip())
            text = b" " + begins + days.encode() + ends
        else:
            continue  # a person wrote the dates
        if source[start:end] != text:
            yield Edit(start, end, 0, text, f"line {span.line}: actual dates {days}")


def _is_unanswered(answer: AnswerPlace) -> bool:
    """Whether nothing stands there, or only a placeholder."""
    written = answer.written.strip(" \t*_")
    return not written or placeholder_in(written) is not None


def _days(part: Part, days: ActualDays | None) -> str | None:
    """The answer to what is asked; None while there is none."""
    if days is None:
        return None
    match part:
        case Part.FIRST:
            return days.first
        case Part.LAST:
            return days.last
        case Part.RANGE:
            return days.first if days.first == days.last else f"{days.first} to {days.last or 'now'}"


# Boxes


def _ticks(places: PlanOutline, history: RolloutHistory) -> Iterator[Edit]:
    reached = {visit.percent for visit in history.visits}
    for box in places.boxes:
        if not box.is_ticked and reached.issuperset(box.percents):
            told = f"line {box.span.line}: ticked, {_said(box.percents)} reached"
            yield Edit(box.span.start, box.span.end, 0, b"[x]", told)


def _said(percents: Sequence[float]) -> str:
    return " and ".join(map(percentage, percents)) + (" was" if len(percents) == 1 else " were")


def _grouped(places: Iterable[tuple[Place | None, int]]) -> list[tuple[Place, set[int]]]:
    """The places that there are, each once, with the stages that share it."""
    groups: dict[Place, set[int]] = {}
    for place, index in places:
        if place is not None:
            groups.setdefault(place, set()).add(index)
    return list(groups.items())
