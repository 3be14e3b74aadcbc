"""Datadog's metric expressions, as far as rates and counts need them: queries, arithmetic, and formulas."""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, TypeAlias


class QueryError(ValueError):
    """A query that can't be parsed; the message is what the API answers."""


@dataclass(frozen=True)
class MetricQuery:
    """One `sum:metric{tag:value,…}.as_count().rollup(sum, 5)`."""

    text: str
    aggregator: str
    metric: str
    filters: tuple[str, ...]
    grouped: bool
    as_count: bool
    rollup: tuple[str, int] | None
    seconds_before: int = 0
    """How much earlier it reads than it is asked for: `week_before(…)`."""

    def matches(self, metric: str, tags: Mapping[str, str]) -> bool:
        """Whether a series matches: same metric, and every filter holds."""
        return metric == self.metric and all(_holds(each, tags) for each in self.filters)


@dataclass(frozen=True)
class Variable:
    """The name of a query inside a formula."""

    name: str


@dataclass(frozen=True)
class Arithmetic:
    """Two operands and their operator."""

    sign: str
    left: "Node"
    right: "Node"


APM_METRICS = "apm_metrics"
_APM_TAGS = ("service", "operation_name", "resource_name", "span_kind")
_APM_STATS = (
    *("hits", "errors", "hits_per_second", "errors_per_second", "latency_avg", "latency_max", "total_time"),
    *("latency_p50", "latency_p75", "latency_p90", "latency_p95", "latency_p99", "latency_p999"),
)

Node: TypeAlias = "MetricQuery | Variable | Arithmetic | float"
Leaf: TypeAlias = MetricQuery | Variable

_QUERY = re.compile(
    r"(?P<aggregator>avg|sum|min|max|count|p\d\d)\s*:\s*(?P<metric>[A-Za-z][\w.]*)\s*\{(?P<filter>[^{}]*)\}"
    r"(?P<by>\s*by\s*\{[^{}]*\})?(?P<functions>(?:\s*\.\s*\w+\([^()]*\))*)"
)
_TOKEN = re.compile(
    rf"\s*(?:(?P<query>{re.sub(r'[?]P<[a-z]+>', '?:', _QUERY.pattern)})"
    r"|(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<sign>[-+*/(),]))"
)
_FILTER = re.compile(r"!?[\w.-]+:[^\s,{}()]+|\*")
_SIGNS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "clamp_min": max,
}


def parse(text: str) -> Node:
    """Parse an expression or a formula; raises QueryError if it can't."""
    tokens = list(_tokens(text))
    node, rest = _sum(tokens, text)
    if rest:
        raise QueryError(f"Rule '{text}' could not be parsed: unexpected '{rest[0][1]}'")
    return node


def parse_events(source: str, search: str) -> MetricQuery:
    """Parse a search for events, which a scenario shows as a counter that is called as their source.

    Only terms that must all hold: raises QueryError for alternatives and for free text.
    """
    filters = []
    for term in search.split():
        text = f"{'!' if term.startswith('-') else ''}{term.removeprefix('-').removeprefix('@')}"
        if term != "AND" and not _FILTER.fullmatch(text):
            raise QueryError(f"Invalid search query: this stand-in has no '{term}'")
        filters += [text] if term != "AND" else []
    return MetricQuery(search, "sum", source, tuple(filters or ["*"]), grouped=False, as_count=True, rollup=None)


def parse_apm(query: Mapping[str, Any]) -> MetricQuery:
    """Parse a query of APM metrics, which a scenario shows as `apm_metrics.hits`, `apm_metrics.latency_p99` and so on.

    Raises QueryError for what the API doesn't have, and for what no series shows here.
    """
    if unknown := query.keys() - {"data_source", "name", "stat", "query_filter", *_APM_TAGS}:
        raise QueryError(f"Invalid query: this stand-in has no {', '.join(sorted(unknown))}")
    stat = str(query.get("stat"))
    if stat not in _APM_STATS:
        raise QueryError(f"Invalid query: stat '{stat}' isn't supported")
    filters = [f"{name}:{query[name]}" for name in _APM_TAGS if name in query]
    filters += [part.strip() for part in str(query.get("query_filter", "*")).split(",")]
    for part in filters:
        if not _FILTER.fullmatch(part):
            raise QueryError(f"Invalid query: unable to parse filter '{part}'")
    counted = stat.removesuffix("_per_second")
    aggregator, metric = "avg" if stat.startswith("latency") else "sum", f"{APM_METRICS}.{counted}"
    return MetricQuery(stat, aggregator, metric, tuple(filters), grouped=False, as_count=counted == stat, rollup=None)


def leaves(node: Node) -> Iterator[Leaf]:
    """List the queries and variables of an expression, from left to right."""
    if isinstance(node, Arithmetic):
        yield from leaves(node.left)
        yield from leaves(node.right)
    elif not isinstance(node, float):
        yield node


def substituted(node: Node, named: Mapping[Leaf, Node]) -> Node:
    """Put what each leaf stands for in its place."""
    if isinstance(node, Arithmetic):
        return Arithmetic(node.sign, substituted(node.left, named), substituted(node.right, named))
    return node if isinstance(node, float) else named[node]


def evaluate(node: Node, value_of: Callable[[Leaf], float | None]) -> float | None:
    """Evaluate an expression; None when no operand has a value, or on a division by zero.

    An operand without a value is 0 if the other has one: a healthy service sends no errors at all.
    """
    if isinstance(node, float):
        return node
    if not isinstance(node, Arithmetic):
        return value_of(node)
    left, right = evaluate(node.left, value_of), evaluate(node.right, value_of)
    if all(value is None for value in map(value_of, leaves(node))):
        return None
    try:
        return _SIGNS[node.sign](left or 0.0, right or 0.0)
    except ZeroDivisionError:
        return None


_Tokens: TypeAlias = list[tuple[str, str]]


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position, text = 0, text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise QueryError(f"Error parsing query: unable to parse {text}: near '{text[position:][:40]}'")
        yield match.lastgroup, match[match.lastgroup]
        position = match.end()


def _sum(tokens: _Tokens, text: str) -> tuple[Node, _Tokens]:
    return _chain(tokens, text, "+-", _product)


def _product(tokens: _Tokens, text: str) -> tuple[Node, _Tokens]:
    return _chain(tokens, text, "*/", _operand)


def _chain(
    tokens: _Tokens, text: str, signs: str, operand: Callable[[_Tokens, str], tuple[Node, _Tokens]]
) -> tuple[Node, _Tokens]:
    node, tokens = operand(tokens, text)
    while tokens and tokens[0][0] == "sign" and tokens[0][1] in signs:
        sign = tokens[0][1]
        right, tokens = operand(tokens[1:], text)
        node = Arithmetic(sign, node, right)
    return node, tokens


def _operand(tokens: _Tokens, text: str) -> tuple[Node, _Tokens]:
    if not tokens:
        raise QueryError(f"Error parsing query: unexpected end of {text}")
    (kind, word), tokens = tokens[0], tokens[1:]
    if kind == "query":
        return _metric_query(word), tokens
    if kind == "number":
        return float(word), tokens
    if kind == "name" and word in _SHIFTS and tokens and tokens[0] == ("sign", "("):
        node, tokens = _operand(tokens, text)  # its brackets, and what is in them
        return _shifted(node, _SHIFTS[word]), tokens
    if word == "clamp_min" and tokens and tokens[0] == ("sign", "("):
        return _clamped(tokens[1:], text)
    if kind == "name":
        return Variable(word), tokens
    if word != "(":
        raise QueryError(f"Error parsing query: unexpected '{word}' in {text}")
    node, tokens = _sum(tokens, text)
    if not tokens or tokens[0] != ("sign", ")"):
        raise QueryError(f"Error parsing query: a bracket is not closed in {text}")
    return node, tokens[1:]


def _clamped(tokens: _Tokens, text: str) -> tuple[Node, _Tokens]:
    node, tokens = _sum(tokens, text)
    if [kind for kind, _ in tokens[:3]] != ["sign", "number", "sign"] or tokens[0][1] + tokens[2][1] != ",)":
        raise QueryError(f"Error parsing query: clamp_min takes a query and a number in {text}")
    return Arithmetic("clamp_min", node, float(tokens[1][1])), tokens[3:]


_SHIFTS = {"hour_before": 3600, "day_before": 86_400, "week_before": 604_800}


def _shifted(node: Node, seconds: int) -> Node:
    """The expression with every query reading so much earlier."""
    if isinstance(node, Arithmetic):
        return Arithmetic(node.sign, _shifted(node.left, seconds), _shifted(node.right, seconds))
    return replace(node, seconds_before=node.seconds_before + seconds) if isinstance(node, MetricQuery) else node


def _metric_query(text: str) -> MetricQuery:
    match = _QUERY.fullmatch(text)
    assert match is not None
    filters = tuple(part.strip() for part in re.split(r",|\s+AND\s+", match["filter"].strip()))
    for part in filters:
        if not _FILTER.fullmatch(part):
            raise QueryError(f"Error parsing query: unable to parse filter '{part}' in {text}")
    as_count, rollup = False, None
    for name, arguments in re.findall(r"\.\s*(\w+)\(([^()]*)\)", match["functions"]):
        if name == "rollup":
            rollup = _rollup(arguments, text)
        elif name not in ("as_count", "as_rate", "fill"):
            raise QueryError(f"Error parsing query: unknown function '{name}' in {text}")
        as_count = as_count or name == "as_count"
    return MetricQuery(text, match["aggregator"], match["metric"], filters, match["by"] is not None, as_count, rollup)


def _rollup(arguments: str, text: str) -> tuple[str, int]:
    match = re.fullmatch(r"\s*(sum|avg|min|max|count)\s*,\s*([1-9]\d*)\s*", arguments)
    if match is None:
        raise QueryError(f"Error parsing query: rollup({arguments}) is not understood in {text}")
    return match[1], int(match[2])


def _holds(each: str, tags: Mapping[str, str]) -> bool:
    if each == "*":
        return True
    key, _, wanted = each.removeprefix("!").partition(":")
    found = key in tags and fnmatchcase(tags[key].lower(), wanted.lower())
    return found is not each.startswith("!")
