from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.plan.calendar import AdvanceOn, Calendar, Holidays
from rampart.plan.durations import Hold

NEW_YORK = ZoneInfo("America/New_York")
OFFICE = Calendar(advance_on=AdvanceOn.BUSINESS_DAYS, holidays=Holidays.US_FEDERAL, between=(time(9), time(16)))
WEEKDAYS = Calendar(advance_on=AdvanceOn.BUSINESS_DAYS, holidays=Holidays.US_FEDERAL)
ALWAYS = Calendar()


def local(text: str) -> datetime:
    """A moment in New York, as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(UTC)


@pytest.mark.parametrize(
    ("day", "is_business"),
    [
        ("2026-03-10", True),
        ("2026-03-14", False),  # a Saturday
        ("2025-05-26", False),  # Memorial Day
        ("2026-07-03", False),  # Independence Day falls on a Saturday and is observed on the Friday
        ("2027-06-18", False),  # Juneteenth falls on a Saturday
        ("2026-06-19", False),
        ("2026-11-27", True),  # the day after Thanksgiving isn't a federal holiday
    ],
)
def test_business_days_are_weekdays_without_federal_holidays_as_observed(day: str, is_business: bool) -> None:
    assert OFFICE.is_business_day(date.fromisoformat(day)) is is_business


def test_without_holidays_only_weekends_are_off() -> None:
    assert Calendar(advance_on=AdvanceOn.BUSINESS_DAYS).is_business_day(date(2026, 7, 3))


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-03-10T08:59:59", False),
        ("2026-03-10T09:00:00", True),
        ("2026-03-10T15:59:59", True),
        ("2026-03-10T16:00:00", False),
        ("2026-03-14T10:00:00", False),
        ("2026-11-11T10:00:00", False),  # Veterans Day
    ],
)
def test_the_window_opens_and_closes_on_the_minute_in_the_plans_time(moment: str, is_open: bool) -> None:
    assert OFFICE.is_open(local(moment), NEW_YORK) is is_open


def test_office_hours_keep_their_local_time_when_clocks_change() -> None:
    before, after = datetime(2026, 3, 6, 14, 0, tzinfo=UTC), datetime(2026, 3, 9, 13, 0, tzinfo=UTC)
    assert OFFICE.is_open(before, NEW_YORK)
    assert not OFFICE.is_open(before - timedelta(minutes=1), NEW_YORK)
    assert OFFICE.is_open(after, NEW_YORK)
    assert not OFFICE.is_open(after - timedelta(minutes=1), NEW_YORK)


def test_a_calendar_without_rules_is_always_open_and_never_closes() -> None:
    assert ALWAYS.is_open(local("2026-12-25T03:00"), NEW_YORK)
    assert ALWAYS.closes(local("2026-12-25T03:00"), NEW_YORK) is None


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-03-10T10:00", "2026-03-10T10:00"),
        ("2026-03-10T07:00", "2026-03-10T09:00"),
        ("2026-03-10T16:00", "2026-03-11T09:00"),
        ("2026-03-13T17:00", "2026-03-16T09:00"),  # over a weekend
        ("2026-07-02T17:00", "2026-07-06T09:00"),  # over a holiday and a weekend
        ("2026-03-06T17:00", "2026-03-09T09:00"),  # over the change of clocks
    ],
)
def test_the_next_opening_is_now_or_the_next_allowed_morning(now: str, opens: str) -> None:
    opening = OFFICE.next_opening(local(now), NEW_YORK)
    assert opening == local(opens)
    assert opening.tzinfo is NEW_YORK


@pytest.mark.parametrize(
    ("calendar", "now", "closes"),
    [
        (OFFICE, "2026-03-10T10:00", "2026-03-10T16:00"),
        (WEEKDAYS, "2026-03-10T10:00", "2026-03-14T00:00"),
        (WEEKDAYS, "2026-11-09T10:00", "2026-11-11T00:00"),  # the evening before a holiday
        (Calendar(between=(time(9), time(16))), "2026-03-14T10:00", "2026-03-14T16:00"),
    ],
)
def test_an_open_window_closes_at_the_end_of_its_last_hour_or_day(calendar: Calendar, now: str, closes: str) -> None:
    closing = calendar.closes(local(now), NEW_YORK)
    assert closing == local(closes)
    assert closing is not None
    assert closing.tzinfo is UTC


def test_clock_time_holds_through_nights_and_weekends() -> None:
    assert OFFICE.end_of_hold(local("2026-03-13T15:00"), Hold(clock=timedelta(days=4)), NEW_YORK) == local(
        "2026-03-17T15:00"
    )


@pytest.mark.parametrize(
    ("started", "days", "ends"),
    [
        ("2026-03-10T10:30", 1, "2026-03-11T10:30"),
        ("2026-03-13T15:30", 1, "2026-03-16T15:30"),  # a Friday's day ends on Monday
        ("2026-03-13T15:30", 2, "2026-03-17T15:30"),
        ("2026-07-02T11:00", 1, "2026-07-06T11:00"),  # the Friday is a holiday
        ("2026-03-06T10:30", 1, "2026-03-09T10:30"),  # an hour shorter: clocks went forward
        ("2026-03-14T10:00", 1, "2026-03-17T09:00"),  # begun on a Saturday: all of Monday is seen
        ("2026-11-11T10:00", 1, "2026-11-13T09:00"),  # begun on a holiday
        ("2026-03-10T10:30", 0, "2026-03-10T10:30"),
    ],
)
def test_a_business_day_is_a_full_one_from_the_same_time_to_the_same_time(started: str, days: int, ends: str) -> None:
    end = OFFICE.end_of_hold(local(started), Hold(business_days=days), NEW_YORK)
    assert end == local(ends)
    assert end.tzinfo is UTC


def test_a_day_off_counts_from_midnight_where_the_calendar_names_no_hours() -> None:
    assert WEEKDAYS.end_of_hold(local("2026-03-14T10:00"), Hold(business_days=1), NEW_YORK) == local("2026-03-17T00:00")


moments = st.integers(0, 7 * 365 * 86_400).map(
    lambda seconds: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
zones = st.sampled_from(["America/New_York", "Asia/Kolkata", "Pacific/Auckland", "UTC", "Africa/Cairo"]).map(ZoneInfo)
calendars = st.builds(
    Calendar,
    advance_on=st.sampled_from(AdvanceOn),
    holidays=st.sampled_from(Holidays),
    between=st.sampled_from([None, (time(9), time(16)), (time(0), time(1, 30)), (time(2, 15), time(2, 45))]),
)


@given(moments, zones, calendars)
def test_whenever_it_is_the_next_opening_is_open_and_not_in_the_past(
    now: datetime, zone: ZoneInfo, calendar: Calendar
) -> None:
    opening = calendar.next_opening(now, zone)
    assert opening >= now
    assert calendar.is_open(opening.astimezone(UTC), zone)
    assert (opening == now) is calendar.is_open(now, zone)


@given(moments, zones, calendars)
def test_whenever_it_is_open_it_closes_later_and_is_closed_then(
    now: datetime, zone: ZoneInfo, calendar: Calendar
) -> None:
    closes = calendar.closes(now, zone)
    if calendar.is_open(now, zone) and closes is not None:
        assert closes > now
        assert not calendar.is_open(closes, zone) or calendar.between is not None


@given(moments, zones, st.integers(1, 10))
def test_business_days_never_take_less_time_than_so_many_days(started: datetime, zone: ZoneInfo, days: int) -> None:
    held = OFFICE.end_of_hold(started, Hold(business_days=days), zone) - started
    assert held >= timedelta(days=days) - timedelta(hours=2)  # clocks go forward by two hours nowhere in this list
