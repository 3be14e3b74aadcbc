"""A rollout as people look at it: plain data made of the record, its gate and its events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rampart.evidence.window import Window
from rampart.plan.criterion import CompareSpec, RateSpec, ReportedSpec
from rampart.rollout.commands import answer_with, commands_for
from rampart.rollout.gate import GateKind
from rampart.rollout.question import reported_at_approval
from rampart.rollout.situation import situation_of
from rampart.rollout.state import Status
from rampart.rollout.week import week_in_words
from rampart.words import percentage, timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from rampart.rollout.evaluation import Evaluation
    from rampart.rollout.event import Event
    from rampart.rollout.freeze import Freeze
    from rampart.rollout.gate import Gate
    from rampart.rollout.situation import Situation
    from rampart.rollout.state import RolloutState

LAST_EVENTS = 8


def status_view(
    state: RolloutState, gate: Gate | None, events: Sequence[Event], now: datetime, frozen: Freeze | None = None
) -> dict[str, Any]:
    """How a rollout stands; task tokens are left out, since anyone who holds one can answer for everyone."""
    found = situation_of(state, gate, now, frozen)
    return {
        "rollout": state.rollout,
        "title": state.plan.title or state.rollout,
        "status": state.status.value,
        "attempt": state.attempt,
        "stage": state.stage,
        "percent": state.percent,
        "flags": list(state.plan.flags),
        "stages": [
            {"index": i, "label": s.label, "percent": s.exposure, "hold": str(s.hold)}
            for i, s in enumerate(state.plan.stages)
        ],
        "stage_started": _maybe(state.standing.started if state.standing else None),
        "hold_ends": _maybe(state.standing.hold_ends if state.standing else None),
        "verdict": state.latest.verdict.value if state.latest else None,
        "evaluated": timestamp(state.latest.at) if state.latest else None,
        "criteria": _criteria(state),
        "overrides": [o.model_dump(mode="json") for o in state.overrides],
        "situation": situation_view(found),
        "commands": commands_for(state, gate, found),
        "gate": gate_view(state, gate),
        "events": [event_view(event) for event in events[-LAST_EVENTS:]],
        "execution": state.execution,
        "plan_hash": state.plan_hash,
    }


def situation_view(found: Situation) -> dict[str, Any]:
    """Where it stands, as JSON."""
    return {
        "phase": found.phase.value,
        "headline": found.headline,
        "why": found.why,
        "next": found.next,
        "since": timestamp(found.since),
        "until": _maybe(found.until),
        "acts": [act.value for act in found.acts],
        "urgency": found.urgency.value,
    }


def gate_view(state: RolloutState, gate: Gate | None) -> dict[str, Any] | None:
    """The open gate and how to answer it; None when no person is asked."""
    if state.gate is None or state.status is not Status.LIVE:
        return None
    opened = {"id": state.gate.id, "kind": state.gate.kind.value, "opened": timestamp(state.gate.opened)}
    if state.gate.kind is GateKind.BAKE or gate is None or gate.id != state.gate.id or gate.question is None:
        return opened
    answered = gate.answer.model_dump(mode="json") if gate.answer else None
    asked = gate.question.model_dump(mode="json", include={"verdict", "unmet", "reported", "evaluation"})
    asked |= {"next": _next(state), "lapses": _maybe(gate.lapses), "answer": answered}
    return opened | asked | ({} if answered else {"answer_with": answer_with(state, gate)})


def event_view(event: Event) -> dict[str, Any]:
    return event.model_dump(mode="json", exclude={"rollout"}) | {"at": timestamp(event.at)}


def at_percent(event: Event) -> str:
    """What the flags were at when something happened, for a table."""
    return "" if event.percent is None else percentage(event.percent)


def evaluation_view(evaluation: Evaluation) -> dict[str, Any]:
    """One evaluation without the bulk of its evidence."""
    shown = evaluation.model_dump(mode="json", exclude={"rollout", "judgements", "evidence"})
    criteria = [_judgement_view(judgement) for judgement in evaluation.judgements]
    window = _window_view(Window(*evaluation.window))
    return shown | {"at": timestamp(evaluation.at), "window": window, "criteria": criteria}


def _window_view(window: Window) -> dict[str, int]:
    fine = {n: getattr(window, n) for n in ("start", "end", "bucket", "planned_buckets")}
    return fine | ({"coarse": window.coarse, "fine_from": window.fine_from} if window.coarse else {})


def _judgement_view(judgement: Mapping[str, Any]) -> dict[str, Any]:
    shown = ("name", "verdict", "message", "bar", "errors", "requests", "value", "interval")
    of_both = ("control_errors", "control_requests", "share_seen")
    return {name: judgement.get(name) for name in (*shown, *(n for n in of_both if judgement.get(n) is not None))}


def with_note(message: str, *, tried_out: bool) -> str:
    """What is said of a criterion, and that it decides nothing where it is only tried out."""
    note = "only tried out (on_fail: tell): it decides nothing" if tried_out else ""
    return "\n".join(filter(None, (message, note)))


def _criteria(state: RolloutState) -> list[dict[str, Any]]:
    """The criteria of the plan, and what else was judged: its monitors."""
    messages, waived = state.evidence_in_words, state.waived
    verdicts = {**state.verdicts, **state.tried_out}
    return [
        {
            "name": name,
            "verdict": verdicts[name].value if name in verdicts else None,
            "message": messages.get(name)
            or (reported_at_approval(spec.at_most) if isinstance(spec, ReportedSpec) else "not judged yet"),
            "waived": name in waived,
            "tried_out": name in state.tried_out,
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
