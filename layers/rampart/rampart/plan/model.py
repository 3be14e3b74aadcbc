"""The plan document: flags, stages, criteria and calendar of one rollout."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from rampart.evidence.criteria import Counts
from rampart.model import Model
from rampart.plan.calendar import Calendar
from rampart.plan.closed import count_days
from rampart.plan.criterion import ALPHA, DETECTOR, Blame, CompareSpec, CriterionSpec, ReportedSpec, TestedSpec
from rampart.plan.durations import Duration
from rampart.plan.quantities import Chance, Traffic
from rampart.plan.rules import Problem, all_or_raise
from rampart.plan.stage import FULLY_ON, LONGEST_PLAN, Stage, climbable, total_hold
from rampart.words import count

_SHORT_PLAN = timedelta(days=1)
LAPSE_EVENTS = 20
"""What one question that lapses adds to an execution's history: a bake gate, the question, and the way between them."""
_MOST_LAPSE_EVENTS = 20_000
"""Of the 25,000 after which Step Functions ends an execution; the others are for stages, retries and sight lost."""
_LONGEST_LOOK = timedelta(days=1)  # silence is noticed after three looks


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


class OnAlerting(StrEnum):
    """What happens when one of the plan's monitors is found to be alerting."""

    ROLL_BACK = "roll_back"
    """The flag goes to 0%, as the monitor's webhook would have had it."""
    HOLD = "hold"
    """The stage is held until the monitor is quiet or a person decides; people are told."""


class Finish(StrEnum):
    """What the end of a rollout does to its flags."""

    LEAVE = "leave"
    """They stay at the last stage's percentage of actors: off where a check has no actor."""
    FULLY_ON = "fully_on"
    """A last stage opens the boolean gate, so that they are on for every check; a day where no stage says so."""


class NotBy(StrEnum):
    """Who may not approve an advance."""

    STARTER = "starter"
    """The person who started the attempt."""


class OnDrift(Model):
    """What happens when the flag is not where Rampart left it."""

    above: OnRise = Field(OnRise.ROLL_BACK, description="when someone raised the flag above Rampart's record")
    below: OnFall = Field(OnFall.HOLD, description="when someone lowered the flag below Rampart's record")


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a time zone; write one such as America/New_York") from error
    return name


def _distinct(flags: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(flags)) != len(flags):
        raise ValueError("a flag is named twice")
    return flags


def _one_measured(criteria: dict[str, CriterionSpec]) -> dict[str, CriterionSpec]:
    if all(isinstance(spec, ReportedSpec) for spec in criteria.values()):
        raise ValueError("every criterion is reported by people; at least one must be measured")
    if all(isinstance(spec, ReportedSpec) or not spec.binds for spec in criteria.values()):
        raise ValueError("no measured criterion decides anything (on_fail: tell); at least one must")
    return criteria


def _lapse_problems(lapses: timedelta, stages: Sequence[Stage]) -> Iterator[Problem]:
    rounds = LONGEST_PLAN / lapses
    if total_hold(stages) > _SHORT_PLAN and rounds * LAPSE_EVENTS > _MOST_LAPSE_EVENTS:
        least = math.ceil(LONGEST_PLAN * LAPSE_EVENTS / _MOST_LAPSE_EVENTS / timedelta(hours=1))
        what = (
            f"a question that no one answers would be asked {count(round(rounds))} times in {LONGEST_PLAN.days} days, "
            f"and the execution's history would be full before; let it stand for {least}h or longer"
        )
        yield ("approval_lapses",), what


def _closed_problems(calendar: Calendar, stages: Sequence[Stage]) -> Iterator[Problem]:
    closed, holds = count_days(calendar.closed), total_hold(stages)
    if closed and timedelta(days=closed) + holds > LONGEST_PLAN:
        what = (
            f"{closed} closed days and {count(holds / timedelta(days=1))} days of holds may take longer than the "
            f"longest plan, {LONGEST_PLAN.days} days; name only the days that fall into the rollout"
        )
        yield ("calendar", "closed"), what


def _often_enough(look_every: timedelta) -> timedelta:
    if look_every > _LONGEST_LOOK:
        raise ValueError("look at least once a day: a flag that no one looks at is not guarded")
    return look_every


def _level_problems(criteria: Mapping[str, CriterionSpec]) -> Iterator[Problem]:
    for name, spec in criteria.items():
        if isinstance(spec, TestedSpec) and (spec.alpha_fail, spec.detector) != (ALPHA, DETECTOR):
            told = "alpha_rollout sets alpha_fail and detector of every criterion; take either it or these away"
            yield ("criteria", name), told


def _unmeasured_problems(criteria: Mapping[str, CriterionSpec], stages: Sequence[Stage]) -> Iterator[Problem]:
    measured = [spec for spec in criteria.values() if spec.binds and not isinstance(spec, ReportedSpec)]
    for index, stage in enumerate(stages):
        share = stage.exposure / 100
        if all(isinstance(spec, CompareSpec) and not spec.is_judged_at(share) for spec in measured):
            told = f"no criterion is measured at {stage.label}: every one ends before it (up_to)"
            yield ("stages", index, "percent"), told


ROLLOUT_FORM = r"^[a-z0-9][a-z0-9\-]{1,62}$"
FLAG_FORM = r"^[A-Za-z0-9_.:\-]*[A-Za-z0-9_:\-][A-Za-z0-9_.:\-]*$"
LinkName = Annotated[str, Field(min_length=1, max_length=100)]
Link = Annotated[str, Field(pattern=r"^https://[^\s<>\"]+$", max_length=2000)]
FlagName = Annotated[str, Field(pattern=FLAG_FORM, max_length=200)]
"""A name that is a part of an address: `.` and `..` would lead elsewhere."""
WEBHOOK_FORM = r"^[A-Za-z0-9_.\-]+$"
WebhookName = Annotated[str, Field(pattern=WEBHOOK_FORM, max_length=200)]
CriterionName = Annotated[str, Field(min_length=1, max_length=100)]


_LATER = ("alpha_rollout", "approvals", "finish", "links", "not_by", "on_alerting", "webhook")
"""What plans could not say from the beginning."""
_LATER_OF_CRITERIA: tuple[tuple[str, str | None], ...] = (
    ("history", None),
    ("blame", Blame.ALWAYS),
    ("control_errors", None),
    ("control_total", None),
    ("counts", Counts.REQUESTS),
)
"""The same of criteria, with what leaves each unused."""


class Plan(Model):
    """The document that a team writes, validated; times are durations, bars are fractions."""

    rollout: str = Field(pattern=ROLLOUT_FORM, description="the rollout's id: lower case, hyphens")
    title: str | None = Field(None, description="what people call it, in notices and reports")
    owner: str = Field(min_length=1, description="the team that answers for it")
    flags: Annotated[tuple[FlagName, ...], AfterValidator(_distinct)] = Field(
        min_length=1, max_length=20, description="the flags that move together, as Flipper names them"
    )
    environment: str = Field("production", description="where it runs; for the record")
    timezone: Annotated[str, AfterValidator(_known_zone)] = Field(
        description="the zone of the calendar and of every time that people are shown"
    )
    calendar: Calendar = Field(Calendar(), description="when an advance may happen; a rollback always may")
    traffic: Traffic | None = Field(None, description="requests at 100%, for the power check")
    settle: Duration = Field(
        timedelta(minutes=2), description="how long caches may hold the old percentage; nothing is judged before"
    )
    lag: Duration = Field(timedelta(minutes=2), description="how late metrics arrive; what is newer isn't judged yet")
    look_every: Annotated[Duration, AfterValidator(_often_enough)] = Field(
        timedelta(minutes=5), description="how often the criteria are evaluated, at most a day apart"
    )
    bucket: Duration = Field(timedelta(minutes=5), description="width of a judged bucket")
    watch: Duration = Field(timedelta(minutes=15), description="how long a rolled-back flag is kept at 0%")
    approval_lapses: Duration = Field(timedelta(hours=24), description="how long a question to people stands")
    approvals: int = Field(1, ge=1, le=2, description="how many people approve each advance; two are proven to be two")
    not_by: NotBy | None = Field(None, description="who may not approve: the person who started the attempt")
    when_blind: WhenBlind = Field(WhenBlind.HOLD, description="what happens when evaluations stop")
    on_drift: OnDrift = Field(OnDrift(), description="what happens when someone else changes the flag")
    alpha_rollout: Chance | None = Field(
        None, description="chance of a false rollback of an attempt, shared by all its stages, rates and comparisons"
    )
    monitors: tuple[int, ...] = Field((), description="ids of the Datadog monitors that guard this rollout")
    on_alerting: OnAlerting = Field(OnAlerting.ROLL_BACK, description="what happens when a monitor alerts")
    links: dict[LinkName, Link] = Field(
        {}, max_length=10, description="pages that belong to the rollout, by name: the flag, a dashboard, a ticket"
    )
    webhook: WebhookName | None = Field(
        None, description="name of the Datadog webhook that calls this stack; any that begins with rampart if absent"
    )
    finish: Finish = Field(
        Finish.LEAVE, description="what the end does: leave the flags at 100% of actors, or turn them fully on"
    )
    criteria: Annotated[dict[CriterionName, CriterionSpec], AfterValidator(_one_measured)] = Field(
        min_length=1, max_length=20, description="what is judged, by name; at least one is measured"
    )
    stages: Annotated[tuple[Stage, ...], AfterValidator(climbable)] = Field(
        min_length=1, max_length=50, description="the percentages, rising, each held for a while; named audiences first"
    )

    @model_validator(mode="after")
    def _fits_into_an_execution(self) -> Self:
        problems = (*_lapse_problems(self.approval_lapses, self.stages), *_closed_problems(self.calendar, self.stages))
        all_or_raise("plan", iter(problems))
        return self

    @model_validator(mode="before")
    @classmethod
    def _ends_fully_on(cls, given: object) -> object:
        if not isinstance(given, Mapping) or given.get("finish") != Finish.FULLY_ON:
            return given
        stages = given.get("stages")
        if not isinstance(stages, list | tuple) or not stages:
            return given  # that is told where stages are checked
        last = stages[-1]
        has_end = last.fully_on if isinstance(last, Stage) else isinstance(last, Mapping) and bool(last.get("fully_on"))
        return given if has_end else {**given, "stages": [*stages, FULLY_ON]}

    @model_validator(mode="after")
    def _has_one_bound(self) -> Self:
        if self.alpha_rollout is not None:
            all_or_raise("plan", _level_problems(self.criteria))
        return self

    @model_validator(mode="after")
    def _measures_in_every_stage(self) -> Self:
        all_or_raise("plan", _unmeasured_problems(self.criteria, self.stages))
        return self

    @property
    def alpha_share(self) -> float | None:
        """What of `alpha_rollout` falls to one rate or comparison of one stage; None where each has its own levels."""
        rates = sum(isinstance(spec, TestedSpec) and spec.binds for spec in self.criteria.values())
        return None if self.alpha_rollout is None or not rates else self.alpha_rollout / (rates * len(self.stages))

    @property
    def shares(self) -> tuple[Stage, ...]:
        """The stages whose share of the requests is known: all but those for people by name."""
        return tuple(stage for stage in self.stages if not stage.members)

    @property
    def needs_identity(self) -> bool:
        """Whether it asks for who people are, beyond what they type."""
        return self.approvals > 1 or self.not_by is not None

    @property
    def zone(self) -> ZoneInfo:
        """The plan's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def digest(self) -> str:
        """SHA-256 of the plan's canonical JSON: what pins it."""
        # What came later, and is not used, leaves a plan the same.
        fields = type(self).model_fields
        unused: dict[str, Any] = {name: True for name in _LATER if getattr(self, name) == fields[name].default}
        unused |= {} if self.calendar.closed else {"calendar": {"closed"}}
        document = self.model_dump(mode="json", by_alias=True, exclude=unused)
        for stage in document["stages"]:
            for way in ("groups", "actors", "fully_on"):
                if not stage[way]:
                    del stage[way]
        for criterion in document["criteria"].values():
            for name, default in _LATER_OF_CRITERIA:
                if criterion.get(name, ...) == default:
                    del criterion[name]
        text = json.dumps(document, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
