"""What happened to a rollout: events, which are only ever added."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from rampart.model import Model


class EventKind(StrEnum):
    """What happened; people and systems are told about each once."""

    STARTED = "started"
    """A rollout began."""
    REFUSED = "refused"
    """A start or a resume was refused; nothing changed."""
    ADVANCED = "advanced"
    """The flags were read at a stage's percentage."""
    VERDICT_CHANGED = "verdict_changed"
    """An evaluation ended otherwise than the one before."""
    TRIED_OUT = "tried_out"
    """A criterion that is only tried out went wrong or silent; nothing moves or waits for it."""
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
    """The flag is at 0% (verified)."""
    UNRECORDED = "lowered_without_record"
    """Flags that no rollout holds were set to 0% while the records could not be read."""
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
    CLEANUP = "cleanup"
    """A completed rollout's flag waits to be removed, was moved, or is gone."""
    FROZEN = "frozen"
    """A person stopped every advance of the stack."""
    THAWED = "thawed"
    """A person let rollouts advance again."""
    DIGEST = "digest"
    """Where every open rollout stands, as often as the stack's schedule asks for it."""


EVERY_ROLLOUT = "all rollouts"
"""Stands for the rollout in events of the whole stack; no rollout can be called that."""


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
