"""What one plan lacks or contradicts; the checks of its calendar stand in `date_checks`."""

from __future__ import annotations

import re
from bisect import bisect
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from functools import partial
from itertools import pairwise

from rampart.finding import Finding
from rampart_cli.document.amounts import StageKind, increment_in, range_in, steps_of
from rampart_cli.document.date_checks import FULL, check_dates
from rampart_cli.document.diagnostics import Code, Say, diagnose
from rampart_cli.document.fact_checks import (
    MOST_LINES,
    check_criteria,
    check_dilution,
    check_phases,
    flags,
    misspelled,
)
from rampart_cli.document.labels import Asks, placeholder_in
from rampart_cli.document.lexicon import words
from rampart_cli.document.page import Page
from rampart_cli.document.plan import PageStage, PlanDocument
from rampart_cli.document.sections import Section, SectionKind, after_stage_name
from rampart_cli.document.stage_details import Details

_TIME_GATE = re.compile(r"\bpercent(?:age)?[ _-]of[ _-](?:the[ _-])?time\b", re.IGNORECASE)
_DENIES = re.compile(r"\b(?:no|not|never|instead|rather|off|without)\b|n['\u2019]t\b", re.IGNORECASE)
_TOO_DIFFERENT = 3.0
"""Users for a percent may differ between stages by this factor before it is said: estimates are rough."""
_NOT_GIVEN = "{!r} stands for an answer that is not given yet"


def check_plan(plan: PlanDocument, details: Details, page: Page, today: date) -> list[Finding]:
    """Everything that is to be said about one plan; `today` tells results written before the launch."""
    say = partial(diagnose, page)
    checks = (_missing, flags, misspelled, check_criteria, check_phases, _stages, check_dilution, _whole)
    found = [finding for check in checks for finding in check(plan, say)]
    found += [*_users(plan, details, say), *_placeholders(plan, details, say)]
    return found + check_dates(plan, details, say, today)


def _whole(plan: PlanDocument, say: Say) -> Iterator[Finding]:
    """Doubts about the reading as a whole, and lists of stages that were not taken: one finding for each cause."""
    if plan.doubts and plan.stages:
        yield say(Code.DOUBTFUL_READING, plan.stages[0].line, "", "; ".join(plan.doubts))
    launch = _launch(plan) if plan.stages and not any(stage.percent == FULL for stage in plan.stages) else None
    if launch is not None:
        message = f"{launch.title!r} gives no percentage: is it the stage of 100% after {plan.stages[-1].label}?"
        yield say(Code.LAUNCH_WITHOUT_SHARE, launch.line, launch.title, message)
    aside = [stage for stage in plan.set_aside if stage.percent is not None]
    if aside:
        shares = ", ".join(f"{stage.percent:g}% (line {stage.line})" for stage in aside[:MOST_LINES])
        message = f"{shares} isn't among the stages from line {plan.stages[0].line} on, and was not used"
        yield say(Code.STAGES_DISAGREE, aside[0].line, "", message)


def _launch(plan: PlanDocument) -> Section | None:
    """The section on going live, after the last stage that the page states."""
    sections = (section for section in plan.sections if section.line > plan.stages[-1].line)
    return next((s for s in sections if words("goes live").fullmatch(s.title.strip(" !:.")) and not s.is_decoy), None)


def _missing(plan: PlanDocument, say: Say) -> Iterator[Finding]:
    line = plan.title.line
    watched = any(s.asks is Asks.WATCHERS and s.field and s.field.value for s in plan.statements)
    absent = [
        (plan.flags, Code.MISSING_FLAG, "the page names no flag"),
        (plan.owner, Code.MISSING_OWNER,
         "the page names who watches the dashboards, but no owner" if watched else "the page names no owner"),
        (plan.timezone, Code.MISSING_TIMEZONE, "the page names no time zone"),
        (plan.rollback, Code.MISSING_ROLLBACK, "the page has no filled-in section on going back"),
        (plan.window, Code.MISSING_WINDOW, "the page states neither an evaluation window nor a minimum sample"),
        (plan.dashboard, Code.MISSING_DASHBOARD, "the page links no dashboard"),
        (plan.monitor, Code.MISSING_MONITOR, "the page names no monitor"),
        (plan.criteria, Code.MISSING_THRESHOLD, "the page lists no criterion to judge the rollout by"),
    ]  # fmt: skip  # a line is a check
    for fact, code, message in absent:
        if not fact:
            yield say(code, line, "", message)


def _stages(plan: PlanDocument, say: Say) -> Iterator[Finding]:
    for stage in plan.stages:
        if stage.stated:
            said = " and ".join(f"{percent:g}% at line {line}" for percent, line in stage.stated)
            percent, line = stage.stated[-1]
            yield say(Code.CONTRADICTORY_PERCENT, line, f"{percent:g}%", f"{stage.label} is given {said}")
        elif stage.kind is StageKind.UNKNOWN:
            message = f"{stage.label} does not say which percentage of users it reaches"
            yield say(Code.STAGE_WITHOUT_PERCENT, stage.line, "", message)
        elif stage.kind is StageKind.TIME:
            message = f"{stage.percent:g}% is a percentage of time or requests, not of users"
            yield say(Code.PERCENTAGE_OF_TIME, stage.percent_line or stage.line, f"{stage.percent:g}%", message)
    yield from _time_gate(plan, say)
    numbered = [stage for stage in plan.stages if stage.percent is not None]
    for before, after in pairwise(numbered):
        if (after.percent or 0) <= (before.percent or 0):
            message = f"{after.percent:g}% comes after {before.percent:g}% (line {before.line})"
            yield say(Code.STAGE_ORDER, after.line, f"{after.percent:g}%", message)
    if numbered and all((stage.percent or 0) < 100 for stage in numbered) and not plan.stages[-1].stated:
        message = f"the last stage is {numbered[-1].percent:g}%: the page never says when everyone is reached"
        yield say(Code.NO_FULL_STAGE, numbered[-1].line, "", message)
    yield from _letters(plan, say)
    yield from _increments(plan, say)


def _time_gate(plan: PlanDocument, say: Say) -> Iterator[Finding]:
    """The gate for a percentage of time, named in prose while the stages do not say whose percentages they are."""
    if any(stage.kind is StageKind.TIME for stage in plan.stages):
        return
    for statement in plan.statements:
        gate = _TIME_GATE.search(statement.text) if statement.is_plan else None
        if gate is not None and not _DENIES.search(statement.text):
            message = "the page speaks of a percentage of time, and its stages do not say that theirs are of users"
            yield say(Code.PERCENTAGE_OF_TIME, statement.number, gate[0], message)
            return


def _increments(plan: PlanDocument, say: Say) -> Iterator[Finding]:
    """Steps of a phase that are not those which its increments make."""
    steps: dict[int, list[PageStage]] = defaultdict(list)
    for stage in plan.stages:
        if stage.source is not None and stage.section is not None and stage.percent is not None:
            steps[stage.section.line].append(stage)
    said: set[int] = set()
    for statement in plan.statements:
        section, increment = statement.stage_section, increment_in(statement.text)
        if section is None or increment is None or section.line in said or not statement.is_plan:
            continue
        if (limits := range_in(after_stage_name(section.title))) is None:
            continue
        said.add(section.line)  # a phase has the increments that it names first
        expected = steps_of(limits, increment)
        for stage in steps[section.line]:
            if expected and stage.percent not in expected:
                message = f"{stage.percent:g}% isn't a step of increments of {increment:g}% (line {statement.number})"
                yield say(Code.CONTRADICTORY_PERCENT, stage.line, f"{stage.percent:g}%", message)


def _letters(plan: PlanDocument, say: Say) -> Iterator[Finding]:
    first: dict[str, PageStage] = {}
    for stage in plan.stages:
        letter = (stage.letter or "").casefold()
        if not letter:
            continue
        known = first.setdefault(letter, stage)
        if known is not stage and (known.section is None or known.section is not stage.section):
            message = f"{stage.letter} is used here and at line {known.line}"
            yield say(Code.DUPLICATE_STAGE_LETTER, stage.line, stage.letter or "", message)


def _users(plan: PlanDocument, details: Details, say: Say) -> Iterator[Finding]:
    for crowd in details.crowds:
        stages = crowd.stages or tuple(plan.stages)
        is_list = len(crowd.numbers) > 2 or (len(crowd.numbers) == 2 and bool(crowd.stages))
        if is_list and len(crowd.numbers) != len(stages):
            numbers = ", ".join(f"{number:,}" for number in crowd.numbers)
            message = f"{len(crowd.numbers)} numbers of users ({numbers}) are given for {len(stages)} stages"
            yield say(Code.USERS_NOT_MATCHING_STAGES, crowd.line, "", message)
    # Which number belongs to which stage is open when they do not match; the first can only mean the first.
    firsts = [(crowd.stages[0], crowd.numbers[0], crowd.line) for crowd in details.crowds if crowd.stages]
    counted = [(s, s.users[0], s.users_line or s.line) for s in plan.stages if s.users and len(s.users) == 1]
    counted += [found for found in firsts if found[0].users is None]
    for (one, few, _), (other, many, line) in pairwise(sorted(counted, key=lambda found: found[0].line)):
        if one.percent and other.percent and few and many and one.percent != other.percent:
            expected = few * other.percent / one.percent
            if max(expected / many, many / expected) > _TOO_DIFFERENT:
                told = f"{few:,} users at {one.percent:g}% would be {expected:,.0f} at {other.percent:g}%"
                yield say(Code.USERS_NOT_MATCHING_STAGES, line, "", f"{told}, and the page says {many:,}")


def _placeholders(plan: PlanDocument, details: Details, say: Say) -> Iterator[Finding]:
    for section in plan.sections:
        if (missing := placeholder_in(section.title)) and not section.is_decoy:
            yield say(Code.PLACEHOLDER_LEFT, section.line, missing, _NOT_GIVEN.format(missing))
    dated = [stage.line for stage in plan.stages if stage.start]
    open_ranges = {calendar.line for calendar in details.calendars if not calendar.dates.start}
    for statement in plan.statements:
        is_rollback = statement.section.kind is SectionKind.ROLLBACK
        is_talk = statement.is_decoy and not is_rollback
        if is_talk or statement.line.quoted or statement.section.kind is SectionKind.GUIDE:
            continue
        # In a list the placeholder may stand before the colon: `[FILL_IN]: your metric`.
        is_listed = statement.is_criterion or is_rollback
        value = (statement.field and not is_listed and statement.field.value) or statement.text
        if (missing := placeholder_in(value)) is None:
            continue
        message = _NOT_GIVEN.format(missing)
        if statement.number in open_ranges and dated:
            below = dated[bisect(dated, statement.number) :] or dated[:1]
            steps = ", ".join(map(str, below[:MOST_LINES])) + (", …" if len(below) > MOST_LINES else "")
            message = f"the dates are {missing!r} here, although steps have dates (line {steps})"
        yield say(Code.PLACEHOLDER_LEFT, statement.number, missing, message)
