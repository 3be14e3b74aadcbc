"""When an advance may happen: business days, federal holidays, hours of the day, in the rollout's own time zone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from rampart.model import Model
from rampart.plan.durations import Hold

if TYPE_CHECKING:
    from holidays import HolidayBase

_BETWEEN = re.compile(r"([0-9]{2}:[0-9]{2})\s*-\s*([0-9]{2}:[0-9]{2})\Z")
_SEARCH_DAYS = 400  # longer than any run of closed days; a calendar that never opens must not loop for ever


class AdvanceOn(StrEnum):
    """The days on which a flag may be advanced."""

    ANY_DAY = "any_day"
    """Every day of the week."""
    BUSINESS_DAYS = "business_days"
    """Monday to Friday, holidays excepted."""


class Holidays(StrEnum):
    """The holidays that are no business days."""

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
    """The days and hours at which an advance may happen; the time zone is the plan's."""

    advance_on: AdvanceOn = AdvanceOn.ANY_DAY
    holidays: Holidays = Holidays.NONE
    between: Between | None = None

    @cached_property
    def _federal(self) -> HolidayBase:
        # Imported here: the library costs 100 ms, which a rollback must not pay.
        import holidays

        return holidays.country_holidays("US")

    def is_business_day(self, day: date) -> bool:
        """Whether offices are open on `day`."""
        if day.weekday() >= 5:
            return False
        return self.holidays is Holidays.NONE or day not in self._federal

    def _allows(self, day: date) -> bool:
        return self.advance_on is AdvanceOn.ANY_DAY or self.is_business_day(day)

    def _window(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
        if self.between is None:
            start = datetime.combine(day, time(), zone)
            return start, datetime.combine(day + timedelta(days=1), time(), zone)
        return datetime.combine(day, self.between[0], zone), datetime.combine(day, self.between[1], zone)

    def is_open(self, now: datetime, zone: ZoneInfo) -> bool:
        """Whether an advance may happen at `now`."""
        day = now.astimezone(zone).date()
        opens, closes = self._window(day, zone)
        return self._allows(day) and opens <= now < closes

    def next_opening(self, now: datetime, zone: ZoneInfo) -> datetime:
        """The first moment from `now` on at which an advance may happen, in the time of `zone`.

        Raises ValueError when there is none within 400 days.
        """
        first = now.astimezone(zone).date()
        for offset in range(_SEARCH_DAYS):
            day = first + timedelta(days=offset)
            opens, closes = self._window(day, zone)
            if self._allows(day) and now < closes:
                return opens if now < opens else now.astimezone(zone)
        raise ValueError("the calendar never opens within 400 days")

    def closes(self, now: datetime, zone: ZoneInfo) -> datetime | None:
        """The end, in UTC, of the window that is open at `now`; None when the calendar never closes."""
        if self.advance_on is AdvanceOn.ANY_DAY and self.between is None:
            return None
        day = now.astimezone(zone).date()
        _, closes = self._window(day, zone)
        if self.between is None:
            while self._allows(closes.astimezone(zone).date()):
                closes = self._window(closes.astimezone(zone).date(), zone)[1]
        return closes.astimezone(UTC)

    def end_of_hold(self, started: datetime, hold: Hold, zone: ZoneInfo) -> datetime:
        """When a hold that started at `started` is over, in UTC.

        N business days end at the same time of day N business days later; a stage that starts on a day off counts
        from the start of the next business day, so that a full business day is always observed.
        """
        if hold.clock is not None:
            return (started + hold.clock).astimezone(UTC)
        local = started.astimezone(zone)
        day, at = local.date(), local.time()
        if not self.is_business_day(day):
            at = self.between[0] if self.between else time()
            day = self._next_business_day(day)
        for _ in range(hold.business_days or 0):
            day = self._next_business_day(day)
        return datetime.combine(day, at, zone).astimezone(UTC)

    def _next_business_day(self, day: date) -> date:
        day += timedelta(days=1)
        while not self.is_business_day(day):
            day += timedelta(days=1)
        return day
