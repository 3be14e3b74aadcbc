"""A query of CloudWatch: one metric, or metric math over several.

In a plan it is `{cloudwatch: {namespace: …, metric: …, dimensions: {…}, stat: Sum}}`, or
`{cloudwatch: {expression: …, metrics: {id: {…}}}}`; on one line, `cloudwatch: ` and the same as JSON.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from rampart.model import Model
from rampart.plan.json_line import from_line, to_line
from rampart.plan.sourced_query import Flaw, SourcedQuery

CLOUDWATCH = "cloudwatch"
_WEEK = 7 * 86_400
_MOST_DIMENSIONS = 30
_MOST_METRICS = 100
"""Metrics of one expression; a call takes 500 queries, and no one adds up a hundred by hand."""

_Dimension = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
_Id = Annotated[str, StringConstraints(pattern=r"^[a-z][A-Za-z0-9_]{0,99}$")]


class CloudWatchMetric(Model):
    """One metric with a statistic. In CloudWatch each set of dimensions is a metric of its own."""

    namespace: str = Field(min_length=1, max_length=255, description="the metric's namespace, such as AWS/Lambda")
    metric: str = Field(min_length=1, max_length=255, description="the metric's name")
    dimensions: dict[_Dimension, _Dimension] = Field(
        {}, max_length=_MOST_DIMENSIONS, description="all of the metric's dimensions, with their values"
    )
    stat: str = Field("Sum", min_length=1, max_length=100, description="Sum, SampleCount, TC(0.8:), p99, …")


class CloudWatchRequest(Model):
    """One metric, or an expression over several."""

    namespace: str | None = Field(
        None, min_length=1, max_length=255, description="the metric's namespace, such as AWS/Lambda"
    )
    metric: str | None = Field(None, min_length=1, max_length=255, description="the metric's name")
    dimensions: dict[_Dimension, _Dimension] = Field(
        {}, max_length=_MOST_DIMENSIONS, description="all of the metric's dimensions, with their values"
    )
    stat: str | None = Field(
        None, min_length=1, max_length=100, description="Sum (if absent), SampleCount, TC(0.8:), p99, …"
    )
    expression: str | None = Field(
        None, min_length=1, max_length=1024, description="metric math over `metrics`, such as FILL(e4, 0) + FILL(e5, 0)"
    )
    metrics: dict[_Id, CloudWatchMetric] = Field(
        {}, max_length=_MOST_METRICS, description="the metrics of an expression, by the names that it has for them"
    )

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        named = [each for each in (self.namespace, self.metric) if each is not None]
        if len(named) != (2 if self.expression is None else 0):
            raise ValueError("give a namespace and a metric, or an expression and metrics")
        if self.expression is not None:
            self._check_expression(self.expression)
        elif self.metrics:
            raise ValueError("metrics belong to an expression")
        return self

    def _check_expression(self, expression: str) -> None:
        if self.dimensions or self.stat is not None:
            raise ValueError("an expression's metrics have dimensions and stat themselves")
        if re.search(r"['\"]|\b(?:METRICS|SEARCH|SELECT)\b", expression):
            raise ValueError(f"{expression!r} searches for metrics: name each below `metrics`, with its dimensions")
        used = set(_NAMES.findall(expression))
        if unknown := sorted(used - self.metrics.keys()):
            raise ValueError(f"{expression!r} uses {', '.join(unknown)}, which `metrics` doesn't have")
        if unused := sorted(self.metrics.keys() - used):
            raise ValueError(f"{expression!r} doesn't use {', '.join(unused)}")
        if not used:
            raise ValueError(f"{expression!r} uses no metric")

    @property
    def single(self) -> CloudWatchMetric:
        """The one metric; only where there is no expression."""
        own = {"namespace": self.namespace, "metric": self.metric, "dimensions": self.dimensions}
        return CloudWatchMetric.model_validate(own | ({"stat": self.stat} if self.stat is not None else {}))


_DAY = 86_400
_KEPT = ((10_800, 1), (15 * _DAY, 60), (63 * _DAY, 300))


def kept_width(age: float) -> int:
    """The narrowest buckets that CloudWatch keeps of what is so many seconds old, in seconds.

    Older ones are merged. https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricStat.html
    """
    return next((width for limit, width in _KEPT if age <= limit), 3600)


def kept_until(width: int) -> int:
    """Up to which age, in seconds, CloudWatch keeps something narrower than such buckets."""
    return max(limit for limit, narrower in _KEPT if narrower < width)


_NAMES = re.compile(r"\b[a-z]\w*")
"""The names of an expression's metrics; CloudWatch's functions and words are in capitals."""
_FUNCTIONS = re.compile(r"\b([A-Z][A-Z_0-9]*)\b")
_KEEP_COUNTS = frozenset({"FILL", "SUM", "IF", "AND", "OR", "ABS", "CEIL", "FLOOR", "REPEAT", "LINEAR"})
_FILLED = re.compile(r"FILL\(\s*[a-z]\w*\s*,\s*([^()]*?)\s*\)")
_COUNTS = re.compile(r"Sum|SampleCount|TC\((?!.*%)[\d.]*:[\d.]*\)")
_PERCENTILE = re.compile(r"p\d{1,2}(?:\.\d+)?")
_RANK = re.compile(r"PR\(([\d.]*:[\d.]*)\)")


@dataclass(frozen=True, slots=True)
class CloudWatchQuery(SourcedQuery):
    """What CloudWatch is asked, and how many seconds earlier than the window."""

    request: CloudWatchRequest
    seconds_before: int = 0

    @classmethod
    def read(cls, text: str) -> Self | None:
        """The query that a text is; None for another. Raises ValueError where it is one that can't be read."""
        inner = text.strip()
        shifted = re.fullmatch(r"week_before\((.*)\)", inner, re.DOTALL)
        request = from_line(CLOUDWATCH, shifted[1] if shifted else inner, CloudWatchRequest)
        return None if request is None else cls(request, _WEEK if shifted else 0)

    @property
    def metrics(self) -> Mapping[str, CloudWatchMetric]:
        """Every metric that is asked for, by name; the only one of a query without an expression has none."""
        return self.request.metrics if self.request.expression is not None else {"": self.request.single}

    @property
    def counted_in(self) -> str:
        """The source in words."""
        return "CloudWatch"

    @property
    def counts_by(self) -> str:
        """Every metric with its statistic."""
        return " ".join(f"{each.stat} of {each.namespace}/{each.metric}" for each in self.metrics.values())

    @property
    def asked(self) -> frozenset[str] | None:
        """The dimensions of the one metric; None for an expression."""
        if self.request.expression is not None:
            return None
        return frozenset(f"{name}:{value}" for name, value in self.request.dimensions.items())

    def missing_of(self, total: SourcedQuery) -> list[str]:
        """Dimensions that total has and this has not, if both are of one namespace."""
        is_other = not isinstance(total, CloudWatchQuery) or self.request.namespace != total.request.namespace
        return [] if is_other else SourcedQuery.missing_of(self, total)

    def asking(self, conditions: Iterable[str]) -> str:
        """The query as text, with more dimensions."""
        more = dict(each.split(":", 1) for each in conditions)
        return self._changed(dimensions=more | self.request.dimensions)

    def of_outcome(self, *, succeeded: bool) -> str:
        """The query as text, with a dimension that may tell the outcome."""
        if self.request.expression is not None:
            return str(self)
        return self._changed(dimensions=self.request.dimensions | {"Status": "2xx" if succeeded else "5xx"})

    @property
    def flaws(self) -> tuple[Flaw, ...]:
        """Why it doesn't count."""
        of_metrics = [flaw for each in self.metrics.values() for flaw in _of_stat(each.stat)]
        return tuple(dict.fromkeys([*of_metrics, *_of_math(self.request)]))

    @property
    def counting(self) -> str:
        """The query as text, as a count."""
        if self.request.expression is None:
            return self._changed(stat=_counting(self.request.single.stat))
        metrics = {name: each.changed(stat=_counting(each.stat)) for name, each in self.request.metrics.items()}
        summed = " + ".join(f"FILL({name}, 0)" for name in metrics)
        is_sound = not any(_of_math(self.request))
        return self._changed(expression=self.request.expression if is_sound else summed, metrics=metrics)

    @property
    def can_be_shifted(self) -> bool:
        """Rampart itself asks for the week before."""
        return True

    @property
    def percentile(self) -> str:
        """The percentile that it gives; empty where it gives none."""
        return next((each.stat for each in self.metrics.values() if _PERCENTILE.fullmatch(each.stat)), "")

    def _changed(self, **changes: Any) -> str:  # noqa: ANN401 -- a request's values are of many types
        return to_line(CLOUDWATCH, self.request.changed(**changes))

    def __str__(self) -> str:
        text = to_line(CLOUDWATCH, self.request)
        return f"week_before({text})" if self.seconds_before else text


def _of_stat(stat: str) -> Iterator[Flaw]:
    """Why a statistic doesn't count; https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html."""
    if _COUNTS.fullmatch(stat) is not None:
        return
    if stat.upper().startswith("PR("):
        yield Flaw(f"`{stat}` is a percentage already", is_ratio=True)
    elif stat.upper().startswith("TC"):
        yield Flaw(f"`{stat}` counts a fixed share of the requests, whatever their values")
    else:
        yield Flaw(f"`{stat}` gives one value, not how many there were")


def _counting(stat: str) -> str:
    """The statistic that counts what this one is about."""
    if _COUNTS.fullmatch(stat) is not None:
        return stat
    rank = _RANK.fullmatch(stat)
    return f"TC({rank[1]})" if rank else "Sum" if stat in ("Average", "Minimum", "Maximum") else "SampleCount"


def _of_math(request: CloudWatchRequest) -> Iterator[Flaw]:
    """Why metric math over counts gives none; https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html."""
    expression = request.expression or ""
    if re.search(r"/\s*\(?\s*(?:[A-Z]+\(\s*)*[a-z]", expression):
        yield Flaw(f"`{expression}` divides", is_ratio=True)
    for name in _FUNCTIONS.findall(expression):
        if name not in _KEEP_COUNTS:
            yield Flaw(f"`{name}` leaves no count")
    for match in _FILLED.finditer(expression):
        if match[1] not in ("0", "0.0"):
            yield Flaw(f"`{match[0]}` makes counts up where there were none")
    loose = _NAMES.findall(_FILLED.sub("", expression))
    if loose and len(request.metrics) > 1:
        yield Flaw(
            f"a bucket in which {', '.join(f'`{each}`' for each in dict.fromkeys(loose))} has no value has no sum "
            "either, so what the others counted there is lost"
        )
