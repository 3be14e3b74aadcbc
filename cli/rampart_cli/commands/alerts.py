"""`rampart alerts`: what arrived at the alert endpoint, what it was answered, and why."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from rampart.plan.durations import parse_duration
from rampart.words import listed, short_duration, timestamp
from rampart_cli.answered import answered_since
from rampart_cli.console import show, table, words, working
from rampart_cli.failures import InputError
from rampart_cli.options import DEFAULT_STACK, AsJson, StackName

if TYPE_CHECKING:
    from rampart_cli.answered import AnsweredAlert
    from rampart_cli.stack import Stack

_STYLES = {2: "", 4: "bold red", 5: "bold red"}
"""How each hundred of statuses looks: what was refused or not done is what someone looks for."""


def alerts(
    ctx: typer.Context,
    *,
    last: Annotated[int, typer.Option("--last", min=1, metavar="N", help="Only the newest N.")] = 20,
    since: Annotated[str, typer.Option("--since", metavar="DURATION", help="How far back to look.")] = "7d",
    stack_name: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """List the alerts that arrived, oldest first: what each said, what it was answered, and why."""
    back = _duration(since)
    stack: Stack = ctx.obj(stack_name)
    with working("Reading the log of rollback …", as_json=as_json):
        found = answered_since(stack.log_lines("Rollback", stack.now() - back))[-last:]
    if not found:
        told = f"No alert arrived in the last {short_duration(back)}. To test the endpoint: rampart doctor"
        show([], words(told, "dim"), as_json=as_json)
        return
    columns = ("when (UTC)", "answer", "monitor", "transition", "flags", "why")
    show([each.to_dict() for each in found], table(columns, map(_row, found)), as_json=as_json)


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise InputError(f"--since: {error}", name="Usage", fix="Write it such as --since 7d.") from error


def _row(each: AnsweredAlert) -> tuple[str | Text, ...]:
    status = Text(f"{each.status} {each.outcome}".strip(), style=_STYLES.get(each.status // 100, ""))
    return timestamp(each.at), status, each.monitor, each.transition, listed(each.flags) if each.flags else "", each.why
