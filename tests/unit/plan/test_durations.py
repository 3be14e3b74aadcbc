from __future__ import annotations

from datetime import timedelta

import pytest

from rampart.plan.durations import Hold, parse_duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("90s", timedelta(seconds=90)),
        ("2m", timedelta(minutes=2)),
        ("2 minutes", timedelta(minutes=2)),
        ("1 min", timedelta(minutes=1)),
        ("10 sec", timedelta(seconds=10)),
        ("1.5h", timedelta(minutes=90)),
        ("4D", timedelta(days=4)),
        ("1 week", timedelta(weeks=1)),
        ("0s", timedelta()),
    ],
)
def test_reads_what_people_write(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text", ["", "5", 5, 5.0, None, True, "m", "-2m", "5 mec", "2 hin", "3 months", "1y", "٣d", "1e3s"]
)
def test_refuses_everything_else_and_says_how_to_write_it(text: object) -> None:
    with pytest.raises(ValueError, match="90s, 2m, 4h, 4d, 1w"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["999999999w", "367d", "8785h"])
def test_a_duration_that_no_calendar_could_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="longer than 366 days"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "hold"),
    [
        ("4d", Hold(clock=timedelta(days=4))),
        ("1 business day", Hold(business_days=1)),
        ("3 Business Days", Hold(business_days=3)),
    ],
)
def test_a_hold_is_clock_time_or_business_days(text: str, hold: Hold) -> None:
    assert Hold.parse(text) == hold
    assert Hold.parse(str(hold)) == hold


@pytest.mark.parametrize("text", ["1 business week", "-1 business day", 4, None, "business day"])
def test_any_other_hold_is_refused_with_both_forms(text: object) -> None:
    with pytest.raises(ValueError, match=r"4d, 1w, or 1 business day"):
        Hold.parse(text)


def test_a_hold_that_is_too_long_is_told_so_and_not_how_to_write_one() -> None:
    with pytest.raises(ValueError, match="'900d' is longer than 366 days"):
        Hold.parse("900d")
