"""The reading as a whole, before it is written: whether its stages make a rollout, and which lines gave nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, pairwise

from rampart_cli.document.amounts import StageKind, percents_in
from rampart_cli.document.bars import is_bar
from rampart_cli.document.dates import NOTHING, date_said, leading_date, read_dates
from rampart_cli.document.flags import flags_spoken_of
from rampart_cli.document.labels import Asks
from rampart_cli.document.lexicon import pattern
from rampart_cli.document.plan import PageStage, PlanDocument, Said, UnusedLine
from rampart_cli.document.section_kinds import SectionKind
from rampart_cli.document.stage_details import Details
from rampart_cli.document.statements import Statement
from rampart_cli.document.steps import goes_to

_ENDS = frozenset({0.0, 100.0})


_ROLLS = pattern("the page rolls out")
_OF_USERS = pattern("shares of users")
_USERS_COLUMN = pattern("column: reached")


def says_of_what(plan: PlanDocument) -> bool:
    """Whether the page says in any way what its shares are of: a flag, users, traffic, or a rollout."""
    titles = (section.title for section in plan.sections if not section.is_decoy)
    planned = [statement for statement in plan.statements if statement.is_plan]
    if plan.flags or any(_USERS_COLUMN.search(head) for statement in planned for head in statement.line.header):
        return True
    said = chain([plan.title.value], titles, (statement.text for statement in planned))
    return any(_ROLLS.search(text) or _OF_USERS.search(text) or goes_to(text) for text in said)


def doubts_of(plan: PlanDocument) -> list[str]:
    """Why the shares may have been misread, each as a sentence; empty when shares rise and every stage says something.

    A page that contradicts itself about one stage has a finding and a gap for that, and no doubt about the rest.
    """
    known = [stage for stage in plan.stages if stage.percent is not None]
    doubts = []
    if any((after.percent or 0) <= (before.percent or 0) for before, after in pairwise(known)):
        doubts.append("the shares don't rise: " + ", ".join(f"{stage.percent:g}%" for stage in known))
    open_stages = [stage for stage in plan.stages if stage.percent is None]
    if known and not open_stages and {stage.percent for stage in known} <= _ENDS:
        doubts.append("no share between 0% and 100% was read")
    elif len(known) == 1 and not open_stages:
        doubts.append(f"only one share was read, {known[0].percent:g}%")
    bare = [
        s for s in open_stages if s.kind is StageKind.UNKNOWN and not (s.stated or s.dates.said or s.users or s.hold)
    ]
    full = next((stage.line for stage in known if stage.percent == 100.0), None)
    doubts += [f"line {s.line} names a stage after 100%" for s in bare if full is not None and s.line > full]
    if not says_of_what(plan):
        doubts.append("nothing on the page says what its shares are of: users, traffic, or another thing")
    return doubts


def take_stock(plan: PlanDocument, details: Details) -> None:
    """Find the lines of a plan that hold a share, a bar, a day or a flag, and those that no value came from."""
    used = set(_used(plan, details))
    held: dict[int, UnusedLine] = {}
    for statement in plan.statements:
        if _is_planned(statement) and (holds := tuple(_holds(statement))):
            held.setdefault(statement.number, UnusedLine(statement.number, statement.text, holds))
    for section in plan.sections:
        if section.heading and not section.is_decoy and percents_in(section.title):
            held.setdefault(section.line, UnusedLine(section.line, section.title, ("share",)))
    plan.of_interest = len(held)
    plan.unused = [held[line] for line in sorted(held.keys() - used)]


def _is_planned(statement: Statement) -> bool:
    is_going_back = statement.section.kind is SectionKind.ROLLBACK
    return not statement.line.quoted and (is_going_back or not statement.is_decoy)


def _holds(statement: Statement) -> Iterator[str]:
    text = statement.text
    bar = is_bar(text)
    if bar:
        yield "bar"
    elif percents_in(text):
        yield "share"
    if (leading_date(text)[0] or NOTHING).start or date_said(text).start or statement.asks is Asks.DATES:
        yield "day"
    if flags_spoken_of(statement):
        yield "flag"


def _used(plan: PlanDocument, details: Details) -> Iterator[int]:
    for stage in plan.stages:
        yield from _used_by(stage)
    yield from (criterion.line for criterion in plan.criteria)
    yield from (flag.line for flag in plan.flags)
    yield from (calendar.line for calendar in details.calendars)
    yield from (crowd.line for crowd in details.crowds)
    facts: tuple[Said | None, ...] = (
        plan.title,
        plan.owner,
        plan.timezone,
        plan.rollback,
        plan.window,
        plan.business_days,
    )
    yield from (said.line for said in facts if said is not None)
    days = {day for stage in plan.stages for day in (stage.start, stage.end) if day}
    yield from (
        s.number
        for s in plan.statements
        if s.asks is Asks.DATES and s.field and read_dates(s.field.value).start in days
    )
    yield from (stage.section.line for stage in plan.stages if stage.section is not None)
    names = {flag.name for flag in plan.flags}
    yield from (
        s.number
        for s in plan.statements
        if (spoken := flags_spoken_of(s)) and set(spoken) <= names and not percents_in(s.text)
    )


def _used_by(stage: PageStage) -> Iterator[int]:
    sources = [*([stage.source] if stage.source else []), *stage.repeated]
    yield from (source.number for source in sources)
    yield from (line for _, line in stage.stated)
    yield from filter(None, (stage.line, stage.users_line, stage.dates_line, stage.hold_line, stage.percent_line))
