"""Where a rollout stands, why, since when, what is next, and who must act: the one description that people are given.

Every surface (the command line, notices, the report) renders this, and has no sentences of its own about a state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from rampart.evidence.verdict import Verdict
from rampart.rollout.drift import Drift, DriftSide
from rampart.rollout.freeze import UNTIL_THAWED, Freeze
from rampart.rollout.gate import DecisionKind, Gate, GateKind, Question
from rampart.rollout.permission import advances_alone, is_fresh, is_hold_over
from rampart.rollout.remains import CLEANUP_STEPS
from rampart.rollout.state import Intent, RolloutState, Standing, Status
from rampart.rollout.waiver import LETS_ON
from rampart.words import in_words, in_zone, length, percentage, weekday_and_minute


class Phase(StrEnum):
    """What a rollout does now; each has a headline of its own."""

    STARTING = "starting"
    ADVANCING = "advancing"
    HOLDING = "holding"
    """The stage's hold isn't over."""
    CALENDAR_CLOSED = "calendar_closed"
    READY = "ready"
    """The hold is over; the next evaluation asks, or advances."""
    ASKING = "asking"
    APPROVED = "approved"
    FAILING = "failing"
    """A criterion fails that holds the stage and rolls nothing back."""
    UNJUDGED = "unjudged"
    """Evaluations are missing, or the metric source doesn't answer."""
    BLIND = "blind"
    UNREAD = "unread"
    """A flag can't be read."""
    DRIFTED = "drifted"
    STOPPED = "stopped"
    """A freeze of every rollout, or a change calendar, lets nothing advance."""
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    COMPLETED = "completed"
    ABANDONED = "abandoned"


class Act(StrEnum):
    """What a person can do; a surface turns it into its own command or link."""

    APPROVE = "approve"
    OVERRIDE = "override"
    ROLL_BACK = "roll_back"
    RESUME = "resume"
    ABANDON = "abandon"


class Urgency(StrEnum):
    """How much a person is needed."""

    NONE = "none"
    ACT = "act"
    """Nothing goes on without a person."""
    PAGE = "page"
    """Users may be exposed, and only a person can help."""


@dataclass(frozen=True, slots=True)
class Situation:
    """Where a rollout stands, in words for people: sentences without a period at the end of the headline."""

    phase: Phase
    headline: str
    since: datetime
    why: str = ""
    next: str = ""
    until: datetime | None = None
    """When it goes on by itself, where that is known."""
    acts: tuple[Act, ...] = ()
    urgency: Urgency = Urgency.NONE


def situation_of(state: RolloutState, gate: Gate | None, now: datetime, frozen: Freeze | None = None) -> Situation:
    """Describe a rollout by its record, its newest gate, and the freeze of every rollout if there is one."""
    if state.status is not Status.LIVE:
        return _OVER[state.status](state)
    if state.intent is not None:
        headline, why = _moving(state, state.intent), "The flag can't be read now." if state.unread_since else ""
        return Situation(Phase.ADVANCING, headline, state.intent.at, why, acts=(Act.ROLL_BACK,))
    if state.standing is None:
        first = state.plan.stages[state.target].label
        headline = f"Starting: {_flags(state)} is about to be set to {first}"
        return Situation(Phase.STARTING, headline, state.attempt_started, acts=(Act.ROLL_BACK,))
    found = _live(state, state.standing, gate, now)
    if (stopped := _stopped(state, now, frozen)) is not None and found.phase in _MAY_ADVANCE:
        found = stopped
    return replace(found, acts=(*found.acts, Act.ROLL_BACK))


_MAY_ADVANCE = frozenset({Phase.HOLDING, Phase.CALENDAR_CLOSED, Phase.READY, Phase.ASKING, Phase.APPROVED})
"""What a stop from outside changes; anything else keeps the rollout where it is already."""


def _stopped(state: RolloutState, now: datetime, frozen: Freeze | None) -> Situation | None:
    """A freeze, or a change calendar, that lets nothing advance."""
    here, zone = state.reach, state.plan.zone
    if frozen is not None:
        headline = f"Holding at {here}: every rollout is frozen"
        return Situation(Phase.STOPPED, headline, frozen.at, in_zone(f"{frozen}.", zone), UNTIL_THAWED)
    if state.stop is None or now >= state.stop.until:
        return None
    again = weekday_and_minute(state.stop.until, zone)
    why, next_step = in_zone(f"{state.stop.why}.", zone), f"It is asked again {again}; rollbacks go on."
    return Situation(
        Phase.STOPPED, f"Holding at {here}: changes are closed", state.updated, why, next_step, state.stop.until
    )


# A live rollout at a stage: what keeps it from going on comes first.


def _live(state: RolloutState, standing: Standing, gate: Gate | None, now: datetime) -> Situation:
    here = state.reach
    if state.unread_since is not None:
        return _unread(state, here, state.unread_since)
    if state.drift is not None:
        return _drifted(state.drift, here, standing)
    if gate is not None and state.gate is not None and gate.id == state.gate.id:
        if gate.answer is not None:
            by = "approved" if gate.answer.decision is DecisionKind.APPROVE else "overrode the evidence"
            headline = f"{gate.answer.by} {by}: {goes_on(state)}"
            next_step = "Everything is checked once more; then it goes on within a minute, or you are told why not."
            return Situation(Phase.APPROVED, headline, gate.answer.at, next=next_step)
        if gate.kind is GateKind.APPROVAL:
            return asked_about(state, gate.question, gate.opened, gate.lapses, now)
        if gate.kind is GateKind.BLIND and not (state.latest and state.latest.asked and state.latest.at >= gate.opened):
            return _blind(state, here, gate)
    return _baking(state, standing, now)


def _unread(state: RolloutState, here: str, since: datetime) -> Situation:
    drift = state.drift
    lost = drift if drift is not None and drift.side is DriftSide.UNREAD else None
    reads = state.percent if lost or drift is None or drift.reads is None else drift.reads
    at = f", at {weekday_and_minute(state.read_at, state.plan.zone)}" if state.read_at else ""
    which = lost.flag if lost else "a flag"
    said = f" {lost.why}." if lost and lost.why else ""
    return Situation(
        Phase.UNREAD,
        f"Holding at {here}: the flag can't be read",
        since,
        why=f"Rampart can't read {which}, so it can't confirm {here}. It last read {percentage(reads)}{at}.{said}",
        next="It continues by itself once the flag can be read. To be safe, set it to 0% in Flipper by hand.",
        urgency=Urgency.PAGE,
    )


def _drifted(drift: Drift, here: str, standing: Standing) -> Situation:
    fix = f"Set it back to {percentage(drift.record)} in Flipper"
    if drift.member is not None:
        is_above = drift.side is DriftSide.ABOVE
        found = f"{str(drift.member).capitalize()} {'is let in' if is_above else 'should be let in and is not'}."
        fix = f"{'Take' if is_above else 'Let'} {drift.member} {'out' if is_above else 'in'} in Flipper"
    elif drift.reads is None:
        found = f"Expected {percentage(drift.record)}, it doesn't exist."
    else:
        found = f"Expected {percentage(drift.record)}, found {percentage(drift.reads)}."
    return Situation(
        Phase.DRIFTED,
        f"Holding at {here}: someone changed {drift.flag} outside Rampart",
        drift.since or standing.started,
        why=found,
        next=f"{fix}, or roll back.",
        urgency=Urgency.ACT,
    )


def asked_about(
    state: RolloutState, question: Question | None, opened: datetime, lapses: datetime | None, now: datetime
) -> Situation:
    """Where a rollout stands with a question open."""
    zone = state.plan.zone
    asked = question.verdict if question else Verdict.NO_DATA
    verdict = state.effective_verdict if is_fresh(state, now) else Verdict.NO_DATA
    expires = f" It expires {weekday_and_minute(lapses, zone)} and is asked again." if lapses else ""
    if asked in LETS_ON and verdict not in LETS_ON:
        why = (
            f"The evidence was {in_words(asked)} when the question was asked, and is {in_words(verdict)} now, "
            f"so an approval would be held. {_evidence(state, verdict)}"
        )
        return Situation(Phase.ASKING, _question(state), opened, why.strip(), f"Wait.{expires}", lapses)
    passes = verdict in LETS_ON
    return Situation(
        Phase.ASKING,
        _question(state),
        opened,
        why=_all_pass(state) if verdict is Verdict.PASS else _evidence(state, verdict),
        next=("Approve, or roll back." if passes else "Override with a note, wait, or roll back.") + expires,
        until=lapses,
        acts=(Act.APPROVE if passes else Act.OVERRIDE,),
        urgency=Urgency.ACT,
    )


def _all_pass(state: RolloutState) -> str:
    """That everything passes; what is only tried out, and does not, takes nothing from it and is named."""
    others = [
        f"{name} ({in_words(verdict)})" for name, verdict in state.tried_out.items() if verdict is not Verdict.PASS
    ]
    return f"All criteria that decide pass. Only tried out: {', '.join(others)}." if others else "All criteria pass."


def _blind(state: RolloutState, here: str, gate: Gate) -> Situation:
    since = state.latest.at if state.latest and not state.latest.asked else gate.opened
    return Situation(
        Phase.BLIND,
        f"Holding at {here}: nothing can be judged",
        since,
        why=_evidence(state, Verdict.ERROR) or "Evaluations stopped.",
        next="It continues by itself when evaluations are back. Fix the cause, override with a note, or roll back.",
        acts=(Act.OVERRIDE,),
        urgency=Urgency.PAGE,
    )


def _baking(state: RolloutState, standing: Standing, now: datetime) -> Situation:
    here, zone = state.reach, state.plan.zone
    if state.latest is not None and not (state.latest.asked and is_fresh(state, now)):
        why = _evidence(state, Verdict.ERROR) or f"The last evaluation was {weekday_and_minute(state.latest.at, zone)}."
        return Situation(
            Phase.UNJUDGED,
            f"Holding at {here}: the evidence can't be read",
            state.latest.at,
            why,
            "It continues by itself when evaluations are back; alerts still roll it back meanwhile.",
        )
    if state.effective_verdict is Verdict.FAIL:
        why = _evidence(state, Verdict.FAIL)
        headline, what = (
            f"Holding at {here}: the evidence fails",
            "Fix it, override with a note when asked, or roll back.",
        )
        return Situation(Phase.FAILING, headline, standing.started, why, what, urgency=Urgency.ACT)
    why = "" if state.latest is None or state.latest.verdict is Verdict.PASS else _evidence(state, state.latest.verdict)
    if not is_hold_over(state, now):
        ends = weekday_and_minute(standing.hold_ends, zone)
        headline = f"Holding at {here} until {ends} ({length(standing.hold_ends - now)} left)"
        return Situation(Phase.HOLDING, headline, standing.started, why, _then(state), standing.hold_ends)
    if not state.is_at_end and not state.plan.calendar.is_open(now, zone):
        opens = state.plan.calendar.next_opening(now, zone)
        headline = f"Holding at {here} until the calendar opens {weekday_and_minute(opens, zone)}"
        return Situation(Phase.CALENDAR_CLOSED, headline, standing.hold_ends, why, _then(state), opens)
    return Situation(Phase.READY, f"Holding at {here}: the hold is over", standing.hold_ends, why, _then(state))


# A rollout that is over.


def _rolling_back(state: RolloutState) -> Situation:
    return Situation(
        Phase.ROLLING_BACK,
        f"ROLLING BACK {reached(state)} → 0%: not verified yet",
        state.halted_at or state.updated,
        why=f"{_cause(state)} {state.undone}.".strip() if state.undone else _cause(state),
        next=f"Rampart keeps trying. Until then users are exposed: set {_flags(state)} to 0% in Flipper by hand.",
        acts=(Act.ROLL_BACK,),
        urgency=Urgency.PAGE,
    )


def _rolled_back(state: RolloutState) -> Situation:
    return Situation(
        Phase.ROLLED_BACK,
        f"Rolled back {reached(state)} → 0%",
        state.halted_at or state.updated,
        why=_cause(state),
        next="Fix the cause, then resume or abandon.",
        acts=(Act.RESUME, Act.ABANDON),
        urgency=Urgency.ACT,
    )


def _completed(state: RolloutState) -> Situation:
    if state.remains is not None and state.remains.gone:
        next_step = f"{_flags(state)} is gone: nothing is left to do."
    else:
        next_step = f"Rampart no longer manages {_flags(state)}. {CLEANUP_STEPS}"
    why = "; ".join(state.evidence_in_words.values())
    at = f"Complete at {state.reach}"
    return Situation(Phase.COMPLETED, at, state.updated, f"{why}." if why else "", next_step)


def _abandoned(state: RolloutState) -> Situation:
    next_step = f"Rampart no longer manages {_flags(state)}; another rollout may use it."
    return Situation(Phase.ABANDONED, "Abandoned: set to 0%", state.halted_at or state.updated, next=next_step)


_OVER: dict[Status, Callable[[RolloutState], Situation]] = {
    Status.HALTED: _rolling_back,
    Status.ROLLED_BACK: _rolled_back,
    Status.COMPLETED: _completed,
    Status.ABANDONED: _abandoned,
}


# Parts of sentences.


def reached(state: RolloutState) -> str:
    """Whom the flags let in before a rollback, as far as the record tells: those of its stage."""
    if state.standing is None:
        return percentage(0)
    return (
        percentage(state.standing.percent) if state.standing.percent else state.plan.stages[state.standing.stage].reach
    )


def goes_on(state: RolloutState) -> str:
    """What an answer lets a rollout do next."""
    if state.is_at_end:
        return f"finishing at {state.reach}"
    return f"advancing to {state.plan.stages[state.next_stage].label}"


def _moving(state: RolloutState, intent: Intent) -> str:
    """That an advance is under way."""
    stage = state.plan.stages[intent.stage]
    doing, how = ("Turning", "") if stage.fully_on else ("Opening", "for ") if stage.members else ("Setting", "to ")
    return f"{doing} {_flags(state)} {how}{stage.reach}"


def _question(state: RolloutState) -> str:
    if state.is_at_end:
        return f"Waiting for approval to finish at {state.reach}"
    return f"Waiting for approval: {state.reach} → {state.plan.stages[state.next_stage].label}"


def _then(state: RolloutState) -> str:
    """What comes after the hold."""
    goes = "it finishes" if state.is_at_end else f"it advances to {state.plan.stages[state.next_stage].label}"
    return f"Then {goes} by itself." if advances_alone(state) else f"Then a person is asked before {goes}."


def _evidence(state: RolloutState, verdict: str) -> str:
    """What the criteria say that stand in the way with this verdict, or with any but a pass where none has it."""
    said, verdicts, waived = state.evidence_in_words, state.verdicts, state.waived
    mine = [n for n, v in verdicts.items() if v == verdict and n not in waived]
    names = mine or [n for n, v in verdicts.items() if v is not Verdict.PASS and n not in waived]
    return "; ".join(said.get(name, name) for name in names) + "." if names else ""


def _cause(state: RolloutState) -> str:
    if state.halted_by is None:
        return ""
    by = "" if state.halted_by.by == "rampart" else f" ({state.halted_by.by})"
    return f"{state.halted_by.reason[:1].upper()}{state.halted_by.reason[1:]}{by}."


def _flags(state: RolloutState) -> str:
    return ", ".join(state.plan.flags)
