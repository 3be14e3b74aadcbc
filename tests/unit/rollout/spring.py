"""A rollout as it really went in the spring of 2025, played through the use cases.

Two flags of one family, web and mobile; people rolled it back four times, for reasons that no metric saw, or that one
saw and people had to judge: another client of the same service pushed the shared error rate above its bar. What went
otherwise is what Rampart does not do: in the last week 75% comes before 100%, on the same day.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rampart.evidence.series import Measured, Series
from rampart.rollout.event import Event, EventKind
from rampart.rollout.gate import Answer, DecisionKind, Question
from rampart.rollout.request import Cause
from rampart.rollout.state import Status
from tests.doubles import FixedClock, MemoryFlagStore
from tests.unit.rollout.world import ERRORS, EXECUTION, OFFICE_HOURS, ROLLOUT, World

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
