"""What guards a criterion in Datadog, by the criterion's kind: the query of its monitor and the lines of its graph.

Metrics are looked at by a metric monitor; logs and spans by one of theirs, whose formula names its queries.

A monitor sees a coarse fault within minutes and doesn't know of evidence, so it looks at a window in which a few errors
can't cross the bar. https://docs.datadoghq.com/monitors/types/metric/
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rampart.evidence.compare import PARTS
from rampart.evidence.criteria import Scope
from rampart.plan.criterion import Blame, CompareSpec, CountSpec, CriterionSpec, OnFail, RateSpec, ValueSpec
from rampart.plan.model import Plan
from rampart.words import exact_percent, plain
from rampart_cli.bars import bar_text
from rampart_cli.datadog.sources import TYPE_OF, MonitorType, asked_as, in_metrics, source_of, unguarded

_ERRORS_AT_THE_BAR = 5
"""How many errors a window holds at the bar, on the plan's usual traffic: one or two can't alert."""
_WINDOWS = tuple(timedelta(minutes=m) for m in (1, 5, 10, 15, 30, 60, 120, 240, 480, 720, 1440))
_SLACK = 0.1
"""How far a monitor must come back from its bar to recover, as a share: at the bar itself it would flap."""


@dataclass(frozen=True, slots=True)
class GraphLine:
    """A line of a graph: a formula of queries, each with the name that the formula knows it by."""

    label: str
    formula: str
    queries: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One criterion as Datadog sees it; bars are in the unit of the query, percentages for rates."""

    reducer: str
    """How the monitor takes its window together: `sum`, `min`, `max`."""
    expression: str
    window: timedelta
    sign: str
    """The comparison that alerts."""
    bar: float
    recovery: float | None
    """Where the alert is over; None where nothing lies beyond the bar."""
    bar_text: str
    lines: tuple[GraphLine, ...]
    requests: str | None = None
    """The query of all requests, where there is one."""
    silence_is_a_fault: bool = False
    needs_full_window: bool = False
    spares: str | None = None
    """Why its alert alone rolls nothing back, as a sentence; None where it does."""

    @property
    def type(self) -> MonitorType:
        """The type of the monitor, by what is counted."""
        source = source_of(next(iter(self.lines[0].queries.values())))
        return MonitorType.METRIC if source is None else TYPE_OF[source]

    @property
    def query(self) -> str:
        """The monitor's query, whose last number must be its critical threshold."""
        minutes = max(1, math.ceil(self.window / timedelta(minutes=1)))
        bar = f"{self.sign} {plain(self.bar)}"
        if self.type is MonitorType.METRIC:
            return f"{self.reducer}(last_{minutes}m):{self.expression} {bar}"
        return f'formula("{self.expression}").last("{minutes}m") {bar}'

    @property
    def variables(self) -> list[dict[str, Any]]:
        """What the formula of a monitor of events names; a metric monitor's query says it all."""
        if self.type is MonitorType.METRIC:
            return []
        return [asked_as(name, query) for name, query in self.lines[0].queries.items()]


def guards_of(plan: Plan) -> Iterator[tuple[str, Guard]]:
    """Each criterion that a monitor can guard, by name; what people report isn't in Datadog."""
    for name, spec in plan.criteria.items():
        make = _GUARDS.get(spec.kind)
        if make is not None and unguarded(spec) is None:
            yield name, make(in_metrics(spec), plan)


def _spares(spec: CriterionSpec) -> str | None:
    if spec.on_fail is OnFail.HOLD:
        return "This alert rolls nothing back: when the criterion fails, the plan holds the stage."
    if spec.on_fail is OnFail.TELL:
        return "This alert rolls nothing back: the plan only tries this criterion out."
    if isinstance(spec, RateSpec) and spec.blame is Blame.FLAG_ONLY:
        return "This alert alone rolls nothing back: Rampart first checks whether the old path fails too."
    return None


def _rate(spec: RateSpec, plan: Plan) -> Guard:
    is_below = spec.below is not None
    bar = (spec.below if spec.below is not None else spec.above or 0.0) * 100
    wrong = bar if is_below else 100 - bar
    lines = (
        GraphLine("errors out of requests, in %", "errors / total * 100", {"errors": spec.errors, "total": spec.total}),
    )
    return Guard(
        reducer="sum",
        expression=f"( {_operand('errors', spec.errors)} / {_operand('total', spec.total)} ) * 100",
        window=_window(plan, _ERRORS_AT_THE_BAR / (wrong / 100), spec.scope),
        sign=">" if is_below else "<",
        bar=bar,
        recovery=bar - _SLACK * wrong if is_below else bar + _SLACK * wrong,
        bar_text=f"{'below' if is_below else 'above'} {exact_percent(bar / 100)}",
        lines=lines,
        requests=spec.total,
        # No one is in a cohort while the flag is at 0%.
        silence_is_a_fault=spec.scope is Scope.EVERYONE,
        spares=_spares(spec),
    )


def _window(plan: Plan, requests: float, scope: Scope) -> timedelta:
    """The shortest window that usually sees so many requests; the plan's bucket where it doesn't say its traffic."""
    share = 1.0 if scope is Scope.EVERYONE else plan.shares[0].exposure / 100
    needed = timedelta(hours=requests / (plan.traffic * share)) if plan.traffic else plan.bucket
    return next((each for each in _WINDOWS if each >= max(needed, plan.bucket)), _WINDOWS[-1])


def _compare(spec: CompareSpec, plan: Plan) -> Guard:
    parts = {part: str(getattr(spec, part)) for part in PARTS}
    errors, total, control_errors, control_total = (_operand(name, query) for name, query in parts.items())
    own, control = f"( {errors} / {total} )", f"( {control_errors} / {control_total} )"
    if spec.ignore_below is not None:
        # The own rate is above both bars where it is above so many times the greater of the control's and this.
        control = f"clamp_min({control}, {plain(spec.ignore_below / spec.at_most)})"
    usual = spec.baseline or (spec.history.rate if spec.history else None) or 0.0
    wrong = max(spec.at_most * usual, spec.ignore_below or 0.0)
    return Guard(
        reducer="sum",
        expression=f"{own} / {control}",
        window=_window(plan, _ERRORS_AT_THE_BAR / wrong if wrong else 0.0, Scope.COHORT),
        sign=">",
        bar=spec.at_most,
        recovery=spec.at_most * (1 - _SLACK),
        bar_text=bar_text(spec),
        lines=(
            GraphLine(
                "times the control's error rate", "( errors / total ) / ( control_errors / control_total )", parts
            ),
        ),
        requests=spec.total,
        spares=_spares(spec),
    )


def _count(spec: CountSpec, plan: Plan) -> Guard:
    # A longer window would count what came before the stage.
    return Guard(
        reducer="sum",
        expression="count" if source_of(spec.query) else spec.query,
        window=plan.bucket,
        sign=">",
        bar=spec.at_most,
        recovery=spec.at_most * (1 - _SLACK) or None,
        bar_text=f"at most {plain(spec.at_most)}",
        lines=(GraphLine("count", "count", {"count": spec.query}),),
        spares=_spares(spec),
    )


def _value(spec: ValueSpec, _: Plan) -> Guard:
    is_below = spec.below is not None
    bar = spec.below if spec.below is not None else spec.above or 0.0
    slack = -_SLACK * abs(bar) if is_below else _SLACK * abs(bar)
    return Guard(
        # Wrong all the time is when the best value of the window is wrong.
        reducer="min" if is_below else "max",
        expression=spec.query,
        window=spec.for_,
        sign=">=" if is_below else "<=",
        bar=bar,
        recovery=bar + slack if slack else None,
        bar_text=f"{'below' if is_below else 'above'} {plain(bar)}",
        lines=(GraphLine("value", "value", {"value": spec.query}),),
        silence_is_a_fault=True,
        needs_full_window=True,
        spares=_spares(spec),
    )


def _operand(name: str, query: str) -> str:
    """A query as a part of a division: in parentheses where it is a calculation itself, and events by their name."""
    if source_of(query) is not None:
        return name
    depth = 0
    for letter in query:
        depth += (letter in "{([") - (letter in "})]")
        if depth == 0 and letter in "+-*/":
            return f"( {query} )"
    return query


_GUARDS: Mapping[str, Callable[[Any, Plan], Guard]] = {
    "rate": _rate,
    "compare": _compare,
    "count": _count,
    "value": _value,
}
"""By the criterion's kind; a kind that isn't here, as what people report, has neither a monitor nor a graph."""
