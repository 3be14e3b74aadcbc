"""Evidence from Datadog: counts and values by bucket, and the state of monitors."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar, cast

from rampart.absence import AbsenceReason
from rampart.adapters.datadog_api import DatadogApi, QueryBudget, UnansweredError, errors_in
from rampart.adapters.datadog_monitors import readings_of
from rampart.evidence.series import Measured, Series, Unavailable
from rampart.numbers import finite, shown
from rampart.plan.apm_query import APM, ApmQuery
from rampart.plan.event_query import EventQuery
from rampart.words import count, duration, plain

if TYPE_CHECKING:
    from datadog_api_client import ApiClient

    from rampart.adapters.secrets import Secret
    from rampart.evidence.monitor import MonitorReading

_Part = TypeVar("_Part", dict[str, Any], list[Any])

_MOST_POINTS = 1500
"""Datadog makes the buckets of a series wider rather than show more of them."""
_COUNTER = re.compile(r"\.as_count\(\)(?!\s*\.rollup\()")
_ROLLUP = re.compile(r"(\.\s*rollup\(\s*(?:(['\"]?)(\w+)\2\s*,\s*)?)(\d{1,9})(?=\s*\))", re.IGNORECASE)
"""`.rollup(sum, 60)`, or `.rollup(60)`: what stands before the width, its method, and the width."""


@dataclass(frozen=True, slots=True)
class AskedRange:
    """What was asked for, in epoch seconds."""

    start: int
    end: int
    bucket: int


class DatadogMetricSource:
    """Implements `MetricSource`: all queries in one v2 timeseries request.

    A 429 is waited out when Datadog's `X-RateLimit-Reset` fits into `patience_seconds`, once. With `split_refused` the
    queries of a refused request are asked again one by one, so that only the bad one is refused: for the start of a
    rollout, where people want to know which.
    """

    def __init__(
        self,
        site: str,
        secret: Secret,
        *,
        url: str = "",
        deadline_seconds: float = 10.0,
        patience_seconds: float = 0.0,
        split_refused: bool = False,
        pause: Callable[[float], None] = time.sleep,
        budget: QueryBudget | None = None,
    ) -> None:
        self._api = DatadogApi(site, secret, url=url, deadline_seconds=deadline_seconds, budget=budget)
        self._patience = patience_seconds
        self._split_refused = split_refused
        self._pause = pause

    def read(self, queries: Mapping[str, str], *, start: int, end: int, bucket: int) -> Mapping[str, Measured]:
        """Ask all queries in one request, in buckets of `bucket` seconds over [start, end); never raises for an answer.

        A bucket without data is absent, or None where Datadog says null; a query without data is an empty series.
        """
        window = AskedRange(start, end, bucket)
        if not queries:
            return {}
        if (buckets := (end - start) / bucket) > _MOST_POINTS:
            detail = f"{count(round(buckets))} buckets are too many: beyond {_MOST_POINTS} Datadog makes them wider"
            return dict.fromkeys(queries, Unavailable(AbsenceReason.MALFORMED, detail))
        try:
            answer = self._patiently(lambda client: _timeseries(client, list(queries.values()), window))
        except UnansweredError as error:
            if self._split_refused and len(queries) > 1 and error.reason is AbsenceReason.REFUSED_QUERY:
                return {
                    key: self.read({key: query}, start=start, end=end, bucket=bucket)[key]
                    for key, query in queries.items()
                }
            return dict.fromkeys(queries, Unavailable(error.reason, str(error)))
        return dict(zip(queries, measured_in(answer, len(queries), window), strict=True))

    def read_monitors(self, ids: Sequence[int]) -> Mapping[int, MonitorReading]:
        """What each of these monitors says of itself; one that Datadog doesn't know reads as not existing.

        One request for monitors whose ids are near each other, one more for each that is far away or unknown. Raises
        MonitorsUnreadableError when one of them could not be read.
        """
        return readings_of(ids, ask=self._patiently)

    def _patiently(self, ask: Callable[[ApiClient], object]) -> object:
        try:
            return self._api.call(ask)
        except UnansweredError as error:
            if error.reset_seconds is None or error.reset_seconds > self._patience:
                raise
            self._pause(error.reset_seconds)
            return self._api.call(ask)


def _timeseries(client: ApiClient, queries: Sequence[str], window: AskedRange) -> object:
    from datadog_api_client.v2.api.metrics_api import MetricsApi

    asked = [{"name": f"q{index}"} | _asked(query, window.bucket) for index, query in enumerate(queries)]
    attributes = {
        "from": window.start * 1000,
        "to": window.end * 1000,
        "interval": window.bucket * 1000,
        "queries": asked,
        "formulas": [{"formula": query["name"]} for query in asked],
    }
    body = {"data": {"type": "timeseries_request", "attributes": attributes}}
    api = MetricsApi(client)  # type: ignore[no-untyped-call]  # its constructors are untyped
    return api.query_timeseries_data(body=cast("Any", body))  # plain dicts are accepted and checked


def _asked(query: str, bucket: int) -> dict[str, Any]:
    """One query as a v2 timeseries request has it: of metrics, of APM metrics, or of events that are counted."""
    if (apm := ApmQuery.read(query)) is not None:
        # Its buckets are those of the request's interval.
        return {"data_source": APM} | apm.request.model_dump(mode="json", exclude_none=True)
    events = EventQuery.read(query)
    if events is None:
        return {"data_source": "metrics", "query": fitted(bucketed(query, bucket), bucket)}
    counted = {"aggregation": "count", "interval": bucket * 1000}
    only = {"indexes": [events.index]} if events.index else {}
    return {"data_source": events.source.value, "search": {"query": events.search}, "compute": counted} | only


def bucketed(query: str, bucket: int) -> str:
    """The query with its counters added up over buckets of `bucket` seconds.

    Everything else keeps the way in which Datadog itself fills a bucket of the request's interval: gauges are averaged,
    percentiles of a distribution are taken over the bucket, which no roll-up of ours could do. A plan that wants the
    highest value of a gauge says so in its query.
    """
    return _COUNTER.sub(f".as_count().rollup(sum, {bucket})", query)


def fitted(query: str, bucket: int) -> str:
    """The query with its own roll-ups in buckets of `bucket` seconds, where they would not fit into those.

    Points that are closer together than buckets begin none, as where a plan's buckets of minutes are asked about in
    hours. A sum of a wider bucket would be taken for one of the narrow bucket that it begins with; another value of a
    wider bucket (the highest of an hour) is what the plan wants, and stays.
    """

    def fit(rollup: re.Match[str]) -> str:
        method, width = (rollup[3] or "").lower(), int(rollup[4])
        is_fine = method != "sum" and width > 0 and width % bucket == 0
        return rollup[0] if is_fine else f"{rollup[1]}{bucket}"

    return _ROLLUP.sub(fit, query)


def measured_in(answer: object, queries: int, window: AskedRange) -> list[Measured]:
    """What a v2 timeseries answer says of each query, by its place; nothing is guessed.

    Shape: `data.attributes` with `times` [ms], `series` [{query_index, group_tags}] and `values` [a row each].
    """
    try:
        return _measured_in(answer, queries, window)
    except _Unreadable as error:
        return [error.unavailable] * queries


def _measured_in(answer: object, queries: int, window: AskedRange) -> list[Measured]:
    if not isinstance(answer, Mapping):
        raise _Unreadable("it isn't an object")
    if hidden := errors_in(answer):
        raise _Unreadable(f"Datadog's answer carries an error: {hidden}", AbsenceReason.HIDDEN_ERROR)
    data = _part(answer.get("data"), dict, "data")
    if hidden := errors_in(data):
        raise _Unreadable(f"Datadog's answer carries an error: {hidden}", AbsenceReason.HIDDEN_ERROR)
    attributes = _part(data.get("attributes"), dict, "attributes")
    times = [_time(each, window) for each in _part(attributes.get("times"), list, "times")]
    if any(after <= before for before, after in pairwise(times)):
        raise _Unreadable("its times do not ascend")
    series = _part(attributes.get("series"), list, "series")
    values = _part(attributes.get("values"), list, "values")
    if len(series) != len(values):
        raise _Unreadable(f"it has {len(series)} series and {len(values)} rows of values")
    found: list[Measured | None] = [None] * queries
    for described, row in zip(series, values, strict=True):
        index = _part(described, dict, "a series").get("query_index")
        if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < queries:
            raise _Unreadable(f"it has a series of query {shown(index)}")
        grouped = bool(described.get("group_tags")) or found[index] is not None
        found[index] = _GROUPED if grouped else _series(times, row)
    return [Series(()) if each is None else each for each in found]


_GROUPED = Unavailable(AbsenceReason.REFUSED_QUERY, "the query has groups; take its `by {…}` away")


class _Unreadable(Exception):  # noqa: N818 -- it is an answer on its way out
    """Ends the reading of an answer that cannot be understood."""

    def __init__(self, detail: str, reason: AbsenceReason = AbsenceReason.MALFORMED) -> None:
        super().__init__(detail)
        text = detail if reason is AbsenceReason.HIDDEN_ERROR else f"Datadog's answer cannot be understood: {detail}"
        self.unavailable = Unavailable(reason, text)


def _series(times: Sequence[int], row: object) -> Series:
    numbers = [_number(value) for value in _part(row, list, "values")]
    if len(numbers) != len(times):
        raise _Unreadable(f"it has {len(times)} times and {len(numbers)} values")
    return Series(tuple(zip(times, numbers, strict=True)))


def _number(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, float) and math.isnan(value):
        return value  # for the rule, which answers it with an error: an absence could pass for no errors
    try:
        return finite(value)
    except ValueError as error:
        raise _Unreadable(str(error)) from None


def _time(value: object, window: AskedRange) -> int:
    """A bucket's start in epoch seconds; wider buckets than asked for begin elsewhere, or before the window."""
    try:
        at = finite(value) / 1000
    except ValueError:
        raise _Unreadable(f"{shown(value)} isn't a time") from None
    if at % window.bucket or not window.start - window.bucket < at < window.end:
        raise _Unreadable(
            f"{plain(at)} begins no bucket of {duration(window.bucket)} from {window.start} to {window.end}; "
            "were they made wider?"
        )
    return int(at)


def _part(value: object, kind: type[_Part], what: str) -> _Part:
    """A list or an object of the answer, empty where it has none."""
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise _Unreadable(f"{what} isn't {'a list' if kind is list else 'an object'}")
    return value
