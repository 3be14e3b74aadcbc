"""From a page's bytes to its plans, whether each reading makes a rollout, and what is to be said about them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Any

from rampart.finding import Finding
from rampart_cli.document.amounts import FULL, StageKind, percents_in, rises
from rampart_cli.document.bars import is_bar
from rampart_cli.document.blocks import Line, LineKind
from rampart_cli.document.checks import check_plan
from rampart_cli.document.criteria import criteria_in
from rampart_cli.document.dates import date_said, leading_date, read_dates
from rampart_cli.document.diagnostics import Code, diagnose
from rampart_cli.document.facts import gather_facts
from rampart_cli.document.flags import flags_spoken_of
from rampart_cli.document.labels import Asks, answer, placeholder_in
from rampart_cli.document.lexicon import NO_WORDS, TeamWords, foreign_language, says
from rampart_cli.document.lines import read_lines
from rampart_cli.document.page import Page, UnreadablePageError
from rampart_cli.document.plan import PlanDocument, Said, UnusedLine
from rampart_cli.document.sections import Section, SectionKind, build_tree, plan_roots
from rampart_cli.document.stage_details import Details, give_details
from rampart_cli.document.stages import read_stages
from rampart_cli.document.statements import Statement, statements_of, upright
from rampart_cli.document.steps import goes_to

_ENDS = frozenset({0.0, 100.0})


def says_of_what(plan: PlanDocument) -> bool:
    """Whether the page says in any way what its shares are of: a flag, users, traffic, or a rollout."""
    titles = (section.title for section in plan.sections if not section.is_decoy)
    planned = [statement for statement in plan.statements if statement.is_plan]
    if plan.flags or any(says("column: reached", head) for statement in planned for head in statement.line.header):
        return True
    said = chain([plan.title.value], titles, (statement.text for statement in planned))
    return any(says("the page rolls out", text) or says("shares of users", text) or goes_to(text) for text in said)


def doubts_of(plan: PlanDocument) -> list[str]:
    """Why the shares may have been misread, each as a sentence; empty when shares rise and every stage says something.

    A page that contradicts itself about one stage has a finding and a gap for that, and no doubt about the rest.
    """
    known = [stage for stage in plan.stages if stage.percent is not None]
    doubts = []
    if not rises([stage.percent or 0 for stage in known]):
        doubts.append("the shares don't rise: " + ", ".join(f"{stage.percent:g}%" for stage in known))
    open_stages = [stage for stage in plan.stages if stage.percent is None]
    if known and not open_stages and {stage.percent for stage in known} <= _ENDS:
        doubts.append("no share between 0% and 100% was read")
    elif len(known) == 1 and not open_stages:
        doubts.append(f"only one share was read, {known[0].percent:g}%")
    full = next((stage.line for stage in known if stage.percent == FULL), None)
    after = [s for s in open_stages if full is not None and s.line > full and s.kind is StageKind.UNKNOWN]
    bare = [stage for stage in after if not (stage.stated or stage.dates.said or stage.users or stage.hold)]
    doubts += [f"line {stage.line} names a stage after 100%" for stage in bare]
    if not says_of_what(plan):
        doubts.append("nothing on the page says what its shares are of: users, traffic, or another thing")
    return doubts


def take_stock(plan: PlanDocument, details: Details) -> None:
    """Find the lines of a plan that hold a share, a bar, a day or a flag, and those that no value came from."""
    used = set(_used(plan, details))
    held: dict[int, UnusedLine] = {}
    for statement in plan.statements:
        is_planned = statement.section.kind is SectionKind.ROLLBACK or not statement.is_decoy
        if is_planned and not statement.line.quoted and (holds := tuple(_holds(statement))):
            held.setdefault(statement.number, UnusedLine(statement.number, statement.text, holds))
    for section in plan.sections:
        if section.heading and not section.is_decoy and percents_in(section.title):
            held.setdefault(section.line, UnusedLine(section.line, section.title, ("share",)))
    plan.of_interest = len(held)
    plan.unused = [held[line] for line in sorted(held.keys() - used)]


def _holds(statement: Statement) -> Iterator[str]:
    text = statement.text
    if is_bar(text):
        yield "bar"
    elif percents_in(text):
        yield "share"
    if leading_date(text)[0].start or date_said(text).start or statement.asks is Asks.DATES:
        yield "day"
    if flags_spoken_of(statement):
        yield "flag"


def _used(plan: PlanDocument, details: Details) -> Iterator[int]:
    for stage in plan.stages:
        yield from (statement.number for statement in stage.stated_by)
        yield from (line for _, line in stage.stated)
        yield from filter(None, (stage.line, stage.users_line, stage.dates_line, stage.hold_line, stage.percent_line))
        yield from (stage.section.line,) if stage.section else ()
    facts = (plan.title, plan.owner, plan.timezone, plan.rollback, plan.window, plan.business_days)
    said: list[Any] = [*plan.criteria, *plan.flags, *details.calendars, *details.crowds, *filter(None, facts)]
    yield from (each.line for each in said)
    above = {criterion.line + 1: criterion.text for criterion in plan.criteria}  # a bar may go on over two lines
    yield from (s.number for s in plan.statements if s.text in above.get(s.number, ""))
    days = {day for stage in plan.stages for day in (stage.start, stage.end) if day}
    dated = [s for s in plan.statements if s.asks is Asks.DATES]
    yield from (s.number for s in dated if read_dates(s.value).start in days)
    names = {flag.name for flag in plan.flags}
    spoken = ((statement, flags_spoken_of(statement)) for statement in plan.statements)
    yield from (s.number for s, flags in spoken if flags and set(flags) <= names and not percents_in(s.text))


@dataclass(frozen=True, slots=True)
class Reading:
    """What a page holds: its plans, and the findings in the order of the page."""

    page: Page
    plans: tuple[PlanDocument, ...]
    diagnostics: tuple[Finding, ...]
    lines: tuple[Line, ...] = ()
    """The page's visible lines: what every later pass reads."""

    def as_json(self) -> dict[str, Any]:
        """The published form: plans, diagnostics, doubts about the whole, and the lines that no value came from."""
        return {
            "plans": [plan.as_json() for plan in self.plans],
            "diagnostics": [diagnostic.to_wire() for diagnostic in self.diagnostics],
            "doubts": [doubt for plan in self.plans for doubt in plan.doubts],
            "unused": [line.as_json() for plan in self.plans for line in plan.unused],
        }


def read(source: bytes, *, today: date, team: TeamWords = NO_WORDS) -> Reading:
    """Read a Markdown page; `today` tells results that were written before the launch, `team` adds its own words.

    Bytes that aren't page, and a page that holds no plan, give no plan and a finding that says why.
    """
    try:
        page = Page.read(source)
    except UnreadablePageError as error:
        empty = Page.read(b"")
        return Reading(empty, (), (diagnose(empty, Code.UNREADABLE_PAGE, 1, "", str(error)),))
    was_enabled = gc.isenabled()
    gc.disable()  # it would walk the growing page again and again: a third of the time
    try:
        return _read(page, today, team)
    finally:
        if was_enabled:
            gc.enable()


def _read(page: Page, today: date, team: TeamWords) -> Reading:
    lines, too_deep = read_lines(page, team)
    found: list[Finding] = []
    if too_deep is not None:
        message = "the page nests lists or quotes too deeply"
        found.append(diagnose(page, Code.NESTED_TOO_DEEP, too_deep, "", message))
    if (language := foreign_language(page.lines)) is not None:
        message = f"the page is written in {language}, and only English is read"
        return Reading(page, (), (*found, diagnose(page, Code.OTHER_LANGUAGE, 1, "", message)))
    plans = []
    for roots in plan_roots(build_tree(list(upright(lines)), len(page.raw) + 1), _shares):
        plan, details = _plan(roots)
        if (reason := _no_plan(plan)) is None:
            plan.doubts = doubts_of(plan)
            take_stock(plan, details)
            plans.append(plan)
            found += check_plan(plan, details, page, today)
        else:
            found.append(diagnose(page, Code.NOT_A_PLAN, plan.title.line, "", reason))
    found.sort(key=lambda diagnostic: (diagnostic.line, diagnostic.column))
    return Reading(page, tuple(plans), tuple(dict.fromkeys(found)), tuple(lines))


def _shares(section: Section) -> list[float]:
    stages = read_stages([section], statements_of([section])).stages
    return [stage.percent for stage in stages if stage.percent is not None]


def _plan(roots: list[Section]) -> tuple[PlanDocument, Details]:
    statements = statements_of(roots)
    plan = PlanDocument(_title(roots, statements), statements, roots)
    skeleton = read_stages(roots, statements)
    plan.stages, plan.set_aside, plan.candidates = skeleton.stages, skeleton.set_aside, skeleton.candidates
    details = give_details(plan.stages, statements, roots)
    if plan.stages:  # without one the page isn't a plan, and nothing else of it is told
        plan.criteria = criteria_in(statements)
        gather_facts(plan)
    return plan, details


def _title(roots: list[Section], statements: list[Statement]) -> Said:
    front = next((s for s in statements if s.line.kind is LineKind.FRONT and s.asks is Asks.TITLE), None)
    if front is not None and front.field is not None and answer(front.field.value):
        return Said(front.field.value.strip("\"'"), front.number)
    sections = [s for s in roots[0].walk() if s.heading and not (s.is_decoy or s.kind is SectionKind.STAGE)]
    highest = min((section.level for section in sections), default=0)
    first = next((section for section in sections if section.level == highest), None)
    return Said(first.title, first.line) if first else Said("", 1)


def _no_plan(plan: PlanDocument) -> str | None:
    """Why a page isn't a plan; None when it is one."""
    if not plan.stages:
        told = [(s.number, percents_in(s.text)) for s in plan.statements if s.is_plan]
        lines = [f"line {line} ({', '.join(f'{share:g}%' for share in said)})" for line, said in told if said]
        named = f"; not read as stages: {', '.join(lines[:3])}" if lines else ""
        return f"no stage of a rollout is stated on this page: no percentage of users that a flag is taken to{named}"
    is_stated = any((stage.letter and stage.percent is not None) or stage.dates.said for stage in plan.stages)
    if not (is_stated or "plan" in plan.title.value.casefold() or says_of_what(plan)):
        return (
            "nothing on this page speaks of a flag, a rollout or users: its stages and percentages are of another thing"
        )
    blanks = sum(1 for s in plan.statements if s.is_plan and placeholder_in(s.text))
    filled = plan.flags or plan.criteria or any(s.dates.start or s.users or s.hold for s in plan.stages)
    if blanks >= 3 and not filled:
        return f"this is a template that no one has filled in: {blanks} answers are placeholders, and no other is given"
    return None
