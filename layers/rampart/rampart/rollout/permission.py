"""Permission: whether an answer still holds when it is to be acted on, and what a person waived with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from rampart.evidence.criteria import ReportedCriterion
from rampart.evidence.judgement import Judgement
from rampart.evidence.limits import judge_reported
from rampart.evidence.monitor import name_of
from rampart.evidence.verdict import Verdict
from rampart.plan.stage import Approval
from rampart.rollout.gate import Answer, DecisionKind, Gate, GateKind
from rampart.rollout.state import CLOCK_SKEW, Intent, RolloutState
from rampart.rollout.waiver import BY_NAME, LETS_ON, Override, Shown, shown_of
from rampart.words import moment


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an answer is not acted on."""

    why: str


def permit(
    state: RolloutState, gate_id: str | None, gate: Gate | None, now: datetime
) -> tuple[Override, ...] | Refusal:
    """The overrides with which the next stage may begin, or why it may not."""
    plan = state.plan
    if gate_id is None:  # `prepare` has just seen the calendar open
        return () if state.standing is None else Refusal("only an attempt's first stage needs no gate")
    if not plan.calendar.is_open(now, plan.zone) and not state.is_at_end:
        return Refusal(f"the calendar is closed until {moment(plan.calendar.next_opening(now, plan.zone), plan.zone)}")
    if gate is None or gate.id != gate_id or (gate.attempt, gate.stage) != (state.attempt, state.stage):
        return Refusal("the answer belongs to another gate")
    if state.drift is not None:
        return Refusal(f"{state.drift}")
    if gate.kind is GateKind.BLIND:
        return _blindly(state, gate, now)
    overrides = _answered(state, gate, now) if gate.kind is GateKind.APPROVAL else _unasked(state, gate, now)
    if isinstance(overrides, Refusal):
        return overrides
    return _with_pass(state, overrides, now) if is_fresh(state, now) else Refusal("the newest evaluation is too old")


def has_turned(state: RolloutState, intent: Intent) -> bool:
    """Whether the stage that is to be left has failed since an advance was begun; an override may cover that."""
    is_newer = state.latest is not None and state.latest.at > intent.at
    return is_newer and state.effective_verdict is Verdict.FAIL


def _answered(state: RolloutState, gate: Gate, now: datetime) -> tuple[Override, ...] | Refusal:
    """The overrides after a person's answer, or why it is none that advances."""
    if gate.answer is None or gate.answer.decision not in (DecisionKind.APPROVE, DecisionKind.OVERRIDE):
        return Refusal("no one approved at this gate")
    if too_few := _too_few(state, gate):
        return Refusal(too_few)
    if not is_hold_over(state, now + CLOCK_SKEW):  # the clock of whatever asked was ahead
        return Refusal("the hold is not over")
    if gate.answer.decision is DecisionKind.OVERRIDE:
        return (*state.overrides, override_of(state, gate, gate.answer))
    unreported = missing_reports(state, gate.answer)
    return state.overrides if unreported is None else Refusal(unreported)


def _too_few(state: RolloutState, gate: Gate) -> str | None:
    """Why an answer isn't that of as many people as the plan asks for; None where it is."""
    if state.plan.approvals == 1 or gate.answer is None:
        return None
    people = {gate.answer.person, gate.first.person if gate.first else ""} - {""}
    return None if len(people) == state.plan.approvals else "two people must approve, and one did"


def _unasked(state: RolloutState, gate: Gate, now: datetime) -> tuple[Override, ...] | Refusal:
    """The overrides where no one was asked, or why someone must be; the machine's word alone moves nothing."""
    if gate.kind is not GateKind.BAKE or not is_hold_over(state, now):
        return Refusal("the hold is not over")
    return state.overrides if advances_alone(state) else Refusal("a person's approval is needed")


def _blindly(state: RolloutState, gate: Gate, now: datetime) -> tuple[Override, ...] | Refusal:
    """The overrides of a person who goes on although nothing can be judged: they cover that, and never a fail."""
    if gate.answer is None or gate.answer.decision is not DecisionKind.OVERRIDE:
        return Refusal("only an override goes on while nothing can be judged")
    if too_few := _too_few(state, gate):
        return Refusal(too_few)
    if not is_hold_over(state, now):
        return Refusal("the hold is not over")
    overrides = (*state.overrides, override_of(state, gate, gate.answer))
    return _with_pass(state, overrides, now) if state.latest is not None else overrides


def _with_pass(state: RolloutState, overrides: tuple[Override, ...], now: datetime) -> tuple[Override, ...] | Refusal:
    verdict = state.moved(now, overrides=overrides).effective_verdict
    return overrides if verdict in LETS_ON else Refusal(f"the newest evaluation says {verdict}")


def is_hold_over(state: RolloutState, now: datetime) -> bool:
    """Whether the stage was held for as long as the plan says."""
    return state.standing is not None and now >= state.standing.hold_ends


def is_fresh(state: RolloutState, now: datetime) -> bool:
    """Whether the newest evaluation is of now: not too old, and not of a time that has not come yet."""
    return state.latest is not None and -CLOCK_SKEW <= now - state.latest.at <= stale_after(state)


def stale_after(state: RolloutState) -> timedelta:
    """The age from which an evaluation isn't a ground for an advance: two looks, and a minute for the tick."""
    return 2 * state.plan.look_every + timedelta(minutes=1)


def advances_alone(state: RolloutState) -> bool:
    """Whether what comes next needs no person: a stage without approval, or the end of the rollout.

    Every criterion must pass: what a person waived has not, and neither has what only a person can report.
    """
    if state.reported_criteria or state.latest is None or state.latest.verdict is not Verdict.PASS:
        return False
    return state.is_at_end or state.plan.stages[state.next_stage].approval is Approval.NONE


def missing_reports(state: RolloutState, answer: Answer) -> str | None:
    """Why the reported numbers do not pass, in words; None when they do. Missing means not passed."""
    unmet = (j for j in _reports(state, answer) if j.verdict is not Verdict.PASS and not is_waived(j, state))
    return next((judgement.message for judgement in unmet), None)


def is_waived(judgement: Judgement, state: RolloutState) -> bool:
    """Whether an override covers in this stage what a judgement shows; for what fails by being high."""
    return state.waiver(judgement.name, shown_of(judgement, falls=False)) is not None


def override_of(state: RolloutState, gate: Gate, answer: Answer) -> Override:
    """What an override waives through the next stage: what its gate showed, and what was reported with it.

    A gate that no one sees behind shows that nothing can be judged: that is what is waived there.
    """
    shown = _shown_at(state, gate)
    shown |= {j.name: shown_of(j, falls=False) for j in _reports(state, answer) if j.verdict is not Verdict.PASS}
    return Override(criteria=tuple(shown), shown=shown, by=answer.by, note=answer.note, through_stage=state.next_stage)


def _shown_at(state: RolloutState, gate: Gate) -> dict[str, Shown]:
    if gate.kind is GateKind.BLIND:
        binding = {name for name, spec in state.plan.criteria.items() if spec.binds}
        measured = binding - state.reported_criteria.keys()
        monitors = {name_of(monitor) for monitor in state.plan.monitors}
        return dict.fromkeys(sorted(measured | monitors | state.verdicts.keys()), _UNJUDGED)
    question = gate.question
    return {n: question.shown.get(n, BY_NAME) for n in question.unmet} if question else {}


_UNJUDGED = Shown(verdict=Verdict.ERROR)


def _reports(state: RolloutState, answer: Answer) -> list[Judgement]:
    """What people reported, judged; a number that is missing is no data."""
    return [
        judge_reported(ReportedCriterion(name=name, at_most=bar), answer.reported.get(name))
        for name, bar in state.reported_criteria.items()
    ]
