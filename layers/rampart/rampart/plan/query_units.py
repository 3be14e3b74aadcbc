"""What a metric query gives for each bucket: how many, or something else; and the query that gives how many."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from rampart.plan.metric_query import (
    Call,
    Metric,
    Node,
    Number,
    Product,
    Sum,
    children,
    is_weightless,
    mapped,
    metrics_in,
    value_of,
)
from rampart.plan.sourced_query import Flaw
from rampart.words import plain

_FUNCTIONS: tuple[tuple[str, str, float | None], ...] = (
    (r"as_rate|per_second|throughput|rate|derivative", "gives events per second", 1.0),
    (r"per_minute", "gives events per minute", 60.0),
    (r"per_hour", "gives events per hour", 3600.0),
    (r"diff|monotonic_diff", "gives the change from one point to the next", None),
    (r"dt", "gives the seconds between two points", None),
    (r"ewma_?\d*|median_?\d*|moving_\w+|autosmooth", "mixes the counts of neighboring buckets", None),
    (
        r"cumsum|integral",
        "adds up everything since the window began, so each bucket counts the earlier ones again",
        None,
    ),
    (r"timeshift|calendar_shift|\w+_before", "reads another time than the stage's", None),
    (
        r"trend_line|robust_trend|piecewise_constant|forecast|anomalies|outliers",
        "gives an estimate, not what was counted",
        None,
    ),
    (r"cutoff_(?:min|max)|clamp_(?:min|max)", "cuts high or low counts off", None),
    (r"count_nonzero|count_not_null", "counts series, not events", None),
    (r"(?:top|bottom)(?:\d+)?(?:_\w+)?", "keeps some of the series and drops the others", None),
    (r"log2|log10|log", "gives a logarithm", None),
    (r"avg|min|max|stddev|p\d+(?:\.\d+)?", "gives one number for several series", None),
)
"""Functions that leave no count, with the seconds of a rate; source: docs.datadoghq.com, "Dashboards: functions"."""

_REDUCERS = re.compile(r"sum|avg|min|max|count_nonzero|count_not_null|dt", re.IGNORECASE)
"""Functions that make one series of a query's groups."""
_HARMLESS_FILLS = frozenset({"zero", "null", "0", ""})
_MOST_SPREAD = re.compile(r"p\d+(?:\.\d+)?|stddev|median")
"""Aggregators that only distributions have: what they spread over can be counted."""
_AGGREGATES = {
    "": "without an aggregator, Datadog averages",
    "avg": "`avg:` gives an average",
    "min": "`min:` gives the lowest value",
    "max": "`max:` gives the highest value",
}
_ROLLUPS = {
    "count": "counts points, not events",
    "min": "keeps the lowest value",
    "max": "keeps the highest value",
    "last": "keeps the last value",
}
_PERCENT = (100.0, 0.01)


def flaws(node: Node, *, scalable: bool = False) -> list[Flaw]:
    """Why the query isn't a count, each reason once; a `scalable` one may be multiplied by a constant."""
    return list(dict.fromkeys(_flaws(node, summed=False, scalable=scalable)))


def counting(node: Node, *, denominator: bool = False, scalable: bool = False) -> Node:
    """The query that counts what this one is about, without groups.

    Of a ratio it is the numerator, or the denominator where that is wanted.
    """
    return _Counting(denominator=denominator, scalable=scalable).of(node, summed=False)


def groups_in(node: Node) -> list[str]:
    """The `by {…}` of a query that make a series for each group, in words."""
    own = node.groups if isinstance(node, Metric | Call) else ""
    inner = [] if _reduces(node) else [each for child in children(node) for each in groups_in(child)]
    return [*([f"by {{{own}}}"] if own else []), *inner]


def ungrouped(node: Node) -> Node:
    """The query without what makes a series for each group."""
    if isinstance(node, Metric | Call) and node.groups:
        node = replace(node, groups="")
    return node if _reduces(node) else mapped(node, ungrouped)


def _reduces(node: Node) -> bool:
    if not isinstance(node, Call) or node.method or _REDUCERS.fullmatch(node.name) is None:
        return False
    return not node.arguments and not node.groups


def _flaws(node: Node, *, summed: bool, scalable: bool) -> Iterator[Flaw]:
    match node:
        case Metric():
            yield from _of_metric(node, summed=summed)
        case Call():
            found = _of_call(node)
            if found is not None:
                yield found
            # One reason for a query is enough: what is averaged on purpose isn't also told to lack `.as_count()`.
            known = summed or _sums(node) or found is not None
            yield from _flaws(node.of, summed=known, scalable=scalable)
        case Sum(terms):
            for _, term in terms:
                if value := value_of(term):
                    yield Flaw(f"it adds {plain(value)} to each bucket")
                else:
                    yield from _flaws(term, summed=summed, scalable=scalable)
        case Product() if not is_weightless(node):
            yield from _of_product(node, scalable=scalable)
            for _, factor in node.factors:
                yield from _flaws(factor, summed=summed, scalable=scalable)


def _of_metric(metric: Metric, *, summed: bool) -> Iterator[Flaw]:
    if metric.aggregator.startswith("count"):
        return
    if metric.aggregator != "sum":
        yield Flaw(_AGGREGATES.get(metric.aggregator, f"`{metric.aggregator}:` gives a value, not how many there were"))
    elif not summed:
        yield Flaw("without `.as_count()`, `sum:` of a counter gives events per second", seconds=1.0)


def _of_call(call: Call) -> Flaw | None:
    name, argument = call.name.lower(), call.first_argument
    shown = f".{call.name}({call.arguments})" if call.method else f"{call.name}(…)"
    if name == "rollup":
        # A distribution is rolled up by its own aggregator: count:latency{*}.rollup(60).
        counted = argument.isdigit() and all(each.aggregator.startswith("count") for each in metrics_in(call))
        fine = argument == "sum" or counted
        return None if fine else Flaw(f"`{shown}` {_ROLLUPS.get(argument, 'averages over time')}")
    if name == "fill":
        return None if argument in _HARMLESS_FILLS else Flaw(f"`{shown}` makes counts up where there were none")
    if name in {"clamp_min", "cutoff_min"} and argument in {"0", "0.0"}:
        return None
    flaws = (Flaw(f"`{shown}` {told}", per) for pattern, told, per in _FUNCTIONS if re.fullmatch(pattern, name))
    return next(flaws, None)


def _sums(call: Call) -> bool:
    name = call.name.lower()
    return name == "as_count" or (name == "rollup" and call.first_argument == "sum")


def _of_product(product: Product, *, scalable: bool) -> Iterator[Flaw]:
    measured = [sign for sign, factor in product.factors if _is_measured(factor)]
    if "/" in measured:
        yield Flaw("it divides one query by another", is_ratio=True)
        return
    if len(measured) > 1:
        yield Flaw("it multiplies queries by each other")
    scale = _scale(product)
    if any(abs(scale - percent) < 1e-9 for percent in _PERCENT):
        yield Flaw(f"`{'* 100' if scale > 1 else '/ 100'}` makes a percentage of it", is_ratio=True)
    elif not scalable and abs(scale) != 1:
        yield Flaw(f"it counts each event {plain(scale)} times")


def _scale(product: Product) -> float:
    scale = 1.0
    for sign, factor in product.factors:
        value = value_of(factor)
        if value is not None:
            scale = scale * value if sign == "*" else scale / (value or 1.0)
    return scale


def _is_measured(node: Node) -> bool:
    return next(metrics_in(node), None) is not None


@dataclass(frozen=True, slots=True)
class _Counting:
    """Makes counts of queries: takes away what leaves none, and adds `.as_count()`."""

    denominator: bool
    scalable: bool

    def of(self, node: Node, *, summed: bool) -> Node:
        if not _is_measured(node):
            return node
        match node:
            case Metric():
                return _counted(node, summed=summed)
            case Call():
                if _of_call(node) is not None or _reduces(node):
                    return self.of(node.of, summed=summed)
                of = self.of(node.of, summed=summed or _sums(node))
                return replace(node, of=of, groups="")
            case Sum():
                return self._of_sum(node, summed=summed)
            case Product():
                return self._of_product(node, summed=summed)
        return node

    def _of_sum(self, node: Sum, *, summed: bool) -> Node:
        if (flipped := _flipped(node)) is not None:
            return self.of(flipped, summed=summed)
        kept = tuple((sign, self.of(term, summed=summed)) for sign, term in node.terms if _is_measured(term))
        return kept[0][1] if len(kept) == 1 else Sum(kept)

    def _of_product(self, node: Product, *, summed: bool) -> Node:
        if is_weightless(node):
            return mapped(node, lambda factor: self.of(factor, summed=summed))
        measured = [(sign, self.of(factor, summed=summed)) for sign, factor in node.factors if _is_measured(factor)]
        if self.scalable and len(measured) == 1 and not any(_of_product(node, scalable=True)):
            return mapped(node, lambda factor: self.of(factor, summed=summed))
        wanted = "/" if self.denominator else "*"
        return next((factor for sign, factor in measured if sign == wanted), measured[0][1])


def _counted(metric: Metric, *, summed: bool) -> Node:
    if metric.aggregator.startswith("count"):
        return replace(metric, groups="")
    aggregator = "count" if _MOST_SPREAD.fullmatch(metric.aggregator) else "sum"
    plain = replace(metric, aggregator=aggregator, groups="")
    return plain if summed else Call("as_count", plain, method=True)


def _flipped(node: Sum) -> Sum | None:
    """`1 - good / all` as `all - good`: the share that is left, as a count."""
    match node.terms:
        case (("+", Number()), ("-", Product((("*", good), ("/", every))))) if _is_measured(good):
            return Sum((("+", every), ("-", good)))
    return None
