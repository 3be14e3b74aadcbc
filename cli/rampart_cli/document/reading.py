"""From a page's bytes to its plans and to what is to be said about them."""

from __future__ import annotations

import gc
import re
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, takewhile
from typing import TYPE_CHECKING, Any

from rampart.finding import Finding
from rampart_cli.document.checks import check_plan
from rampart_cli.document.criteria import (
    Criterion,
    CriterionKind,
    begins_as_hint,
    conditions_in,
    is_bar,
    is_bar_only,
    is_hint,
    lists_stops,
    read_criteria,
)
from rampart_cli.document.diagnostics import Code, diagnose
from rampart_cli.document.facts import gather_facts
from rampart_cli.document.labels import Asks, answer, placeholder_in, what_is_asked
from rampart_cli.document.lines import LineKind, Lines, read_lines
from rampart_cli.document.page import Page, UnreadablePageError
from rampart_cli.document.plan import PlanDocument, Said
from rampart_cli.document.sections import Section, SectionKind, build_tree, plan_roots
from rampart_cli.document.stage_details import Details, give_details
from rampart_cli.document.stages import read_stages
from rampart_cli.document.statements import Statement, judged_by, statements_of
from rampart_cli.document.steps import goes_to
from rampart_cli.document.tables import has_stage_columns, upright

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

_BAR_COLUMNS = ("threshold", "target", "bar", "limit", "success", "goal", "criteri", "value")
_COUNTS_ROWS = re.compile(r"#?\s?\d{1,3}[.)]?")
_ONLY_ZERO = re.compile(r"(?:0|zero|none)\.?", re.IGNORECASE)
_HAS_DIGIT = re.compile(r"\d")
_STOP_COLUMN = re.compile(r"^(fails?|failed|no[ -]?go|stop|abort|halt|red|critical|roll ?back|revert)\b", re.IGNORECASE)
_NOW_COLUMN = re.compile(
    r"baseline|current|today|\bnow\b|actual|\bresults?\b|last (week|month|year)|^before$", re.IGNORECASE
)
_ROLLS = re.compile(r"roll-?out|release|launch|deploy|\bflag|toggle|\bplan\b", re.IGNORECASE)
_OF_USERS = re.compile(
    r"%\s(?:of\s(?:the |our |all )?)?(?:users|traffic|visitors|veterans|actors|customers|requests)\b|\bcanary\b"
    r"|\b(?:number|percent\w*) of (?:users|traffic)\b",
    re.IGNORECASE,
)
_USERS_COLUMN = re.compile(r"\b(?:users|traffic|visitors|veterans|customers|roll-?out)\b", re.IGNORECASE)
_GOES_BACK = "Roll back if"
_UNIT_COLUMN = re.compile(r"^units?$", re.IGNORECASE)
_OPERATOR_COLUMN = re.compile(r"^(operators?|comparisons?|comparators?|direction|op|condition)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a page holds: its plans, and the findings in the order of the page."""

    page: Page
    plans: tuple[PlanDocument, ...]
    diagnostics: tuple[Finding, ...]

    def as_json(self) -> dict[str, Any]:
        """The published form: plans and diagnostics."""
        return {
            "plans": [plan.as_json() for plan in self.plans],
            "diagnostics": [diagnostic.to_wire() for diagnostic in self.diagnostics],
        }


def read(source: bytes, *, today: date) -> Reading:
    """Read a Markdown page; `today` tells results that were written before the launch.

    Bytes that aren't page, and a page that holds no plan, give no plan and a finding that says why.
    """
    try:
        page = Page.read(source)
    except UnreadablePageError as error:
        empty = Page.read(b"")
        return Reading(empty, (), (diagnose(Code.UNREADABLE_PAGE, empty, 1, "", str(error)),))
    with _no_collection():
        return _read(page, today)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector from walking the growing page again and again: a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _read(page: Page, today: date) -> Reading:
    lines = read_lines(page)
    found: list[Finding] = []
    if lines.too_deep is not None:
        found.append(
            diagnose(Code.NESTED_TOO_DEEP, page, lines.too_deep, "", "the page nests lists or quotes too deeply")
        )
    plans = []
    for roots in _roots(lines, page):
        plan, details = _plan(roots)
        if (reason := _no_plan(plan)) is None:
            plans.append(plan)
            found += check_plan(plan, details, page, today)
        else:
            found.append(diagnose(Code.NOT_A_PLAN, page, plan.title.line, "", reason))
    found.sort(key=lambda diagnostic: (diagnostic.line, diagnostic.column))
    return Reading(page, tuple(plans), tuple(dict.fromkeys(found)))


def _roots(lines: Lines, page: Page) -> list[list[Section]]:
    return plan_roots(build_tree(list(upright(lines.lines)), len(page.raw) + 1), _percents)


def _percents(section: Section) -> list[float]:
    stages = read_stages([section], statements_of([section]))
    return [stage.percent for stage in stages if stage.percent is not None]


def _plan(roots: list[Section]) -> tuple[PlanDocument, Details]:
    statements = statements_of(roots)
    plan = PlanDocument(_title(roots, statements), statements, roots)
    plan.stages = read_stages(roots, statements)
    details = give_details(plan.stages, statements, roots)
    if plan.stages:  # without one the page isn't a plan, and nothing else of it is told
        plan.criteria = _criteria(statements)
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


def _criteria(statements: list[Statement]) -> list[Criterion]:
    found: list[Criterion] = []
    above: Statement | None = None
    barred: set[int] = set()
    for statement in (s for s in statements if not s.line.quoted):
        if statement.is_plan and (judged := judged_by(statement.line.header)):
            cells = [statement.line.cells[index] for index in judged if index < len(statement.line.cells)]
            found += [c for cell in cells for c in read_criteria(cell, statement.number)]
        if not statement.is_criterion:
            found += conditions_in(statement.text, statement.number) if _may_judge(statement) else []
            continue
        stated = criteria_of(statement)
        if statement.line.parent is not None and statement.line.parent.line in barred:
            stated = [c for c in stated if c.op]  # what stands below a bar explains it, unless it is another
        barred |= {c.line for c in stated if c.op}
        # A bar may stand on the next line of the paragraph that names it: "Error rate" and then ": < 1%".
        if (
            above is not None
            and _HAS_DIGIT.search(statement.text)
            and _goes_on(above, statement)
            and _is_name_only(found, above.number)
        ):
            line = above.line
            whole = read_criteria(f"{line.text} {statement.text}", line.line, under=_asked_by(above))
            if len(whole) == 1 and whole[0].kind is CriterionKind.NUMERIC:
                stated = whole
                while found and found[-1].line == line.line:
                    found.pop()
        found += stated
        above = statement
    return found


def _may_judge(statement: Statement) -> bool:
    return statement.is_plan and statement.line.kind in {LineKind.TEXT, LineKind.ITEM}


def _goes_on(above: Statement, statement: Statement) -> bool:
    line = statement.line
    return (
        line.kind is LineKind.TEXT
        and line.line == above.line.line + 1
        and above.line.kind in {LineKind.ITEM, LineKind.TEXT}
        and (line.parent is above.line or line.parent is above.line.parent)
    )


def _is_name_only(found: list[Criterion], line: int) -> bool:
    here = takewhile(lambda criterion: criterion.line == line, reversed(found))
    return all(criterion.kind is CriterionKind.NAMED for criterion in here)


def criteria_of(statement: Statement) -> list[Criterion]:
    """The criteria that one line of a list of criteria states."""
    line, field = statement.line, statement.field
    if line.kind is LineKind.ROW and statement.asks is not Asks.CRITERIA:
        return _row_criteria(statement)
    under = _asked_by(statement)
    if statement.asks is Asks.CRITERIA and field is not None:
        under = f"{under}; {field.label}"
        parts = read_criteria(field.value, line.line, under=under)
        parts = [part for part in parts if part.kind is not CriterionKind.NAMED and not is_hint(field.value)]
        return parts or _listed(field.value, line.line)
    if begins_as_hint(line.text):
        return []
    found = read_criteria(_named_text(statement), line.line, under=under)
    if line.kind is LineKind.ITEM and not _is_at_the_end(statement.section):
        return found
    # A line of prose among the criteria, or of what is looked at once all is done, is one only when it states a bar.
    if is_hint(line.text):
        return []
    return [c for c in found if c.kind is CriterionKind.NUMERIC and (c.op or field or lists_stops(line.text))]


def _asked_by(statement: Statement) -> str:
    """The heading, the label and the list items that ask for this criterion."""
    section = statement.section
    titles = [section.title] if section.kind is not SectionKind.STAGE else []
    labels = [statement.asked_by.text] if statement.asked_by is not None else []
    return "; ".join([*titles, *labels, *(item.text for item in statement.line.ancestors)])


def _named_text(statement: Statement) -> str:
    """The line, led by the item or heading above it when it holds a bar and no name: `Error rate:`, then `< 1%`."""
    line = statement.line
    above = line.parent.text if line.parent is not None else _named_by_heading(statement.section)
    holds_bar = is_bar_only(line.text) or (line.parent is not None and bool(_ONLY_ZERO.fullmatch(line.text)))
    if not above or not holds_bar or what_is_asked(above) is not Asks.OTHER:
        return line.text
    return f"{above.rstrip(' :')}: {line.text}"


def _named_by_heading(section: Section) -> str:
    """The heading of one criterion below the heading of all."""
    is_inside = section.kind is SectionKind.OTHER and section.parent is not None
    return section.title if is_inside and section.parent and section.parent.kind is SectionKind.CRITERIA else ""


def _is_at_the_end(section: Section) -> bool:
    return any("go live" in around.title.casefold() for around in (section, *section.ancestors))


def _listed(value: str, line: int) -> list[Criterion]:
    return read_criteria(value, line) if len(value) <= 300 else []


def _row_criteria(statement: Statement) -> list[Criterion]:
    written, heads = statement.line.cells, statement.line.header
    if len(written) > 2 and _COUNTS_ROWS.fullmatch(written[0]):
        written, heads = written[1:], heads[1:]  # the first column only counts the rows
    cells = [cell for cell in written if cell]
    if len(cells) < 2 or not answer(cells[0]):
        return read_criteria(cells[0], statement.number) if cells else []
    if has_stage_columns(heads):
        return _criteria_by_stage(statement)
    others = [(head, cell) for head, cell in zip(heads[1:], written[1:], strict=False) if cell]
    stops = [(head, cell) for head, cell in others if _STOP_COLUMN.search(head) or lists_stops(head)]
    # What is measured today isn't a bar, and where to stop is one only when nothing else is said.
    meant = [(head, cell) for head, cell in others if not _NOW_COLUMN.search(head) and (head, cell) not in stops]
    bars = [cell for head, cell in meant if any(word in head.casefold() for word in _BAR_COLUMNS)]
    ops = [cell for head, cell in meant if _OPERATOR_COLUMN.search(head)]
    told = [cell for _, cell in meant if cell not in ops]
    if stops and not bars and not any(map(is_bar, told)):
        head, bar = stops[0]
        under = head if lists_stops(head) else _GOES_BACK
        return read_criteria(f"{cells[0]}: {bar}", statement.number, under=under)
    bar = next(iter(bars or [cell for cell in told if is_bar(cell)] or told or ops), "")
    if ops and not is_bar(bar):
        bar = f"{ops[0]} {bar}"
    if units := [cell for head, cell in others if _UNIT_COLUMN.search(head) and cell[:1] not in {"", *bar[-1:]}]:
        bar = f"{bar} {units[0]}" if bar[-1:].isdigit() else bar
    found = read_criteria(f"{cells[0]}: {bar}", statement.number, under=statement.section.title)
    # What stands next to a name and isn't a bar isn't part of the name.
    return [replace(c, name=cells[0]) if c.kind is CriterionKind.NAMED else c for c in found]


def _criteria_by_stage(statement: Statement) -> list[Criterion]:
    """The bars of a row that has one for each stage; a name alone when it has none."""
    name, *bars = statement.line.cells
    if _NOW_COLUMN.search(name):
        return []
    under = f"{statement.section.title}; {statement.line.header[0]}"
    found = [c for bar in filter(answer, bars) for c in read_criteria(f"{name}: {bar}", statement.number, under=under)]
    stated = [c for c in found if c.kind is not CriterionKind.NAMED]
    return stated or read_criteria(name, statement.number)


def _speaks_of_rollout(plan: PlanDocument) -> bool:
    """Whether the page says in any way what its percentages are of; "Stage A: 5%" and a day next to 5% do."""
    if plan.flags or any((stage.letter and stage.percent is not None) or stage.dates.said for stage in plan.stages):
        return True
    titles = (section.title for root in plan.roots for section in root.walk())
    planned = [statement for statement in plan.statements if statement.is_plan]
    if any(_USERS_COLUMN.search(head) for statement in planned for head in statement.line.header):
        return True
    said = chain([plan.title.value], titles, (statement.text for statement in planned))
    return any(_ROLLS.search(text) or _OF_USERS.search(text) or goes_to(text) for text in said)


def _no_plan(plan: PlanDocument) -> str | None:
    """Why a page isn't a plan; None when it is one."""
    if not plan.stages:
        return "no stage of a rollout is stated on this page: no percentage of users that a flag is taken to"
    if not _speaks_of_rollout(plan):
        return (
            "nothing on this page speaks of a flag, a rollout or users: its stages and percentages are of another thing"
        )
    blanks = sum(1 for s in plan.statements if s.is_plan and placeholder_in(s.text))
    filled = plan.flags or plan.criteria or any(s.dates.start or s.users or s.hold for s in plan.stages)
    if blanks >= 3 and not filled:
        return f"this is a template that no one has filled in: {blanks} answers are placeholders, and no other is given"
    return None
