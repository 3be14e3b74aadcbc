"""Queries that come from a team's bindings and don't mean what their criterion takes them for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rampart.evidence.compare import PARTS
from rampart.finding import Finding
from rampart.plan.query_lint import lint_compare, lint_count, lint_rate, lint_value
from rampart.plan.written_query import on_one_line
from rampart_cli.document.bindings import Bindings
from rampart_cli.document.draft import Value, criterion_entries
from rampart_cli.document.plan import PlanDocument
from rampart_cli.document.reading import Reading


def with_bound_queries(reading: Reading, bindings: Bindings) -> Reading:
    """The reading with a finding for each query that a draft of it would take from the bindings and that is wrong."""
    found = [each for plan in reading.plans for each in _diagnostics(plan, reading, bindings)]
    every = sorted((*reading.diagnostics, *found), key=lambda diagnostic: (diagnostic.line, diagnostic.column))
    return replace(reading, diagnostics=tuple(dict.fromkeys(every)))


def _diagnostics(plan: PlanDocument, reading: Reading, bindings: Bindings) -> Iterator[Finding]:
    criteria = plan.distinct_criteria
    for name, entries in criterion_entries(criteria, bindings):
        if (binding := bindings.find(name)) is None:
            continue
        line = next(criterion.line for criterion in criteria if criterion.name == name)
        column, mark = reading.page.place(line, name)
        for finding in _findings(name, {entry.key: entry.value for entry in entries if entry.value is not None}):
            part = finding.where.rpartition(".")[2]
            told = f"{part} of {binding.pattern!r} in the bindings, {finding.message}"
            yield finding.kind.at("", told, f"{finding.fix} in the bindings", line=line, column=column, mark=mark)


def _findings(name: str, spec: dict[str, Value]) -> list[Finding]:
    queries = {key: str(on_one_line(value)) for key, value in spec.items() if key in {*PARTS, "query"}}
    if queries.keys() >= set(PARTS):
        return lint_compare(name, queries)
    if spec["kind"] in {"rate", "compare"}:
        return lint_rate(name, queries, above="above" in spec)
    if "query" not in queries:
        return []
    return (lint_count if spec["kind"] == "count" else lint_value)(name, queries["query"])
