"""Evaluate one rollout: look at the flag and the evidence, write the evaluation, answer or keep alive the gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rampart.errors import ConflictError, FlagStoreError, GateClosedError, GateError
from rampart.evidence import RULE_VERSION
from rampart.evidence.criteria import Judgement, ReportedCriterion, judge
from rampart.evidence.series import Measured, Series, to_stored
from rampart.evidence.verdict import Verdict, worst
from rampart.evidence.window import Window
from rampart.plan.model import OnFail, Plan
from rampart.plan.queries import criteria_of, measured_for, queries_of
from rampart.plan.window import judged_window
from rampart.ports import Clock, FlagStore, Gates, MetricSource, RollbackCaller, RolloutStore
from rampart.rollout.advance import advances_alone, stale_after
from rampart.rollout.drift import Sight, cause_of, exposures, sight_of
from rampart.rollout.request import Cause, RollbackRequest, raised_again
from rampart.rollout.state import (
    DOWN,
    Evaluation,
    Event,
    EventKind,
    GateKind,
    Latest,
    OpenGate,
    RolloutState,
    Status,
)

_MOST_SLACK = timedelta(seconds=30)
"""Half the minute between two ticks: what is nearer than that to its time is looked at now, not a minute late."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one tick did for one rollout, for the log."""

    rollout: str
    did: tuple[str, ...]
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluate:
    """The use case with its ports."""

    store: RolloutStore
    flags: FlagStore
    metrics: MetricSource
    gates: Gates
    rollback: RollbackCaller
    clock: Clock

    def __call__(self, rollout: str) -> Look:
        """Look at one watched rollout once; a repetition or an overlapping look changes nothing twice.

        Raises StoreError when the record cannot be read or written.
        """
        state = self.store.state(rollout)
        if state is None:
            return Look(rollout, ("gone",))
        try:
            return self._live(state) if state.status is Status.LIVE else self._watch(state)
        except ConflictError:
            return Look(rollout, ("overtaken",))  # another tick or a rollback wrote first; the next tick sees it

    # A rollout that is over: its flags must stay where they were left.

    def _watch(self, state: RolloutState) -> Look:
        did: list[str] = []
        now = self.clock.now()
        exposed: float | None = 0.0
        if state.status in DOWN:
            exposed = self._exposure(state)
            if state.status is Status.HALTED:
                self._call(state, Cause.EXECUTION, "the rollback is not finished")
                did.append("rollback called to finish")
            elif exposed:
                self._call(state, Cause.DRIFT, raised_again(exposed), epoch=state.epoch)
                did.append("flag is up: rollback called")
        elif state.status is Status.COMPLETED:
            state, seen = self._see_completed(state, now)
            did.extend(seen)
        over = state.watch_until is not None and now >= state.watch_until
        if over and state.intent is None and exposed is not None and not did:
            self.store.commit(state, state.moved(now, watched=False))
            did.append("no longer watched")
        return Look(state.rollout, tuple(did))

    def _see_completed(self, state: RolloutState, now: datetime) -> tuple[RolloutState, tuple[str, ...]]:
        """Tell once where the flags are not as the rollout left them: a rollback may have met its very end."""
        if state.drift is not None:
            return state, ()  # the flags are free, and what becomes of them later is another's story
        drift = sight_of(state, self.flags, now).drift
        if drift is None:
            return state, ()
        after = state.moved(now, drift=drift)
        self.store.commit(state, after, events=[_drifted(state, drift, now)])
        return after, ("drift: told",)

    def _exposure(self, state: RolloutState) -> float | None:
        """The highest exposure of the flags that answer; None where none is up but one cannot be read."""
        read = exposures(state.plan.flags, self.flags)
        highest = max((each for each in read if not isinstance(each, FlagStoreError)), default=0.0)
        return highest if highest > 0 or not any(isinstance(each, FlagStoreError) for each in read) else None

    # A live rollout.

    def _live(self, state: RolloutState) -> Look:
        now = self.clock.now()
        if state.stage is None or state.stage_started is None:
            return Look(state.rollout, self._check_execution(state))
        # While an advance is moving the flags, nothing can be said of where they are.
        sight = Sight(state.drift, state.unread_since) if state.intent else sight_of(state, self.flags, now)
        drift = sight.drift
        told = [] if drift == state.drift else [_drifted(state, drift, now)]
        cause = cause_of(drift, state.plan.on_drift)
        verdict = None
        if cause is not Cause.DRIFT and _is_due(state, now):
            state = self._judge(state, sight, told, now)
            verdict = state.latest.verdict if state.latest else None
        elif told or sight.unread_since != state.unread_since:
            after = state.moved(now, drift=drift, unread_since=sight.unread_since)
            self.store.commit(state, after, events=told)
            state = after
        if _fails_hard(state):  # at each tick, for the call may have been lost
            self._call(state, Cause.EVIDENCE, _why_failed(state))
            return Look(state.rollout, ("failed: rollback called",), verdict)
        if cause is not None:
            self._call(state, cause, f"the flag is {drift}")
            return Look(state.rollout, (f"drift: {cause.value} called",), verdict)
        return Look(state.rollout, self._answer(state, now), verdict)

    def _judge(self, state: RolloutState, sight: Sight, told: Sequence[Event], now: datetime) -> RolloutState:
        """Ask for the evidence, judge it, and write the evaluation with what else this look found, in one commit."""
        window = window_of(state, now)
        queries = queries_of(state.plan)
        answers: Mapping[str, Measured]
        if window.end > window.start:
            answers = self.metrics.read(queries, start=window.start, end=window.end, bucket=window.bucket)
        else:
            answers = {key: Series(()) for key in queries}  # the stage is younger than its settling time
        judgements = judge_all(state.plan, answers, window, share=state.percent / 100)
        verdict = worst(j.verdict for j in judgements)
        evaluation = Evaluation(
            id=f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
            at=now,
            rollout=state.rollout,
            attempt=state.attempt,
            stage=state.stage or 0,
            percent=state.percent,
            window=(window.start, window.end, window.bucket, window.planned_buckets),
            verdict=verdict,
            judgements=tuple(j.to_dict() for j in judgements),
            evidence={key: to_stored(measured) for key, measured in answers.items()},
            plan_hash=state.plan_hash,
            rule_version=RULE_VERSION,
        )
        latest = Latest(
            id=evaluation.id,
            at=now,
            verdict=verdict,
            verdicts={j.name: j.verdict for j in judgements},
            messages={j.name: j.message for j in judgements},
        )
        after = state.moved(now, latest=latest, drift=sight.drift, unread_since=sight.unread_since)
        events = list(told)
        if state.latest is None or state.latest.verdict is not verdict:
            events.append(_event(after, now, EventKind.VERDICT_CHANGED, _say(verdict, judgements)))
        if _sight_is_back(after) and not _sight_is_back(state):
            events.append(_event(after, now, EventKind.SIGHTED, "evaluations are back"))
        self.store.commit(state, after, events=events, evaluation=evaluation)
        return after

    # The gate.

    def _answer(self, state: RolloutState, now: datetime) -> tuple[str, ...]:
        gate = state.gate
        if gate is None:
            return self._check_execution(state)
        try:
            return self._answer_gate(state, gate, now)
        except GateClosedError:
            return self._check_execution(state)
        except GateError as error:
            return (f"gate not answered: {error}",)

    def _answer_gate(self, state: RolloutState, gate: OpenGate, now: datetime) -> tuple[str, ...]:
        if gate.kind is GateKind.BLIND and _sight_is_back(state):
            self.gates.succeed(gate.token, {"outcome": "sighted"})
            return ("sight is back",)
        if gate.kind is not GateKind.BAKE or not sees(state, now):
            return self._check_execution(state)  # nothing to say at this gate, but somebody must be waiting there
        # What is asked about must have been judged while this gate was open: an answer counts for fresh evidence only.
        fresh = state.latest is not None and state.latest.at >= gate.opened
        if not fresh or not may_ask(state, now):
            self.gates.keep_alive(gate.token)
            return ("kept alive",)
        self.gates.succeed(gate.token, question(state, now))
        return ("hold is over: asked",)

    def _check_execution(self, state: RolloutState) -> tuple[str, ...]:
        """Notice an execution that died without telling: nobody would answer for the flag any more."""
        try:
            if self.gates.is_running(state.execution):
                return ()
        except GateError as error:
            return (f"execution not seen: {error}",)
        self._call(state, Cause.EXECUTION, "the rollout's execution does not run any more")
        return ("execution is dead: rollback called",)

    def _call(self, state: RolloutState, cause: Cause, reason: str, *, epoch: int | None = None) -> None:
        self.rollback.call(
            RollbackRequest(
                cause=cause,
                reason=reason,
                rollout=state.rollout,
                attempt=state.attempt,
                execution=state.execution,
                epoch=epoch,
                asked_at=self.clock.now(),
            )
        )


def _drifted(state: RolloutState, drift: str | None, now: datetime) -> Event:
    message = f"the flag is {drift}" if drift else f"the flag is at {state.percent:g}% again"
    return _event(state, now, EventKind.DRIFTED, message)


def window_of(state: RolloutState, now: datetime) -> Window:
    """The window that a look at `now` judges."""
    started, hold_ends = state.stage_started or now, state.hold_ends or now
    return judged_window(state.plan, started=started, hold_ends=hold_ends, now=now)


def judge_all(plan: Plan, answers: Mapping[str, Measured], window: Window, *, share: float) -> list[Judgement]:
    """Judge every criterion that is measured; what people report is judged when they answer."""
    return [
        judge(criterion, measured=measured_for(name, answers), window=window, share=share)
        for name, criterion in criteria_of(plan).items()
        if not isinstance(criterion, ReportedCriterion)
    ]


def sees(state: RolloutState, now: datetime) -> bool:
    """Whether evaluations work: the newest is fresh and no error. Silence is noticed by what this withholds."""
    latest = state.latest
    return latest is not None and latest.verdict is not Verdict.ERROR and now - latest.at <= stale_after(state)


def _sight_is_back(state: RolloutState) -> bool:
    """Whether a blind attempt was looked at again, since it went blind."""
    gate, latest = state.gate, state.latest
    if gate is None or latest is None or gate.kind is not GateKind.BLIND:
        return False
    return latest.at >= gate.opened and latest.verdict is not Verdict.ERROR


def may_ask(state: RolloutState, now: datetime) -> bool:
    """Whether the hold is over and the calendar is open; a drift, or a flag out of sight, holds in any case."""
    if state.hold_ends is None or now < state.hold_ends or state.drift is not None or state.unread_since is not None:
        return False
    return state.next_stage == len(state.plan.stages) or state.plan.calendar.is_open(now, state.plan.zone)


def question(state: RolloutState, now: datetime) -> dict[str, Any]:
    """The bake gate's output: go on alone, or what to ask a person, with the evidence in words."""
    stage = state.stage or 0
    verdict = state.effective_verdict(stage)
    latest = state.latest
    verdicts = latest.verdicts if latest else {}
    if verdict is Verdict.PASS and advances_alone(state):
        return {"outcome": "advance"}
    upcoming = state.next_stage
    last = upcoming == len(state.plan.stages)
    # The end raises nothing, so it may be answered at any hour.
    closes = None if last else state.plan.calendar.closes(now, state.plan.zone)
    lapses = (now + state.plan.approval_lapses).astimezone(UTC)
    lapses = min(lapses, closes) if closes else lapses
    asked = {
        "evaluation": latest.id if latest else "",
        "verdict": verdict.value,
        "unmet": [n for n, v in verdicts.items() if v is not Verdict.PASS and n not in state.waived(stage)],
        "reported": state.reported_criteria,
    }
    return {
        "outcome": "ask",
        "verdict": verdict.value,
        "evaluation": asked["evaluation"],
        "question": asked,
        "evidence": dict(latest.messages) if latest else {},
        "next": "its end" if last else state.plan.stages[upcoming].label,
        "decision": "approve" if verdict is Verdict.PASS else "override",
        "reported": dict.fromkeys(state.reported_criteria, "how many?"),
        "lapses": f"{lapses:%Y-%m-%dT%H:%M:%S}.{lapses.microsecond // 1000:03d}Z",
        "seconds": max(1, int((lapses - now).total_seconds())),
    }


def _is_due(state: RolloutState, now: datetime) -> bool:
    # Ticks come some seconds early or late: without slack, every early one would put its look off by a whole minute.
    slack = min(state.plan.look_every / 10, _MOST_SLACK)
    if state.latest is None or now - state.latest.at >= state.plan.look_every - slack:
        return True
    # A gate that opened after the last look wants fresh evidence when the hold is over.
    gate_is_newer = state.gate is not None and state.gate.opened > state.latest.at
    return gate_is_newer and may_ask(state, now)


def _fails_hard(state: RolloutState) -> bool:
    """Whether a criterion fails that rolls back and that nobody waived."""
    if state.latest is None:
        return False
    waived = state.waived(state.stage or 0)
    return any(
        verdict is Verdict.FAIL and name not in waived and state.plan.criteria[name].on_fail is OnFail.ROLL_BACK
        for name, verdict in state.latest.verdicts.items()
    )


def _why_failed(state: RolloutState) -> str:
    if state.latest is None:
        return "a criterion fails"
    return "; ".join(state.latest.messages[n] for n, v in state.latest.verdicts.items() if v is Verdict.FAIL)


def _say(verdict: Verdict, judgements: list[Judgement]) -> str:
    telling = [j.message for j in judgements if j.verdict is verdict] or [j.message for j in judgements]
    return f"{verdict.value}: {'; '.join(telling)}"


def _event(state: RolloutState, now: datetime, kind: EventKind, message: str) -> Event:
    return Event(
        at=now,
        kind=kind,
        rollout=state.rollout,
        attempt=state.attempt,
        stage=state.stage,
        percent=state.percent,
        message=message,
        details={"evaluation": state.latest.id} if state.latest else {},
    )
