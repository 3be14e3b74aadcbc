"""The dashboard of a rollout: each criterion with its bar, the requests, the flag, and Rampart's events over all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rampart.adapters.announcers import PERCENT_METRIC
from rampart.words import counted, plain
from rampart_cli.datadog.guards import guards_of
from rampart_cli.datadog.sources import asked_as

if TYPE_CHECKING:
    from rampart.plan.model import Plan
    from rampart_cli.datadog.guards import GraphLine, Guard
    from rampart_cli.datadog.target import Target


def mark_of(target: Target) -> str:
    """The sentence by which a dashboard is known again: Datadog keeps no tags of other kinds than teams on them."""
    return f"Made by `rampart datadog sync` for {target.owner}; a sync undoes changes made here."


def dashboard_of(plan: Plan, target: Target) -> dict[str, Any]:
    """The dashboard as Datadog is told."""
    widgets = [_about(plan), _percent(target)]
    for name, guard in guards_of(plan):
        widgets.append(_criterion(name, guard, target))
        widgets += [_requests(name, guard, target)] if guard.requests else []
    return {
        "title": f"Rampart: {plan.title or plan.rollout}",
        "description": f"Rollout {target.rollout}, owned by {plan.owner}. {mark_of(target)}",
        "layout_type": "ordered",
        "widgets": [{"definition": each} for each in widgets],
    }


def _about(plan: Plan) -> dict[str, Any]:
    stages = " → ".join(f"{stage.label} for {stage.hold}" for stage in plan.stages)
    flags = ", ".join(f"`{flag}`" for flag in plan.flags)
    text = f"{counted(len(plan.flags), 'flag')}: {flags}\n\n{stages}\n\nStatus: `rampart status {plan.rollout}`"
    return {"type": "note", "content": text, "background_color": "white", "font_size": "14", "show_tick": False}


def _percent(target: Target) -> dict[str, Any]:
    # Rampart sends a point whenever something happens to the rollout; the last one holds until the next.
    query = f"max:{PERCENT_METRIC}{{rollout:{target.rollout}}}.fill(last, 86400)"
    return _graph(
        "The flag, in % of actors",
        target,
        requests=[_drawn([asked_as("percent", query)], "percent", "flag", "line")],
        yaxis={"min": "0", "max": "100"},
    )


def _criterion(name: str, guard: Guard, target: Target) -> dict[str, Any]:
    marker = {"value": f"y = {plain(guard.bar)}", "display_type": "error dashed", "label": guard.bar_text}
    drawn = [_line(line) for line in guard.lines]
    return _graph(f"{name}: {guard.bar_text}", target, requests=drawn, markers=[marker])


def _requests(name: str, guard: Guard, target: Target) -> dict[str, Any]:
    drawn = _drawn([asked_as("total", guard.requests or "")], "total", "requests", "bars")
    return _graph(f"{name}: requests", target, requests=[drawn])


def _graph(title: str, target: Target, **parts: object) -> dict[str, Any]:
    events = [{"q": f"tags:rollout:{target.rollout}"}]
    return {"type": "timeseries", "title": title, "show_legend": True, "events": events, **parts}


def _line(line: GraphLine) -> dict[str, Any]:
    queries = [asked_as(name, text) for name, text in line.queries.items()]
    return _drawn(queries, line.formula, line.label, "line")


def _drawn(queries: list[dict[str, Any]], formula: str, label: str, display: str) -> dict[str, Any]:
    return {
        "formulas": [{"formula": formula, "alias": label}],
        "queries": queries,
        "response_format": "timeseries",
        "display_type": display,
    }
