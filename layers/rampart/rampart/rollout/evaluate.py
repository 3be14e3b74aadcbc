"""Evaluate one rollout: look at the flag and the evidence, write the evaluation, answer or keep alive the gate."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from rampart.errors import ConflictError, FlagStoreError, GateClosedError, GateError
from rampart.evidence import RULE_VERSION
from rampart.evidence.criteria import Judgement, judge
from rampart.evidence.series import Measured, Series
from rampart.evidence.verdict import Verdict, worst
from rampart.evidence.window import Window
from rampart.plan.model import OnFail, OnFall, OnRise, Plan, ReportedSpec
from rampart.plan.queries import criterion_of, measured_for, queries_of
from rampart.ports import Clock, FlagStore, Gates, MetricSource, RollbackCaller, RolloutStore
from rampart.rollout.advance import advances_alone, stale_after
from rampart.rollout.request import Cause, RollbackRequest
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

_MOST_BUCKETS = 1500
"""Datadog coarsens a series beyond this many points."""


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
        if state.status in DOWN:
            exposed = self._exposure(state)
            if exposed:
                self._call(state, Cause.DRIFT, f"another writer raised a rolled-back flag: it reads {exposed:g}%")
                did.append("flag is up: rollback called")
            elif state.status is Status.HALTED:
                self._call(state, Cause.EXECUTION, "the rollback is not finished")
                did.append("rollback called to finish")
        over = state.watch_until is not None and now >= state.watch_until
        if over and state.intent is None and state.status is not Status.HALTED and not did:
            self.store.commit(state, state.moved(now, watched=False))
            did.append("no longer watched")
        return Look(state.rollout, tuple(did))

    def _exposure(self, state: RolloutState) -> float:
        """The highest exposure of the flags that answer; a flag that cannot be read is looked at by the next tick."""
        exposures = [0.0]
        for flag in state.plan.flags:
            with suppress(FlagStoreError):
                exposures.append(self.flags.read(flag).exposure)
        return max(exposures)

    # A live rollout.

    def _live(self, state: RolloutState) -> Look:
        now = self.clock.now()
        if state.stage is None or state.stage_started is None:
            return Look(state.rollout, self._check_execution(state))
        drifted = self._drift(state, now)
        if drifted is not None:
            state = drifted
        if self._must_come_down(state):
            return Look(state.rollout, ("drift: rollback called",))
        if not _is_due(state, now):
            return Look(state.rollout, self._answer(state, now))
        state, verdict = self._judge(state, now)
        if _fails_hard(state):
            self._call(state, Cause.EVIDENCE, _why_failed(state))
            return Look(state.rollout, ("failed: rollback called",), verdict)
        return Look(state.rollout, self._answer(state, now), verdict)

    def _drift(self, state: RolloutState, now: datetime) -> RolloutState | None:
        """Compare flags and record; a drift is told once. None where nothing is to be written."""
        if state.intent is not None:
            return None  # an advance is moving the flags at this moment
        drift = _drift_of(state, self.flags)
        if drift == state.drift:
            return None
        message = drift or f"the flag is at {state.percent:g}% again"
        after = state.moved(now, drift=drift)
        self.store.commit(state, after, events=[_event(after, now, EventKind.DRIFTED, message)])
        return after

    def _must_come_down(self, state: RolloutState) -> bool:
        if state.drift is None:
            return False
        above = state.drift.startswith(_ABOVE)
        if above and state.plan.on_drift.above is OnRise.RESTORE:
            self._call(state, Cause.RESTORE, state.drift)
            return True
        if above or state.plan.on_drift.below is OnFall.ROLL_BACK:
            self._call(state, Cause.DRIFT, state.drift)
            return True
        return False

    def _judge(self, state: RolloutState, now: datetime) -> tuple[RolloutState, Verdict]:
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
            judgements=tuple(asdict(j) for j in judgements),
            evidence={key: as_stored(measured) for key, measured in answers.items()},
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
        after = state.moved(now, latest=latest)
        changed = state.latest is None or state.latest.verdict is not verdict
        told = [_event(after, now, EventKind.VERDICT_CHANGED, _say(verdict, judgements))] if changed else []
        self.store.commit(state, after, events=told, evaluation=evaluation)
        return after, verdict

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
        sighted = sees(state, now)
        if gate.kind is GateKind.APPROVAL or not sighted:
            return ()
        if gate.kind is GateKind.BLIND:
            self.store.commit(
                state, state.moved(now, gate=None), events=[_event(state, now, EventKind.SIGHTED, "evaluations are back")]
            )
            self.gates.succeed(gate.token, {"outcome": "sighted"})
            return ("sight is back",)
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

    def _call(self, state: RolloutState, cause: Cause, reason: str) -> None:
        self.rollback.call(
            RollbackRequest(
                cause=cause,
                reason=reason,
                rollout=state.rollout,
                attempt=state.attempt,
                execution=state.execution,
                asked_at=self.clock.now(),
            )
        )


_ABOVE = "above"
_BELOW = "below"


def _drift_of(state: RolloutState, flags: FlagStore) -> str | None:
    """Where the flags are not at the record: above wins over below; a flag that cannot be read is no drift."""
    found: dict[str, str] = {}
    for flag in state.plan.flags:
        with suppress(FlagStoreError):
            reading = flags.read(flag)
            if reading.exposure > state.percent:
                found[_ABOVE] = f"above its record of {state.percent:g}%: {flag} reads {reading.exposure:g}%"
            elif reading.exposure < state.percent:
                found[_BELOW] = f"below its record of {state.percent:g}%: {flag} reads {reading.exposure:g}%"
    return found.get(_ABOVE) or found.get(_BELOW)


def window_of(state: RolloutState, now: datetime) -> Window:
    """The judged window: from the stage's start plus `settle` up to now minus `lag`, in whole buckets."""
    plan = state.plan
    started = state.stage_started or now
    planned = (state.hold_ends or now) - started - plan.settle
    finest = max(1.0, plan.bucket.total_seconds())
    bucket = int(finest * max(1, -(-planned.total_seconds() // (finest * _MOST_BUCKETS))))
    while ((now - started).total_seconds() / bucket) > _MOST_BUCKETS:
        bucket *= 2  # waiting people can keep a stage far beyond its hold
    start = -int(-(started + plan.settle).timestamp() // bucket) * bucket
    end = int((now - plan.lag).timestamp()) // bucket * bucket
    return Window(start=start, end=max(start, end), bucket=bucket, planned_buckets=max(1, round(planned.total_seconds() / bucket)))


def judge_all(plan: Plan, answers: Mapping[str, Measured], window: Window, *, share: float) -> list[Judgement]:
    """Judge every criterion that is measured; what people report is judged when they answer."""
    return [
        judge(criterion_of(name, spec), measured=measured_for(name, answers), window=window, share=share)
        for name, spec in plan.criteria.items()
        if not isinstance(spec, ReportedSpec)
    ]


def sees(state: RolloutState, now: datetime) -> bool:
    """Whether evaluations work: the newest is fresh and no error. Silence is noticed by what this withholds."""
    latest = state.latest
    return latest is not None and latest.verdict is not Verdict.ERROR and now - latest.at <= stale_after(state)


def may_ask(state: RolloutState, now: datetime) -> bool:
    """Whether the hold is over and the calendar is open; a drift holds whatever the evidence says."""
    if state.hold_ends is None or now < state.hold_ends or state.drift is not None:
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
    closes = state.plan.calendar.closes(now, state.plan.zone)
    lapses = min(now + state.plan.approval_lapses, closes) if closes else now + state.plan.approval_lapses
    upcoming = state.next_stage
    last = upcoming == len(state.plan.stages)
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
        "next": "complete" if last else state.plan.stages[upcoming].label,
        "decision": "approve" if verdict is Verdict.PASS else "override",
        "reported": dict.fromkeys(state.reported_criteria, "how many?"),
        "lapses": f"{lapses:%Y-%m-%dT%H:%M:%S}.{lapses.microsecond // 1000:03d}Z",
        "seconds": max(1, int((lapses - now).total_seconds())),
    }


def as_stored(measured: Measured) -> dict[str, Any]:
    """Evidence as it is kept: points, or why there are none."""
    if isinstance(measured, Series):
        return {"points": [list(point) for point in measured.points]}
    return {"unavailable": measured.reason.value, "detail": measured.detail}


def _is_due(state: RolloutState, now: datetime) -> bool:
    if state.latest is None or now - state.latest.at >= state.plan.look_every:
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
