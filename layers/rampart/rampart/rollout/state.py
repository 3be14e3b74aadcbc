"""The state of a rollout: the record that every function reads first and writes conditionally."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import Field

from rampart.evidence.verdict import Verdict, worst
from rampart.model import Model
from rampart.plan.model import Plan, ReportedSpec, Stage
from rampart.rollout.request import RollbackRequest
from rampart.rollout.waiver import WAIVED, Override, Shown, Waived

SCHEMA_VERSION = 1
"""Version of the stored items; a reader of a later one must understand the earlier ones."""

INTENT_EXPIRES = timedelta(minutes=5)
"""Longer than `advance` can run (its time-out is a minute), retries of its HTTP calls included."""

CLOCK_SKEW = timedelta(minutes=1)
"""How far clocks may differ; what was written at a later time was written by a clock that is wrong."""

ECHO_LASTS = timedelta(seconds=90)
"""How long a cache of the flag store may at least read back what was there before a write; a minute is usual."""


class Status(StrEnum):
    """Where a rollout stands."""

    LIVE = "live"
    """An attempt is running."""
    HALTED = "halted"
    """A rollback was asked for; the flag is not yet confirmed at 0%, or an advance is still in flight."""
    ROLLED_BACK = "rolled_back"
    """The flag was read at 0%; a person may resume or abandon."""
    COMPLETED = "completed"
    """The last stage is done; the flags are free."""
    ABANDONED = "abandoned"
    """A person ended it; the flags are free."""


CLOSED = frozenset({Status.COMPLETED, Status.ABANDONED})
DOWN = frozenset({Status.HALTED, Status.ROLLED_BACK})


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
    note: str = ""
    reported: dict[str, float] = Field(default_factory=dict)
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
    answer: Answer | None = None


class Intent(Model):
    """An advance in flight: the flag may already be at `percent`."""

    gate: str
    stage: int
    percent: float
    at: datetime


class OwnWrite(Model):
    """Rampart's own last write to the flags: for a while, caches may still read back what was there before it."""

    at: datetime
    over: tuple[float, ...]
    """The percentages that were there before."""


class Latest(Model):
    """The newest evaluation, as far as a tick and an advance need it."""

    id: str
    at: datetime
    verdict: Verdict
    verdicts: dict[str, Verdict]
    messages: dict[str, str] = Field(default_factory=dict)
    fails: dict[str, Shown] = Field(default_factory=dict)
    """How badly each criterion fails that does."""
    asked: bool = True
    """Whether every question to the metric source was answered, however little the answers say."""


class RolloutState(Model):
    """The record of one rollout; `epoch` rises with every write, and every write is conditional on it."""

    rollout: str
    status: Status
    plan: Plan
    plan_hash: str
    execution: str
    attempt: int = 1
    epoch: int = 1
    target: int = 0
    """The stage that this attempt starts at."""
    stage: int | None = None
    """The stage that the flags are at; None until the attempt's first advance."""
    percent: float = 0.0
    stage_started: datetime | None = None
    hold_ends: datetime | None = None
    intent: Intent | None = None
    cut_off: datetime | None = None
    """When an advance was begun again; what the run before it wrote may land for as long as an intent stands."""
    gate: OpenGate | None = None
    latest: Latest | None = None
    overrides: tuple[Override, ...] = ()
    passed_gate: str | None = None
    """The gate whose answer brought the rollout to its stage."""
    drift: str | None = None
    """What drift people were told of, so that they are told once."""
    own_write: OwnWrite | None = None
    unread_since: datetime | None = None
    """Since when a flag of the live rollout cannot be read; nothing is asked meanwhile."""
    halted_at: datetime | None = None
    halted_by: RollbackRequest | None = None
    """What was asked first: whoever finishes a rollback tells of that."""
    watch_until: datetime | None = None
    watched: bool = True
    started: datetime
    attempt_started: datetime
    updated: datetime
    schema_version: int = SCHEMA_VERSION

    @property
    def current_stage(self) -> Stage | None:
        """The stage that the flags are at."""
        return None if self.stage is None else self.plan.stages[self.stage]

    @property
    def next_stage(self) -> int:
        """Index of the stage that comes next; the number of stages when the last one is done."""
        return self.target if self.stage is None else self.stage + 1

    @property
    def reported_criteria(self) -> dict[str, float]:
        """The criteria that people attest, and their bars."""
        return {n: spec.at_most for n, spec in self.plan.criteria.items() if isinstance(spec, ReportedSpec)}

    def shown(self, name: str) -> Shown:
        """What the newest evaluation shows of a criterion; none is no data."""
        if self.latest is None:
            return Shown(verdict=Verdict.NO_DATA)
        verdict = self.latest.verdicts.get(name, Verdict.NO_DATA)
        return self.latest.fails.get(name, Shown(verdict=verdict))

    def waiver(self, name: str, stage: int) -> Override | None:
        """The newest override that covers in `stage` what the newest evaluation shows of a criterion."""
        shown = self.shown(name)
        return next((o for o in reversed(self.overrides) if o.covers(name, shown, stage)), None)

    def limits(self, name: str) -> tuple[float, ...]:
        """How bad a criterion's fail may be in this stage by what people waived, in its own unit."""
        lasting = (o.shown.get(name) for o in self.overrides if (self.stage or 0) <= o.through_stage)
        return tuple(shown.limit for shown in lasting if shown is not None and shown.limit is not None)

    def waived(self, stage: int) -> frozenset[str]:
        """The criteria that do not pass in the newest evaluation, and that an override covers in `stage`."""
        verdicts = self.latest.verdicts if self.latest else {}
        return frozenset(n for n, v in verdicts.items() if v is not Verdict.PASS and self.waiver(n, stage) is not None)

    def effective_verdict(self, stage: int) -> Verdict | Waived:
        """The newest evaluation's verdict without what an override covers in `stage`: never `pass` where it covers any.

        No evaluation is no data.
        """
        waived = self.waived(stage)
        verdicts = self.latest.verdicts if self.latest else {}
        remaining = worst(verdict for name, verdict in verdicts.items() if name not in waived)
        return WAIVED if waived and (remaining is Verdict.PASS or len(waived) == len(verdicts)) else remaining

    def evidence_in_words(self, stage: int) -> dict[str, str]:
        """What the newest evaluation says of each criterion, and who waived it, where an override covers that."""
        messages = self.latest.messages if self.latest else {}
        told = {name: self.waiver(name, stage) for name in messages}
        return {n: f"waived by {by.by} ({by.note}): {messages[n]}" if by else messages[n] for n, by in told.items()}

    def written(self, now: datetime, *over: float) -> OwnWrite:
        """The write that Rampart has just made, over what the record says, and `over`; caches may hold any of it."""
        return OwnWrite(at=now, over=tuple(sorted({self.percent, *over, *self.echoes(now)})))

    def echoes(self, now: datetime) -> frozenset[float]:
        """The percentages that caches of the flag store may still read back after Rampart's own last write."""
        lasts = max(self.plan.settle, ECHO_LASTS)
        # A write of a time that has not come yet was made by a clock that is ahead: nobody knows how old it is.
        is_recent = self.own_write is not None and -CLOCK_SKEW <= now - self.own_write.at < lasts
        return frozenset(self.own_write.over) if self.own_write is not None and is_recent else frozenset()

    def moved(self, now: datetime, **changes: object) -> RolloutState:
        """The next version of the record."""
        return self.model_copy(update={**changes, "epoch": self.epoch + 1, "updated": now})


class EventKind(StrEnum):
    """What happened; people and systems are told of each once."""

    STARTED = "started"
    """A rollout began."""
    ADVANCED = "advanced"
    """The flags were read at a stage's percentage."""
    VERDICT_CHANGED = "verdict_changed"
    """An evaluation ended otherwise than the one before."""
    ASKED = "asked"
    """A person is asked before the next advance."""
    DECIDED = "decided"
    """A person answered."""
    HELD = "held"
    """An answer was taken but could not be acted on; it is asked again."""
    DRIFTED = "drifted"
    """The flag is not where Rampart left it."""
    RESTORED = "restored"
    """A flag that another writer raised was lowered to the record."""
    ROLLING_BACK = "rolling_back"
    """A rollback was asked for and the flag is not yet confirmed at 0%."""
    ROLLED_BACK = "rolled_back"
    """The flag was read at 0%."""
    TAKEN_DOWN_AGAIN = "taken_down_again"
    """Another writer raised a rolled-back flag; it was taken down again."""
    BLIND = "blind"
    """Evaluations stopped."""
    SIGHTED = "sighted"
    """Evaluations are back."""
    RESUMED = "resumed"
    """A new attempt began."""
    COMPLETED = "completed"
    """The rollout is done."""
    ABANDONED = "abandoned"
    """A person ended the rollout."""


class Event(Model):
    """One thing that happened, append-only; `details` holds plain JSON."""

    at: datetime
    kind: EventKind
    rollout: str
    attempt: int
    stage: int | None = None
    percent: float | None = None
    by: str = "rampart"
    message: str
    details: dict[str, Any] = Field(default_factory=dict)


class Evaluation(Model):
    """One look at all criteria, with the evidence it judged: feeding that to the rule gives the verdicts again."""

    id: str
    at: datetime
    rollout: str
    attempt: int
    stage: int
    percent: float
    window: tuple[int, ...] = Field(min_length=4, max_length=6)
    """Start, end, bucket width (epoch seconds) and planned buckets; with coarse buckets, their width and their end."""
    verdict: Verdict
    judgements: tuple[dict[str, Any], ...]
    evidence: dict[str, Any]
    plan_hash: str
    rule_version: str


class Claim(Model):
    """Who holds a flag, and every flag that moves with it."""

    flag: str
    rollout: str
    flags: tuple[str, ...]
