"""Which source a criterion is counted in, and what a monitor or a graph of Datadog asks of it.

https://docs.datadoghq.com/monitors/types/log/, https://docs.datadoghq.com/monitors/types/apm/?tab=traceanalytics
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from rampart.evidence.compare import PARTS
from rampart.plan.apm_query import ApmQuery, ApmStat
from rampart.plan.criterion import CriterionSpec, ValueSpec
from rampart.plan.event_query import EventQuery, EventSource
from rampart.plan.sourced_query import SourcedQuery
from rampart.plan.written_query import sourced

_UNTAGGABLE = re.compile(r"[^a-z0-9_\-:./]+")
"""What Datadog writes as an underscore in a tag."""


class MonitorType(StrEnum):
    """The types of monitors, in the API's words."""

    METRIC = "query alert"
    """Looks at metrics."""
    LOGS = "log alert"
    """Counts logs."""
    SPANS = "trace-analytics alert"
    """Counts spans."""


TYPE_OF = {EventSource.LOGS: MonitorType.LOGS, EventSource.SPANS: MonitorType.SPANS}


def written(spec: CriterionSpec) -> Iterator[tuple[str, str]]:
    """The queries of a criterion, by the names of its keys."""
    for part in (*PARTS, "query"):
        query = getattr(spec, part, None)
        if isinstance(query, str):
            yield part, query


def unguarded(spec: CriterionSpec) -> str | None:
    """Why no monitor of Datadog can guard a criterion, to go on behind its name; None where one can."""
    named = [sourced(query) for _, query in written(spec)]
    foreign = next((each for each in named if each is not None and not _is_datadogs(each)), None)
    if foreign is not None:
        return f"is counted in {foreign.counted_in}: make an alarm there if you want one"
    if any(isinstance(each, ApmQuery) and _metric_of(each) is None for each in named):
        return (
            "needs `operation_name` (and no `span_kind`) for a monitor: it names the trace metric of the same requests"
        )
    if len({each.source if isinstance(each, EventQuery) else None for each in named}) > 1:
        return "is counted in several sources, and a monitor looks at one: its monitor is yours to make"
    if isinstance(spec, ValueSpec) and isinstance(named[0], EventQuery):
        return "looks at a number of events as a value: its monitor is yours to make"
    return None


def _is_datadogs(query: SourcedQuery) -> bool:
    return isinstance(query, EventQuery | ApmQuery)


def in_metrics(spec: CriterionSpec) -> CriterionSpec:
    """The criterion with its queries of APM metrics as metric queries, which monitors and graphs know."""
    apm = {part: ApmQuery.read(query) for part, query in written(spec)}
    return spec.changed(**{part: _metric_of(query) for part, query in apm.items() if query is not None})


def _metric_of(query: ApmQuery) -> str | None:
    """The trace metric of the same requests; https://docs.datadoghq.com/tracing/metrics/metrics_namespace/."""
    asked = query.request
    if asked.operation_name is None or asked.span_kind is not None:
        return None
    tags = {"service": asked.service, "resource_name": asked.resource_name}
    own = [f"{name}:{_UNTAGGABLE.sub('_', value.lower())}" for name, value in tags.items() if value is not None]
    scope = ",".join([*own, *([asked.query_filter] if asked.query_filter else [])])
    metric = f"trace.{asked.operation_name}"
    if asked.stat in (ApmStat.HITS, ApmStat.ERRORS):
        return f"sum:{metric}.{asked.stat}{{{scope}}}.as_count()"
    percentile = query.percentile
    return f"{percentile}:{metric}{{{scope}}}" if percentile else None


def source_of(query: str) -> EventSource | None:
    """The source whose events a query counts; None for a metric query."""
    events = EventQuery.read(query)
    return None if events is None else events.source


def asked_as(name: str, query: str) -> dict[str, Any]:
    """A query as a formula's variable, in a monitor or a graph."""
    events = EventQuery.read(query)
    if events is None:
        return {"data_source": "metrics", "name": name, "query": query}
    return {
        "data_source": events.source.value,
        "name": name,
        "search": {"query": events.search},
        "indexes": [events.index or "*"],
        "compute": {"aggregation": "count"},
        "group_by": [],
    }
