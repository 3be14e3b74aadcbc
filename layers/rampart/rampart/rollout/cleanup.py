"""After a rollout: its flag does nothing any more, and stays known until someone removes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rampart.errors import ConflictError, FlagStoreError
from rampart.rollout.audience import reads
from rampart.rollout.event import Event, EventKind
from rampart.rollout.flag import FlagReading
from rampart.rollout.lower import for_each, look
from rampart.rollout.ports import Clock, FlagStore, RolloutStore
from rampart.rollout.remains import Remains
from rampart.rollout.state import RolloutState, Status
from rampart.words import day

TOLD_EVERY = timedelta(days=30)
"""How often its owners hear that a flag waits to be removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAfter:
    """One look at the flags of one completed rollout, once a day."""

    store: RolloutStore
    flags: FlagStore
    clock: Clock

    def __call__(self, rollout: str) -> str:
        """Look, keep what was seen, and tell where there is something to tell; what was done, in a word or two.

        Raises StoreError.
        """
        state = self.store.state(rollout)
        if state is None or state.status is not Status.COMPLETED or (state.remains and state.remains.gone):
            return "over"
        if self.store.claims(state.plan.flags):
            return "another rollout moves it"
        try:
            readings = for_each(state.plan.flags, lambda flag: look(self.flags, flag))
        except FlagStoreError as error:
            return f"unread: {error}"
        after, events = looked_after(state, readings, self.clock.now())
        try:
            self.store.commit(state, after, events=events)
        except ConflictError:
            return "overtaken"
        return "told" if events else "looked at"


def looked_after(
    state: RolloutState, readings: Sequence[FlagReading], now: datetime
) -> tuple[RolloutState, list[Event]]:
    """The record of a completed rollout after a look at its flags, and what its owners are told."""
    before = state.remains or Remains(looked=now, reads=state.reach, since=state.updated)
    found = _found(readings)
    is_same = found == before.reads
    known = before.changed(looked=now, reads=found, since=before.since if is_same else now)
    if not any(reading.exists for reading in readings):
        known = known.changed(gone=True)
        return _told(state, known, now, f"{_flags(state)} is gone: nothing is left to clean up")
    if not is_same:
        message = f"{_flags(state)} was changed after the rollout: it was {before.reads}, and is {found} now"
        return _told(state, known.changed(told=now), now, message)
    if now - (known.told or known.since) < TOLD_EVERY:
        return state.moved(now, remains=known), []
    message = f"{_flags(state)} has read {found} since {day(known.since, state.plan.zone)} and is still there"
    return _told(state, known.changed(told=now), now, message)


def _told(state: RolloutState, known: Remains, now: datetime, message: str) -> tuple[RolloutState, list[Event]]:
    after = state.moved(now, remains=known)
    return after, [after.event(now, EventKind.CLEANUP, message)]


def _found(readings: Sequence[FlagReading]) -> str:
    """What the flags read; of several that differ, each by its name."""
    said = {reading.flag: _said(reading) for reading in readings}
    return said[readings[0].flag] if len(set(said.values())) == 1 else ", ".join(f"{n} {at}" for n, at in said.items())


def _said(reading: FlagReading) -> str:
    if not reading.exists:
        return "gone"
    return "fully on" if reading.boolean else reads(reading)


def _flags(state: RolloutState) -> str:
    return ", ".join(state.plan.flags)
