"""The plan document: flags, stages, criteria and calendar of one rollout."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from rampart.model import Model
from rampart.plan.calendar import Calendar
from rampart.plan.durations import Duration, Hold
from rampart.plan.quantities import Fraction, Percent, Traffic

_LONGEST_PLAN = timedelta(days=300)  # a Step Functions execution ends after a year; what is left is for waiting people


class OnFail(StrEnum):
    """What a failing criterion does."""

    ROLL_BACK = "roll_back"
    """The flag goes to 0% at once."""
    HOLD = "hold"
    """The stage is held, and only an override goes on."""


class WhenBlind(StrEnum):
    """What happens when evaluations stop."""

    HOLD = "hold"
    """The flag stays where it is until sight returns; people are told."""
    ROLL_BACK = "roll_back"
    """The flag goes to 0%."""


class OnRise(StrEnum):
    """What happens when another writer raised a live flag above Rampart's record."""

    ROLL_BACK = "roll_back"
    """The flag goes to 0% and the attempt ends."""
    RESTORE = "restore"
    """The flag is lowered to the record and the attempt goes on."""


class OnFall(StrEnum):
    """What happens when another writer lowered a live flag below Rampart's record."""

    HOLD = "hold"
    """The stage is held until the flag is back or a person decides; people are told."""
    ROLL_BACK = "roll_back"
    """The flag goes to 0% and the attempt ends."""


class Approval(StrEnum):
    """Who lets a stage begin."""

    REQUIRED = "required"
    """A person approves the advance."""
    NONE = "none"
    """The flag advances by itself, and only when every criterion passes."""


class Scope(StrEnum):
    """Whose requests a metric counts."""

    EVERYONE = "everyone"
    """All requests, with and without the flag: a low stage is diluted."""
    COHORT = "cohort"
    """Only requests that the flag was on for."""


class OnDrift(Model):
    """What happens when the flag is not where Rampart left it."""

    above: OnRise = OnRise.ROLL_BACK
    below: OnFall = OnFall.HOLD


class _CriterionSpec(Model):
    on_fail: OnFail = OnFail.ROLL_BACK


class _OneSidedSpec(_CriterionSpec):
    @model_validator(mode="after")
    def _has_one_bar(self) -> Any:
        if (getattr(self, "below", None) is None) == (getattr(self, "above", None) is None):
            raise ValueError("give one bar: either below or above")
        return self


class RateSpec(_OneSidedSpec):
    """Errors out of requests, judged statistically."""

    kind: Literal["rate"]
    errors: str = Field(min_length=1, description="Datadog query that counts the errors")
    total: str = Field(min_length=1, description="Datadog query that counts all requests")
    below: Fraction | None = None
    above: Fraction | None = None
    scope: Scope = Scope.EVERYONE
    baseline: Fraction | None = Field(None, description="the rate without the flag; needed when scope is everyone")
    clump: float | None = Field(None, ge=1, le=1000, description="requests that one cause can spoil; measured if absent")
    clump_source: Literal["declared", "measured", "default"] | None = Field(None, description="filled in at the start")
    alpha_fail: float = Field(0.05, gt=0, lt=0.5, description="chance of a false rollback, for a stage")
    alpha_pass: float = Field(0.05, gt=0, lt=0.5, description="chance of a false pass, for a stage")
    detector: float = Field(100.0, ge=1, description="the change detector's run length, in planned stages")

    @model_validator(mode="after")
    def _bar_is_inside(self) -> RateSpec:
        bar = self.below if self.below is not None else self.above
        if bar is not None and not 0 < bar < 1:
            raise ValueError("a rate's bar lies between 0% and 100%, exclusive")
        if self.scope is Scope.EVERYONE and self.baseline is None:
            raise ValueError("scope: everyone needs a baseline, the rate without the flag; or use scope: cohort")
        return self


class CountSpec(_CriterionSpec):
    """A sum over the stage."""

    kind: Literal["count"]
    query: str = Field(min_length=1, description="Datadog query that counts")
    at_most: float = Field(ge=0)


class ValueSpec(_OneSidedSpec):
    """A gauge or a percentile that must stay on one side of its bar."""

    kind: Literal["value"]
    query: str = Field(min_length=1, description="Datadog query of a gauge or percentile")
    below: float | None = None
    above: float | None = None
    for_: Duration = Field(timedelta(minutes=15), alias="for", description="how long it must be wrong to fail")


class ReportedSpec(_CriterionSpec):
    """A number that a person attests when approving."""

    kind: Literal["reported"]
    at_most: float = Field(ge=0)


CriterionSpec = Annotated[RateSpec | CountSpec | ValueSpec | ReportedSpec, Field(discriminator="kind")]


class Stage(Model):
    """One percentage that is held for a while."""

    name: str | None = None
    percent: Percent = Field(gt=0)
    users: int | None = Field(None, ge=0, description="how many people the team expects; for the record")
    hold: Hold
    approval: Approval = Approval.REQUIRED

    @property
    def label(self) -> str:
        """The stage as people say it: `Canary (1%)` or `25%`."""
        return f"{self.name} ({self.percent:g}%)" if self.name else f"{self.percent:g}%"


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a time zone; write one such as America/New_York") from error
    return name


FlagName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:\-]{1,200}$")]


class Plan(Model):
    """The document that a team writes, validated; times are durations, bars are fractions."""

    rollout: str = Field(pattern=r"^[a-z0-9][a-z0-9\-]{1,62}$", description="the rollout's id: lower case, hyphens")
    title: str | None = None
    owner: str = Field(min_length=1)
    flags: tuple[FlagName, ...] = Field(min_length=1, max_length=20)
    environment: str = "production"
    timezone: Annotated[str, AfterValidator(_known_zone)]
    calendar: Calendar = Calendar()
    traffic: Traffic | None = Field(None, description="requests at 100%, for the power check")
    settle: Duration = timedelta(minutes=2)
    lag: Duration = timedelta(minutes=2)
    look_every: Duration = timedelta(minutes=5)
    bucket: Duration = Field(timedelta(minutes=5), description="width of a judged bucket")
    watch: Duration = Field(timedelta(minutes=15), description="how long a rolled-back flag is kept at 0%")
    approval_lapses: Duration = Field(timedelta(hours=24), description="how long a question to people stands")
    when_blind: WhenBlind = WhenBlind.HOLD
    on_drift: OnDrift = OnDrift()
    monitors: tuple[int, ...] = Field((), description="ids of the Datadog monitors that guard this rollout")
    criteria: dict[str, CriterionSpec] = Field(min_length=1, max_length=20)
    stages: tuple[Stage, ...] = Field(min_length=1, max_length=50)

    @model_validator(mode="after")
    def _stages_rise(self) -> Plan:
        for before, after in zip(self.stages, self.stages[1:], strict=False):
            if after.percent <= before.percent:
                raise ValueError(f"stages must rise: {after.label} comes after {before.label}")
        return self

    @model_validator(mode="after")
    def _flags_differ(self) -> Plan:
        if len(set(self.flags)) != len(self.flags):
            raise ValueError("a flag is named twice")
        return self

    @model_validator(mode="after")
    def _something_is_measured(self) -> Plan:
        if all(isinstance(spec, ReportedSpec) for spec in self.criteria.values()):
            raise ValueError("every criterion is reported by people; at least one must be measured")
        return self

    @model_validator(mode="after")
    def _ends_in_time(self) -> Plan:
        total = sum(
            ((s.hold.clock or timedelta(days=1.5 * (s.hold.business_days or 0))) for s in self.stages), timedelta()
        )
        if total > _LONGEST_PLAN:
            raise ValueError(f"the holds add up to {total.days} days; the longest plan is {_LONGEST_PLAN.days} days")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The plan's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def digest(self) -> str:
        """SHA-256 of the plan's canonical JSON: what pins it."""
        text = json.dumps(self.model_dump(mode="json", by_alias=True), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
