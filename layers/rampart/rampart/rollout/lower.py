"""Take flags to 0% and make it real: look, write, read back, close what a percentage cannot close, read back again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from rampart.errors import FlagsNotLoweredError, FlagStoreError, FlagUnconfirmedError, UnknownFlagError
from rampart.rollout.flag import FlagReading
from rampart.rollout.ports import FlagStore
from rampart.words import percentage

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


def look(flags: FlagStore, name: str) -> FlagReading:
    """Read a flag; that it does not exist is a reading too. Raises FlagStoreError where the store cannot be asked."""
    try:
        return flags.read(name)
    except UnknownFlagError:
        return FlagReading(name, exists=False)


def look_at_all(flags: FlagStore, names: Sequence[str]) -> tuple[FlagReading | FlagStoreError, ...]:
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

    flags: FlagStore
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


def lower(flags: FlagStore, names: Sequence[str], tries: int = USUAL_TRIES) -> tuple[FlagReading, ...]:
    """Take every flag to 0% and return what each reads afterwards; all are tried, whatever becomes of one.

    Raises FlagsNotLoweredError, which names the flags that are not confirmed at 0%.
    """
    outcomes = dict(zip(names, _try_each(names, lambda name: lower_one(flags, name, tries)), strict=True))
    failures = {name: each for name, each in outcomes.items() if isinstance(each, FlagStoreError)}
    if failures:
        told = "; ".join(dict.fromkeys(str(error) for error in failures.values()))
        raise FlagsNotLoweredError(told, flags=tuple(failures))
    return tuple(each for each in outcomes.values() if isinstance(each, FlagReading))


def lower_one(flags: FlagStore, name: str, tries: int = USUAL_TRIES) -> FlagReading:
    """Take one flag to 0% and return what it reads afterwards; one that does not exist is down, and not written to.

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
        if reading.is_down:
            return reading
    gates = f" with its {', '.join(reading.open_gates)} gate open" if reading.open_gates else ""
    reads = f"{percentage(reading.exposure)}{gates}"
    raise FlagUnconfirmedError(f"{name} was set to 0% but reads {reads}; Rampart keeps trying")


def _may_exist(flags: FlagStore, name: str) -> bool:
    """Whether a write would not create the flag. One that cannot be read is written to: down comes before tidiness."""
    try:
        return look(flags, name).exists
    except FlagStoreError:
        return True


def lower_to(flags: FlagStore, name: str, percent: float) -> tuple[FlagReading, FlagReading]:
    """Take a flag that is above a percentage down to it; what it read before, and what it reads now.

    One that is lower is left alone: nothing is raised here. Raises FlagStoreError.
    """
    before = look(flags, name)
    if before.percent <= percent:
        return before, before  # a percentage closes no other gate
    flags.set_percentage(name, percent)
    return before, look(flags, name)


def lower_unseen(flags: FlagStore, names: Sequence[str]) -> None:
    """Write 0% to flags that were just read, without reading back what a cache would only repeat."""
    for_each(names, lambda name: flags.set_percentage(name, 0))
