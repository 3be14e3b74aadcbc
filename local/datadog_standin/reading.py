"""Reading metrics: the v2 timeseries and scalar answers, and the one number that a monitor evaluates."""

import math
from collections.abc import Callable, Iterable, Mapping
from statistics import fmean
from typing import Any, NamedTuple

from local.datadog_standin.expression import (
    APM_METRICS,
    Leaf,
    MetricQuery,
    Node,
    QueryError,
    Variable,
    evaluate,
    leaves,
    parse,
    parse_apm,
    parse_events,
)
from local.datadog_standin.scenario import Scenario, Selection, ShareSource, select
from local.exchange import HttpAnswer, HttpRefusal, Json

MOST_POINTS = 1500
_USUAL_POINTS = 300
_WIDTHS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400)
_RETENTION_SECONDS = 15 * 30 * 86400
_EVENTS = ("logs", "spans")
_VENDOR_JSON = "application/vnd.api+json"

_Values = Mapping[int, float]
_REDUCERS: dict[str, Callable[[Iterable[float]], float]] = {"sum": math.fsum, "min": min, "max": max}


class Column(NamedTuple):
    """The values of a query or formula by bucket (epoch seconds), and their unit."""

    values: _Values
    unit: Any


class Timeframe(NamedTuple):
    """The requested seconds [start, end), and the width of their buckets."""

    start: int
    end: int
    width: int

    def bucket(self, width: int | None = None) -> int:
        """The bucket width of the answer: as requested, but never more than 1,500 points."""
        least = math.ceil((self.end - self.start) / MOST_POINTS)
        wished = width or self.width
        return wished if wished >= least else nice_width(least)


def nice_width(at_least: float) -> int:
    """Round a bucket width up to one that Datadog would choose, in seconds."""
    return next((width for width in _WIDTHS if width >= at_least), _WIDTHS[-1])


def reduce_by(aggregator: str, values: Iterable[float]) -> float:
    """Aggregate numbers into one; percentiles of a scripted value are its mean."""
    return _REDUCERS.get(aggregator, fmean)(values)


class MetricReader:
    """Reads what the scenario shows at a time."""

    def __init__(self, scenario: Scenario, shares_of: ShareSource) -> None:
        self.scenario = scenario
        self._shares_of = shares_of

    def _select(self, query: MetricQuery, start: int, end: int, now: float) -> Selection:
        ago = query.seconds_before
        found = select(self.scenario, query.matches, start - ago, end - ago, now, self._shares_of)
        return found._replace(values=[(second + ago, value) for second, value in found.values]) if ago else found

    # --- the API ---

    def timeseries(self, body: Json, now: float) -> HttpAnswer:
        """Answer `POST /api/v2/query/timeseries`: times in ms, only those at which there is anything."""
        asked, window = _asked(body, "timeseries_request", now)
        columns = [self._column(query, window, now) for query in asked["queries"]]
        shown = _apply_formulas(asked, columns)
        times = sorted({time for column in shown for time in column.values})
        filled = [(index, column) for index, column in enumerate(shown) if column.values]
        unit_of = [[column.unit, None] if column.unit else None for _, column in filled]
        attributes = {
            "series": [
                {"group_tags": [], "query_index": index, "unit": unit}
                for (index, _), unit in zip(filled, unit_of, strict=True)
            ],
            "times": [time * 1000 for time in times],
            "values": [[column.values.get(time) for time in times] for _, column in filled],
        }
        data = {"id": "0", "type": "timeseries_response", "attributes": attributes}
        return HttpAnswer(body={"data": data}, content_type=_VENDOR_JSON)

    def scalar(self, body: Json, now: float) -> HttpAnswer:
        """Answer `POST /api/v2/query/scalar`: one number for the window, by each query's aggregator (avg)."""
        asked, window = _asked(body, "scalar_request", now)
        columns = [_total(self._column(query, window, now), query) for query in asked["queries"]]
        names = [_formula(formula) for formula in asked.get("formulas", ())] or [
            query.get("name", f"query{index}") for index, query in enumerate(asked["queries"])
        ]
        shown = [
            {
                "name": name,
                "type": "number",
                "values": list(column.values.values()),
                "meta": {"unit": [column.unit, None] if column.unit else None},
            }
            for name, column in zip(names, _apply_formulas(asked, columns), strict=True)
        ]
        data: dict[str, Any] = {"type": "scalar_response", "attributes": {"columns": shown}}
        if all(query.get("data_source") == "metrics" for query in asked["queries"]):
            return HttpAnswer(body={"data": data})
        return HttpAnswer(body={"data": {"id": "0"} | data}, content_type=_VENDOR_JSON)

    # --- monitors ---

    def measure(self, node: Node, aggregator: str, start: int, end: int, now: float) -> float | None:
        """Evaluate a monitor's expression over a window: every query is summed first, then the arithmetic is done."""

        def value_of(leaf: Leaf) -> float | None:
            if isinstance(leaf, Variable):
                raise QueryError(f"unknown name '{leaf.name}'")
            selection = self._select(leaf, start, end, now)
            values = [value for _, value in selection.values]
            if not values:
                return None
            if selection.is_counter:
                return math.fsum(values) / (1 if leaf.as_count else end - start)
            return reduce_by(aggregator, values)

        return evaluate(node, value_of)

    def first_second(self, node: Node, start: int, end: int, now: float) -> int | None:
        """Find the first second of a window that has any data for an expression."""
        queries = [leaf for leaf in leaves(node) if isinstance(leaf, MetricQuery)]
        return min((at for query in queries for at, _ in self._select(query, start, end, now).values), default=None)

    # --- one query ---

    def _column(self, query: Mapping[str, Any], window: Timeframe, now: float) -> Column:
        source = str(query.get("data_source"))
        if source in _EVENTS:
            return self._events_column(source, query, window, now)
        if source == APM_METRICS:
            return self._leaf_column(parse_apm(query), window, now)
        if source != "metrics":
            return Column({}, None)
        node = parse(str(query.get("query", "")))
        columns = {leaf: self._leaf_column(leaf, window, now) for leaf in leaves(node) if isinstance(leaf, MetricQuery)}
        return _combine(node, columns)

    def _events_column(self, source: str, query: Mapping[str, Any], window: Timeframe, now: float) -> Column:
        compute = query.get("compute", {})
        if compute.get("aggregation") != "count":
            raise QueryError(f"this stand-in counts {source}, and can't compute {compute.get('aggregation')}")
        if source != "logs" and "indexes" in query:
            raise QueryError(f"{source} have no indexes")
        leaf = parse_events(source, str(query.get("search", {}).get("query", "*")))
        if {"main", "*"}.isdisjoint(query.get("indexes") or ["*"]):
            return Column({}, None)
        width = compute["interval"] // 1000 if compute.get("interval") else window.width
        return self._leaf_column(leaf, window._replace(width=width), now)

    def _leaf_column(self, query: MetricQuery, window: Timeframe, now: float) -> Column:
        if query.grouped:
            raise QueryError(f"Error parsing query: this stand-in has no groups (by {{…}}): {query.text}")
        wished = query.rollup[1] if query.rollup else None
        width = window.bucket(wished)
        selection = self._select(query, window.start, window.end, now)
        buckets: dict[int, list[float]] = {}
        for second, value in selection.values:
            buckets.setdefault(second // width * width, []).append(value)
        if selection.is_counter:
            scale = 1 if query.as_count else width
            return Column({at: math.fsum(values) / scale for at, values in buckets.items()}, None)
        aggregator = query.rollup[0] if query.rollup else query.aggregator
        return Column({at: reduce_by(aggregator, values) for at, values in buckets.items()}, selection.unit)


def _asked(body: Json, kind: str, now: float) -> tuple[dict[str, Any], Timeframe]:
    """Check a request's frame and extract its attributes and window; raises HttpRefusal as the API does."""
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, dict) or data.get("type") != kind:
        raise HttpRefusal(400, {"errors": [f'API input validation failed: Invalid type. Expected "{kind}".']})
    asked: Json = data.get("attributes")
    try:
        start, end = math.ceil(asked["from"] / 1000), math.ceil(asked["to"] / 1000)
        queries, interval = asked["queries"], asked.get("interval")
        width = max(1, interval // 1000) if interval else nice_width((end - start) / _USUAL_POINTS)
    except (TypeError, KeyError, ValueError) as error:
        raise HttpRefusal(400, {"errors": [f"API input validation failed: {error}"]}) from error
    if not queries or end <= start:
        raise HttpRefusal(400, {"errors": ["API input validation failed: no queries, or an empty window"]})
    if end < now - _RETENTION_SECONDS:
        raise HttpRefusal(400, {"errors": ["Queries ending outside the retention date are invalid"]})
    return asked, Timeframe(start, end, width)


def _formula(formula: Mapping[str, Any]) -> str:
    return str(formula.get("formula", ""))


def _apply_formulas(asked: Mapping[str, Any], columns: list[Column]) -> list[Column]:
    """Evaluate the formulas bucket by bucket; without formulas, the queries are the result."""
    if not asked.get("formulas"):
        return columns
    named = {Variable(str(query.get("name"))): column for query, column in zip(asked["queries"], columns, strict=True)}
    shown = []
    for formula in asked["formulas"]:
        node = parse(_formula(formula))
        for leaf in leaves(node):
            if leaf not in named:
                raise QueryError(f"Invalid formula '{_formula(formula)}': no query has that name")
        shown.append(_combine(node, named))
    return shown


def _combine(node: Node, columns: Mapping[Any, Column]) -> Column:
    if not isinstance(node, float) and node in columns:
        return columns[node]
    for leaf in leaves(node):
        if leaf not in columns:
            raise QueryError(f"Error parsing query: '{leaf}' isn't a metric query")
    values = {}
    for time in sorted({time for column in columns.values() for time in column.values}):
        value = evaluate(node, lambda leaf, at=time: columns[leaf].values.get(at))  # type: ignore[misc]  # at is bound early
        if value is not None:
            values[time] = value
    return Column(values, next((column.unit for column in columns.values()), None))


def _total(column: Column, query: Mapping[str, Any]) -> Column:
    if not column.values:
        return column
    return Column({0: reduce_by(query.get("aggregator", "avg"), column.values.values())}, column.unit)
