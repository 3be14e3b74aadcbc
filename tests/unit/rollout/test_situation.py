"""Where a rollout stands is said once, for every state, in sentences that any surface can show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from rampart.errors import FlagStoreError, RollbackUndoneError
from rampart.evidence.verdict import Verdict
from rampart.rollout.flag import FlagReading
from rampart.rollout.freeze import Freeze
from rampart.rollout.gate import DecisionKind, GateKind
from rampart.rollout.request import Cause
from rampart.rollout.situation import Act, Phase, Situation, Urgency, situation_of
from rampart.rollout.state import Intent, Stop
from tests.unit.rollout.world import COMPLAINTS, FLAG, OFFICE_HOURS, PLAN, ROLLOUT, World


def situation(world: World) -> Situation:
    return situation_of(world.state, world.store.gates.get(ROLLOUT), world.clock.now())


def it_starts(world: World) -> None:
    world.start()


def its_flag_is_being_set(world: World) -> None:
    world.climb(0)
    intent = Intent(gate="g", stage=1, percent=25, at=world.clock.now())
    world.store.states[ROLLOUT] = world.state.moved(world.clock.now(), intent=intent)


def it_holds(world: World) -> None:
    world.climb(0)
    world.open_gate()
    world.wait(minutes=10)
    world.tick()


def it_holds_and_is_undecided(world: World) -> None:
    world.measure(Verdict.INCONCLUSIVE)
    world.climb(0)
    world.open_gate()
    world.wait(minutes=40)
    world.tick()


def its_hold_is_over(world: World) -> None:
    it_holds(world)
    world.wait(minutes=49)
    world.tick()
    world.wait(minutes=2)


def its_hold_is_over_at_night(world: World) -> None:
    world.climb(0, calendar=OFFICE_HOURS)
    world.open_gate()
    world.wait(hours=9)
    world.tick()


def it_asks(world: World) -> None:
    world.climb(1)
    world.asked()


def it_asks_about_the_end(world: World) -> None:
    world.start(criteria=PLAN["criteria"] | COMPLAINTS)
    world.advance()
    for _ in range(2):
        world.advance(world.approved(complaints=0))
    world.asked()


def it_asks_without_proof(world: World) -> None:
    world.climb(1)
    world.measure(Verdict.INCONCLUSIVE)
    world.asked()


def datadog_fails_while_it_asks(world: World) -> None:
    it_asks(world)
    world.measure(Verdict.ERROR)
    world.wait(minutes=5)
    world.tick()


def someone_approved(world: World) -> None:
    world.climb(1)
    world.approved()


def datadog_fails(world: World) -> None:
    it_holds(world)
    world.measure(Verdict.ERROR)
    world.wait(minutes=5)
    world.tick()


def it_goes_blind(world: World) -> None:
    datadog_fails(world)
    world.open_gate(GateKind.BLIND)


def it_fails_and_only_holds(world: World) -> None:
    hold = {name: spec | {"on_fail": "hold"} for name, spec in PLAN["criteria"].items()}
    world.climb(1, criteria=hold)
    world.open_gate()
    world.measure(Verdict.FAIL)
    world.wait(minutes=40)
    world.tick()


def flipper_fails(world: World) -> None:
    it_holds(world)
    world.flags.failure = FlagStoreError("down")
    world.wait(minutes=1)
    world.tick()


def someone_lowers_the_flag(world: World) -> None:
    world.climb(1)
    world.open_gate()
    world.wait(minutes=10)
    world.flags.put(FlagReading(FLAG, percent=10))
    world.tick()


def someone_deletes_the_flag(world: World) -> None:
    world.climb(1)
    world.open_gate()
    world.wait(minutes=10)
    world.flags.flags.clear()
    world.tick()


def it_cannot_be_rolled_back(world: World) -> None:
    world.climb(1)
    world.flags.failure = FlagStoreError("down")
    with pytest.raises(RollbackUndoneError):
        world.roll_back()


def it_is_rolled_back(world: World) -> None:
    world.climb(1)
    world.roll_back()


def a_person_rolls_it_back(world: World) -> None:
    world.climb(1)
    world.roll_back(Cause.PERSON, reason="letters come out blank", by="Ann")


def it_completes(world: World) -> None:
    world.climb(2)
    world.complete()


def it_is_abandoned(world: World) -> None:
    world.climb(1)
    world.roll_back(Cause.ABANDON)


def the_change_calendar_closes(world: World) -> None:
    it_holds(world)
    until = world.clock.now() + timedelta(hours=2)
    stop = Stop(why="the change calendar 'freeze' is closed", until=until)
    world.store.states[ROLLOUT] = world.state.changed(stop=stop)


Given = Callable[[World], None]
ROLL_BACK = (Act.ROLL_BACK,)
TABLE: list[tuple[Given, Phase, str, str, str, tuple[Act, ...], Urgency]] = [
    (
        it_starts,
        Phase.STARTING,
        "Starting: letters_api is about to be set to Canary (1%)",
        "",
        "",
        ROLL_BACK,
        Urgency.NONE,
    ),
    (its_flag_is_being_set, Phase.ADVANCING, "Setting letters_api to 25%", "", "", ROLL_BACK, Urgency.NONE),
    (
        it_holds,
        Phase.HOLDING,
        "Holding at 1% until Tue 2026-03-10 11:00 EDT (50 min left)",
        "",
        "Then a person is asked before it advances to 25%.",
        ROLL_BACK,
        Urgency.NONE,
    ),
    (
        it_holds_and_is_undecided,
        Phase.HOLDING,
        "Holding at 1% until Tue 2026-03-10 11:00 EDT (20 min left)",
        "download error rate ",
        "Then a person is asked before it advances to 25%.",
        ROLL_BACK,
        Urgency.NONE,
    ),
    (
        its_hold_is_over,
        Phase.READY,
        "Holding at 1%: the hold is over",
        "",
        "Then a person is asked before it advances to 25%.",
        ROLL_BACK,
        Urgency.NONE,
    ),
    (
        its_hold_is_over_at_night,
        Phase.CALENDAR_CLOSED,
        "Holding at 1% until the calendar opens Wed 2026-03-11 09:00 EDT",
        "",
        "Then a person is asked before it advances to 25%.",
        ROLL_BACK,
        Urgency.NONE,
    ),
    (
        it_asks,
        Phase.ASKING,
        "Waiting for approval: 25% → 100%",
        "All criteria pass.",
        "Approve, or roll back. It expires",
        (Act.APPROVE, *ROLL_BACK),
        Urgency.ACT,
    ),
    (
        it_asks_about_the_end,
        Phase.ASKING,
        "Waiting for approval to finish at 100%",
        "All criteria pass.",
        "Approve, or roll back. It expires",
        (Act.APPROVE, *ROLL_BACK),
        Urgency.ACT,
    ),
    (
        it_asks_without_proof,
        Phase.ASKING,
        "Waiting for approval: 25% → 100%",
        "download error rate",
        "Override with a note, wait, or roll back. It expires",
        (Act.OVERRIDE, *ROLL_BACK),
        Urgency.ACT,
    ),
    (
        datadog_fails_while_it_asks,
        Phase.ASKING,
        "Waiting for approval: 25% → 100%",
        "The evidence was pass when the question was asked, and is error now, so an approval would be held.",
        "Wait. It expires",
        ROLL_BACK,
        Urgency.NONE,
    ),
    (someone_approved, Phase.APPROVED, "ann approved: advancing to 100%", "", "", ROLL_BACK, Urgency.NONE),
    (
        datadog_fails,
        Phase.UNJUDGED,
        "Holding at 1%: the evidence can't be read",
        "download error rate could not be measured",
        "It continues by itself when evaluations are back.",
        ROLL_BACK,
        Urgency.NONE,
    ),
    (
        it_goes_blind,
        Phase.BLIND,
        "Holding at 1%: nothing can be judged",
        "download error rate could not be measured",
        "It continues by itself when evaluations are back. Fix the cause, override with a note, or roll back.",
        (Act.OVERRIDE, *ROLL_BACK),
        Urgency.PAGE,
    ),
    (
        it_fails_and_only_holds,
        Phase.FAILING,
        "Holding at 25%: the evidence fails",
        "download error rate",
        "Fix it, override with a note when asked, or roll back.",
        ROLL_BACK,
        Urgency.ACT,
    ),
    (
        flipper_fails,
        Phase.UNREAD,
        "Holding at 1%: Flipper isn't answering",
        "Rampart can't read a flag, so it can't confirm 1%.",
        "It continues by itself when Flipper answers. To be safe, set the flag to 0% in Flipper by hand.",
        ROLL_BACK,
        Urgency.PAGE,
    ),
    (
        someone_lowers_the_flag,
        Phase.DRIFTED,
        "Holding at 25%: someone changed letters_api outside Rampart",
        "Expected 25%, found 10%.",
        "Set it back to 25% in Flipper, or roll back.",
        ROLL_BACK,
        Urgency.ACT,
    ),
    (
        someone_deletes_the_flag,
        Phase.DRIFTED,
        "Holding at 25%: someone changed letters_api outside Rampart",
        "Expected 25%, it doesn't exist.",
        "Set it back to 25% in Flipper, or roll back.",
        ROLL_BACK,
        Urgency.ACT,
    ),
    (
        the_change_calendar_closes,
        Phase.STOPPED,
        "Holding at 1%: changes are closed",
        "the change calendar 'freeze' is closed.",
        "It is asked again Tue 2026-03-10 12:10 EDT; rollbacks go on.",
        ROLL_BACK,
        Urgency.NONE,
    ),
    (
        it_cannot_be_rolled_back,
        Phase.ROLLING_BACK,
        "ROLLING BACK 25% → 0%: not verified yet",
        "",
        "Rampart keeps trying. If this lasts, set letters_api to 0% in Flipper by hand.",
        ROLL_BACK,
        Urgency.PAGE,
    ),
    (
        it_is_rolled_back,
        Phase.ROLLED_BACK,
        "Rolled back 25% → 0%",
        "",
        "Fix the cause, then resume or abandon.",
        (Act.RESUME, Act.ABANDON),
        Urgency.ACT,
    ),
    (
        a_person_rolls_it_back,
        Phase.ROLLED_BACK,
        "Rolled back 25% → 0%",
        "Letters come out blank (Ann).",
        "Fix the cause, then resume or abandon.",
        (Act.RESUME, Act.ABANDON),
        Urgency.ACT,
    ),
    (
        it_completes,
        Phase.COMPLETED,
        "Complete at 100%",
        "",
        "Rampart no longer manages letters_api.",
        (),
        Urgency.NONE,
    ),
    (
        it_is_abandoned,
        Phase.ABANDONED,
        "Abandoned: set to 0%",
        "",
        "Rampart no longer manages letters_api; another rollout may use it.",
        (),
        Urgency.NONE,
    ),
]


@pytest.mark.parametrize(
    ("given", "phase", "headline", "why", "next_step", "acts", "urgency"), TABLE, ids=[row[0].__name__ for row in TABLE]
)
def test_every_state_has_a_headline_a_reason_and_a_next_step(
    world: World,
    given: Given,
    phase: Phase,
    headline: str,
    why: str,
    next_step: str,
    acts: tuple[Act, ...],
    urgency: Urgency,
) -> None:
    given(world)
    found = situation(world)
    assert (found.phase, found.headline) == (phase, headline)
    assert found.why.startswith(why)
    assert found.next.startswith(next_step)
    assert (found.acts, found.urgency) == (acts, urgency)


def test_the_table_has_every_phase() -> None:
    assert {row[1] for row in TABLE} == set(Phase)


@pytest.mark.parametrize("given", [row[0] for row in TABLE], ids=[row[0].__name__ for row in TABLE])
def test_nothing_contradicts_itself(world: World, given: Given) -> None:
    given(world)
    found, now = situation(world), world.clock.now()
    assert found.since <= now
    assert found.until is None or found.until > now, "what is over is not announced"
    assert not found.headline.endswith(".")
    assert all(text == "" or text.endswith(".") for text in (found.why, found.next))
    if Act.APPROVE in found.acts:
        assert world.state.effective_verdict in (Verdict.PASS, "waived"), "a pass is said only of evidence that passes"


@pytest.mark.parametrize("given", [it_holds, it_asks, someone_approved, its_hold_is_over, its_hold_is_over_at_night])
def test_a_freeze_is_said_of_everything_that_could_advance(world: World, given: Given) -> None:
    given(world)
    freeze = Freeze(by="Ann", note="an incident elsewhere", at=world.clock.now())
    found = situation_of(world.state, world.store.gates.get(ROLLOUT), world.clock.now(), freeze)
    assert (found.phase, found.acts) == (Phase.STOPPED, ROLL_BACK)
    assert "Ann froze every rollout" in found.why
    assert "an incident elsewhere" in found.why


@pytest.mark.parametrize("given", [it_cannot_be_rolled_back, it_is_rolled_back, someone_lowers_the_flag, flipper_fails])
def test_a_freeze_hides_nothing_that_is_worse(world: World, given: Given) -> None:
    given(world)
    freeze = Freeze(by="Ann", note="an incident elsewhere", at=world.clock.now())
    assert situation_of(world.state, None, world.clock.now(), freeze) == situation_of(
        world.state, None, world.clock.now()
    )


def test_where_no_one_is_asked_it_says_so(world: World) -> None:
    stages = [stage | {"approval": "none"} for stage in PLAN["stages"]]
    world.climb(0, stages=stages)
    world.open_gate()
    world.wait(minutes=50)
    world.tick()
    assert situation(world).next == "Then it advances to 25% by itself."


def test_an_override_is_told_as_one(world: World) -> None:
    world.climb(1)
    world.measure(Verdict.INCONCLUSIVE)
    world.approved(DecisionKind.OVERRIDE)
    assert situation(world).headline == "ann overrode the evidence: advancing to 100%"


def test_a_flag_that_is_raised_again_keeps_the_reason_of_its_rollback(world: World) -> None:
    a_person_rolls_it_back(world)
    world.flags.put(FlagReading(FLAG, percent=60))
    world.wait(minutes=5)
    world.tick()
    world.deliver()
    assert situation(world).why == "Letters come out blank (Ann)."


def test_a_hold_that_ended_is_not_counted_down(world: World) -> None:
    its_hold_is_over(world)
    world.wait(days=1)
    assert "left" not in situation(world).headline
