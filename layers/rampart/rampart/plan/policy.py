"""An organization's policy: what plans must keep to, by environment, each rule with the reason in its own words."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from rampart.finding import Finding, FindingKind
from rampart.model import Model
from rampart.plan.calendar import AdvanceOn, Between, Holidays
from rampart.plan.criterion import CriterionSpec, OnFail, RateSpec
from rampart.plan.durations import Hold
from rampart.plan.model import Plan
from rampart.plan.quantities import Fraction, Percent
from rampart.plan.stage import Approval
from rampart.words import counted, percentage

POLICY_BREACH = FindingKind(
    "PolicyBreach",
    "The plan breaks a rule of the organization's policy, whose own reason is in the message.",
    "Change the plan as the rule says, or ask those who keep the policy",
)

Text = Annotated[str, Field(min_length=1)]
_OFF_DAYS = 2
_HOLIDAYS = 1
"""Days that a hold of one business day may last longer: a weekend and a holiday that meet."""


class WantedCriterion(Model):
    """A criterion that a plan must have; every key that is given must fit one and the same criterion."""

    kind: Text | None = None
    name: Text | None = Field(None, description="its name, with * for anything, in any case")
    query: Text | None = Field(None, description="any of its queries, with * for anything")
    below: Fraction | None = Field(None, description="of a rate, the highest bar")
    on_fail: OnFail | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("say what the criterion must be: kind, name, query, below, or on_fail")
        return self

    def fits(self, name: str, spec: CriterionSpec) -> bool:
        """Whether a criterion is such a one."""
        queries = [str(value) for key in ("errors", "total", "query") if (value := getattr(spec, key, None))]
        bar = spec.below if isinstance(spec, RateSpec) else None
        return all(
            (
                self.kind is None or spec.kind == self.kind,
                self.name is None or fnmatchcase(name.lower(), self.name.lower()),
                self.query is None or any(fnmatchcase(each, self.query) for each in queries),
                self.below is None or (bar is not None and bar <= self.below),
                self.on_fail is None or spec.on_fail is self.on_fail,
            )
        )

    def __str__(self) -> str:
        said = self.model_dump(mode="json", exclude_none=True)
        return ", ".join(f"{key}: {value}" for key, value in said.items())


class WantedCalendar(Model):
    """What a plan's calendar must at least keep to."""

    advance_on: Literal[AdvanceOn.BUSINESS_DAYS] | None = None
    holidays: Literal[Holidays.US_FEDERAL] | None = None
    between: Between | None = Field(None, description="the hours within which those of the plan must lie")


class PolicyRule(Model):
    """One rule with its reason; it may ask for several things, and holds in the environments that it names."""

    reason: Text = Field(description="why, as those read it whose plan breaks the rule")
    environments: tuple[Text, ...] = Field((), description="names, with * for anything; every environment if absent")
    fewest_stages: int | None = Field(None, ge=1, le=50)
    shortest_hold: Hold | None = None
    largest_first_step: Percent | None = None
    criteria: tuple[WantedCriterion, ...] = ()
    persons: int | None = Field(None, ge=1, le=2, description="how many people approve each advance")
    calendar: WantedCalendar | None = None

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if not self.model_fields_set - {"reason", "environments"}:
            asks = ", ".join(sorted(_CHECKS))
            raise ValueError(f"the rule asks for nothing; give it one of {asks}")
        return self

    def holds_in(self, environment: str) -> bool:
        """Whether the rule is about plans of an environment."""
        return not self.environments or any(fnmatchcase(environment, each) for each in self.environments)

    def breaches(self, plan: Plan) -> Iterator[tuple[str, str]]:
        """Each place where a plan breaks the rule, with what is so and what must be."""
        for key, check in _CHECKS.items():
            if getattr(self, key):
                yield from check(self, plan)


class Policy(Model):
    """The rules of an organization."""

    policy: Text = Field(description="its name")
    rules: tuple[PolicyRule, ...] = Field(min_length=1, max_length=100)

    @property
    def digest(self) -> str:
        """SHA-256 of its canonical JSON: which version a plan was held to."""
        return hashlib.sha256(self.model_dump_json(exclude_none=True).encode()).hexdigest()

    def findings(self, plan: Plan) -> Iterator[Finding]:
        """Every breach, in the order of the rules."""
        for rule in self.rules:
            if rule.holds_in(plan.environment):
                for where, what in rule.breaches(plan):
                    yield POLICY_BREACH.at(where, f"{what} ({self.policy}: {rule.reason})")


_Breaches = Iterator[tuple[str, str]]


def _stages(rule: PolicyRule, plan: Plan) -> _Breaches:
    fewest, there = rule.fewest_stages or 0, len(plan.stages)
    if there < fewest:
        yield "stages", f"{counted(there, 'stage')}, and at least {fewest} are needed"


def _first_step(rule: PolicyRule, plan: Plan) -> _Breaches:
    largest, first = rule.largest_first_step or 0.0, plan.stages[0].exposure
    if first > largest:
        yield "stages.0.percent", f"the first step is {percentage(first)}, and at most {percentage(largest)} is allowed"


def _holds(rule: PolicyRule, plan: Plan) -> _Breaches:
    wanted = rule.shortest_hold or Hold(clock=timedelta())
    for index, stage in enumerate(plan.stages):
        if not _is_as_long(stage.hold, wanted):
            yield f"stages.{index}.hold", f"{stage.label} holds for {stage.hold}, and at least {wanted} is needed"


def _is_as_long(hold: Hold, wanted: Hold) -> bool:
    """Whether a hold is surely as long as another, on whatever day it begins."""
    if wanted.clock is not None:
        return (hold.clock or timedelta(days=hold.business_days or 0)) >= wanted.clock
    days = wanted.business_days or 0
    if hold.clock is None:
        return (hold.business_days or 0) >= days
    weeks = -(-days // 5)
    return hold.clock >= timedelta(days=days + weeks * (_OFF_DAYS + _HOLIDAYS))


def _criteria(rule: PolicyRule, plan: Plan) -> _Breaches:
    for wanted in rule.criteria:
        if not any(wanted.fits(name, spec) for name, spec in plan.criteria.items()):
            yield "criteria", f"no criterion fits {{{wanted}}}, and one is needed"


def _persons(rule: PolicyRule, plan: Plan) -> _Breaches:
    wanted = rule.persons or 0
    for index, stage in enumerate(plan.stages):
        # The start itself is the first stage's approval.
        if index and stage.approval is Approval.NONE:
            yield (
                f"stages.{index}.approval",
                f"{stage.label} begins without approval, and {_people(wanted)} must give it",
            )
    there = plan.approvals
    if there < wanted:
        yield "approvals", f"{_people(there)} approves each advance, and {_people(wanted)} must"


def _people(number: int) -> str:
    return "one person" if number == 1 else f"{number} people"


def _calendar(rule: PolicyRule, plan: Plan) -> _Breaches:
    wanted, there = rule.calendar or WantedCalendar(), plan.calendar
    if wanted.advance_on is not None and there.advance_on is not wanted.advance_on:
        yield "calendar.advance_on", f"it advances on any day, and {wanted.advance_on.value} are needed"
    if wanted.holidays is not None and there.holidays is not wanted.holidays:
        yield "calendar.holidays", f"it knows no holidays, and {wanted.holidays.value} are needed"
    if wanted.between is not None:
        opens, closes = wanted.between
        if there.between is None or there.between[0] < opens or there.between[1] > closes:
            now = f"{there.between[0]:%H:%M}-{there.between[1]:%H:%M}" if there.between else "any hour"
            yield "calendar.between", f"it advances at {now}, and only {opens:%H:%M}-{closes:%H:%M} is allowed"


_CHECKS: Mapping[str, Callable[[PolicyRule, Plan], _Breaches]] = {
    "fewest_stages": _stages,
    "largest_first_step": _first_step,
    "shortest_hold": _holds,
    "criteria": _criteria,
    "persons": _persons,
    "calendar": _calendar,
}
