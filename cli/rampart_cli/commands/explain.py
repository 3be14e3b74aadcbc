"""`rampart explain`: why a rollout stands where it stands, and what would change that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from rampart.rollout.commands import commands_for
from rampart.rollout.question import reported_at_approval
from rampart.rollout.situation import situation_of
from rampart.words import length, second, weekday_and_second
from rampart_cli.console import URGENCY_STYLES, show, table, verdict_text, words
from rampart_cli.options import DEFAULT_STACK, AsJson, RolloutName, StackName
from rampart_cli.view import situation_view, with_note

if TYPE_CHECKING:
    from datetime import datetime

    from rampart.rollout.state import RolloutState
    from rampart_cli.stack import Stack


def explain(
    ctx: typer.Context, rollout: RolloutName, *, stack_name: StackName = DEFAULT_STACK, as_json: AsJson = False
) -> None:
    """Explain why a rollout is where it is: since when, by what evidence, what is next, and what would change it."""
    stack: Stack = ctx.obj(stack_name)
    state, gate, now = stack.state(rollout), stack.records.gate(rollout), stack.now()
    found = situation_of(state, gate, now, stack.records.freeze())
    criteria, commands = _criteria(state), commands_for(state, gate, found)
    show(
        {
            "rollout": rollout,
            "situation": situation_view(found),
            "criteria": criteria,
            "evaluated": None if state.latest is None else state.latest.id,
            "commands": commands,
        },
        Text.assemble((state.plan.title or rollout, "bold"), ": ", (found.headline, URGENCY_STYLES[found.urgency])),
        words(f"Since {weekday_and_second(found.since, state.plan.zone)} ({length(now - found.since)}).", "dim"),
        *(words(each) for each in (found.why, found.next) if each),
        Text(),
        words(_judged(state, now), "dim"),
        table(
            ("criterion", "verdict", "what it says"),
            [(words(c["name"], "bold"), verdict_text(c["verdict"] or "-"), c["message"]) for c in criteria],
        ),
        *([Text(), *(words(each, "green") for each in commands)] if commands else []),
        as_json=as_json,
    )


def _criteria(state: RolloutState) -> list[dict[str, Any]]:
    told = state.evidence_in_words
    measured = [
        {
            "name": name,
            "verdict": str(verdict),
            "message": with_note(told.get(name, ""), tried_out=name in state.tried_out),
        }
        for name, verdict in state.verdicts_shown.items()
    ]
    reported = [
        {"name": name, "verdict": None, "message": reported_at_approval(bar)}
        for name, bar in state.reported_criteria.items()
    ]
    return [*measured, *reported]


def _judged(state: RolloutState, now: datetime) -> str:
    if state.latest is None:
        return "Nothing was judged yet at this stage."
    return f"Judged {length(now - state.latest.at)} ago, {second(state.latest.at, state.plan.zone)}."
