"""Drift: where a rollout's flags are not at its record, and what the plan does about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rampart.errors import FlagStoreError, UnknownFlagError
from rampart.plan.model import OnDrift, OnFall, OnRise
from rampart.ports import FlagStore
from rampart.rollout.lower import for_each
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


def exposures(names: Sequence[str], flags: FlagStore) -> tuple[float | FlagStoreError, ...]:
    """What each flag reads, or why it cannot be read."""

    def read(name: str) -> float | FlagStoreError:
        try:
            return flags.read(name).exposure
        except FlagStoreError as error:
            return error

    return for_each(names, read)


def sight_of(state: RolloutState, flags: FlagStore, now: datetime) -> Sight:
    """Where the flags are not at the record: above wins over below; what cannot be read leaves what was known."""
    found: dict[str, str] = {}
    unread = ""
    for flag, reading in zip(state.plan.flags, exposures(state.plan.flags, flags), strict=True):
        if isinstance(reading, UnknownFlagError):
            found[_BELOW] = f"{_BELOW} its record of {state.percent:g}%: {flag} does not exist any more"
        elif isinstance(reading, FlagStoreError):
            unread = flag
        elif reading != state.percent:
            side = _ABOVE if reading > state.percent else _BELOW
            found[side] = f"{side} its record of {state.percent:g}%: {flag} reads {reading:g}%"
    if not unread:
        return Sight(found.get(_ABOVE) or found.get(_BELOW), None)
    since = state.unread_since or now
    lost = f"out of sight: {unread} cannot be read" if now - since >= _UNREAD_IS_TOLD_AFTER else None
    return Sight(found.get(_ABOVE) or state.drift or found.get(_BELOW) or lost, since)
