"""The record after a rollback, and what is told about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rampart.rollout.event import Event, EventKind
from rampart.rollout.flag import FlagReading
from rampart.rollout.request import Cause, RollbackRequest
from rampart.rollout.state import CLOSED, INTENT_EXPIRES, RolloutState, Status


@dataclass(frozen=True, slots=True)
class Lowered:
    """How far flags came down."""

    readings: tuple[FlagReading, ...] | None
    """What they read; None where one is not confirmed at 0%."""
    up: tuple[str, ...] = ()
    """The flags that are not confirmed at 0%."""
    over: frozenset[float] = frozenset()
    """The percentages that were there before: what caches may show for a while yet."""
    undone: tuple[str, ...] = ()
    """Why one is not, in words."""


def recorded(
    before: RolloutState, request: RollbackRequest, lowered: Lowered, now: datetime
) -> tuple[RolloutState, list[Event]]:
    """The record after a rollback and what is to be told; a person who abandons ends the rollout with it."""
    after, events = halted(before, request, lowered, now)
    if request.cause is not Cause.ABANDON or after.status is not Status.ROLLED_BACK or lowered.readings is None:
        return after, events
    ended = before.moved(now) if after is before else after
    ended = ended.changed(status=Status.ABANDONED)
    return ended, [*events, _event(ended, request, now, EventKind.ABANDONED, f"abandoned: {request.reason}")]


def taken_back(before: RolloutState, request: RollbackRequest, now: datetime) -> RolloutState:
    """The record of a completed rollout whose flags a person wants down, with its flags held again."""
    return before.moved(
        now,
        status=Status.HALTED,
        halted_at=now,
        halted_by=request.changed(unrecorded=None),
        drift=None,
        remains=None,
        watch_until=now + before.plan.watch,
        watched=True,
    )


def halted(
    before: RolloutState, request: RollbackRequest, lowered: Lowered, now: datetime
) -> tuple[RolloutState, list[Event]]:
    """The record after a rollback and what is to be told, whatever it was asked for."""
    readings, over = lowered.readings, lowered.over
    request = request.changed(unrecorded=None)  # it is on record now
    writes = (before.intent.at if before.intent else None, before.cut_off)
    in_flight = any(at is not None and now - at < INTENT_EXPIRES for at in writes)
    done = readings is not None and not in_flight
    if before.status is Status.ROLLED_BACK and (request.epoch is None or request.epoch != before.epoch):
        return before, []
    if before.status is Status.HALTED:
        if not done:
            return before, []
        request = before.halted_by or request  # whichever run finishes it, this is why
    if before.status in CLOSED:
        if readings is None or before.percent == 0:
            return before, []
        # It was completed while its flags came down: the record must not go on saying that they are up.
        after = before.moved(now, standing=before.at_percent(0.0), own_write=before.written(now, *over), drift=None)
        message = _done(before, request, readings)
        return after, [_event(after, request, now, EventKind.ROLLED_BACK, message)]
    again = request.epoch is not None
    after = before.moved(
        now,
        status=Status.ROLLED_BACK if done else Status.HALTED,
        standing=before.at_percent(0.0) if readings is not None else before.standing,
        intent=None if done else before.intent,
        own_write=before.written(now, *over, *([before.intent.percent] if before.intent else [])),
        opened=before.openings,
        drift=None if done else before.drift,  # the flag is where Rampart left it
        halted_at=before.halted_at or now,
        halted_by=(before.halted_by or request) if done and again else request,  # what began it stays the reason
        undone=None if done else "; ".join(lowered.undone) or before.undone,
        reminded_at=None if done else before.reminded_at,
        watch_until=now + before.plan.watch,
        watched=True,
    )
    kind = (EventKind.TAKEN_DOWN_AGAIN if again else EventKind.ROLLED_BACK) if done else EventKind.ROLLING_BACK
    unconfirmed = [flag for flag in before.plan.flags if flag in lowered.up]
    message = (
        _pending(before, request, unconfirmed, lowered.undone) if not done else _done(before, request, readings or ())
    )
    return after, [_event(after, request, now, kind, request.reason if again and done else message)]


def _event(state: RolloutState, request: RollbackRequest, now: datetime, kind: EventKind, message: str) -> Event:
    details = request.model_dump(mode="json", include={"cause", "reason", "monitor", "cycle", "decision", "asked_at"})
    return state.event(now, kind, message, by=request.by, **details)


def _pending(before: RolloutState, request: RollbackRequest, up: Sequence[str], errors: Sequence[str]) -> str:
    """That a rollback was asked for and is not done: which flags are not confirmed and why, or an advance in flight."""
    why = [f"not yet confirmed at 0%: {', '.join(up)}", *errors] if up else ["an advance is in flight"]
    return f"rolling back from {before.reach}: {request.reason} ({'; '.join(why)}; Rampart keeps trying)"


def _done(before: RolloutState, request: RollbackRequest, readings: Sequence[FlagReading]) -> str:
    """What every flag was read at, what did not exist, and what stays open on purpose."""
    readings = [reading for reading in readings if reading.flag in before.plan.flags]
    absent = [reading.flag for reading in readings if not reading.exists]
    there = [flag for flag in before.plan.flags if flag not in absent]
    left = [f"{reading.flag}: {', '.join(reading.left_open)}" for reading in readings if reading.left_open]
    told = [f"{', '.join(there)} is at 0% (verified)"] if there else []
    told += [f"{', '.join(absent)} did not exist, so nothing was written there"] if absent else []
    still = f"; still open for {'; '.join(left)}" if left else ""
    return f"{'; '.join(told)}: {request.reason}{still}"
