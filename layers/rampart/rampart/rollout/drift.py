"""Drift: where a rollout's flags are not at its record, and what the plan does about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from rampart.errors import FlagStoreError, UnknownFlagError
from rampart.plan.model import OnDrift, OnFall, OnRise
from rampart.ports import FlagStore
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


def sight_of(state: RolloutState, flags: FlagStore, now: datetime) -> Sight:
    """Where the flags are not at the record: above wins over below; what cannot be read leaves what was known."""
    found: dict[str, str] = {}
    unread = ""
    for flag in state.plan.flags:
        try:
            reading = flags.read(flag)
        except UnknownFlagError:
            found[_BELOW] = f"{_BELOW} its record of {state.percent:g}%: {flag} does not exist any more"
        except FlagStoreError:
            unread = flag
        else:
            side = _ABOVE if reading.exposure > state.percent else _BELOW
            if reading.exposure != state.percent:
                found[side] = f"{side} its record of {state.percent:g}%: {flag} reads {reading.exposure:g}%"
    if not unread:
        return Sight(found.get(_ABOVE) or found.get(_BELOW), None)
    since = state.unread_since or now
    lost = f"out of sight: {unread} cannot be read" if now - since >= _UNREAD_IS_TOLD_AFTER else None
    return Sight(found.get(_ABOVE) or state.drift or found.get(_BELOW) or lost, since)
