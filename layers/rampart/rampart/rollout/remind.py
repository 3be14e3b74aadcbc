"""Telling people again: of a rollback that isn't done, and of a question that waits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from rampart.errors import FlagStoreError
from rampart.rollout.audience import Opening, is_up, reads
from rampart.rollout.event import Event, EventKind
from rampart.rollout.flag import FlagReading
from rampart.rollout.gate import Gate, OpenGate
from rampart.rollout.state import RolloutState
from rampart.words import length

UNDONE_EVERY = timedelta(minutes=5)
"""How often people are told that a rollback isn't done: users may be exposed meanwhile."""
_WAITED = timedelta(hours=4)
"""After how long a question is asked about again, or after half of its time where that is shorter."""


def undone(found: Sequence[FlagReading | FlagStoreError], openings: Iterable[Opening]) -> str:
    """Why a rollback isn't done, by what its flags read; empty where none of them says so."""
    errors = [str(each) for each in found if isinstance(each, FlagStoreError)]
    up = [each for each in found if not isinstance(each, FlagStoreError) and is_up(each, openings)]
    return "; ".join([*(f"{each.flag} reads {reads(each, openings)}" for each in up), *errors])


def still_undone(state: RolloutState, why: str, now: datetime) -> tuple[RolloutState, list[Event]] | None:
    """The record and the event that tell again that a rollback isn't done; None where there is nothing new to say."""
    began = state.halted_at or state.updated
    is_due = now - (state.reminded_at or began) >= UNDONE_EVERY
    if not is_due and why == (state.undone or ""):
        return None
    after = state.moved(now, undone=why or None, reminded_at=now if is_due else state.reminded_at)
    message = f"still rolling back, {length(now - began)} after it was requested" + (f": {why}" if why else "")
    return after, [after.event(now, EventKind.ROLLING_BACK, message)] if is_due else []


def may_be_forgotten(state: RolloutState, gate: OpenGate, now: datetime) -> bool:
    """Whether a question has waited so long, and no one was reminded of it yet."""
    waited = now - gate.opened >= min(_WAITED, state.plan.approval_lapses / 2)
    return waited and (state.reminded_at is None or state.reminded_at < gate.opened)


def reminder(state: RolloutState, gate: Gate, now: datetime) -> tuple[RolloutState, Event]:
    """The record and the event that remind people of a question."""
    after = state.moved(now, reminded_at=now)
    message = f"still waiting for an answer, {length(now - gate.opened)} after it was asked"
    return after, after.event(now, EventKind.ASKED, message, gate=gate.id)
