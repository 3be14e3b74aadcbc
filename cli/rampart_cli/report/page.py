"""The report as one page that needs nothing else: no account, no network, no script."""

from __future__ import annotations

import base64
import hashlib
import json
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rampart.evidence.window import Window
from rampart.rollout.state import EventKind, Status
from rampart_cli.bars import bar_text
from rampart_cli.report import words
from rampart_cli.report.charts import draw_criterion, draw_staircase

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rampart.rollout.state import Event
    from rampart_cli.report.history import RolloutHistory, Visit

_HERE = Path(__file__).parent
_DOWN = frozenset({EventKind.ROLLED_BACK, EventKind.TAKEN_DOWN_AGAIN})
_STATUS = {
    Status.LIVE: "Live",
    Status.HALTED: "Rolling back",
    Status.ROLLED_BACK: "Rolled back",
    Status.COMPLETED: "Complete",
    Status.ABANDONED: "Abandoned",
}


def render(history: RolloutHistory) -> str:
    """The whole page; its content policy allows its own style sheet and nothing else."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template("page.html.j2").render(
        style=style,
        policy=f"default-src 'none'; style-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'",
        **_content(history),
    )


def _content(history: RolloutHistory) -> dict[str, Any]:
    state, plan = history.state, history.plan
    summary = _summary(history)
    return {
        "state": state,
        "plan": plan,
        "title": plan.title or plan.rollout,
        "status": _STATUS[state.status],
        "summary": summary,
        "facts": _facts(history),
        "tiles": _tiles(history),
        "staircase": draw_staircase(history, summary) if history.visits else None,
        "acts": [_act(history, number, event) for number, event in enumerate(history.acts, start=1)],
        "criteria": list(_criteria(history)),
        "visits": [_visit(history, visit) for visit in history.visits],
        "counted": words.counted(len(history.events), "event"),
        "events": [_event(history, event) for event in history.events],
        "submitted": _submitted(history),
        "known_until": words.when(history.known_until, plan.zone),
    }


def _summary(history: RolloutHistory) -> str:
    """One sentence that says it all: the picture's text alternative, too."""
    plan = history.plan
    flags, status = ", ".join(plan.flags), _STATUS[history.state.status].lower()
    steps = [percent for _, percent in _changes(history.staircase)]
    if len(steps) < 2:
        return f"{flags} has not been moved yet: it is at {history.state.percent:g}%, and the rollout is {status}."
    climbed = " → ".join(f"{percent:g}%" for percent in steps)
    return f"{flags} went {climbed}; the rollout is {status} at {history.state.percent:g}%."


def _changes(staircase: Iterable[tuple[Any, float]]) -> list[tuple[Any, float]]:
    steps = list(staircase)
    return steps[:1] + [after for before, after in pairwise(steps) if after[1] != before[1]]


def _facts(history: RolloutHistory) -> list[tuple[str, str]]:
    state, plan = history.state, history.plan
    rules = sorted({evaluation.rule_version for evaluation in history.evaluations})
    return [
        ("Flags", ", ".join(plan.flags)),
        ("Owner", plan.owner),
        ("Environment", plan.environment),
        ("Started", words.when(state.started, plan.zone)),
        ("Newest record", words.when(history.known_until, plan.zone)),
        ("Rule", f"version {', '.join(rules)}" if rules else "nothing was judged"),
        ("Plan", state.plan_hash),
    ]


def _tiles(history: RolloutHistory) -> list[tuple[str, str]]:
    people = [event for event in history.acts if event.kind is EventKind.DECIDED]
    reached = {visit.stage for visit in history.visits}
    return [
        ("of people now", f"{history.state.percent:g}%"),
        ("stages reached", f"{len(reached)} of {len(history.plan.stages)}"),
        ("evaluation" if len(history.evaluations) == 1 else "evaluations", f"{len(history.evaluations):,}"),
        ("decision by people" if len(people) == 1 else "decisions by people", str(len(people))),
        ("rollback" if len(history.rollbacks) == 1 else "rollbacks", str(len(history.rollbacks))),
        ("from start to here", words.lasted(history.state.started, history.known_until)),
    ]


def _act(history: RolloutHistory, number: int, event: Event) -> dict[str, Any]:
    reported = event.details.get("reported", {})
    evidence = str(event.details.get("verdict", ""))
    return {
        "number": number,
        "when": words.when(event.at, history.plan.zone),
        "who": event.by,
        "did": words.act(event),
        "down": event.kind in _DOWN,
        "at": "" if event.stage is None else history.plan.stages[event.stage].label,
        "evidence": words.verdict(evidence),
        "reported": "; ".join(f"{name}: {value:g}" for name, value in reported.items()),
        "why": words.why(event),
    }


def _criteria(history: RolloutHistory) -> Iterable[dict[str, Any]]:
    for number, (name, spec) in enumerate(history.plan.criteria.items(), start=1):
        bar = bar_text(spec)
        rows = [row for visit in history.visits if (row := _criterion_row(history, visit, name))]
        said = "; ".join(f"{row['stage']}: {row['value']}, {row['verdict']}" for row in rows) or "nothing was judged"
        yield {
            "name": name,
            "bar": bar,
            "kind": spec.kind,
            "rows": rows,
            "picture": draw_criterion(history, name, number, f"{name}, which must stay {bar}. {said}."),
            "has_interval": spec.kind == "rate",
        }


def _criterion_row(history: RolloutHistory, visit: Visit, name: str) -> dict[str, str] | None:
    stage, attempt = visit.label, str(visit.attempt)
    found = next((each for each in visit.judgements if each["name"] == name), None)
    if found is not None:
        row = _judgement(found)
        looks = sum(1 for evaluation in visit.looks for each in evaluation.judgements if each["name"] == name)
        return {"stage": stage, "attempt": attempt, "looks": str(looks), **row}
    if name not in visit.reported:
        return None
    value, limit = visit.reported[name], history.state.reported_criteria.get(name, float("inf"))
    verdict = "pass" if value <= limit else "fail"
    message = f"{value:g} reported, at most {limit:g} allowed"
    return {
        "stage": stage,
        "attempt": attempt,
        "looks": words.NONE,
        "value": f"{value:g}",
        "counts": "reported",
        "interval": words.NONE,
        "verdict": verdict,
        "message": message,
    }


def _judgement(judgement: Mapping[str, Any]) -> dict[str, str]:
    return {
        "value": words.number(judgement, judgement.get("value")),
        "counts": words.counts(judgement) or words.NONE,
        "interval": words.interval(judgement),
        "verdict": words.verdict(judgement["verdict"]),
        "message": str(judgement["message"]),
    }


def _visit(history: RolloutHistory, visit: Visit) -> dict[str, Any]:
    zone = history.plan.zone
    until = visit.ended or history.known_until
    return {
        "label": visit.label,
        "attempt": visit.attempt,
        "began": words.when(visit.began, zone),
        "ended": words.when(visit.ended, zone) if visit.ended else "going on",
        "lasted": words.lasted(visit.began, until),
        "ending": visit.ending.value.replace("_", " "),
        "rollback": visit.rollback.message if visit.rollback else "",
        "looks": list(_telling_looks(history, visit)),
        "count": words.counted(len(visit.looks), "evaluation"),
    }


def _telling_looks(history: RolloutHistory, visit: Visit) -> Iterable[dict[str, Any]]:
    """The looks that tell something: the first, each whose verdicts differ from the one before, and the last."""
    before = None
    for index, look in enumerate(visit.looks):
        verdicts = [judgement["verdict"] for judgement in look.judgements]
        if verdicts != before or index == len(visit.looks) - 1:
            yield {
                "when": words.when(look.at, history.plan.zone),
                "window": _window(Window(*look.window)),
                "rows": [{"name": str(judgement["name"]), **_judgement(judgement)} for judgement in look.judgements],
            }
        before = verdicts


def _window(window: Window) -> str:
    """What a look judged: how long, and in how many buckets where it is more than one."""
    if window.end <= window.start:
        return "nothing yet"
    length = words.length(window.end - window.start)
    if window.buckets == 1:
        return length
    parts = (f"{(span.end - span.start) // span.bucket} times {words.length(span.bucket)}" for span in window.spans)
    return f"{length} ({', '.join(parts)})"


def _event(history: RolloutHistory, event: Event) -> dict[str, str]:
    return {
        "when": words.when(event.at, history.plan.zone),
        "attempt": str(event.attempt),
        "percent": "" if event.percent is None else f"{event.percent:g}%",
        "kind": event.kind.value.replace("_", " "),
        "who": event.by,
        "message": event.message,
    }


def _submitted(history: RolloutHistory) -> str:
    if history.submitted is None:
        return ""
    return json.dumps(json.loads(history.submitted), indent=2, ensure_ascii=False)
