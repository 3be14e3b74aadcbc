"""A draft plan.yaml: what the page says, each value with its line, and a gap for what it does not say.

A gap is the tag `!gap`, which no YAML loader of Rampart knows: a draft with a gap left cannot be taken for a plan.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rampart_cli.document.amounts import StageKind
from rampart_cli.document.bindings import Bindings
from rampart_cli.document.draft_criteria import Value, criterion_entries
from rampart_cli.document.facts import monitors_of
from rampart_cli.document.flags import MOST_FLAGS, almost_same
from rampart_cli.document.plan import PageStage, PlanDocument, Said

GAP = "!gap"
_MOST = 30
"""Unused lines that a draft's head lists."""
_HEAD = """\
# Draft of {source}, made by `rampart plan import`. Each value names the line that states it.
# {gap} marks what the page does not say: fill each in; the plan is refused while one is left.
"""
_WHICH_GROUPS = (
    "line {line} names an audience and no percentage: write the groups that Flipper knows, "
    'or actors: ["User;1"], or a percent'
)
_WHY_NO_PERCENT = {
    StageKind.TIME: "line {line} says {p:g}% of the time; Rampart moves a percentage of users",
    StageKind.AUDIENCE: "line {line} names an audience and no percentage",
    StageKind.UNKNOWN: "line {line} does not say which percentage",
    StageKind.ACTORS: "line {line} does not say which percentage",
}


def draft(plans: Sequence[PlanDocument], *, source: str, bindings: Bindings) -> str:
    """Write the plans of one page as YAML, one document each; `source` is the page's name for the comments."""
    documents = ["\n".join(_document(plan, bindings)) + "\n" for plan in plans]
    return _HEAD.format(source=_comment(source), gap=GAP) + "---\n".join(documents)


def _document(plan: PlanDocument, bindings: Bindings) -> Iterator[str]:
    yield from _unread(plan)
    slug = _slug(plan.title.value)
    yield _entry("rollout", slug, f"from the title, line {plan.title.line}", "an id such as claim-letters")
    if plan.title.value:
        yield _entry("title", plan.title.value, f"line {plan.title.line}")
    owner, zone = plan.owner, plan.timezone
    yield _entry("owner", owner.value if owner else None, _at(owner), "the page names no owner")
    yield from _flags(plan)
    yield "environment: production  # the default; the page does not say"
    yield _entry("timezone", zone.value if zone else None, _at(zone), "the page names no time zone")
    if plan.business_days:
        calendar = "calendar: {advance_on: business_days, holidays: US-federal}"
        yield f"{calendar}  # line {plan.business_days.line} counts in business days"
    else:
        yield "# GAP: the page does not say on which days an advance may happen; without `calendar`, on any day"
    if plan.window is None:
        yield "# GAP: the page states no evaluation window and no minimum sample; the rule's own are used"
    else:
        yield f"# line {plan.window.line} states a window: {_comment(plan.window.value)}"
    yield _monitors(plan)
    yield from _criteria(plan, bindings)
    yield "stages:"
    leads = True
    for stage in plan.stages:
        lines = _stage(stage, doubtful=bool(plan.doubts), leads=leads)
        yield from (("    " if index else "  - ") + line for index, line in enumerate(lines))
        leads = leads and stage.kind is StageKind.AUDIENCE


def _unread(plan: PlanDocument) -> Iterator[str]:
    """What a reviewer has to look at first: doubts about the whole, and the lines that nothing was taken from."""
    yield from (f"# QUESTION: {_comment(doubt)}" for doubt in plan.doubts)
    if plan.unused:
        yield "# Nothing was taken from these lines of the plan:"
        for each in plan.unused[:_MOST]:
            yield f"#   line {each.line} ({', '.join(each.holds)}): {_comment(each.text)}"
        if (more := len(plan.unused) - _MOST) > 0:
            yield f"#   and {more} more; --json lists them all"


def _at(said: Said | None) -> str | None:
    return f"line {said.line}" if said else None


def _flags(plan: PlanDocument) -> Iterator[str]:
    if not plan.flags:
        yield _entry("flags", None, None, "the page names no flag; write a list: [name_of_the_flag]")
        return
    yield "flags:"
    for index, flag in enumerate(plan.flags):
        others = [*plan.flags[:index], *plan.flags[index + 1 :]][:MOST_FLAGS]
        other = next((other for other in others if almost_same(flag.name, other.name)), None)
        if other is None:
            yield f"  - {scalar(flag.name)}  # line {flag.line}"
        else:
            yield f"  - {GAP}  # GAP: {flag.name} at line {flag.line}, {other.name} at line {other.line}: which is it?"


def _monitors(plan: PlanDocument) -> str:
    if linked := monitors_of(plan):
        numbers, lines = (", ".join(map(str, each)) for each in zip(*linked, strict=True))
        return f"monitors: [{numbers}]  # line {lines}"
    if plan.monitor:
        return f"# line {plan.monitor.line} names {_comment(plan.monitor.value)}; write its number: `monitors: [12345]`"
    return "# GAP: the page names no monitor; while one of `monitors: [12345]` alerts, no rollout starts"


def _criteria(plan: PlanDocument, bindings: Bindings) -> Iterator[str]:
    if not plan.criteria:
        yield _entry("criteria", None, None, "the page lists no criterion")
        return
    yield "criteria:"
    for name, entries in criterion_entries(plan.distinct_criteria, bindings):
        if len(entries) == 1 and not entries[0].key:
            yield f"  {scalar(name)}: {GAP}  # GAP: {_comment(entries[0].note)}"
            continue
        yield f"  {scalar(name)}:"
        yield from ("    " + _entry(entry.key, entry.value, entry.note, entry.note) for entry in entries)


def _stage(stage: PageStage, *, doubtful: bool, leads: bool) -> Iterator[str]:
    """A stage's keys; `leads` where no percentage comes before it, so that it may be for people by name."""
    share, line = stage.percent, stage.percent_line or stage.line
    if stage.name:
        yield _entry("name", stage.name, f"line {stage.line}")
    if stage.stated:
        said = ", ".join(f"{percent:g}% at line {line}" for percent, line in stage.stated)
        yield _entry("percent", None, None, f"the page says {said}")
    elif doubtful and stage.kind is StageKind.ACTORS and share is not None:
        yield _entry("percent", None, None, f"line {line} says {share:g}%; is that this stage's share?")
    elif stage.kind is StageKind.ACTORS and share is not None:
        yield _entry("percent", int(share) if share.is_integer() else share, f"line {line}")
    elif stage.kind is StageKind.AUDIENCE and leads:
        yield _entry("groups", None, None, _WHICH_GROUPS.format(line=stage.line))
    else:
        yield _entry("percent", None, None, _WHY_NO_PERCENT[stage.kind].format(line=stage.line, p=share))
    if stage.users and len(stage.users) == 1:
        yield _entry("users", stage.users[0], f"line {stage.users_line or stage.line}")
    yield _hold(stage)


def _hold(stage: PageStage) -> str:
    if stage.hold is not None and stage.hold.hold is not None:
        return _entry("hold", stage.hold.hold, f"line {stage.hold_line}: {stage.hold.text}")
    if stage.hold is not None:
        return _entry("hold", None, None, f"line {stage.hold_line} says {stage.hold.text}; write it in days or weeks")
    if stage.start and stage.end and stage.end > stage.start:
        days = f"{(stage.end - stage.start).days}d"
        return _entry("hold", days, f"line {stage.dates_line}: {stage.start} to {stage.end}")
    return _entry("hold", None, None, "the page does not say how long, such as 4d or 1 business day")


def _entry(key: str, value: Value | None, note: str | None, gap: str = "") -> str:
    if value is None:
        return f"{key}: {GAP}  # GAP: {_comment(gap)}"
    return f"{key}: {scalar(value)}" + (f"  # {_comment(note)}" if note else "")


def scalar(value: Value) -> str:
    """A value as one line of YAML, quoted where it has to be."""
    import yaml  # costs 50 ms, which --json need not pay

    escapes = isinstance(value, str) and not value.isprintable()
    style = '"' if escapes else None
    text = yaml.safe_dump(
        value, allow_unicode=not escapes, width=1_000_000, default_flow_style=True, default_style=style
    )
    return text.removesuffix("\n").removesuffix("\n...")


def _comment(text: str) -> str:
    """Text of the page as a comment: on one line, with nothing in it that a terminal or a parser acts on."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:200]


def _slug(title: str) -> str | None:
    slug = re.sub(r"[^a-z0-9]+", "-", title.casefold()).strip("-")[:60].strip("-")
    return slug if len(slug) > 1 else None
