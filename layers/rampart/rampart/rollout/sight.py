"""Sight: whether a rollout's flags are at its record, as far as they can be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypedDict

from rampart.errors import FlagStoreError
from rampart.rollout.audience import wanted_at
from rampart.rollout.drift import Drift, DriftSide
from rampart.rollout.flag import FlagReading
from rampart.rollout.lower import look_at_all
from rampart.rollout.ports import FlagStore
from rampart.rollout.state import RolloutState

_UNREAD_IS_TOLD_AFTER = timedelta(minutes=3)
"""A flag store that misses a single tick needs no one's attention; nothing is asked from the first one on."""


@dataclass(frozen=True, slots=True)
class Sight:
    """Where a flag is not at the record, and since when one cannot be read."""

    drift: Drift | None
    unread_since: datetime | None
    read_at: datetime | None = None
    """When the flags were last read, as far as the record tells, where one cannot be."""

    @property
    def found(self) -> _SightOnRecord:
        """What the record keeps of it."""
        return {"drift": self.drift, "unread_since": self.unread_since, "read_at": self.read_at}


class _SightOnRecord(TypedDict):
    drift: Drift | None
    unread_since: datetime | None
    read_at: datetime | None


def is_echo(reading: FlagReading, state: RolloutState, now: datetime) -> bool:
    """Whether a flag that is up may merely be what a cache still holds of the time before Rampart's own last write."""
    was_on = state.plan.stages[-1].fully_on and reading.open_gates == ("boolean",)
    return (was_on or not reading.open_gates) and reading.exposure in state.echoes(now)


def _is_expected(reading: FlagReading, state: RolloutState, now: datetime) -> bool:
    """Whether a percentage is at the record, where an advance may have put it, or where a cache may still see it."""
    if not reading.exists:
        return False
    in_flight = state.intent is not None and reading.exposure == state.intent.percent and not reading.open_gates
    return reading.exposure == state.percent or in_flight or is_echo(reading, state, now)


def _drift_of(reading: FlagReading, state: RolloutState, now: datetime) -> Drift | None:
    """Where one flag is not at the record: its percentage, or else one of those whom the rollout lets in by name."""
    reads = reading.exposure if reading.exists else None
    if not _is_expected(reading, state, now):
        side = DriftSide.ABOVE if reading.exposure > state.percent else DriftSide.BELOW
        return Drift(side=side, flag=reading.flag, reads=reads, record=state.percent, since=now)
    if state.echoes(now):
        return None  # a cache may still show who was let in before
    wanted = wanted_at(state.plan, state.standing.stage) if state.standing else ()
    for each in (opening for opening in state.opened if opening.flag == reading.flag):
        side = DriftSide.BELOW if each.member in wanted else DriftSide.ABOVE
        is_so = each.is_kept(reading) if side is DriftSide.BELOW else each.member not in reading.members
        if not is_so and not (state.intent and each in state.intent.opens):
            return Drift(side=side, flag=reading.flag, reads=reads, record=state.percent, member=each.member, since=now)
    return None


def astray(state: RolloutState, found: Sequence[FlagReading | FlagStoreError], now: datetime) -> Drift | None:
    """Where the flags that were read are not at the record: above wins over below, and the last flag over the others.

    A drift that is on record already keeps the time at which it was noticed.
    """
    strays: dict[DriftSide, Drift] = {}
    for reading in found:
        drift = None if isinstance(reading, FlagStoreError) else _drift_of(reading, state, now)
        if drift is not None:
            is_known = state.drift is not None and drift.is_known(state.drift)
            strays[drift.side] = state.drift if state.drift is not None and is_known else drift
    return strays.get(DriftSide.ABOVE) or strays.get(DriftSide.BELOW)


def sight_of(state: RolloutState, flags: FlagStore, now: datetime) -> Sight:
    """Where the flags are not at the record; what cannot be read leaves what was known, unless another is above."""
    found = look_at_all(flags, state.plan.flags)
    strayed = astray(state, found, now)
    pairs = zip(state.plan.flags, found, strict=True)
    unread = next(((flag, str(each)) for flag, each in pairs if isinstance(each, FlagStoreError)), None)
    if unread is None:
        return Sight(strayed, None)
    since = state.unread_since or now
    flag, why = unread
    lost = Drift(side=DriftSide.UNREAD, flag=flag, reads=None, record=state.percent, since=since, why=why)
    is_above = strayed is not None and strayed.side is DriftSide.ABOVE
    is_told = now - since >= _UNREAD_IS_TOLD_AFTER
    read_at = state.read_at if state.unread_since else _last_read(state)
    return Sight(strayed if is_above else state.drift or strayed or (lost if is_told else None), since, read_at)


def _last_read(state: RolloutState) -> datetime | None:
    """When the flags were last read, by what is on record anyway: at the stage's newest look, or when it began."""
    if state.latest is not None:
        return state.latest.at
    return state.standing.started if state.standing is not None else None
