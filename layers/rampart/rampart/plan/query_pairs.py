"""Errors and total of a rate, side by side: what total alone asks of a request, and whether they differ."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from rampart.plan.metric_query import Call, Metric, Node, Product, Sum, is_weightless, mapped
from rampart.plan.metric_scope import Clause, MetricScope, fits, parse_scope

_BETWEEN_WORDS = re.compile(r"[._\-/]")
_COUNTED = re.compile(
    r"errors?|fail\w*|exceptions?|success\w*|ok|hits?|requests?|totals?|counts?|all|good|bad|\dxx", re.IGNORECASE
)
"""Words of a metric's name that say what is counted, not of which thing."""
_SILENT = frozenset({"as_count", "rollup", "fill", "default_zero", "abs", "exclude_null"})
"""Functions that leave a count what it is."""
_OF_TRACES = re.compile(r"(trace\..+)\.errors")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two queries that count, `errors` (of a bar `above`, the successes) and `total`, without groups."""

    errors: Node
    total: Node

    @property
    def foreign(self) -> tuple[Clause, ...]:
        """The tags that total asks of each request and that some query of errors doesn't ask for.

        Nothing where it can't be told: of alternatives, and of metrics without a name in common, which may have other
        tags.
        """
        missing = (clause for metric in _weighty(self.errors) for clause in self._missing(metric))
        return tuple(dict.fromkeys(missing))

    @property
    def are_the_same(self) -> bool:
        """Whether both count the same requests."""
        errors, total = _canonical(self.errors), _canonical(self.total)
        return bool(errors) and errors == total

    def aligned(self) -> Pair:
        """The pair with the same tags on both sides but for what tells an error.

        A tag that tells outcomes, such as `status:200`, leaves total, which holds every outcome; others come to errors.
        """
        outcomes = [clause for clause in self.foreign if clause.tells_outcomes]
        return Pair(
            _with_scopes(self.errors, self._narrowed),
            _with_scopes(self.total, lambda metric: _read(metric).without(outcomes) if outcomes else None),
        )

    def distinguished(self, outcome: str) -> Pair:
        """The pair where something tells an error from another request: the tag `outcome` if nothing does.

        Where both ask for an outcome, total does without it.
        """
        outcomes = [
            clause
            for metric in _weighty(self.total)
            for clause in _read(metric).clauses
            if clause.tells_outcomes and not clause.negated
        ]
        if outcomes:
            return replace(self, total=_with_scopes(self.total, lambda metric: _read(metric).without(outcomes)))
        hits = _with_metrics(self.total, _hits)
        if hits != self.total:
            return replace(self, total=hits)
        return replace(self, errors=_with_metrics(self.errors, lambda metric: _with_tag(metric, outcome)))

    def _missing(self, metric: Metric) -> list[Clause]:
        scope = parse_scope(metric.scope)
        if scope is None:
            return []
        related = any(_are_related(metric.name, other.name) for other in _weighty(self.total))
        known = {own.key for own in scope.clauses if not own.negated}
        return [
            clause for clause in _common(self.total) if (related or clause.key in known) and not scope.implies(clause)
        ]

    def _narrowed(self, metric: Metric) -> MetricScope | None:
        missing = [clause for clause in self._missing(metric) if not clause.tells_outcomes]
        if not missing:
            return None
        scope = _read(metric)
        keys = {clause.key for clause in missing}
        against = [
            own for own in scope.clauses if not own.is_opaque and any(_contradict(own, each) for each in missing)
        ]
        return scope.without(against).including(each for each in _common(self.total) if each.key in keys)


def _contradict(own: Clause, wanted: Clause) -> bool:
    if own.key != wanted.key:
        return False
    return not wanted.negated or (not own.negated and fits(own.value, wanted.value))


def _common(node: Node) -> tuple[Clause, ...]:
    """The conditions that every query of a sum has; none where one of them has alternatives."""
    scopes = [parse_scope(metric.scope) for metric in _weighty(node)]
    known = [scope for scope in scopes if scope is not None]
    if not known or len(known) < len(scopes):
        return ()
    return tuple(clause for clause in known[0].clauses if all(clause in other.clauses for other in known[1:]))


def _are_related(name: str, other: str) -> bool:
    """Whether two metrics are of the same thing, as far as their names tell: letters.errors and letters.requests."""
    one, two = _things(name), _things(other)
    shorter = min(len(one), len(two))
    return one == two or (shorter > 0 and one[:shorter] == two[:shorter])


def _things(name: str) -> list[str]:
    return [word.lower() for word in _BETWEEN_WORDS.split(name) if not _COUNTED.fullmatch(word)]


def _weighty(node: Node) -> Iterator[Metric]:
    """The metrics that add to the count: what is multiplied by zero only says where someone was counting."""
    for _, metric, _ in _terms(node):
        yield metric


def _terms(node: Node, sign: str = "+", around: tuple[str, ...] = ()) -> Iterator[tuple[str, Metric, tuple[str, ...]]]:
    """The metrics that add to a count, each with its sign and the functions around it that change a count."""
    if is_weightless(node):
        return
    match node:
        case Metric():
            yield sign, node, around
        case Call(name, of):
            known = name.lower() in _SILENT
            yield from _terms(of, sign, around if known else (*around, f"{name.lower()}({node.arguments})"))
        case Sum(terms):
            for own, term in terms:
                yield from _terms(term, "+" if own == sign else "-", around)
        case Product(factors):
            for _, factor in factors:
                yield from _terms(factor, sign, around)


def _canonical(node: Node) -> list[tuple[object, ...]]:
    """What two queries that count the same have in common: order, blanks, and tags in any order don't count."""
    return sorted(
        (sign, metric.aggregator, metric.name, _canonical_scope(metric.scope), around)
        for sign, metric, around in _terms(node)
    )


def _canonical_scope(text: str) -> tuple[tuple[str, str, bool], ...]:
    scope = parse_scope(text)
    return scope.canonical if scope is not None else ((" ".join(text.lower().split()), "", False),)


def _read(metric: Metric) -> MetricScope:
    """The scope of a metric; nothing of alternatives, which can't be compared."""
    return parse_scope(metric.scope) or MetricScope((), functional=False)


def _with_scopes(node: Node, change: Callable[[Metric], MetricScope | None]) -> Node:
    def changed(metric: Metric) -> Metric:
        scope = change(metric) if parse_scope(metric.scope) is not None else None
        return metric if scope is None else replace(metric, scope=scope.text)

    return _with_metrics(node, changed)


def _with_metrics(node: Node, change: Callable[[Metric], Metric]) -> Node:
    if is_weightless(node):
        return node
    if isinstance(node, Metric):
        return change(node)
    return mapped(node, lambda child: _with_metrics(child, change))


def _hits(metric: Metric) -> Metric:
    """The requests next to the errors of a traced operation."""
    match = _OF_TRACES.fullmatch(metric.name)
    return replace(metric, name=f"{match[1]}.hits") if match else metric


def _with_tag(metric: Metric, tag: str) -> Metric:
    scope = parse_scope(metric.scope)
    if scope is None:
        return replace(metric, scope=f"({metric.scope}) AND {tag}")
    added = parse_scope(tag)
    return replace(metric, scope=scope.including(added.clauses if added else ()).text)
