"""`rampart status`: how rollouts stand, and how to answer what is asked."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Group
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from rampart.words import in_words, percentage, status_in_words, weekday_and_second
from rampart_cli.console import STATUS_STYLES, clean, show, stdout, table, verdict_text, words
from rampart_cli.options import DEFAULT_STACK, AsJson, StackName
from rampart_cli.view import status_view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from rampart.rollout.freeze import Freeze
    from rampart.rollout.gate import Gate
    from rampart.rollout.state import Event, RolloutState
    from rampart_cli.stack import Stack

_FOR_EVER = float("inf")

Rollouts = Annotated[
    list[str] | None,
    typer.Argument(metavar="ROLLOUT", help="Rollouts by name; all that are watched if none is given."),
]
Watch = Annotated[
    bool, typer.Option("--watch", help="Look again and again until Ctrl-C; with --json a line for each change.")
]


def status(
    ctx: typer.Context,
    rollouts: Rollouts = None,
    *,
    watch: Watch = False,
    stack_name: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Show stage, percentage, verdicts and what a rollout waits for, with the exact command that answers."""
    stack: Stack = ctx.obj(stack_name)
    if not watch:
        seen = _look(stack, rollouts)
        show([each.view for each in seen], _render(seen), as_json=as_json)
    elif as_json:
        _write_changes(stack, rollouts)
    else:
        with Live(_render(_look(stack, rollouts), in_place=True), console=stdout(), auto_refresh=False) as live:
            for _ in stack.patience.looks(_FOR_EVER):
                live.update(_render(_look(stack, rollouts), in_place=True), refresh=True)


class _Seen:
    """One rollout as one look found it."""

    def __init__(self, state: RolloutState, gate: Gate | None, events: Sequence[Event], frozen: Freeze | None) -> None:
        self.state, self.gate, self.events = state, gate, events
        self.view: dict[str, Any] = status_view(state, gate, events, frozen)


def _look(stack: Stack, rollouts: Sequence[str] | None) -> list[_Seen]:
    names, frozen = rollouts or stack.records.watched(), stack.records.freeze()
    return [
        _Seen(stack.state(name), stack.records.gate(name), tuple(stack.records.events(name).values()), frozen)
        for name in names
    ]


def _write_changes(stack: Stack, rollouts: Sequence[str] | None) -> None:
    before = None
    for _ in stack.patience.looks(_FOR_EVER):
        line = json.dumps([each.view for each in _look(stack, rollouts)], ensure_ascii=False, default=str)
        if line != before:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        before = line


def _render(seen: Sequence[_Seen], *, in_place: bool = False) -> RenderableType:
    if not seen:
        return words(
            "nothing is watched: no rollout is live, and none was rolled back or completed a short while ago", "dim"
        )
    return Group(*(part for each in seen for part in (_panel(each), *_answering(each, in_place=in_place))))


def _panel(seen: _Seen) -> Panel:
    state, view = seen.state, seen.view
    style = STATUS_STYLES.get(view["status"], "")
    title = Text.assemble((clean(view["title"]), "bold"), "  ", (status_in_words(view["status"]), style))
    parts: list[RenderableType] = [
        _staircase(state),
        Text.assemble(("waits for  ", "dim"), clean(_waiting(seen))),
        *([words(f"stopped    {view['stopped_by']}", "bold yellow")] if view["stopped_by"] else []),
        *([words(f"drift      {state.drift}", "bold yellow")] if state.drift else []),
        Text(),
        table(
            ("criterion", "verdict", ""),
            [
                (
                    words(c["name"], "bold"),
                    verdict_text("waived" if c["waived"] else c["verdict"] or "-"),
                    "\n".join(filter(None, (c["message"], c.get("week_before")))),
                )
                for c in view["criteria"]
            ],
        ),
        *_question(seen),
        Text(),
        table(
            ("when", "at", "who", "what"),
            [
                (
                    weekday_and_second(e.at, state.plan.zone),
                    "" if e.percent is None else percentage(e.percent),
                    e.by,
                    e.message,
                )
                for e in seen.events[-len(view["events"]) :]
            ],
        ),
    ]
    subtitle = f"{state.rollout} · attempt {state.attempt} · plan {state.plan_hash[:12]}"
    return Panel(
        Group(*parts), title=title, title_align="left", subtitle=words(subtitle, "dim"), subtitle_align="right"
    )


def _staircase(state: RolloutState) -> Text:
    line = Text(percentage(state.percent), style="bold")
    line.append("   ")
    for index, stage in enumerate(state.plan.stages):
        here, past = index == state.stage, state.stage is not None and index < state.stage
        line.append(" → " if index else "", style="dim")
        line.append(clean(stage.label), style="bold reverse" if here else "" if past else "dim")
    return line


def _waiting(seen: _Seen) -> str:
    state, told = seen.state, str(seen.view["waits_for"])
    if state.standing and seen.view["gate"] and seen.view["gate"]["kind"] == "bake":
        return f"{told} (hold ends {weekday_and_second(state.standing.hold_ends, state.plan.zone)})"
    return told


def _question(seen: _Seen) -> list[RenderableType]:
    gate = seen.view["gate"]
    if not gate or "answer_with" not in gate:
        return []
    lapses = seen.gate.lapses if seen.gate else None
    until = f", open until {weekday_and_second(lapses, seen.state.plan.zone)}" if lapses else ""
    return [
        words(
            f"\nThe question: may it {gate['next']}? The evidence says {in_words(gate['verdict'])}{until}.",
            "bold",
        ),
    ]


def _answering(seen: _Seen, *, in_place: bool) -> list[RenderableType]:
    """What to copy: outside of the panel and on lines of their own, which no border and no break may part.

    What is drawn again `in_place` may be no wider than the terminal: it is broken there, and never cut.
    """
    gate = seen.view["gate"]
    if not gate or "answer_with" not in gate:
        return []
    answer = gate["answer_with"]
    overflow: Literal["fold", "ignore"] = "fold" if in_place else "ignore"
    return [
        Text("answer it", style="dim"),
        Text(clean(answer["command"]), style="bold green", no_wrap=not in_place, overflow=overflow),
        Text("or start `decision` in the console with", style="dim"),
        Text(json.dumps(answer["input"], ensure_ascii=False), no_wrap=not in_place, overflow=overflow),
    ]
