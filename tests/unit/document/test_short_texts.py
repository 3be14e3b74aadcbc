"""Dates, users, lengths, steps and bars out of one line: the small readers that the page's reader is made of."""

from __future__ import annotations

from datetime import date

import holidays
import pytest

from rampart_cli.document.amounts import length_in, names_only_audience, reaches_all, with_signs
from rampart_cli.document.criteria import read_criteria
from rampart_cli.document.crowds import users_beside, users_in
from rampart_cli.document.date_checks import holiday_on
from rampart_cli.document.dates import DateProblem, leading_date, read_dates
from rampart_cli.document.labels import Asks, answer, placeholder_in, read_field
from rampart_cli.document.steps import steps_in


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("7/28-8/01 2025", date(2025, 7, 28), date(2025, 8, 1)),
        ("2025/08/07", date(2025, 8, 7), None),
        ("03/02/21-03/12/21", date(2021, 3, 2), date(2021, 3, 12)),
        ("7/24/25 - 7/28", date(2025, 7, 24), date(2025, 7, 28)),
        ("July 7-11, 2025", date(2025, 7, 7), date(2025, 7, 11)),
        ("7 July 2025 \u2013 9 July 2025", date(2025, 7, 7), date(2025, 7, 9)),
        ("Aug 4th to Aug 6th 2025", date(2025, 8, 4), date(2025, 8, 6)),
        ("week of 8/7/2025", date(2025, 8, 7), None),
        ("8/1/2025 - TBD", date(2025, 8, 1), None),
        ("12/29 - 1/2 2026", date(2025, 12, 29), date(2026, 1, 2)),
        ("12/29/2025 - 1/2", date(2025, 12, 29), date(2026, 1, 2)),
        ("Mon 8/4/2025 - Wed 8/6/2025", date(2025, 8, 4), date(2025, 8, 6)),
        ("until 2025-08-08", None, date(2025, 8, 8)),
        ("8/1/2025 - 3 days at most", date(2025, 8, 1), None),
        ("1-Mar-2027", date(2027, 3, 1), None),
        ("the 3rd of March 2027", date(2027, 3, 3), None),
        ("3-5 March 2027", date(2027, 3, 3), date(2027, 3, 5)),
        ("between March 3 and March 5, 2027", date(2027, 3, 3), date(2027, 3, 5)),
        ("March 3, 2027 and March 5, 2027", date(2027, 3, 3), None),
        ("2027-03-01/2027-03-03", date(2027, 3, 1), date(2027, 3, 3)),
    ],
)
def test_dates_are_read_as_written(text: str, start: date | None, end: date | None) -> None:
    found = read_dates(text)

    assert (found.start, found.end, found.problem) == (start, end, None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("3/4-2-7 2025", DateProblem.MALFORMED),
        ("2/30/2025", DateProblem.MALFORMED),
        ("25/12/2025", DateProblem.MALFORMED),
        ("Sprint 12", DateProblem.MALFORMED),
        ("July 7 - 11", DateProblem.NO_YEAR),
        ("week of 6/28", DateProblem.NO_YEAR),
        ("8/6 - 8/4 2025", DateProblem.REVERSED),
        ("XX/XX/2026", DateProblem.PLACEHOLDER),
        ("TBD", DateProblem.PLACEHOLDER),
        ("2 business days", None),
    ],
)
def test_a_date_that_cannot_be_taken_says_why(text: str, problem: DateProblem | None) -> None:
    assert read_dates(text).problem is problem


def test_a_percentage_after_a_leading_date_is_not_part_of_it() -> None:
    dates, rest = leading_date("6/30/2026 - 1% of users")

    assert (dates.start, rest) == (date(2026, 6, 30), "1% of users")


def test_every_federal_holiday_of_a_century_is_known() -> None:
    days = holidays.country_holidays("US", years=range(2000, 2101))

    assert {day: holiday_on(day) for day in days} == dict(days)


def test_a_time_of_day_after_a_leading_date_belongs_to_it() -> None:
    dates, rest = leading_date("Starts Monday, 3/1/2027 10:00 AM ET \u2014 10% of users")

    assert (dates.start, rest) == (date(2027, 3, 1), "10% of users")


@pytest.mark.parametrize(
    ("text", "users"),
    [
        ("500", (500,)),
        ("600, 1000, 1400", (600, 1000, 1400)),
        ("600,1000,1400", (600, 1000, 1400)),
        ("3000, 6000, 9000, 12,000", (3000, 6000, 9000, 12000)),
        ("1,000 - 10,000", (1000, 10000)),
        ("3,000, 15,000, 30,000", (3000, 15000, 30000)),
        ("~52k", (52000,)),
        ("8 users per day", None),
        ("as many as we can get", None),
    ],
)
def test_users_are_read_and_a_rate_is_not_a_number_of_users(text: str, users: tuple[int, ...] | None) -> None:
    assert users_in(text) == users


@pytest.mark.parametrize(
    ("text", "users"),
    [
        ("1% (500)", (500,)),
        ("10% of users out of ~500 = ~50 applications (2 days)", (50,)),
        ("500 users (1%)", (500,)),
        ("1% (500, 2 days)", (500,)),
        ("1% (1,000 - 2,000 Veterans)", (1000, 2000)),
        ("2%, which targets about 500 users", (500,)),
        ("5% = 1.2 million", (1_200_000,)),
        ("5%, March 1 - March 2, 2027", None),
        ("5% (March 1, 2027)", None),
        ("5% (see #61318)", None),
        ("5% (approx. 1,500)", (1500,)),
        ("5% of users, roughly 15 thousand people", (15000,)),
        ("5% - 7,500 users", (7500,)),
        ("5% - 8 users per day", None),
        ("5% (sprint 42)", None),
        ("5% (9:00 AM)", None),
        ("5% (v2.1, 3 regions)", None),
        ("25% (2 days)", None),
        ("25%", None),
    ],
)
def test_users_beside_a_percentage_are_those_of_the_stage(text: str, users: tuple[int, ...] | None) -> None:
    assert users_beside(text) == users


@pytest.mark.parametrize(
    ("text", "hold"),
    [
        ("2-3 business days", "3 business days"),
        ("at least one full business day", "1 business day"),
        ("1 week", "1w"),
        ("4 hours", "4h"),
        ("2 months", None),
    ],
)
def test_of_a_length_the_longer_end_is_held(text: str, hold: str | None) -> None:
    found = length_in(text)

    assert found is not None
    assert found.hold == hold


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("10 pct of users", "10% of users"),
        ("10 per cent, then 50 percent", "10%, then 50%"),
        ("Twenty-five percent of users", "25% of users"),
        ("thirty-five percent", "thirty-five percent"),
        ("zero point five percent", "zero point five percent"),
        ("5 percentage points", "5 percentage points"),
        ("half of our users, then all", "50% of our users, then all"),
        ("a quarter of users", "25% of users"),
        ("half of the form is new", "half of the form is new"),
    ],
)
def test_a_percentage_is_read_however_it_is_spelt_and_only_as_a_whole(text: str, shown: str) -> None:
    assert with_signs(text) == shown


@pytest.mark.parametrize("text", ["everyone", "all users", "enable for all Veterans", "roll out to everybody"])
def test_everybody_is_a_hundred_percent(text: str) -> None:
    assert reaches_all(text)
    assert not reaches_all(f"{text} in Ohio")


@pytest.mark.parametrize("text", ["internal staff only", "Beta testers", "enable for VA employees", "pilot sites"])
def test_chosen_people_are_an_audience_and_what_they_do_is_not(text: str) -> None:
    assert names_only_audience(text)
    assert not names_only_audience(f"{text} meeting")


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("increase to 25%; watch the dashboard", [25]),
        ("Stage A: 10% of users on 12/12", [10]),
        ("Launch to 10%", [10]),
        ("Day 1: 1%", [1]),
        ("1% → 25% → 100%", [1, 25, 100]),
        ("if errors < 1% go to 50%", [50]),
        ("We go 1% → 10% → 100%, a day each", [1, 10, 100]),
        ("Stages: 5% -> 25% -> 100%", [5, 25, 100]),
        ("Stages: 5%, 25%, 50% and 100%", [5, 25, 50, 100]),
        ("1% → 25% → 100% is recommended", []),
        ("Stages such as 1% → 25% for example", []),
        ("or at most 10%", []),
        ("20% got us 500 users", []),
        ("error rate < 1%", []),
        ("roll back to 0%", []),
        ("Stage B starts, errors below 30%", []),
        ("25% - 100%", []),
        ("ramp up to 10%", [10]),
        ("500 users (1%) on 4/5/2027", [1]),
        ("500 users gave up (1%)", []),
        ("If errors stay low, 50% of users", [50]),
        ("10% of eligible Veterans on 3/1/2027", [10]),
        ("30% of users are on a phone", []),
        ("90% of stories done", []),
        ("100% of tests pass", []),
        ("60% completion", []),
        ("30% faster", []),
        ("we rolled out to 25% of users", []),
        ("we might go to 60% for an hour", []),
    ],
)
def test_a_step_is_told_from_talk(text: str, steps: list[float]) -> None:
    assert list(steps_in(text)) == steps


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Index error rate: < 1%", [("Index error rate", "numeric", "<", 1, "percent")]),
        ("Retries < %5", [("Retries", "numeric", "<", 5, "percent")]),
        ("Complaints: 0", [("Complaints", "numeric", "==", 0, "count")]),
        ("Uptime: 99%", [("Uptime", "numeric", None, 99, "percent")]),
        ("Confirmed : >75%", [("Confirmed", "numeric", ">", 75, "percent")]),
        ("a < 1%, b < 2%", [("a", "numeric", "<", 1, "percent"), ("b", "numeric", "<", 2, "percent")]),
        (
            "failures must be below 3% and crashes: 0",
            [("failures", "numeric", "<", 3, "percent"), ("crashes", "numeric", "==", 0, "count")],
        ),
        ("error rate < 1% over 15 minutes", [("error rate", "numeric", "<", 1, "percent")]),
        ("fewer than 2 calls", [("calls", "numeric", "<", 2, "count")]),
        ("p95: < 500 ms", [("p95", "numeric", "<", 500, None)]),
        ("400 errors (DataDog)", [("400 errors (DataDog)", "named", None, None, None)]),
        ("Speed as before", [("Speed as before", "relative", None, None, None)]),
        ("Is it fast?", [("Is it fast?", "yes-no", None, None, None)]),
        ("Error rate: 1% or less", [("Error rate", "numeric", "<=", 1, "percent")]),
        ("Uptime at least 99%", [("Uptime", "numeric", ">=", 99, "percent")]),
        ("Uptime greater than or equal to 99%", [("Uptime", "numeric", ">=", 99, "percent")]),
        ("Queue: < 2.5k", [("Queue", "numeric", "<", 2500, "count")]),
        ("99% success rate", [("success rate", "numeric", None, 99, "percent")]),
        ("under 5% increase in errors", [("under 5% increase in errors", "relative", None, None, None)]),
        ("Applies for 6 months or more", [("Applies for 6 months or more", "named", None, None, None)]),
        ("Latency never above 800 ms", [("Latency", "numeric", "<=", 800, None)]),
        ("Errors won't exceed 1%", [("Errors", "numeric", "<=", 1, "percent")]),
        ("Success must not drop below 98%", [("Success", "numeric", ">=", 98, "percent")]),
        ("Success does not fall below 99%", [("Success", "numeric", ">=", 99, "percent")]),
        ("Errors: 1% max", [("Errors", "numeric", "<=", 1, "percent")]),
        ("Uptime is 99.5% or better", [("Uptime", "numeric", None, 99.5, "percent")]),
        ("Errors: < 1% (last month 0.7%)", [("Errors", "numeric", "<", 1, "percent")]),
        ("Error rate must stay below 1%", [("Error rate", "numeric", "<", 1, "percent")]),
        (
            "The error rate stays below 1%. Fewer than 5 complaints per day. We look each morning.",
            [("error rate", "numeric", "<", 1, "percent"), ("complaints per day", "numeric", "<", 5, "count")],
        ),
        ("Fewer than four reports", [("reports", "numeric", "<", 4, "count")]),
        ("Errors: \u2264 0,5 %", [("Errors", "numeric", "<=", 0.5, "percent")]),
        ("Users: < 1,500", [("Users", "numeric", "<", 1500, "count")]),
        ("Uptime: 99.9%+", [("Uptime", "numeric", ">=", 99.9, "percent")]),
        (
            "Sales no worse than in the control group",
            [("Sales no worse than in the control group", "relative", None, None, None)],
        ),
        ("The lead agrees (Y/N)", [("lead agrees", "yes-no", None, None, None)]),
        ("We are happy when the error rate < 1%", [("error rate", "numeric", "<", 1, "percent")]),
        ("errors < 1% with at least 500 requests", [("errors", "numeric", "<", 1, "percent")]),
        ("[such as error rate < 5%]", []),
        ("[FILL_IN] : list", []),
    ],
)
def test_criteria_are_read_with_their_bar(text: str, read: list[tuple[object, ...]]) -> None:
    assert [(c.name, c.kind, c.op, c.value, c.unit) for c in read_criteria(text, 1)] == read


@pytest.mark.parametrize(
    ("text", "op"),
    [
        ("Roll back if error rate > 5%", "<="),
        ("If the error rate exceeds 5%, we roll back", "<="),
        ("We turn the flag off when success < 5%", ">="),
        ("Stop on errors >= 5%", "<"),
        ("Roll back when errors exceed 5%", "<="),
        ("Error rate < 5%, otherwise roll back", "<"),
    ],
)
def test_a_condition_to_stop_is_the_opposite_of_a_bar_to_pass(text: str, op: str) -> None:
    assert [(c.op, c.value) for c in read_criteria(text, 1)] == [(op, 5)]


@pytest.mark.parametrize(
    "text",
    [
        "Roll back if errors > 5% and retries > 5%",
        "Never roll back unless errors > 5%",
        "Errors > 5%: back-out",
    ],
)
def test_a_condition_to_stop_that_can_be_taken_in_two_ways_has_no_operator(text: str) -> None:
    assert {c.op for c in read_criteria(text, 1)} == {None}


def test_the_heading_says_whether_bars_are_to_pass_or_to_stop() -> None:
    asked = ("Success criteria", "Abort criteria", "Success or abort criteria", "Success criteria; Abort if:")

    assert [read_criteria("Errors > 5%", 1, under=under)[0].op for under in asked] == [">", "<=", None, "<="]


@pytest.mark.parametrize(
    ("text", "asks", "value"),
    [
        ("Percentage of Users (and roughly how many users do you expect this to be): 5%", Asks.PERCENT, "5%"),
        ('What metrics will you look at ("success criteria")?: errors', Asks.CRITERIA, "errors"),
        ('Links to dashboard(s) showing "success criteria": here', Asks.DASHBOARD, "here"),
        ("Actual date range of test duration: ", Asks.ACTUAL, ""),
        ("Desired number of users: 9", Asks.USERS, "9"),
        ("Flag: new_form", Asks.FLAG, "new_form"),
        ("Flag: 10%", Asks.PERCENT, "10%"),
        ("Launch: March 8, 2027", Asks.DATES, "March 8, 2027"),
        ("Owner \u2013 Dana", Asks.OWNER, "Dana"),
    ],
)
def test_a_label_says_what_is_asked(text: str, asks: Asks, value: str) -> None:
    field = read_field(text)

    assert field is not None
    assert (field.asks, field.value) == (asks, value)


def test_a_dash_ends_a_label_only_after_words_that_can_be_nothing_else() -> None:
    assert read_field("Team \u2013 meets on Mondays") is None


def test_a_clock_and_an_address_are_not_labels() -> None:
    assert read_field("at 9:30 sharp") is None
    assert read_field("see https://example.com") is None


@pytest.mark.parametrize(
    "text", ["[FILL_IN]", "TBD", "mm/dd/yyyy", "XX/XX/2026", "x", "???", "to be decided", "[PICK_ONE]: yes | no"]
)
def test_placeholders_are_seen(text: str) -> None:
    assert placeholder_in(text)


def test_hints_are_not_part_of_an_answer() -> None:
    assert answer("5% (Recommendation: about 500 users, or at most 10%)") == "5%"
    assert answer("[FILL_IN]% (minimum 2 hours)") == ""
