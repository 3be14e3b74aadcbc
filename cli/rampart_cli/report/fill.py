"""Writing results into a team's Markdown page: results, actual dates and ticks; every other byte stays.

What is written stands between marks, `<!-- rampart:results ROLLOUT -->` and its end, and is replaced the next time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rampart_cli.document import PlanOutline, Reading, Span, StageOutline, outline, read
from rampart_cli.document.labels import placeholder_in
from rampart_cli.failures import InputError
from rampart_cli.report.results import date_range, results_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from rampart_cli.report.history import RolloutHistory


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Bytes [start, end) of the page, and what stands there afterwards."""

    start: int
    end: int
    text: bytes


@dataclass(frozen=True, slots=True)
class Filled:
    """The page with its results, and what was written where, in words."""

    page: bytes
    told: tuple[str, ...]


def fill(source: bytes, history: RolloutHistory, *, today: date) -> Filled:
    """Write a rollout's results into a page; doing it again changes nothing.

    Raises InputError when the page holds no plan, or none of this rollout's flags.
    """
    reading = read(source, today=today)
    places = _places(reading, history)
    stages = _stages(places, history)
    newline = b"\r\n" if b"\r\n" in source else b"\n"
    edits: dict[Edit, str] = {}
    edits |= _results(source, history, stages, newline)
    edits |= _dates(source, history, stages)
    edits |= _ticks(places, history)
    page = source
    for edit in sorted(edits, reverse=True):
        page = page[: edit.start] + edit.text + page[edit.end :]
    return Filled(page, tuple(edits[edit] for edit in sorted(edits)))


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
        named = ", ".join(sorted({flag.name for plan, _ in found for flag in plan.flags})) or "none"
        raise InputError(
            f"the page names the flags {named}; the rollout is about {', '.join(sorted(flags))}",
            name="AnotherPlansPage",
            mend="Name the page of this rollout's plan.",
        )
    return mine[0]


def _stages(places: PlanOutline, history: RolloutHistory) -> list[tuple[StageOutline, int]]:
    """The page's stages that the plan has too, each with its index in the plan; they are matched by percentage."""
    indexes = {stage.percent: index for index, stage in enumerate(history.plan.stages)}
    return [(each, indexes[each.stage.percent]) for each in places.stages if each.stage.percent in indexes]


# Results


def _results(
    source: bytes, history: RolloutHistory, stages: Sequence[tuple[StageOutline, int]], newline: bytes
) -> Mapping[Edit, str]:
    edits: dict[Edit, str] = {}
    placed: set[int] = set()
    for span, indexes in _grouped((each.results, index) for each, index in stages):
        placed |= indexes
        edits |= _region(source, span, results_of(history, indexes), history, newline)
    left = {visit.stage for visit in history.visits} - placed
    whole = Span(1, 1, 0, len(source))
    if left:
        lines = ["Results of stages that have no place of their own on this page:", "", *results_of(history, left)]
        edits |= _region(source, whole, lines, history, newline, what="other-results")
    return edits


def _region(
    source: bytes,
    span: Span,
    lines: Sequence[str],
    history: RolloutHistory,
    newline: bytes,
    what: str = "results",
) -> Mapping[Edit, str]:
    """The edit that puts lines into the marked region within `span`, or makes the region at its end."""
    begins, ends = _marks(what, history)
    text = newline.join(line.encode() for line in (begins, *lines, ends))
    within = source[span.start : span.end]
    found = re.search(re.escape(begins.encode()) + rb".*?" + re.escape(ends.encode()), within, re.DOTALL)
    if found is not None:
        edit = Edit(span.start + found.start(), span.start + found.end(), text)
    elif not lines:
        return {}
    else:
        at = span.start + len(within.rstrip())
        # What was written before ends with its line; an empty line keeps the region out of its last paragraph.
        before = newline * 2 if within.strip() or not source[:at].endswith(b"\n") else newline
        edit = Edit(at, at, before + text + (newline if not source[at:].startswith((b"\n", b"\r")) else b""))
    if source[edit.start : edit.end] == edit.text:
        return {}
    line = source[: edit.start].count(b"\n") + 1
    return {edit: f"line {line}: {what.replace('-', ' ')}"}


def _marks(what: str, history: RolloutHistory) -> tuple[str, str]:
    return f"<!-- rampart:{what} {history.plan.rollout} -->", f"<!-- /rampart:{what} -->"


# Dates


def _dates(source: bytes, history: RolloutHistory, stages: Sequence[tuple[StageOutline, int]]) -> Mapping[Edit, str]:
    edits = {}
    begins, ends = (mark.encode() for mark in _marks("dates", history))
    for span, indexes in _grouped((each.actual, index) for each, index in stages):
        days = date_range(history, indexes)
        if days is None:
            continue
        line = source[span.start : span.end]
        found = re.search(re.escape(begins) + rb"(.*?)" + re.escape(ends), line)
        if found is not None:
            edit = Edit(span.start + found.start(1), span.start + found.end(1), days.encode())
        elif _is_unanswered(line.decode()):
            at = span.start + len(line.rstrip())
            edit = Edit(at, at, b" " + begins + days.encode() + ends)
        else:
            continue  # a person wrote the dates
        if source[edit.start : edit.end] != edit.text:
            edits[edit] = f"line {span.line}: actual dates {days}"
    return edits


def _is_unanswered(line: str) -> bool:
    """Whether a line only asks, or answers with a placeholder."""
    answer = line.rpartition(":")[2].strip(" \t*_")
    return not answer or placeholder_in(answer) is not None


# Boxes


def _ticks(places: PlanOutline, history: RolloutHistory) -> Mapping[Edit, str]:
    reached = {visit.percent for visit in history.visits}
    return {
        Edit(box.span.start, box.span.end, b"[x]"): f"line {box.span.line}: ticked, {box.percent:g}% was reached"
        for box in places.boxes
        if not box.is_ticked and box.percent in reached
    }


def _grouped(places: Iterable[tuple[Span | None, int]]) -> list[tuple[Span, set[int]]]:
    """The places that there are, each once, with the stages that share it."""
    groups: dict[Span, set[int]] = {}
    for span, index in places:
        if span is not None:
            groups.setdefault(span, set()).add(index)
    return list(groups.items())
