"""A stage of a plan: whom it lets in, and for how long it is held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from rampart.model import Model
from rampart.plan.durations import Hold
from rampart.plan.quantities import Percent
from rampart.plan.rules import Problem, all_or_raise
from rampart.words import counted, percentage

LONGEST_PLAN = timedelta(days=300)
"""A Step Functions execution ends after a year; what is left is for waiting people."""
_MOST_SHOWN = 3
_EVERYONE = 100.0


class Approval(StrEnum):
    """Who lets a stage begin."""

    REQUIRED = "required"
    """A person approves the advance."""
    NONE = "none"
    """The flag advances by itself, and only when every criterion passes."""


class MemberKind(StrEnum):
    """Who is let in by name: one actor, or a group that the flag's host knows."""

    ACTOR = "actor"
    GROUP = "group"


class Member(Model):
    """Someone who is let in by name."""

    kind: MemberKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


_MemberName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^\S(.*\S)?$")]


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) != len(names):
        raise ValueError("a name is there twice")
    return names


_Members = Annotated[tuple[_MemberName, ...], AfterValidator(_distinct)]


class Stage(Model):
    """One percentage, or a named audience before the first percentage, that is held for a while."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": [way]} for way in ("percent", "groups", "actors", "fully_on")]}
    )

    name: str | None = Field(None, description="what people call it, such as Canary")
    percent: Percent = Field(
        0.0,
        description="percentage of actors, with or without its sign; stages must rise",
        json_schema_extra={"exclusiveMinimum": 0},  # stored plans have 0 where a stage names people
    )
    groups: _Members = Field(
        (), max_length=20, description="groups that are let in instead of a percentage, as Flipper's host names them"
    )
    actors: _Members = Field(
        (), max_length=100, description="actors that are let in instead of a percentage, by their Flipper ids"
    )
    fully_on: bool = Field(
        default=False,
        description="open the boolean gate instead, after 100%: on for every check, with an actor or without",
    )
    users: int | None = Field(None, ge=0, description="how many people the team expects; for the record")
    hold: Hold = Field(description="how long it stays there before the next stage: clock time or business days")
    approval: Approval = Field(Approval.REQUIRED, description="whether a person lets this stage begin")

    @model_validator(mode="after")
    def _lets_someone_in(self) -> Self:
        all_or_raise("stage", self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        ways = (bool(self.percent), bool(self.members), self.fully_on)
        if not any(ways):
            yield ("percent",), "a stage lets someone in: give it a percentage above 0%, groups, or actors"
        elif sum(ways) > 1:
            yield ("percent",), "a stage has a percentage, or groups and actors, or fully_on, and only one of them"

    @property
    def exposure(self) -> float:
        """The percentage of people let in, those by name aside."""
        return 100.0 if self.fully_on else self.percent

    @property
    def members(self) -> tuple[Member, ...]:
        """Who is let in by name."""
        groups = tuple(Member(kind=MemberKind.GROUP, name=name) for name in self.groups)
        return (*groups, *(Member(kind=MemberKind.ACTOR, name=name) for name in self.actors))

    @property
    def reach(self) -> str:
        """Whom it lets in, as people say it: `25%`, `group staff`, `5 actors`, `fully on`."""
        if self.fully_on:
            return "fully on"
        if not self.members:
            return percentage(self.percent)
        named = {MemberKind.GROUP: self.groups, MemberKind.ACTOR: self.actors}
        return " and ".join(_named(kind, names) for kind, names in named.items() if names)

    @property
    def label(self) -> str:
        """The stage as people say it: `Canary (1%)` or `25%`."""
        return f"{self.name} ({self.reach})" if self.name else self.reach


FULLY_ON = {"fully_on": True, "hold": "1d"}
"""How a rollout ends whose plan says `finish: fully_on` and no more."""


def _named(kind: MemberKind, names: Sequence[str]) -> str:
    if len(names) > _MOST_SHOWN:
        return counted(len(names), kind.value)
    return f"{kind.value}{'s' if len(names) > 1 else ''} {', '.join(names)}"


def climbable(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """The stages; raises ValidationError where one does not rise above the one before, or all take too long."""
    all_or_raise("stages", _stage_problems(stages))
    return stages


def _stage_problems(stages: Sequence[Stage]) -> Iterator[Problem]:
    for index, (before, after) in enumerate(pairwise(stages), start=1):
        if after.members and not before.members:
            yield (index,), f"groups and actors come before the first percentage: {after.label} follows {before.label}"
        elif after.fully_on and not before.fully_on and before.percent < _EVERYONE:
            yield (index, "fully_on"), f"fully_on comes after 100%, and {before.label} comes before it"
        elif before.fully_on:
            yield (index,), f"fully_on is the last stage, and {after.label} comes after it"
        elif not (after.members or after.fully_on) and after.percent <= before.percent:
            yield (index, "percent"), f"stages must rise: {after.label} comes after {before.label}"
    if stages and stages[0].fully_on:
        yield (0, "fully_on"), "fully_on comes after 100%: begin with less"
    if stages and stages[-1].members:
        yield (), "the last stage lets in only those it names; end with a percentage"
    total = total_hold(stages)
    if total > LONGEST_PLAN:
        yield (), f"the holds add up to {total.days} days; the longest plan is {LONGEST_PLAN.days} days"


def total_hold(stages: Sequence[Stage]) -> timedelta:
    """How long all stages are held; a business day counts for the one and a half days that it takes on average."""
    # It lasts up to four days where a weekend and a holiday meet; on average it is 365 / 250.
    holds = ((s.hold.clock or timedelta(days=1.5 * (s.hold.business_days or 0))) for s in stages)
    return sum(holds, timedelta())
