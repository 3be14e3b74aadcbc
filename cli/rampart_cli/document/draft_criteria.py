"""The criteria of a draft: the bar from the page, the rest from the team's bindings, and gaps for what neither says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rampart.evidence.compare import PARTS
from rampart_cli.document.criterion import Criterion, CriterionKind
from rampart_cli.document.fact_checks import is_reported_by_people
from rampart_cli.document.names import plain_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rampart_cli.document.bindings import Binding, Bindings

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


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a criterion, with its comment; None is a gap, an empty key a gap for all of the criterion."""

    key: str
    value: Value | None
    note: str


def criterion_entries(criteria: Sequence[Criterion], bindings: Bindings) -> list[tuple[str, list[Entry]]]:
    """The keys of each criterion, once for each name."""
    by_name: dict[str, list[Criterion]] = {}
    for criterion in criteria:
        by_name.setdefault(plain_name(criterion.name), []).append(criterion)
    return [(same[0].name, _entries(same, bindings.find(same[0].name))) for same in by_name.values()]


def _entries(same: list[Criterion], binding: Binding | None) -> list[Entry]:
    criterion = same[0]
    kind = binding.spec["kind"] if binding else _kind(criterion)
    if kind is None:
        return [
            Entry("", None, f"line {criterion.line}: {criterion.name!r} has no bar, and no binding says what it means")
        ]
    if binding is None:
        found = [Entry("kind", kind, f"line {criterion.line}{_as_a_rate(criterion, kind)}")]
        wanted = _PATHS if kind == "compare" else {}
        found += [
            Entry(key, None, f"no binding for {criterion.name!r}: a query{wanted.get(key, '')}")
            for key in _QUERIES[kind]
        ]
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


_PERCENTILE = re.compile(r"\bp\s?(\d{2}(?:\.\d)?)\b", re.IGNORECASE)


def _bar(same: list[Criterion], kind: str) -> Entry:
    criterion = same[0]
    key = "at_most" if kind in {"count", "reported", "compare"} else "below"
    if len(same) > 1:
        lines = ", ".join(str(other.line) for other in same)
        return Entry(key, None, f"the page gives several bars (lines {lines}), and a criterion has one")
    if kind == "compare":
        return Entry(
            key,
            None,
            f"how many times the old path's rate may it be, such as 1.5x? line {criterion.line} says: {criterion.text}",
        )
    if criterion.value is None:
        return Entry(key, None, f"line {criterion.line} gives no number")
    if criterion.op is None:
        return Entry(key, None, f"line {criterion.line} gives {criterion.value:g} and no operator")
    if kind == "rate" and criterion.unit != "percent":
        return Entry(key, None, f"line {criterion.line} gives {criterion.value:g}, and a rate's bar is a percentage")
    return _counted(criterion, key) if key == "at_most" else _sided(criterion, kind)


def _sided(criterion: Criterion, kind: str) -> Entry:
    said = f"line {criterion.line}: {criterion.text}"
    key = "above" if criterion.op in {">", ">="} else "below"
    value = criterion.value or 0.0
    if criterion.op == "==" or (kind == "rate" and not 0 < value < 100):
        return Entry(key, None, f"{said}; a rate's bar lies between 0% and 100%")
    return Entry(key, f"{value:g}%" if kind == "rate" else value, said)


def _counted(criterion: Criterion, key: str) -> Entry:
    said = f"line {criterion.line}: {criterion.text}"
    value = criterion.value or 0.0
    if criterion.op == "<" and value >= 1 and value.is_integer():
        return Entry(key, int(value) - 1, f"{said}; fewer than {value:g} is at most {value - 1:g}")
    if criterion.op == "<=" or (criterion.op == "==" and value == 0):
        return Entry(key, int(value) if value.is_integer() else value, said)
    return Entry(key, None, f"{said}; a count can only be held to at most a number")
