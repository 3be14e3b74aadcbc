"""Drift: where a rollout's flags are not at its record, and what the plan does about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rampart.errors import FlagStoreError
from rampart.plan.model import OnDrift, OnFall, OnRise
from rampart.rollout.flag import FlagReading
from rampart.rollout.lower import look_at_all
from rampart.rollout.ports import FlagStore
from rampart.rollout.request import Cause
from rampart.rollout.state import RolloutState

_UNREAD_IS_TOLD_AFTER = timedelta(minutes=3)
"""A flag store that misses a single tick needs nobody's attention; nothing is asked from the first one on."""
_ABOVE = "above"
_BELOW = "below"


@dataclass(frozen=True, slots=True)
class Sight:
    """Where the flags are not at the record, in words, and since when one cannot be read."""

    drift: str | None
    unread_since: datetime | None


def cause_of(drift: str | None, policy: OnDrift) -> Cause | None:
    """What a drift asks `rollback` for; None where the stage is held at most."""
    if drift is None:
        return None
    if drift.startswith(_ABOVE):
        return Cause.RESTORE if policy.above is OnRise.RESTORE else Cause.DRIFT
    return Cause.DRIFT if drift.startswith(_BELOW) and policy.below is OnFall.ROLL_BACK else None


def is_echo(reading: FlagReading, state: RolloutState, now: datetime) -> bool:
    """Whether a flag that is up may merely be what a cache still holds of the time before Rampart's own last write."""
    return not reading.open_gates and reading.exposure in state.echoes(now)


def _is_expected(reading: FlagReading, state: RolloutState, now: datetime) -> bool:
    """Whether a flag is at the record, where an advance may have put it, or where a cache may still see it."""
    if not reading.exists:
        return False
    in_flight = state.intent is not None and reading.exposure == state.intent.percent and not reading.open_gates
    return reading.exposure == state.percent or in_flight or is_echo(reading, state, now)


def astray(state: RolloutState, found: Sequence[FlagReading | FlagStoreError], now: datetime) -> str | None:
    """Where the flags that were read are not at the record, in words: above wins over below."""
    strays: dict[str, str] = {}
    for reading in found:
        if isinstance(reading, FlagStoreError) or _is_expected(reading, state, now):
            continue
        side = _ABOVE if reading.exposure > state.percent else _BELOW
        reads = f"reads {reading.exposure:g}%" if reading.exists else "does not exist any more"
        strays[side] = f"{side} its record of {state.percent:g}%: {reading.flag} {reads}"
    return strays.get(_ABOVE) or strays.get(_BELOW)


def sight_of(state: RolloutState, flags: FlagStore, now: datetime) -> Sight:
    """Where the flags are not at the record; what cannot be read leaves what was known, unless another is above."""
    found = look_at_all(flags, state.plan.flags)
    strayed = astray(state, found, now)
    unread = next((n for n, each in zip(state.plan.flags, found, strict=True) if isinstance(each, FlagStoreError)), "")
    if not unread:
        return Sight(strayed, None)
    since = state.unread_since or now
    lost = f"out of sight: {unread} cannot be read" if now - since >= _UNREAD_IS_TOLD_AFTER else None
    is_above = strayed is not None and strayed.startswith(_ABOVE)
    return Sight(strayed if is_above else state.drift or strayed or lost, since)
