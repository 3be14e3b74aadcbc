"""A draft plan.yaml: what the page says, each value with its line, and a gap for what it does not say.

A gap is the tag `!gap`, which no YAML loader of Rampart knows: a draft with a gap left cannot be taken for a plan.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from rampart.evidence.compare import PARTS
from rampart_cli.document.amounts import StageKind
from rampart_cli.document.bars import Criterion, CriterionKind, by_measure
from rampart_cli.document.bindings import Binding, Bindings
from rampart_cli.document.checks import is_reported_by_people
from rampart_cli.document.facts import monitors_of
from rampart_cli.document.flags import MOST_FLAGS, almost_same
from rampart_cli.document.plan import PageStage, PlanDocument, Said, hold_of

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
}
_NO_PERCENT = "line {line} does not say which percentage"
_QUERIES = {"rate": ("errors", "total"), "count": ("query",), "value": ("query",), "reported": (), "compare": PARTS}
Value = str | int | float | bool
"""What YAML writes on one line."""
_PATHS = {
    "errors": " of what is bad on the new path: failed, too slow",
    "total": " of everything on the new path",
    "control_errors": " of what is bad on the old path, or week_before(...) of it",
    "control_total": " of everything on the old path, or week_before(...) of it",
}
"""What the four queries of a comparison count, where a page only says that nothing gets worse."""
_BARS = frozenset({"below", "above", "at_most"})
_PERCENTILE = re.compile(r"\bp\s?(\d{2}(?:\.\d)?)\b", re.IGNORECASE)


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
    yield _fact("owner", plan.owner, "the page names no owner")
    yield from _flags(plan)
    yield "environment: production  # the default; the page does not say"
    yield _fact("timezone", plan.timezone, "the page names no time zone")
    if plan.business_days:
        calendar = "calendar: {advance_on: business_days, holidays: US-federal}"
        yield f"{calendar}  # line {plan.business_days.line} counts in business days"
    else:
        yield "# GAP: the page does not say on which days an advance may happen; without `calendar`, on any day"
    if plan.window is None:
        yield "# GAP: the page states no evaluation window and no minimum sample; Rampart uses its own"
    else:
        yield f"# line {plan.window.line} states a window: {_comment(plan.window.value)}"
    yield _monitors(plan)
    yield from _criteria(plan, bindings)
    yield "stages:"
    leads = True
    for stage, after in zip_longest(plan.stages, plan.stages[1:]):
        hold, told = hold_of(stage, after)
        lines = (*_stage(stage, doubtful=bool(plan.doubts), leads=leads), _entry("hold", hold, told, told))
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


def _fact(key: str, said: Said | None, gap: str) -> str:
    return _entry(key, said.value, f"line {said.line}") if said else _entry(key, None, None, gap)


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
    return "# GAP: the page names no monitor; add `monitors: [12345]` so that a rollout can't start during an alert"


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
        yield _entry(
            "percent", None, None, _WHY_NO_PERCENT.get(stage.kind, _NO_PERCENT).format(line=stage.line, p=share)
        )
    if stage.users and len(stage.users) == 1:
        yield _entry("users", stage.users[0], f"line {stage.users_line or stage.line}")


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


class Entry(NamedTuple):
    """One key of a criterion, with its comment; None is a gap, an empty key a gap for all of the criterion."""

    key: str
    value: Value | None
    note: str


def criterion_entries(criteria: Sequence[Criterion], bindings: Bindings) -> list[tuple[str, list[Entry]]]:
    """The keys of each criterion, once for each measure."""
    return [(same[0].name, _entries(same, bindings.find(same[0].name))) for same in by_measure(criteria)]


def _entries(same: list[Criterion], binding: Binding | None) -> list[Entry]:
    criterion = same[0]
    kind = binding.spec["kind"] if binding else _kind(criterion)
    if kind is None:
        why = f"line {criterion.line}: {criterion.name!r} has no bar, and no binding says what it means"
        return [Entry("", None, why)]
    if binding is None:
        found = [Entry("kind", kind, f"line {criterion.line}{_as_a_rate(criterion, kind)}")]
        wanted, why = _PATHS if kind == "compare" else {}, f"no binding for {criterion.name!r}: a query"
        found += [Entry(key, None, why + wanted.get(key, "")) for key in _QUERIES[kind]]
        if kind == "rate":
            found.append(Entry("baseline", None, "the rate without the flag; or write `scope: cohort` in its place"))
        return [*found, _bar(same, kind)]
    note = f"bindings: {binding.pattern}"
    bar = _bar(same, kind)
    kept = _BARS if kind != "compare" and (bar.value is not None or criterion.value is not None) else frozenset[str]()
    found = [Entry(key, value, note) for key, value in binding.spec.items() if key not in kept]
    return found if any(entry.key in _BARS for entry in found) else [*found, bar]


def _kind(criterion: Criterion) -> str | None:
    """The kind that the page's own words say; None when they do not."""
    if is_reported_by_people(criterion):
        return "reported"
    if criterion.kind is CriterionKind.RELATIVE:
        return "compare"
    if criterion.kind is not CriterionKind.NUMERIC:
        return None
    return {"percent": "rate", "count": "count"}.get(criterion.unit or "", "value")


def _as_a_rate(criterion: Criterion, kind: str) -> str:
    """That a percentile's bar can be told as a rate's, which is tested: it is a point, and nothing says how sure."""
    percentile = _PERCENTILE.search(criterion.text)
    if kind != "value" or percentile is None or criterion.op not in {"<", "<="}:
        return ""
    slower = f"{criterion.value:g} {criterion.measure}".strip()
    share = 100 - float(percentile[1])
    return f"; better as a rate, which is tested: more than {slower} in less than {share:g}% of requests"


def _bar(same: list[Criterion], kind: str) -> Entry:
    criterion = same[0]
    key = "at_most" if kind in {"count", "reported", "compare"} else "below"
    if len(same) > 1:
        lines = ", ".join(str(other.line) for other in same)
        return Entry(key, None, f"the page gives several bars (lines {lines}); keep one, the stricter if unsure")
    if kind == "compare":
        asked = "how many times the old path's rate may it be, such as 1.5x?"
        return Entry(key, None, f"{asked} line {criterion.line} says: {criterion.text}")
    if criterion.value is None:
        return Entry(key, None, f"line {criterion.line} gives no number")
    if criterion.op is None:
        return Entry(key, None, f"line {criterion.line} gives {criterion.value:g} and no operator")
    if kind == "rate" and criterion.unit != "percent":
        return Entry(key, None, f"line {criterion.line} gives {criterion.value:g}, and a rate's bar is a percentage")
    return _counted(criterion, key) if key == "at_most" else _sided(criterion, kind)


def _sided(criterion: Criterion, kind: str) -> Entry:
    said, value = f"line {criterion.line}: {criterion.text}", criterion.value or 0.0
    key = "above" if criterion.op in {">", ">="} else "below"
    said += f"; write it in the metric's unit, the page says {criterion.measure}" if criterion.has_unit else ""
    if criterion.op == "==" or (kind == "rate" and not 0 < value < 100):
        return Entry(key, None, f"{said}; a rate's bar lies between 0% and 100%")
    return Entry(key, f"{value:g}%" if kind == "rate" else value, said)


def _counted(criterion: Criterion, key: str) -> Entry:
    said, value = f"line {criterion.line}: {criterion.text}", criterion.value or 0.0
    if criterion.op == "<" and value >= 1 and value.is_integer():
        return Entry(key, int(value) - 1, f"{said}; fewer than {value:g} is at most {value - 1:g}")
    if criterion.op == "<=" or (criterion.op == "==" and value == 0):
        return Entry(key, int(value) if value.is_integer() else value, said)
    return Entry(key, None, f"{said}; a count can only be held to at most a number")
