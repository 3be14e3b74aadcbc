"""Advance a rollout's flags to the next stage, with an answer that still holds; nothing else raises a flag."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from rampart.errors import ConflictError, FlagStoreError, FrozenError
from rampart.evidence.verdict import Verdict
from rampart.rollout.audience import missing, wanted_at
from rampart.rollout.climb import climb, step_down
from rampart.rollout.drift import Drift
from rampart.rollout.event import Event, EventKind
from rampart.rollout.freeze import NO_CALENDARS, ChangeCalendars, stop_of
from rampart.rollout.gate import Gate, GateKind
from rampart.rollout.guards import NOBODY_TO_ASK, judge_monitors
from rampart.rollout.lower import USUAL_TRIES, for_each, look, look_at_all, lower
from rampart.rollout.permission import Refusal, has_turned, is_waived, permit
from rampart.rollout.ports import Clock, FlagStore, MonitorSource, RolloutStore
from rampart.rollout.sight import astray
from rampart.rollout.state import CLOSED, Intent, RolloutState, Standing, Status, Stop
from rampart.rollout.waiver import Override

_START = "start"
"""Stands for the gate of an attempt's first stage, whose approval is the start itself."""


class AdvanceOutcome(StrEnum):
    """How an advance ended; the state machine branches on it."""

    ADVANCED = "advanced"
    """The flags were read at the stage's percentage."""
    STALE = "stale"
    """The approval does not hold any more; evidence is gathered and people are asked again."""
    HALTED = "halted"
    """The attempt is over; the flags were made sure to be at 0%."""
    COMPLETED = "completed"
    """The last stage is done; the flags are free."""
    ASTRAY = "astray"
    """Before the first stage a flag is not at 0%, or gone, or every advance is frozen: it ends before it began."""


@dataclass(frozen=True, slots=True)
class AdvanceResult:
    """How an advance ended, where the rollout then stood by its record, and why it did not move."""

    outcome: AdvanceOutcome
    attempt: int
    stage: int | None = None
    percent: float | None = None
    why: str | None = None

    @classmethod
    def of(cls, outcome: AdvanceOutcome, state: RolloutState, why: str | None = None) -> AdvanceResult:
        """How an advance of this rollout ended."""
        return cls(outcome, state.attempt, state.stage, state.percent, why)

    def to_wire(self) -> dict[str, Any]:
        """The answer as the state machine `rollout` reads it."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """The use case with its ports."""

    store: RolloutStore
    flags: FlagStore
    metrics: MonitorSource = NOBODY_TO_ASK
    calendars: ChangeCalendars = NO_CALENDARS
    clock: Clock
    tries: int = USUAL_TRIES

    def __call__(self, *, rollout: str, attempt: int, execution: str, gate: str | None) -> AdvanceResult:
        """Go one stage up, or complete; `gate` is the id of the gate whose answer allows it, None for the first stage.

        Raises FlagStoreError when the flags cannot be moved (the caller tries again) and StoreError.
        """
        wanted = gate or _START
        for _ in range(self.tries):
            state = self.store.state(rollout)
            if state is not None and _is_done(state, attempt, execution, wanted):
                return AdvanceResult.of(_DONE[state.status], state)
            if state is None or not _is_mine(state, attempt, execution):
                return self._halted(state, attempt, execution)
            try:
                if state.intent is not None and state.intent.gate == wanted:
                    return self._again(state, state.intent)
                return self._step(state, gate, wanted)
            except ConflictError:
                continue  # a tick wrote in between: look again
        raise ConflictError(f"{rollout}: the record kept changing while the advance was prepared")

    def _again(self, state: RolloutState, intent: Intent) -> AdvanceResult:
        """Repeat an advance that was cut off; the intent stands for as long as anyone may still write."""
        now = self.clock.now()
        if has_turned(state, intent):
            return self._take_back(state, intent, "the newest evaluation says fail", now)
        if state.drift is not None:
            return self._take_back(state, intent, f"{state.drift}", now)
        unguarded = self._unguarded(state, now)
        if unguarded is not None:
            return self._take_back(state, intent, unguarded.why, now)
        begun = intent.changed(at=now)
        again = state.moved(now, intent=begun, cut_off=now)
        try:
            self.store.commit(state, again, unless_frozen=True)
        except FrozenError as frozen:
            return self._take_back(state, intent, str(frozen), now)
        return self._raise_flags(again, begun)

    def _step(self, state: RolloutState, gate_id: str | None, wanted: str) -> AdvanceResult:
        now = self.clock.now()
        gate = self.store.gate(state.rollout) if gate_id else None
        permitted = self._permitted(state, gate_id, gate, now)
        if isinstance(permitted, Refusal):
            return self._refused(state, gate_id, permitted.why, now)
        answered = gate_id if gate is not None and gate.kind is not GateKind.BAKE else None
        if state.is_at_end:
            return self._complete(state, answered, wanted, now)
        stop = stop_of(self.calendars, now) if state.standing is not None else None
        if stop is not None:  # for the first stage they were asked at the start
            return self._refused(state, gate_id, stop.why, now, stop)
        intent = self._intent(state, wanted, now)
        after = state.moved(now, intent=intent, overrides=permitted)
        try:
            self.store.commit(state, after, answered=answered, unless_frozen=True)
        except FrozenError as frozen:
            return self._refused(state, gate_id, str(frozen), now)
        return self._raise_flags(after, intent)

    def _intent(self, state: RolloutState, wanted: str, now: datetime) -> Intent:
        """What the next step writes; those who are let in by name already are another's, and are left to it."""
        stage = state.next_stage
        members = wanted_at(state.plan, stage)
        readings = for_each(state.plan.flags, lambda name: look(self.flags, name)) if members else ()
        opens = missing(readings, members)
        return Intent(gate=wanted, stage=stage, percent=state.plan.stages[stage].exposure, at=now, opens=opens)

    def _refused(
        self, state: RolloutState, gate_id: str | None, why: str, now: datetime, stop: Stop | None = None
    ) -> AdvanceResult:
        if state.standing is None and gate_id is None:  # there is no stage to be held yet
            return AdvanceResult.of(AdvanceOutcome.ASTRAY, state, why)
        if state.gate is not None and state.gate.id == gate_id:  # a repetition tells nothing twice
            return self._hold(state, state.moved(now, gate=None, stop=stop), why, gate_id)
        return AdvanceResult.of(AdvanceOutcome.STALE, state, why)

    def _permitted(
        self, state: RolloutState, gate_id: str | None, gate: Gate | None, now: datetime
    ) -> tuple[Override, ...] | Refusal:
        """The overrides with which the next step may be made, or why it may not: by its answer, and as things are."""
        permitted = permit(state, gate_id, gate, now)
        if isinstance(permitted, Refusal):
            return permitted
        away = self._away_from_record(state, now) if state.is_at_end else None
        return away or self._unguarded(state.moved(now, overrides=permitted), now) or permitted

    def _raise_flags(self, state: RolloutState, intent: Intent) -> AdvanceResult:
        strayed = climb(self.flags, state, intent, self.clock.now())
        if strayed is not None:
            return self._take_back(state, intent, f"{strayed}", self.clock.now(), strayed)
        return self._commit(state, intent)

    def _take_back(
        self, state: RolloutState, intent: Intent, why: str, now: datetime, strayed: Drift | None = None
    ) -> AdvanceResult:
        """Give an advance up: what it raised goes down to the stage before, what another writer did stays."""
        step_down(self.flags, state, intent)
        # What the run before this one wrote may land late; a tick sees it then.
        after = state.moved(
            now,
            intent=None,
            cut_off=state.cut_off if strayed else now,  # only a run before this one can have written
            own_write=state.written(now, intent.percent),
            opened=state.openings,
            drift=strayed if strayed and state.standing else state.drift,
            gate=None if state.standing else state.gate,
        )
        told = [state.event(now, EventKind.DRIFTED, f"{strayed}", gate=intent.gate)] if strayed else []
        if state.standing is None:  # there is no stage to be held yet: the attempt ends before it began
            self.store.commit(state, after, events=told)
            return AdvanceResult.of(AdvanceOutcome.ASTRAY, state, why)
        return self._hold(state, after, why, intent.gate, told)

    def _commit(self, state: RolloutState, intent: Intent) -> AdvanceResult:
        for _ in range(self.tries):
            now = self.clock.now()
            after, event = _advanced(state, intent, now)
            try:
                self.store.commit(state, after, events=[event])
            except ConflictError:
                current = self.store.state(state.rollout)
                if current is not None and _is_done(current, state.attempt, state.execution, intent.gate):
                    return AdvanceResult.of(_DONE[current.status], current)  # another run of this was faster
                if current is None or not _is_mine(current, state.attempt, state.execution):
                    return self._halted(current, state.attempt, state.execution, mine=intent)
                if current.intent != intent:
                    return AdvanceResult.of(AdvanceOutcome.ADVANCED, current)
                state = current  # a tick wrote in between; the intent still stands
                continue
            return AdvanceResult.of(AdvanceOutcome.ADVANCED, after)
        raise ConflictError(f"{state.rollout}: the record kept changing while the advance was recorded")

    def _away_from_record(self, state: RolloutState, now: datetime) -> Refusal | None:
        """Why the rollout may not end: a flag is not where it is said to stay. What is raised is looked at anyway."""
        found = look_at_all(self.flags, state.plan.flags)
        unread = next((each for each in found if isinstance(each, FlagStoreError)), None)
        if unread is not None:
            return Refusal(f"the flag cannot be read: {unread}")
        strayed = astray(state, found, now)
        return None if strayed is None else Refusal(f"{strayed}")

    def _unguarded(self, state: RolloutState, now: datetime) -> Refusal | None:
        """Why the plan's monitors, as they are now, forbid a step; for the first one they were asked at the start."""
        if state.standing is None:
            return None
        judged = judge_monitors(self.metrics, state.plan, now, since=state.standing.started)
        unmet = (each for each in judged if each.verdict is not Verdict.PASS and not is_waived(each, state))
        return next((Refusal(each.message) for each in unmet), None)

    def _complete(self, state: RolloutState, answered: str | None, wanted: str, now: datetime) -> AdvanceResult:
        after, event = _completed(state, wanted, now)
        self.store.commit(state, after, events=[event], answered=answered, release=True)
        return AdvanceResult.of(AdvanceOutcome.COMPLETED, after)

    def _halted(
        self, state: RolloutState | None, attempt: int, execution: str, mine: Intent | None = None
    ) -> AdvanceResult:
        """This attempt is over: what it may have raised comes down, unless a newer attempt holds the flags."""
        if state is None or state.status in CLOSED or state.attempt != attempt or state.execution != execution:
            return AdvanceResult(AdvanceOutcome.HALTED, attempt)
        lower(self.flags, state.plan.flags, self.tries, (*state.openings, *(mine.opens if mine else ())))
        if state.intent is not None and state.intent == mine:  # what another run may still write, time must settle
            # The run that wrote first sees the intent and reads the flag again.
            with suppress(ConflictError):
                self.store.commit(state, state.moved(self.clock.now(), intent=None, opened=state.openings))
        return AdvanceResult.of(AdvanceOutcome.HALTED, state)

    def _hold(
        self, before: RolloutState, after: RolloutState, why: str, gate: str, told: Sequence[Event] = ()
    ) -> AdvanceResult:
        event = before.event(after.updated, EventKind.HELD, f"not advanced: {why}; you will be asked again", gate=gate)
        self.store.commit(before, after, events=[*told, event])
        return AdvanceResult.of(AdvanceOutcome.STALE, before, why)


_DONE = {Status.LIVE: AdvanceOutcome.ADVANCED, Status.COMPLETED: AdvanceOutcome.COMPLETED}


def _is_done(state: RolloutState, attempt: int, execution: str, wanted: str) -> bool:
    """Whether this is a repetition of an advance that was recorded."""
    mine = state.attempt == attempt and state.execution == execution
    return mine and state.status in _DONE and state.passed_gate == wanted


def _is_mine(state: RolloutState, attempt: int, execution: str) -> bool:
    return state.status is Status.LIVE and state.attempt == attempt and state.execution == execution


def _completed(state: RolloutState, gate: str, now: datetime) -> tuple[RolloutState, Event]:
    """The record of a rollout whose flags stay where they are, and what is told."""
    after = state.moved(now, status=Status.COMPLETED, gate=None, passed_gate=gate, watch_until=now + state.plan.watch)
    at = state.at if state.is_fully_on else f"{state.at} of actors"
    told = f"{_flags(state)} stays {at}: the rollout is complete"
    return after, after.event(now, EventKind.COMPLETED, told, gate=gate)


def _advanced(state: RolloutState, intent: Intent, now: datetime) -> tuple[RolloutState, Event]:
    """The record once its flags were read at the stage, of which nothing is known yet, and what is told."""
    stage = state.plan.stages[intent.stage]
    hold_ends = state.plan.calendar.end_of_hold(now, stage.hold, state.plan.zone)
    after = state.moved(
        now,
        standing=Standing(stage=intent.stage, percent=intent.percent, started=now, hold_ends=hold_ends),
        intent=None,
        gate=None,
        drift=None,
        stop=None,
        unread_since=None,
        read_at=None,
        opened=state.openings,
        passed_gate=intent.gate,
        own_write=state.written(now),
    )
    name = f": {stage.name}" if stage.name else ""
    told = f"{_flags(state)} is {after.at} (verified){name}"
    return after, after.event(now, EventKind.ADVANCED, told, gate=intent.gate)


def _flags(state: RolloutState) -> str:
    return ", ".join(state.plan.flags)
