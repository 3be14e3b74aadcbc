"""Where a rollout stands is said once, for every state, in sentences that any surface can show."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rampart.errors import FlagStoreError
from rampart.evidence.verdict import Verdict
from rampart.rollout.flag import FlagReading
from rampart.rollout.freeze import Freeze
from rampart.rollout.gate import DecisionKind
from rampart.rollout.situation import Act, Phase, Situation, Urgency, situation_of
from tests.unit.rollout.situations import (
    a_person_rolls_it_back,
    datadog_fails,
    datadog_fails_while_it_asks,
    flipper_fails,
    it_asks,
    it_asks_about_the_end,
    it_asks_without_proof,
    it_cannot_be_rolled_back,
    it_completes,
    it_fails_and_only_holds,
    it_goes_blind,
    it_holds,
    it_holds_and_is_undecided,
    it_is_abandoned,
    it_is_rolled_back,
    it_starts,
    its_flag_is_being_set,
    its_hold_is_over,
    its_hold_is_over_at_night,
    someone_approved,
    someone_deletes_the_flag,
    someone_lowers_the_flag,
    the_change_calendar_closes,
)
from tests.unit.rollout.world import FLAG, PLAN, ROLLOUT, World


def situation(world: World) -> Situation:
    return situation_of(world.state, world.store.gates.get(ROLLOUT), world.clock.now())


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
        "It continues by itself when evaluations are back; alerts still roll it back meanwhile.",
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
        "Holding at 1%: the flag can't be read",
        "Rampart can't read a flag, so it can't confirm 1%. It last read 1%, at Tue 2026-03-10 10:10 EDT.",
        "It continues by itself once the flag can be read. To be safe, set it to 0% in Flipper by hand.",
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
        "Rampart keeps trying. Until then users are exposed: set letters_api to 0% in Flipper by hand.",
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


def test_why_a_flag_cannot_be_read_is_said_once_it_lasts(world: World) -> None:
    world.climb(0)
    world.flags.failure = FlagStoreError("Flipper answered 401: fix the credentials in its secret")
    for _ in range(5):
        world.wait(minutes=1)
        world.tick()
    assert situation(world).why == (
        "Rampart can't read letters_api, so it can't confirm 1%. It last read 1%, at Tue 2026-03-10 10:00 EDT. "
        "Flipper answered 401: fix the credentials in its secret."
    )


def test_what_a_flag_last_read_is_told_as_long_as_it_cannot_be_read(world: World) -> None:
    """Looks at the evidence go on meanwhile, and write the record: they read no flag, so the time stays."""
    world.climb(0)
    world.wait(minutes=5)
    world.tick()
    world.flags.failure = FlagStoreError("down")
    world.wait(minutes=1)
    epoch = world.state.epoch
    world.tick()
    assert world.state.epoch == epoch + 1, "the write that says since when it can't be read, and no other"
    for _ in range(12):
        assert "It last read 1%, at Tue 2026-03-10 10:05 EDT." in situation(world).why
        world.wait(minutes=1)
        world.tick()
    world.flags.failure = None
    world.tick()
    assert world.state.read_at is None


def test_a_flag_that_was_elsewhere_when_it_was_last_read_is_told_so(world: World) -> None:
    world.climb(1)
    world.flags.put(FlagReading(FLAG, percent=10))
    world.tick()
    world.flags.failure = FlagStoreError("down")
    world.wait(minutes=1)
    world.tick()
    assert "can't confirm 25%. It last read 10%, at" in situation(world).why


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
