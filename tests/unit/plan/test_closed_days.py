"""Days that a team closes itself: a freeze, a closure by order."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rampart.plan.calendar import AdvanceOn, Calendar, Holidays
from rampart.plan.closed import count_days
from rampart.plan.durations import Hold
from rampart.plan.model import Plan
from rampart.plan.problems import problems_of

Make = Callable[..., dict[str, Any]]
NEW_YORK = ZoneInfo("America/New_York")
FREEZE = ["2026-12-24", "2026-12-28..2027-01-02"]
OFFICE = {"advance_on": "business_days", "holidays": "US-federal", "between": "09:00-16:00"}


def local(text: str) -> datetime:
    """A moment in New York, as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(UTC)


def calendar(**rules: object) -> Calendar:
    return Calendar.model_validate({"closed": FREEZE} | rules)


@pytest.mark.parametrize(
    ("day", "is_open"),
    [
        ("2026-12-23", True),
        ("2026-12-24", False),
        ("2026-12-25", True),  # a holiday, where any day will do
        ("2026-12-27", True),
        ("2026-12-28", False),
        ("2026-12-31", False),
        ("2027-01-02", False),
        ("2027-01-03", True),
    ],
)
def test_nothing_advances_on_a_closed_day_although_any_day_will_do(day: str, is_open: bool) -> None:
    assert calendar().is_open(local(f"{day}T10:00"), NEW_YORK) is is_open


def test_a_closed_day_is_not_a_business_day_and_holds_go_over_it() -> None:
    """December 26, 2025 was closed by order."""
    by_order = Calendar.model_validate(OFFICE | {"closed": ["2025-12-26"]})
    assert not by_order.is_business_day(date(2025, 12, 26))
    started, hold = local("2025-12-24T10:30"), Hold(business_days=1)
    assert by_order.end_of_hold(started, hold, NEW_YORK) == local("2025-12-29T10:30")
    assert Calendar.model_validate(OFFICE).end_of_hold(started, hold, NEW_YORK) == local("2025-12-26T10:30")


def test_a_stage_that_begins_on_a_closed_day_counts_from_the_next_business_day() -> None:
    closed = calendar(**OFFICE)
    assert closed.end_of_hold(local("2026-12-24T10:00"), Hold(business_days=1), NEW_YORK) == local("2027-01-05T09:00")


def test_clock_time_holds_go_through_closed_days() -> None:
    end = calendar().end_of_hold(local("2026-12-23T10:00"), Hold(clock=timedelta(days=2)), NEW_YORK)
    assert end == local("2026-12-25T10:00")


@pytest.mark.parametrize(
    ("rules", "now", "opens"),
    [
        ({}, "2026-12-24T10:00", "2026-12-25T00:00"),
        ({}, "2026-12-30T10:00", "2027-01-03T00:00"),
        (OFFICE, "2026-12-23T17:00", "2027-01-04T09:00"),  # over Christmas, a weekend and the freeze
        ({"between": "09:00-16:00"}, "2026-12-23T17:00", "2026-12-25T09:00"),
    ],
)
def test_the_next_opening_goes_over_closed_days(rules: dict[str, Any], now: str, opens: str) -> None:
    assert calendar(**rules).next_opening(local(now), NEW_YORK) == local(opens)


@pytest.mark.parametrize(
    ("rules", "now", "closes"),
    [
        ({}, "2026-12-20T10:00", "2026-12-24T00:00"),
        ({}, "2026-12-25T10:00", "2026-12-28T00:00"),
        ({}, "2027-01-03T10:00", None),
        ({"between": "09:00-16:00"}, "2026-12-23T10:00", "2026-12-23T16:00"),
        ({"advance_on": "business_days"}, "2026-12-22T10:00", "2026-12-24T00:00"),
    ],
)
def test_a_question_lapses_before_a_closed_day_begins(rules: dict[str, Any], now: str, closes: str | None) -> None:
    assert calendar(**rules).closes(local(now), NEW_YORK) == (local(closes) if closes else None)


@pytest.mark.parametrize(
    ("closed", "path", "what"),
    [
        (["2027-01-02..2026-12-28"], "calendar.closed.0", "ends before it begins"),
        (["2026-12-24", "24.12.2026"], "calendar.closed.1", "'24.12.2026' isn't a day"),
        (["2026-02-30"], "calendar.closed.0", "is in no calendar"),
        (["2026-12-24.."], "calendar.closed.0", "isn't a day"),
        (["2026-12-24..2026-12-26..2026-12-28"], "calendar.closed.0", "isn't one range of days"),
        (["2026-12-24 10:00:00"], "calendar.closed.0", "isn't a day"),
        ([datetime(2026, 12, 24, 10, tzinfo=UTC)], "calendar.closed.0", "isn't a day"),
        ([20261224], "calendar.closed.0", "isn't a day"),
        ([None], "calendar.closed.0", "isn't a day"),
        ([True], "calendar.closed.0", "`true` isn't"),
        ([["2026-12-24"]], "calendar.closed.0", "isn't a day"),
        ("2026-12-24", "calendar.closed", "this isn't a list"),
        (["2026-01-01..2027-01-02"], "calendar.closed", "367 days are closed, and at most 366 may be"),
        (["2026-01-01..2026-12-31", "2027-01-01..2027-12-31"], "calendar.closed", "730 days"),
        (["0001-01-01..9999-12-31"], "calendar.closed", "at most 366"),
        (["2026-01-01..2026-12-31"], "calendar.closed", "365 closed days and 5.5 days of holds"),
    ],
)
def test_days_that_are_none_are_refused_in_words(document: Make, closed: object, path: str, what: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Plan.model_validate(document(calendar={"closed": closed}))
    problems = {problem.where: problem.message for problem in problems_of(caught.value)}
    assert problems.keys() == {path}
    assert what in problems[path]


def test_dates_as_yaml_gives_them_are_days_too(document: Make) -> None:
    unquoted = Plan.model_validate(document(calendar={"closed": [date(2026, 12, 24), "2026-12-28 .. 2027-01-02"]}))
    quoted = Plan.model_validate(document(calendar={"closed": FREEZE}))
    assert unquoted == quoted
    assert unquoted.digest == quoted.digest


def test_closed_days_are_stored_as_they_are_written_and_read_again(document: Make) -> None:
    plan = Plan.model_validate(document(calendar={"closed": FREEZE}))
    text = plan.model_dump_json(by_alias=True)
    assert json.loads(text)["calendar"]["closed"] == FREEZE
    again = Plan.model_validate_json(text)
    assert again == plan
    assert again.digest == plan.digest


def test_a_plan_without_closed_days_stays_the_plan_it_was(document: Make) -> None:
    """Live rollouts were pinned before calendars knew closed days."""
    before = Plan.model_validate(document(calendar=OFFICE))
    assert before.digest == Plan.model_validate(document(calendar=OFFICE | {"closed": []})).digest
    assert before.digest != Plan.model_validate(document(calendar=OFFICE | {"closed": FREEZE})).digest
    assert before.digest[:16] == "824e9c540e44c19d"


@given(st.lists(st.tuples(st.dates(), st.integers(0, 10)), max_size=8))
def test_days_that_are_named_twice_are_counted_once(named: list[tuple[date, int]]) -> None:
    ranges = [
        (first, min(first + timedelta(days=min(more, (date.max - first).days)), date.max)) for first, more in named
    ]
    each = {first.toordinal() + day for first, last in ranges for day in range((last - first).days + 1)}
    assert count_days(ranges) == len(each)


@given(
    st.lists(st.tuples(st.integers(0, 700), st.integers(0, 120)), max_size=12),
    st.integers(0, 700),
    st.sampled_from(AdvanceOn),
    st.sampled_from([None, (time(9), time(16))]),
)
def test_whatever_a_plan_may_close_there_is_a_day_that_opens(
    named: list[tuple[int, int]], on: int, advance_on: AdvanceOn, between: tuple[time, time] | None
) -> None:
    begin = date(2026, 1, 1)
    closed = [(begin + timedelta(days=first), begin + timedelta(days=first + more)) for first, more in named]
    if count_days(closed) > 366:
        return
    rules = Calendar(advance_on=advance_on, holidays=Holidays.US_FEDERAL, between=between, closed=tuple(closed))
    now = datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=on)
    opening = rules.next_opening(now, NEW_YORK)
    assert rules.is_open(opening, NEW_YORK)
    assert not any(first <= opening.date() <= last for first, last in closed)


def test_an_opening_is_found_after_the_longest_possible_closure() -> None:
    monday = date(2026, 1, 5)
    weeks = [(monday + timedelta(weeks=week), monday + timedelta(weeks=week, days=4)) for week in range(73)]
    rules = Calendar(advance_on=AdvanceOn.BUSINESS_DAYS, holidays=Holidays.US_FEDERAL, closed=tuple(weeks))
    assert f"{rules.next_opening(local('2026-01-03T10:00'), NEW_YORK):%Y-%m-%d}" == "2027-06-01"
