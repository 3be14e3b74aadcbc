"""Raise flags to a stage's percentage: only over what is expected there, and read back. Nothing else raises a flag."""

from __future__ import annotations

from datetime import datetime

from rampart.errors import FlagUnconfirmedError
from rampart.rollout.drift import Drift
from rampart.rollout.flag import FlagReading
from rampart.rollout.lower import for_each, look
from rampart.rollout.ports import FlagStore
from rampart.rollout.sight import astray
from rampart.rollout.state import Intent, RolloutState
from rampart.words import percentage


def climb(flags: FlagStore, state: RolloutState, intent: Intent, now: datetime) -> Drift | None:
    """Set every flag to the intent's percentage and read it back; all of them are looked at before the first write.

    Returns where a flag is instead of at the record, and then nothing was written; None when all are there.
    Flipper has no conditional write, so a change between the look and the write, some milliseconds, goes unseen.
    Raises FlagStoreError where a flag cannot be read or written, or reads otherwise: it is tried again.
    """
    readings = for_each(state.plan.flags, lambda name: look(flags, name))
    strayed = astray(state, readings, now)
    if strayed is not None:
        return strayed
    for reading in readings:
        if reading.exposure not in (state.percent, intent.percent):
            # A cache may still hold it, or someone lowered the flag just now; the next try shows which.
            told = f"{reading.flag} reads {percentage(reading.exposure)}, as before; it will be tried again"
            raise FlagUnconfirmedError(told)
    for_each(state.plan.flags, lambda name: flags.set_percentage(name, intent.percent))
    for reading in for_each(state.plan.flags, lambda name: look(flags, name)):
        _confirm(reading, intent.percent)
    return None


def step_down(flags: FlagStore, state: RolloutState, intent: Intent) -> None:
    """Take back what an advance may have written: to the record again, and only where the flag reads one or the other.

    What another writer did stays. Raises FlagStoreError where a flag is not confirmed: it is tried again.
    """
    for flag in state.plan.flags:
        reading = look(flags, flag)
        is_ours = reading.exposure in (state.percent, intent.percent) and not reading.open_gates
        if reading.exists and is_ours:
            flags.set_percentage(flag, state.percent)
            _confirm(look(flags, flag), state.percent)


def _confirm(reading: FlagReading, percent: float) -> None:
    if reading.exposure != percent:  # whatever gate lets people in
        raise FlagUnconfirmedError(
            f"{reading.flag} was set to {percentage(percent)} but reads {percentage(reading.exposure)}; "
            "it will be tried again"
        )
