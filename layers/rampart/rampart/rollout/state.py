"""The state of a rollout: the record that every function reads first and writes conditionally."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypedDict, Unpack

from pydantic import Field

from rampart.evidence.verdict import Verdict, worst
from rampart.model import Model
from rampart.plan.criterion import ReportedSpec
from rampart.plan.model import Plan
from rampart.rollout.audience import Opening
from rampart.rollout.drift import Drift
from rampart.rollout.event import Event, EventKind
from rampart.rollout.gate import OpenGate
from rampart.rollout.remains import Remains
from rampart.rollout.request import RollbackRequest
from rampart.rollout.waiver import WAIVED, Override, Shown, Waived
from rampart.words import in_zone, percentage

SCHEMA_VERSION = 1
"""Version of the stored items; a reader of a later one must understand the earlier ones."""

INTENT_EXPIRES = timedelta(minutes=5)
"""Longer than `advance` can run (its timeout is a minute), retries of its HTTP calls included."""

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
    """The flag is at 0% (verified); a person may resume or abandon."""
    COMPLETED = "completed"
    """The last stage is done; the flags are free."""
    ABANDONED = "abandoned"
    """A person ended it; the flags are free."""


CLOSED = frozenset({Status.COMPLETED, Status.ABANDONED})
DOWN = frozenset({Status.HALTED, Status.ROLLED_BACK})


class Intent(Model):
    """An advance in flight: the flag may already be at `percent`."""

    gate: str
    stage: int
    percent: float
    at: datetime
    opens: tuple[Opening, ...] = ()
    """Who may be let in by name already."""


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
    told: dict[str, Verdict] = Field(default_factory=dict)
    """What is said of criteria that are only tried out: they stand in no verdict, and need no one's permission."""
    asked: bool = True
    """Whether every question to the metric source was answered, however little the answers say."""


class Stop(Model):
    """Why nothing advances for now, although the rollout may; people were told."""

    why: str
    until: datetime
    """When that is looked at again."""


class Standing(Model):
    """Where an attempt stands once its first advance is recorded: the stage of its flags, and what was seen there."""

    stage: int
    """Index of the stage that the flags are at, from 0."""
    percent: float
    """What the flags are at by the record; 0 after a rollback, which leaves the rest as it was."""
    started: datetime
    hold_ends: datetime
    latest: Latest | None = None
    """None until the stage is first looked at."""


class Changes(TypedDict, total=False):
    """What a transition may change of a record: each field with its own type, so that mypy refuses a misspelled one."""

    status: Status
    execution: str
    begun_by: str
    attempt: int
    target: int
    standing: Standing | None
    intent: Intent | None
    cut_off: datetime | None
    gate: OpenGate | None
    overrides: tuple[Override, ...]
    passed_gate: str | None
    drift: Drift | None
    stop: Stop | None
    own_write: OwnWrite | None
    opened: tuple[Opening, ...]
    unread_since: datetime | None
    read_at: datetime | None
    halted_at: datetime | None
    halted_by: RollbackRequest | None
    undone: str | None
    reminded_at: datetime | None
    watch_until: datetime | None
    watched: bool
    remains: Remains | None
    attempt_started: datetime


class RolloutState(Model):
    """The record of one rollout; `epoch` rises with every write, and every write is conditional on it."""

    rollout: str
    status: Status
    plan: Plan
    plan_hash: str
    execution: str
    begun_by: str = ""
    """The execution that a person started to begin this attempt: AWS records who it was."""
    attempt: int = 1
    epoch: int = 1
    target: int = 0
    """The stage that this attempt starts at."""
    standing: Standing | None = None
    """None until the attempt's first advance."""
    intent: Intent | None = None
    cut_off: datetime | None = None
    """When an advance was begun again; what the run before it wrote may land for as long as an intent stands."""
    gate: OpenGate | None = None
    overrides: tuple[Override, ...] = ()
    passed_gate: str | None = None
    """The gate whose answer brought the rollout to its stage."""
    drift: Drift | None = None
    """What drift people were told about, so that they are told once."""
    stop: Stop | None = None
    """What stopped the last advance from outside of the rollout: the change calendars."""
    own_write: OwnWrite | None = None
    opened: tuple[Opening, ...] = ()
    """Whom this attempt lets in by name, or may: what a rollback closes again, and nothing else."""
    unread_since: datetime | None = None
    """Since when a flag of the live rollout cannot be read; nothing is asked meanwhile."""
    read_at: datetime | None = None
    """When its flags were last read before that, at the latest look; None while they can be."""
    halted_at: datetime | None = None
    halted_by: RollbackRequest | None = None
    """What was asked first: whichever run finishes the rollback reports that, and it stays the reason."""
    undone: str | None = None
    """Why a rollback isn't done yet, as the last look at its flags saw it."""
    reminded_at: datetime | None = None
    """When people were last told again that a rollback isn't done, or that a question waits."""
    watch_until: datetime | None = None
    watched: bool = True
    remains: Remains | None = None
    """None until a completed rollout is first looked after."""
    started: datetime
    attempt_started: datetime
    updated: datetime
    schema_version: int = SCHEMA_VERSION

    @property
    def stage(self) -> int | None:
        """Index of the stage that the flags are at; None until the attempt's first advance."""
        return self.standing.stage if self.standing else None

    @property
    def percent(self) -> float:
        """What the flags are at by the record."""
        return self.standing.percent if self.standing else 0.0

    @property
    def openings(self) -> tuple[Opening, ...]:
        """Whom the rollout lets in by name, or may while an advance is in flight."""
        return tuple(dict.fromkeys((*self.opened, *(self.intent.opens if self.intent else ()))))

    @property
    def reach(self) -> str:
        """Whom the flags let in by the record, as people say it: `25%`, `group staff`."""
        if self.standing is None:
            return percentage(0)
        stage = self.plan.stages[self.standing.stage]
        is_as_planned = self.percent == stage.exposure and self.status not in DOWN
        return stage.reach if is_as_planned else percentage(self.percent)

    @property
    def at(self) -> str:
        """Where the flags are by the record, as it follows "is": `at 25%`, `on for group staff`, `fully on`."""
        stage = self.plan.stages[self.standing.stage] if self.standing else None
        if stage is None or self.reach != stage.reach or not (stage.members or stage.fully_on):
            return f"at {self.reach}"
        return f"on for {self.reach}" if stage.members else self.reach

    @property
    def latest(self) -> Latest | None:
        """The stage's newest evaluation."""
        return self.standing.latest if self.standing else None

    @property
    def next_stage(self) -> int:
        """Index of the stage that comes next; the number of stages when the last one is done."""
        return self.standing.stage + 1 if self.standing else self.target

    @property
    def is_at_end(self) -> bool:
        """Whether no stage is left."""
        return self.next_stage == len(self.plan.stages)

    @property
    def is_fully_on(self) -> bool:
        """Whether the flags are on for every check by the record."""
        return self.standing is not None and self.percent > 0 and self.plan.stages[self.standing.stage].fully_on

    @property
    def reported_criteria(self) -> dict[str, float]:
        """The criteria that people attest, and their bars."""
        return {n: spec.at_most for n, spec in self.plan.criteria.items() if isinstance(spec, ReportedSpec)}

    # What the newest evaluation says, and what of it people waived.

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """What the newest evaluation says of each criterion; nothing where there is none."""
        return self.latest.verdicts if self.latest else {}

    def shown(self, name: str) -> Shown:
        """What the newest evaluation shows of a criterion; none is no data."""
        shown = Shown(verdict=self.verdicts.get(name, Verdict.NO_DATA))
        return self.latest.fails.get(name, shown) if self.latest else shown

    def waiver(self, name: str, shown: Shown | None = None) -> Override | None:
        """The newest override that covers in this stage what is shown of a criterion: by the newest evaluation."""
        shown = shown or self.shown(name)
        return next((o for o in reversed(self._lasting) if o.covers(name, shown)), None)

    def limits(self, name: str) -> tuple[float, ...]:
        """How bad a criterion's fail may be in this stage by what people waived, in its own unit."""
        waived = (override.shown.get(name) for override in self._lasting)
        return tuple(shown.limit for shown in waived if shown is not None and shown.limit is not None)

    @property
    def _lasting(self) -> tuple[Override, ...]:
        """The overrides that last through this stage."""
        standing = self.standing
        return tuple(o for o in self.overrides if standing is not None and standing.stage <= o.through_stage)

    @property
    def waived(self) -> frozenset[str]:
        """The criteria that do not pass in the newest evaluation, and that an override covers in this stage."""
        return frozenset(name for name in self.verdicts if self.waiver(name) is not None)

    @property
    def tried_out(self) -> dict[str, Verdict]:
        """What the newest evaluation says of the criteria that are only tried out: they decide nothing."""
        return self.latest.told if self.latest else {}

    @property
    def verdicts_shown(self) -> dict[str, Verdict | Waived]:
        """The newest verdict of everything that was judged, as people see it."""
        return {**self.verdicts, **dict.fromkeys(self.waived, WAIVED), **self.tried_out}

    @property
    def effective_verdict(self) -> Verdict | Waived:
        """The newest evaluation's verdict without what an override covers: never `pass` where it covers any.

        No evaluation is no data.
        """
        verdicts, waived = self.verdicts, self.waived
        remaining = worst(verdict for name, verdict in verdicts.items() if name not in waived)
        return WAIVED if waived and (remaining is Verdict.PASS or len(waived) == len(verdicts)) else remaining

    @property
    def evidence_in_words(self) -> dict[str, str]:
        """What the newest evaluation says of each criterion, and who waived it, where an override covers that."""
        messages = self.latest.messages if self.latest else {}
        told = {name: self.waiver(name) for name in messages}
        return {n: f"waived by {by.by} ({by.note}): {messages[n]}" if by else messages[n] for n, by in told.items()}

    # What caches of the flag store may still show.

    def written(self, now: datetime, *over: float) -> OwnWrite:
        """The write that Rampart has just made, over what the record says, and `over`; caches may hold any of it."""
        return OwnWrite(at=now, over=tuple(sorted({self.percent, *over, *self.echoes(now)})))

    def echoes(self, now: datetime) -> frozenset[float]:
        """The percentages that caches of the flag store may still read back after Rampart's own last write."""
        lasts = max(self.plan.settle, ECHO_LASTS)
        # A write of a time that has not come yet was made by a clock that is ahead: no one knows how old it is.
        is_recent = self.own_write is not None and -CLOCK_SKEW <= now - self.own_write.at < lasts
        return frozenset(self.own_write.over) if self.own_write is not None and is_recent else frozenset()

    # What comes next.

    def moved(self, now: datetime, **changes: Unpack[Changes]) -> RolloutState:
        """The next version of the record."""
        return self.model_copy(update={**changes, "epoch": self.epoch + 1, "updated": now})

    def at_percent(self, percent: float) -> Standing | None:
        """Where the attempt stands, with its flags at another percentage."""
        return self.standing and self.standing.changed(percent=percent)

    def event(self, now: datetime, kind: EventKind, message: str, *, by: str = "rampart", **details: object) -> Event:
        """What happened to the rollout as it is; a detail that is None is left out."""
        return Event(
            at=now,
            kind=kind,
            rollout=self.rollout,
            attempt=self.attempt,
            stage=self.stage,
            percent=self.percent,
            by=by,
            message=in_zone(message, self.plan.zone),
            details={name: value for name, value in details.items() if value is not None},
        )


class Claim(Model):
    """Who holds a flag, and every flag that moves with it."""

    flag: str
    rollout: str
    flags: tuple[str, ...]
