"""Advance a rollout's flags to the next stage, with an answer that still holds; nothing else raises a flag."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from rampart.errors import ConflictError, FlagStoreError, FlagUnconfirmedError
from rampart.evidence.criteria import ReportedCriterion
from rampart.evidence.limits import judge_reported
from rampart.evidence.verdict import Verdict
from rampart.plan.model import Approval
from rampart.ports import Clock, FlagStore, MetricSource, Pace, RolloutStore
from rampart.rollout.lower import USUAL_PACE, for_each, lower
from rampart.rollout.state import (
    CLOSED,
    Answer,
    DecisionKind,
    Event,
    EventKind,
    Gate,
    GateKind,
    Intent,
    Override,
    RolloutState,
    Status,
)

_START = "start"
"""Stands for the gate of an attempt's first stage, whose approval is the start itself."""


class Outcome(StrEnum):
    """How an advance ended; the state machine branches on it."""

    ADVANCED = "advanced"
    """The flags were read at the stage's percentage."""
    STALE = "stale"
    """The approval does not hold any more; evidence is gathered and people are asked again."""
    HALTED = "halted"
    """The attempt is over; the flags were made sure to be at 0%."""
    COMPLETED = "completed"
    """The last stage is done; the flags are free."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why an answer is not acted on."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """The use case with its ports."""

    store: RolloutStore
    flags: FlagStore
    metrics: MetricSource
    clock: Clock
    pace: Pace = USUAL_PACE

    def __call__(self, *, rollout: str, attempt: int, execution: str, gate: str | None) -> dict[str, Any]:
        """Go one stage up, or complete; `gate` is the id of the gate whose answer allows it, None for the first stage.

        Raises FlagStoreError when the flags cannot be moved (the caller tries again) and StoreError.
        """
        wanted = gate or _START
        for _ in range(self.pace.read_back):
            state = self.store.state(rollout)
            if state is not None and _is_done(state, attempt, execution, wanted):
                return _outcome(_DONE[state.status], state)
            if state is None or not _is_mine(state, attempt, execution):
                return self._halted(state, attempt, execution)
            try:
                return self._step(state, gate, wanted)
            except ConflictError:
                continue  # a tick wrote in between: look again
        raise ConflictError(f"{rollout}: the record kept changing while the advance was prepared")

    def _step(self, state: RolloutState, gate_id: str | None, wanted: str) -> dict[str, Any]:
        now = self.clock.now()
        if state.intent is not None and state.intent.gate == wanted:
            # A repetition of an advance that was cut off; the intent stands for as long as anybody may still write.
            if _has_turned(state, state.intent):
                return self._take_back(state, now)
            again = state.moved(now, intent=state.intent.model_copy(update={"at": now}), cut_off=now)
            self.store.commit(state, again)
            return self._raise_flags(again)
        gate = self.store.gate(state.rollout) if gate_id else None
        permitted = permit(state, gate_id, gate, now)
        is_end = state.next_stage == len(state.plan.stages)
        if is_end and not isinstance(permitted, _Refusal):
            permitted = self._away_from_record(state) or permitted
        if isinstance(permitted, _Refusal):
            if state.gate is not None and state.gate.id == gate_id:  # a repetition tells nothing twice
                return self._hold(state.moved(now), state, permitted.why, now)
            return _outcome(Outcome.STALE, state) | {"why": permitted.why}
        answered = gate_id if gate is not None and gate.kind is GateKind.APPROVAL else None
        if is_end:
            return self._complete(state, answered, wanted, now)
        percent = state.plan.stages[state.next_stage].percent
        intent = Intent(gate=wanted, stage=state.next_stage, percent=percent, at=now)
        after = state.moved(now, intent=intent, overrides=permitted)
        self.store.commit(state, after, answered=answered)
        return self._raise_flags(after)

    def _raise_flags(self, state: RolloutState) -> dict[str, Any]:
        intent = state.intent
        if intent is None:  # `_step` only comes here with one
            raise ConflictError(f"{state.rollout}: there is no advance to go on with")
        names = state.plan.flags
        for_each(names, lambda name: self.flags.set_percentage(name, intent.percent))
        # Whatever gate lets people in.
        for flag, exposure in zip(names, for_each(names, lambda name: self.flags.read(name).exposure), strict=True):
            if exposure != intent.percent:
                raise FlagUnconfirmedError(
                    f"{flag} was set to {intent.percent:g}% but reads {exposure:g}%; it will be tried again"
                )
        return self._commit(state, intent)

    def _take_back(self, state: RolloutState, now: datetime) -> dict[str, Any]:
        """Go down to the stage before again: it has failed since this advance was begun."""
        for flag in state.plan.flags:
            if self.flags.read(flag).percent > state.percent:
                self.flags.set_percentage(flag, state.percent)
            exposure = self.flags.read(flag).exposure
            if exposure > state.percent:
                raise FlagUnconfirmedError(f"{flag} was set to {state.percent:g}% but reads {exposure:g}%")
        # What the run before this one wrote may land late; a tick sees it then.
        after = state.moved(now, intent=None, cut_off=now)
        return self._hold(after, state, "the newest evaluation says fail", now)

    def _commit(self, state: RolloutState, intent: Intent) -> dict[str, Any]:
        for _ in range(self.pace.read_back):
            now = self.clock.now()
            stage = state.plan.stages[intent.stage]
            after = state.moved(
                now,
                stage=intent.stage,
                percent=intent.percent,
                stage_started=now,
                hold_ends=state.plan.calendar.end_of_hold(now, stage.hold, state.plan.zone),
                intent=None,
                latest=None,
                gate=None,
                drift=None,
                unread_since=None,
                passed_gate=intent.gate,
            )
            message = f"{_flags(state)} read at {intent.percent:g}%" + (f": {stage.name}" if stage.name else "")
            try:
                self.store.commit(state, after, events=[_event(after, now, EventKind.ADVANCED, message)])
            except ConflictError:
                current = self.store.state(state.rollout)
                if current is None or not _is_mine(current, state.attempt, state.execution):
                    return self._halted(current, state.attempt, state.execution, mine=intent)
                if current.intent != intent:
                    return _outcome(Outcome.ADVANCED, current)  # another run of this very advance was faster
                state = current  # a tick wrote in between; the intent still stands
                continue
            return _outcome(Outcome.ADVANCED, after)
        raise ConflictError(f"{state.rollout}: the record kept changing while the advance was recorded")

    def _away_from_record(self, state: RolloutState) -> _Refusal | None:
        """Why the rollout may not end: a flag is not where it is said to stay. What is raised is read back anyway."""
        for flag in state.plan.flags:
            try:
                exposure = self.flags.read(flag).exposure
            except FlagStoreError as error:
                return _Refusal(f"the flag cannot be read: {error}")
            if exposure != state.percent:
                return _Refusal(f"{flag} reads {exposure:g}%, not {state.percent:g}%")
        return None

    def _complete(self, state: RolloutState, answered: str | None, wanted: str, now: datetime) -> dict[str, Any]:
        after = state.moved(
            now, status=Status.COMPLETED, gate=None, passed_gate=wanted, watch_until=now + state.plan.watch
        )
        told = f"{_flags(state)} stays at {state.percent:g}% of actors: the rollout is complete"
        event = _event(after, now, EventKind.COMPLETED, told)
        self.store.commit(state, after, events=[event], answered=answered, release=True)
        return _outcome(Outcome.COMPLETED, after)

    def _halted(
        self, state: RolloutState | None, attempt: int, execution: str, mine: Intent | None = None
    ) -> dict[str, Any]:
        """This attempt is over: what it may have raised comes down, unless a newer attempt holds the flags."""
        if state is None or state.status in CLOSED or state.attempt != attempt or state.execution != execution:
            return {"outcome": Outcome.HALTED.value, "attempt": attempt}
        lower(self.flags, state.plan.flags, self.pace)
        if state.intent is not None and state.intent == mine:  # what another run may still write, time must settle
            # Whoever writes first sees the intent and looks at the flag again.
            with suppress(ConflictError):
                self.store.commit(state, state.moved(self.clock.now(), intent=None))
        return _outcome(Outcome.HALTED, state)

    def _hold(self, after: RolloutState, before: RolloutState, why: str, now: datetime) -> dict[str, Any]:
        event = _event(before, now, EventKind.HELD, f"not advanced: {why}; it is asked again")
        self.store.commit(before, after.model_copy(update={"gate": None}), events=[event])
        return _outcome(Outcome.STALE, before) | {"why": why}


def permit(
    state: RolloutState, gate_id: str | None, gate: Gate | None, now: datetime
) -> tuple[Override, ...] | _Refusal:
    """The overrides with which the next stage may begin, or why it may not."""
    plan = state.plan
    if gate_id is None:  # `prepare` has just seen the calendar open
        return () if state.stage is None else _Refusal("only an attempt's first stage needs no gate")
    if not plan.calendar.is_open(now, plan.zone) and state.next_stage < len(plan.stages):
        return _Refusal(f"the calendar is closed until {plan.calendar.next_opening(now, plan.zone):%Y-%m-%d %H:%M %Z}")
    if gate is None or gate.id != gate_id or (gate.attempt, gate.stage) != (state.attempt, state.stage):
        return _Refusal("the answer belongs to another gate")
    if state.drift is not None:
        return _Refusal(f"the flag is {state.drift}")
    overrides = _answered(state, gate) if gate.kind is GateKind.APPROVAL else _unasked(state, gate, now)
    return overrides if isinstance(overrides, _Refusal) else _with_fresh_pass(state, overrides, now)


def _has_turned(state: RolloutState, intent: Intent) -> bool:
    """Whether the stage that is to be left has failed since an advance was begun; an override may cover that."""
    is_newer = state.latest is not None and state.latest.at > intent.at
    return is_newer and state.effective_verdict(state.stage or 0) is Verdict.FAIL


def _answered(state: RolloutState, gate: Gate) -> tuple[Override, ...] | _Refusal:
    """The overrides after a person's answer, or why it is none that advances."""
    if gate.answer is None or gate.answer.decision not in (DecisionKind.APPROVE, DecisionKind.OVERRIDE):
        return _Refusal("nobody approved at this gate")
    if gate.answer.decision is DecisionKind.OVERRIDE:
        return (*state.overrides, override_of(state, gate, gate.answer))
    unreported = missing_reports(state, gate.answer)
    return state.overrides if unreported is None else _Refusal(unreported)


def _unasked(state: RolloutState, gate: Gate, now: datetime) -> tuple[Override, ...] | _Refusal:
    """The overrides where nobody was asked, or why somebody must be; the machine's word alone moves nothing."""
    if gate.kind is not GateKind.BAKE or state.hold_ends is None or now < state.hold_ends:
        return _Refusal("the hold is not over")
    return state.overrides if advances_alone(state) else _Refusal("a person's approval is needed")


def _with_fresh_pass(
    state: RolloutState, overrides: tuple[Override, ...], now: datetime
) -> tuple[Override, ...] | _Refusal:
    if state.latest is None or now - state.latest.at > stale_after(state):
        return _Refusal("the newest evaluation is too old")
    waiving = state.model_copy(update={"overrides": overrides})
    verdict = waiving.effective_verdict(state.stage or 0)
    if verdict is not Verdict.PASS:
        return _Refusal(f"the newest evaluation says {verdict.value}")
    return overrides


def stale_after(state: RolloutState) -> timedelta:
    """The age from which an evaluation is no ground for an advance: two looks, and a minute for the tick."""
    return 2 * state.plan.look_every + timedelta(minutes=1)


def advances_alone(state: RolloutState) -> bool:
    """Whether what comes next needs no person: a stage without approval, or the end, when every criterion passes.

    What a person waived has not passed, and neither has what only a person can report.
    """
    if state.reported_criteria or state.latest is None or state.latest.verdict is not Verdict.PASS:
        return False
    at_end = state.next_stage == len(state.plan.stages)
    return at_end or state.plan.stages[state.next_stage].approval is Approval.NONE


def missing_reports(state: RolloutState, answer: Answer) -> str | None:
    """Why the reported numbers do not pass, in words; None when they do. Missing means not passed."""
    waived = state.waived(state.stage or 0)
    judgements = (
        judge_reported(ReportedCriterion(name=name, at_most=bar), answer.reported.get(name))
        for name, bar in state.reported_criteria.items()
        if name not in waived
    )
    return next((each.message for each in judgements if each.verdict is not Verdict.PASS), None)


def override_of(state: RolloutState, gate: Gate, answer: Answer) -> Override:
    """What an override waives: every criterion that its gate showed as not passing, through the next stage."""
    unmet = gate.question.unmet if gate.question else ()
    criteria = tuple(dict.fromkeys((*unmet, *state.reported_criteria)))
    return Override(criteria=criteria, by=answer.by, note=answer.note, through_stage=state.next_stage)


_DONE = {Status.LIVE: Outcome.ADVANCED, Status.COMPLETED: Outcome.COMPLETED}


def _is_done(state: RolloutState, attempt: int, execution: str, wanted: str) -> bool:
    """Whether this is a repetition of an advance that was recorded."""
    mine = state.attempt == attempt and state.execution == execution
    return mine and state.status in _DONE and state.passed_gate == wanted


def _is_mine(state: RolloutState, attempt: int, execution: str) -> bool:
    return state.status is Status.LIVE and state.attempt == attempt and state.execution == execution


def _flags(state: RolloutState) -> str:
    return ", ".join(state.plan.flags)


def _event(state: RolloutState, now: datetime, kind: EventKind, message: str) -> Event:
    return Event(
        at=now,
        kind=kind,
        rollout=state.rollout,
        attempt=state.attempt,
        stage=state.stage,
        percent=state.percent,
        message=message,
        details={"gate": state.passed_gate} if state.passed_gate else {},
    )


def _outcome(outcome: Outcome, state: RolloutState) -> dict[str, Any]:
    return {
        "outcome": outcome.value,
        "rollout": state.rollout,
        "attempt": state.attempt,
        "stage": state.stage,
        "percent": state.percent,
    }
