"""The report for machines: the same story as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rampart.words import timestamp
from rampart_cli.report import cells
from rampart_cli.view import event_view

if TYPE_CHECKING:
    from rampart_cli.report.history import RolloutHistory, Visit


def to_document(history: RolloutHistory) -> dict[str, Any]:
    """The whole report as JSON values; times are UTC text, rates are fractions."""
    state, plan = history.state, history.plan
    return {
        "rollout": plan.rollout,
        "title": plan.title or plan.rollout,
        "owner": plan.owner,
        "flags": list(plan.flags),
        "environment": plan.environment,
        "status": state.status.value,
        "attempt": state.attempt,
        "percent": state.percent,
        "started": timestamp(state.started),
        "known_until": timestamp(history.known_until),
        "plan_hash": state.plan_hash,
        "plan": plan.model_dump(mode="json", by_alias=True),
        "staircase": [{"at": timestamp(at), "percent": percent} for at, percent in history.staircase],
        "visits": [_visit(visit) for visit in history.visits],
        "decisions": [{**event_view(event), "did": cells.act(event)} for event in history.acts],
        "rollbacks": [event_view(event) for event in history.rollbacks],
        "events": [event_view(event) for event in history.events],
    }


def _visit(visit: Visit) -> dict[str, Any]:
    return {
        "attempt": visit.attempt,
        "stage": visit.stage,
        "label": visit.label,
        "percent": visit.percent,
        "began": timestamp(visit.began),
        "ended": timestamp(visit.ended) if visit.ended else None,
        "ending": visit.ending.value,
        "evaluations": len(visit.looks),
        "results": [dict(judgement) for judgement in visit.judgements],
        "reported": visit.reported,
        "evidence": [
            {"at": timestamp(look.at), "verdict": look.verdict.value, "judgements": [dict(j) for j in look.judgements]}
            for look in visit.looks
        ],
    }
