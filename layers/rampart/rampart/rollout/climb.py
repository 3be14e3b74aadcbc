"""Raise flags to a stage: only over what is expected there, and read back. Nothing else raises a flag."""

from __future__ import annotations

from datetime import datetime

from rampart.errors import FlagUnconfirmedError
from rampart.rollout.audience import Opening, reads, still_open
from rampart.rollout.drift import Drift
from rampart.rollout.flag import FlagReading
from rampart.rollout.lower import close_openings, for_each, look
from rampart.rollout.ports import FlagStore
from rampart.rollout.sight import astray
from rampart.rollout.state import Intent, RolloutState
from rampart.words import percentage


def climb(flags: FlagStore, state: RolloutState, intent: Intent, now: datetime) -> Drift | None:
    """Bring every flag to what the intent says and read it back; all of them are looked at before the first write.

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
    is_end = state.plan.stages[intent.stage].fully_on
    for_each(state.plan.flags, lambda name: flags.turn_on(name) if is_end else _write(flags, name, intent))
    for reading in for_each(state.plan.flags, lambda name: look(flags, name)):
        _confirm(reading, intent, is_end=is_end)
    return None


def _write(flags: FlagStore, flag: str, intent: Intent) -> None:
    if intent.percent:  # a stage for people by name leaves it at 0%
        flags.set_percentage(flag, intent.percent)
    for each in _of(flag, intent):
        flags.open_to(flag, each.member)


def _of(flag: str, intent: Intent) -> tuple[Opening, ...]:
    return tuple(each for each in intent.opens if each.flag == flag)


def _confirm(reading: FlagReading, intent: Intent, *, is_end: bool) -> None:
    """Whether a flag reads what was written; raises FlagUnconfirmedError."""
    lacking = [str(each.member) for each in _of(reading.flag, intent) if not each.is_kept(reading)]
    if reading.exposure != intent.percent:  # whatever gate lets people in
        told = f"was set to {percentage(intent.percent)} but reads {percentage(reading.exposure)}"
    elif is_end and not reading.boolean:
        told = "was turned fully on but its boolean gate reads closed"
    elif lacking:
        told = f"was opened for {', '.join(lacking)} but doesn't let them in"
    else:
        return
    raise FlagUnconfirmedError(f"{reading.flag} {told}; it will be tried again")


def step_down(flags: FlagStore, state: RolloutState, intent: Intent) -> None:
    """Take back what an advance may have written: to the record again, and only where the flag reads one or the other.

    What another writer did stays. Raises FlagStoreError where a flag is not confirmed: it is tried again.
    """
    for flag in state.plan.flags:
        reading = look(flags, flag)
        is_wiped = state.plan.stages[intent.stage].fully_on and reading.boolean
        if is_wiped:
            flags.close_gates(flag)  # the percentage goes with it, and is written again
        is_ours = reading.exposure in (state.percent, intent.percent) and not reading.open_gates
        if reading.exists and (is_ours or is_wiped):
            _step_down_one(flags, reading, state, intent)


def _step_down_one(flags: FlagStore, reading: FlagReading, state: RolloutState, intent: Intent) -> None:
    if intent.percent:
        flags.set_percentage(reading.flag, state.percent)
    close_openings(flags, reading, intent.opens)
    after = look(flags, reading.flag)
    if after.exposure != state.percent or still_open([after], intent.opens):
        told = f"was set to {percentage(state.percent)} but reads {reads(after, intent.opens)}"
        raise FlagUnconfirmedError(f"{reading.flag} {told}; it will be tried again")
