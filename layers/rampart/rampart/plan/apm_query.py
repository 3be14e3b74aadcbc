"""A query of Datadog's APM metrics: what it counts of every request of a service, whether or not a trace is kept.

In a plan it is `{apm_metrics: {stat: errors, service: …}}`, with the keys of Datadog's own request; on one line,
`apm_metrics: ` and the same as JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from pydantic import Field

from rampart.model import Model
from rampart.plan.json_line import from_line, to_line
from rampart.plan.sourced_query import Flaw, SourcedQuery

APM = "apm_metrics"


class ApmStat(StrEnum):
    """What is measured; Datadog's names."""

    HITS = "hits"
    """Requests."""
    ERRORS = "errors"
    """Requests that failed."""
    ERROR_RATE = "error_rate"
    """Failed ones out of all."""
    HITS_PER_SECOND = "hits_per_second"
    """Requests a second."""
    ERRORS_PER_SECOND = "errors_per_second"
    """Failed requests a second."""
    APDEX = "apdex"
    """A score between 0 and 1."""
    LATENCY_AVG = "latency_avg"
    """Mean duration in seconds."""
    LATENCY_MAX = "latency_max"
    """Longest duration in seconds."""
    LATENCY_P50 = "latency_p50"
    """Median duration in seconds."""
    LATENCY_P75 = "latency_p75"
    """A percentile of durations in seconds."""
    LATENCY_P90 = "latency_p90"
    """A percentile of durations in seconds."""
    LATENCY_P95 = "latency_p95"
    """A percentile of durations in seconds."""
    LATENCY_P99 = "latency_p99"
    """A percentile of durations in seconds."""
    LATENCY_P999 = "latency_p999"
    """A percentile of durations in seconds."""
    TOTAL_TIME = "total_time"
    """All durations added up, in seconds."""


class SpanKind(StrEnum):
    """On which side of a call the spans are."""

    SERVER = "server"
    """The service that was called."""
    CLIENT = "client"
    """The one that called."""
    PRODUCER = "producer"
    """The sender of a message."""
    CONSUMER = "consumer"
    """Its receiver."""
    INTERNAL = "internal"
    """Neither."""


class ApmRequest(Model):
    """What is asked of APM metrics."""

    stat: ApmStat = Field(description="what is measured, such as hits or errors")
    service: str = Field(min_length=1, description="the service")
    operation_name: str | None = Field(None, description="the operation; the service's primary one if absent")
    resource_name: str | None = Field(None, description="the resource, such as an endpoint; all of them if absent")
    span_kind: SpanKind | None = Field(None, description="on which side of a call the spans are")
    query_filter: str | None = Field(None, description="more tags, as in a metric query: env:prod,provider:new")


_OWN_TAGS = ("service", "operation_name", "resource_name", "span_kind")
_PERCENTILE = re.compile(r"latency_(p\d{2})(\d?)")
_FLAWS = {
    ApmStat.ERROR_RATE: Flaw("`error_rate` is a ratio already", is_ratio=True),
    ApmStat.APDEX: Flaw("`apdex` is a score", is_ratio=True),
    ApmStat.HITS_PER_SECOND: Flaw("`hits_per_second` gives events per second", 1.0),
    ApmStat.ERRORS_PER_SECOND: Flaw("`errors_per_second` gives events per second", 1.0),
    ApmStat.TOTAL_TIME: Flaw("`total_time` adds up durations"),
}


@dataclass(frozen=True, slots=True)
class ApmQuery(SourcedQuery):
    """What APM metrics say of one service."""

    request: ApmRequest

    @classmethod
    def read(cls, text: str) -> Self | None:
        """The query that a text is; None for another. Raises ValueError where it is one that can't be read."""
        request = from_line(APM, text, ApmRequest)
        return None if request is None else cls(request)

    @property
    def counted_in(self) -> str:
        """The source in words."""
        return "APM metrics"

    @property
    def counts_by(self) -> str:
        """The statistic."""
        return self.request.stat.value

    @property
    def asked(self) -> frozenset[str] | None:
        """The tags that are asked for; None where alternatives are."""
        own = {f"{name}:{value}" for name in _OWN_TAGS if (value := getattr(self.request, name)) is not None}
        filters = {each.strip() for each in (self.request.query_filter or "").split(",")} - {"", "*"}
        plain = all(" " not in each and "(" not in each for each in filters)
        return frozenset(own | filters) if plain else None

    def asking(self, conditions: Iterable[str]) -> str:
        """The query as text, with more tags."""
        changed = {}
        filters = [self.request.query_filter] if self.request.query_filter else []
        for each in conditions:
            name, _, value = each.partition(":")
            if name in _OWN_TAGS:
                changed[name] = value
            else:
                filters.append(each)
        return str(ApmQuery(self._changed(**changed, query_filter=",".join(filters) or None)))

    def of_outcome(self, *, succeeded: bool) -> str:
        """The query as text, counting errors, or all."""
        return str(ApmQuery(self._changed(stat=ApmStat.HITS if succeeded else ApmStat.ERRORS)))

    @property
    def flaws(self) -> tuple[Flaw, ...]:
        """Why it doesn't count."""
        stat = self.request.stat
        if stat in (ApmStat.HITS, ApmStat.ERRORS):
            return ()
        return (_FLAWS.get(stat) or Flaw(f"`{stat}` gives a duration"),)

    @property
    def counting(self) -> str:
        """The query as text, as a count."""
        is_of_errors = self.request.stat in (ApmStat.ERRORS, ApmStat.ERROR_RATE, ApmStat.ERRORS_PER_SECOND)
        return str(ApmQuery(self._changed(stat=ApmStat.ERRORS if is_of_errors else ApmStat.HITS)))

    @property
    def percentile(self) -> str:
        """The percentile that it gives; empty where it gives none."""
        match = _PERCENTILE.fullmatch(self.request.stat)
        return "" if match is None else match[1] + (f".{match[2]}" if match[2] else "")

    def _changed(self, **changes: object) -> ApmRequest:
        return ApmRequest.model_validate(self.request.model_dump() | changes)

    def __str__(self) -> str:
        return to_line(APM, self.request)
