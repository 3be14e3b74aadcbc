"""Steps of the rollout in lists, tables and timelines."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

from rampart_cli.document.amounts import FULL, PERCENT, StageKind, names_only_audience, percents_in, reaches_all, rises
from rampart_cli.document.blocks import LineKind
from rampart_cli.document.dates import Dates, date_said, leading_date, read_dates
from rampart_cli.document.labels import Asks
from rampart_cli.document.lexicon import says, words
from rampart_cli.document.plan import PageStage
from rampart_cli.document.schedules import ROLLS, after_moment, scheduled_steps
from rampart_cli.document.sections import SectionKind, stage_name
from rampart_cli.document.statements import Statement
from rampart_cli.document.steps import clauses, goes_to, names_step, row_steps, step_from, steps_in, without_bars

_NO_STEP = frozenset(Asks) - {Asks.OTHER, Asks.PERCENT, Asks.DATES, Asks.STEPS}
_OF_PEOPLE = re.compile(r"\s{0,2}of\s(?:(?:all|the|our)\s){0,2}[a-z]{3,20}", re.IGNORECASE)
_SHORT = 160
"""Characters of a line that names whom a step reaches, and nothing else."""
_AROUND = re.compile(r"^\W+|\([^()]{0,60}\)|\W+$|,?\s(?:on|from|starting)\s*$")


def read_steps(statements: Iterable[Statement]) -> list[PageStage]:
    """The steps that lines, not headings or labels, state."""
    statements = list(statements)
    found: list[PageStage] = []
    rising = rising_lists(statements)
    scheduled = scheduled_steps(filter(_may_step, statements))
    for statement in statements:
        if (steps := scheduled.get(id(statement))) is None:
            steps = _steps_of(statement, is_told=id(statement) in rising)
        # 0% reaches no one: without a day it is only where the rollout starts from.
        found += [step for step in steps if step.percent != 0 or step.dates.said]
    return found


def rising_lists(statements: Iterable[Statement]) -> set[int]:
    """The items (by id) of each list whose shares rise to everyone: that is a rollout under whatever heading."""
    lists: dict[tuple[int, int], list[tuple[Statement, float]]] = defaultdict(list)
    for statement in statements:
        if statement.line.kind is LineKind.ITEM and len(said := _share_of(statement.text)) == 1:
            lists[id(statement.section), id(statement.line.parent)].append((statement, said[0]))
    return {
        id(statement)
        for items in lists.values()
        if len(items) > 1 and items[-1][1] == FULL and rises([said for _, said in items])
        for statement, _ in items
    }


def _share_of(text: str) -> list[float]:
    """The share that a line goes to, or that its name has: `Canary: 10%`."""
    rest = after_moment(text)[1]
    return list(steps_in(rest)) or (percents_in(rest) if names_step(rest) else [float(FULL)] * reaches_all(rest))


def _may_step(statement: Statement) -> bool:
    """Whether a line isn't about another environment, and its label doesn't ask for something else."""
    is_label = statement.asks is Asks.PERCENT and statement.section.kind is not SectionKind.TIMELINE
    is_other = statement.asks in _NO_STEP or (is_label and statement.line.kind is not LineKind.ROW)
    is_front = statement.line.kind is LineKind.FRONT
    return not (is_front or is_other or words("not production").search(statement.text))


def _steps_of(statement: Statement, *, is_told: bool) -> list[PageStage]:
    if not _may_step(statement):
        return []
    if statement.line.kind is LineKind.ROW:
        return row_steps(statement)
    if "%" not in statement.text:
        return _without_percent(statement, is_told=is_told)
    dates, rest = after_moment(statement.text)
    if not (percents := list(steps_in(rest)) or (_share_of(rest) if is_told else [])):
        return []
    if not dates.said:  # where other shares stand in the line, so may their days
        is_one = len(PERCENT.findall(without_bars(rest))) == 1
        dates = _date_in(statement.text if is_one else next((c for c in clauses(rest) if steps_in(c)), rest))
    if not (dates.said or is_told or _is_about_rollout(statement)):
        return []
    if len(percents) == 1:
        return [step_from(statement, percents[0], rest, dates)]
    starts = [share.start() for share in PERCENT.finditer(rest)]
    told = [rest[start:end] for start, end in pairwise([*starts, len(rest)])]
    if len(told) != len(percents):  # which of its words are about which step isn't certain
        told = [f"{percent:g}%" for percent in percents]
    return [step_from(statement, percent, part, Dates()) for percent, part in zip(percents, told, strict=True)]


def _without_percent(statement: Statement, *, is_told: bool) -> list[PageStage]:
    """A line that says whom a step reaches without a percentage: `3/1/2027: internal staff`, `Stage C: everyone`."""
    name = stage_name(statement.text)
    dates, rest = after_moment(statement.text)
    is_timed = rest != statement.text
    if not dates.said:
        dates, rest = read_dates(statement.text[:_SHORT]), name.rest if name else rest
    whom = " ".join(_AROUND.sub(" ", rest.replace(dates.text or "\n", " ", 1)).split())
    is_step = name or ((dates.said or is_timed) and (is_told or _is_about_rollout(statement)))
    if len(statement.text) > _SHORT or not is_step:
        return []
    step = step_from(statement, float(FULL) if reaches_all(whom) else None, statement.text, dates)
    if names_only_audience(whom):
        step.kind, step.name = StageKind.AUDIENCE, whom
    return [step] if step.kind is not StageKind.UNKNOWN else []


def _date_in(text: str) -> Dates:
    """A date ahead, after a preposition, or right behind the percentage: `25%: 8/4/2026`."""
    ahead = leading_date(text)[0]
    said = ahead if ahead.said else date_said(text)
    behind = PERCENT.search(text)
    if said.said or behind is None:
        return said
    people = _OF_PEOPLE.match(text, behind.end())
    return leading_date(text[people.end() if people else behind.end() :].lstrip(" :(,-\u2013\u2014"))[0]


def _is_about_rollout(statement: Statement) -> bool:
    """Whether a line without a day is a step all the same: by where it stands, or by how it begins."""
    moves_flag = goes_to(statement.text) and says("of a flag", statement.text)
    is_step = statement.section.kind is SectionKind.TIMELINE or statement.line.checked is not None
    is_step = is_step or (statement.line.kind is LineKind.ITEM and bool(moves_flag))
    steps = steps_in(statement.text)
    climbs = len(steps) > 1 and rises(steps)
    if is_step or stage_name(statement.text) or (climbs and steps[-1] == FULL):
        return True
    above = [item.text for item in statement.line.ancestors] + [statement.section.title]
    if statement.line.kind is LineKind.TEXT and not PERCENT.match(statement.text):
        # Prose may tell of anything, unless it moves the flag below a stage's heading or names all steps in a row.
        in_stage = statement.stage_section is not None and goes_to(statement.text)
        return in_stage or (climbs and any(map(ROLLS.search, above)))
    return statement.section.kind is SectionKind.STAGE or any(map(ROLLS.search, above))
