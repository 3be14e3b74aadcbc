"""A rollout as people look at it: plain data made of the record, its gate and its events."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from rampart.evidence.window import Window
from rampart.plan.criterion import CompareSpec, RateSpec, ReportedSpec
from rampart.rollout.gate import DecisionKind, GateKind
from rampart.rollout.state import Status
from rampart.rollout.waiver import LETS_ON
from rampart.rollout.week import week_in_words
from rampart.words import percentage, plain, timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from rampart.rollout.gate import Gate
    from rampart.rollout.state import Evaluation, Event, RolloutState

LAST_EVENTS = 8


def status_view(state: RolloutState, gate: Gate | None, events: Sequence[Event]) -> dict[str, Any]:
    """How a rollout stands; task tokens are left out, since anyone who holds one can answer for everyone."""
    return {
        "rollout": state.rollout,
        "title": state.plan.title or state.rollout,
        "status": state.status.value,
        "attempt": state.attempt,
        "stage": state.stage,
        "percent": state.percent,
        "flags": list(state.plan.flags),
        "stages": [
            {"index": i, "label": s.label, "percent": s.percent, "hold": str(s.hold)}
            for i, s in enumerate(state.plan.stages)
        ],
        "stage_started": _maybe(state.standing.started if state.standing else None),
        "hold_ends": _maybe(state.standing.hold_ends if state.standing else None),
        "drift": str(state.drift) if state.drift else None,
        "verdict": state.latest.verdict.value if state.latest else None,
        "evaluated": timestamp(state.latest.at) if state.latest else None,
        "criteria": _criteria(state),
        "overrides": [o.model_dump(mode="json") for o in state.overrides],
        "waits_for": waits_for(state, gate),
        "gate": gate_view(state, gate),
        "events": [event_view(event) for event in events[-LAST_EVENTS:]],
        "execution": state.execution,
        "plan_hash": state.plan_hash,
    }


def waits_for(state: RolloutState, gate: Gate | None) -> str:
    """What has to happen next, in words."""
    if state.status is not Status.LIVE:
        return _WAITS[state.status]
    if state.intent is not None:
        return f"the flag is being set to {percentage(state.intent.percent)}"
    if state.gate is None:
        return "the state machine moves on" if state.stage is not None else "the flag is about to be set"
    if state.gate.kind is GateKind.BLIND:
        return "evaluations stopped, or the metrics can't be asked: Rampart waits until it can see again"
    if state.gate.kind is GateKind.BAKE:
        return "evidence gathers until the hold is over and the calendar is open"
    if gate is not None and gate.answer is not None:
        return f"{gate.answer.by} answered ({gate.answer.decision.value}); the advance follows"
    return f"a person decides whether it may {_next(state)}"


_WAITS = {
    Status.HALTED: "the rollback goes on until the flag is read at 0%",
    Status.ROLLED_BACK: "a person resumes or abandons it",
    Status.COMPLETED: "nothing, since it is complete and its flags are free",
    Status.ABANDONED: "nothing, since it was abandoned and its flags are free",
}


def gate_view(state: RolloutState, gate: Gate | None) -> dict[str, Any] | None:
    """The open gate and how to answer it; None when no person is asked."""
    if state.gate is None or state.status is not Status.LIVE:
        return None
    opened = {"id": state.gate.id, "kind": state.gate.kind.value, "opened": timestamp(state.gate.opened)}
    if state.gate.kind is GateKind.BAKE or gate is None or gate.id != state.gate.id or gate.question is None:
        return opened
    answered = gate.answer.model_dump(mode="json") if gate.answer else None
    asked = {
        "next": _next(state),
        "lapses": _maybe(gate.lapses),
        "verdict": str(gate.question.verdict),
        "unmet": list(gate.question.unmet),
        "reported": dict(gate.question.reported),
        "evaluation": gate.question.evaluation,
        "answer": answered,
    }
    return opened | asked | ({} if answered else {"answer_with": answer_with(state, gate)})


def answer_with(state: RolloutState, gate: Gate) -> dict[str, Any]:
    """The exact command, and the exact input of the state machine `decision`, that answer a gate."""
    passes = gate.question is not None and gate.question.verdict in LETS_ON
    reported = gate.question.reported if gate.question and passes else {}
    command = ["rampart", "approve" if passes else "override", state.rollout, "--gate", gate.id]
    for name in reported:
        command += ["--reported", f"{name}=HOW_MANY"]
    command += [] if passes else ["--note", "WHY"]
    return {
        "command": shlex.join([*command, "--by", "YOUR NAME"]),
        "input": {
            "rollout": state.rollout,
            "gate": gate.id,
            "decision": (DecisionKind.APPROVE if passes else DecisionKind.OVERRIDE).value,
            "by": "your name",
            "note": "" if passes else "why",
            "reported": dict.fromkeys(reported, "how many?"),
        },
    }


def event_view(event: Event) -> dict[str, Any]:
    return {
        "at": timestamp(event.at),
        "kind": event.kind.value,
        "attempt": event.attempt,
        "stage": event.stage,
        "percent": event.percent,
        "by": event.by,
        "message": event.message,
        "details": event.details,
    }


def evaluation_view(evaluation: Evaluation) -> dict[str, Any]:
    """One evaluation without the bulk of its evidence."""
    window = Window(*evaluation.window)
    return {
        "id": evaluation.id,
        "at": timestamp(evaluation.at),
        "attempt": evaluation.attempt,
        "stage": evaluation.stage,
        "percent": evaluation.percent,
        "verdict": evaluation.verdict.value,
        "window": _window_view(window),
        "criteria": [_judgement_view(judgement) for judgement in evaluation.judgements],
        "plan_hash": evaluation.plan_hash,
        "rule_version": evaluation.rule_version,
    }


def _window_view(window: Window) -> dict[str, int]:
    fine = {n: getattr(window, n) for n in ("start", "end", "bucket", "planned_buckets")}
    return fine | ({"coarse": window.coarse, "fine_from": window.fine_from} if window.coarse else {})


def _judgement_view(judgement: Mapping[str, Any]) -> dict[str, Any]:
    shown = ("name", "verdict", "message", "bar", "errors", "requests", "value", "interval")
    control = [name for name in ("control_errors", "control_requests") if judgement.get(name) is not None]
    return {name: judgement.get(name) for name in (*shown, *control)}


def _criteria(state: RolloutState) -> list[dict[str, Any]]:
    """The criteria of the plan, and what else was judged: its monitors."""
    messages, waived = state.evidence_in_words, state.waived
    verdicts = state.verdicts | (state.latest.told if state.latest else {})
    return [
        {
            "name": name,
            "verdict": verdicts[name].value if name in verdicts else None,
            "message": messages.get(name)
            or (
                f"at most {plain(spec.at_most)}; said when approving"
                if isinstance(spec, ReportedSpec)
                else "not judged yet"
            ),
            "waived": name in waived,
            "week_before": week_in_words(spec) if isinstance(spec, RateSpec | CompareSpec) else None,
        }
        for name, spec in state.plan.criteria.items()
    ] + [
        {"name": name, "verdict": verdict.value, "message": messages.get(name, ""), "waived": name in waived}
        for name, verdict in verdicts.items()
        if name not in state.plan.criteria
    ]


def _next(state: RolloutState) -> str:
    if state.next_stage == len(state.plan.stages):
        return "complete"
    return f"go to {state.plan.stages[state.next_stage].label}"


def _maybe(at: datetime | None) -> str | None:
    return None if at is None else timestamp(at)
