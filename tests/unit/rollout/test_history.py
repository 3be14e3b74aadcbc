"""The record of a rollout as it really went tells its whole story."""

from __future__ import annotations

from datetime import date
from itertools import groupby

import pytest

from rampart.errors import ConflictError
from rampart.evidence.verdict import Verdict
from rampart.rollout.event import Event, EventKind
from rampart.rollout.gate import DecisionKind
from tests.unit.rollout.spring import (
    ANOTHERS,
    FLAGS,
    JUNETEENTH,
    NEW_YORK,
    Spring,
    local,
    played,
)
from tests.unit.rollout.world import ERRORS, ROLLOUT

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def spring() -> Spring:
    """The whole of it; tests only look."""
    return played(Spring.march, Spring.may, Spring.override, Spring.monday, Spring.june, Spring.after_juneteenth)


@pytest.fixture
def friday() -> Spring:
    """9 May, 11:00: at 50%, asked, and the evidence fails because of another client."""
    return played(Spring.march, Spring.may)


@pytest.fixture
def down() -> Spring:
    """Rolled back since March."""
    return played(Spring.march)


def day(event: Event) -> str:
    return f"{event.at.astimezone(NEW_YORK):%m-%d}"


# The record.


def test_the_record_tells_every_percentage_and_its_day(spring: Spring) -> None:
    moves = spring.events(EventKind.ADVANCED, EventKind.ROLLED_BACK)

    assert [(day(move), move.percent) for move in moves] == [
        ("03-10", 1),
        ("03-12", 25),
        ("03-13", 0),
        ("03-24", 25),
        ("03-26", 0),
        ("05-07", 25),
        ("05-08", 50),
        ("05-09", 75),
        ("05-12", 100),
        ("05-13", 0),
        ("06-13", 50),
        ("06-13", 0),
        ("06-23", 50),
        ("06-24", 75),
        ("06-24", 100),
    ]
    assert [day(end) for end in spring.events(EventKind.COMPLETED)] == ["07-01"]


@pytest.mark.parametrize("flag", FLAGS)
def test_each_flag_went_where_the_record_says_and_nowhere_else(spring: Spring, flag: str) -> None:
    told = [move.percent for move in spring.events(EventKind.ADVANCED, EventKind.ROLLED_BACK)]
    written = [reading.percent for reading in spring.world.flags.history if reading.flag == flag]

    assert [percent for percent, _ in groupby(written)] == told


def test_the_record_tells_who_rolled_back_and_why(spring: Spring) -> None:
    downs = spring.events(EventKind.ROLLED_BACK)

    assert [(day(down), down.by, down.details["reason"]) for down in downs] == [
        ("03-13", "Ana", "letters of one kind show the wrong date: people saw it, no metric did"),
        ("03-26", "Ben", "the list of letters is empty for some"),
        ("05-13", "Ana", "a paragraph of the letter is wrong: a content bug"),
        ("06-13", "Cleo", "1.15% all day; not over the weekend"),
    ]
    assert {down.details["cause"] for down in downs} == {"person"}
    assert all(down.details["reason"] in down.message for down in downs)


def test_the_record_tells_who_resumed_at_which_stage_and_why(spring: Spring) -> None:
    resumed = spring.events(EventKind.RESUMED)

    assert [(day(event), event.attempt, event.message) for event in resumed] == [
        ("03-24", 2, "Ben resumes at 25%: the date is fixed"),
        ("05-07", 3, "Ana resumes at 25%: the list is fixed"),
        ("06-13", 4, "Ben resumes at 50%: the paragraph is fixed"),
        ("06-23", 5, "Ben resumes at 50%: quiet since the 14th"),
    ]


def test_the_record_tells_what_was_known_when_each_advance_was_decided(spring: Spring) -> None:
    decided = spring.events(EventKind.DECIDED)

    assert [(day(e), e.by, e.details["decision"], e.details["verdict"]) for e in decided] == [
        ("03-12", "Ana", "approve", "pass"),
        ("05-08", "Ana", "approve", "pass"),
        ("05-09", "Cleo", "override", "fail"),
        ("05-12", "Cleo", "approve", "waived"),  # what was waived on Friday still was
        ("06-24", "Ana", "approve", "pass"),
        ("06-24", "Ana", "approve", "pass"),
    ]
    assert decided[2].details["note"] == ANOTHERS


def test_the_rates_that_people_judged_are_kept(spring: Spring) -> None:
    kept = {f"{look.at.astimezone(NEW_YORK):%m-%d %H:%M}": look for look in spring.world.store.looks}

    for at, rate in {"05-08 11:30": "0.78%", "05-09 12:00": "0.74%", "06-13 15:00": "1.15%"}.items():
        assert kept[at].verdict is Verdict.FAIL
        assert rate in kept[at].judgements[0]["message"]


def test_no_flag_went_up_on_a_weekend_a_holiday_or_outside_hours(spring: Spring) -> None:
    ups = [event.at.astimezone(NEW_YORK) for event in spring.events(EventKind.ADVANCED, EventKind.RESUMED)]

    assert all(up.weekday() < 5 and up.date() != JUNETEENTH and 9 <= up.hour < 16 for up in ups)
    looked = {look.at.astimezone(NEW_YORK).date() for look in spring.world.store.looks}
    assert {date(2025, 5, 10), date(2025, 5, 11)} <= looked, "nothing happened because no one looked"


# The moments at which it could have gone otherwise.


def test_an_approval_is_not_enough_while_the_shared_rate_is_above_its_bar(friday: Spring) -> None:
    outcome = friday.answer("Cleo", "it will be fine")

    assert (outcome["outcome"], outcome["why"]) == ("stale", "the newest evaluation says fail")
    assert friday.world.state.percent == 50


def test_an_override_is_on_record_with_its_note_through_the_next_stage(friday: Spring) -> None:
    assert friday.answer("Cleo", ANOTHERS, DecisionKind.OVERRIDE)["outcome"] == "advanced"

    [override] = friday.world.state.overrides
    assert (override.criteria, override.by, override.note) == ((ERRORS,), "Cleo", ANOTHERS)
    assert friday.world.state.plan.stages[override.through_stage].percent == 75


def test_a_question_of_friday_lapses_with_the_day_and_is_asked_again_on_monday(friday: Spring) -> None:
    friday.override()
    friday.until("05-09 14:30")
    of_friday = friday.question
    assert friday.world.store.gates[ROLLOUT].lapses == local("05-09 16:00")

    friday.until("05-10 10:00")
    assert friday.question == ""
    friday.question = of_friday
    with pytest.raises(ConflictError):
        friday.answer("Cleo", "on Saturday, from home")
    friday.question = ""
    outcome = friday.up(friday.bake)
    assert outcome["outcome"] == "stale"
    assert "the calendar is closed until 2025-05-12 09:00 EDT" in outcome["why"]
    friday.wait_anew()

    friday.until("05-12 09:00")
    assert friday.question not in ("", of_friday)
    assert [reading.percent for reading in friday.world.flags.flags.values()] == [75, 75]


@pytest.mark.parametrize(
    ("wish", "opens"),
    [
        ("06-14 10:00", "2025-06-16 09:00 EDT"),
        ("06-15 12:00", "2025-06-16 09:00 EDT"),
        ("06-18 08:59", "2025-06-18 09:00 EDT"),
        ("06-18 16:00", "2025-06-20 09:00 EDT"),
        ("06-19 10:00", "2025-06-20 09:00 EDT"),
    ],
    ids=["Saturday", "Sunday", "too early", "the evening before Juneteenth", "Juneteenth"],
)
def test_nobody_resumes_while_the_calendar_is_closed(down: Spring, wish: str, opens: str) -> None:
    down.until(wish)
    outcome = down.again(2, "Ben", "quiet since")

    assert outcome["error"] == "CalendarClosed"
    assert f"Start again from {opens} on" in outcome["cause"]
    assert [reading.percent for reading in down.world.flags.flags.values()] == [0, 0]
