"""The criteria of a plan: what is asked, and what it is held against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, FiniteFloat, model_validator

from rampart.evidence.criteria import Counts, Scope
from rampart.model import Model
from rampart.numbers import shown
from rampart.plan.durations import Duration
from rampart.plan.quantities import Chance, Fraction, Percent, Times
from rampart.plan.rules import Problem, all_or_raise
from rampart.plan.written_query import Query


class OnFail(StrEnum):
    """What a failing criterion does."""

    ROLL_BACK = "roll_back"
    """The flag goes to 0% at once."""
    HOLD = "hold"
    """The stage is held, and only an override goes on."""
    TELL = "tell"
    """People are told, and nothing moves or is held: a criterion that is only tried out."""


class _CriterionSpec(Model):
    on_fail: OnFail = Field(
        OnFail.ROLL_BACK, description="what a fail does: set the flag to 0%, hold the stage, or only tell people"
    )

    @property
    def binds(self) -> bool:
        """Whether it can move or hold anything; otherwise people only read it."""
        return self.on_fail is not OnFail.TELL


def _bar_problems(below: float | None, above: float | None) -> Iterator[Problem]:
    if (below is None) == (above is None):
        yield (), "give one bar: either below or above"


ALPHA = 0.05
DETECTOR = 100.0


class HistoryHour(Model):
    """Counts of one hour that was left out; `start` in epoch seconds."""

    start: int
    errors: float
    requests: float


class RateHistory(Model):
    """What the week before the start showed of a rate; the counts are those of the hours that were not left out."""

    errors: float = Field(description="errors in the hours that count")
    requests: float = Field(description="requests in the hours that count")
    hours: int = Field(description="how many hours count")
    left_out: tuple[HistoryHour, ...] = Field((), description="outages, which count neither here nor for the clump")

    @property
    def rate(self) -> float | None:
        """Errors out of requests, a fraction; None without requests."""
        return self.errors / self.requests if self.requests > 0 else None


class TestedSpec(_CriterionSpec):
    """What the kinds that are judged statistically have in common."""

    clump: float | None = Field(
        None, ge=1, le=1000, description="errors come in groups of up to this many; measured if absent"
    )
    clump_source: str | None = Field(None, description="where the clump comes from; filled in at the start")
    history: RateHistory | None = Field(None, description="what the week before showed; filled in at the start")
    alpha_fail: Chance = Field(ALPHA, description="chance of a false rollback, for a stage")
    alpha_pass: Chance = Field(ALPHA, description="chance of a false pass, for a stage")
    detector: float = Field(DETECTOR, ge=1, le=1e6, description="the change detector's run length, in planned stages")


class Blame(StrEnum):
    """What a rate beyond its bar is put down to."""

    ALWAYS = "always"
    """The flag: it fails, whatever else fails at the same time."""
    FLAG_ONLY = "flag_only"
    """The flag only where its path is worse than the control: if both paths fail, the stage is held."""


class RateSpec(TestedSpec):
    """Errors out of requests, judged statistically."""

    kind: Literal["rate"]
    errors: Query = Field(description="query that counts the errors")
    total: Query = Field(description="query that counts all requests")
    below: Fraction | None = Field(None, description="the bar that the rate must stay below; give below or above")
    above: Fraction | None = Field(None, description="the bar that the rate must stay above, for successes")
    scope: Scope = Field(Scope.EVERYONE, description="whose requests the queries count: everyone's, or the flag's own")
    baseline: Fraction | None = Field(None, description="the rate without the flag; needed when scope is everyone")
    blame: Blame = Field(
        Blame.ALWAYS, description="whether an outage of both paths fails it; flag_only needs a control"
    )
    control_errors: Query | None = Field(
        None, description="query that counts the errors of the old path; for blame: flag_only"
    )
    control_total: Query | None = Field(
        None, description="query that counts all requests of the old path; for blame: flag_only"
    )
    counts: Counts = Field(Counts.REQUESTS, description="what the totals count: requests, or one for each person")

    @model_validator(mode="after")
    def _can_be_judged(self) -> Self:
        all_or_raise("rate", self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        yield from _bar_problems(self.below, self.above)
        for side in ("below", "above"):
            bar = getattr(self, side)
            if bar is not None and not 0 < bar < 1:
                yield (side,), "a rate's bar lies between 0% and 100%, exclusive"
        if self.scope is Scope.EVERYONE and self.baseline is None:
            yield ("baseline",), "scope: everyone needs a baseline, the rate without the flag; or use scope: cohort"
        control = (self.control_errors, self.control_total)
        if self.blame is Blame.FLAG_ONLY:
            if None in control:
                yield (
                    ("blame",),
                    "blame: flag_only needs control_errors and control_total, the old path at the same time",
                )
            if self.below is None or self.scope is not Scope.COHORT:
                yield ("blame",), "blame: flag_only needs a bar `below` and scope: cohort, the flag's own requests"
        elif control != (None, None):
            yield ("blame",), "control_errors and control_total are asked only with blame: flag_only"


class CompareSpec(TestedSpec):
    """The error rate of the flag's own path against the one of a control, judged statistically."""

    kind: Literal["compare"]
    errors: Query = Field(description="query that counts the errors of the flag's own path")
    total: Query = Field(description="query that counts all requests of the flag's own path")
    control_errors: Query = Field(
        description="query that counts the errors of the old path, or week_before(...) of one"
    )
    control_total: Query = Field(
        description="query that counts all requests of the old path, or week_before(...) of one"
    )
    at_most: Times = Field(description="how many times the control's rate the own path's may be")
    ignore_below: Fraction | None = Field(None, description="the own path's rate below which no ratio matters")
    baseline: Fraction | None = Field(None, description="the control's rate, for what the stages can decide")
    counts: Counts = Field(Counts.REQUESTS, description="what the totals count: requests, or one for each person")
    up_to: Percent | None = Field(
        None, gt=0, description="the highest percentage at which it is judged: at 100% no one takes the old path"
    )

    @model_validator(mode="after")
    def _can_be_compared(self) -> Self:
        all_or_raise("compare", self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        for part in ("ignore_below", "baseline"):
            rate = getattr(self, part)
            if rate is not None and not 0 < rate < 1:
                yield (part,), "a rate that is compared lies between 0% and 100%, exclusive"
        if is_of_week_before(self.control_errors) != is_of_week_before(self.control_total):
            yield (
                ("control_total",),
                "control_errors and control_total must be of the same time: week_before(...) or not",
            )

    @property
    def is_concurrent(self) -> bool:
        """Whether the control has its requests at the same time; it then has none once everyone takes the new path."""
        return not is_of_week_before(self.control_total)

    def is_judged_at(self, share: float) -> bool:
        """Whether it is judged while the flag is on for such a share, a fraction."""
        return self.up_to is None or share * 100 <= self.up_to + _ROUNDING


_ROUNDING = 1e-9
_WEEK_BEFORE = "week_before("


def is_of_week_before(query: str) -> bool:
    """Whether a query reads the same time a week earlier."""
    text = query.strip()
    return text.startswith(_WEEK_BEFORE) and text.endswith(")")


class CountSpec(_CriterionSpec):
    """A sum over the stage."""

    kind: Literal["count"]
    query: Query = Field(description="query that counts")
    at_most: FiniteFloat = Field(ge=0, description="the most that the whole stage may count")


class ValueSpec(_CriterionSpec):
    """A gauge or a percentile that must stay on one side of its bar."""

    kind: Literal["value"]
    query: Query = Field(description="query of a gauge or percentile")
    below: FiniteFloat | None = Field(None, description="the bar, in the metric's own unit; give below or above")
    above: FiniteFloat | None = Field(None, description="the bar that it must stay above, in the metric's own unit")
    for_: Duration = Field(timedelta(minutes=15), alias="for", description="how long it must be wrong to fail")

    @model_validator(mode="after")
    def _can_be_judged(self) -> Self:
        all_or_raise("value", _bar_problems(self.below, self.above))
        return self


class ReportedSpec(_CriterionSpec):
    """A number that a person attests when approving."""

    kind: Literal["reported"]
    at_most: FiniteFloat = Field(ge=0, description="the most that may be reported at an approval")

    @model_validator(mode="after")
    def _is_asked_for_a_reason(self) -> Self:
        told = "people are asked for a number only where it decides; on_fail: tell is for what is measured"
        all_or_raise("reported", iter(() if self.binds else ((("on_fail",), told),)))
        return self


def _kind_as_text(spec: object) -> object:
    # pydantic writes a kind that it doesn't know into its error, however deep that nests.
    is_odd = isinstance(spec, Mapping) and "kind" in spec and not isinstance(spec["kind"], str)
    return {**spec, "kind": shown(spec["kind"])} if isinstance(spec, Mapping) and is_odd else spec


CriterionSpec = Annotated[
    RateSpec | CompareSpec | CountSpec | ValueSpec | ReportedSpec,
    Field(discriminator="kind"),
    BeforeValidator(_kind_as_text),
]
