"""Queries that are answered and don't mean what their criterion takes them for, each with what to write."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import Self

from rampart.finding import Finding, FindingKind
from rampart.plan.metric_query import Node, parse, write
from rampart.plan.query_pairs import Pair
from rampart.plan.query_units import counting, flaws, groups_in, ungrouped
from rampart.plan.sourced_query import Flaw, SourcedQuery
from rampart.plan.written_query import as_written, sourced
from rampart.words import count, rough_percent, short_duration

_LONGEST_SHOWN = 300
_BUCKET = timedelta(minutes=5)


def _kind(code: str, means: str) -> FindingKind:
    why = "It is answered, and it doesn't mean what the criterion takes it for."
    return FindingKind(code, means, "Write the query that the finding shows", why)


NOT_A_COUNT = _kind("QueryIsNotACount", "A query gives a rate or an average, not how many there were.")
RATIO = _kind("QueryIsARatio", "A query gives a ratio or a percentage already.")
GROUPED = _kind("QueryIsGrouped", "A query gives a series for each group.")
SAME = _kind("QueriesAreTheSame", "Errors and total count the same requests.")
DIFFERENT_UNITS = _kind("QueryUnitsDiffer", "One of errors and total is a count, and the other isn't.")
DIFFERENT_FILTERS = _kind("QueryFiltersDiffer", "Total asks for tags that errors doesn't ask for.")


def _found(kind: FindingKind, criterion: str, part: str, query: str, what: str, fixed: str) -> Finding:
    """A query that doesn't mean what its criterion takes it for; `fixed` is the whole query to write in its place."""
    shown = query if len(query) <= _LONGEST_SHOWN else query[:_LONGEST_SHOWN] + "…"
    fixed = as_written(fixed)
    fix = f"Write `{fixed}`"
    if kind is SAME and part == "errors":
        fix = f"Add the tag that tells them in your metric, as in `{fixed}`"
    return kind.at(f"criteria.{criterion}.{part}", f"`{shown}`: {what}", fix)


SAME_PATH = FindingKind(
    "ControlIsTheSamePath",
    "A comparison counts the same requests on both sides.",
    "Add the tag that tells the old path's requests from the new one's",
    "The ratio of a path to itself is always one, whatever the flag does.",
)


DIFFERENT_SOURCES = FindingKind(
    "QuerySourcesDiffer",
    "Errors and total are counted in different sources.",
    "Count both in one source",
    "Each source loses and delays other requests, so dividing one by another gives no share of requests.",
)
WEEK_OF_EVENTS = FindingKind(
    "EventsHaveNoWeekBefore",
    "week_before(...) is asked of logs, spans, or APM metrics.",
    "Compare with the old path at the same time, or count the week before by a metric",
    "Datadog shifts metric queries only; CloudWatch's can be shifted too.",
)


def lint_compare(criterion: str, queries: Mapping[str, str], *, bucket: timedelta = _BUCKET) -> list[Finding]:
    """Find what is wrong with the queries of a `compare`: each path's as a rate's, and that they are two paths.

    The control's may be `week_before(...)` of queries; what is inside is read.
    """
    own = {part: queries[part] for part in ("errors", "total")}
    control = {part: unshifted(queries[f"control_{part}"]) for part in ("errors", "total")}
    found = lint_rate(criterion, own, bucket=bucket)
    for each in lint_rate(criterion, control, bucket=bucket):
        where, _, part = each.where.rpartition(".")
        found.append(replace(each, where=f"{where}.control_{part}"))
    is_shifted = control["total"] != queries["control_total"]
    found += [
        WEEK_OF_EVENTS.at(f"criteria.{criterion}.control_{part}", f"`{query}` is none that Datadog can shift")
        for part, query in control.items()
        if is_shifted and (named := sourced(query)) is not None and not named.can_be_shifted
    ]
    if not is_shifted and _is_same(own["total"], control["total"]):
        where = f"criteria.{criterion}.control_total"
        found.append(SAME_PATH.at(where, f"`{queries['control_total']}` counts what total counts already"))
    return found


def _is_same(one: str, other: str) -> bool:
    """Whether two queries plainly count the same."""
    first, second = (sourced(each) for each in (one, other))
    if first is not None and second is not None:
        return first.counts_the_same(second)
    nodes = [parse(each) for each in (one, other)]
    return None not in nodes and nodes[0] == nodes[1]


_WEEK_BEFORE = re.compile(r"\s*week_before\((.*)\)\s*\Z", re.DOTALL)


def unshifted(query: str) -> str:
    """The query inside of `week_before(...)`; a query without it as it is."""
    match = _WEEK_BEFORE.match(query)
    return match[1].strip() if match else query


def lint_rate(
    criterion: str, queries: Mapping[str, str], *, above: bool = False, bucket: timedelta = _BUCKET
) -> list[Finding]:
    """Find what is wrong with the queries of a `rate`: `errors` (`above` a bar: the successes) and `total`.

    `bucket` is the width of a judged bucket. A query that isn't a metric query and names no source is left to Datadog,
    which refuses it at the start.
    """
    named = {part: sourced(queries[part]) for part in ("errors", "total") if part in queries}
    if any(named.values()):
        return list(_faults_of_sourced(criterion, queries, named, above=above))
    parts = [_Part.read(part, queries[part]) for part in ("errors", "total") if part in queries]
    known = [part for part in parts if part is not None]
    rate = _Rate({part.name: part for part in known}, "succeeded" if above else "failed", bucket)
    fixed = rate.fixed
    return [
        _found(fault, criterion, part.name, part.query, what, fixed[part.name])
        for part in known
        for fault, what in rate.faults_of(part)
    ]


def _faults_of_sourced(
    criterion: str, queries: Mapping[str, str], named: Mapping[str, SourcedQuery | None], *, above: bool
) -> Iterator[Finding]:
    """What is wrong with errors and total where at least one of them names its source."""
    yield from (
        finding for part, query in named.items() if query is not None for finding in _uncounted(criterion, part, query)
    )
    if len(named) < 2:
        return
    errors, total = named["errors"], named["total"]
    if errors is None or total is None or errors.counted_in != total.counted_in:
        where = [each.counted_in if each else "a metric" for each in (errors, total)]
        told = f"errors counts {where[0]} and total {where[1]}, which come late and get lost in different ways"
        yield DIFFERENT_SOURCES.at(f"criteria.{criterion}.errors", told)
    elif errors.counts_the_same(total):
        told = "errors and total count the same events, so the rate would always read 100%"
        yield _found(SAME, criterion, "errors", queries["errors"], told, errors.of_outcome(succeeded=above))
    elif foreign := errors.missing_of(total):
        asked = ", ".join(f"`{each}`" for each in foreign)
        told = f"total asks for {asked} and errors doesn't: it counts events that total leaves out"
        yield _found(DIFFERENT_FILTERS, criterion, "errors", queries["errors"], told, errors.asking(foreign))


def _uncounted(criterion: str, part: str, query: SourcedQuery) -> Iterator[Finding]:
    """That a query which names its source doesn't count."""
    if query.flaws:
        fault = RATIO if any(flaw.is_ratio for flaw in query.flaws) else NOT_A_COUNT
        told = "; ".join(flaw.words for flaw in query.flaws)
        yield _found(fault, criterion, part, str(query), told, query.counting)


def lint_count(criterion: str, query: str, *, bucket: timedelta = _BUCKET) -> list[Finding]:
    """Find what is wrong with the query of a `count`, which may be scaled by a constant."""
    if (named := sourced(query)) is not None:
        return list(_uncounted(criterion, "query", named))
    part = _Part.read("query", query, scalable=True)
    if part is None:
        return []
    faults = []
    if part.flaws:
        fault = RATIO if part.is_ratio else NOT_A_COUNT
        faults.append((fault, f"{part.reasons}; {_of_sum(part.seconds, bucket)}"))
    if part.groups:
        faults.append((GROUPED, part.grouped))
    return [_found(fault, criterion, "query", query, what, write(part.counting)) for fault, what in faults]


def lint_value(criterion: str, query: str) -> list[Finding]:
    """Find what is wrong with the query of a `value`: groups, since one series is judged."""
    part = _Part.read("query", query)
    if part is None or not part.groups:
        return []
    return [_found(GROUPED, criterion, "query", query, part.grouped, write(ungrouped(part.node)))]


def _of_sum(seconds: float | None, bucket: timedelta) -> str:
    """What it does to the sum over a stage that a query gives no count."""
    if seconds is None:
        return "`at_most` is held against the sum over the stage, and the sum of these isn't a number of events"
    units = bucket.total_seconds() / seconds
    return f"in buckets of {short_duration(bucket)}, {_times(units)}, so `at_most` is reached at another number"


_Fault = tuple[FindingKind, str]


@dataclass(frozen=True)
class _Part:
    """One query of a criterion that is a metric query."""

    name: str
    query: str
    node: Node
    flaws: tuple[Flaw, ...]
    groups: tuple[str, ...]
    scalable: bool

    @classmethod
    def read(cls, name: str, query: str, *, scalable: bool = False) -> Self | None:
        node = parse(query)
        if node is None:
            return None
        return cls(name, query, node, tuple(flaws(node, scalable=scalable)), tuple(groups_in(node)), scalable)

    @property
    def is_ratio(self) -> bool:
        return any(flaw.is_ratio for flaw in self.flaws)

    @property
    def seconds(self) -> float | None:
        """The seconds that one unit spans, where the query gives a rate and nothing else is wrong with it."""
        first, *others = self.flaws
        return None if any(flaw.seconds != first.seconds for flaw in others) else first.seconds

    @property
    def reasons(self) -> str:
        return "; ".join(dict.fromkeys(flaw.words for flaw in self.flaws if flaw.is_ratio or not self.is_ratio))

    @property
    def grouped(self) -> str:
        by = ", ".join(f"`{each}`" for each in dict.fromkeys(self.groups))
        return (
            f"{by} gives a series for each group; a criterion is judged by one series, so every look would be refused"
        )

    @cached_property
    def counting(self) -> Node:
        """The query as a count of one series; the same where it is one."""
        if not self.flaws and not self.groups:
            return self.node
        return counting(self.node, denominator=self.name == "total", scalable=self.scalable)


@dataclass(frozen=True)
class _Rate:
    """Errors and total of a rate, as far as they are metric queries."""

    parts: Mapping[str, _Part]
    happened: str
    """What the requests did that `errors` counts: failed, or succeeded."""
    bucket: timedelta

    def faults_of(self, part: _Part) -> Iterator[_Fault]:
        if part.is_ratio:
            yield RATIO, f"{part.reasons}; Rampart divides errors by total itself, and needs both as counts"
        elif part.flaws:
            yield self._fault_of_units(part)
        if part.groups:
            yield GROUPED, part.grouped
        if len(self.parts) < 2:
            return
        if write(getattr(self._counting, part.name)) != write(getattr(self._aligned, part.name)):
            yield DIFFERENT_FILTERS, self._foreign_to(part)
        if write(getattr(self._aligned, part.name)) != write(getattr(self._distinguished, part.name)):
            told = f"nothing tells the requests that {self.happened} from the others"
            yield SAME, f"errors and total count the same requests, so the rate would always read 100%; {told}"

    @cached_property
    def fixed(self) -> dict[str, str]:
        """Each query as it should read; those without a finding as they are."""
        return {
            name: write(getattr(self._distinguished, name) if len(self.parts) == 2 else part.counting)
            for name, part in self.parts.items()
        }

    @cached_property
    def _counting(self) -> Pair:
        return Pair(self.parts["errors"].counting, self.parts["total"].counting)

    @cached_property
    def _aligned(self) -> Pair:
        return self._counting.aligned()

    @cached_property
    def _distinguished(self) -> Pair:
        if not self._aligned.are_the_same:
            return self._aligned
        return self._aligned.distinguished("status:5*" if self.happened == "failed" else "status:2*")

    def _fault_of_units(self, part: _Part) -> _Fault:
        others = [other for other in self.parts.values() if other is not part]
        is_alone = not others or bool(others[0].flaws)
        kind, told = (NOT_A_COUNT, ";") if is_alone else (DIFFERENT_UNITS, f", while {others[0].name} is a count:")
        if part.seconds is None:
            return kind, f"{part.reasons}{told} the rate would be no share of requests"
        units = self.bucket.total_seconds() / part.seconds
        return kind, f"{part.reasons}{told} {self._weight(units) if is_alone else self._skew(part, units)}"

    def _skew(self, part: _Part, units: float) -> str:
        """What it does to the rate that one part is a count and the other isn't."""
        share, reads = ("100%", 1 / units) if part.name == "errors" else ("0.1%", 0.001 * units)
        told = f"if {share} of requests {self.happened}, the rate would read {rough_percent(reads)}"
        return f"{told} in buckets of {short_duration(self.bucket)}"

    def _weight(self, units: float) -> str:
        """What it does to the evidence that neither part is a count."""
        effect = "a failing flag may never be found" if units > 1 else "chance is taken for evidence"
        return f"in buckets of {short_duration(self.bucket)}, {_times(units)}, so {effect}"

    def _foreign_to(self, part: _Part) -> str:
        is_total = part.name == "total"
        foreign = [each for each in self._counting.foreign if each.tells_outcomes is is_total]
        tags = ", ".join(f"`{'!' if clause.negated else ''}{clause.text}`" for clause in foreign)
        if is_total:
            return f"{tags} stands in total and not in errors: total leaves out requests that errors counts"
        return f"total asks for {tags} and errors doesn't: it counts requests that total leaves out"


def _times(units: float) -> str:
    return f"{count(round(units))} of them read as 1" if units >= 1 else f"1 of them reads as {count(round(1 / units))}"
