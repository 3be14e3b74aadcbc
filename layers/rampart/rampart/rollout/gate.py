"""Gates: where an attempt's execution waits, what is asked there, and what a person answers."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from rampart.evidence.verdict import Verdict
from rampart.model import Model
from rampart.rollout.waiver import Shown, Waived


class GateKind(StrEnum):
    """What an execution waits for."""

    BAKE = "bake"
    """Evidence gathers."""
    APPROVAL = "approval"
    """A person is asked."""
    BLIND = "blind"
    """Evaluations stopped; sight must return."""


class DecisionKind(StrEnum):
    """What a person may say."""

    APPROVE = "approve"
    """Advance; the evidence passes."""
    OVERRIDE = "override"
    """Advance although the evidence does not pass; needs a note."""
    ROLL_BACK = "roll_back"
    """Take the flag to 0%; needs a note."""
    RESUME = "resume"
    """Start a new attempt of a rolled-back rollout at a chosen stage."""
    ABANDON = "abandon"
    """Take the flag to 0%, end the rollout and free its flags."""


class OpenGate(Model):
    """The gate at which the attempt's execution waits, as `evaluate` and `rollback` need it."""

    id: str
    kind: GateKind
    token: str
    opened: datetime


class Answer(Model):
    """What a person answered at a gate."""

    decision: DecisionKind
    by: str
    person: str = ""
    """Who it was by AWS's own record; empty where the plan doesn't ask."""
    note: str = ""
    reported: dict[str, float] = Field(default_factory=dict)
    execution: str
    at: datetime


class FirstApproval(Model):
    """What the first of two people said."""

    by: str
    person: str
    execution: str
    at: datetime


class Question(Model):
    """What an approval gate asks about: one evaluation and what it left open."""

    evaluation: str
    verdict: Verdict | Waived
    unmet: tuple[str, ...] = ()
    shown: dict[str, Shown] = Field(default_factory=dict)
    """What was shown of each unmet criterion: an override waives that, and no more."""
    waived: tuple[str, ...] = ()
    """What does not pass and an earlier override covers."""
    reported: dict[str, float] = Field(default_factory=dict)
    """The reported criteria and their bars."""


class Gate(Model):
    """One gate as it is stored, with its answer."""

    id: str
    kind: GateKind
    attempt: int
    stage: int
    token: str
    opened: datetime
    lapses: datetime | None = None
    question: Question | None = None
    first: FirstApproval | None = None
    """The first of two approvals, where the plan asks for two."""
    answer: Answer | None = None
