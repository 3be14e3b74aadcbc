"""Datadog's metric queries as a tree: read from text, and written as text again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

_LONGEST = 4000
"""Characters of a query that is read; people write a few hundred."""
_DEEPEST = 30
"""Brackets within each other that are followed."""


@dataclass(frozen=True, slots=True)
class Number:
    """A constant, as it is written."""

    text: str


@dataclass(frozen=True, slots=True)
class Metric:
    """`aggregator:name{scope} by {groups}`; Datadog averages where no aggregator is written."""

    aggregator: str
    name: str
    scope: str
    groups: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A function of a query: `name(of, …)`, or `of.name(…)` where it is a method."""

    name: str
    of: Node
    arguments: str = ""
    method: bool = False
    groups: str = ""

    @property
    def first_argument(self) -> str:
        """What follows the query, or stands first in a method's brackets, in lower case and without quotation marks."""
        return self.arguments.split(",")[0].strip().strip("'\"").lower()


@dataclass(frozen=True, slots=True)
class Sum:
    """Terms, each with its sign: + or -."""

    terms: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Product:
    """Factors, each with its sign: * or /."""

    factors: tuple[tuple[str, Node], ...]


Node: TypeAlias = "Number | Metric | Call | Sum | Product"

# Each takes the blanks behind it along.
_NUMBER = re.compile(r"((?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*")
_METRIC = re.compile(
    # An aggregator may count the values beyond a threshold: count(v: v>0.5):latency{*}.
    r"(?:(?P<aggregator>[A-Za-z]\w*(?:\.\d+)?|count\s*\(\s*v\s*:\s*v\s*[<>]=?\s*[\d.]+\s*\))\s*:\s*)?"
    r"(?P<name>[A-Za-z_][\w.\-/]*)\s*\{(?P<scope>[^{}]*)\}\s*",
    re.IGNORECASE,
)
_GROUPS = re.compile(r"by\s*\{([^{}]*)\}\s*", re.IGNORECASE)
_METHOD = re.compile(r"\.\s*([A-Za-z_]\w*)\s*\(([^(){}]*)\)\s*")
_CALL = re.compile(r"([A-Za-z_]\w*)\s*\(\s*")
_ARGUMENTS = re.compile(r",([^(){}]*)")
_TERM, _FACTOR = re.compile(r"([+-])\s*"), re.compile(r"([*/])\s*")
_MINUS = re.compile(r"-\s*")
_OPENS, _CLOSES = re.compile(r"\(\s*"), re.compile(r"\)\s*")


def parse(text: str) -> Node | None:
    """Read a query; None for text that isn't a metric query, such as a log query or one that Datadog refuses.

    Source: docs.datadoghq.com, "Metrics: anatomy of a metric query", "Dashboards: functions", "Nested queries".
    """
    if len(text) > _LONGEST:
        return None
    reader = _QueryReader(text)
    try:
        node = reader.sum(0)
    except _NotAQueryError:
        return None
    return node if reader.is_done and next(metrics_in(node), None) is not None else None


def write(node: Node) -> str:
    """The query as text; parsing it gives the same tree."""
    if isinstance(node, Number):
        return node.text
    if isinstance(node, Metric):
        return (f"{node.aggregator}:" if node.aggregator else "") + f"{node.name}{{{node.scope}}}" + _by(node.groups)
    if isinstance(node, Call):
        return _call(node) + _by(node.groups)
    if isinstance(node, Sum):
        return " ".join(f"{sign} {_inside(term, Sum)}" for sign, term in node.terms).removeprefix("+ ")
    return " ".join(f"{sign} {_inside(factor, Sum, Product)}" for sign, factor in node.factors).removeprefix("* ")


def metrics_in(node: Node) -> Iterator[Metric]:
    """Every metric of a query, from left to right."""
    if isinstance(node, Metric):
        yield node
    for child in children(node):
        yield from metrics_in(child)


def children(node: Node) -> tuple[Node, ...]:
    """What a node is made of."""
    match node:
        case Call(_, of):
            return (of,)
        case Sum(pairs) | Product(pairs):
            return tuple(child for _, child in pairs)
    return ()


def mapped(node: Node, change: Callable[[Node], Node]) -> Node:
    """The node with each of its children changed."""
    match node:
        case Call(_, of):
            return replace(node, of=change(of))
        case Sum(pairs) | Product(pairs):
            return type(node)(tuple((sign, change(child)) for sign, child in pairs))
    return node


def value_of(node: Node) -> float | None:
    """A node without metrics as a number; None where it has some, or divides by zero."""
    if isinstance(node, Number):
        return float(node.text)
    if isinstance(node, Metric | Call):
        return None
    total = 0.0 if isinstance(node, Sum) else 1.0
    for sign, child in node.terms if isinstance(node, Sum) else node.factors:
        value = value_of(child)
        if value is None or (sign == "/" and value == 0):
            return None
        total = {"+": total + value, "-": total - value, "*": total * value, "/": total / (value or 1.0)}[sign]
    return total


def is_weightless(node: Node) -> bool:
    """Whether a node adds nothing: a query times zero, which says where someone was counting."""
    if isinstance(node, Product):
        return any(sign == "*" and (value_of(child) == 0 or is_weightless(child)) for sign, child in node.factors)
    return value_of(node) == 0


def _call(call: Call) -> str:
    if call.method:
        return f"{_inside(call.of, Sum, Product, Number)}.{call.name}({call.arguments})"
    return f"{call.name}({write(call.of)}" + (f", {call.arguments})" if call.arguments else ")")


def _by(groups: str) -> str:
    return f" by {{{groups}}}" if groups else ""


def _inside(node: Node, *loose: type[Node]) -> str:
    return f"({write(node)})" if isinstance(node, loose) else write(node)


class _NotAQueryError(Exception):
    """Ends the reading of text that isn't a metric query."""


class _QueryReader:
    """Reads one query from left to right; brackets are followed to a bounded depth."""

    def __init__(self, text: str) -> None:
        self._text = text.strip()
        self._at = 0

    @property
    def is_done(self) -> bool:
        """Whether nothing is left."""
        return self._at == len(self._text)

    def sum(self, depth: int) -> Node:
        """Read terms; raises _NotAQueryError."""
        if depth > _DEEPEST:
            raise _NotAQueryError
        sign = self._take(_TERM)
        terms = [(sign[1] if sign else "+", self._product(depth))]
        while sign := self._take(_TERM):
            terms.append((sign[1], self._product(depth)))
        return terms[0][1] if terms[0][0] == "+" and len(terms) == 1 else Sum(tuple(terms))

    def _product(self, depth: int) -> Node:
        factors = [("*", self._factor(depth))]
        while sign := self._take(_FACTOR):
            factors.append((sign[1], self._factor(depth)))
        return factors[0][1] if len(factors) == 1 else Product(tuple(factors))

    def _factor(self, depth: int) -> Node:
        if self._take(_MINUS):  # 2 * -1
            return Sum((("-", self._operand(depth)),))
        return self._operand(depth)

    def _operand(self, depth: int) -> Node:
        node = self._primary(depth)
        while True:
            if method := self._take(_METHOD):
                node = Call(method[1], node, method[2].strip(), method=True)
            elif isinstance(node, Metric | Call) and (groups := self._take(_GROUPS)):
                node = replace(node, groups=groups[1].strip())
            else:
                return node

    def _primary(self, depth: int) -> Node:
        if metric := self._take(_METRIC):
            return Metric((metric["aggregator"] or "").lower(), metric["name"], metric["scope"].strip())
        if number := self._take(_NUMBER):
            return Number(number[1])
        if call := self._take(_CALL):
            of = self.sum(depth + 1)
            arguments = self._take(_ARGUMENTS)
            self._expect(_CLOSES)
            return Call(call[1], of, arguments[1].strip() if arguments else "")
        self._expect(_OPENS)
        node = self.sum(depth + 1)
        self._expect(_CLOSES)
        return node

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self._text, self._at)
        if match is not None:
            self._at = match.end()
        return match

    def _expect(self, pattern: re.Pattern[str]) -> None:
        if self._take(pattern) is None:
            raise _NotAQueryError
