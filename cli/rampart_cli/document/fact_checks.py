"""What the criteria and the flags of one plan lack or contradict."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import combinations, pairwise
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rampart.evidence.dilution import diluted
from rampart.finding import Finding, FindingKind
from rampart_cli.document.amounts import StageKind
from rampart_cli.document.criterion import Criterion, CriterionKind
from rampart_cli.document.diagnostics import Code
from rampart_cli.document.flags import MOST_FLAGS, almost_same, flag_of
from rampart_cli.document.lexicon import pattern
from rampart_cli.document.names import plain_name

if TYPE_CHECKING:
    from rampart_cli.document.inline import Link
    from rampart_cli.document.plan import PageStage, PlanDocument

Say = Callable[[FindingKind, int, str, str], Finding]
_REPORTED = pattern("reported by people")
MOST_LINES = 10
"""Lines that one message names."""


def is_reported_by_people(criterion: Criterion) -> bool:
    """Whether no metric shows the criterion, so that a person has to say it."""
    return criterion.kind is CriterionKind.YES_NO or bool(_REPORTED.search(criterion.name))


def check_criteria(plan: PlanDocument, say: Say) -> Iterator[Finding]:
    for c in plan.distinct_criteria:
        if is_reported_by_people(c):
            yield say(Code.UNMEASURABLE_CRITERION, c.line, c.name, f"{c.name!r} cannot be measured")
        if c.kind is CriterionKind.NUMERIC and c.op is None:
            yield say(
                Code.MISSING_OPERATOR, c.line, c.written, f"{c.name!r} has the number {c.value:g} and no operator"
            )
        if c.kind is CriterionKind.RELATIVE:
            yield say(
                Code.MISSING_THRESHOLD, c.line, c.name, f"{c.name!r} is compared with something that has no number"
            )
        if c.kind is CriterionKind.NAMED:
            yield say(Code.MISSING_THRESHOLD, c.line, c.name, f"{c.name!r} is only a name: no bar is given")
    by_name: dict[str, list[Criterion]] = defaultdict(list)
    for c in plan.distinct_criteria:
        by_name[plain_name(c.name)].append(c)
    for first, *others in by_name.values():
        for c in others:
            if c.line != first.line and c.value is not None and first.value is not None:
                yield say(
                    Code.CONTRADICTORY_CRITERION, c.line, c.name,
                    f"{c.name!r} is {c.op or ''} {c.value:g} here and {first.op or ''} {first.value:g} "
                    f"at line {first.line}",
                )  # fmt: skip  # the first line says where, the others what


def check_phases(plan: PlanDocument, say: Say) -> Iterator[Finding]:
    """Criteria that one phase lists and another, which lists some too, does not."""
    phases: dict[int, list[Criterion]] = defaultdict(list)
    titles: dict[int, str] = {}
    lines = {s.number: s.stage_section for s in plan.statements if s.is_criterion}
    for criterion in plan.criteria:
        section = lines.get(criterion.line)
        if section is not None:
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
                yield say(
                    Code.CRITERION_MISSING_IN_PHASE, here, "",
                    f"{titles[here]!r} does not look at {named}, which {titles[there]!r} does "
                    f"at line {next(iter(lacking.values()))}",
                )  # fmt: skip  # the first line says where, the others what


_OTHER_ENVIRONMENT = re.compile(
    r"(?:^|[.-])(?:staging|stage|stg|dev|development|sandbox|test|qa|review|localhost)(?:[.-]|$)"
)
_ADDRESS = re.compile(r"https?://\S{1,1000}")
_FLAG_LIKE = re.compile(r"(?<![\w./-])[a-z][a-z0-9]{0,40}(?:[_-][a-z0-9]{1,40}){1,20}(?![\w/-]|\.\w)", re.IGNORECASE)
_SWITCHES = re.compile(
    r"\b(?:flags?|toggles?|flipper|enabl\w+|disabl\w+|activat\w+|deactivat\w+|(?:turn|switch)\w*.{1,120}\b(?:on|off))\b",
    re.IGNORECASE,
)


def flags(plan: PlanDocument, say: Say) -> Iterator[Finding]:
    for link, line in plan.links:
        if flag_of(link) and (host := _other_host(link)):
            yield say(Code.STAGING_FLAG_LINK, line, host, f"the link to the flag opens {host}, which is not production")
        name = flag_of(link)
        if name and re.fullmatch(r"[\w.:-]*_[\w.:-]*", link.text.strip()) and link.text.strip() != name:
            yield say(
                Code.INCONSISTENT_FLAG_NAME, line, link.text.strip(),
                f"the link reads {link.text.strip()} and opens {name}",
            )  # fmt: skip  # the first line says where, the others what
    for first, second in combinations(plan.flags[:MOST_FLAGS], 2):
        if almost_same(first.name, second.name):
            yield say(
                Code.INCONSISTENT_FLAG_NAME, second.line, second.name,
                f"the flag is {second.name} here and {first.name} at line {first.line}",
            )  # fmt: skip  # the first line says where, the others what


def misspelled(plan: PlanDocument, say: Say) -> Iterator[Finding]:
    """Words that are almost a flag of the plan, where the page speaks of switching one."""
    known = {flag.name for flag in plan.flags}
    flags = plan.flags[:MOST_FLAGS]
    for statement in plan.statements:
        if statement.line.quoted or not _SWITCHES.search(statement.text):
            continue
        for word in dict.fromkeys([*statement.line.codes, *_FLAG_LIKE.findall(_ADDRESS.sub(" ", statement.text))]):
            meant = next((flag for flag in flags if word not in known and _is_misspelt(word, flag.name)), None)
            if meant is not None and statement.number != meant.line:
                yield say(
                    Code.INCONSISTENT_FLAG_NAME, statement.number, word,
                    f"the flag is {word} here and {meant.name} at line {meant.line}",
                )  # fmt: skip  # the first line says where, the others what


def _is_misspelt(word: str, flag: str) -> bool:
    return bool(_FLAG_LIKE.fullmatch(word)) and almost_same(word, flag)


def _other_host(link: Link) -> str | None:
    host = urlsplit(link.url).hostname or ""
    return host if _OTHER_ENVIRONMENT.search(host) else None


def check_dilution(plan: PlanDocument, say: Say) -> Iterator[Finding]:
    """Every bar in percent that even a total failure of some stage leaves whole.

    The rate of everyone else is not on the page: it is taken as perfect, so that a bar which could fire is never named
    for it. Nothing is said of the last bit: a bar that a total failure just reaches counts as one that fires.
    """
    shares = [stage for stage in plan.stages if stage.kind is StageKind.ACTORS and 0 < (stage.percent or 0) < 100]
    for criterion in plan.distinct_criteria:
        if criterion.kind is not CriterionKind.NUMERIC or criterion.unit != "percent" or criterion.op is None:
            continue
        blind = [stage for stage in shares if _stays_whole(criterion, stage)]
        if blind:
            worst = max(blind, key=lambda stage: stage.percent or 0)
            yield say(
                Code.BAR_CANNOT_FIRE, criterion.line, criterion.written,
                f"{criterion.name!r} cannot fire at {_percents(blind)}: if its metric counts everyone's requests, "
                f"a total failure at {worst.percent:g}% shows {_seen(criterion, worst):g}%, and the bar is "
                f"{criterion.op} {criterion.value:g}%",
            )  # fmt: skip  # the first line says where, the others what


def _percents(stages: list[PageStage]) -> str:
    return " and ".join(dict.fromkeys(f"{stage.percent:g}%" for stage in stages))


def _is_ceiling(criterion: Criterion) -> bool:
    return criterion.op in {"<", "<=", "=="}


def _seen(criterion: Criterion, stage: PageStage) -> float:
    """What the metric of everyone shows in percent when all goes wrong for the stage's users and for no one else."""
    new, baseline = (1.0, 0.0) if _is_ceiling(criterion) else (0.0, 1.0)
    return round(100 * diluted(new, baseline=baseline, share=(stage.percent or 0) / 100), 6)


def _stays_whole(criterion: Criterion, stage: PageStage) -> bool:
    bar, seen = criterion.value or 0.0, _seen(criterion, stage)
    return seen < bar if _is_ceiling(criterion) else seen > bar
