"""What the calendar of one plan lacks or contradicts."""

from __future__ import annotations

import re
from bisect import bisect, bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from itertools import pairwise
from typing import Any

from rampart.finding import Finding
from rampart_cli.document.amounts import FULL
from rampart_cli.document.blocks import LineKind
from rampart_cli.document.dates import DateProblem, leading_date
from rampart_cli.document.diagnostics import Code, Say
from rampart_cli.document.labels import Asks
from rampart_cli.document.plan import PageStage, PlanDocument, Results, is_measured
from rampart_cli.document.sections import SectionKind
from rampart_cli.document.stage_details import DateRange, Details
from rampart_cli.document.statements import Statement

_MOST_RANGES = 20
"""Ranges of one phase that its stages are held against: no page has more."""
_YEAR = re.compile(r"(?<![\d,.#])20[2-4]\d(?![\d,%])")
_PROBLEMS = {
    DateProblem.NO_YEAR: (Code.MISSING_YEAR, "{} has no year"),
    DateProblem.MALFORMED: (Code.MALFORMED_DATE, "{} can't be read as a certain date"),
    DateProblem.REVERSED: (Code.DATE_RANGE_REVERSED, "{} ends before it begins"),
}
_NEAR_HOLIDAYS = (
    (1, 1, 3), (1, 15, 21), (2, 15, 21), (5, 24, 31), (6, 17, 21), (7, 2, 6), (9, 1, 7), (10, 8, 14), (11, 9, 13),
    (11, 22, 28), (12, 23, 27), (12, 30, 31),
)  # fmt: skip  # a table, many to a line
"""Month, first and last day of the only times at which a federal holiday may fall or be observed."""


def check_dates(plan: PlanDocument, details: Details, say: Say, today: date) -> list[Finding]:
    """Weekends, holidays, order and ranges of the dates; results that are written before the launch."""
    found = [finding for check in (_problems, _days_off, _ranges) for finding in check(plan, details, say)]
    return [*found, *_order(plan, say), *_dependencies(plan, say), *_results(plan, say, today)]


def _problems(plan: PlanDocument, details: Details, say: Say) -> Iterator[Finding]:
    written = [(stage.dates, stage.dates_line) for stage in plan.stages]
    written += [(calendar.dates, calendar.line) for calendar in details.calendars]
    written += [(leading_date(s.text)[0], s.number) for s in _entries(plan)]
    texts = [*(section.title for section in plan.sections), *(statement.text for statement in plan.statements)]
    years = {year for text in texts for year in _YEAR.findall(text)}
    for dates, line in dict.fromkeys(written):
        if line is None or dates.problem not in _PROBLEMS:
            continue
        code, message = _PROBLEMS[dates.problem]
        is_meant = dates.problem is DateProblem.NO_YEAR and len(years) == 1
        offer = f"; {min(years)} is the only year on the page" if is_meant else ""
        yield say(code, line, dates.text, message.format(dates.text) + offer)


def _entries(plan: PlanDocument) -> list[Statement]:
    """The entries of timelines."""
    planned = (s for s in plan.statements if s.is_plan and s.line.kind is not LineKind.FRONT)
    dated = (s for s in planned if s.section.kind is SectionKind.TIMELINE or s.line.checked is not None)
    return [statement for statement in dated if leading_date(statement.text)[0].said]


@cache
def _federal_holidays() -> Mapping[Any, str]:
    import holidays  # only here: it loads the calendars of all countries, longer than a page takes to be read

    return holidays.country_holidays("US")


def holiday_on(day: date) -> str | None:
    """The name of the US federal holiday of a day; most days are answered without asking the calendar."""
    if not any(month == day.month and first <= day.day <= last for month, first, last in _NEAR_HOLIDAYS):
        return None
    return _federal_holidays().get(day)


def _days_off(plan: PlanDocument, details: Details, say: Say) -> Iterator[Finding]:
    days = [(stage.dates, stage.dates_line, f"{stage.label} starts") for stage in plan.stages]
    # A single day that a phase or the plan states is a day on which something happens; the ends of a range are not.
    days += [(c.dates, c.line, "the page plans to start") for c in details.calendars if c.dates.end is None]
    for dates, line, what in days:
        day = dates.start
        if day is None or line is None or dates.is_week:
            continue
        if day.weekday() >= 5:
            rule = plan.business_days
            against = f", against the page's own rule of business days (line {rule.line})" if rule else ""
            message = f"{day.isoformat()}, when {what}, is a {day:%A}{against}"
            yield say(Code.WEEKEND_DATE_VS_BUSINESS_DAY, line, dates.text, message)
        elif holiday := holiday_on(day):
            yield say(Code.HOLIDAY_DATE, line, dates.text, f"{day.isoformat()}, when {what}, is {holiday}")


def _order(plan: PlanDocument, say: Say) -> Iterator[Finding]:
    dated = [stage for stage in plan.stages if stage.start]
    for before, after in pairwise(dated):
        if before.start and after.start and after.start < before.start:
            message = f"{after.label} starts on {after.start}, before {before.label} on {before.start}"
            yield say(Code.DATES_OUT_OF_ORDER, after.dates_line or after.line, after.dates.text, message)


def _ranges(plan: PlanDocument, details: Details, say: Say) -> Iterator[Finding]:
    whole = sorted(calendar.line for calendar in details.calendars if not calendar.stages)
    said: Counter[int] = Counter()
    for calendar in details.calendars:
        start, end = calendar.dates.start, calendar.dates.end
        if start is None or end is None or calendar.dates.problem:
            continue
        said[id(calendar.stages)] += 1
        if calendar.stages and said[id(calendar.stages)] > _MOST_RANGES:
            continue
        for stage in calendar.stages or _following(calendar, whole, plan):
            if stage.start and not start <= stage.start <= end:
                message = f"{stage.label} starts on {stage.start}, outside {start} to {end} (line {calendar.line})"
                yield say(Code.DATE_OUTSIDE_RANGE, stage.dates_line or stage.line, stage.dates.text, message)


def _following(calendar: DateRange, whole: list[int], plan: PlanDocument) -> list[PageStage]:
    """The stages that a range without stages of its own speaks of: those up to the next such range."""
    later = bisect(whole, calendar.line)
    first = bisect(plan.stages, calendar.line, key=lambda stage: stage.line)
    until = whole[later] if later < len(whole) else plan.stages[-1].line + 1
    return plan.stages[first : bisect_left(plan.stages, until, key=lambda stage: stage.line)]


def _dependencies(plan: PlanDocument, say: Say) -> Iterator[Finding]:
    steps = {stage.source.number for stage in plan.stages if stage.source}
    steps |= {stage.dates_line for stage in plan.stages if stage.dates_line}
    last = plan.stages[-1].start if plan.stages[-1].percent == FULL else None
    for entry in _entries(plan):
        dates, rest = leading_date(entry.text)
        if last is not None and dates.start is not None and dates.start > last:
            continue  # no one waits for what comes after the last step
        if entry.number not in steps and "%" not in rest:
            message = "this timeline entry moves no flag; the rollout only waits for it"
            yield say(Code.DEPENDENCY_IN_TIMELINE, entry.number, dates.text, message)


def _results(plan: PlanDocument, say: Say, today: date) -> Iterator[Finding]:
    told: set[int] = set()
    results = Results.of(plan.roots)
    criteria = {criterion.text for criterion in plan.criteria}
    lines: dict[int, list[Statement]] = defaultdict(list)
    for statement in plan.statements:
        lines[id(statement.section)].append(statement)
    labels = [s for s in plan.statements if s.asks is Asks.RESULTS and s.value and not s.line.quoted]
    for stage in (stage for stage in plan.stages if stage.start and stage.start > today):
        # `Results: …` may stand right under a stage: in its section, or in the list item that states it.
        source = stage.source.line if stage.source else None
        own = (s for s in labels if (source in s.line.ancestors if source else s.section is stage.section))
        label = next(own, None)
        written = [label] if label is not None and is_measured(label, criteria) else []
        section = results.section_of(stage)
        if section is not None and section.line not in told:
            told.add(section.line)
            within = (statement for below in section.walk() for statement in lines[id(below)])
            written += [s for s in within if is_measured(s, criteria)][:1]
        message = f"{stage.label} starts on {stage.start}, after {today}, and has results already"
        yield from (say(Code.RESULT_BEFORE_LAUNCH, statement.number, "", message) for statement in written)
