"""A rollout as it really went in the spring of 2025, played through the use cases: the record must tell its story.

Two flags of one family, web and mobile; people rolled it back four times, for reasons that no metric saw, or that one
saw and people had to judge: another client of the same service pushed the shared error rate above its bar. What went
otherwise is what Rampart does not do: in the last week 75% comes before 100%, on the same day.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rampart.errors import ConflictError
from rampart.evidence.series import Measured, Series
from rampart.evidence.verdict import Verdict
from rampart.rollout.gate import Answer, DecisionKind, Question
from rampart.rollout.request import Cause
from rampart.rollout.state import Event, EventKind, Status
from tests.doubles import FixedClock, MemoryFlagStore
from tests.unit.rollout.world import ERRORS, EXECUTION, OFFICE_HOURS, ROLLOUT, World

pytestmark = pytest.mark.long

NEW_YORK = ZoneInfo("America/New_York")
FLAGS = ("letters_web", "letters_mobile")
JUNETEENTH = date(2025, 6, 19)
TICK = timedelta(hours=1)
ANOTHERS = "the errors are another client's, which went to 50% at once"
PLAN: dict[str, Any] = {
    "title": "Letters from the new provider",
    "flags": list(FLAGS),
    "calendar": OFFICE_HOURS,
    "criteria": {
        ERRORS: {
            "kind": "rate",
            "errors": "e",
            "total": "t",
            "below": "0.3%",
            "scope": "everyone",
            "baseline": "0.05%",
            "clump": 1,
            "on_fail": "hold",  # the rate is shared with other clients: a person judges whose fault it is
        }
    },
    "stages": [
        {"name": "Canary", "percent": 1, "hold": "1 business day"},
        {"percent": 25, "hold": "1 business day"},
        {"percent": 50, "hold": "1 business day"},
        {"percent": 75, "hold": "3h"},
        {"percent": 100, "hold": "1w"},
    ],
}


def local(text: str) -> datetime:
    """A moment of 2025 in New York, such as `03-10 10:00`."""
    return datetime.fromisoformat(f"2025-{text}").replace(tzinfo=NEW_YORK)


RATES: Sequence[tuple[datetime, float]] = (
    (local("03-01 00:00"), 0.0002),
    (local("05-08 11:00"), 0.0078),  # another client goes to 50% at once
    (local("05-08 20:00"), 0.0074),
    (local("05-12 09:00"), 0.0002),
    (local("06-13 10:00"), 0.0115),
    (local("06-14 00:00"), 0.0002),
)
"""The shared download error rate, and since when."""


def measured(share_of: float) -> Any:
    """Ten thousand requests in every bucket, or the share of them that failed at the time."""

    def answer(start: int, end: int, bucket: int) -> Measured:
        return Series(tuple((at, share_of or 10_000 * _rate(at)) for at in range(start, end, bucket)))

    return answer


def _rate(at: int) -> float:
    return next(rate for since, rate in reversed(RATES) if since.timestamp() <= at)


class Spring:
    """The rollout from March to June, looked at every hour; both state machines are played by hand."""

    def __init__(self) -> None:
        flags = MemoryFlagStore.at(**dict.fromkeys(FLAGS, 0.0))
        self.world = World(clock=FixedClock(local("03-10 10:00")), flags=flags)
        self.world.metrics.script = {f"{ERRORS}/errors": measured(0), f"{ERRORS}/total": measured(10_000)}
        self.attempt = 1
        self.execution = EXECUTION
        self.bake = ""
        self.question = ""
        assert self.world.start(**PLAN)["outcome"] == "ready"
        self.up(None)

    # Time, and the machine `rollout`.

    def until(self, text: str) -> None:
        """Let time go by, with a look every hour and one at the end."""
        moment = local(text)
        while self.world.clock.now() + TICK < moment:
            self.world.wait(seconds=TICK.total_seconds())
            self.look()
        self.world.clock.at = moment
        self.look()

    def look(self) -> None:
        """One tick, what it called for, what the queue brings again, and the machine's next step."""
        world = self.world
        asked = world.store.gates[ROLLOUT] if self.question else None
        if asked and asked.lapses and asked.lapses <= world.clock.now():
            self.wait_anew()
        if world.state.watched:
            world.tick()
        world.deliver()
        world.redeliver()
        if world.status is Status.LIVE and not self.question and self.bake in world.gates.succeeded:
            said = world.gates.succeeded[self.bake]
            self.question = world.ask(said) if said["outcome"] == "ask" else ""

    def wait_anew(self) -> None:
        """Open a new bake gate; no one waits at the question any more."""
        self.world.gates.waiting.pop(self.question, None)
        self.question = ""
        self.bake = self.world.open_gate()

    def up(self, gate: str | None) -> dict[str, Any]:
        """Advance with the answer of a gate, and wait in the stage that this leads to."""
        outcome = self.world.advance(gate, attempt=self.attempt, execution=self.execution)
        if outcome["outcome"] == "advanced":
            self.wait_anew()
        return outcome

    # People, and the machine `decision`.

    def answer(self, by: str, note: str = "", decision: DecisionKind = DecisionKind.APPROVE) -> dict[str, Any]:
        """Answer the open question, and advance with that; raises ConflictError when none is open."""
        now, gate = self.world.clock.now(), self.question
        said = Answer(decision=decision, by=by, note=note, execution=f"decision-{now:%m-%d}", at=now)
        self.world.store.answer_gate(ROLLOUT, gate, said)
        question = self.world.store.gates[ROLLOUT].question
        assert question is not None
        self.world.store.told.append(self.decided(said, question))
        return self.up(gate)

    def decided(self, said: Answer, question: Question) -> Event:
        """The event that `decision` writes with an answer."""
        return Event(
            at=said.at,
            kind=EventKind.DECIDED,
            rollout=ROLLOUT,
            attempt=self.attempt,
            stage=self.world.state.stage,
            by=said.by,
            message=f"{said.by} answers: {said.note}",
            details={"decision": said.decision.value, "note": said.note, "verdict": str(question.verdict)},
        )

    def down(self, by: str, reason: str) -> None:
        """Let a person roll back."""
        asked = {"attempt": None, "execution": None, "decision": f"decision-{self.world.clock.now():%m-%d}"}
        assert self.world.roll_back(Cause.PERSON, by=by, reason=reason, **asked).outcome == "rolled_back"
        self.question = ""

    def again(self, stage: int, by: str, note: str) -> dict[str, Any]:
        """Let a person resume at a stage; the first advance of the attempt follows where it may begin."""
        execution = f"attempt-{self.attempt + 1}"
        outcome = self.world.resume(stage, execution, by=by, note=note, decision=f"decision-{execution}")
        if outcome["outcome"] == "ready":
            self.attempt, self.execution = outcome["attempt"], execution
            self.up(None)
        return outcome

    # What happened.

    def march(self) -> None:
        self.until("03-12 10:00")
        self.answer("Ana", "500 people, no complaint")
        self.until("03-13 11:00")
        self.down("Ana", "letters of one kind show the wrong date: people saw it, no metric did")
        self.until("03-24 10:00")
        self.again(1, "Ben", "the date is fixed")
        self.until("03-26 09:30")
        self.down("Ben", "the list of letters is empty for some")

    def may(self) -> None:
        self.until("05-07 10:00")
        self.again(1, "Ana", "the list is fixed")
        self.until("05-08 10:30")
        self.answer("Ana")
        self.until("05-09 11:00")

    def override(self) -> None:
        self.answer("Cleo", ANOTHERS, DecisionKind.OVERRIDE)

    def monday(self) -> None:
        self.until("05-12 10:00")
        self.answer("Cleo", "as on Friday")
        self.until("05-13 11:00")
        self.down("Ana", "a paragraph of the letter is wrong: a content bug")

    def june(self) -> None:
        self.until("06-13 10:00")
        self.again(2, "Ben", "the paragraph is fixed")
        self.until("06-13 15:30")
        self.down("Cleo", "1.15% all day; not over the weekend")

    def after_juneteenth(self) -> None:
        self.until("06-23 10:00")
        self.again(2, "Ben", "quiet since the 14th")
        self.until("06-24 10:05")
        self.answer("Ana")
        self.until("06-24 14:10")
        self.answer("Ana")
        self.until("07-01 14:30")
        self.up(self.bake)

    def events(self, *kinds: EventKind) -> list[Event]:
        return [event for event in self.world.store.told if event.kind in kinds]


def played(*parts: Callable[[Spring], None]) -> Spring:
    spring = Spring()
    for part in parts:
        part(spring)
    return spring


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
