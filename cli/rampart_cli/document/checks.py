"""What one plan lacks or contradicts, besides its calendar (`date_checks`) and its flags (`flags`)."""

from __future__ import annotations

import re
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from functools import partial
from itertools import pairwise, zip_longest

from rampart.evidence.dilution import diluted
from rampart.finding import Finding
from rampart_cli.document.amounts import FULL, StageKind, increment_in, percents_in, range_in, steps_of
from rampart_cli.document.bars import Criterion, CriterionKind, by_measure
from rampart_cli.document.blocks import LineKind
from rampart_cli.document.date_checks import check_dates
from rampart_cli.document.diagnostics import Code, Say, diagnose
from rampart_cli.document.flags import check_flags, check_spelling
from rampart_cli.document.labels import Asks, placeholder_in
from rampart_cli.document.lexicon import plain_name, says, words
from rampart_cli.document.page import Page
from rampart_cli.document.plan import PageStage, PlanDocument, hold_of
from rampart_cli.document.sections import SectionKind, after_stage_name
from rampart_cli.document.stage_details import Details
from rampart_cli.document.steps import ARROW

_TIME_GATE = re.compile(r"\bpercent(?:age)?[ _-]of[ _-](?:the[ _-])?time\b", re.IGNORECASE)
_DENIES = re.compile(r"\b(?:no|not|never|instead|rather|off|without)\b|n['\u2019]t\b", re.IGNORECASE)
_TOO_DIFFERENT = 3.0
"""Users for a percent may differ between stages by this factor before it is said: estimates are rough."""
_NOT_GIVEN = "{!r} is a placeholder, and the answer is missing"
_NO_BAR = {
    CriterionKind.RELATIVE: "is compared with something, and no number is given",
    CriterionKind.NAMED: "has no bar",
}
MOST_LINES = 10
"""Lines that one message names."""


def check_plan(plan: PlanDocument, details: Details, page: Page, today: date) -> list[Finding]:
    """Everything that is to be said about one plan; `today` tells results written before the launch."""
    say = partial(diagnose, page)
    checks = (_missing, check_flags, check_spelling, check_criteria, check_phases, _stages, check_dilution, _whole)
    found = [finding for check in (*checks, _unread) for finding in check(plan, say)]
    found += [*_users(plan, details, say), *_placeholders(plan, details, say)]
    return found + check_dates(plan, details, say, today)


def _whole(plan: PlanDocument, say: Say) -> Iterator[Finding]:
    """Doubts about the reading as a whole, and lists of stages that were not taken: one finding for each cause."""
    if plan.doubts:
        yield say(Code.DOUBTFUL_READING, plan.stages[0].line, "", "; ".join(plan.doubts))
    later = [section for section in plan.sections if section.line > plan.stages[-1].line and not section.is_decoy]
    launch = next((s for s in later if words("goes live").fullmatch(s.title.strip(" !:."))), None)
    if launch is not None and all(stage.percent != FULL for stage in plan.stages):
        message = f"{launch.title!r} gives no percentage: is it the stage of 100% after {plan.stages[-1].label}?"
        yield say(Code.LAUNCH_WITHOUT_SHARE, launch.line, launch.title, message)
    aside = [stage for stage in plan.set_aside if stage.percent is not None]
    if aside:
        shares = ", ".join(f"{stage.percent:g}% (line {stage.line})" for stage in aside[:MOST_LINES])
        message = f"{shares} isn't among the stages from line {plan.stages[0].line} on, and was not used"
        yield say(Code.STAGES_DISAGREE, aside[0].line, "", message)


def _unread(plan: PlanDocument, say: Say) -> Iterator[Finding]:
    """Bars of lines that nothing was taken from, and percentages of planned lines that no stage was made of."""
    stating = [s for stage in plan.stages for s in stage.stated_by if s.line.kind is not LineKind.ROW]
    known = {percent for stage in plan.stages for percent in (stage.percent, *(told for told, _ in stage.stated))}
    lines = {statement.number: (statement.text, known) for statement in stating}
    barred: dict[int, set[float | None]] = defaultdict(set)
    for criterion in (c for c in plan.criteria if c.value is not None):
        barred[criterion.line].add(criterion.value)
        lines[criterion.line] = (criterion.text, barred[criterion.line] | known)
    for unused in plan.unused:
        if "bar" in unused.holds:
            yield say(Code.UNREAD_BAR, unused.line, "", f"no criterion was taken from {unused.text[:120]!r}")
        elif "share" in unused.holds:
            lines[unused.line] = (unused.text, set())
    stages = Counter(statement.number for statement in stating)
    for line, (text, read) in lines.items():
        shares = [share for share in percents_in(text) if share and share != increment_in(text)]
        left = [f"{share:g}%" for share in shares if share not in read]
        if stages[line] == 1 and line not in barred and says("a bar", ARROW.sub("→", text)):
            yield say(Code.UNREAD_BAR, line, "", f"no criterion was taken from {text[:120]!r}")
        elif left and (len(shares) > 1 or not stages[line]):
            yield say(Code.UNREAD_PERCENTAGE, line, left[0], f"nothing was read from {', '.join(left)}")


def _missing(plan: PlanDocument, say: Say) -> Iterator[Finding]:
    line = plan.title.line
    watched = any(s.asks is Asks.WATCHERS and s.value for s in plan.statements)
    absent = [
        (plan.flags, Code.MISSING_FLAG, "the page names no flag"),
        (plan.owner, Code.MISSING_OWNER,
         "the page names who watches the dashboards, but no owner" if watched else "the page names no owner"),
        (plan.timezone, Code.MISSING_TIMEZONE, "the page names no time zone"),
        (plan.rollback, Code.MISSING_ROLLBACK, "the page has no rollback section, or only an empty one"),
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
    following = zip_longest(plan.stages, plan.stages[1:])
    if unheld := [stage for stage, after in following if hold_of(stage, after)[0] is None]:
        named = ", ".join(f"{s.label} (line {s.line})" for s in unheld[:MOST_LINES])
        yield say(Code.MISSING_HOLD, unheld[0].line, "", f"the page does not say how long to hold {named}")
    yield from _letters(plan, say)
    yield from _increments(plan, say)


def _time_gate(plan: PlanDocument, say: Say) -> Iterator[Finding]:
    """The gate for a percentage of time, named in prose while the stages do not say whose percentages they are."""
    planned = (s for s in plan.statements if s.is_plan and not _DENIES.search(s.text))
    gate = next(((s.number, found[0]) for s in planned if (found := _TIME_GATE.search(s.text))), None)
    if gate is not None and all(stage.kind is not StageKind.TIME for stage in plan.stages):
        message = "the page mentions a percentage of time, and its stages do not say that theirs are of users"
        yield say(Code.PERCENTAGE_OF_TIME, *gate, message)


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
                message = f"{stage.percent:g}% doesn't fit increments of {increment:g}% (line {statement.number})"
                yield say(Code.CONTRADICTORY_PERCENT, stage.line, f"{stage.percent:g}%", message)


def _letters(plan: PlanDocument, say: Say) -> Iterator[Finding]:
    first: dict[str, PageStage] = {}
    for stage in (stage for stage in plan.stages if stage.letter):
        known = first.setdefault((stage.letter or "").casefold(), stage)
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
        value = (not is_listed and statement.value) or statement.text
        if (missing := placeholder_in(value)) is None:
            continue
        message = _NOT_GIVEN.format(missing)
        if statement.number in open_ranges and dated:
            below = dated[bisect(dated, statement.number) :] or dated[:1]
            steps = ", ".join(map(str, below[:MOST_LINES])) + (", …" if len(below) > MOST_LINES else "")
            message = f"the dates are {missing!r} here, although steps have dates (line {steps})"
        yield say(Code.PLACEHOLDER_LEFT, statement.number, missing, message)


def is_reported_by_people(criterion: Criterion) -> bool:
    """Whether no metric shows the criterion, so that a person has to say it."""
    return criterion.kind is CriterionKind.YES_NO or says("reported by people", criterion.name)


def check_criteria(plan: PlanDocument, say: Say) -> Iterator[Finding]:
    for c in plan.distinct_criteria:
        if is_reported_by_people(c):
            yield say(Code.UNMEASURABLE_CRITERION, c.line, c.name, f"no metric shows {c.name!r}")
        if c.kind is CriterionKind.NUMERIC and c.op is None:
            message = f"{c.name!r} has the number {c.value:g} but no operator"
            yield say(Code.MISSING_OPERATOR, c.line, c.written, message)
        if (lacks := _NO_BAR.get(c.kind)) is not None:
            yield say(Code.MISSING_THRESHOLD, c.line, c.name, f"{c.name!r} {lacks}")
        if c.has_unit:
            message = f"{c.name!r} is {c.bar}; in the plan, write the number in the metric's unit"
            yield say(Code.BAR_IN_UNIT, c.line, c.written, message)
    for first, *others in by_measure(plan.distinct_criteria):
        for c in others:
            if c.line != first.line and c.value is not None and first.value is not None:
                message = f"{c.name!r} is {c.bar} here, and {first.name!r} is {first.bar} at line {first.line}"
                yield say(Code.CONTRADICTORY_CRITERION, c.line, c.name, message)


def check_phases(plan: PlanDocument, say: Say) -> Iterator[Finding]:
    """Criteria that one phase lists and another, which lists some too, does not."""
    phases: dict[int, list[Criterion]] = defaultdict(list)
    titles: dict[int, str] = {}
    lines = {s.number: s.stage_section for s in plan.statements if s.is_criterion}
    for criterion in plan.criteria:
        if (section := lines.get(criterion.line)) is not None:
            phases[section.line].append(criterion)
            titles[section.line] = section.title
    said: set[int] = set()
    for (first, listed), (second, others) in pairwise(sorted(phases.items())):
        for here, mine, there, theirs in ((second, others, first, listed), (first, listed, second, others)):
            names = {plain_name(c.name) for c in mine}
            lacking = {c.name: c.line for c in theirs if plain_name(c.name) not in names}
            if lacking and here not in said:
                said.add(here)
                named = ", ".join(map(repr, list(lacking)[:MOST_LINES]))
                listed_at = f"{titles[there]!r} does, at line {next(iter(lacking.values()))}"
                message = f"{titles[here]!r} does not list {named}; {listed_at}"
                yield say(Code.CRITERION_MISSING_IN_PHASE, here, "", message)


def check_dilution(plan: PlanDocument, say: Say) -> Iterator[Finding]:
    """Every bar in percent that even a total failure of some stage leaves whole.

    The rate of everyone else is not on the page: it is taken as perfect, so that a bar which could fire is never named
    for it. Nothing is said of the last bit: a bar that a total failure just reaches counts as one that fires.
    """
    shares = [s.percent for s in plan.stages if s.kind is StageKind.ACTORS and s.percent and s.percent < FULL]
    for criterion in plan.distinct_criteria:
        if criterion.kind is not CriterionKind.NUMERIC or criterion.unit != "percent" or criterion.op is None:
            continue
        is_ceiling, bar = criterion.op in {"<", "<=", "=="}, criterion.value or 0.0
        seen = {percent: _seen(percent, is_ceiling=is_ceiling) for percent in shares}
        if blind := [percent for percent in shares if (seen[percent] < bar if is_ceiling else seen[percent] > bar)]:
            where = " and ".join(dict.fromkeys(f"{percent:g}%" for percent in blind))
            shows = f"a total failure at {max(blind):g}% shows {seen[max(blind)]:g}%"
            message = (
                f"{criterion.name!r} cannot fire at {where}: if its metric counts everyone's requests, "
                f"{shows}, and the bar is {criterion.bar}"
            )
            yield say(Code.BAR_CANNOT_FIRE, criterion.line, criterion.written, message)


def _seen(percent: float, *, is_ceiling: bool) -> float:
    """What the metric of everyone shows in percent when all goes wrong for the stage's users and for no one else."""
    new, baseline = (1.0, 0.0) if is_ceiling else (0.0, 1.0)
    return round(100 * diluted(new, baseline=baseline, share=percent / 100), 6)
