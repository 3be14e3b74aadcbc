"""Numbers, times, durations and states are written once, and what a plan or a record holds reads as the same again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rampart import words
from rampart.plan.durations import parse_duration
from rampart.plan.quantities import parse_fraction
from rampart.rollout.state import Status

NEW_YORK = ZoneInfo("America/New_York")
HALF_PAST_NINE = datetime(2026, 3, 2, 9, 30, 15, 123_999, tzinfo=UTC)

# Numbers.


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (-0.0, "0"), (100, "100"), (0.05, "0.05"), (1_500_000, "1500000"), (1e-7, "0.0000001")],
)
def test_a_plain_number_has_no_exponent(number: float, text: str) -> None:
    assert words.plain(number) == text


@pytest.mark.parametrize(("number", "text"), [(1001.0, "1,001"), (1001.25, "1,001.2"), (0, "0")])
def test_a_count_has_its_thousands_apart(number: float, text: str) -> None:
    assert words.count(number) == text


def test_one_is_one() -> None:
    assert [words.counted(number, "event") for number in (0, 1, 1001)] == ["0 events", "1 event", "1,001 events"]


# Percentages.


@pytest.mark.parametrize(("percent", "text"), [(25.0, "25%"), (0.001, "0.001%"), (0.1 + 0.2, "0.3%"), (100, "100%")])
def test_a_percentage_is_told_as_it_was_set(percent: float, text: str) -> None:
    assert words.percentage(percent) == text


@given(st.integers(min_value=0, max_value=100_000_000))
def test_a_fraction_in_a_plan_reads_as_the_same_again(millionths: int) -> None:
    fraction = parse_fraction(f"{millionths / 1_000_000:.6f}%")
    assert parse_fraction(words.exact_percent(fraction)) == fraction


@pytest.mark.parametrize(
    ("fraction", "bar", "text"),
    [
        (0.0823, 0.08, "8.2%"),
        (0.01126, 0.01, "1.13%"),
        (0.9991, 0.999, "99.91%"),
        (0.08004, 0.08, "8.004%"),
        (0.0122, 0.0125, "1.22%"),
        (0.0125, 0.0125, "1.25%"),
        (0.0, 0.08, "0%"),
    ],
)
def test_a_measured_rate_is_as_fine_as_its_bar_wants_it(fraction: float, bar: float, text: str) -> None:
    assert words.percent(fraction, near=bar) == text


shares = st.integers(min_value=1, max_value=99_999_999).map(lambda millionths: millionths / 100_000_000)


@given(shares, shares)
@example(0.0122, 0.0125)
@example(0.07999999, 0.08)
def test_what_is_told_lies_on_the_side_of_the_bar_where_it_is(fraction: float, bar: float) -> None:
    told, nearby = (float(words.percent(each, near=bar).removesuffix("%")) for each in (fraction, bar))
    assert (told < nearby, told > nearby) == (fraction < bar, fraction > bar)


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(1 / 300, "0.333%"), (0.125, "12.5%"), (1.0, "100%"), (300.04, "30,004%"), (1e-7, "0.00001%"), (0.99999, "100%")],
)
def test_three_digits_of_an_estimate_say_enough(fraction: float, text: str) -> None:
    assert words.rough_percent(fraction) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0%"), (0.001, "< 1%"), (0.01, "1%"), (0.567, "57%"), (0.99, "99%"), (0.999, "> 99%"), (1, "100%")],
)
def test_a_chance_is_none_or_certain_only_if_it_is(value: float, text: str) -> None:
    assert words.chance(value) == text


# Moments.


def test_a_moment_is_as_fine_as_its_place_wants_it() -> None:
    assert words.day(HALF_PAST_NINE) == "2026-03-02"
    assert words.moment(HALF_PAST_NINE) == words.moment(HALF_PAST_NINE.timestamp()) == "2026-03-02 09:30 UTC"
    assert words.second(HALF_PAST_NINE) == "2026-03-02 09:30:15 UTC"
    assert words.weekday_and_second(HALF_PAST_NINE, UTC) == "Mon 2026-03-02 09:30:15 UTC"


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("quiet since 2026-03-02 03:30 UTC", "quiet since 2026-03-01 22:30 EST"),
        ("frozen at 2026-07-02 09:30:15 UTC: why", "frozen at 2026-07-02 05:30:15 EDT: why"),
        ("2026-03-02 09:30 UTC to 2026-03-02 10:30 UTC", "2026-03-02 04:30 EST to 2026-03-02 05:30 EST"),
        ("the plan's zone is UTC", "the plan's zone is UTC"),
        ("2026-03-02 09:30 EST", "2026-03-02 09:30 EST"),
        ("9999-99-99 99:99 UTC", "9999-99-99 99:99 UTC"),
        ("0001-01-01 00:00 UTC", "0001-01-01 00:00 UTC"),
    ],
)
def test_the_moments_of_a_text_are_told_in_a_zone(text: str, there: str) -> None:
    assert words.in_zone(text, NEW_YORK) == there
    assert words.in_zone(text, UTC) == text


def test_a_moment_is_told_in_the_zone_of_who_reads_it() -> None:
    late = datetime(2026, 7, 1, 2, tzinfo=UTC)
    assert words.day(late, NEW_YORK) == "2026-06-30"
    assert words.moment(late, NEW_YORK) == "2026-06-30 22:00 EDT"
    assert words.weekday_and_second(late, NEW_YORK) == "Tue 2026-06-30 22:00:00 EDT"


times = st.datetimes(datetime(2020, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- zone is given


@given(times, times)
def test_times_compare_as_their_timestamps(one: datetime, other: datetime) -> None:
    texts = words.timestamp(one), words.timestamp(other)
    assert len(texts[0]) == len(texts[1]) == len("2026-11-23T20:33:12.123Z")
    if one.replace(microsecond=0) != other.replace(microsecond=0):
        assert (texts[0] < texts[1]) == (one < other)


def test_a_timestamp_is_utc_and_never_later_than_the_time() -> None:
    assert words.timestamp(HALF_PAST_NINE.astimezone(NEW_YORK)) == "2026-03-02T09:30:15.123Z"


# Durations.


@given(st.integers(min_value=0, max_value=366 * 86_400_000))
def test_a_duration_in_a_plan_and_in_a_sentence_reads_as_the_same_again(milliseconds: int) -> None:
    long = timedelta(milliseconds=milliseconds)
    assert parse_duration(words.short_duration(long)) == long
    assert parse_duration(words.duration(long)) == long


@pytest.mark.parametrize(
    ("seconds", "short", "long"),
    [
        (10, "10s", "10 seconds"),
        (60, "1m", "1 minute"),
        (90, "90s", "90 seconds"),
        (4 * 3600, "4h", "4 hours"),
        (86_400, "1d", "1 day"),
        (14 * 86_400, "2w", "2 weeks"),
        (0.02, "0.02s", "0.02 seconds"),
        (1_234_567.5, "1234567.5s", "1234567.5 seconds"),
        (0, "0s", "0 seconds"),
    ],
)
def test_a_duration_is_in_the_largest_unit_that_holds_it_exactly(seconds: float, short: str, long: str) -> None:
    assert (words.short_duration(seconds), words.duration(seconds)) == (short, long)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (100, "100 seconds"),
        (1210, "20 minutes"),
        (7200, "2 hours"),
        (26_280, "7.3 hours"),
        (3.5 * 86_400, "3.5 days"),
    ],
)
def test_an_estimated_duration_is_as_coarse_as_people_speak(seconds: float, text: str) -> None:
    assert words.rough_duration(seconds) == text


@pytest.mark.parametrize(
    ("long", "text"),
    [
        (timedelta(days=4, hours=2, minutes=59), "4 d 2 h"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(seconds=35.4), "35 s"),
        (timedelta(), "0 s"),
        (timedelta(seconds=-1), "0 s"),
        (86_460, "1 d 1 min"),
    ],
)
def test_a_stretch_of_time_in_a_table_has_two_units_at_most(long: timedelta | float, text: str) -> None:
    assert words.length(long) == text


# States and lists.


def test_every_status_is_told_as_people_say_it() -> None:
    told = {status: words.status_in_words(status) for status in Status}
    assert told == {
        Status.LIVE: "live",
        Status.HALTED: "rolling back",
        Status.ROLLED_BACK: "rolled back",
        Status.COMPLETED: "complete",
        Status.ABANDONED: "abandoned",
    }


def test_members_of_closed_lists_have_no_underscores() -> None:
    assert words.in_words("no_data") == "no data"


def test_names_in_a_row_are_none_where_there_are_none() -> None:
    assert words.listed(["letters", "stamps"]) == "letters, stamps"
    assert words.listed([]) == "none"
