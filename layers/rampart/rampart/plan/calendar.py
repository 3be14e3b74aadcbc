"""When an advance may happen: business days, federal holidays, hours of the day, in the rollout's own time zone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from rampart.model import Model
from rampart.plan.closed import ClosedDays
from rampart.plan.durations import Hold
from rampart.plan.zones import first_showing, latest_shown

if TYPE_CHECKING:
    from holidays import HolidayBase

_BETWEEN = re.compile(r"([0-9]{2}:[0-9]{2})\s*-\s*([0-9]{2}:[0-9]{2})\Z")
_DAY = timedelta(days=1)
_SEARCH_DAYS = 600  # longer than all closed days with the weekends and holidays between; it must not loop forever


class AdvanceOn(StrEnum):
    """The days on which a flag may be advanced."""

    ANY_DAY = "any_day"
    """Every day of the week."""
    BUSINESS_DAYS = "business_days"
    """Monday to Friday, holidays excepted."""


class Holidays(StrEnum):
    """The holidays that aren't business days."""

    US_FEDERAL = "US-federal"
    """The federal holidays of 5 U.S.C. 6103 as observed, from the `holidays` library."""
    NONE = "none"
    """No holidays."""


def _parse_between(value: object) -> tuple[time, time]:
    if isinstance(value, tuple):
        return value
    match = _BETWEEN.match(str(value).strip())
    if match is None:
        raise ValueError(f'{value!r} is not a window of the day; write "09:00-16:00"')
    try:
        opens, closes = time.fromisoformat(match[1]), time.fromisoformat(match[2])
    except ValueError as error:
        raise ValueError(f"{value!r} names a time that no clock shows") from error
    if opens >= closes:
        raise ValueError(f"{value!r} ends before it begins; a window lies within one day")
    return opens, closes


Between = Annotated[
    tuple[time, time],
    BeforeValidator(_parse_between),
    PlainSerializer(lambda window: f"{window[0]:%H:%M}-{window[1]:%H:%M}", return_type=str),
    WithJsonSchema({"type": "string", "examples": ["09:00-16:00"]}),
]


class Calendar(Model):
    """The days and hours at which an advance may happen; the time zone is the plan's.

    `between` opens when the clock first shows its start, or a later time, and closes when it first shows its end:
    once a day, also where an hour comes twice, and not at all where clocks skip the whole of it.
    """

    advance_on: AdvanceOn = Field(AdvanceOn.ANY_DAY, description="the days on which an advance may happen")
    holidays: Holidays = Field(Holidays.NONE, description="whose holidays aren't business days")
    between: Between | None = Field(None, description="the hours of an advance, in the plan's time zone")
    closed: ClosedDays = Field((), description="days on which nothing advances, and that aren't business days")

    @cached_property
    def _federal(self) -> HolidayBase:
        # Imported here: the library costs 100 ms, which a rollback must not pay.
        import holidays

        return holidays.country_holidays("US")

    def _is_closed(self, day: date) -> bool:
        return any(first <= day <= last for first, last in self.closed)

    def is_business_day(self, day: date) -> bool:
        """Whether offices are open on `day`."""
        if day.weekday() >= 5 or self._is_closed(day):
            return False
        return self.holidays is Holidays.NONE or day not in self._federal

    def _allows(self, day: date) -> bool:
        if self.advance_on is AdvanceOn.ANY_DAY:
            return not self._is_closed(day)
        return self.is_business_day(day)

    def _window(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """When the window of a day opens and closes, in UTC; the same moment twice where clocks skip all of it."""
        if self.between is None:
            return _midnight(day, zone), _midnight(day + _DAY, zone)
        opens, closes = (first_showing(datetime.combine(day, at), zone) for at in self.between)
        return opens, closes

    def _to_come(self, now: datetime, zone: ZoneInfo) -> Iterator[tuple[date, datetime, datetime]]:
        """The days whose windows are open at `now` or open later, in order, with the ends of the windows in UTC."""
        first = now.astimezone(zone).date()
        for offset in range(_SEARCH_DAYS):
            day = first + offset * _DAY
            if self._allows(day):
                opens, closes = self._window(day, zone)
                if max(opens, now) < closes:
                    yield day, opens, closes

    def is_open(self, now: datetime, zone: ZoneInfo) -> bool:
        """Whether an advance may happen at `now`."""
        now = now.astimezone(UTC)
        day = now.astimezone(zone).date()
        # Where clocks are turned back over midnight, the evening comes again while the next day has begun.
        windows = (self._window(near, zone) for near in (day, day + _DAY) if self._allows(near))
        return any(opens <= now < closes for opens, closes in windows)

    def next_opening(self, now: datetime, zone: ZoneInfo) -> datetime:
        """The first moment from `now` on at which an advance may happen, in the time of `zone`.

        Raises ValueError when there is none within 600 days, which no calendar in a plan brings about.
        """
        now = now.astimezone(UTC)
        for _, opens, _ in self._to_come(now, zone):
            return max(opens, now).astimezone(zone)
        raise ValueError(f"the calendar never opens within {_SEARCH_DAYS} days")

    def closes(self, now: datetime, zone: ZoneInfo) -> datetime | None:
        """The end, in UTC, of the window that is open at `now`; None when the calendar never closes.

        Where none is open, it is the end of the next one.
        """
        if self.advance_on is AdvanceOn.ANY_DAY and self.between is None and not self.closed:
            return None
        day, _, closes = next(self._to_come(now.astimezone(UTC), zone))
        if self.between is not None:
            return closes
        if self.advance_on is AdvanceOn.ANY_DAY:
            ahead = [first for first, _ in self.closed if first > day]
            return _midnight(min(ahead), zone) if ahead else None
        while self._allows(day):
            day += _DAY
        return _midnight(day, zone)

    def end_of_hold(self, started: datetime, hold: Hold, zone: ZoneInfo) -> datetime:
        """When a hold that started at `started` is over, in UTC.

        N business days end at the same time of day N business days later; a stage that starts on a day off counts
        from the start of the next business day, so that a full business day is always observed.
        """
        started = started.astimezone(UTC)
        if hold.clock is not None:
            return started + hold.clock
        local = latest_shown(started, zone)
        day, at = local.date(), local.time()
        if not self.is_business_day(day):
            at = self.between[0] if self.between else time()
            day = self._next_business_day(day)
        for _ in range(hold.business_days or 0):
            day = self._next_business_day(day)
        return max(started, first_showing(datetime.combine(day, at), zone))

    def _next_business_day(self, day: date) -> date:
        day += _DAY
        while not self.is_business_day(day):
            day += _DAY
        return day


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return first_showing(datetime.combine(day, time()), zone)
