"""The report as one page that needs nothing else: no account, no network, no script."""

from __future__ import annotations

import base64
import hashlib
import json
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rampart.evidence.window import Window
from rampart.words import count, counted, in_words, length, percentage, plain, plural, second, status_in_words
from rampart_cli.bars import bar_text
from rampart_cli.people import who
from rampart_cli.report import cells
from rampart_cli.report.charts import draw_criterion, draw_rates, draw_staircase
from rampart_cli.report.links import links_of
from rampart_cli.view import at_percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rampart.rollout.event import Event
    from rampart_cli.report.history import RolloutHistory, Visit

_HERE = Path(__file__).parent


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
    submitted = json.loads(history.submitted) if history.submitted else None
    return {
        "state": state,
        "plan": plan,
        "title": plan.title or plan.rollout,
        "status": status_in_words(state.status).capitalize(),
        "summary": summary,
        "facts": _facts(history),
        "links": list(links_of(history)),
        "tiles": _tiles(history),
        "staircase": draw_staircase(history, summary) if history.visits else None,
        "acts": [_act(history, number, event) for number, event in enumerate(history.acts, start=1)],
        "criteria": list(_criteria(history)),
        "visits": [_visit(history, visit) for visit in history.visits],
        "counted": counted(len(history.everything), "event"),
        "events": [_event(history, event) for event in history.everything],
        "submitted": json.dumps(submitted, indent=2, ensure_ascii=False) if submitted else "",
        "known_until": second(history.known_until, plan.zone),
    }


def _summary(history: RolloutHistory) -> str:
    """One sentence that says it all: the picture's text alternative, too."""
    plan = history.plan
    flags, status, now = ", ".join(plan.flags), status_in_words(history.state.status), history.state.reach
    steps = [percent for percent, _ in groupby(percent for _, percent in history.staircase)]
    if len(steps) < 2:
        return f"{flags} has not been moved yet: it is at {now}, and the rollout is {status}."
    climbed = " → ".join(map(percentage, steps))
    return f"{flags} went {climbed}; the rollout is {status} at {now}."


def _facts(history: RolloutHistory) -> list[tuple[str, str]]:
    state, plan = history.state, history.plan
    rules = sorted({evaluation.rule_version for evaluation in history.evaluations})
    return [
        ("Flags", ", ".join(plan.flags)),
        ("Owner", plan.owner),
        ("Environment", plan.environment),
        ("Started", second(state.started, plan.zone)),
        ("Newest record", second(history.known_until, plan.zone)),
        ("Rule", f"version {', '.join(rules)}" if rules else "nothing was judged"),
        ("Plan", state.plan_hash),
    ]


_NO_PEOPLE = ("rampart", "datadog")
"""What moves a flag and is no one."""


def _tiles(history: RolloutHistory) -> list[tuple[str, str]]:
    people = [event for event in history.acts if event.by not in _NO_PEOPLE]
    reached = {visit.stage for visit in history.visits}
    return [
        ("let in now", history.state.reach),
        ("stages reached", f"{len(reached)} of {len(history.plan.stages)}"),
        (plural(len(history.evaluations), "evaluation"), count(len(history.evaluations))),
        (f"{plural(len(people), 'decision')} by people", str(len(people))),
        (plural(len(history.rollbacks), "rollback"), str(len(history.rollbacks))),
        ("elapsed", length(history.ended - history.state.started)),
    ]


def _act(history: RolloutHistory, number: int, event: Event) -> dict[str, Any]:
    reported = event.details.get("reported", {})
    evidence = str(event.details.get("verdict", ""))
    return {
        "number": number,
        "when": second(event.at, history.plan.zone),
        "who": who(event),
        "did": cells.act(event),
        "down": event in history.rollbacks,
        "at": "" if event.stage is None else history.plan.stages[event.stage].label,
        "evidence": in_words(evidence),
        "reported": "; ".join(f"{name}: {plain(value)}" for name, value in reported.items()),
        "why": cells.why(event),
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
            "has_interval": spec.kind in {"rate", "compare"},
            "rates": draw_rates(history, name, number, f"The rates behind {name}.") if spec.kind == "compare" else None,
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
    row = {"value": plain(value), "counts": "reported", "interval": cells.NONE, "verdict": verdict}
    row["message"] = f"{plain(value)} reported, at most {plain(limit)} allowed"
    return {"stage": stage, "attempt": attempt, "looks": cells.NONE, **row}


def _judgement(judgement: Mapping[str, Any]) -> dict[str, str]:
    return {
        "value": cells.number(judgement, judgement.get("value")),
        "counts": cells.counts(judgement) or cells.NONE,
        "interval": cells.interval(judgement),
        "verdict": in_words(judgement["verdict"]),
        "message": str(judgement["message"]),
    }


def _visit(history: RolloutHistory, visit: Visit) -> dict[str, Any]:
    zone = history.plan.zone
    until = visit.ended or history.known_until
    return {
        "label": visit.label,
        "attempt": visit.attempt,
        "began": second(visit.began, zone),
        "ended": second(visit.ended, zone) if visit.ended else "going on",
        "lasted": length(until - visit.began),
        "ending": in_words(visit.ending),
        "rollback": visit.rollback.message if visit.rollback else "",
        "looks": list(_telling_looks(history, visit)),
        "count": counted(len(visit.looks), "evaluation"),
    }


def _telling_looks(history: RolloutHistory, visit: Visit) -> Iterable[dict[str, Any]]:
    """The looks that tell something: the first, each whose verdicts differ from the one before, and the last."""
    before = None
    for index, look in enumerate(visit.looks):
        verdicts = [judgement["verdict"] for judgement in look.judgements]
        if verdicts != before or index == len(visit.looks) - 1:
            yield {
                "when": second(look.at, history.plan.zone),
                "window": _window(Window(*look.window)),
                "rows": [{"name": str(judgement["name"]), **_judgement(judgement)} for judgement in look.judgements],
            }
        before = verdicts


def _window(window: Window) -> str:
    """What a look judged: how long, and in how many buckets where it is more than one."""
    if window.end <= window.start:
        return "nothing yet"
    whole = length(window.end - window.start)
    if window.buckets == 1:
        return whole
    parts = (f"{(span.end - span.start) // span.bucket} times {length(span.bucket)}" for span in window.spans)
    return f"{whole} ({', '.join(parts)})"


def _event(history: RolloutHistory, event: Event) -> dict[str, str]:
    return {
        "when": second(event.at, history.plan.zone),
        "attempt": str(event.attempt),
        "percent": at_percent(event),
        "kind": in_words(event.kind),
        "who": who(event),
        "message": event.message,
    }
