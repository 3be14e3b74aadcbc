"""`rampart status`: how rollouts stand, and how to answer what is asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.panel import Panel
from rich.text import Text

from rampart.rollout.situation import situation_of
from rampart.rollout.state import Status
from rampart.words import status_in_words, weekday_and_second
from rampart_cli.completion import complete_rollout
from rampart_cli.console import STATUS_STYLES, URGENCY_STYLES, clean, show, table, verdict_text, words
from rampart_cli.options import DEFAULT_STACK, AsJson, StackName
from rampart_cli.overview import in_order, one_line_each
from rampart_cli.view import at_percent, status_view, with_note
from rampart_cli.whole_stack import about

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from rich.console import RenderableType

    from rampart.rollout.event import Event
    from rampart.rollout.freeze import Freeze
    from rampart.rollout.gate import Gate
    from rampart.rollout.state import RolloutState
    from rampart_cli.stack import Stack

Rollouts = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ROLLOUT",
        help="Rollouts by name; if none is given, a line for each that is live or waits for a person.",
        autocompletion=complete_rollout,
    ),
]


def status(
    ctx: typer.Context,
    rollouts: Rollouts = None,
    *,
    stack_name: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Show stage, percentage, verdicts, and what a rollout waits for, with the exact command that answers."""
    stack: Stack = ctx.obj(stack_name)
    frozen = stack.records.freeze()
    states = [stack.state(name) for name in rollouts] if rollouts else stack.open_rollouts()
    if len(states) > 1 and not rollouts and not as_json:
        lines = one_line_each(in_order(stack, states, frozen), stack.now())
        details = words("Details, and the command that answers: rampart status ROLLOUT", "dim")
        show(None, *about(stack, frozen, as_json=False), lines, Text(), details, as_json=False)
        return
    seen = _look(stack, states, frozen)
    show([each.view for each in seen], *about(stack, frozen, as_json=as_json), _render(seen), as_json=as_json)


class _Seen:
    """One rollout as one look found it."""

    def __init__(
        self, state: RolloutState, gate: Gate | None, events: Sequence[Event], now: datetime, frozen: Freeze | None
    ) -> None:
        self.state, self.gate, self.events = state, gate, events
        self.found = situation_of(state, gate, now, frozen)
        self.view: dict[str, Any] = status_view(state, gate, events, now, frozen)


def _look(stack: Stack, states: Iterable[RolloutState], frozen: Freeze | None) -> list[_Seen]:
    return [
        _Seen(
            state,
            stack.records.gate(state.rollout),
            tuple(stack.records.events(state.rollout).values()),
            stack.now(),
            frozen,
        )
        for state in states
    ]


def _render(seen: Sequence[_Seen]) -> RenderableType:
    if not seen:
        return words("No rollout is live or waits for a person. Finished ones: rampart list --all", "dim")
    return Group(*(part for each in seen for part in (_panel(each), *_answering(each))))


def _panel(seen: _Seen) -> Panel:
    state, view = seen.state, seen.view
    style = STATUS_STYLES.get(view["status"], "")
    title = Text.assemble((clean(view["title"]), "bold"), "  ", (status_in_words(view["status"]), style))
    criteria = [
        (
            words(c["name"], "bold"),
            verdict_text("waived" if c["waived"] else c["verdict"] or "-"),
            "\n".join(
                filter(None, (with_note(c["message"], tried_out=c.get("tried_out", False)), c.get("week_before")))
            ),
        )
        for c in view["criteria"]
    ]
    parts: list[RenderableType] = [
        *_standing(seen),
        _staircase(state),
        Text(),
        table(("criterion", "verdict" if state.status is Status.LIVE else "last verdict", ""), criteria),
        *_events(seen),
    ]
    subtitle = f"{state.rollout} · attempt {state.attempt} · plan {state.plan_hash[:12]}"
    return Panel(
        Group(*parts), title=title, title_align="left", subtitle=words(subtitle, "dim"), subtitle_align="right"
    )


def _events(seen: _Seen) -> list[RenderableType]:
    zone = seen.state.plan.zone
    rows = [
        (weekday_and_second(e.at, zone), at_percent(e), e.by, e.message)
        for e in seen.events[-len(seen.view["events"]) :]
    ]
    return [Text(), table(("when", "at", "who", "what"), rows)] if rows else []


def _staircase(state: RolloutState) -> Text:
    line = Text(state.reach, style="bold")
    line.append("   ")
    for index, stage in enumerate(state.plan.stages):
        here, past = index == state.stage, state.stage is not None and index < state.stage
        line.append(" → " if index else "", style="dim")
        line.append(clean(stage.label), style="bold reverse" if here else "" if past else "dim")
    return line


def _standing(seen: _Seen) -> list[RenderableType]:
    """Where it stands, since when, why, and what is next."""
    found, zone = seen.found, seen.state.plan.zone
    since = f"since {weekday_and_second(found.since, zone)}"
    lines = [Text.assemble((clean(found.headline), URGENCY_STYLES[found.urgency]), (f"  {since}", "dim"))]
    return [*lines, *(words(each) for each in (found.why, found.next) if each), Text()]


def _answering(seen: _Seen) -> list[RenderableType]:
    """What to copy: outside of the panel and on lines of their own, which no border and no break may part."""
    lines: list[RenderableType] = [
        Text(clean(each), style="bold green" if index == 0 else "green", no_wrap=True, overflow="ignore")
        for index, each in enumerate(seen.view["commands"])
    ]
    gate = seen.view["gate"]
    if gate and "answer_with" in gate:
        answer = json.dumps(gate["answer_with"]["input"], ensure_ascii=False)
        lines += [
            Text("or start `decision` in the console with", style="dim"),
            Text(answer, no_wrap=True, overflow="ignore"),
        ]
    return lines
