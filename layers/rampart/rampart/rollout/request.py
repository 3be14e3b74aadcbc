"""A request to take flags to 0%: who asks, what for, and what makes it believable."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from rampart.model import Model


class Cause(StrEnum):
    """Who asks for a rollback."""

    ALERT = "alert"
    """An authenticated alert of a Datadog monitor; flag first."""
    PERSON = "person"
    """A person's decision; flag first."""
    ABANDON = "abandon"
    """A person ends the rollout; flag first, then the flags are freed."""
    EVIDENCE = "evidence"
    """`evaluate` saw a criterion fail."""
    DRIFT = "drift"
    """`evaluate` saw the flag above its record."""
    RESTORE = "restore"
    """`evaluate` saw the flag above its record, and the plan lowers it to the record."""
    EXECUTION = "execution"
    """The attempt's execution was stopped, failed, timed out or went blind."""


FLAG_FIRST = frozenset({Cause.ALERT, Cause.PERSON, Cause.ABANDON})
"""Causes that are believed by who sends them; the others only with the execution and attempt that the record holds."""


CALLED_BY_TICKS = frozenset({Cause.EVIDENCE, Cause.DRIFT, Cause.RESTORE})
"""Causes that only `evaluate` has, which doesn't wait for the answer."""


class RollbackRequest(Model):
    """What `rollback` is asked; an alert names flags, everything else names the rollout."""

    cause: Cause
    reason: str
    rollout: str | None = None
    flags: tuple[str, ...] = ()
    attempt: int | None = None
    execution: str | None = None
    epoch: int | None = None
    """The record's version when a rolled-back flag was seen raised: people are told about it once."""
    by: str = "rampart"
    monitor: str | None = None
    cycle: str | None = None
    decision: str | None = None
    """The decision's execution, where a person asked."""
    asked_at: datetime
    queued: bool = False
    """Whether this is a repetition, by the queue or a tick, that comes again until it is done."""
    unrecorded: datetime | None = None
    """When the flags that it names were lowered, where no one could read whose they are."""
