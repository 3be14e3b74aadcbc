"""The calendar where clocks change: hours that are skipped, hours that come twice, days that never were."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rampart.plan.calendar import AdvanceOn, Calendar, Holidays
from rampart.plan.durations import Hold
from rampart.plan.zones import first_showing, latest_shown

CHANGES = {
    # zone: moments at which its clocks change
    "America/New_York": ("2026-03-08T07:00", "2026-11-01T06:00"),
    "Australia/Lord_Howe": ("2026-04-04T15:00", "2026-10-03T15:30"),  # by half an hour
    "America/Santiago": ("2026-04-05T03:00", "2026-09-06T04:00"),  # at midnight
    "Asia/Beirut": ("2026-03-28T22:00", "2026-10-24T21:00"),  # at midnight
    "Africa/Cairo": ("2026-04-23T22:00", "2026-10-29T21:00"),  # at midnight, on a weekday
    "America/St_Johns": ("2010-03-14T03:31", "2010-11-07T02:31"),  # a minute after midnight: the day before comes again
    "Pacific/Apia": ("2011-12-30T10:00", "2012-03-31T14:00"),  # a day is skipped
    "Africa/Casablanca": ("2026-02-15T02:00", "2026-03-22T02:00"),
    "UTC": ("2026-03-08T07:00",),
}


def between(window: str) -> Calendar:
    return Calendar.model_validate({"between": window})


def opening_hours(calendar: Calendar, day: str, zone: str) -> list[str]:
    """When a calendar opens and closes within a day of UTC around noon there, in local time with the offset."""
    place = ZoneInfo(zone)
    moment = datetime.fromisoformat(day).replace(tzinfo=place).astimezone(UTC) - timedelta(hours=1)
    end, found = moment + timedelta(hours=27), []
    while (opens := calendar.next_opening(moment, place).astimezone(UTC)) < end:
        closes = calendar.closes(opens, place)
        assert closes is not None
        found.append(f"{opens.astimezone(place):%d %H:%M %Z}-{closes.astimezone(place):%d %H:%M %Z}")
        moment = closes
    return found


@pytest.mark.parametrize(
    ("zone", "day", "window", "hours"),
    [
        # 02:00 becomes 03:00
        ("America/New_York", "2026-03-08", "02:15-02:45", []),
        ("America/New_York", "2026-03-08", "02:00-03:00", []),
        ("America/New_York", "2026-03-08", "01:30-02:30", ["08 01:30 EST-08 03:00 EDT"]),
        ("America/New_York", "2026-03-08", "02:30-03:30", ["08 03:00 EDT-08 03:30 EDT"]),
        ("America/New_York", "2026-03-08", "01:30-03:30", ["08 01:30 EST-08 03:30 EDT"]),
        ("America/New_York", "2026-03-08", "09:00-16:00", ["08 09:00 EDT-08 16:00 EDT"]),
        # 02:00 becomes 01:00
        ("America/New_York", "2026-11-01", "01:15-01:45", ["01 01:15 EDT-01 01:45 EDT"]),
        ("America/New_York", "2026-11-01", "00:30-01:30", ["01 00:30 EDT-01 01:30 EDT"]),
        ("America/New_York", "2026-11-01", "01:30-02:30", ["01 01:30 EDT-01 02:30 EST"]),
        ("America/New_York", "2026-11-01", "00:30-02:00", ["01 00:30 EDT-01 02:00 EST"]),
        # 02:00 becomes 02:30, and 02:00 becomes 01:30
        ("Australia/Lord_Howe", "2026-10-04", "02:05-02:25", []),
        ("Australia/Lord_Howe", "2026-10-04", "01:45-02:15", ["04 01:45 +1030-04 02:30 +11"]),
        ("Australia/Lord_Howe", "2026-04-05", "01:35-01:55", ["05 01:35 +11-05 01:55 +11"]),
        ("Australia/Lord_Howe", "2026-04-05", "01:45-02:15", ["05 01:45 +11-05 02:15 +1030"]),
        # midnight becomes 01:00, and midnight becomes 23:00
        ("America/Santiago", "2026-09-06", "00:00-00:59", []),
        ("America/Santiago", "2026-09-06", "00:30-01:30", ["06 01:00 -03-06 01:30 -03"]),
        ("America/Santiago", "2026-04-04", "23:10-23:40", ["04 23:10 -03-04 23:40 -03"]),
        ("Africa/Cairo", "2026-04-24", "00:15-00:45", []),
        ("Asia/Beirut", "2026-03-29", "00:15-00:45", []),
    ],
)
def test_a_window_opens_and_closes_when_the_clock_first_shows_it(
    zone: str, day: str, window: str, hours: list[str]
) -> None:
    found = opening_hours(between(window), day, zone)
    assert [each for each in found if each.startswith(day[-2:])] == hours


def test_a_day_that_never_was_does_not_open() -> None:
    """In Samoa, Thursday the 29th was followed by Saturday the 31st."""
    apia, evening = ZoneInfo("Pacific/Apia"), datetime(2011, 12, 30, 9, 0, tzinfo=UTC)
    assert f"{evening.astimezone(apia):%d %H:%M}" == "29 23:00"
    assert f"{between('09:00-16:00').next_opening(evening, apia):%d %H:%M}" == "31 09:00"
    week = Calendar(advance_on=AdvanceOn.BUSINESS_DAYS)
    assert week.closes(evening, apia) == evening + timedelta(hours=1)
    assert f"{week.next_opening(evening + timedelta(hours=1), apia):%d %H:%M}" == "02 00:00"


@pytest.mark.parametrize(
    ("zone", "started", "ends"),
    [
        ("Africa/Cairo", "2026-04-23T00:30+02:00", "2026-04-24T01:00+03:00"),  # its end is skipped: at the jump
        ("Africa/Cairo", "2026-10-28T23:30+03:00", "2026-10-29T23:30+03:00"),  # its end comes twice: the first time
        ("Africa/Cairo", "2026-10-29T23:30+03:00", "2026-10-30T23:30+02:00"),
        ("Africa/Cairo", "2026-10-29T23:30+02:00", "2026-10-30T23:59:59.999999+02:00"),  # when that hour came again
    ],
)
def test_a_business_day_ends_when_the_clock_first_shows_its_time(zone: str, started: str, ends: str) -> None:
    begin = datetime.fromisoformat(started)
    end = Calendar().end_of_hold(begin, Hold(business_days=1), ZoneInfo(zone))
    assert end == datetime.fromisoformat(ends)


def test_clock_time_is_counted_by_time_that_passes_and_not_by_the_clocks_face() -> None:
    new_york = ZoneInfo("America/New_York")
    started = datetime(2026, 3, 8, 1, 0, tzinfo=new_york)
    end = Calendar().end_of_hold(started, Hold(clock=timedelta(hours=2)), new_york)
    assert end == datetime(2026, 3, 8, 8, 0, tzinfo=UTC)


def near_changes(zone: str) -> st.SearchStrategy[datetime]:
    """Moments around the changes of a zone's clocks, to the minute."""
    changes = [datetime.fromisoformat(each).replace(tzinfo=UTC) for each in CHANGES[zone]]
    offsets = st.integers(-36 * 60, 36 * 60).map(lambda minutes: timedelta(minutes=minutes))
    return st.builds(lambda change, offset: change + offset, st.sampled_from(changes), offsets)


places = st.sampled_from(sorted(CHANGES))
moments_there = places.flatmap(lambda zone: st.tuples(st.just(ZoneInfo(zone)), near_changes(zone)))
two_moments_there = places.flatmap(
    lambda zone: st.tuples(st.just(ZoneInfo(zone)), near_changes(zone), near_changes(zone))
)
minutes = st.integers(0, 24 * 60 - 1).map(lambda minute: time(minute // 60, minute % 60))
windows = st.none() | st.tuples(minutes, minutes).filter(lambda pair: pair[0] < pair[1])
days = st.sampled_from([date.fromisoformat(each[:10]) for changes in CHANGES.values() for each in changes])
closed = st.lists(days.map(lambda day: (day, day + timedelta(days=1))), max_size=3).map(tuple)
calendars = st.builds(
    Calendar,
    advance_on=st.sampled_from(AdvanceOn),
    holidays=st.sampled_from(Holidays),
    between=windows,
    closed=closed,
)


@given(moments_there, calendars)
@example((ZoneInfo("America/St_Johns"), datetime(2010, 11, 7, 2, 45, tzinfo=UTC)), Calendar())  # 23:15 once more
def test_it_is_open_exactly_when_the_next_opening_is_now(there: tuple[ZoneInfo, datetime], calendar: Calendar) -> None:
    zone, now = there
    opening = calendar.next_opening(now, zone).astimezone(UTC)
    assert opening >= now
    assert (opening == now) is calendar.is_open(now, zone)
    assert calendar.is_open(opening, zone)


@given(moments_there, calendars)
def test_what_is_open_closes_later_and_not_before(there: tuple[ZoneInfo, datetime], calendar: Calendar) -> None:
    zone, now = there
    closes = calendar.closes(now, zone)
    if calendar.is_open(now, zone) and closes is not None:
        assert closes > now
        assert calendar.is_open(closes - timedelta(seconds=1), zone)
        assert calendar.is_open(now + (closes - now) / 2, zone)


@given(two_moments_there, calendars)
def test_who_asks_later_is_never_told_of_an_earlier_opening(
    there: tuple[ZoneInfo, datetime, datetime], calendar: Calendar
) -> None:
    zone, earlier, later = there[0], *sorted(there[1:])
    assert calendar.next_opening(earlier, zone).astimezone(UTC) <= calendar.next_opening(later, zone).astimezone(UTC)


@given(two_moments_there, calendars, st.integers(0, 5))
@example(
    (
        ZoneInfo("Africa/Cairo"),
        datetime(2026, 10, 29, 20, 50, tzinfo=UTC),  # 23:50, the first time
        datetime(2026, 10, 29, 21, 10, tzinfo=UTC),  # 23:10, the second time
    ),
    Calendar(),
    1,
)
def test_a_hold_ends_after_it_begins_and_a_later_one_ends_no_earlier(
    there: tuple[ZoneInfo, datetime, datetime], calendar: Calendar, business_days: int
) -> None:
    zone, earlier, later = there[0], *sorted(there[1:])
    hold = Hold(business_days=business_days)
    ends = [calendar.end_of_hold(started, hold, zone) for started in (earlier, later)]
    assert ends[0] >= earlier
    assert ends[1] >= later
    # A stage begins only while the calendar is open; before that, a day off counts from the window's begin.
    if calendar.between is None or all(calendar.is_open(started, zone) for started in (earlier, later)):
        assert ends[0] <= ends[1]


@given(moments_there)
def test_clocks_first_show_a_time_no_later_than_when_they_show_it(there: tuple[ZoneInfo, datetime]) -> None:
    zone, now = there
    face = now.astimezone(zone).replace(tzinfo=None)
    first = first_showing(face, zone)
    assert first <= now
    assert first.astimezone(zone).replace(tzinfo=None) == face
    assert latest_shown(now, zone) >= face
    assert latest_shown(first, zone) == face


@given(places.flatmap(lambda zone: st.tuples(st.just(ZoneInfo(zone)), near_changes(zone))), st.integers(0, 3000))
def test_a_later_time_is_never_shown_first_before_an_earlier_one(
    there: tuple[ZoneInfo, datetime], minutes_later: int
) -> None:
    zone, now = there
    local = now.replace(tzinfo=None)
    assert first_showing(local, zone) <= first_showing(local + timedelta(minutes=minutes_later), zone)
