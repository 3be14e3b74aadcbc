"""Evaluate one rollout: look at the flag and the evidence, write the evaluation, answer or keep alive the gate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from rampart.errors import ConflictError, FlagStoreError, GateClosedError, GateError
from rampart.evidence import RULE_VERSION
from rampart.evidence.criteria import ReportedCriterion
from rampart.evidence.judge import judge
from rampart.evidence.judgement import Judgement
from rampart.evidence.rate import EarlierLook
from rampart.evidence.series import Measured, Series, Unavailable, to_stored
from rampart.evidence.verdict import Verdict, worst
from rampart.evidence.window import Window
from rampart.plan.criterion import CompareSpec, CriterionSpec, OnFail
from rampart.plan.model import OnAlerting, Plan
from rampart.plan.queries import criteria_of, measured_for, queries_of
from rampart.plan.window import judged_window
from rampart.rollout.audience import is_up, raised_again
from rampart.rollout.drift import Drift, cause_of
from rampart.rollout.evaluation import Evaluation
from rampart.rollout.event import Event, EventKind
from rampart.rollout.findings import as_bad_as_they_became, news_of, shown_to, tried_out
from rampart.rollout.freeze import Freeze
from rampart.rollout.gate import GateKind, OpenGate
from rampart.rollout.guards import judge_monitors
from rampart.rollout.lower import look_at_all
from rampart.rollout.permission import is_fresh
from rampart.rollout.ports import Clock, FlagStore, Gates, MetricSource, RollbackCaller, RolloutStore
from rampart.rollout.question import SIGHTED, answer_of, may_ask
from rampart.rollout.remind import may_be_forgotten, reminder, still_undone, undone
from rampart.rollout.request import Cause, RollbackRequest
from rampart.rollout.sight import Sight, is_echo, sight_of
from rampart.rollout.state import DOWN, Latest, RolloutState, Standing, Status
from rampart.words import timestamp

_NO_OTHER_LOOK: Mapping[str, EarlierLook] = MappingProxyType({})
_MOST_SLACK = timedelta(seconds=30)
"""Half the minute between two ticks: what is nearer than that to its time is looked at now, not a minute late."""


@dataclass(frozen=True, slots=True)
class EvaluateResult:
    """What one look at one rollout did, for the log."""

    rollout: str
    did: tuple[str, ...]
    verdict: Verdict | None = None
    latest: Latest | None = None
    """The newest evaluation of a live rollout, of this look or an earlier one."""
    is_live: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluate:
    """The use case with its ports."""

    store: RolloutStore
    flags: FlagStore
    metrics: MetricSource
    gates: Gates
    rollback: RollbackCaller
    clock: Clock

    def __call__(self, rollout: str) -> EvaluateResult:
        """Look at one watched rollout once; a repetition or an overlapping look changes nothing twice.

        Raises StoreError when the record cannot be read or written.
        """
        state = self.store.state(rollout)
        if state is None:
            return EvaluateResult(rollout, ("gone",))
        try:
            if state.status is not Status.LIVE:
                return self._watch(state)
            state, did, verdict = self._live(state)
            return EvaluateResult(rollout, did, verdict, state.latest, is_live=True)
        except ConflictError:
            # Another tick or a rollback wrote first; the next tick sees it.
            return EvaluateResult(rollout, ("overtaken",))

    # A rollout that is over: its flags must stay where they were left.

    def _watch(self, state: RolloutState) -> EvaluateResult:
        did: list[str] = []
        now = self.clock.now()
        unread = False
        if state.status in DOWN:
            found = look_at_all(self.flags, state.plan.flags)
            unread = any(isinstance(each, FlagStoreError) for each in found)
            up = [each for each in found if not isinstance(each, FlagStoreError) and is_up(each, state.openings)]
            if state.status is Status.HALTED:
                # Before anyone is told again.
                self._call(state, Cause.EXECUTION, "the rollback is not finished", comes_again=True)
                did.append("rollback called to finish")
                if (again := still_undone(state, undone(found, state.openings), now)) is not None:
                    after, events = again
                    self.store.commit(state, after, events=events)
            elif up and all(is_echo(each, state, now) for each in up):
                told = "a cache may still hold what was there before the rollback"
                self._call(state, Cause.EXECUTION, told, comes_again=True)
                did.append("flag may be an echo: rollback called")
            elif up:
                raised = raised_again(up, state.openings)
                self._call(state, Cause.DRIFT, raised, epoch=state.epoch, comes_again=True)
                did.append("flag is up: rollback called")
        elif state.status is Status.COMPLETED:
            state, seen = self._see_completed(state, now)
            did.extend(seen)
        over = state.watch_until is not None and now >= state.watch_until
        if over and state.intent is None and not unread and not did:
            self.store.commit(state, state.moved(now, watched=False))
            did.append("no longer watched")
        return EvaluateResult(state.rollout, tuple(did))

    def _see_completed(self, state: RolloutState, now: datetime) -> tuple[RolloutState, tuple[str, ...]]:
        """Tell once where the flags are not as the rollout left them: a rollback may have met its very end."""
        # Once it was told, the flags are free, and what becomes of them later is another's story.
        drift = sight_of(state, self.flags, now).drift if state.drift is None else None
        if drift is None or self._is_claimed(state):
            return state, ()
        after = state.moved(now, drift=drift)
        self.store.commit(state, after, events=[_drifted(state, drift, now)])
        return after, ("drift: told",)

    def _is_claimed(self, state: RolloutState) -> bool:
        """Whether a flag is another rollout's by now, which moves it."""
        return any(claim.rollout != state.rollout for claim in self.store.claims(state.plan.flags).values())

    # A live rollout.

    def _live(self, state: RolloutState) -> tuple[RolloutState, tuple[str, ...], Verdict | None]:
        """The record as this look leaves it, what it did, and the verdict where it judged."""
        now = self.clock.now()
        if state.standing is None:
            return state, self._check_execution(state), None
        sight = sight_of(state, self.flags, now)
        drift = sight.drift
        told = [] if _is_told(drift, state) else [_drifted(state, drift, now)]
        cause = cause_of(drift, state.plan.on_drift)
        verdict = None
        if cause is not Cause.DRIFT and _is_due(state, now):
            state = self._judge(state, state.standing, sight, told, now)
            verdict = state.latest.verdict if state.latest else None
        elif told or sight.unread_since != state.unread_since:
            after = state.moved(now, **sight.found)
            self.store.commit(state, after, events=told)
            state = after
        if failing := _fails_hard(state):  # at each tick, for the call may have been lost
            messages = state.latest.messages if state.latest else {}
            self._call(state, Cause.EVIDENCE, "; ".join(messages.get(name, f"{name} fails") for name in failing))
            return state, ("failed: rollback called",), verdict
        if cause is not None:
            self._call(state, cause, f"{drift}", comes_again=cause is Cause.RESTORE)
            return state, (f"drift: {cause.value} called",), verdict
        return state, self._answer(state, now), verdict

    def _judge(
        self, state: RolloutState, standing: Standing, sight: Sight, told: Sequence[Event], now: datetime
    ) -> RolloutState:
        """Ask for the evidence, judge it, and write the evaluation with what else this look found, in one commit."""
        window = window_of(state.plan, standing, now)
        answers = measure(self.metrics, queries_of(state.plan), window)
        monitors = judge_monitors(self.metrics, state.plan, now, since=standing.started)
        judgements = [*judge_all(state.plan, answers, window, share=state.percent / 100), *monitors]
        by_now = as_bad_as_they_became(state, judgements, answers, window)
        binding = [j for j in judgements if _binds(state.plan, j.name)]
        verdict = worst(j.verdict for j in binding)
        evaluation = Evaluation(
            id=timestamp(now),
            at=now,
            rollout=state.rollout,
            attempt=state.attempt,
            stage=standing.stage,
            percent=state.percent,
            window=window.to_stored(),
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
            verdicts={j.name: j.verdict for j in binding},
            messages={j.name: j.message for j in by_now},
            fails={
                j.name: shown_to(state, j) for j in by_now if j.verdict is Verdict.FAIL and _binds(state.plan, j.name)
            },
            told={j.name: j.verdict for j in judgements if j not in binding},
            asked=_was_asked(_binding_answers(state.plan, answers), monitors),
        )
        after = state.moved(now, standing=standing.changed(latest=latest), **sight.found)
        events = list(told)
        if (news := news_of(state, after)) is not None:
            events.append(after.event(now, EventKind.VERDICT_CHANGED, news, evaluation=latest.id))
        if (tried := tried_out(state, after)) is not None:
            events.append(after.event(now, EventKind.TRIED_OUT, tried, evaluation=latest.id))
        if _sight_is_back(after) and not _sight_is_back(state):
            events.append(after.event(now, EventKind.SIGHTED, "evaluations are back", evaluation=latest.id))
        self.store.commit(state, after, events=events, evaluation=evaluation)
        return after

    # The gate.

    def _answer(self, state: RolloutState, now: datetime) -> tuple[str, ...]:
        if state.gate is None:
            return self._check_execution(state)
        try:
            return self._answer_gate(state, state.gate, now)
        except GateClosedError:
            return self._check_execution(state)
        except GateError as error:
            return (f"gate not answered: {error}",)

    def _answer_gate(self, state: RolloutState, gate: OpenGate, now: datetime) -> tuple[str, ...]:
        if gate.kind is GateKind.BLIND and _sight_is_back(state):
            self.gates.succeed(gate.token, SIGHTED)
            return ("sight is back",)
        if gate.kind is GateKind.APPROVAL and may_be_forgotten(state, gate, now):
            self._remind(state, now)
        if gate.kind is GateKind.APPROVAL or (gate.kind is GateKind.BAKE and not sees(state, now)):
            return self._check_execution(state)  # nothing to say at this gate, but someone must be waiting there
        # What is asked about must have been judged while this gate was open: an answer counts for fresh evidence only.
        fresh = state.latest is not None and state.latest.at >= gate.opened
        frozen = self._frozen(state) if fresh and may_ask(state, now) else None
        if frozen is None and fresh and may_ask(state, now):  # in the dark too: a person may where no machine can
            self.gates.succeed(gate.token, answer_of(state, now))
            return ("hold is over: asked",)
        if gate.kind is GateKind.BLIND:
            return self._check_execution(state)
        self.gates.keep_alive(gate.token)
        return (f"kept alive: {frozen}",) if frozen else ("kept alive",)

    def _frozen(self, state: RolloutState) -> Freeze | None:
        """What would stop the advance that is to be asked about; the end raises nothing."""
        return None if state.is_at_end else self.store.freeze()

    def _remind(self, state: RolloutState, now: datetime) -> None:
        """Tell people again of a question that no one has answered."""
        asked = self.store.gate(state.rollout)
        if asked is not None and state.gate is not None and asked.id == state.gate.id and asked.answer is None:
            after, told = reminder(state, asked, now)
            self.store.commit(state, after, events=[told])

    def _check_execution(self, state: RolloutState) -> tuple[str, ...]:
        """Notice an execution that died without telling: no one would answer for the flag any more."""
        try:
            if self.gates.is_running(state.execution):
                return ()
        except GateError as error:
            return (f"execution not seen: {error}",)
        self._call(state, Cause.EXECUTION, "the rollout's execution does not run any more")
        return ("execution is dead: rollback called",)

    def _call(
        self, state: RolloutState, cause: Cause, reason: str, *, epoch: int | None = None, comes_again: bool = False
    ) -> None:
        """Call `rollback`; a call that comes again at each tick is a repetition, and the queue needn't keep it too."""
        self.rollback.call(
            RollbackRequest(
                cause=cause,
                reason=reason,
                rollout=state.rollout,
                attempt=state.attempt,
                execution=state.execution,
                epoch=epoch,
                asked_at=self.clock.now(),
                queued=comes_again,
            )
        )


def _drifted(state: RolloutState, drift: Drift | None, now: datetime) -> Event:
    message = f"{drift}" if drift else f"{', '.join(state.plan.flags)} is back at {state.reach}"
    latest, reads = state.latest and state.latest.id, drift.reads if drift else state.percent
    return state.event(now, EventKind.DRIFTED, message, evaluation=latest, reads=reads)


def _is_told(drift: Drift | None, state: RolloutState) -> bool:
    """Whether people know of a drift, or of its end."""
    return drift.is_known(state.drift) if drift else state.drift is None


def window_of(plan: Plan, standing: Standing, now: datetime) -> Window:
    """The window that a look at `now` judges."""
    return judged_window(plan, started=standing.started, hold_ends=standing.hold_ends, now=now)


def measure(metrics: MetricSource, queries: Mapping[str, str], window: Window) -> dict[str, Measured]:
    """Ask all queries over a window; a query that one span has no answer to has none.

    A window without a bucket is not asked about: it has no points.
    """
    found: dict[str, Measured] = {key: Series(()) for key in queries}
    for span in window.spans:
        if span.end <= span.start:
            continue
        answers = metrics.read(queries, start=span.start, end=span.end, bucket=span.bucket)
        found = {key: _joined(before, answers[key]) for key, before in found.items()}
    return found


def _joined(before: Measured, after: Measured) -> Measured:
    if isinstance(before, Unavailable):
        return before
    return after if isinstance(after, Unavailable) else Series(before.points + after.points)


def judge_all(
    plan: Plan,
    answers: Mapping[str, Measured],
    window: Window,
    *,
    share: float,
    earlier: Mapping[str, EarlierLook] = _NO_OTHER_LOOK,
) -> list[Judgement]:
    """Judge every criterion that is measured; what people report is judged when they answer.

    `earlier` spares a replay, for each criterion, what it worked out for an earlier look.
    """
    judged = (
        judge(criterion, measured=measured_for(name, answers), window=window, share=share, earlier=earlier.get(name))
        for name, criterion in criteria_of(plan).items()
        if not isinstance(criterion, ReportedCriterion) and _is_judged(plan.criteria[name], share)
    )
    return [each.in_zone(plan.zone) for each in judged]


def _is_judged(spec: CriterionSpec, share: float) -> bool:
    """Whether a criterion is judged in a stage: a comparison may end where no one takes the old path any more."""
    return not isinstance(spec, CompareSpec) or spec.is_judged_at(share)


def sees(state: RolloutState, now: datetime) -> bool:
    """Whether evaluations work: the newest is fresh, and what it asked was answered, however little that says.

    Silence is noticed by what this withholds. Numbers that contradict themselves are an answer.
    """
    return state.latest is not None and state.latest.asked and is_fresh(state, now)


def _sight_is_back(state: RolloutState) -> bool:
    """Whether a blind attempt was looked at again, since it went blind."""
    gate, latest = state.gate, state.latest
    if gate is None or latest is None or gate.kind is not GateKind.BLIND:
        return False
    return latest.at >= gate.opened and latest.asked


def _is_due(state: RolloutState, now: datetime) -> bool:
    # Ticks come some seconds early or late: without slack, every early one would put its look off by a whole minute.
    slack = min(state.plan.look_every / 10, _MOST_SLACK)
    if state.latest is None or now - state.latest.at >= state.plan.look_every - slack:
        return True
    if not is_fresh(state, now):  # it was looked at by a clock that is ahead
        return True
    # A gate that opened after the last look wants fresh evidence when the hold is over.
    gate_is_newer = state.gate is not None and state.gate.opened > state.latest.at
    return gate_is_newer and may_ask(state, now)


def _fails_hard(state: RolloutState) -> tuple[str, ...]:
    """The criteria that fail and roll back, and that no one waived."""
    waived = state.waived
    return tuple(
        name
        for name, verdict in state.verdicts.items()
        if verdict is Verdict.FAIL and name not in waived and _rolls_back(state.plan, name)
    )


def _binds(plan: Plan, name: str) -> bool:
    """Whether a criterion or a monitor can move or hold anything."""
    spec = plan.criteria.get(name)
    return spec is None or spec.binds


def _binding_answers(plan: Plan, answers: Mapping[str, Measured]) -> list[Measured]:
    """The answers to what decides: a criterion that is only tried out makes no one blind."""
    return [answer for key, answer in answers.items() if _binds(plan, key.rpartition("/")[0])]


def _rolls_back(plan: Plan, name: str) -> bool:
    """What a plan does when a criterion fails, or a monitor of it alerts."""
    spec = plan.criteria.get(name)
    return plan.on_alerting is OnAlerting.ROLL_BACK if spec is None else spec.on_fail is OnFail.ROLL_BACK


def _was_asked(answers: Iterable[Measured], monitors: Iterable[Judgement]) -> bool:
    """Whether every question to the metric source was answered; a monitor errs only where it was not."""
    unread = any(monitor.verdict is Verdict.ERROR for monitor in monitors)
    return not unread and not any(isinstance(measured, Unavailable) for measured in answers)
