"""Take flags to 0% and make it real: write, read back, close what a percentage cannot close, read back again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from rampart.errors import FlagUnconfirmedError
from rampart.ports import FlagStore, Pace
from rampart.rollout.flag import FlagReading

USUAL_PACE = Pace()
_AT_ONCE = 8
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


def lower(flags: FlagStore, names: Sequence[str], pace: Pace = USUAL_PACE) -> tuple[FlagReading, ...]:
    """Take every flag to 0% and return what each reads afterwards; all are tried, whatever becomes of one.

    Raises the first flag's FlagStoreError when any is not confirmed at 0%.
    """
    return for_each(names, lambda name: lower_one(flags, name, pace))


def lower_one(flags: FlagStore, name: str, pace: Pace = USUAL_PACE) -> FlagReading:
    """Take one flag to 0% and return what it reads afterwards.

    Raises FlagStoreError when the store does not answer and FlagUnconfirmedError when it does not obey.
    """
    reading = None
    for _ in range(pace.read_back):
        flags.set_percentage(name, 0)
        reading = flags.read(name)
        if reading.open_gates:
            # Clearing takes hand-picked actors with it, so only where 0% cannot be real otherwise.
            flags.close_gates(name)
            reading = flags.read(name)
        if reading.is_down:
            return reading
    raise FlagUnconfirmedError(
        f"{name} was set to 0% but reads {reading.exposure if reading else 0:g}%"
        + (f" with its {', '.join(reading.open_gates)} gate open" if reading and reading.open_gates else "")
        + "; Rampart keeps trying"
    )
