"""Take flags to 0% and make it real: look, write, read back, close what a percentage cannot close, read back again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from rampart.errors import FlagsNotLoweredError, FlagStoreError, FlagUnconfirmedError, UnknownFlagError
from rampart.plan.stage import Member
from rampart.rollout.audience import Opening, is_up, reads, still_open
from rampart.rollout.flag import FlagReading
from rampart.rollout.ports import FlagCloser

USUAL_TRIES = 3
"""How often a use case writes and reads back a flag, or writes a record that others write too."""
_AT_ONCE = 20
"""As many as a plan may have: the time that an alert has is over before a second wave of slow calls is."""
_Result = TypeVar("_Result")


def for_each(names: Sequence[str], call: Callable[[str], _Result]) -> tuple[_Result, ...]:
    """Call for every flag, several side by side: twenty that do not answer must not wait one after the other.

    All are called, whatever becomes of one; raises what the first raised that failed.
    """
    if len(names) == 1:
        return (call(names[0]),)
    with ThreadPoolExecutor(max_workers=min(_AT_ONCE, max(1, len(names)))) as pool:
        pending = [pool.submit(call, name) for name in names]
    return tuple(future.result() for future in pending)


def look(flags: FlagCloser, name: str) -> FlagReading:
    """Read a flag; that it does not exist is a reading too. Raises FlagStoreError where the store cannot be asked."""
    try:
        return flags.read(name)
    except UnknownFlagError:
        return FlagReading(name, exists=False)


def look_at_all(flags: FlagCloser, names: Sequence[str]) -> tuple[FlagReading | FlagStoreError, ...]:
    """What each flag reads, or why it cannot be read."""
    return _try_each(names, lambda name: look(flags, name))


def _try_each(names: Sequence[str], call: Callable[[str], FlagReading]) -> tuple[FlagReading | FlagStoreError, ...]:
    def tried(name: str) -> FlagReading | FlagStoreError:
        try:
            return call(name)
        except FlagStoreError as error:
            return error

    return for_each(names, tried)


@dataclass(frozen=True, slots=True)
class Remembering:
    """A flag store that remembers at which percentages flags were before they were written: caches may show them."""

    flags: FlagCloser
    over: set[float]
    written: set[str] = field(default_factory=set)

    def read(self, flag: str) -> FlagReading:
        """Read a flag's gates."""
        reading = self.flags.read(flag)
        if flag not in self.written and not reading.open_gates:
            self.over.add(reading.exposure)
        return reading

    def set_percentage(self, flag: str, percent: float) -> None:
        """Write a flag's percentage of actors."""
        self.written.add(flag)
        self.flags.set_percentage(flag, percent)

    def close_gates(self, flag: str) -> None:
        """Clear every gate of a flag."""
        self.written.add(flag)
        self.flags.close_gates(flag)

    def close_to(self, flag: str, member: Member) -> None:
        """Let someone in by name no longer."""
        self.flags.close_to(flag, member)


def lower(
    flags: FlagCloser, names: Sequence[str], tries: int = USUAL_TRIES, openings: Sequence[Opening] = ()
) -> tuple[FlagReading, ...]:
    """Take every flag to 0%, close its openings, and return what each reads; all are tried, whatever becomes of one.

    Raises FlagsNotLoweredError, which names the flags that are not confirmed at 0%.
    """
    outcomes = dict(zip(names, _try_each(names, lambda name: lower_one(flags, name, tries, openings)), strict=True))
    failures = {name: each for name, each in outcomes.items() if isinstance(each, FlagStoreError)}
    if failures:
        told = "; ".join(dict.fromkeys(str(error) for error in failures.values()))
        raise FlagsNotLoweredError(told, flags=tuple(failures))
    return tuple(each for each in outcomes.values() if isinstance(each, FlagReading))


def lower_one(flags: FlagCloser, name: str, tries: int = USUAL_TRIES, openings: Sequence[Opening] = ()) -> FlagReading:
    """Take one flag to 0%, close what of `openings` is its own, and return what it reads afterwards.

    One that does not exist is down, and not written to.

    Raises FlagStoreError when the store does not answer and FlagUnconfirmedError when it does not obey.
    """
    if not _may_exist(flags, name):
        return FlagReading(name, exists=False)
    reading = FlagReading(name)
    for _ in range(tries):
        flags.set_percentage(name, 0)
        reading = look(flags, name)
        if reading.open_gates:
            # Clearing takes hand-picked actors with it, so only where 0% cannot be real otherwise.
            flags.close_gates(name)
            reading = look(flags, name)
        if close_openings(flags, reading, openings):
            reading = look(flags, name)
        if not is_up(reading, openings):
            return reading
    raise FlagUnconfirmedError(f"{name} was set to 0% but reads {reads(reading, openings)}")


def close_openings(flags: FlagCloser, reading: FlagReading, openings: Sequence[Opening]) -> bool:
    """Close what of `openings` a flag reads; whether there was any."""
    found = still_open([reading], openings)
    for each in found:
        flags.close_to(each.flag, each.member)
    return bool(found)


def _may_exist(flags: FlagCloser, name: str) -> bool:
    """Whether a write would not create the flag. One that cannot be read is written to: down comes before tidiness."""
    try:
        return look(flags, name).exists
    except FlagStoreError:
        return True


def lower_to(flags: FlagCloser, name: str, percent: float) -> tuple[FlagReading, FlagReading]:
    """Take a flag that is above a percentage down to it; what it read before, and what it reads now.

    One that is lower is left alone: nothing is raised here. Raises FlagStoreError.
    """
    before = look(flags, name)
    if before.percent <= percent:
        return before, before  # a percentage closes no other gate
    flags.set_percentage(name, percent)
    return before, look(flags, name)


def lower_unseen(flags: FlagCloser, readings: Sequence[FlagReading], openings: Sequence[Opening]) -> None:
    """Write 0% to flags that were just read, without reading back what a cache would only repeat."""
    for_each([reading.flag for reading in readings], lambda name: flags.set_percentage(name, 0))
    for reading in readings:
        close_openings(flags, reading, openings)
