"""How numbers, times, durations and states are written: for people, and as plans and records spell them."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo

# Numbers.


def plain(number: float) -> str:
    """A number without trailing zeros or exponent: `0.05`, `1500000`."""
    return _trimmed(f"{number:.12f}")


def count(number: float) -> str:
    """A count with its thousands set apart: `1,001`; one decimal only where there is a fraction."""
    return f"{number:,.0f}" if number == round(number) else f"{number:,.1f}"


def plural(number: float, thing: str) -> str:
    """The word for so many things: `event`, `events`."""
    return thing if number == 1 else f"{thing}s"


def counted(number: float, thing: str) -> str:
    """A number of things: `1 event`, `1,001 events`."""
    return f"{count(number)} {plural(number, thing)}"


# Percentages, of what is a percentage already, and of fractions.


def percentage(percent: float) -> str:
    """A percentage as it was set or read, such as a flag's: `25%`, `0.5%`."""
    return f"{plain(percent)}%"


def exact_percent(fraction: float) -> str:
    """A fraction as plans spell it, to six decimals, so that it reads as the same again: 0.003 is `0.3%`."""
    return _trimmed(f"{fraction * 100:.6f}") + "%"


def percent(fraction: float, *, near: float) -> str:
    """A measured fraction, as fine as the bar `near` it wants: `8.2%` by a bar of 8%, `1.13%` by one of 1%.

    The bar itself is exact, and nothing is rounded onto it or over it: "8% is above 8%" would explain nothing.
    """
    rare = min(near, 1 - near) * 100
    decimals = max(1, 2 - math.ceil(math.log10(rare)))
    while round(fraction * 100, decimals) == round(near * 100, decimals) and decimals < 12:
        decimals += 1
    return percentage(round(fraction * 100, decimals))


def rough_percent(fraction: float) -> str:
    """An estimated fraction, of which three digits say enough: `0.333%`, `12.5%`, `30,000%`."""
    value = fraction * 100
    return f"{count(round(value))}%" if value >= 100 else percentage(float(f"{value:.3g}"))


def whole_percent(fraction: float) -> str:
    """A fraction in whole percents: `57%`."""
    return f"{fraction:.0%}"


def chance(value: float) -> str:
    """A chance as people take it: whole percents, and never quite 0 or 100 unless it is."""
    if 0 < value < 0.01:
        return "< 1%"
    return "> 99%" if 0.99 < value < 1 else whole_percent(value)


def times(ratio: float, *, near: float | None = None) -> str:
    """How many times as much: `1.5x`; never rounded onto a bar that it is `near`."""
    if near is None:
        return f"{plain(ratio)}x"
    if ratio >= _MANY_TIMES:
        return f"{count(_MANY_TIMES)}x or more"
    digits = 3
    while float(f"{ratio:.{digits}g}") == near and ratio != near and digits < 12:
        digits += 1
    return f"{plain(float(f'{ratio:.{digits}g}'))}x"


_MANY_TIMES = 1000.0
"""Beyond it no one asks how many."""


# Moments.


def moment(at: datetime | float, zone: tzinfo = UTC) -> str:
    """A moment of evidence, or epoch seconds, to the minute: `2026-03-02 09:30 UTC`."""
    aware = at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)
    return f"{aware.astimezone(zone):%Y-%m-%d %H:%M %Z}"


def second(at: datetime, zone: tzinfo = UTC) -> str:
    """When something happened, as reports and notices tell it, to the second: `2026-03-02 09:30:00 UTC`."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"


def weekday_and_second(at: datetime, zone: tzinfo) -> str:
    """The same for the command line, whose readers wait for what comes next: `Mon 2026-03-02 09:30:00 UTC`."""
    return f"{at.astimezone(zone):%a} {second(at, zone)}"


def weekday_and_minute(at: datetime, zone: tzinfo) -> str:
    """When something is to come, to the minute: `Mon 2026-03-02 09:30 EST`."""
    return f"{at.astimezone(zone):%a} {moment(at, zone)}"


def clock_time(at: datetime, zone: tzinfo) -> str:
    """The time of day, for a screen that is looked at now: `09:30:00 EST`."""
    return f"{at.astimezone(zone):%H:%M:%S %Z}"


_UTC_MOMENT = re.compile(r"\b(2\d{3}-\d\d-\d\d \d\d:\d\d)(:\d\d)? UTC\b")


def in_zone(text: str, zone: tzinfo) -> str:
    """A text with its moments in a zone: what knows no plan, such as evidence, tells them in UTC."""

    def there(found: re.Match[str]) -> str:
        try:
            at = datetime.fromisoformat(f"{found[1]}{found[2] or ''}").replace(tzinfo=UTC)
            return second(at, zone) if found[2] else moment(at, zone)
        except ValueError:  # a person's note, or an alert's title, that only looks like a time
            return found[0]

    return _UTC_MOMENT.sub(there, text)


def day(at: datetime, zone: tzinfo = UTC) -> str:
    """A day: `2026-03-02`."""
    return f"{at.astimezone(zone):%Y-%m-%d}"


def timestamp(at: datetime) -> str:
    """A time as it is stored and shown to machines, UTC with milliseconds: `2026-11-23T20:33:12.123Z`."""
    utc = at.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


AXIS_TIMES: Final = ["%Y", "%b %Y", "%b %d", "%b %d %H:%M", "%H:%M", "%H:%M:%S"]
"""How a mark of a time axis is written, from years to seconds: it has room for what changes along the axis only."""


# Durations.

UNITS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
"""The seconds of the units of time."""


def duration(long: timedelta | float) -> str:
    """A duration, or seconds, in a sentence, in the largest unit that holds it exactly: `10 seconds`, `4 hours`."""
    number, unit = _in_one_unit(long)
    return f"{number} {plural(float(number), unit)}"


def short_duration(long: timedelta | float) -> str:
    """The same as plans spell it: `90s`, `2m`, `4d`."""
    number, unit = _in_one_unit(long)
    return f"{number}{unit[0]}"


def rough_duration(seconds: float) -> str:
    """An estimated duration, as coarse as people speak: `1.5 days`, `7.3 hours`, `20 minutes`."""
    for unit in ("day", "hour"):
        if seconds >= 2 * UNITS[unit]:
            return counted(round(seconds / UNITS[unit], 1), unit)
    unit = "minute" if seconds >= 2 * UNITS["minute"] else "second"
    return counted(round(seconds / UNITS[unit]), unit)


def length(long: timedelta | float) -> str:
    """A stretch of time for a table, whose cells are narrow, in its two largest units: `4 d 2 h`, `35 s`."""
    seconds = max(0, round(_seconds(long)))
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= size or (unit == "s" and not parts):
            parts.append(f"{seconds // size} {unit}")
        seconds %= size
    return " ".join(parts[:2])


def _in_one_unit(long: timedelta | float) -> tuple[str, str]:
    seconds = _seconds(long)
    for unit, size in reversed(UNITS.items()):
        if seconds >= size and seconds % size == 0:
            return str(int(seconds // size)), unit
    return _trimmed(f"{seconds:.3f}"), "second"


def _seconds(long: timedelta | float) -> float:
    return long.total_seconds() if isinstance(long, timedelta) else long


# States and lists.

_STATUSES = {"halted": "rolling back", "completed": "complete"}


def in_words(member: str) -> str:
    """A member of a closed list, such as a verdict or a kind of event: `no_data` is `no data`."""
    return member.replace("_", " ")


def status_in_words(status: str) -> str:
    """How a rollout stands: `halted` is a record's word for what people see as rolling back."""
    return _STATUSES.get(status, in_words(status))


def listed(names: Iterable[str]) -> str:
    """Names in a row; `none` where there are none."""
    return ", ".join(names) or "none"


def _trimmed(decimals: str) -> str:
    text = decimals.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
